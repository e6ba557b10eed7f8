# SPDX-License-Identifier: GPL-2.0
"""Containers with memory devices: all devices below are added, or ejected, with one notification."""

import ssdt
from guest import MIB, OST_BUSY, OST_EJECT, OST_EJECT_IN_PROGRESS, OST_IN_USE, OST_NOT_PERMITTED, OST_SUCCESS
from ssdt import BUS_CHECK, CHECK, EJECT, HIDDEN, Device

BLOCK = 128 * MIB
STATE = "lsmem -a -b -o RANGE,STATE,BLOCK,ZONES,NODE; mem_total; cat /proc/iomem; ls /sys/devices/system/node"


def container(hid, node=1, nested=False):
    """CON0 with MEM0, of two ranges, and MEM1, which may be in a container of its own."""
    memory1 = Device("MEM1", [(HIDDEN[5], BLOCK)], node=node)
    if nested:
        memory1 = Device("CON1", hid="PNP0A06", children=(memory1,))
    return Device("CON0", hid=hid, sta=0, children=(
        Device("MEM0", [(HIDDEN[0], 2 * BLOCK), (HIDDEN[3], BLOCK)], node=node), memory1))


def numbers(guest):
    """The blocks of the container that exist."""
    return [int(n) for n in guest.sh(f"blocks {HIDDEN[0]} {HIDDEN[6]}").split()]


