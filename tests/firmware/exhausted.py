# SPDX-License-Identifier: GPL-2.0
"""Little kernel memory: plugged memory must not use all of it, and is refused if there is too little."""

import re

from guest import MIB, GuestError, machine

SMALL = {"nodes": ("256M",), "cmdline": "memhp_default_state=online_movable page_table_check=off", "timeout": 400}


def plug_and_look(guest, times):
    """DIMMs of 256 MiB, one by one, and an agent that looks after each; what became of them, for people."""
    refused = 0
    for number in range(times):
        try:
            dimm = guest.plug(256 * MIB, 0)
            refused += dimm.events[0]["data"]["info"]["status"] != 0
            guest.zones(guest.blocks(dimm))
        except GuestError as error:
            raise GuestError(f"DIMM {number} of {times}: {error}") from None
    return f"{refused} were refused, MemTotal {int(guest.sh('mem_total')) // 1024} MiB"


@machine(room="20G", **SMALL)
def test_agent(guest):
    """60 DIMMs of 256 MiB, all of them movable, with an agent for each: no OOM kill, and the machine works."""
    return plug_and_look(guest, 60)


@machine(room="20G", **SMALL)
def test_less(guest):
    """The same with 64 MiB of it in use, which is where memory ran out earlier."""
    guest.sh("dd if=/dev/zero of=/tmp/ballast bs=1M count=64 status=none")
    said = plug_and_look(guest, 60)
    # Before it was too late, and not all of them: the first fitted elsewhere.
    hosted = [int(left) for left in re.findall(r"hosts its own memmap .* as (\d+) of", guest.sh("dmesg"))]
    assert hosted and min(hosted) > 16, f"the kernel had so many MiB left each time: {hosted}"
    return said


@machine(virtio_mem="24G:0", **SMALL)
def test_refused(guest):
    """virtio-mem, whose memmap lies elsewhere: too much memory is refused with a reason, without an OOM kill."""
    guest.sh("modprobe virtio_mem")
    guest.qmp("qom-set", path="/machine/peripheral/vm0", property="requested-size", value=24 << 30)
    guest.sh("wait_for 200 eval 'dmesg | grep -q \"add failed (-12): the kernel has no memory\"'")
    line = guest.sh("dmesg | grep 'KiB of kernel memory' | head -n 1")
    left, managed = map(int, re.search(r"of which (\d+) of (\d+) MiB", line).groups())
    assert left < managed / 8, line
    plugged = guest.qmp("qom-get", path="/machine/peripheral/vm0", property="size")
    assert 1 << 30 < plugged < 24 << 30, f"{plugged >> 20} MiB are plugged"
    # The machine lives, and gets the rest back.
    guest.sh("for i in 1 2 3; do ls -R /sys/devices/system/memory >/dev/null; sleep 1; done")
    guest.resize(0, 200)
