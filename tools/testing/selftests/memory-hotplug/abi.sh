#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The ABI of /sys/devices/system/memory: modes, formats, errors.

. "$(dirname "$0")/lib.sh"

compat=/sys/module/memory_hotplug/parameters/removable_compat
compat_was=$(cat $compat 2>/dev/null)
tmp=

cleanup() {
	[ -z "$compat_was" ] || echo "$compat_was" >$compat
	[ -z "$tmp" ] || rm -rf "$tmp"
}

mapfile -t blocks < <(all_blocks)
spare 1
block=${spare[0]}
there=$memory/memory$block

# mode FILE MODE
mode() {
	[ ! -e "$1" ] || same "mode of ${1#/sys/devices/system/}" "$(stat -c %a "$1")" "$2"
}

test_modes() {
	local file

	mode $memory/block_size_bytes 444
	mode $memory/auto_online_blocks 644
	mode $memory/probe 200
	mode $memory/soft_offline_page 200
	mode $memory/hard_offline_page 200
	mode $memory/crash_hotplug 444
	for file in phys_index end_phys_index phys_device removable valid_zones; do
		mode "$there/$file" 444
		expect open:EACCES "$there/$file" 1
	done
	mode "$there/state" 644
	mode "$there/online" 644
	mode "$there/group" 444
	mode $memory/movable_ratio 444
	# Files with page frame numbers, or that take locks of requests, are for root only.
	mode "$there/last_error" 400
	[ ! -e "$there/last_error" ] || expect open:EACCES "$there/last_error" 1
	mode /dev/memory_hotplug 600
	for file in $memory/groups/*/*; do
		mode "$file" 444
	done
	for file in /sys/bus/acpi/devices/*/eject_status; do
		mode "$file" 600
	done
	for file in /sys/bus/acpi/devices/*/eject_ask; do
		mode "$file" 644
	done
	for file in /sys/kernel/debug/memory_hotplug/stats; do
		mode "$file" 400
	done
}

# As nobody: readable files have no page frame numbers, and no file can be written.
test_no_privilege() {
	local file text

	[ -x "$(command -v setpriv)" ] || { skip "no setpriv"; return; }
	while read -r file text; do
		[[ ! $text =~ (pfn|blocker)=(0x)?[0-9a-f]*[0-9] ]] || flunk "$file tells a page frame: $text"
	done < <(as_nobody grep -rHs . $memory --include={last_error,removable} | sed 's/:/ /')
	for file in "$there"/* $memory/*; do
		[ ! -f "$file" ] || same "write to $file" "$(as_nobody "$here/wr" "$file" x)" open:EACCES
	done
	for file in "$there/last_error" /dev/memory_hotplug; do
		[ ! -e "$file" ] || as_nobody test ! -r "$file" || flunk "nobody can read $file"
		# Root of a container passes the mode, but does not have the capability.
		[ ! -e "$file" ] || [ -z "$(setpriv --bounding-set -sys_admin --inh-caps -sys_admin cat "$file" 2>/dev/null)" ] ||
			flunk "root without CAP_SYS_ADMIN can read $file"
	done
}

as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$@"
}

test_files_are_there() {
	local file each

	for file in block_size_bytes auto_online_blocks uevent; do
		[ -e $memory/$file ] || flunk "no $file"
	done
	for each in "${blocks[@]}"; do
		for file in phys_index phys_device removable state online valid_zones uevent; do
			[ -e "$memory/memory$each/$file" ] || flunk "no memory$each/$file"
		done
		same "subsystem of memory$each" "$(readlink -f "$memory/memory$each/subsystem")" /sys/bus/memory
	done
}

test_block_size() {
	local text size

	text=$(<$memory/block_size_bytes)
	like block_size_bytes "$text" "[1-9a-f][0-9a-f]*"
	size=$((16#$text))
	same "block size, less its highest bit" $((size & size - 1)) 0
}

test_block_numbers() {
	local each index end device per=

	for each in "${blocks[@]}"; do
		index=$(<"$memory/memory$each/phys_index")
		same "phys_index of memory$each" "$index" "$(printf %08x "$each")"
		# For a DIMM, the number of its ACPI device, PNP0C80:NN.
		device=0
		if [ -e "$memory/memory$each/firmware_node" ]; then
			device=$(readlink "$memory/memory$each/firmware_node")
			device=$((16#${device##*:}))
		fi
		same "phys_device of memory$each" "$(<"$memory/memory$each/phys_device")" "$device"
		[ -e "$memory/memory$each/end_phys_index" ] || { skip "no end_phys_index"; continue; }
		end=$(<"$memory/memory$each/end_phys_index")
		like "end_phys_index of memory$each" "$end" "[0-9a-f]{8,}"
		# Numbers of sections: each block has the same number of sections.
		same "sections per block, at memory$each" $(((16#$end + 1) % (each + 1))) 0
		: "${per:=$(((16#$end + 1) / (each + 1)))}"
		same "sections per block, at memory$each" $(((16#$end + 1) / (each + 1))) "$per"
	done
}

test_states() {
	local each state

	for each in "${blocks[@]}"; do
		state=$(state "$each")
		like "state of memory$each" "$state" "online|offline"
		same "online of memory$each, which is $state" "$(<"$memory/memory$each/online")" \
			"$([ "$state" = online ] && echo 1 || echo 0)"
	done
}

test_valid_zones() {
	local each

	for each in $(blocks_in online); do
		like "valid_zones of memory$each" "$(zones "$each")" "DMA|DMA32|Normal|HighMem|Movable|none"
	done
	for each in $(blocks_in offline); do
		like "valid_zones of offline memory$each" "$(zones "$each")" \
			"(DMA|DMA32|Normal|HighMem) Movable|Movable (DMA|DMA32|Normal|HighMem)"
	done
}

# "online" takes the block to the zone shown first.
test_default_zone_is_shown_first() {
	local first rest

	[ "$(state "$block")" = offline ] || must_bring "$block" offline
	read -r first rest <<<"$(zones "$block")"
	[ "$first" = Movable ] || say "the default is $first; memory$block may not go offline any more"
	must_bring "$block" online
	same "zone of the online block" "$(zones "$block")" "$first"
	bring "$block" offline || skip "the kernel uses memory$block already"
}

test_node_links() {
	local link node each count=0

	for each in "${blocks[@]}"; do
		for link in "$memory/memory$each"/node*; do
			[ -L "$link" ] || { flunk "memory$each has no node"; continue; }
			((count++))
			node=${link##*/}
			same "target of memory$each/$node" "$(readlink -f "$link")" "$nodes/$node"
			same "target of $node/memory$each" "$(readlink -f "$nodes/$node/memory$each")" "$memory/memory$each"
		done
	done
	same "links back" "$(ls -d $nodes/node*/memory[0-9]* | wc -l)" $count
}

