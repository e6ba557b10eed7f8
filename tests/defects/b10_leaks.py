# SPDX-License-Identifier: GPL-2.0
"""B10: an add that failed did not undo what it had done."""

from guest import machine
from leaks import exact, slab

TIMES = 4           # number of failures of each allocation in a window
WINDOWS = 3         # and one before them, to warm up and to find the allocations that can fail
DRIVER = "/sys/bus/dax/drivers/kmem"

# each NAME FILE TEXT UNDO: write TEXT to FILE, and let each allocation fail, one after the other.
# If the write succeeds nevertheless, run UNDO.
WINDOW = f"""
. "${{GUEST_LIB%/*}}/failnth.sh"

each() {{
	local n got kinds=/tmp/kinds-$1

	for n in $(cat $kinds 2>/dev/null || seq 2000); do
		got=$(failnth $n $2 $3 {TIMES}) || fail failnth
		if [[ $got = OK* ]]; then
			$4
			[ "$got" != "OK not" ] || break
		else
			echo $n
		fi
	done >/tmp/failed
	[ -e $kinds ] || cp /tmp/failed $kinds
}}

bind() {{ echo dax0.0 >{DRIVER}/bind || fail bind; }}
unbind() {{ echo dax0.0 >{DRIVER}/unbind || fail unbind; }}
online() {{ echo online_movable >$state || fail online; }}
offline() {{ echo offline >$state || fail offline; }}

for memmap_on_memory in 0 1; do
	echo $memmap_on_memory >/sys/bus/dax/devices/dax0.0/memmap_on_memory || fail memmap_on_memory
	each add-$memmap_on_memory {DRIVER}/bind dax0.0 unbind
done
bind
state=$memory/memory$(blocks_that_are offline | head -n 1)/state
each online $state online_movable offline
online
each offline $state offline online
offline
unbind
cat /tmp/kinds-* | wc -l
"""


@machine(nodes=("1G", "1G", "0"), nvdimm="384M:2", timeout=500, cmdline="memory_hotplug.memmap_on_memory=Y",
         allow="Call.Trace|page.allocation.failure")
def test_failures(guest):
    """Each allocation of an add, an online and an offline fails repeatedly: slab does not grow."""
    guest.sh("for module in nfit nd_pmem dax_pmem device_dax kmem; do modprobe $module || exit; done")
    guest.sh("ndctl create-namespace -f -e namespace0.0 -m devdax && daxctl reconfigure-device -N -m system-ram dax0.0")
    guest.sh(f"echo dax0.0 >{DRIVER}/unbind")
    before, looks = exact(guest), []
    for _ in range(1 + WINDOWS):
        kinds = int(guest.sh(WINDOW, log=False).split()[-1])
        assert kinds > 100, f"hardly anything failed: {kinds}"
        looks.append(slab(guest)[1])
    after = exact(guest)
    for what in before:
        assert before[what] == after[what], f"{what} before:\n{before[what]}\nafter:\n{after[what]}"

    # A leak of only one kind of failure grows in every window by the number of these failures.
    growths = {name: [b.get(name, 0) - a.get(name, 0) for a, b in zip(looks, looks[1:])] for name in looks[0]}
    left = {name: growth for name, growth in growths.items() if min(growth) >= TIMES}
    assert not left, f"objects left in each window by {TIMES} failures of each of {kinds} kinds: {left}"
    return f"{kinds} kinds, {len(looks) * TIMES} times each; most {max(map(min, growths.values()))} objects a window"
