# SPDX-License-Identifier: GPL-2.0
#
# Common functions of guest scripts; sourced as $GUEST_LIB.

memory=/sys/devices/system/memory

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

# As in kselftest: exit 4 is a skip.
skip() {
	echo "SKIP: $*" >&2
	exit 4
}

need() {
	local program

	for program; do
		command -v "$program" >/dev/null || skip "no $program here"
	done
}

# ask_host COMMAND...: the host's answer is one line, "ok TEXT" or "error TEXT".
ask_host() {
	local status text

	exec 5<>/dev/virtio-ports/host
	echo "$*" >&5
	read -r status text <&5
	exec 5>&-
	echo "$text"
	[ "$status" = ok ]
}

# expect ERRNO FILE TEXT: one write(2) of TEXT must give ERRNO ("OK" for success).
expect() {
	local got

	got=$(wr "$2" "$3")
	echo "write '$3' to ${2##*/}: $got"
	[ "$got" = "$1" ] || fail "writing '$3' to $2 gave $got, not $1"
}

# expect_ask ERRNO TEXT: a request to /dev/memory_hotplug must end with ERRNO ("OK" for success).
# Its answer is printed, and kept in /run/answer.
expect_ask() {
	local got

	got=$(ask "$2" /run/answer)
	echo "ask '$2': $got"
	cat /run/answer
	[ "$got" = "$1" ] || fail "asking for '$2' gave $got, not $1"
}

block_size() {
	echo $((16#$(<$memory/block_size_bytes)))
}

# blocks LO HI: numbers of the memory blocks that exist in [LO, HI), in order.
blocks() {
	local size block

	size=$(block_size)
	for ((block = $1 / size; block * size < $2; block++)); do
		[ ! -d "$memory/memory$block" ] || echo $block
	done
}

# blocks_that_are STATE: numbers of all blocks in this state, in order.
blocks_that_are() {
	grep -lx "$1" $memory/memory*/state | sed 's,.*/memory\([0-9]*\)/state,\1,' | sort -n
}

# blocks_of_hugetlb BLOCK...: those that begin within a huge page of hugetlbfs, with pages of 4 KiB.
blocks_of_hugetlb() {
	local block flags pages=$(($(block_size) / 4096))

	for block; do
		flags=$(dd if=/proc/kpageflags bs=8 skip=$((block * pages)) count=1 status=none | od -An -tx8)
		[ $((16#${flags// /} >> 17 & 1)) = 0 ] || echo "$block"
	done
}

# zones BLOCK...: print "BLOCK:STATE:ZONES" for each block. An online block has one zone.
zones() {
	local block

	for block; do
		echo "$block:$(<$memory/memory$block/state):$(<$memory/memory$block/valid_zones)"
	done
}

# set_blocks STATE BLOCK...: bring blocks to a state (online, online_movable, offline ...), one by one.
set_blocks() {
	local state=$1 block

	shift
	for block; do
		echo "$state" >"$memory/memory$block/state" || fail "$state of memory block $block"
	done
}

mem_total() {
	awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo
}

# wait_for SECONDS COMMAND...: wait until COMMAND succeeds; longer on a slow kernel
wait_for() {
	local end=$((SECONDS + $1 * ${guest_patience:-1}))

	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || fail "still not so: $*"
		sleep 0.1
	done
}

# nothing_moves: from now on the kernel moves no pages by itself, and a test can count those that are moved.
nothing_moves() {
	local file

	for file in /proc/sys/kernel/numa_balancing /proc/sys/vm/compaction_proactiveness; do
		[ ! -e $file ] || echo 0 >$file
	done
}

# virtio_mem_is LEAST BELOW: is the size of a device in this range, with its blocks online if that is automatic?
virtio_mem_is() {
	local lo hi block nr sum=0 size wanted

	size=$(block_size)
	wanted=$(<$memory/auto_online_blocks)
	while IFS=- read -r lo hi; do
		lo=$((16#$lo)) hi=$((16#$hi + 1)) nr=0
		for block in $(blocks $lo $hi); do
			[ "$wanted" = offline ] || [ "$(<$memory/memory$block/state)" = online ] || return 1
			nr=$((nr + 1))
		done
		[ $((nr * size)) = $((hi - lo)) ] || return 1
		sum=$((sum + hi - lo))
	done < <(sed -n 's/^ *\([0-9a-f]*-[0-9a-f]*\) : System RAM (virtio_mem)$/\1/p' /proc/iomem)
	[ $sum -ge "$1" ] && [ $sum -lt "$2" ]
}
