# SPDX-License-Identifier: GPL-2.0
"""A hundred cycles must leave nothing behind."""

import re

from guest import machine

CYCLES = 100
WARM_UP = 20
DIMM = "256M"
NODE = 1
LOAD_MIB = 16

# The guest's own life (dentries of /proc and 9p, per-CPU leftovers) moves slab by
# some objects, in either direction. A leak moves one cache by at least one object
# a cycle, in one direction: so the bound is half an object for each cycle measured.
LEAKED_OBJECTS = (CYCLES - WARM_UP) // 2
SLAB_KB = 4 * LEAKED_OBJECTS

SETTLE = ("sync; echo 3 >/proc/sys/vm/drop_caches; sleep 0.5; echo 3 >/proc/sys/vm/drop_caches; "
          "for cache in /sys/kernel/slab/*/shrink; do echo 1 >$cache; done")


def exact(guest):
    """Figures that come back to the byte."""
    spans = guest.sh("awk '/^Node/ { zone = $2 $4 } $1 ~ /^(spanned|present|managed|start_pfn:)$/ { print zone, $1, $2 }' "
                     "/proc/zoneinfo")
    return {"MemTotal": guest.sh("mem_total"), "zone spans": spans, "/proc/iomem": guest.sh("cat /proc/iomem"),
            "lsmem": guest.sh("lsmem -a -b -o RANGE,STATE,ZONES,NODE"),
            "node masks": guest.sh("cd /sys/devices/system/node; grep . online has_memory has_normal_memory")}


def slab(guest):
    """(unreclaimable slab in kB, objects in use in each cache), after all caches gave back what they could."""
    guest.sh(SETTLE)
    unreclaimable = int(guest.sh("awk '$1 == \"SUnreclaim:\" { print $2 }' /proc/meminfo"))
    caches = re.findall(r"^(\S+) +(\d+)", guest.sh("tail -n +3 /proc/slabinfo"), re.M)
    return unreclaimable, {name: int(objects) for name, objects in caches}


def cycle(guest):
    dimm = guest.plug(DIMM, NODE)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_movable", blocks)
    guest.start_program(f"load {LOAD_MIB} {NODE} {dimm.lo} {dimm.hi}", "load")
    guest.set_blocks("offline", blocks)
    checked = guest.end_program("load")
    assert "on the DIMM 0 MiB" in checked and "wrong 0 pages" in checked, checked
    assert guest.unplug(dimm).done, f"{dimm} stays"


@machine(timeout=600)
def test_hundred(guest):
    """Plug, online, load, offline, eject, a hundred times: all figures come back, slab does not grow."""
    before = exact(guest)
    for number in range(CYCLES):
        if number == WARM_UP:
            first_kb, first = slab(guest)
        cycle(guest)
    after = exact(guest)
    for what in before:
        assert before[what] == after[what], f"{what} before:\n{before[what]}\nafter:\n{after[what]}"

    last_kb, last = slab(guest)
    grown = {name: last[name] - first.get(name, 0) for name in last if last[name] - first.get(name, 0) > LEAKED_OBJECTS}
    assert not grown, f"objects left by {CYCLES - WARM_UP} cycles: {grown}"
    assert last_kb - first_kb <= SLAB_KB, f"SUnreclaim grew by {last_kb - first_kb} kB in {CYCLES - WARM_UP} cycles"
    return f"SUnreclaim {last_kb - first_kb:+d} kB in {CYCLES - WARM_UP} cycles"
