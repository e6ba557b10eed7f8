# SPDX-License-Identifier: GPL-2.0
"""Memory devices that QEMU does not have."""

import ssdt
from guest import MIB, OST_BUSY, OST_EJECT, OST_EJECT_IN_PROGRESS, OST_FAILURE, OST_IN_USE, OST_NOT_ADDED, OST_NOT_PERMITTED, OST_NOT_USABLE, OST_SUCCESS, OST_USER_EJECT
from ssdt import BUS_CHECK, CHECK, EJECT, HIDDEN, Device

SIZE = HIDDEN.step


def blocks(guest, *ranges):
    return [int(n) for base, size in ranges for n in guest.sh(f"blocks {base} {base + size}").split()]


FIGURES = "mem_total; cat /proc/iomem; ls $memory /sys/devices/system/node"


def figures(guest):
    return guest.sh(FIGURES)


@ssdt.machine()
def test_two_ranges(guest):
    """A device of two ranges with a hole in between is added, comes online and is ejected as a whole."""
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
    """One memory device of a container is ejected alone: it fails because of a pinned page, and succeeds later."""
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
    """In a container with a good and a bad memory device, the good one is used, and _OST reports the other."""
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
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0x3) == OST_NOT_ADDED, "_STA 0x3: enabled, not functional, and said to be added"
    assert not blocks(guest, (HIDDEN[0], SIZE)), "_STA 0x3: it is used"
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xB) == OST_SUCCESS
    assert blocks(guest, (HIDDEN[0], SIZE)), "_STA 0xb: it is not used"
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS, "it is there already"
    assert ssdt.notify(guest, "MEM0", EJECT) == OST_SUCCESS


# Firmware whose _EJ0 only begins the removal of a device. A management controller completes it later, or never.

def later(name, code=""):
    return f'Method (_EJ0, 1, Serialized) {{ Debug = "_EJ0 {name}" {code} }}'


def is_ejected(guest, path, *ranges, word="incomplete", source="firmware"):
    told, details = ssdt.eject_status(guest, path)
    assert (told, details.get("source")) == (word, source), f"{path}: {told} {details}"
    assert not blocks(guest, *ranges), f"{path}: its memory is there"


@ssdt.machine(timeout=400)
def test_ejected_later(guest):
    """_EJ0 succeeds, but the device stays enabled: it is not used until another eject removes it or a check adds it."""
    before = figures(guest)
    memory = HIDDEN[0], 2 * SIZE
    ssdt.load(guest, Device("MEM0", [memory], node=1, sta=0, ejectable=False, more=later("MEM0")))
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    guest.set_blocks("online_movable", blocks(guest, memory))
    assert ssdt.notify(guest, "MEM0", EJECT) == OST_SUCCESS
    is_ejected(guest, "MEM0", memory)
    assert figures(guest) == before, "not as before"

    ssdt.load(guest)        # this ends with a scan of all devices
    is_ejected(guest, "MEM0", memory)
    assert ssdt.notify(guest, "MEM0", EJECT) == OST_SUCCESS
    is_ejected(guest, "MEM0", memory)
    guest.sh(f"expect OK {ssdt.directory(guest, 'MEM0')}/eject 1; "
             f"wait_for 60 grep -q 'incomplete source=user' {ssdt.directory(guest, 'MEM0')}/eject_status")
    assert ssdt.ejects(guest, "MEM0") == 3, "firmware was not asked each time"

    assert ssdt.notify(guest, "MEM0", CHECK) == OST_SUCCESS
    assert ssdt.eject_status(guest, "MEM0")[0] == "idle"
    assert len(blocks(guest, memory)) == 2, "it has not come back"
    guest.set_blocks("online_movable", blocks(guest, memory))
    guest.sh("numactl -m 1 dd if=/dev/zero of=/dev/shm/data bs=1M count=100 status=none; rm /dev/shm/data")

    assert ssdt.notify(guest, "MEM0", EJECT) == OST_SUCCESS
    is_ejected(guest, "MEM0", memory)
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0) == OST_SUCCESS
    is_ejected(guest, "MEM0", memory, word="done")
    assert figures(guest) == before, "not as before"
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    assert len(blocks(guest, memory)) == 2, "another device in its place is not used"


