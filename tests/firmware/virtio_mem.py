# SPDX-License-Identifier: GPL-2.0
"""Memory of a virtio-mem device, in any amounts that the host requests."""

from guest import MIB, machine


def figures(guest):
    return guest.sh("mem_total; cat /proc/iomem; lsmem -b -o RANGE,STATE,ZONES,NODE")


@machine(virtio_mem="2G:1")
def test_grow_and_shrink(guest):
    """A device grows to 512 MiB, to 768 MiB, shrinks to 256 MiB, to nothing."""
    guest.sh("echo online_movable >$memory/auto_online_blocks; modprobe virtio_mem")
    total = int(guest.sh("mem_total"))
    before = None
    for size in (512 * MIB, 768 * MIB, 256 * MIB, 0, 512 * MIB, 0):
        guest.resize(size)
        grown = int(guest.sh("mem_total")) - total
        assert grown == size // 1024, f"MemTotal is {grown} kB above the start, with {size // MIB} MiB plugged"
        ram = "System RAM (virtio_mem)" in guest.sh("cat /proc/iomem")
        assert ram == bool(size), f"/proc/iomem, with {size // MIB} MiB plugged"
        if not size:
            before = before or figures(guest)
            assert figures(guest) == before, "not as before"


@machine(virtio_mem="2G:1")
def test_beside_dimm(guest):
    """A device and a DIMM on one node are added and removed independently."""
    guest.sh("echo online_movable >$memory/auto_online_blocks; modprobe virtio_mem")
    dimm = guest.plug("512M", 1)
    guest.resize(256 * MIB)
    assert guest.unplug(dimm).done, "the DIMM stays"
    dimm = guest.plug("256M", 1)
    guest.resize(0)
    assert set(guest.zones(guest.blocks(dimm)).values()) == {("online", "Movable")}, "the DIMM's blocks changed"
    assert guest.unplug(dimm).done, "the DIMM stays"


@machine(virtio_mem="2G:1")
def test_not_removed(guest):
    """An unplugged block that is offline and cannot be removed does not come online, and is removed later."""
    guest.sh("echo offline >$memory/auto_online_blocks; modprobe virtio_mem")
    before = None
    for size in (512 * MIB, 0, 512 * MIB):
        guest.resize(size)
        before = before or (figures(guest) if not size else None)
    fail = "/sys/kernel/debug/memory_hotplug/fail"
    guest.sh(f"echo 'add/blocks/down -16' >{fail}")
    guest.resize(0)
    guest.sh(f"[ -z \"$(<{fail})\" ]; wait_for 150 eval '! grep -q virtio_mem /proc/iomem'")
    assert figures(guest) == before, "not as before"
    guest.resize(512 * MIB)
    guest.set_blocks("online_movable", [int(number) for number in guest.sh("blocks_that_are offline").split()])
    guest.resize(0)
    assert figures(guest) == before, "not as before"