EXPECTED = [HIDDEN[i] // BLOCK for i in (0, 1, 3, 5)]


def comes_and_goes(guest, hid, what, nested):
    before = guest.sh(STATE)
    ssdt.load(guest, container(hid, nested=nested))
    assert not numbers(guest), "there before it comes"
    assert ssdt.notify(guest, "CON0", what, sta=0xF) == OST_SUCCESS
    assert numbers(guest) == EXPECTED, f"blocks {numbers(guest)}"
    guest.set_blocks("online_movable", EXPECTED)
    assert ssdt.notify(guest, "CON0", EJECT) == OST_SUCCESS
    assert '"_EJ0 CON0"' in guest.sh("dmesg"), "firmware was not told to take it"
    assert guest.sh(STATE) == before, "not as before"


@ssdt.machine()
def test_acpi0004(guest):
    """ACPI0004, by a device check."""
    comes_and_goes(guest, "ACPI0004", CHECK, nested=False)


@ssdt.machine()
def test_pnp0a05(guest):
    """PNP0A05, by a bus check, and one in another."""
    comes_and_goes(guest, "PNP0A05", BUS_CHECK, nested=True)


@ssdt.machine()
def test_pnp0a06(guest):
    """PNP0A06, twice."""
    comes_and_goes(guest, "PNP0A06", CHECK, nested=True)
    assert ssdt.notify(guest, "CON0", CHECK, sta=0xF) == OST_SUCCESS
    assert numbers(guest) == EXPECTED, f"blocks {numbers(guest)}"
    assert ssdt.notify(guest, "CON0", EJECT) == OST_SUCCESS
    assert not numbers(guest)


@ssdt.machine(timeout=400)
def test_all_or_nothing(guest):
    """A pinned page in the last device of a container: all of them stay, each block as it was."""
    ssdt.load(guest, container("ACPI0004"))
    assert ssdt.notify(guest, "CON0", CHECK, sta=0xF) == OST_SUCCESS
    guest.set_blocks("online_movable", EXPECTED)
    guest.set_blocks("offline", EXPECTED[1:2])
    before = guest.sh(STATE)
    guest.start_program(f"hold pin 1 {HIDDEN[5]} {HIDDEN[5] + BLOCK}", "hold")
    assert ssdt.notify(guest, "CON0", EJECT) == OST_IN_USE
    assert guest.sh(STATE) == before, "not as before"
    con0 = guest.sh("dirname $(grep -lx '\\\\_SB_.CON0' /sys/bus/acpi/devices/*/path)")
    assert "reason=pinned" in guest.sh(f"cat {con0}/eject_status")
    guest.end_program("hold")
    assert ssdt.notify(guest, "CON0", EJECT) == OST_SUCCESS


@ssdt.machine(nodes=("1G", "1G", "0"))
def test_node(guest):
    """A container adds the first memory of a node, and removes its last."""
    before = guest.sh(STATE)
    ssdt.load(guest, container("ACPI0004", node=2))
    assert ssdt.notify(guest, "CON0", CHECK, sta=0xF) == OST_SUCCESS
    assert guest.sh("cat /sys/devices/system/node/online") == "0-2"
    guest.set_blocks("online_movable", EXPECTED)
    assert guest.sh("cat /sys/devices/system/node/has_memory") in ("0-2", "0,2"), "node 2 has no memory"
    guest.sh("numactl --membind=2 dd if=/dev/zero of=/dev/shm/data bs=1M count=64 status=none; rm /dev/shm/data")
    assert ssdt.notify(guest, "CON0", EJECT) == OST_SUCCESS
    assert guest.sh(STATE) == before, "not as before"


@ssdt.machine()
def test_ask(guest):
    """User space decides about a container that has no memory, as about others."""
    ssdt.load(guest, Device("CON0", hid="ACPI0004", sta=0, more='Device (DEV0) { Name (_HID, "TEST0002") }'))
    assert ssdt.notify(guest, "CON0", CHECK, sta=0xF) == OST_SUCCESS
    con0 = ssdt.directory(guest, "CON0")
    guest.sh(f"expect OK {con0}/eject_ask 1")
    request = ssdt.make_button(guest, f"Notify (\\_SB.CON0, {EJECT})")
    for answer in ("eject_status cancel", "eject 1"):
        guest.sh(f"cat {request}; wait_for 60 grep -q asked {con0}/eject_status")
        assert ssdt.eject_status(guest, "CON0") == ("asked", {"source": "firmware"})
        assert not ssdt.ejects(guest, "CON0"), "it has been ejected at once"
        guest.sh(f"expect OK {con0}/{answer}; wait_for 60 grep -q 'failed\\|done' {con0}/eject_status")
    assert ssdt.eject_status(guest, "CON0")[0] == "done" and ssdt.ejects(guest, "CON0") == 1
    ssdt.check_said(guest, "CON0", [
        (OST_EJECT, OST_EJECT_IN_PROGRESS), (OST_EJECT, OST_NOT_PERMITTED),
        (OST_EJECT, OST_EJECT_IN_PROGRESS), (OST_EJECT, OST_EJECT_IN_PROGRESS), (OST_EJECT, OST_SUCCESS)], 1)


@ssdt.machine(cmdline="memhp_default_state=online_movable")
def test_kept_by_firmware(guest):
    """_EJ0 fails: the memory is added again, each block in the state and zone it had."""
    fails = 'Method (_EJ0, 1, Serialized) { Debug = "_EJ0 MEM0" Local0 = Zero Divide (One, Local0, , Local1) }'
    ssdt.load(guest, Device("MEM0", [(HIDDEN[0], 4 * BLOCK)], node=1, sta=0, ejectable=False, more=fails))
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    blocks = [HIDDEN[i] // BLOCK for i in range(4)]
    guest.set_blocks("offline", blocks[:1])
    before = guest.sh(STATE)
    assert ssdt.notify(guest, "MEM0", EJECT) == 1
    mem0 = guest.sh("dirname $(grep -lx '\\\\_SB_.MEM0' /sys/bus/acpi/devices/*/path)")
    assert "reason=firmware" in guest.sh(f"cat {mem0}/eject_status")
    assert guest.sh(STATE) == before, "not as before"


@ssdt.machine(nodes=("1G", "1G", "0"), cmdline="maxcpus=1", timeout=400)
def test_gone_meanwhile(guest):
    """A device disappears while the container above it is being ejected, and is checked: the eject ends, and it is removed."""
    ssdt.load(guest, container("ACPI0004", node=2))
    assert ssdt.notify(guest, "CON0", CHECK, sta=0xF) == OST_SUCCESS
    guest.set_blocks("online_movable", EXPECTED)
    guest.start_program(f"hold pin 2 {HIDDEN[5]} {HIDDEN[5] + BLOCK}", "hold")
    con0 = guest.sh("dirname $(grep -lx '\\\\_SB_.CON0' /sys/bus/acpi/devices/*/path)")
    # The eject would end by itself after five seconds.
    check = ssdt.prepare(guest, "CON0.MEM0", CHECK, sta=0)
    ssdt.do(guest, f"Notify (\\_SB.CON0, {EJECT:#x})")
    guest.sh(f"wait_for 60 grep -q pending {con0}/eject_status")
    assert ssdt.notify_by(guest, check, "CON0.MEM0") == OST_BUSY
    ends(guest, "CON0", "lost")
    guest.sh("; ".join(f"wait_for 60 [ ! -e $memory/memory{number} ]" for number in EXPECTED[:3]))
    ssdt.check_verdicts(guest, "CON0", [OST_SUCCESS, 1])
    assert ssdt.notify(guest, "CON0.MEM0", CHECK) == OST_SUCCESS
    assert numbers(guest) == EXPECTED[3:], f"blocks {numbers(guest)} after the device of the others had gone"
    assert "has gone without an eject" in guest.sh("dmesg")
    guest.end_program("hold")
    assert ssdt.notify(guest, "CON0", EJECT) == OST_SUCCESS
    assert not numbers(guest)


def eject_and(guest, path, page, *statements, node=1):
    """Runs other firmware events while the eject of a device is pending for seconds, because of a pinned page."""
    meanwhile = ssdt.make_button(guest, *statements)
    eject = ssdt.make_button(guest, f"Notify (\\_SB.{path}, {EJECT:#x})")
    status = f"{ssdt.directory(guest, path)}/eject_status"
    guest.start_program(f"hold pin {node} {page} {page + BLOCK}", "hold")
    guest.sh(f"cat {eject}; wait_for 60 grep -q '^pending.* left=[1-9]' {status}; cat {meanwhile}")


def ends(guest, path, reason):
    status = f"{ssdt.directory(guest, path)}/eject_status"
    guest.sh(f"wait_for 60 grep -q failed {status}; grep -q ' reason={reason} ' {status} || {{ cat {status}; false; }}")


@ssdt.machine(timeout=400)
def test_checked_meanwhile(guest):
    """While a device is being ejected, the container above it is checked: others are added, and the eject continues."""
    ssdt.load(guest, container("ACPI0004", nested=True))
    before = guest.sh(STATE)
    ssdt.do(guest, "\\_SB.CON0.CON1.MEM1._STA = 0")
    assert ssdt.notify(guest, "CON0", CHECK, sta=0xF) == OST_SUCCESS
    assert numbers(guest) == EXPECTED[:3], f"blocks {numbers(guest)}"
    guest.set_blocks("online_movable", EXPECTED[:3])
    eject_and(guest, "CON0.MEM0", HIDDEN[0], "\\_SB.CON0.CON1.MEM1._STA = 0xF", f"Notify (\\_SB.CON0, {BUS_CHECK:#x})")
    ends(guest, "CON0.MEM0", "pinned")
    ssdt.check_verdicts(guest, "CON0", [OST_SUCCESS, OST_SUCCESS])
    ssdt.check_verdicts(guest, "CON0.MEM0", [OST_IN_USE])
    assert numbers(guest) == EXPECTED, f"blocks {numbers(guest)}"
    guest.end_program("hold")
    assert set(guest.zones(EXPECTED[:3]).values()) == {("online", "Movable")}, "what stays has changed"
    assert ssdt.notify(guest, "CON0", EJECT) == OST_SUCCESS
    assert guest.sh(STATE) == before, "not as before"


def gone_below(guest, path, what, checked="CON0"):
    """The device, or container, that is being ejected disappears, and the container above it, or itself, is checked."""
    ssdt.load(guest, container("ACPI0004", node=2, nested=True))
    assert ssdt.notify(guest, "CON0", CHECK, sta=0xF) == OST_SUCCESS
    guest.set_blocks("online_movable", EXPECTED)
    eject_and(guest, path, HIDDEN[5], "\\_SB.CON0.CON1.MEM1._STA = 0", "\\_SB.CON0.CON1._STA = 0",
              f"Notify (\\_SB.{checked}, {what:#x})", node=2)
    ends(guest, path, "lost")
    guest.sh(f"wait_for 60 grep -qx lost $memory/memory{EXPECTED[3]}/state")
    ssdt.check_verdicts(guest, path, [OST_BUSY, 1] if checked == path else [1])
    assert "has gone without an eject" in guest.sh("dmesg")
    guest.end_program("hold")
    assert set(guest.zones(EXPECTED[:3]).values()) == {("online", "Movable")}, "what is there has changed"
    assert ssdt.notify(guest, "CON0.MEM0", EJECT) == OST_SUCCESS
    assert numbers(guest) == EXPECTED[3:], f"blocks {numbers(guest)}"


@ssdt.machine(nodes=("1G", "1G", "0"), cmdline="maxcpus=1", timeout=400)
def test_gone_below(guest):
    """A device disappears while it is being ejected, and the container above it is checked: its memory is lost at once."""
    gone_below(guest, "CON0.CON1.MEM1", BUS_CHECK)


@ssdt.machine(nodes=("1G", "1G", "0"), cmdline="maxcpus=1", timeout=400)
def test_container_gone_below(guest):
    """The same with a container in the container."""
    gone_below(guest, "CON0.CON1", CHECK)


@ssdt.machine(nodes=("1G", "1G", "0"), cmdline="maxcpus=1", timeout=400)
def test_gone_itself(guest):
    """A device disappears while it is being ejected, and only it is checked: its memory is lost without a second check."""
    gone_below(guest, "CON0.CON1.MEM1", CHECK, checked="CON0.CON1.MEM1")


@ssdt.machine(nodes=("1G", "1G", "0"), cmdline="maxcpus=1", timeout=400)
def test_replaced(guest):
    """A device disappears while it is being ejected, and is checked, and another one comes: what was in the first is lost."""
    # The next one is in the slot as soon as the check was refused.
    ssdt.load(guest, Device("MEM0", [(HIDDEN[0], 2 * BLOCK)], node=2, sta=0, ost=f"If (Arg1 == {OST_BUSY}) {{ _STA = 0xF }}"))
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    guest.set_blocks("online_movable", EXPECTED[:2])
    eject_and(guest, "MEM0", HIDDEN[1], "\\_SB.MEM0._STA = 0", f"Notify (\\_SB.MEM0, {CHECK:#x})", node=2)
    ends(guest, "MEM0", "lost")
    guest.sh(f"wait_for 60 grep -qx lost $memory/memory{EXPECTED[1]}/state; wait_for 60 [ ! -e $memory/memory{EXPECTED[0]} ]")
    assert ssdt.verdicts(guest, "MEM0") == [OST_SUCCESS, OST_BUSY, 1]
    assert "has gone without an eject" in guest.sh("dmesg")
    guest.end_program("hold")


@ssdt.machine(timeout=400)
def test_not_the_next_one(guest):
    """The same when the last page has moved: the eject succeeds, and the next device is used, and not ejected."""
    slow = ('Device (SLOW) { Name (_HID, "TEST0002") Name (LATE, 0) Method (_STA, 0, Serialized) { '
            'If (LATE) { LATE = 0 Debug = "SLOW" Sleep (6000) } Return (0xF) } }')
    ssdt.load(guest, Device("BOX0", hid="ACPI0004", sta=0, more=slow, ost="If (Arg0 == 1) { \\_SB.BOX0.MEM0._STA = 0xF }",
                            children=(Device("MEM0", [(HIDDEN[0], BLOCK)], node=1),)))
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0xF) == OST_SUCCESS
    guest.set_blocks("online_movable", EXPECTED[:1])
    # While the check of the container waits for SLOW, it holds the locks. Then it finds that MEM0 has gone.
    events = ssdt.make_button(guest, f"Notify (\\_SB.BOX0.MEM0, {EJECT:#x})", "Sleep (300)", "\\_SB.BOX0.SLOW.LATE = 1",
                              "\\_SB.BOX0.MEM0._STA = 0", f"Notify (\\_SB.BOX0, {CHECK:#x})")
    guest.start_program(f"hold pin 1 {HIDDEN[0]} {HIDDEN[0] + BLOCK}", "hold")
    guest.sh(f"cat {events}; wait_for 60 eval 'dmesg | grep -q SLOW'")
    guest.end_program("hold")
    guest.sh(f"wait_for 60 grep -qx idle {ssdt.directory(guest, 'BOX0.MEM0')}/eject_status")
    assert ssdt.verdicts(guest, "BOX0.MEM0") == [OST_SUCCESS] and ssdt.verdicts(guest, "BOX0") == [OST_SUCCESS, OST_SUCCESS]
    assert not ssdt.ejects(guest, "MEM0"), "the next one was ejected"
    assert numbers(guest) == EXPECTED[:1], f"blocks {numbers(guest)}: the next one is not used"


@ssdt.machine(timeout=400)
def test_comes_meanwhile(guest):
    """A device that appears in a container that is being ejected is used only if the eject fails."""
    outer = Device("CON2", hid="PNP0A05", children=(container("ACPI0004"),))
    ssdt.load(guest, outer)
    ssdt.do(guest, "\\_SB.CON2.CON0.MEM1._STA = 0")
    assert ssdt.notify(guest, "CON2.CON0", CHECK, sta=0xF) == OST_SUCCESS
    guest.set_blocks("online_movable", EXPECTED[:3])
    con0 = ssdt.directory(guest, "CON2.CON0")
    eject_and(guest, "CON2.CON0", HIDDEN[0], "\\_SB.CON2.CON0.MEM1._STA = 0xF", f"Notify (\\_SB.CON2, {BUS_CHECK:#x})")
    new = f"$memory/memory{EXPECTED[3]}"
    guest.sh(f"wait_for 60 eval 'dmesg | grep -q \"_OST CON2\"'; there=no; [ ! -e {new} ] || there=yes; "
             f"! grep -q pending {con0}/eject_status || [ $there = no ]")
    ends(guest, "CON2.CON0", "pinned")
    guest.sh(f"wait_for 60 [ -e {new} ]")
    guest.end_program("hold")
    assert numbers(guest) == EXPECTED, f"blocks {numbers(guest)}"
    guest.set_blocks("online_movable", EXPECTED[3:])
    assert ssdt.notify(guest, "CON2.CON0", EJECT) == OST_SUCCESS
    assert not numbers(guest)


@ssdt.machine(cmdline="memhp_default_state=online_movable", timeout=400)
def test_comes_before_return(guest):
    """The same if _EJ0 fails: the new device comes online like any other, and each block of the others is as it was."""
    fails = 'Method (_EJ0, 1, Serialized) { Debug = "_EJ0 CON0" Local0 = Zero Divide (One, Local0, , Local1) }'
    con0 = container("ACPI0004")
    con0.ejectable, con0.more = False, fails
    ssdt.load(guest, Device("CON2", hid="PNP0A05", children=(con0,)))
    assert ssdt.notify(guest, "CON2.CON0", CHECK, sta=0xF) == OST_SUCCESS
    assert ssdt.notify(guest, "CON2.CON0.MEM1", EJECT) == OST_SUCCESS
    assert ssdt.eject_status(guest, "CON2.CON0.MEM1")[0] == "done"
    assert numbers(guest) == EXPECTED[:3], f"blocks {numbers(guest)}"
    guest.set_blocks("offline", EXPECTED[:1])
    # The eject is held up, second by second, until the new device has come.
    events = ssdt.make_button(guest, f"Notify (\\_SB.CON2.CON0, {EJECT:#x})", "Sleep (1000)",
                              "\\_SB.CON2.CON0.MEM1._STA = 0xF", f"Notify (\\_SB.CON2, {BUS_CHECK:#x})")
    guest.start_program(f"hold slow 1 {HIDDEN[1]} {HIDDEN[1] + BLOCK}", "hold")
    guest.sh(f"cat {events}; wait_for 60 eval 'dmesg | grep -q \"_OST CON2\"'")
    assert numbers(guest) == EXPECTED[:3], f"{numbers(guest)}: the new device is used before the end of the eject"
    guest.end_program("hold")
    ends(guest, "CON2.CON0", "firmware")
    assert ssdt.ejects(guest, "CON0") == 1
    assert numbers(guest) == EXPECTED, f"blocks {numbers(guest)}"
    first, *others = guest.zones(EXPECTED).values()
    assert first[0] == "offline" and set(others) == {("online", "Movable")}, f"{first} {others}"
    assert ssdt.eject_status(guest, "CON2.CON0.MEM1") == ("idle", {}), "the new device has the eject of the previous one"
