# SPDX-License-Identifier: GPL-2.0
"""One block of a DIMM is removed: the direct map of the others stays."""

from guest import GIB, machine


# arm64 maps memory by pages unless rodata=on, and then 1 GiB at once where it can.
@machine(cmdline="rodata=on")
def test_neighbours(guest):
    """The blocks on both sides of a removed one are used, where one leaf could map the whole DIMM."""
    dimm = guest.plug(GIB, 1)
    blocks = guest.blocks(dimm)
    size = dimm.size // len(blocks)
    guest.sh(f"modprobe mhp_ask; expect OK /sys/kernel/debug/mhp_ask 'remove {dimm.lo + 3 * size} {size}'")
    rest = guest.blocks(dimm)
    assert rest == blocks[:3] + blocks[4:], f"{rest} are left of {blocks}"
    guest.set_blocks("online_movable", rest)
    # More than either side has alone.
    loaded = guest.start_program(f"load 640 1 {dimm.lo} {dimm.hi}", "load")
    assert "on the DIMM 640 MiB" in loaded, loaded
    guest.end_program("load")
    guest.set_blocks("offline", rest)
