#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Two who bring blocks online and offline, one who reads all the time: RACE_SECONDS
# seconds (15). Every value that is read makes sense, and all is in place afterwards.

. "$(dirname "$0")/lib.sh"

spare 2
work=$(mktemp -d)
duration=${RACE_SECONDS:-15}

cleanup() {
	[ ${#jobs[@]} = 0 ] || kill "${jobs[@]}" 2>/dev/null
	wait
	rm -rf "$work"
}

# toggle BLOCK: its own result per line, "WORD RESULT". No timeout(1): it costs.
toggle() {
	while [ ! -e "$work/end" ]; do
		echo "online $("$here/wr" "$memory/memory$1/state" online_movable)"
		echo "offline $("$here/wr" "$memory/memory$1/state" offline)"
	done
}

# One line per value that makes no sense, then how many were read.
look() {
	local file value reads=0

	while [ ! -e "$work/end" ]; do
		for file in $memory/memory*/{state,online,valid_zones,removable,phys_index} /proc/zoneinfo; do
			value=$(<"$file")
			((reads++))
			case $file in
			*/state) [[ $value =~ ^(online|offline|going-offline|going-online)$ ]] ;;
			*/online | */removable) [[ $value =~ ^[01]$ ]] ;;
			*/valid_zones) [[ $value =~ ^(DMA|DMA32|Normal|HighMem|Movable|none)(\ (DMA|DMA32|Normal|HighMem|Movable))*$ ]] ;;
			*/phys_index) [[ $value =~ ^[0-9a-f]{8}$ ]] ;;
			esac || echo "bad $file: '$value'"
		done
	done 2>&1
	echo "reads $reads"
}

test_togglers_and_a_reader() {
	local before block count

	for block in "${spare[@]}"; do
		[ "$(state "$block")" = offline ] || must_bring "$block" offline
	done
	before=$(snapshot)
	toggle "${spare[0]}" >"$work/0" 2>&1 &
	jobs+=($!)
	toggle "${spare[1]}" >"$work/1" 2>&1 &
	jobs+=($!)
	look >"$work/look" &
	jobs+=($!)
	sleep "$duration"
	touch "$work/end"
	sleep 0.1
	wait "${jobs[@]}"
	jobs=()

	for block in 0 1; do
		say "memory${spare[block]}: $(sort "$work/$block" | uniq -c | tr -s '\n ' '; ')"
		! grep -q '^online [^O]\|^offline [^OE]' "$work/$block" || flunk "$(grep -m1 '^online [^O]\|^offline [^OE]' "$work/$block")"
		# A page of somebody may be busy for a moment, and then the next online finds it online.
		count=$(grep -c ' OK$' "$work/$block")
		[ "$count" -ge 4 ] || flunk "only $count requests were done"
	done
	say "$(tail -n 1 "$work/look")"
	! grep -q '^bad\|rror' "$work/look" || flunk "$(grep -m3 '^bad\|rror' "$work/look")"
	for block in "${spare[@]}"; do
		[ "$(state "$block")" = offline ] || must_bring "$block" offline
	done
	unchanged "$before"
}

# Both write to the same file: one of them wins, the other is told that it is so already. While
# an offline waits for a page, the other's online takes it back: OK here, ECANCELED there.
test_two_togglers_of_one_block() {
	local block=${spare[0]} before on off

	before=$(snapshot)
	rm -f "$work/end"
	toggle "$block" >"$work/0" 2>&1 &
	jobs+=($!)
	toggle "$block" >"$work/1" 2>&1 &
	jobs+=($!)
	sleep $((duration / 3))
	touch "$work/end"
	wait "${jobs[@]}"
	jobs=()
	sort "$work/0" "$work/1" >"$work/both"
	say "$(uniq -c "$work/both" | tr -s '\n ' '; ')"
	! grep -v ' OK$\| EINVAL$\| EBUSY$\|^offline ECANCELED$' "$work/both" >"$work/odd" || flunk "$(head -n 3 "$work/odd")"
	on=$(grep -c '^online OK$' "$work/both")
	off=$(grep -c '^offline OK$' "$work/both")
	[ "$(state "$block")" = offline ] || ((off++))
	[ "$on" -ge "$off" ] || flunk "online $on times is too few"
	[ "$(state "$block")" = offline ] || must_bring "$block" offline
	unchanged "$before"
}

jobs=()
run_tests togglers_and_a_reader two_togglers_of_one_block
