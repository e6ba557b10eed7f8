# SPDX-License-Identifier: GPL-2.0
"""A hundred cycles must leave nothing behind."""

from guest import machine
from leaks import exact, leaks, slab

CYCLES = 100
WINDOW = 20         # cycles from one look at slab to the next; the first window is the warm-up
DIMM = "256M"
NODE = 1
LOAD_MIB = 16

# A leak leaves at least one object per cycle in a cache, so that the cache grows in
# every window. Other activity of the guest changes caches as well, but up and down, by
# whole slabs (a slab that a CPU uses counts as full). So a cache has a leak if it grows
# in every window, and by half an object per cycle in all. The growth of all slab that
# has no such cache is limited to a page for each such half object.
WINDOWS = CYCLES // WINDOW - 1
SLAB_KB = 4 * WINDOWS * WINDOW // 2


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
    # NUMA balancing allocates something for each VMA that it scans, for as long as the program lives.
    guest.sh("f=/proc/sys/kernel/numa_balancing; [ ! -e $f ] || echo 0 >$f")
    before, looks = exact(guest), []
    for number in range(1, CYCLES + 1):
        cycle(guest)
        if number % WINDOW == 0:
            looks.append(slab(guest))
    after = exact(guest)
    for what in before:
        assert before[what] == after[what], f"{what} before:\n{before[what]}\nafter:\n{after[what]}"

    left = leaks([objects for _, objects in looks], WINDOWS * WINDOW)
    assert not left, f"objects left by {WINDOWS * WINDOW} cycles: {left}"
    kb = [kb for kb, _ in looks]
    assert kb[-1] - kb[0] <= SLAB_KB, f"SUnreclaim every {WINDOW} cycles: {kb} kB"
    return f"SUnreclaim every {WINDOW} cycles: {kb} kB"
