# SPDX-License-Identifier: GPL-2.0
"""Memory devices as QEMU does not make them."""

import ssdt
from guest import OST_IN_USE, OST_NOT_ADDED, OST_SUCCESS
from ssdt import CHECK, EJECT, HIDDEN, Device

SIZE = HIDDEN.step


def blocks(guest, *ranges):
    return [int(n) for base, size in ranges for n in guest.sh(f"blocks {base} {base + size}").split()]


def figures(guest):
    return guest.sh("mem_total; cat /proc/iomem; ls $memory /sys/devices/system/node")


@ssdt.machine()
def test_two_ranges(guest):
    """A device of two ranges with a hole between comes, goes online and is ejected, both at once."""
    before = figures(guest)
    ranges = (HIDDEN[0], 2 * SIZE), (HIDDEN[4], SIZE)
    ssdt.load(guest, Device("MEM0", ranges, node=1, sta=0))
    assert not blocks(guest, *ranges), "it is there before it comes"

    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    numbers = blocks(guest, *ranges)
    assert numbers == [base // SIZE for base in (HIDDEN[0], HIDDEN[1], HIDDEN[4])], f"blocks {numbers}"
    guest.set_blocks("online_movable", numbers)
    assert all(guest.sh(f"ls -d $memory/memory{number}/node1") for number in numbers), "not of node 1"
    guest.sh("numactl -m 1 dd if=/dev/zero of=/dev/shm/data bs=1M count=200 status=none; rm /dev/shm/data")

    assert ssdt.notify(guest, "MEM0", EJECT) == OST_SUCCESS
    assert '"_EJ0 MEM0"' in guest.sh("dmesg"), "firmware was not told to take it"
    assert figures(guest) == before, "not as before"


@ssdt.machine()
def test_in_container(guest):
    """Of a container only one memory device is ejected: a pinned page stops it, and later it goes alone."""
    ranges = (HIDDEN[0], SIZE), (HIDDEN[1], SIZE)
    ssdt.load(guest, Device("BOX0", hid="ACPI0004", sta=0, children=tuple(
        Device(f"MEM{n}", [r], node=1) for n, r in enumerate(ranges))))
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0xF) == OST_SUCCESS
    numbers = blocks(guest, *ranges)
    guest.set_blocks("online_movable", numbers)
    guest.start_program(f"hold pin 1 {HIDDEN[1]} {HIDDEN[2]}", "hold")
    assert ssdt.notify(guest, "BOX0.MEM1", EJECT) == OST_IN_USE
    assert set(guest.zones(numbers).values()) == {("online", "Movable")}, f"{guest.zones(numbers)}"
    guest.end_program("hold")
    assert ssdt.notify(guest, "BOX0.MEM1", EJECT) == OST_SUCCESS
    assert blocks(guest, *ranges) == numbers[:1], "not that one alone"


@ssdt.machine()
def test_container_partly_bad(guest):
    """Of a container with a good and a bad memory device the good one is used, and _OST tells of the other."""
    ssdt.load(guest, Device("BOX0", hid="ACPI0004", sta=0, children=(
        Device("MEM0", [(HIDDEN[0], SIZE)], node=1), Device("MEM1", [(ssdt.BUSY, SIZE)], node=1))))
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0xF) == OST_NOT_ADDED
    assert len(blocks(guest, (HIDDEN[0], SIZE))) == 1, "the good one is not used"


@ssdt.machine()
def test_proximity(guest):
    """_PXM that is missing, or of no node, is no reason not to use memory."""
    for name, node in (("MEM0", None), ("MEM1", 0xFFFF), ("MEM2", 0x7FFFFFFF)):
        number = int(name[3])
        ssdt.load(guest, Device(name, [(HIDDEN[number], SIZE)], node=node, sta=0))
        status = ssdt.notify(guest, name, CHECK, sta=0xF)
        there = blocks(guest, (HIDDEN[number], SIZE))
        assert (status == OST_SUCCESS) == bool(there), f"_PXM {node}: _OST {status:#x}, blocks {there}"
        assert status == OST_SUCCESS, f"_PXM {node}: refused"


@ssdt.machine()
def test_status(guest):
    """_STA decides: what is present but not enabled or not functional is not used until it is."""
    ssdt.load(guest, Device("MEM0", [(HIDDEN[0], SIZE)], node=1, sta=0))
    for sta in (0x1, 0x5, 0x9, 0x0):
        ssdt.notify(guest, "MEM0", CHECK, sta=sta)
        assert not blocks(guest, (HIDDEN[0], SIZE)), f"_STA {sta:#x}: it is used"
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xB) == OST_SUCCESS
    assert blocks(guest, (HIDDEN[0], SIZE)), "_STA 0xb: it is not used"
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS, "it is there already"
    assert ssdt.notify(guest, "MEM0", EJECT) == OST_SUCCESS