@ssdt.machine(timeout=400)
def test_second_eject_fails(guest):
    """A second eject of a device that is still enabled fails, or is cancelled: the device stays out of use."""
    before = figures(guest)
    memory = HIDDEN[0], 2 * SIZE
    fails = "If (TRY) { Local0 = Zero Divide (One, Local0, , Local1) } TRY = 1"
    ssdt.load(guest, Device("MEM0", [memory], node=1, sta=0, ejectable=False, more="Name (TRY, 0)\n" + later("MEM0", fails)))
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    guest.set_blocks("online_movable", blocks(guest, memory))
    assert ssdt.notify(guest, "MEM0", EJECT) == OST_SUCCESS
    is_ejected(guest, "MEM0", memory)
    assert ssdt.notify(guest, "MEM0", EJECT) == 1, "the firmware is told that its _EJ0 has succeeded"
    assert ssdt.ejects(guest, "MEM0") == 2
    is_ejected(guest, "MEM0", memory)

    mem0 = ssdt.directory(guest, "MEM0")
    for count in range(1, 6):
        guest.sh(f"expect OK {mem0}/eject 1; wr {mem0}/eject_status cancel || true; "
                 f"wait_for 60 eval '[ $(dmesg | grep -c \"_OST MEM0 0x103 \") = {2 * count} ]'")
    is_ejected(guest, "MEM0", memory, source="user")
    assert figures(guest) == before, "not as before"
    assert ssdt.notify(guest, "MEM0", CHECK) == OST_SUCCESS
    assert ssdt.eject_status(guest, "MEM0") == ("idle", {})
    assert len(blocks(guest, memory)) == 2, "it has not come back"


@ssdt.machine()
def test_partly_offline_again(guest):
    """_EJ0 fails, and one of two blocks that were online cannot come online again: only this block has an error."""
    memory = HIDDEN[0], 3 * SIZE
    fails = later("MEM0", "Local0 = Zero Divide (One, Local0, , Local1)")
    ssdt.load(guest, Device("MEM0", [memory], node=1, sta=0, ejectable=False, more=fails))
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    first, middle, last = blocks(guest, memory)
    guest.set_blocks("online_movable", [first, last])
    guest.sh("echo 'online/zone/up -12' >/sys/kernel/debug/memory_hotplug/fail")
    assert ssdt.notify(guest, "MEM0", EJECT) == 1
    word, details = ssdt.eject_status(guest, "MEM0")
    assert (word, details["reason"]) == ("failed", "firmware"), f"{word} {details}"
    assert [state for state, _ in guest.zones([first, middle, last]).values()] == ["offline", "offline", "online"]
    assert guest.sh(f"cat $memory/memory{first}/last_error").startswith("verb=online err=-12 ")
    assert guest.sh(f"cat $memory/memory{last}/last_error") == "none", "a block that is online has the error of another"


@ssdt.machine(timeout=400)
def test_container_ejected_later(guest):
    """The same with a container of devices, for which _EJ0 has to be called twice."""
    before = figures(guest)
    memory = (HIDDEN[0], SIZE), (HIDDEN[2], SIZE)
    ssdt.load(guest, Device("BOX0", hid="ACPI0004", sta=0, ejectable=False, children=(
        Device("MEM0", [memory[0]], node=1, ejectable=False, more=later("MEM0")),
        Device("BOX1", hid="PNP0A05", children=(Device("MEM1", [memory[1]], node=1),))),
        more="Name (TRY_, 0)\n" + later("BOX0", "If (TRY) { _STA = 0 } TRY = 1 - TRY")))
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0xF) == OST_SUCCESS
    guest.set_blocks("online_movable", blocks(guest, *memory))
    assert ssdt.notify(guest, "BOX0", EJECT) == OST_SUCCESS
    is_ejected(guest, "BOX0", *memory)
    ssdt.load(guest)
    is_ejected(guest, "BOX0", *memory)
    assert ssdt.notify(guest, "BOX0.MEM0", EJECT) == OST_SUCCESS, "a device that is out of use"
    assert ssdt.notify(guest, "BOX0", EJECT) == OST_SUCCESS
    is_ejected(guest, "BOX0", *memory, word="done")
    assert figures(guest) == before, "not as before"

    # The state ends by a check of a device in the container.
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0xF) == OST_SUCCESS
    assert ssdt.notify(guest, "BOX0", EJECT) == OST_SUCCESS
    is_ejected(guest, "BOX0", *memory)
    assert ssdt.notify(guest, "BOX0.BOX1.MEM1", CHECK) == OST_SUCCESS
    assert len(blocks(guest, *memory)) == 2 and ssdt.eject_status(guest, "BOX0")[0] == "idle", "it has not come back"

    # A device of it that is removed later is not added again by a check of the others.
    assert ssdt.notify(guest, "BOX0.MEM0", EJECT) == OST_SUCCESS
    is_ejected(guest, "BOX0.MEM0", memory[0])
    assert ssdt.notify(guest, "BOX0", BUS_CHECK) == OST_SUCCESS
    is_ejected(guest, "BOX0.MEM0", memory[0])
    assert ssdt.notify(guest, "BOX0", EJECT) == OST_SUCCESS
    is_ejected(guest, "BOX0", *memory, word="done")
    is_ejected(guest, "BOX0.MEM0", word="done")
    assert figures(guest) == before, "not as before"


