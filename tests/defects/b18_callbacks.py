# SPDX-License-Identifier: GPL-2.0
"""B18: only one driver in the system could have a callback for pages that come online."""

from guest import MIB, machine


def counted(guest):
    return int(guest.sh("cat /sys/kernel/debug/mhp_callback").split()[1])


def both_see(guest):
    """Of a block of virtio-mem only a part is plugged: its own callback keeps the rest back."""
    before, total = counted(guest), int(guest.sh("mem_total"))
    guest.resize(192 * MIB)
    assert int(guest.sh("mem_total")) - total == 192 * 1024, "virtio-mem's pages are not as many as are plugged"
    assert counted(guest) - before >= 192 * MIB // 4096, f"{counted(guest) - before} pages were seen"
    guest.resize(0)
    assert int(guest.sh("mem_total")) == total
    before = counted(guest)
    dimm = guest.plug("256M", 1)
    assert counted(guest) - before == 256 * MIB // 4096, "of a DIMM it sees all"
    assert int(guest.sh("mem_total")) - total == 256 * 1024
    assert guest.unplug(dimm).done


@machine(virtio_mem="2G:1", cmdline="memhp_default_state=online_movable")
def test_behind(guest):
    """A callback registered after that of virtio-mem gets the pages that virtio-mem passes on."""
    guest.sh("modprobe virtio_mem && modprobe mhp_callback")
    both_see(guest)
    guest.sh("modprobe -r mhp_callback")
    guest.resize(128 * MIB)
    guest.resize(0)


@machine(virtio_mem="2G:1", cmdline="memhp_default_state=online_movable")
def test_before(guest):
    """A callback registered before that of virtio-mem gets all pages; virtio-mem works, also after it was unregistered."""
    guest.sh("modprobe mhp_callback && modprobe virtio_mem")
    before = counted(guest)
    both_see(guest)
    assert counted(guest) - before >= (256 + 256) * MIB // 4096, "it did not see whole blocks"
    guest.sh("modprobe -r mhp_callback")
    total = int(guest.sh("mem_total"))
    guest.resize(192 * MIB)
    assert int(guest.sh("mem_total")) - total == 192 * 1024
    guest.resize(0)
