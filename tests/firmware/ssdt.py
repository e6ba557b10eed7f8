# SPDX-License-Identifier: GPL-2.0
"""Memory devices as QEMU does not make them."""

import ssdt
from ssdt import CHECK, EJECT, HIDDEN, SUCCESS, Device

SIZE = HIDDEN.step


def blocks(guest, *ranges):
    return [int(n) for base, size in ranges for n in guest.sh(f"blocks {base} {base + size}").split()]


@ssdt.machine()
def test_two_ranges(guest):
    """A device of two ranges with a hole between comes, goes online and is ejected, both at once."""
    before = guest.sh("mem_total; cat /proc/iomem; ls $memory")
    ranges = (HIDDEN[0], 2 * SIZE), (HIDDEN[4], SIZE)
    ssdt.load(guest, Device("MEM0", ranges, node=1, sta=0))
    assert not blocks(guest, *ranges), "it is there before it comes"

    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == SUCCESS
    numbers = blocks(guest, *ranges)
    assert numbers == [base // SIZE for base in (HIDDEN[0], HIDDEN[1], HIDDEN[4])], f"blocks {numbers}"
    guest.set_blocks("online_movable", numbers)
    assert all(guest.sh(f"ls -d $memory/memory{number}/node1") for number in numbers), "not of node 1"
    guest.sh("numactl -m 1 dd if=/dev/zero of=/dev/shm/data bs=1M count=200 status=none; rm /dev/shm/data")

    assert ssdt.notify(guest, "MEM0", EJECT) == SUCCESS
    assert '"_EJ0 MEM0"' in guest.sh("dmesg"), "firmware was not told to take it"
    assert guest.sh("mem_total; cat /proc/iomem; ls $memory") == before, "not as before"