@ssdt.machine(timeout=400)
def test_both_ejected_later(guest):
    """A memory device and then the container above it are incomplete, and the container is removed: the next one is used."""
    memory = (HIDDEN[0], SIZE), (HIDDEN[2], SIZE)
    ssdt.load(guest, Device("BOX0", hid="ACPI0004", sta=0, ejectable=False, more=later("BOX0"), children=(
        Device("MEM0", [memory[0]], node=1, ejectable=False, more=later("MEM0")), Device("MEM1", [memory[1]], node=1))))
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0xF) == OST_SUCCESS
    for path in "BOX0.MEM0", "BOX0":
        assert ssdt.notify(guest, path, EJECT) == OST_SUCCESS
        is_ejected(guest, path, memory[0])
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0) == OST_SUCCESS
    for path in "BOX0.MEM0", "BOX0":
        is_ejected(guest, path, *memory, word="done")
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0xF) == OST_SUCCESS
    assert len(blocks(guest, *memory)) == 2, "a part of the next one is not used"


BRIDGE = """Device (PCI7) { Name (_HID, "PNP0A03") Name (_UID, 7) Name (_SEG, 0) Name (_BBN, 0x80) Name (_CRS, ResourceTemplate () {
    WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0x80, 0x8F, 0, 0x10) }) }"""


@ssdt.machine(timeout=400)
def test_bridge_ejected_later(guest):
    """A host bridge beside the memory is detached by the first eject only; a container that appears there later stays."""
    memory, bus = (HIDDEN[0], SIZE), "/sys/devices/pci0000:80"
    ssdt.load(guest, Device("BOX0", hid="ACPI0004", sta=0, ejectable=False, more=BRIDGE + later("BOX0"), children=(
        Device("MEM0", [memory], node=1), Device("BOX1", ranges=None, hid="PNP0A05", sta=0))))
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0xF) == OST_SUCCESS
    guest.sh(f"[ -e {bus} ]")
    for _ in range(2):
        assert ssdt.notify(guest, "BOX0", EJECT) == OST_SUCCESS
        is_ejected(guest, "BOX0", memory)
        guest.sh(f"[ ! -e {bus} ]")
    ssdt.do(guest, "\\_SB.BOX0.BOX1._STA = 0xF")
    ssdt.load(guest)        # this ends with a scan of all devices
    box1 = f"{ssdt.directory(guest, 'BOX0.BOX1')}/physical_node"
    guest.sh(f"[ -e {box1} ]")
    assert ssdt.notify(guest, "BOX0", CHECK) == OST_SUCCESS
    assert len(blocks(guest, memory)) == 1, "it has not come back"
    guest.sh(f"[ -e {bus} ] && [ -e {box1} ]")
    assert ssdt.notify(guest, "BOX0", EJECT) == OST_SUCCESS
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0) == OST_SUCCESS
    is_ejected(guest, "BOX0", memory, word="done")
    guest.sh(f"[ ! -e {bus} ]")


@ssdt.machine(timeout=400)
def test_bridge_without_memory(guest):
    """The same without memory; if _EJ0 fails the bridge is used again, and the next eject detaches it."""
    bus = "/sys/devices/pci0000:80"
    ssdt.load(guest, Device("BOX0", ranges=None, hid="ACPI0004", sta=0, ejectable=False, more="Name (TRY, 0)\n" + BRIDGE +
                            later("BOX0", "TRY++ If (TRY == 1 || TRY == 2) { Local0 = Zero Divide (One, Local0, , Local1) }")))
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0xF) == OST_SUCCESS
    box0 = ssdt.directory(guest, "BOX0")
    for _ in range(2):
        assert ssdt.notify(guest, "BOX0", EJECT) == OST_BUSY, "user space has not agreed"
        guest.sh(f"[ -e {bus} ] && echo 0 >{box0}/physical_node/online")
        assert ssdt.notify(guest, "BOX0", EJECT) == 1, "the firmware is told that its _EJ0 has succeeded"
        guest.sh(f"[ -e {bus} ] && [ $(<{box0}/physical_node/online) = 1 ]")
    guest.sh(f"echo 0 >{box0}/physical_node/online")
    for _ in range(3):
        assert ssdt.notify(guest, "BOX0", EJECT) == OST_SUCCESS
        is_ejected(guest, "BOX0")
        guest.sh(f"[ ! -e {bus} ]")
    assert ssdt.notify(guest, "BOX0", CHECK) == OST_SUCCESS
    assert ssdt.eject_status(guest, "BOX0") == ("idle", {})
    guest.sh(f"[ -e {bus} ] && echo 0 >{box0}/physical_node/online")
    assert ssdt.notify(guest, "BOX0", EJECT) == OST_SUCCESS
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0) == OST_SUCCESS
    is_ejected(guest, "BOX0", word="done")
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0xF) == OST_SUCCESS
    guest.sh(f"[ -e {bus} ]")


