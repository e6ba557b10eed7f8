#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Two processes bring blocks online and offline, one reads all the time: RACE_SECONDS
# seconds (15). Every value that is read is valid, and everything is as before afterwards.

. "$(dirname "$0")/lib.sh"

spare 2
work=$(mktemp -d)
duration=${RACE_SECONDS:-15}

cleanup() {
	[ ${#jobs[@]} = 0 ] || kill "${jobs[@]}" 2>/dev/null
	wait
	rm -rf "$work"
}

# toggle BLOCK: one result per line, "WORD RESULT". Without timeout(1), which is slow.
toggle() {
	while [ ! -e "$work/end" ]; do
		echo "online $("$here/wr" "$memory/memory$1/state" online_movable)"
		echo "offline $("$here/wr" "$memory/memory$1/state" offline)"
	done
}

# odd FILE: results that toggle must not give. A page may be busy for a moment; the block then
# stays online, and the next online, and only that one, fails.
odd() {
	awk '$1 == "online" && $2 != "OK" && !(stays && $2 == "EINVAL") ||
	     $1 == "offline" && $2 !~ /^[OE]/ { print }
	     { stays = $1 == "offline" && $2 != "OK" }' "$1"
}

# One line per invalid value, then the number of values that were read.
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
		[ -z "$(odd "$work/$block")" ] || flunk "$(odd "$work/$block" | head -n 1)"
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

# Both write to the same file: one succeeds, the other fails as the state is set already. While
# an offline waits for a page, an online of the other one cancels it: OK here, ECANCELED there.
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
