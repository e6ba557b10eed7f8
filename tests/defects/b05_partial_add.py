# SPDX-License-Identifier: GPL-2.0
"""B5: if one range of a device could not be added, the others were, and the firmware was told of success."""

import ssdt
from guest import GIB, OST_NOT_ADDED, OST_NOT_USABLE, OST_SUCCESS
from ssdt import BUSY, CHECK, HIDDEN, Device

SIZE = HIDDEN.step


STATE = "mem_total; cat /proc/iomem; ls $memory $memory/groups"


def partial(guest, good, bad, answer=OST_NOT_ADDED):
    before = guest.sh(STATE)
    ssdt.load(guest, Device("MEM0", [good, bad], node=1, sta=0), Device("MEM1", [good], node=1, sta=0))
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == answer, "_OST does not say so"
    assert guest.sh(STATE) == before, "something of it is there"
    named = f"[mem {bad[0]:#010x}-{bad[0] + bad[1] - 1:#010x}"
    assert named in guest.sh("dmesg | grep 'PNP0C80:.* cannot be'"), f"the log does not name {named}"

    assert ssdt.notify(guest, "MEM1", CHECK, sta=0xF) == OST_SUCCESS, "another device cannot have the good range"
    assert guest.sh(f"blocks {good[0]} {sum(good)}"), "no block of it"


@ssdt.machine()
def test_busy_range(guest):
    """The second of two ranges belongs to something else: nothing is added."""
    partial(guest, (HIDDEN[0], 2 * SIZE), (BUSY, SIZE))


@ssdt.machine()
def test_taken(guest):
    """One of two ranges is that of another device."""
    ssdt.load(guest, Device("MEM2", [(HIDDEN[0], 2 * SIZE)], node=1))
    partial(guest, (HIDDEN[3], SIZE), (HIDDEN[1], SIZE))
    assert len(guest.sh(f"blocks {HIDDEN[0]} {HIDDEN[2]}").split()) == 2, "the other device lost its memory"


@ssdt.machine(cmdline="memhp_default_state=online")
def test_online_already(guest):
    """The good range was online as soon as it was added, and is removed again."""
    partial(guest, (HIDDEN[0], 2 * SIZE), (BUSY, SIZE))


@ssdt.machine()
def test_far_away(guest):
    """The second range cannot be addressed."""
    partial(guest, (HIDDEN[0], SIZE), (1 << 52, GIB), OST_NOT_USABLE)
