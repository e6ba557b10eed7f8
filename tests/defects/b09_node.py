# SPDX-License-Identifier: GPL-2.0
"""B9: the kernel crashed (BUG) if a node could not be set up for its first memory."""

from guest import machine

FAIL = "/sys/kernel/debug/memory_hotplug/fail"
STEPS = ("resource", "memblock", "node", "sections", "blocks", "firmware")


def everything(guest):
    return guest.sh("mem_total; cat /proc/iomem; lsmem -a -b -o RANGE,STATE,ZONES,NODE; ls /sys/devices/system/node; "
                    "ls /sys/firmware/memmap; cd /sys/devices/system/node; grep . online has_memory")


@machine(nodes=("1G", "1G", "0"))
def test_first_memory_fails(guest):
    """Adding the first memory of a node fails at each step: neither node nor memory are left; then it succeeds."""
    before = everything(guest)
    for step in STEPS:
        guest.sh(f"echo add/{step}/up -12 >{FAIL}")
        dimm = guest.plug("256M", 2)
        assert not guest.blocks(dimm), f"{step}: there are blocks"
        assert everything(guest) == before, f"{step}: it left traces"
        assert guest.unplug(dimm).done, f"{step}: a DIMM that was not used stays"
    dimm = guest.plug("256M", 2)
    assert len(guest.blocks(dimm)) == 2
    assert guest.sh("cat /sys/devices/system/node/online") == "0-2"
    assert guest.unplug(dimm).done
    assert everything(guest) == before
