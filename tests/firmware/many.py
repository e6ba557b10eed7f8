# SPDX-License-Identifier: GPL-2.0
"""A device with many blocks: the cost of each block, in instructions."""

from guest import GIB, WorkTimer, machine


@machine(nodes=("3G",), room="80G", exact=True, timeout=900)
def test_512_blocks(guest):
    """512 blocks of one device take 512 times as long as one block, for adding, binding, unbinding and removing."""
    timer = WorkTimer(guest, "acpi_hotplug_work_fn", "acpi_eject_work")
    guest.unplug(guest.plug(GIB, 0, 300), 300)      # for work that is done once only
    costs = {}
    for blocks in (64, 512):
        timer.clear()
        dimm = guest.plug(blocks * GIB // 8, 0, 300)
        add = timer.ns()
        timer.clear()
        assert guest.unplug(dimm, 300).done
        costs[blocks] = add / blocks, timer.ns() / blocks
    for what, few, many in zip(("add", "remove"), costs[64], costs[512]):
        assert many < 1.25 * few, f"{what}: {few:.0f} instructions a block of 64, {many:.0f} of 512"
    return "; ".join(f"{blocks}: {add:.0f} + {remove:.0f} a block" for blocks, (add, remove) in costs.items())
