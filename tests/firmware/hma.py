# SPDX-License-Identifier: GPL-2.0
"""_HMA: the firmware returns new values for the speed of memory."""

import struct

import ssdt
from guest import OST_SUCCESS
from ssdt import CHECK, EJECT, HIDDEN, Device

SIZE = HIDDEN.step
UPDATE = 0xE                # of \\_SB: heterogeneous memory attributes
FILES = ("read_latency", "write_latency", "read_bandwidth", "write_bandwidth")
TYPES = (1, 2, 4, 5)        # of these in the table


def proximity(processor, memory):
    """ACPI 6.5, 5.2.28.3: the initiator next to the memory of a node."""
    return struct.pack("<HHIHHIIIQQ", 0, 0, 40, 1, 0, processor, memory, 0, 0, 0)


def locality(kind, figures, initiators=2, targets=None, length=None):
    """5.2.28.4: one figure for each target, the same from each initiator of two."""
    body = struct.pack(f"<2I{len(figures)}I{2 * len(figures)}H", 0, 1, *range(len(figures)), *figures, *figures)
    return struct.pack("<HHIBBBBIIIQ", 1, 0, 32 + len(body) if length is None else length, 0, kind, 0, 0, initiators,
                       len(figures) if targets is None else targets, 0, 1000 if kind < 3 else 1) + body


def table(*structures, signature=b"HMAT", revision=2, off=0, more=0):
    """The table, its checksum wrong by OFF and its length by MORE."""
    body = b"\0" * 4 + b"".join(structures)
    head = struct.pack("<4sIBB6s8sI4sI", signature, 36 + len(body) + more, revision, 0, b"TEST", b"TEST", 1, b"TEST", 1)
    return head[:9] + bytes([(off - sum(head + body)) % 256]) + head[10:] + body


