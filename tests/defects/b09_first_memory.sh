# SPDX-License-Identifier: GPL-2.0
# guest: nodes=1G,1G,0 nvdimm=384M:2 timeout=400 allow=Call.Trace|page.allocation.failure
# B9, B10: after any failure while a node gets its first memory, neither node nor memory is left

# An NVDIMM's memory can be added and removed again by its driver, in the writer's
# context, any number of times. The log may have the one warning of vmemmap, with a trace.

. "$GUEST_LIB"
. "${GUEST_LIB%/*}/failnth.sh"
need daxctl ndctl

for module in nfit nd_pmem dax_pmem device_dax kmem; do
	modprobe $module || fail "no module $module"
done
ndctl create-namespace -f -e namespace0.0 -m devdax || fail "create-namespace"
daxctl reconfigure-device -N -m system-ram dax0.0 || fail "system-ram"
mapfile -t blocks < <(blocks_that_are offline)
state=$memory/memory${blocks[0]}/state
driver=/sys/bus/dax/drivers/kmem

bind() { echo dax0.0 >$driver/bind || fail "no way back"; }
unbind() { echo dax0.0 >$driver/unbind || fail "no way back"; }
offline() { echo offline >"$state" || fail "no way back"; }
online() { echo online_movable >"$state" || fail "no way back"; }
node() { [ "$(</sys/devices/system/node/online)" = "$1" ] || fail "nodes $(</sys/devices/system/node/online) are online, not $1"; }

unbind
node 0-1
# The driver returns EBUSY if it cannot reserve the range.
each_fails $driver/bind dax0.0 "ENOMEM|EBUSY" unbind
node 0-2
each_fails "$state" online_movable ENOMEM offline
each_fails "$state" offline "ENOMEM|EBUSY" online
# Removing memory can only fail for the buffer of the write: the memory was removed if it can be bound again.
each_fails $driver/unbind dax0.0 ENOMEM bind
[ $failures = 1 ] || fail "$failures things failed that the driver needs to give memory back"
node 0-1
! grep -q 'System RAM (kmem)' /proc/iomem || fail "it is still in /proc/iomem"