@ssdt.machine(timeout=400)
def test_stays_out_of_use(guest):
    """The firmware keeps a container with one that is incomplete: a host bridge in the latter is not used again, nor its memory."""
    memory, bus = (HIDDEN[0], SIZE), "/sys/devices/pci0000:80"
    ssdt.load(guest, Device("BOX0", hid="ACPI0004", sta=0, ejectable=False, more=later("BOX0", "Local0 = Zero Divide (One, Local0, , Local1)"),
                            children=(Device("BOX1", hid="PNP0A05", ejectable=False, more=BRIDGE + later("BOX1"),
                                             children=(Device("MEM0", [memory], node=1),)),)))
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0xF) == OST_SUCCESS
    assert ssdt.notify(guest, "BOX0.BOX1", EJECT) == OST_SUCCESS
    assert ssdt.notify(guest, "BOX0", EJECT) == 1
    is_ejected(guest, "BOX0.BOX1", memory)
    guest.sh(f"[ ! -e {bus} ]")
    assert ssdt.notify(guest, "BOX0.BOX1", CHECK) == OST_SUCCESS
    assert len(blocks(guest, memory)) == 1, "it has not come back"
    guest.sh(f"[ -e {bus} ]")


@ssdt.machine(timeout=400)
def test_stays_out_of_use_below(guest):
    """The firmware keeps a container without memory in one that is incomplete: its host bridge is not used again."""
    memory, bus = (HIDDEN[0], SIZE), "/sys/devices/pci0000:80"
    ssdt.load(guest, Device("BOX0", hid="ACPI0004", sta=0, ejectable=False, more=later("BOX0"), children=(
        Device("MEM0", [memory], node=1), Device("BOX1", ranges=None, hid="PNP0A05", ejectable=False, more=BRIDGE + later(
            "BOX1", "Local0 = Zero Divide (One, Local0, , Local1)")))))
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0xF) == OST_SUCCESS
    guest.sh(f"[ -e {bus} ]")
    assert ssdt.notify(guest, "BOX0", EJECT) == OST_SUCCESS
    is_ejected(guest, "BOX0", memory)
    assert ssdt.notify(guest, "BOX0.BOX1", EJECT) == 1
    guest.sh(f"[ ! -e {bus} ]")
    assert ssdt.notify(guest, "BOX0", CHECK) == OST_SUCCESS
    assert len(blocks(guest, memory)) == 1, "it has not come back"
    guest.sh(f"[ -e {bus} ]")


@ssdt.machine(timeout=400)
def test_removed_meanwhile(guest):
    """The firmware removes an incomplete device while an eject of the container above it fails: the next one in its place is used."""
    memory = (HIDDEN[0], SIZE), (HIDDEN[2], SIZE)
    ssdt.load(guest, Device("BOX0", hid="ACPI0004", sta=0, children=(
        Device("MEM0", [memory[0]], node=1, ejectable=False, more=later("MEM0")), Device("MEM1", [memory[1]], node=1))))
    assert ssdt.notify(guest, "BOX0", CHECK, sta=0xF) == OST_SUCCESS
    guest.set_blocks("online_movable", blocks(guest, *memory))
    assert ssdt.notify(guest, "BOX0.MEM0", EJECT) == OST_SUCCESS
    is_ejected(guest, "BOX0.MEM0", memory[0])
    meanwhile = ssdt.make_button(guest, "\\_SB.BOX0.MEM0._STA = 0", f"Notify (\\_SB.BOX0, {BUS_CHECK})")
    eject = ssdt.make_button(guest, f"Notify (\\_SB.BOX0, {EJECT})")
    guest.start_program(f"hold pin 1 {HIDDEN[2]} {HIDDEN[3]}", "hold")
    box0 = f"{ssdt.directory(guest, 'BOX0')}/eject_status"
    guest.sh(f"cat {eject}; wait_for 60 grep -q '^pending.* left=[1-9]' {box0}; cat {meanwhile}; wait_for 60 grep -q ^failed {box0}; "
             f"wait_for 60 grep -q ^done {ssdt.directory(guest, 'BOX0.MEM0')}/eject_status")
    ssdt.check_verdicts(guest, "BOX0", [OST_SUCCESS, OST_BUSY, OST_IN_USE])
    guest.end_program("hold")
    ssdt.do(guest, "\\_SB.BOX0.MEM0._STA = 0xF")
    assert ssdt.notify(guest, "BOX0", BUS_CHECK) == OST_SUCCESS
    assert len(blocks(guest, *memory)) == 2, "another device in its place is not used"
    assert ssdt.notify(guest, "BOX0", EJECT) == OST_SUCCESS
    assert not blocks(guest, *memory)


