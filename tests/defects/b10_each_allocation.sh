# SPDX-License-Identifier: GPL-2.0
# guest: dimms=512M:1 timeout=300 allow=Call.Trace|page.allocation.failure
# B9, B10: an add, online or offline whose nth allocation fails, for each n, leaves no trace

# The log may have the warning of the architecture's vmemmap, once, with a trace.
# b10_leaks.py tests for leaks, with memory that can be removed again.

. "$GUEST_LIB"
. "${GUEST_LIB%/*}/failnth.sh"

mapfile -t blocks < <(blocks_that_are offline)
state=$memory/memory${blocks[0]}/state
size=$(block_size)

back_offline() { echo offline >"$state" || fail "no way back"; }
back_online() { echo online_movable >"$state" || fail "no way back"; }

each_fails "$state" online_movable ENOMEM back_offline
each_fails "$state" offline "ENOMEM|EBUSY" back_online

# Blocks that "probe" has added cannot be removed: they are part of the state before,
# at addresses without memory. None of them is online in this zone and node.
next=$(((blocks[-1] + 1024) * size))
add() {
	local text=$1 n got before failed=0 survived=0

	before=$(look)
	for ((n = 1; n < 5000; n++)); do
		got=$(failnth $n $memory/probe "$(printf '0x%x' $next)$text") || fail "failnth"
		case $got in
		OK*)
			[ -L "$memory/memory$((next / size))/node0" ] || fail "n = $n: the block has no node"
			[ "$(<$memory/memory$((next / size))/state)" = offline ] || fail "n = $n: not offline"
			((next += size, ++survived))
			before=$(look)
			[[ $got = *injected ]] || break ;;
		"ENOMEM injected")
			((++failed))
			[ "$(look)" = "$before" ] || fail "failure $n of an add left traces: $(diff <(echo "$before") <(look) | head -n 5)" ;;
		*)
			fail "failure $n of an add gave $got" ;;
		esac
	done
	echo "probe$text: $failed failures, $survived successes"
	[ $failed -gt 5 ] || fail "hardly anything failed"
}

add ""
add " memmap_on_memory"
