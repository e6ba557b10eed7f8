# SPDX-License-Identifier: GPL-2.0
# guest: dimms=512M:1
# B11: CANCEL_OFFLINE was sent to notifiers that had not been asked

. "$GUEST_LIB"

inject=/sys/kernel/debug/notifier-error-inject/memory/actions
watch=/sys/kernel/debug/mhp_watch
mapfile -t blocks < <(blocks_that_are offline)
state=$memory/memory${blocks[0]}/state

# heard WORD...: the actions since the last look, in order
heard() {
	local got

	got=$(cut -d ' ' -f 1 $watch | tr '\n' ' ')
	[ "$got" = "${*:+$* }" ] || fail "heard '$got', not '$*'"
	echo >$watch
}

# refused ACTION WORD: that request is refused by the notifier
refused() {
	echo -16 >$inject/"$1"/error
	expect EBUSY "$state" "$2"
	echo 0 >$inject/"$1"/error
}

# The notifier that watches comes after the one that refuses, and is not called.
modprobe memory-notifier-error-inject priority=20 || fail "no module"
modprobe mhp_watch priority=10 || fail "no module"
echo >$watch
refused MEM_GOING_ONLINE online_movable
heard PREPARE_ONLINE FINISH_OFFLINE
expect OK "$state" online_movable
heard PREPARE_ONLINE GOING_ONLINE ONLINE
refused MEM_GOING_OFFLINE offline
heard
expect OK "$state" offline
heard GOING_OFFLINE OFFLINE FINISH_OFFLINE

# The notifier that watches comes first, and is called with both actions.
modprobe -r mhp_watch
modprobe mhp_watch priority=30 || fail "no module"
echo >$watch
refused MEM_GOING_ONLINE online_movable
heard PREPARE_ONLINE GOING_ONLINE CANCEL_ONLINE FINISH_OFFLINE
expect OK "$state" online_movable
echo >$watch
refused MEM_GOING_OFFLINE offline
heard GOING_OFFLINE CANCEL_OFFLINE
expect OK "$state" offline
