#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Memory comes online in the zone that the user requested, or in the one that was shown.

. "$(dirname "$0")/lib.sh"

spare 3
below=${spare[0]} block=${spare[1]} above=${spare[2]}
state=$memory/memory$block/state
online=$memory/memory$block/online

neighbours() {
	[ "$above" = $((block + 1)) ] && [ "$below" = $((block - 1)) ] &&
		[ "$(node_of "$above")" = "$(node_of "$below")" ]
}

# reset WORD: takes the block offline, and brings its neighbours to the state WORD.
reset() {
	local neighbour

	for neighbour in "$below" "$above" "$block"; do
		[ "$(state "$neighbour")" = offline ] || bring "$neighbour" offline ||
			{ flunk "no clean start"; return 1; }
	done
	[ "$1" = offline ] && return
	bring "$below" "$1" && bring "$above" "$1"
}

test_online_movable_is_movable() {
	reset offline || return
	expect OK "$state" online_movable
	same zone "$(zones "$block")" Movable
	same state "$(state "$block")" online
	same online "$(<"$online")" 1
}

test_offline_shows_the_default_first() {
	local shown

	reset offline || return
	shown=$(zones "$block")
	like "valid_zones" "$shown" "(Normal|DMA32|DMA) Movable|Movable (Normal|DMA32|DMA)"
}

test_between_movable_blocks_the_default_is_movable() {
	neighbours || { skip "no three spare blocks in a row"; return; }
	[ "$(cat /sys/module/memory_hotplug/parameters/online_policy)" = contig-zones ] ||
		{ skip "online_policy is not contig-zones"; return; }
	reset online_movable || return
	like "valid_zones while offline" "$(zones "$block")" "Movable .*"
	expect OK "$state" online
	same "zone" "$(zones "$block")" Movable
}

# A refused word does not affect later requests.
test_a_refused_type_is_forgotten() {
	neighbours || { skip "no three spare blocks in a row"; return; }
	reset online_movable || return
	expect OK "$state" online_movable
	expect EINVAL "$state" online_kernel
	expect EINVAL "$state" online
	expect OK "$state" offline
	like "valid_zones while offline" "$(zones "$block")" "Movable .*"
	expect OK "$online" 1
	same "zone after a boolean" "$(zones "$block")" Movable
}

test_online_type_by_the_online_file() {
	reset offline || return
	expect OK "$online" online_movable
	same "zone" "$(zones "$block")" Movable
	same "state" "$(state "$block")" online
	expect OK "$online" offline
	same "state" "$(state "$block")" offline
}

test_asking_twice() {
	reset offline || return
	expect EINVAL "$state" offline
	expect OK "$online" 0
	expect OK "$online" n
	expect OK "$online" offline
	expect OK "$state" online_movable
	expect EINVAL "$state" online
	expect EINVAL "$state" online_movable
	expect EINVAL "$state" online_kernel
	expect OK "$online" 1
	expect OK "$online" on
	expect OK "$online" online
	expect OK "$online" online_movable
	# It is online, but not in the requested zone, which is no success.
	expect EINVAL "$online" online_kernel
	same "zone" "$(zones "$block")" Movable
}

# Like test_a_refused_type_is_forgotten, with a kernel zone. This is the last test, as the
# kernel may use pages of the block at once, which then stays online.
test_online_kernel_is_not_movable() {
	local zone

	reset offline || return
	expect OK "$state" online_kernel
	zone=$(zones "$block")
	like zone "$zone" "Normal|DMA32|DMA|HighMem"
	expect EINVAL "$state" online_movable
	expect EINVAL "$online" online_movable
	bring "$block" offline >/dev/null ||
		{ skip "the kernel uses memory$block already"; return; }
	like "valid_zones while offline" "$(zones "$block")" "$zone .*"
	expect OK "$online" 1
	same "zone after a boolean" "$(zones "$block")" "$zone"
}

run_tests online_movable_is_movable offline_shows_the_default_first \
	between_movable_blocks_the_default_is_movable a_refused_type_is_forgotten \
	online_type_by_the_online_file asking_twice online_kernel_is_not_movable