@ssdt.machine()
def test_asked_for_another(guest):
    """User space is asked for a device, which disappears: the request is not one for the next device in its place."""
    ssdt.load(guest, Device("MEM0", [(HIDDEN[0], SIZE)], node=1, sta=0))
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    mem0 = ssdt.directory(guest, "MEM0")
    guest.sh(f"expect OK {mem0}/eject_ask 1")
    ssdt.do(guest, f"Notify (\\_SB.MEM0, {EJECT})")
    guest.sh(f"wait_for 60 grep -q asked {mem0}/eject_status")
    ssdt.notify(guest, "MEM0", CHECK, sta=0)
    assert ssdt.eject_status(guest, "MEM0")[0] == "done", "user space is still asked"
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    assert ssdt.eject_status(guest, "MEM0") == ("idle", {})
    guest.sh(f"expect EINVAL {mem0}/eject_status cancel; expect OK {mem0}/eject 1; wait_for 60 grep -q done {mem0}/eject_status")
    ssdt.check_said(guest, "MEM0", [(OST_USER_EJECT, OST_EJECT_IN_PROGRESS), (OST_USER_EJECT, OST_SUCCESS)], -2)


@ssdt.machine(timeout=400)
def test_outdated(guest):
    """A device disappears, and another one comes, before an eject of the first is handled: that one is not ejected."""
    delay, notes = "/sys/module/mhp_watch/parameters/delay_ms", "/sys/kernel/debug/mhp_watch"
    memory = HIDDEN[0], SIZE
    # The next one is in the slot as soon as the firmware is told that the first has gone.
    ssdt.load(guest, Device("MEM0", [memory], node=1, sta=0, ost="If (Arg0 == 1) { _STA = 0xF }"),
              Device("MEM1", [(HIDDEN[1], SIZE)], node=1))
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    other, = blocks(guest, (HIDDEN[1], SIZE))
    state, eject = f"$memory/memory{other}/state", f"{ssdt.directory(guest, 'MEM0')}/eject"
    goes = "\\_SB.MEM0._STA = 0", f"Notify (\\_SB.MEM0, {CHECK})", "Sleep (200)", f"Notify (\\_SB.MEM0, {CHECK})", "Sleep (200)"
    guest.sh("modprobe mhp_watch")
    for source, statements, user in ((OST_EJECT, (*goes, f"Notify (\\_SB.MEM0, {EJECT})"), "true"),
                                     (OST_USER_EJECT, goes, f"expect OK {eject} 1")):
        guest.set_blocks("online_movable", [other])
        events, before = ssdt.make_button(guest, *statements), len(ssdt.said(guest, "_OST", "MEM0"))
        # An offline holds the lock, so that all of these requests wait.
        guest.sh(f"rm -f /tmp/offline; notes=$(grep -c ^GOING_OFFLINE {notes} || true); echo {guest.delay_ms(3)} >{delay}; "
                 f"wr {state} offline >/tmp/offline 2>&1 & wait_for 30 eval '[ $(grep -c ^GOING_OFFLINE {notes}) -gt '$notes' ]'; "
                 f"echo 0 >{delay}; cat {events}; {user}; [ ! -s /tmp/offline ]; "
                 f"wait_for 60 eval '[ $(dmesg | grep -c \"_OST MEM0\") -ge {before + 3} ]'; wait_for 30 grep -qx OK /tmp/offline")
        told = ssdt.said(guest, "_OST", "MEM0")[before:]
        assert told == [(CHECK, OST_SUCCESS), (CHECK, OST_SUCCESS), (source, OST_FAILURE)], f"_OST {told}"
        assert not ssdt.ejects(guest, "MEM0") and len(blocks(guest, memory)) == 1, "the next one was ejected"
    assert ssdt.notify(guest, "MEM0", EJECT) == OST_SUCCESS
    assert not blocks(guest, memory)