def attributes(processor, *figures):
    """Figures of node 2, in the order of FILES; those of nodes 0 and 1 are half of it."""
    return table(proximity(0, 0), proximity(1, 1), proximity(processor, 2),
                 *(locality(kind, (f // 2, f // 2, f)) for kind, f in zip(TYPES, figures)))


def aml(buffer):
    return f"Buffer () {{ {', '.join(map(hex, buffer))} }}"


def shown(guest, node):
    """Of both access classes, which are the same here: the figures and the initiators."""
    classes = [guest.sh(f"cd /sys/devices/system/node/node{node}/access{c}/initiators && cat {' '.join(FILES)} && "
                        "ls -d node*").split() for c in (0, 1)]
    assert classes[0] == classes[1], f"node {node}: {classes}"
    return tuple(map(int, classes[0][:4])), classes[0][4:]


def targets(guest, initiator):
    return guest.sh(f"cd /sys/devices/system/node/node{initiator}/access0/targets && ls -d node* || true").split()


def load(guest, buffer):
    ssdt.load(guest, *(Device(f"MEM{n}", [(HIDDEN[n], SIZE)], node=2, sta=0) for n in (0, 1)))
    ssdt.load_table(guest, f"Scope (\\_SB) {{ Name (HMAB, {aml(buffer)})\n"
                    "Method (_HMA, 0, Serialized) { Return (HMAB) } }\n" + ssdt.press(guest))


def say(guest, buffer, *more):
    ssdt.do(guest, f"CopyObject ({aml(buffer)}, \\_SB.HMAB)", *more)


def come(guest, number):
    assert ssdt.notify(guest, f"MEM{number}", CHECK, sta=0xF) == OST_SUCCESS
    guest.set_blocks("online_movable", [HIDDEN[number] // SIZE])


@ssdt.machine(nodes=("1G", "1G", "0"), hmat=True)
def test_update(guest):
    """A node that gets its first memory, more memory, or only new values, shows the values of _HMA."""
    assert shown(guest, 0)[0] == (0, 0, 0, 0), "there are figures before _HMA"
    load(guest, attributes(0, 300, 400, 1000, 500))
    come(guest, 0)
    assert shown(guest, 2) == ((300, 400, 1000, 500), ["node0"]), f"node 2: {shown(guest, 2)}"
    assert shown(guest, 0) == ((150, 200, 500, 250), ["node0"]), f"node 0: {shown(guest, 0)}"

    say(guest, attributes(1, 310, 410, 1010, 510))
    come(guest, 1)
    assert shown(guest, 2) == ((310, 410, 1010, 510), ["node1"]), f"node 2 with more memory: {shown(guest, 2)}"
    assert (targets(guest, 0), targets(guest, 1)) == (["node0"], ["node1", "node2"]), "targets of initiators"

    say(guest, attributes(0, 320, 420, 1020, 520), f"Notify (\\_SB, {UPDATE:#x})")
    guest.sh("wait_for 60 grep -qx 320 /sys/devices/system/node/node2/access1/initiators/read_latency")
    guest.sh("wait_for 60 grep -qx 520 /sys/devices/system/node/node2/access1/initiators/write_bandwidth")
    assert shown(guest, 2) == ((320, 420, 1020, 520), ["node0"]), f"node 2 after an update: {shown(guest, 2)}"
    assert shown(guest, 1) == ((160, 210, 510, 260), ["node1"]), f"node 1 after an update: {shown(guest, 1)}"

    # If no initiator is local, the values are those of the best one.
    say(guest, table(*(locality(kind, (90, 90, 90)) for kind in TYPES)))
    assert ssdt.notify(guest, "MEM0", EJECT) == OST_SUCCESS and ssdt.notify(guest, "MEM1", EJECT) == OST_SUCCESS
    assert guest.sh("cat /sys/devices/system/node/online") == "0-1"
    assert targets(guest, 0) == ["node0"], "a link to a node that is gone"
    come(guest, 1)
    assert shown(guest, 2) == ((90, 90, 90, 90), ["node0", "node1"]), f"node 2, again: {shown(guest, 2)}"


@ssdt.machine(nodes=("1G", "1G", "0"), hmat=True)
def test_refused(guest):
    """An invalid table changes nothing, is reported in the log, and does not keep memory from being added."""
    good = attributes(0, 300, 400, 1000, 500)
    load(guest, good)
    come(guest, 0)
    before = [shown(guest, node) for node in (0, 1, 2)]
    bad = locality(1, (7, 7, 7))
    wrong = {"4 bytes": good[:4], "a header": good[:36], "cut": good[:-2], "a tail": good + b"\0" * 8,
             "checksum": table(bad, off=1), "length": table(bad, more=8), "signature": table(bad, signature=b"SRAT"),
             "revision": table(bad, revision=3), "bytes behind": table(bad, b"\1\0\0\0"),
             "no length": table(bad, locality(1, (7, 7, 7), length=0)),
             "too long": table(bad, locality(1, (7, 7, 7), length=1000)),
             "short proximity": table(bad, struct.pack("<HHIQ", 0, 0, 16, 0)),
             "short cache": table(bad, struct.pack("<HHIQ", 2, 0, 16, 0)),
             "one target more": table(bad, locality(1, (7, 7, 7), targets=4)),
             # The size of these is that of the header in 32 bits.
             "absurd": table(bad, locality(1, (7, 7, 7), initiators=0x80000000, targets=0x80000000)),
             "absurd initiators": table(bad, locality(1, (7, 7, 7), initiators=0xFFFFFFFF, targets=0)),
             "no such processor": table(bad, proximity(200, 2))}
    said = 0
    for what, buffer in wrong.items():
        say(guest, buffer, f"Notify (\\_SB, {UPDATE:#x})")
        said += 1
        guest.sh(f"wait_for 60 eval '[ $(dmesg | grep -c \"Firmware Bug.: _HMA\") = {said} ]'")
        assert [shown(guest, node) for node in (0, 1, 2)] == before, f"{what}: something changed"
    come(guest, 1)
    assert [shown(guest, node) for node in (0, 1, 2)] == before, "something changed when memory came"
    say(guest, attributes(0, 600, 400, 1000, 500), f"Notify (\\_SB, {UPDATE:#x})")
    guest.sh("wait_for 60 grep -qx 600 /sys/devices/system/node/node2/access1/initiators/read_latency")
