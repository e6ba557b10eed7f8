#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Taking a block with a page that cannot be moved offline fails in bounded time, or by a
# signal, and leaves the block as it was.

. "$(dirname "$0")/lib.sh"

spare 1
block=${spare[0]}
state=$memory/memory$block/state
size=$(block_size)
limit=$PATIENCE	# seconds
work=$(mktemp -d)

cleanup() {
	unpin
	rm -rf "$work"
}

unpin() {
	local status

	[ -n "$pin" ] || return 0
	kill "$pin" 2>/dev/null
	wait "$pin"
	status=$?
	pin=
	return $status
}

# pinned: the block is online with a pinned page in it
pinned() {
	local tries

	[ "$(state "$block")" = online ] || must_bring "$block" online_movable
	[ -n "$pin" ] && return
	rm -f "$work/pin"
	"$here/pin" "$(node_of "$block")" $((block * size)) $(((block + 1) * size)) >"$work/pin" 2>&1 &
	pin=$!
	for ((tries = 0; tries < 600; tries++)); do
		grep -qs pinned "$work/pin" && return
		kill -0 $pin 2>/dev/null || break
		sleep 0.1
	done
	unpin
	skip "no page of memory$block to pin: $(<"$work/pin")"
	return 1
}

test_offline_of_a_pinned_page_ends() {
	local before got begin

	pinned || return
	before=$(snapshot)
	begin=$SECONDS
	got=$(attempt "$state" offline)
	same "offline" "$got" EBUSY
	say "it took $((SECONDS - begin)) s"
	[ $((SECONDS - begin)) -lt $limit ] || flunk "not within $limit s"
	same state "$(state "$block")" online
	same zone "$(zones "$block")" Movable
	unchanged "$before"
}

test_a_signal_ends_it() {
	local before writer begin try

	pinned || return
	before=$(snapshot)
	# It ends by itself after some seconds, which may be over on a busy machine.
	for try in 1 2 3 4 5; do
		timeout -k 5 $((limit + 10)) "$here/wr" "$state" offline >"$work/wr" &
		writer=$!
		while kill -0 $writer 2>/dev/null && [ "$(state "$block")" = online ]; do
			sleep 0.1
		done
		# It shall have something to undo.
		sleep 1
		[ "$(state "$block")" != going-offline ] || break
		wait $writer
		same "offline" "$(<"$work/wr")" EBUSY
		writer=
	done
	[ -n "$writer" ] || { skip "offline failed before the signal came"; return; }
	begin=$SECONDS
	# The signal goes to timeout, which passes it on.
	kill -TERM $writer
	wait $writer
	same "offline" "$(<"$work/wr")" EINTR
	[ $((SECONDS - begin)) -lt $limit ] || flunk "it took $((SECONDS - begin)) s"
	same state "$(state "$block")" online
	same zone "$(zones "$block")" Movable
	unchanged "$before"
}

test_the_free_pages_are_of_use_afterwards() {
	local free total

	# If pages stayed isolated, they would be missing, as most of the block is free.
	pinned || return
	total=$(awk -v node="$(node_of "$block")," '$1 == "Node" { in_it = $2 == node && $4 == "Movable" }
		in_it && $1 == "managed" { print $2 }' /proc/zoneinfo)
	free=$(awk -v node="$(node_of "$block")," '$1 == "Node" { in_it = $2 == node && $4 == "Movable" }
		in_it && $1 == "pages" && $2 == "free" { print $3 }' /proc/zoneinfo)
	[ "${free:-0}" -gt $((total / 2)) ] || flunk "only $free of $total pages are free"
	# No pageblock has the type isolated.
	awk -v node="$(node_of "$block")," '$1 == "Node" && $2 == node && $4 == "Movable" && / Isolate / && NF > 6 {
		for (i = 7; i <= NF; i++) n += $i } END { exit n != 0 }' /proc/pagetypeinfo 2>/dev/null ||
		flunk "there are isolated free pages"
}

test_offline_works_without_the_pin() {
	pinned || return
	unpin || flunk "the pinned page lost its content"
	must_bring "$block" offline
	same state "$(state "$block")" offline
}

run_tests offline_of_a_pinned_page_ends a_signal_ends_it the_free_pages_are_of_use_afterwards \
	offline_works_without_the_pin