@ssdt.machine()
def test_container_for_another(guest):
    """The same with containers, one of them without memory; nor does the next one show that the previous one was ejected."""
    ssdt.load(guest, Device("BOX0", hid="ACPI0004", sta=0, children=(Device("MEM0", [(HIDDEN[0], SIZE)], node=1),)),
              Device("BOX1", hid="PNP0A05", sta=0, more='Device (DEV0) { Name (_HID, "TEST0002") }'))
    for name, below in ("BOX0", ("\\_SB.BOX0.MEM0._STA = 0",)), ("BOX1", ()):
        assert ssdt.notify(guest, name, CHECK, sta=0xF) == OST_SUCCESS
        box = ssdt.directory(guest, name)
        guest.sh(f"expect OK {box}/eject_ask 1")
        ssdt.do(guest, *below, f"Notify (\\_SB.{name}, {EJECT})")
        guest.sh(f"wait_for 60 grep -q asked {box}/eject_status")
        ssdt.notify(guest, name, CHECK, sta=0)
        ssdt.do(guest, *(statement + "xF" for statement in below))
        assert ssdt.notify(guest, name, CHECK, sta=0xF) == OST_SUCCESS
        assert ssdt.eject_status(guest, name) == ("idle", {}), f"{name}: user space is still asked"
        guest.sh(f"expect EINVAL {box}/eject_status cancel; expect OK {box}/eject 1; wait_for 60 grep -q done {box}/eject_status")
        ssdt.check_said(guest, name, [(OST_USER_EJECT, OST_EJECT_IN_PROGRESS), (OST_USER_EJECT, OST_SUCCESS)], -2)
        assert ssdt.notify(guest, name, CHECK, sta=0xF) == OST_SUCCESS
        assert ssdt.eject_status(guest, name) == ("idle", {}), f"{name}: the eject of the previous one"


@ssdt.machine()
def test_answers_in_order(guest):
    """Firmware with a slow _OST is told that its request was declined before it is told of the next eject."""
    memory = HIDDEN[0], SIZE
    ssdt.load(guest, Device("MEM0", [memory], node=1, sta=0, ost=f"If (Arg1 == {OST_NOT_PERMITTED}) {{ Sleep (3000) }}"))
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    mem0 = ssdt.directory(guest, "MEM0")
    guest.sh(f"expect OK {mem0}/eject_ask 1")
    ssdt.do(guest, f"Notify (\\_SB.MEM0, {EJECT})")
    guest.sh(f"wait_for 60 grep -q asked {mem0}/eject_status; wr {mem0}/eject_status cancel >/tmp/cancel & "
             f"wait_for 60 grep -q failed {mem0}/eject_status; expect OK {mem0}/eject 1; "
             f"wait_for 60 grep -q done {mem0}/eject_status; wait; grep -qx OK /tmp/cancel")
    ssdt.check_said(guest, "MEM0", [
        (OST_EJECT, OST_EJECT_IN_PROGRESS), (OST_EJECT, OST_NOT_PERMITTED),
        (OST_USER_EJECT, OST_EJECT_IN_PROGRESS), (OST_USER_EJECT, OST_SUCCESS)], 1)


@ssdt.machine()
def test_cancel_too_late(guest):
    """When the firmware has been told to eject, a cancel is refused, and the eject ends as if there had been none."""
    memory = HIDDEN[0], SIZE
    ssdt.load(guest, Device("MEM0", [memory], node=1, sta=0, ejectable=False, more=later("MEM0", "Sleep (6000) _STA = 0")))
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    mem0 = ssdt.directory(guest, "MEM0")
    ssdt.do(guest, f"Notify (\\_SB.MEM0, {EJECT})")
    guest.sh(f"wait_for 60 eval 'dmesg | grep -q \"_EJ0 MEM0\"'; grep -q ^pending {mem0}/eject_status; "
             f"expect EBUSY {mem0}/eject_status cancel; wait_for 60 grep -q ^done {mem0}/eject_status; "
             f"expect EINVAL {mem0}/eject_status cancel")
    assert not blocks(guest, memory)


