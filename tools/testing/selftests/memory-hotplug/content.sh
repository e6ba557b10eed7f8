#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A block with data of all kinds goes offline, and the data is still right.

. "$(dirname "$0")/lib.sh"

spare 1
block=${spare[0]}
node=$(node_of "$block")
size=$(block_size)
lo=$((block * size)) hi=$(((block + 1) * size))
mib=$((size / 4 >> 20 < 24 ? size / 4 >> 20 : 24))
work=$(mktemp -d)
declare -A pids

cleanup() {
	[ ${#pids[@]} = 0 ] || kill -KILL "${pids[@]}" 2>/dev/null
	rm -rf "$work"
}

# begin KIND NAME: create data of this kind; true if some of it is in the block.
begin() {
	local tries

	# The shell in the background empties a file of an earlier program only after that has been looked at.
	rm -f "$work/$2"
	"$here/content" "$1" $mib "$node" $lo $hi >"$work/$2" 2>&1 &
	pids[$2]=$!
	for ((tries = 0; tries < 600; tries++)); do
		grep -qs . "$work/$2" && break
		sleep 0.1
	done
	[[ $(<"$work/$2") =~ ^[1-9][0-9]*$ ]] && return
	[ "$(<"$work/$2")" = 0 ] || flunk "$1: $(<"$work/$2")"
	end "$2"
	return 1
}

# end NAME: is the data right?
end() {
	kill "${pids[$1]}"
	wait "${pids[$1]}" || flunk "$(tail -n 1 "$work/$1")"
	unset "pids[$1]"
}

kind() {
	[ "$(state "$block")" = online ] || must_bring "$block" online_movable
	begin "$1" "$1" || { skip "no page of memory$block for $1"; return; }
	say "$(head -n 1 "$work/$1") pages are in memory$block"
	must_bring "$block" offline
	end "$1"
	same "pages that are left in it" "$(tail -n 1 "$work/$1")" 0
}

test_anon()	{ kind anon; }
test_memfd()	{ kind memfd; }
test_unmapped()	{ kind unmapped; }
test_mlock()	{ kind mlock; }

test_thp() {
	local enabled=/sys/kernel/mm/transparent_hugepage/enabled

	[ -e $enabled ] && ! grep -q '\[never\]' $enabled || { skip "no transparent huge pages"; return; }
	kind thp
}

test_everything_at_once_twice() {
	local each round

	for round in 1 2; do
		[ "$(state "$block")" = online ] || must_bring "$block" online_movable
		for each in anon memfd mlock thp; do
			begin $each $each || say "no page of memory$block for $each"
		done
		must_bring "$block" offline
		must_bring "$block" online_movable
		for each in "${!pids[@]}"; do
			end "$each"
		done
	done
	must_bring "$block" offline
}

run_tests anon memfd unmapped mlock thp everything_at_once_twice
