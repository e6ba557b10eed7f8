# SPDX-License-Identifier: GPL-2.0
# guest: dimms=512M:0,512M:1 timeout=300
# the base kernel's own mem-on-off-test.sh, from the untouched tree

. "$GUEST_LIB"
need mem-on-off-test.sh bc

modprobe memory-notifier-error-inject || skip "no memory-notifier-error-inject module"
mem-on-off-test.sh -r 10 >/tmp/out 2>&1
status=$?
cat /tmp/out
[ $status = 0 ] || fail "exit status $status"
! grep -qi unexpected /tmp/out || fail "it says 'unexpected'"