@ssdt.machine(cmdline="slub_debug=FZPU", timeout=600)
def test_cancel_or_eject(guest):
    """One user ejects and one declines a request of the firmware, repeatedly: the firmware gets one answer each time."""
    rounds, memory = 25, (HIDDEN[0], SIZE)
    ssdt.load(guest, Device("MEM0", [memory], node=1, sta=0), Device("MEM1", [(HIDDEN[2], SIZE)], node=1, sta=0))
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    mem0 = ssdt.directory(guest, "MEM0")
    ask = ssdt.make_button(guest, f"Notify (\\_SB.MEM0, {EJECT})")
    check = ssdt.make_button(guest, "\\_SB.MEM0._STA = 0xF", f"Notify (\\_SB.MEM0, {CHECK})")
    # Requests wait in a queue: when this one is answered, those before it have begun.
    behind = ssdt.make_button(guest, f"Notify (\\_SB.MEM1, {CHECK})")
    guest.sh(f"""expect OK {mem0}/eject_ask 1
        settled() {{ grep -q 'done\\|failed' {mem0}/eject_status; }}
        for ((i = 0; i < {rounds}; i++)); do
            cat {ask} && wait_for 60 grep -q asked {mem0}/eject_status
            (wr {mem0}/eject 1; wr {mem0}/eject 1) >/dev/null &
            (for j in 1 2 3 4 5; do wr {mem0}/eject_status cancel; done) >/dev/null &
            wait; cat {behind}; wait_for 60 eval '[ $(dmesg | grep -c "_OST MEM1") = '$((i + 1))' ]'; wait_for 60 settled
            [ -e $memory/memory{HIDDEN[0] // SIZE} ] || {{ cat {check}; wait_for 60 [ -e $memory/memory{HIDDEN[0] // SIZE} ]; }}
        done""")

    def answers():
        return [status for source, status in ssdt.said(guest, "_OST", "MEM0") if source == OST_EJECT and status != OST_EJECT_IN_PROGRESS]

    ssdt.once(guest, lambda: len(answers()), rounds)
    finals = answers()
    assert len(finals) == rounds, f"{len(finals)} answers to {rounds} requests: {ssdt.said(guest, '_OST', 'MEM0')}"
    return f"{finals.count(OST_SUCCESS)} ejected, {finals.count(OST_NOT_PERMITTED)} declined, of {rounds}"


