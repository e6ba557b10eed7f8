# SPDX-License-Identifier: GPL-2.0
"""B8: a removal that failed had removed its range from /sys/firmware/memmap already."""

import ssdt
from guest import machine
from ssdt import HIDDEN

FAIL = "/sys/kernel/debug/memory_hotplug/fail"


def firmware_map(guest):
    return sorted(guest.sh("cd /sys/firmware/memmap; for e in *; do echo $(<$e/start) $(<$e/end) $(<$e/type); done").splitlines())


@machine(cmdline="memory_hotplug.memmap_on_memory=Y")
def test_refused_remove(guest):
    """A remove that fails at any step leaves the list, the blocks and their memmap as they were."""
    without = firmware_map(guest)
    dimm = guest.plug("512M", 1)
    listed = firmware_map(guest)
    assert [line for line in listed if line not in without] == [f"{dimm.lo:#x} {dimm.hi - 1:#x} System RAM"], f"{listed}"
    blocks = guest.blocks(dimm)
    total = int(guest.sh("mem_total"))
    for refused, step in enumerate(("firmware", "walks", "blocks", "sections", "node"), 1):
        # The eject ends there: the firmware is not given memory that could not be removed.
        guest.sh(f"echo add/{step}/down -16 >{FAIL}")
        assert not guest.unplug(dimm).done, f"{step}: the firmware took it"
        assert guest.blocks(dimm) == blocks, f"{step}: blocks went though the remove failed"
        assert firmware_map(guest) == listed, f"{step}: {firmware_map(guest)}"
        assert guest.sh("dmesg").count("remove failed (-16)") == refused, f"{step}: the log does not tell of the failure"
    assert int(guest.sh("mem_total")) == total


@ssdt.machine()
def test_refused_leave(guest):
    """A driver's request to take memory offline and to remove it, whose remove fails: the block is online in its zone."""
    guest.sh(f"modprobe mhp_ask; echo add 1 {HIDDEN[0]} {HIDDEN.step} 0 >/sys/kernel/debug/mhp_ask")
    block, = guest.sh(f"blocks {HIDDEN[0]} {HIDDEN[1]}").split()
    guest.set_blocks("online_movable", [block])
    total = guest.sh("mem_total")
    guest.sh(f"""
        echo add/walks/down -16 >{FAIL}
        expect EBUSY /sys/kernel/debug/mhp_ask 'leave {HIDDEN[0]} {HIDDEN.step}'""")
    assert guest.zones([block]) == {int(block): ("online", "Movable")}, "the block is not online as before"
    assert guest.sh("mem_total") == total
    guest.sh(f"expect OK /sys/kernel/debug/mhp_ask 'leave {HIDDEN[0]} {HIDDEN.step}'; [ ! -e $memory/memory{block} ]")