test_bad_words_to_state() {
	local word

	for word in onlin online_ ONLINE online_kernelx 1 0 on off "" "online offline" going-offline unknown; do
		[ -z "$word" ] || expect EINVAL "$there/state" "$word"
	done
	expect EINVAL "$there/state" $'\n'
	expect EINVAL "$there/state" "$(printf 'x%.0s' {1..4000})"
}

test_bad_words_to_online() {
	local word

	for word in maybe 2 -1 x oh ' ' 10 1x onl online_ online_whatever offlin offline_ nonsense yesterday "1 1" "online offline"; do
		expect EINVAL "$there/online" "$word"
	done
}

test_booleans_to_online() {
	local word

	[ "$(state "$block")" = offline ] || must_bring "$block" offline
	for word in 0 n N no No f false OFF off offline; do
		expect OK "$there/online" "$word"
	done
	must_bring "$block" online_movable
	for word in 1 y Y yes t true ON on online online_movable; do
		expect OK "$there/online" "$word"
	done
	same state "$(state "$block")" online
}

test_words_with_a_newline() {
	[ "$(state "$block")" = offline ] || must_bring "$block" offline
	expect OK "$there/state" $'online_movable\n'
	same state "$(state "$block")" online
	expect OK "$there/state" $'offline\n'
	same state "$(state "$block")" offline
	expect OK "$there/online" $'0\n'
}

test_state_refuses_what_is_so_already() {
	[ "$(state "$block")" = offline ] || must_bring "$block" offline
	expect EINVAL "$there/state" offline
	must_bring "$block" online_movable
	expect EINVAL "$there/state" online
	expect EINVAL "$there/state" online_movable
	same zone "$(zones "$block")" Movable
}

test_online_accepts_what_is_so_already() {
	[ "$(state "$block")" = online ] || must_bring "$block" online_movable
	expect OK "$there/online" 1
	must_bring "$block" offline
	expect OK "$there/online" 0
}

test_auto_online_blocks() {
	local word

	for word in online online_kernel online_movable offline; do
		expect OK $memory/auto_online_blocks $word
		same auto_online_blocks "$(<$memory/auto_online_blocks)" $word
	done
	for word in nonsense onlin 1 online_ $'\n'; do
		expect EINVAL $memory/auto_online_blocks "$word"
	done
	same "auto_online_blocks after bad words" "$(<$memory/auto_online_blocks)" offline
	expect OK $memory/auto_online_blocks "$auto"
}