@ssdt.machine()
def test_storm(guest):
    """Firmware that notifies a device a hundred times at once does not fill the log."""
    ssdt.load(guest, Device("MEM0", [(HIDDEN[0], SIZE // 2)], node=1, sta=0), Device("MEM1", [(HIDDEN[1], SIZE)], node=1, sta=0),
              Device("MEM2", [(1 << 60, SIZE)], node=1, sta=0))
    assert ssdt.notify(guest, "MEM1", CHECK, sta=0xF) == OST_SUCCESS
    guest.set_blocks("online_movable", blocks(guest, (HIDDEN[1], SIZE)))
    guest.start_program(f"hold pin 1 {HIDDEN[1]} {HIDDEN[2]}", "hold")
    for name, what, answers in (("MEM0", CHECK, 100), ("MEM1", EJECT, 100), ("MEM2", CHECK, 100)):
        before = len(ssdt.verdicts(guest, name))
        ssdt.do(guest, f"\\_SB.{name}._STA = 0xF", "Local0 = 100", f"While (Local0) {{ Notify (\\_SB.{name}, {what}) Local0-- }}")
        guest.sh(f"wait_for 100 eval '[ $(dmesg | grep \"_OST {name}\" | grep -vc \" 0x84\\\"\") = {before + answers} ]'")
    lines = [line for line in guest.sh("dmesg").splitlines() if "PNP0C80:" in line or "memory_hotplug:" in line]
    assert len(lines) < 150, f"{len(lines)} lines in the log"
    return f"{len(lines)} lines"


@ssdt.machine()
def test_not_removed(guest):
    """If memory cannot be removed, its device is not ejected, and is used as before, in the same group."""
    memory = HIDDEN[0], 2 * SIZE
    groups = guest.sh("ls $memory/groups")
    ssdt.load(guest, Device("MEM0", [memory], node=1, sta=0))
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    guest.set_blocks("online_movable", blocks(guest, memory))
    state = (f"lsmem -a -b -o RANGE,STATE,BLOCK,ZONES,NODE; {FIGURES}; [ -L $memory/memory{HIDDEN[0] // SIZE}/firmware_node ]; "
             f"cat $memory/memory{HIDDEN[0] // SIZE}/group; ls $memory/groups")
    before = guest.sh(state)
    guest.sh("echo 'add/blocks/down -12' >/sys/kernel/debug/memory_hotplug/fail")
    assert ssdt.notify(guest, "MEM0", EJECT) == 1
    word, details = ssdt.eject_status(guest, "MEM0")
    assert (word, details["reason"]) == ("failed", "internal"), f"{word} {details}"
    assert not ssdt.ejects(guest, "MEM0"), "the firmware took it"
    assert guest.sh(state) == before, "not as before"
    assert ssdt.notify(guest, "MEM0", EJECT) == OST_SUCCESS
    assert not blocks(guest, memory)
    assert guest.sh("ls $memory/groups") == groups, "its group is still there"


PARTS = (Device("MEM0", [(768 * MIB, 256 * MIB)], node=0), Device("MEM1", [(640 * MIB, 128 * MIB)], node=0))


@ssdt.machine(devices=PARTS, cmdline="memory_block_size=256M memmap=128M$768M")
def test_part_vanishes(guest):
    """Boot memory disappears without an eject: a block with a hole, and one of which it is a half, stay online."""
    assert guest.sh("block_size") == str(256 * MIB)
    assert guest.sh("cat $memory/memory3/firmware_node/path") == "\\_SB_.MEM0"
    before = figures(guest)
    for name in ("MEM0", "MEM1"):
        ssdt.notify(guest, name, CHECK, sta=0)
    log = guest.sh("dmesg")
    assert log.count("has gone without an eject") == 2, "not what the log says"
    assert "has gone while it was online" not in log, "data of other memory was given up"
    said = guest.sh("cat $memory/memory3/last_error")
    assert said.startswith("verb=lose err=-22 reason=holes ") and "step=check" in said, said
    assert guest.sh("cat $memory/memory2/last_error") == "none", "a block of which a part has gone was given up"
    assert set(guest.sh("cat $memory/memory[23]/state").split()) == {"online"}
    assert figures(guest) == before, "not as before"
    assert guest.sh("awk '$1 == \"HardwareCorrupted:\" { print $2 }' /proc/meminfo") == "0", "pages are poisoned"


# Boot memory as real firmware describes it: with holes, with parts that the kernel does not use, and in pieces.
BOOT = (Device("MEM0", [(512 * MIB, 384 * MIB), (1 << 60, SIZE), (HIDDEN[4], SIZE // 2), (HIDDEN[6], SIZE)], node=0),
        Device("MEM1", [(HIDDEN[5], 4096)], node=0),
        Device("MEM2", [(896 * MIB + 4096, SIZE // 2)], node=0))


@ssdt.machine(devices=BOOT, cmdline="movablecore=512M memmap=128M$768M")
def test_at_boot(guest):
    """A device with boot memory has the ranges that can be used, and can be ejected; a plugged one has all or none."""
    firmware = dict(line.split(":") for line in guest.sh(
        "cd $memory; for block in memory[0-9]*; do "
        "echo $block:$(cat $block/firmware_node/path 2>/dev/null); done").splitlines())
    assert "memory6" not in firmware, "there is no hole"
    assert {block for block, path in firmware.items() if path == "\\_SB_.MEM0"} == {"memory4", "memory5"}, f"{firmware}"
    assert {block for block, path in firmware.items() if path == "\\_SB_.MEM2"} == {"memory7"}, f"{firmware}"
    guest.sh("""cd $memory
        for block in 4 7; do
            name=$(basename "$(readlink -f memory$block/firmware_node)")
            [ $(<memory$block/phys_device) = $((16#${name#*:})) ] || fail "$block is of $name, and says $(<memory$block/phys_device)"
        done
        [ $(<memory0/phys_device) = 0 ]""")
    log = guest.sh("dmesg")
    for base, size in (*BOOT[0].ranges[1:], *BOOT[1].ranges):
        assert f"[mem {base:#010x}-{base + size - 1:#010x}] cannot be" in log, f"the log does not name {base:#x}"
    assert log.count("the rest of the device may") == 3 and log.count("nor can the device") == 1, "not what the log says"

    # Half blocks cannot be removed without the memory of other devices.
    assert ssdt.notify(guest, "MEM2", EJECT) == OST_NOT_PERMITTED
    assert ssdt.eject_status(guest, "MEM2")[1]["reason"] == "range"
    assert ssdt.notify(guest, "MEM0", EJECT) == OST_SUCCESS
    assert not blocks(guest, (512 * MIB, 384 * MIB)) and ssdt.eject_status(guest, "MEM0")[0] == "done"
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_NOT_USABLE
    assert not blocks(guest, (512 * MIB, 384 * MIB)), "a part of what is plugged is used"


@ssdt.machine(devices=(Device("MEM0", [(0, 512 * MIB)], node=0),))
def test_address_zero(guest):
    """Boot memory that begins at address 0 is refused like other memory of the kernel, and nothing changes."""
    before = figures(guest)
    assert guest.sh("cat $memory/memory0/firmware_node/path") == "\\_SB_.MEM0", "the device is not used"
    assert ssdt.notify(guest, "MEM0", EJECT) == OST_NOT_PERMITTED
    word, details = ssdt.eject_status(guest, "MEM0")
    assert (word, details["status"]) == ("failed", hex(OST_NOT_PERMITTED)), f"{word} {details}"
    assert not ssdt.ejects(guest, "MEM0") and figures(guest) == before, "not as before"
    assert ssdt.notify(guest, "MEM0", EJECT) == OST_NOT_PERMITTED
