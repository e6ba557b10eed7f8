# SPDX-License-Identifier: GPL-2.0
"""B10: what a failed add had done already stayed behind."""

from guest import machine
from leaks import exact, leaks, slab

TIMES = 5           # that each thing fails in a window
WINDOWS = 3         # and one before them, to warm up
DRIVER = "/sys/bus/dax/drivers/kmem"

# Fails at the Nth of all things, for each N, until nothing is left to fail. What is added
# in spite of a failure, or at last, is removed.
ADD = f"""
for memmap_on_memory in 0 1; do
	echo $memmap_on_memory >/sys/bus/dax/devices/dax0.0/memmap_on_memory || fail memmap_on_memory
	for ((n = 1; n < 2000; n++)); do
		got=$(failnth $n {DRIVER}/bind dax0.0 {TIMES}) || fail failnth
		[[ $got != OK* ]] || echo dax0.0 >{DRIVER}/unbind || fail unbind
		[ "$got" != "OK not" ] || break
		[[ $got = OK* ]] || ((++failed))
	done
done
echo $failed """

# The same of online and offline, of memory that is there.
ONLINE = f"""
echo dax0.0 >{DRIVER}/bind
block=$(blocks_that_are offline | head -n 1)
for words in "online_movable offline" "offline online_movable"; do
	for ((n = 1; n < 2000; n++)); do
		got=$(failnth $n $memory/memory$block/state ${{words% *}} {TIMES}) || fail failnth
		[ "$got" != "OK not" ] || break
		[[ $got = OK* ]] || ((++failed))
		[[ $got != OK* ]] || echo ${{words#* }} >$memory/memory$block/state || fail "${{words#* }}"
	done
done
echo dax0.0 >{DRIVER}/unbind
[ ! -d $memory/memory$block ] || fail "it is still there"
echo $failed """


@machine(nodes=("1G", "1G", "0"), nvdimm="512M:2", timeout=500, cmdline="memory_hotplug.memmap_on_memory=Y",
         allow="Call.Trace|page.allocation.failure")
def test_failures(guest):
    """Each thing that can fail in an add, an online or an offline does so again and again: slab does not grow."""
    guest.sh("for module in nfit nd_pmem dax_pmem device_dax kmem; do modprobe $module || exit; done")
    guest.sh("ndctl create-namespace -f -e namespace0.0 -m devdax && daxctl reconfigure-device -N -m system-ram dax0.0")
    guest.sh(f"echo dax0.0 >{DRIVER}/unbind")
    prepare = '. "${GUEST_LIB%/*}/failnth.sh"'
    before, looks, failed = exact(guest), [], []
    for _ in range(1 + WINDOWS):
        failed = [int(guest.sh(prepare + loop)) for loop in (ADD, ONLINE)]
        assert failed[0] > 100 and failed[1] > 2, f"hardly anything failed: {failed}"
        looks.append(slab(guest)[1])
    after = exact(guest)
    for what in before:
        assert before[what] == after[what], f"{what} before:\n{before[what]}\nafter:\n{after[what]}"
    left = leaks(looks, WINDOWS * TIMES)
    assert not left, f"left by {WINDOWS * TIMES} failures of each of {failed} kinds: {left}"
    return f"{failed[0]} and {failed[1]} kinds, {len(looks) * TIMES} times each"
