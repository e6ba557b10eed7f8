#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A request that fails at any of its steps leaves everything as it was before, and
# the same request works when the fault is gone.

. "$(dirname "$0")/lib.sh"

need_fault_injection
spare 1
block=${spare[0]}

declare -A number=([ENOENT]=2 [EIO]=5 [ENXIO]=6 [ENOMEM]=12 [EACCES]=13 [EBUSY]=16 [ENODEV]=19)
names=(ENOENT EIO ENXIO ENOMEM EACCES EBUSY ENODEV)
online_steps=(prepare memmap zone notify pages evacuate publish)
add_steps=(resource memblock node sections blocks walks firmware)

# fails_at STEP ERRNO FILE TEXT: the step fails once; the request fails and changes nothing.
fails_at() {
	local before

	before=$(snapshot)
	echo "$1 -${number[$2]}" >$fault || { flunk "$1 cannot be armed"; return; }
	expect "$2" "$3" "$4"
	same "armed afterwards" "$(<$fault)" ""
	echo >$fault
	unchanged "$before"
}

# The same with the other file; a few steps are enough, as they are the same.
fails_at_too() {
	echo "$1 -${number[$2]}" >$fault || { flunk "$1 cannot be armed"; return; }
	expect "$2" "$3" "$4"
	echo >$fault
}

# An address without memory and without a device.
nowhere() {
	local size last

	size=$(block_size)
	last=$(all_blocks | tail -n 1)
	for ((last++; last < origin_last + 4096; last++)); do
		reserved $((last * size)) $(((last + 1) * size - 1)) || break
	done
	printf '0x%x\n' $((last * size))
}

reserved() {
	local range name lo hi

	while IFS=: read -r range name; do
		lo=$((16#${range%-*})) hi=$((16#${range#*-}))
		[ $lo -le $2 ] && [ $hi -ge $1 ] && return 0
	done < <(grep '^[0-9a-f]' /proc/iomem)
	return 1
}

origin_last=$(all_blocks | tail -n 1)

tests=()

# Each step of online, in both directions; the steps are the same for both kinds of zones.
for i in "${!online_steps[@]}"; do
	step=${online_steps[i]} error=${names[i]}
	eval "test_online_fails_at_$step() { up $step $error; }"
	tests+=("online_fails_at_$step")
done
for i in "${!online_steps[@]}"; do
	step=${online_steps[i]} error=${names[-1 - i]}
	eval "test_offline_fails_at_$step() { down $step $error; }"
	tests+=("offline_fails_at_$step")
done
for i in "${!add_steps[@]}"; do
	step=${add_steps[i]} error=${names[i]}
	eval "test_add_fails_at_$step() { add $step $error; }"
	tests+=("add_fails_at_$step")
done

up() {
	[ "$(state "$block")" = offline ] || must_bring "$block" offline
	fails_at "online/$1/up" "$2" "$memory/memory$block/state" online_movable
	fails_at_too "online/$1/up" "$2" "$memory/memory$block/online" 1
	same "state after the failure" "$(state "$block")" offline
	must_bring "$block" online_movable
	same "zone" "$(zones "$block")" Movable
	must_bring "$block" offline
}

down() {
	[ "$(state "$block")" = online ] || must_bring "$block" online_movable
	fails_at "online/$1/down" "$2" "$memory/memory$block/state" offline
	fails_at_too "online/$1/down" "$2" "$memory/memory$block/online" 0
	same "state after the failure" "$(state "$block")" online
	must_bring "$block" offline
	must_bring "$block" online_movable
}

add() {
	[ -e $memory/probe ] || { skip "no probe file (CONFIG_ARCH_MEMORY_PROBE)"; return; }
	[ "$(state "$block")" = offline ] || must_bring "$block" offline
	echo offline >$memory/auto_online_blocks
	fails_at "add/$1/up" "$2" $memory/probe "$(nowhere)"
}

# Such a block stays until reboot, without memory behind it, and must not come online.
test_add_works_without_a_fault() {
	local address new before

	[ -e $memory/probe ] || { skip "no probe file (CONFIG_ARCH_MEMORY_PROBE)"; return; }
	[ ! -e /run/udev/control ] || { skip "udevd might bring it online"; return; }
	echo offline >$memory/auto_online_blocks
	before=$(snapshot | grep -v '^memory\|^node')
	address=$(nowhere)
	expect OK $memory/probe "$address" || return
	new=$((address / $(block_size)))
	same "state of the new block" "$(state $new)" offline
	[ -n "$(node_of $new)" ] || flunk "the new block has no node"
	same "lines about it in /proc/iomem" "$(grep -c "^0*$(printf '%x' "$address")-.*System RAM" /proc/iomem)" 1
	same "zones and node masks" "$(snapshot | grep '^Node\|^has_')" "$(grep '^Node\|^has_' <<<"$before")"
	expect EEXIST $memory/probe "$address"
}

test_nonsense_cannot_be_armed() {
	expect EINVAL $fault "online/zone/up"
	expect EINVAL $fault "online/zone/up 5"
	expect EINVAL $fault "online/zone/up 5m"
	expect EINVAL $fault "online/zone/up -5ms"
	expect EINVAL $fault "online/zone/up 70000ms"
	expect EINVAL $fault "online/zone/up 0"
	expect EINVAL $fault "online/zone/up -100000"
	expect EINVAL $fault "$(printf 'x%.0s' {1..100})"
	same "armed" "$(<$fault)" ""
}

test_a_fault_elsewhere_does_no_harm() {
	echo "add/node/up -5" >$fault
	[ "$(state "$block")" = offline ] || must_bring "$block" offline
	must_bring "$block" online_movable
	same "armed still" "$(<$fault)" "add/node/up -5"
	echo >$fault
	same "armed after an empty line" "$(<$fault)" ""
	must_bring "$block" offline
}

run_tests nonsense_cannot_be_armed "${tests[@]}" a_fault_elsewhere_does_no_harm add_works_without_a_fault
