# SPDX-License-Identifier: GPL-2.0
"""A hundred cycles must leave nothing behind."""

import re

from guest import machine

CYCLES = 100
WINDOW = 20         # cycles from one look at slab to the next; the first window is the warm-up
DIMM = "256M"
NODE = 1
LOAD_MIB = 16

# A leak leaves at least one object per cycle in some cache, so it shows in every
# window. Whatever else lives in the guest moves caches too, but up and down: an
# object counter jumps by whole slabs (those in use by a CPU count as full). So a
# leak is what grows in every window, and by half an object per cycle in all; what
# does not, yet makes slab larger, is bounded by a page for each such half object.
WINDOWS = CYCLES // WINDOW - 1
LEAKED_OBJECTS = WINDOWS * WINDOW // 2
SLAB_KB = 4 * LEAKED_OBJECTS

# Have everything that is freed late freed now: caches, then the mappings of dead
# stacks (a module's end flushes those), then what the slab caches keep in reserve.
# No fork between that and reading: a new process takes new slabs.
LOOK = """sync; echo 3 >/proc/sys/vm/drop_caches; sleep 0.5; echo 3 >/proc/sys/vm/drop_caches
modprobe hwpoison-inject && modprobe -r hwpoison-inject
for cache in /sys/kernel/slab/*/shrink; do echo 1 >$cache; done
mapfile -t slabinfo </proc/slabinfo; mapfile -t meminfo </proc/meminfo
printf '%s\\n' "${slabinfo[@]:2}" "${meminfo[@]}" """


def exact(guest):
    """Figures that come back to the byte."""
    spans = guest.sh("awk '/^Node/ { zone = $2 $4 } $1 ~ /^(spanned|present|managed|start_pfn:)$/ { print zone, $1, $2 }' "
                     "/proc/zoneinfo")
    return {"MemTotal": guest.sh("mem_total"), "zone spans": spans, "/proc/iomem": guest.sh("cat /proc/iomem"),
            "lsmem": guest.sh("lsmem -a -b -o RANGE,STATE,ZONES,NODE"),
            "node masks": guest.sh("cd /sys/devices/system/node; grep . online has_memory has_normal_memory")}


def slab(guest):
    """(unreclaimable slab in kB, objects in use in each cache)"""
    text = guest.sh(LOOK, log=False)
    unreclaimable = int(re.search(r"^SUnreclaim: +(\d+)", text, re.M)[1])
    return unreclaimable, {name: int(objects) for name, objects in re.findall(r"^(\S+) +(\d+) +\d+ ", text, re.M)}


def leaks(looks):
    """Caches that grew in every window, and by how much in all."""
    names = looks[0].keys()
    growths = {name: [after.get(name, 0) - before.get(name, 0) for before, after in zip(looks, looks[1:])] for name in names}
    return {name: sum(growth) for name, growth in growths.items() if min(growth) > 0 and sum(growth) > LEAKED_OBJECTS}


def cycle(guest):
    dimm = guest.plug(DIMM, NODE)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_movable", blocks)
    guest.start_program(f"load {LOAD_MIB} {NODE} {dimm.lo} {dimm.hi}", "load")
    guest.set_blocks("offline", blocks)
    checked = guest.end_program("load")
    assert "on the DIMM 0 MiB" in checked and "wrong 0 pages" in checked, checked
    assert guest.unplug(dimm).done, f"{dimm} stays"


@machine(timeout=900)
def test_hundred(guest):
    """Plug, online, load, offline, eject, a hundred times: all figures come back, slab does not grow."""
    before, looks = exact(guest), []
    for number in range(1, CYCLES + 1):
        cycle(guest)
        if number % WINDOW == 0:
            looks.append(slab(guest))
    after = exact(guest)
    for what in before:
        assert before[what] == after[what], f"{what} before:\n{before[what]}\nafter:\n{after[what]}"

    left = leaks([objects for _, objects in looks])
    assert not left, f"objects left by {WINDOWS * WINDOW} cycles: {left}"
    kb = [kb for kb, _ in looks]
    assert kb[-1] - kb[0] <= SLAB_KB, f"SUnreclaim every {WINDOW} cycles: {kb} kB"
    return f"SUnreclaim every {WINDOW} cycles: {kb} kB"
