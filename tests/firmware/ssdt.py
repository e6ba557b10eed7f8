# SPDX-License-Identifier: GPL-2.0
"""Memory devices as QEMU does not make them."""

import ssdt
from ssdt import CHECK, EJECT, EJECT_BUSY, FAILURE, HIDDEN, SUCCESS, Device

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

    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == SUCCESS
    numbers = blocks(guest, *ranges)
    assert numbers == [base // SIZE for base in (HIDDEN[0], HIDDEN[1], HIDDEN[4])], f"blocks {numbers}"
    guest.set_blocks("online_movable", numbers)
    assert all(guest.sh(f"ls -d $memory/memory{number}/node1") for number in numbers), "not of node 1"
    guest.sh("numactl -m 1 dd if=/dev/zero of=/dev/shm/data bs=1M count=200 status=none; rm /dev/shm/data")

    assert ssdt.notify(guest, "MEM0", EJECT) == SUCCESS
    assert '"_EJ0 MEM0"' in guest.sh("dmesg"), "firmware was not told to take it"
    assert figures(guest) == before, "not as before"


@ssdt.machine()
def test_container(guest):
    """A container with two memory devices comes; it is ejected when user space has taken its memory offline."""
    before = figures(guest)
    for name, hid in (("BOX0", "ACPI0004"), ("BOX1", "PNP0A05"), ("BOX2", "PNP0A06")):
        ranges = (HIDDEN[0], SIZE), (HIDDEN[2], 2 * SIZE)
        ssdt.load(guest, Device(name, hid=hid, sta=0, children=tuple(
            Device(f"{name[:2]}{name[3]}{n}", [r], node=1) for n, r in enumerate(ranges))))
        assert ssdt.notify(guest, name, CHECK, sta=0xF) == SUCCESS
        numbers = blocks(guest, *ranges)
        assert len(numbers) == 3, f"{hid}: blocks {numbers}"
        guest.set_blocks("online_movable", numbers)
        # User space is asked by an event of the container, and has its say.
        assert ssdt.notify(guest, name, EJECT) == EJECT_BUSY
        assert set(guest.zones(numbers).values()) == {("online", "Movable")}, f"{guest.zones(numbers)}"
        online = guest.sh(f"grep -lx '.*{name}' /sys/bus/container/devices/*/firmware_node/path").replace("firmware_node/path", "online")
        guest.sh(f"expect EBUSY {online} 0")
        guest.set_blocks("offline", numbers)
        guest.sh(f"expect OK {online} 0")
        assert ssdt.notify(guest, name, EJECT) == SUCCESS, f"{hid} stays"
        assert figures(guest) == before, f"{hid}: not as before"


@ssdt.machine()
def test_in_container(guest):
    """Of a container only one memory device is ejected: a pinned page stops it, and later it goes alone."""
    ranges = (HIDDEN[0], SIZE), (HIDDEN[1], SIZE)
    ssdt.load(guest, Device("BOX0", hid="ACPI0004", sta=0, children=tuple(
        Device(f"MEM{n}", [r], node=1) for n, r in enumerate(ranges))))
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0xF) == SUCCESS
    numbers = blocks(guest, *ranges)
    guest.set_blocks("online_movable", numbers)
    guest.start_program(f"hold pin 1 {HIDDEN[1]} {HIDDEN[2]}", "hold")
    status = ssdt.notify(guest, "BOX0.MEM1", EJECT)
    assert status not in (SUCCESS, FAILURE), f"_OST {status:#x} does not say why"
    assert set(guest.zones(numbers).values()) == {("online", "Movable")}, f"{guest.zones(numbers)}"
    guest.end_program("hold")
    assert ssdt.notify(guest, "BOX0.MEM1", EJECT) == SUCCESS
    assert blocks(guest, *ranges) == numbers[:1], "not that one alone"


@ssdt.machine()
def test_container_partly_bad(guest):
    """Of a container with a good and a bad memory device the good one is used, and _OST tells of the other."""
    ssdt.load(guest, Device("BOX0", hid="ACPI0004", sta=0, children=(
        Device("MEM0", [(HIDDEN[0], SIZE)], node=1), Device("MEM1", [(ssdt.BUSY, SIZE)], node=1))))
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0xF) == FAILURE
    assert len(blocks(guest, (HIDDEN[0], SIZE))) == 1, "the good one is not used"


@ssdt.machine()
def test_nonsense(guest):
    """What firmware can say that is wrong: nothing is added, _OST hears of it, and the log says what it was."""
    before = figures(guest)
    good = HIDDEN[0], SIZE
    cases = (
        (Device("BAD0", None, node=1), "_CRS"),
        (Device("BAD1", [], node=1), "_CRS has no memory"),
        (Device("BAD2", [(HIDDEN[0], 2 * SIZE), (HIDDEN[1], SIZE)], node=1), "overlap"),
        (Device("BAD3", [good, good], node=1), "overlap"),
        (Device("BAD4", [good, ((1 << 64) - SIZE, 2 * SIZE)], node=1), ""),
        (Device("BAD5", [(HIDDEN[0], 1 << 62)], node=1), ""),
        (Device("BAD6", [(HIDDEN[0], SIZE // 2)], node=1), "cannot be used"),
        (Device("BAD7", [(HIDDEN[0] + 4096, SIZE)], node=1), "cannot be used"),
        (Device("BAD8", [(0, (1 << 64) - 1)], node=1), ""),
        (Device("BAD9", [(HIDDEN[0], 0)], node=1), "_CRS has no memory"),
        (Device("BADA", [(HIDDEN[0], SIZE), (1 << 46, SIZE + 1)], node=1), "cannot be used"),
    )
    for device, text in cases:
        device.sta = 0
        lines = int(guest.sh("dmesg | wc -l", log=False))
        ssdt.load(guest, device)
        assert ssdt.notify(guest, device.name, CHECK, sta=0xF) == FAILURE, f"{device} came"
        assert figures(guest) == before, f"something of {device} is there"
        log = guest.sh(f"dmesg | tail -n +{lines + 1} | grep PNP0C80", check=False)
        assert text in log and log, f"{device}: the log says {log}"
        ssdt.do(guest, f"\\_SB.{device.name}._STA = 0")


@ssdt.machine()
def test_proximity(guest):
    """_PXM that is missing, or of no node, is no reason not to use memory."""
    for name, node in (("MEM0", None), ("MEM1", 0xFFFF), ("MEM2", 0x7FFFFFFF)):
        number = int(name[3])
        ssdt.load(guest, Device(name, [(HIDDEN[number], SIZE)], node=node, sta=0))
        status = ssdt.notify(guest, name, CHECK, sta=0xF)
        there = blocks(guest, (HIDDEN[number], SIZE))
        assert (status == SUCCESS) == bool(there), f"_PXM {node}: _OST {status:#x}, blocks {there}"
        assert status == SUCCESS, f"_PXM {node}: refused"


@ssdt.machine()
def test_status(guest):
    """_STA decides: what is present but not enabled or not functional is not used until it is."""
    ssdt.load(guest, Device("MEM0", [(HIDDEN[0], SIZE)], node=1, sta=0))
    for sta in (0x1, 0x5, 0x9, 0x0):
        ssdt.notify(guest, "MEM0", CHECK, sta=sta)
        assert not blocks(guest, (HIDDEN[0], SIZE)), f"_STA {sta:#x}: it is used"
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xB) == SUCCESS
    assert blocks(guest, (HIDDEN[0], SIZE)), "_STA 0xb: it is not used"
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == SUCCESS, "it is there already"
    assert ssdt.notify(guest, "MEM0", EJECT) == SUCCESS
