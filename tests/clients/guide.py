# SPDX-License-Identifier: GPL-2.0
"""The examples of the administrator's guide are run as they are, with another number of a block."""

import re

from guest import MIB, ROOT, machine

# It has a ring of io_uring, and locks its memory.
PINNER = """python3 -c 'import ctypes, mmap, time
libc = ctypes.CDLL(None)
ring = mmap.mmap(libc.syscall(425, 4, ctypes.create_string_buffer(120)), 4096)
print(libc.mlockall(1), flush=True)
time.sleep(1000)'"""
GUIDE = ROOT / "Documentation/admin-guide/mm/memory-hotplug.rst"


def examples(heading):
    """The literal blocks of a section, as shell scripts for a block."""
    section = re.search(rf"^{re.escape(heading)}\n[-=]+\n(.*?)(?=^[^\n]+\n[-=]{{3,}}$)", GUIDE.read_text(), re.M | re.S)[1]
    for block in re.findall(r"::\n\n((?:\t[^\n]*\n|\n)+)", section):
        yield re.sub(r"(?m)^\t", "", block).strip()


def run(guest, example, block):
    return guest.sh(re.sub(r"\b(memory)?40\b", rf"\g<1>{block}", example))


@machine(timeout=400)
def test_tasks(guest):
    """Using memory, looking at the ratio, finding out why a block does not go offline and who may pin its pages, an eject."""
    dimm = guest.plug("256M", 1)
    first, second = guest.blocks(dimm)
    adding, = examples("Adding memory")
    online, default, rule, _ = examples("Bringing it online (onlining)")     # distro/kdump has the last
    assert run(guest, online, first) == "online\nMovable"
    run(guest, default, first)
    assert guest.sh("cat $memory/auto_online_blocks") == "online_movable"
    assert 'ATTR{state}="online_movable"' in rule
    guest.sh(f"echo online_movable >$memory/memory{second}/state")
    ratio, = examples("How much ZONE_MOVABLE")
    assert re.match(r"all kernel=\d+ movable=65536 ratio=\d+\n", run(guest, ratio, first))

    why = next(examples("Memory does not go offline"))
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.lo + 128 * MIB}", "hold")
    guest.sh(f"expect EBUSY $memory/memory{first}/state offline")
    said = run(guest, why, first)
    # Pages of others may be held for a moment as well.
    assert "reason=pinned" in said and re.search(r" pinned=[1-9]", said) and "range=" in said, said
    assert "offline failed" in run(guest, adding, first)
    guest.end_program("hold")

    _, search = examples("Finding who pins a page")
    assert guest.start_program(PINNER, "pinner") == "0"
    said, pid = run(guest, search, first), guest.sh("cat /tmp/pinner.pid")
    assert f"/proc/{pid}/maps" in said and re.search(rf"/proc/{pid}/status:VmLck:\s+[1-9]", said), said
    guest.end_program("pinner")

    offline, eject = examples("Taking it offline and removing it (offlining, hotunplug)")
    said = run(guest, offline, first)
    assert "result=ok" in said and "wanted=1 done=1" in said, said
    said = run(guest, "cd /sys/devices/system/memory\n" + eject, first)
    assert said.startswith("done "), said
    assert not guest.blocks(dimm), "the DIMM stays"