test_probe() {
	local size before

	[ -e $memory/probe ] || { skip "no probe file (CONFIG_ARCH_MEMORY_PROBE)"; return; }
	size=$(block_size)
	before=$(snapshot)
	expect EINVAL $memory/probe nonsense
	expect EINVAL $memory/probe -1
	expect EINVAL $memory/probe $'\n'
	expect ERANGE $memory/probe 0x10000000000000000
	expect EINVAL $memory/probe $((size + 4096))
	expect EINVAL $memory/probe 1
	expect EEXIST $memory/probe "$(printf '0x%x' $((${blocks[0]} * size)))"
	expect EEXIST $memory/probe $((${blocks[-1]} * size))
	expect E2BIG $memory/probe 0x4000000000000000
	# The last possible block, whose end wraps around to 0.
	expect 'E2BIG|EINVAL' $memory/probe "$(printf '0x%x' $((-size)))"
	unchanged "$before"
}

test_page_offline_files() {
	local file

	[ -e $memory/soft_offline_page ] || { skip "no soft_offline_page (CONFIG_MEMORY_FAILURE)"; return; }
	for file in soft_offline_page hard_offline_page; do
		expect EINVAL $memory/$file nonsense
		expect EINVAL $memory/$file $'\n'
		# A page that is offline or does not exist.
		expect 'ENXIO|EIO' $memory/$file 0x7ffffffffffff000
		[ -x "$(command -v setpriv)" ] || { say "no setpriv: EPERM is not tried"; continue; }
		same "$file without CAP_SYS_ADMIN" \
			"$(setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$here/wr" $memory/$file 0)" EPERM
	done
}

test_crash_hotplug() {
	[ -e $memory/crash_hotplug ] || { skip "no crash_hotplug (CONFIG_CRASH_HOTPLUG)"; return; }
	like crash_hotplug "$(<$memory/crash_hotplug)" "0|1"
}

# The block that has the kernel image.
kernel_block() {
	local start

	start=$(sed -n 's/^ *\([0-9a-f]*\)-.* : Kernel code$/\1/p' /proc/iomem)
	echo $((16#${start:-0} / $(block_size)))
}

test_removable_is_honest() {
	local each

	for each in "${blocks[@]}"; do
		like "removable of memory$each" "$(<"$memory/memory$each/removable")" "0|1"
	done
	[ -e $compat ] || { skip "no removable_compat: it is always 1"; return; }
	[ "$(<$compat)" = N ] || { skip "removable_compat is set"; return; }
	each=$(kernel_block)
	same "removable of the kernel's own memory$each" "$(<"$memory/memory$each/removable")" 0
	expect 'EBUSY|EINVAL' "$memory/memory$each/state" offline
	same "state of memory$each" "$(state "$each")" online
	[ "$(state "$block")" = offline ] || must_bring "$block" offline
	same "removable of offline memory$block" "$(<"$there/removable")" 1
	must_bring "$block" online_movable
	same "removable of movable memory$block" "$(<"$there/removable")" 1
}

# asks ERRNO TEXT: what /dev/memory_hotplug says; the answer is in $answer.
asks() {
	local got

	got=$("$here/ask" "$2" "$tmp/answer")
	answer=$(<"$tmp/answer")
	[ "$got" = "$1" ] || flunk "asking for '$2' gave $got, not $1"
}

test_handle() {
	local answer text

	[ -e /dev/memory_hotplug ] || { skip "no /dev/memory_hotplug"; return; }
	tmp=$(mktemp -d)
	for text in "" nonsense query "query x" "why 1-2" offline "offline 1 2" cancel "offline size=1" \
		"query group" "query $block,"; do
		asks EINVAL "$text"
	done
	[ "$(state "$block")" = offline ] || must_bring "$block" offline
	asks OK "query $block"
	like "query" "$answer" "block=$block free=0 .*range=0x.* score=[0-9]+.*request verb=query result=ok wanted=1 done=1 .*"
	asks OK "why memory$block"
	like "why" "$answer" "last_error block=$block .*block=$block free=.*request verb=why result=ok .*"
	asks OK "online_movable $block"
	like "online" "$answer" "block=$block result=done .*request verb=online_movable result=ok wanted=1 done=1 .*"
	same state "$(state "$block")" online
	asks OK "offline $block"
	same state "$(state "$block")" offline
	asks OK "offline $block"
	like "asked again" "$answer" "request verb=offline result=ok wanted=0 done=0 .*"
}

test_removable_compat() {
	local each

	[ -e $compat ] || { skip "no removable_compat"; return; }
	expect OK $compat Y
	for each in "${blocks[@]}"; do
		same "removable of memory$each" "$(<"$memory/memory$each/removable")" 1
	done
	expect OK $compat "$compat_was"
}

run_tests files_are_there modes block_size block_numbers states valid_zones node_links \
	no_privilege bad_words_to_state bad_words_to_online booleans_to_online words_with_a_newline \
	state_refuses_what_is_so_already online_accepts_what_is_so_already \
	auto_online_blocks probe page_offline_files crash_hotplug \
	handle removable_is_honest removable_compat default_zone_is_shown_first
