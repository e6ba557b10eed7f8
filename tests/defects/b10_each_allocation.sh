# SPDX-License-Identifier: GPL-2.0
# guest: dimms=512M:1 timeout=300 allow=Call.Trace|page.allocation.failure
# B9, B10: an add, online or offline whose nth allocation fails, for each n, leaves no trace

# What may be in the log: the warning of an architecture's vmemmap, once, with a trace.
# That nothing leaks is in b10_leaks.py, with memory that can be removed again.

. "$GUEST_LIB"
. "${GUEST_LIB%/*}/failnth.sh"

mapfile -t blocks < <(blocks_that_are offline)
state=$memory/memory${blocks[0]}/state
size=$(block_size)

back_offline() { echo offline >"$state" || fail "no way back"; }
back_online() { echo online_movable >"$state" || fail "no way back"; }

each_fails "$state" online_movable ENOMEM back_offline
each_fails "$state" offline "ENOMEM|EBUSY" back_online

# What "probe" has added cannot be removed: the survivors count with what was before, at
# addresses where nothing is. In this zone and node nothing is online of them.
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
