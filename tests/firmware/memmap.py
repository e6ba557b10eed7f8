# SPDX-License-Identifier: GPL-2.0
"""Memory that holds its own memmap: because there is no room elsewhere, or on request."""

from guest import GIB, MIB, machine

BLOCK = 128 * MIB
MEMMAP = 2 * MIB        # of a block
HIDDEN = 0x30000000     # 512 MiB of RAM that the command line hides, for "probe"


def hosted(guest):
    return guest.sh("dmesg").count("hosts its own memmap")


@machine(nodes=("256M",))
def test_no_room_elsewhere(guest):
    """A DIMM of 12 GiB is added to a guest of 256 MiB, and holds its 192 MiB of memmap itself."""
    total = int(guest.sh("mem_total"))
    dimm = guest.plug("12G", 0)
    blocks = guest.blocks(dimm)
    assert len(blocks) == 12 * GIB // BLOCK, f"{len(blocks)} blocks"
    assert hosted(guest) == 1, "the log does not say what was done"
    # The devices need some of the little memory, the memmap does not.
    available = int(guest.sh("awk '$1 == \"MemAvailable:\" { print $2 }' /proc/meminfo"))
    assert available > 64 * 1024, f"only {available} kB are available"

    guest.set_blocks("online_movable", blocks)
    assert set(guest.zones(blocks).values()) == {("online", "Movable")}, "not all online as Movable"
    gained = int(guest.sh("mem_total")) - total
    assert gained == len(blocks) * (BLOCK - MEMMAP) // 1024, f"MemTotal grew by {gained} kB"
    filled = guest.start_program(f"load 512 0 {dimm.lo} {dimm.hi}", "load")
    assert "wrong 0 pages" in filled, filled
    guest.end_program("load")
    assert guest.unplug(dimm).done, "the DIMM stays"
    assert int(guest.sh("mem_total")) == total


@machine(nodes=("256M",), cmdline="memory_hotplug.memmap_on_memory=N memhp_default_state=online_movable")
def test_room_elsewhere(guest):
    """A DIMM of 1 GiB fits: its memmap is allocated from existing memory."""
    total = int(guest.sh("mem_total"))
    dimm = guest.plug("1G", 0)
    assert hosted(guest) == 0, "it hosts its own memmap without need"
    assert int(guest.sh("mem_total")) - total == GIB // 1024
    assert guest.unplug(dimm).done, "the DIMM stays"


@machine(cmdline=f"memmap={512 * MIB:#x}%{HIDDEN:#x}-1")
def test_by_request(guest):
    """A block that "probe" adds holds its own memmap only if that was requested."""
    first = HIDDEN // BLOCK
    guest.sh(f"expect EINVAL $memory/probe '{HIDDEN:#x} memmap'")
    guest.sh(f"expect EINVAL $memory/probe '{HIDDEN:#x} '")
    guest.sh(f"expect EINVAL $memory/probe '{'0' * 40}'")
    guest.sh(f"expect OK $memory/probe '{HIDDEN:#x} memmap_on_memory'")
    guest.sh(f"expect OK $memory/probe {HIDDEN + BLOCK:#x}")
    for block, gain in ((first, BLOCK - MEMMAP), (first + 1, BLOCK), (first, 0)):
        total = int(guest.sh("mem_total"))
        if gain:
            guest.set_blocks("online_movable", [block])
            assert int(guest.sh("mem_total")) - total == gain // 1024, f"block {block}"
        else:
            guest.set_blocks("offline", [first, first + 1])
            assert total - int(guest.sh("mem_total")) == (2 * BLOCK - MEMMAP) // 1024
