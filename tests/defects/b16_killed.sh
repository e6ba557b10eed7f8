# SPDX-License-Identifier: GPL-2.0
# guest: dimms=256M:1 nvdimm=512M:1 timeout=150
# B16: a pending signal kept a driver from removing its memory

# The writer that unbinds the driver waits for its turn while another request has the locks,
# and is killed meanwhile. So it does everything for the driver with SIGKILL pending.

. "$GUEST_LIB"
need daxctl ndctl

for module in nfit nd_pmem dax_pmem device_dax kmem; do
	modprobe $module || fail "no module $module"
done
driver=/sys/bus/dax/drivers/kmem
mapfile -t blocks < <(blocks_that_are offline)
[ ${#blocks[@]} = 2 ] || fail "the DIMM has ${#blocks[@]} blocks"
size=$(block_size)
ndctl create-namespace -f -e namespace0.0 -m devdax || fail "create-namespace"
everything() { grep -v dax0.0 /proc/iomem; lsmem -a -b -o RANGE,STATE,ZONES,NODE; }

set_blocks online_movable "${blocks[@]}"
modprobe mhp_watch delay_ms=$((3000 * ${guest_patience:-1})) || fail "no module mhp_watch"
before=$(everything)
state=$memory/memory${blocks[0]}/state

# in_state PID REGEX: the state of the process in /proc/PID/status
in_state() {
	grep -q "^State:[[:space:]]*[$2]" "/proc/$1/status"
}

for ((try = 0; ; try++)); do
	[ $try -lt 5 ] || fail "the writer never waited"
	daxctl reconfigure-device -N -m system-ram dax0.0 || fail "system-ram"
	grep -q 'System RAM (kmem)' /proc/iomem || fail "not in /proc/iomem"
	echo offline >"$state" &
	busy=$!
	wait_for 60 grep -qx going-offline "$state"
	rm -f /tmp/opened
	bash -c "exec 3>$driver/unbind && echo >/tmp/opened && echo dax0.0 >&3" &
	writer=$!
	wait_for 60 test -e /tmp/opened
	wait_for 60 in_state $writer DZ
	kill -KILL $writer
	killed=too-early-or-late
	# Bit 8 of the pending signals is SIGKILL.
	if in_state $writer D && grep -q '^ShdPnd:.*1..$' /proc/$writer/status && grep -qx going-offline "$state"; then
		killed=waiting
	fi
	wait $writer
	status=$?
	wait $busy || fail "the block did not go offline"
	set_blocks online_movable "${blocks[0]}"
	if [ -e $driver/dax0.0 ]; then
		[ $killed != waiting ] || fail "the driver is still bound"
		echo dax0.0 >$driver/unbind
	fi
	[ "$(everything)" = "$before" ] || fail "it left: $(diff <(echo "$before") <(everything))"
	[ $killed != waiting ] || break
done
[ $status = 137 ] || fail "the writer ended with $status"
echo "killed at try $try, the memory is gone"
