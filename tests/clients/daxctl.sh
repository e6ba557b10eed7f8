# SPDX-License-Identifier: GPL-2.0
# guest: nvdimm=1G:1
# daxctl: an NVDIMM as system RAM and back, by hand and by the kernel's policy

. "$GUEST_LIB"
need daxctl ndctl

for module in nfit nd_pmem dax_pmem device_dax kmem; do
	modprobe $module || skip "no module $module"
done
[ -e /sys/bus/nd/devices/namespace0.0 ] || fail "the kernel found no NVDIMM"
total=$(mem_total)
iomem() { cat /proc/iomem; }

ndctl create-namespace -f -e namespace0.0 -m devdax || fail "create-namespace"
before=$(iomem)

daxctl reconfigure-device -N -m system-ram dax0.0 || fail "system-ram, left offline"
[ "$(blocks_that_are offline | wc -l)" -ge 5 ] || fail "no offline blocks"
iomem | grep -q 'System RAM (kmem)' || fail "not in /proc/iomem"
daxctl online-memory dax0.0 || fail "online-memory"
[ "$(mem_total)" -gt "$total" ] || fail "MemTotal did not grow"
daxctl list -u | tee /tmp/list
daxctl offline-memory dax0.0 || fail "offline-memory"
daxctl reconfigure-device -m devdax dax0.0 || fail "back to devdax"
[ "$(iomem)" = "$before" ] || fail "/proc/iomem is not as before"

daxctl reconfigure-device -m system-ram dax0.0 || fail "system-ram, online"
[ "$(mem_total)" -gt "$total" ] || fail "MemTotal did not grow"
daxctl reconfigure-device -f -m devdax dax0.0 || fail "forced back to devdax"
[ "$(mem_total)" = "$total" ] || fail "MemTotal is $(mem_total), was $total"
[ "$(iomem)" = "$before" ] || fail "/proc/iomem is not as before"

# daxctl refuses if the policy of the kernel would race with it.
echo online_movable >$memory/auto_online_blocks
! daxctl reconfigure-device -m system-ram dax0.0 || fail "accepted beside auto_online_blocks"
