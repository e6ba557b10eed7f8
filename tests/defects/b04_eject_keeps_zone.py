# SPDX-License-Identifier: GPL-2.0
"""B4: after a failed eject the blocks came online in ZONE_NORMAL, and the DIMM could not be ejected again."""

from guest import MIB, machine

BLOCK = 128 * MIB


@machine(timeout=300)
def test_pinned_last_block(guest):
    """A page is pinned in the last block of a movable DIMM: all blocks are movable after the eject failed."""
    dimm = guest.plug("1G", 1)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_movable", blocks)
    guest.start_program(f"hold pin 1 {dimm.hi - BLOCK} {dimm.hi}", "hold")
    assert not guest.unplug(dimm, 150).done, "the DIMM went, with a pinned page"
    assert set(guest.zones(blocks).values()) == {("online", "Movable")}, f"{guest.zones(blocks)}"
    guest.end_program("hold")
    assert guest.unplug(dimm).done, "the DIMM stays though nothing is pinned any more"
