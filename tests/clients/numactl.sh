# SPDX-License-Identifier: GPL-2.0
# numactl and free see memory come and go on its node

. "$GUEST_LIB"
need numactl

node_mb() { numactl -H | awk -v n="$1" '$1 == "node" && $2 == n && $3 == "size:" { print $4 }'; }

before=$(node_mb 1)
total=$(free -m | awk '/^Mem/ { print $2 }')
plug 512M 1 || fail "plug"
mapfile -t new < <(blocks_that_are offline)
set_blocks online_movable "${new[@]}"
[ $(($(node_mb 1) - before)) = 512 ] || fail "node 1 went from $before to $(node_mb 1) MB"
[ $(($(free -m | awk '/^Mem/ { print $2 }') - total)) = 512 ] || fail "free's total"
numactl --membind=1 dd if=/dev/zero of=/dev/shm/data bs=1M count=300 status=none || fail "node 1 does not take data"
rm /dev/shm/data
unplug || fail "unplug"
[ "$(node_mb 1)" = "$before" ] || fail "node 1 has $(node_mb 1) MB, not $before"
