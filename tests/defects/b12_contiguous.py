# SPDX-License-Identifier: GPL-2.0
"""B12: whether a zone is contiguous was found out by walking all of it for each block."""

import random
import re

from guest import machine

STEPS = 300


def check(guest, what):
    """What zones say of themselves, against what their pages say; returns the zones."""
    zones = guest.sh("cat /sys/kernel/debug/mhp_zones", log=False).splitlines()
    for zone in zones:
        got = re.fullmatch(r"zone (\d+) (\w+) contiguous=(\d) really=(\d) span=(\w+)-(\w+) really=(\w+)-(\w+) "
                           r"present=(\d+) really=(\d+)", zone)
        assert got, zone
        assert got[3] == got[4], f"{what}: {zone}"
        if got[2] == "Movable":
            assert got[5] == got[7] and got[6] == got[8] and got[9] == got[10], f"{what}: {zone}"
    return [zone.split()[1:4] for zone in zones]


@machine(dimms=("1G:0", "1G:1"), timeout=400)
def test_oracle(guest):
    """After each of many random steps the numbers that are kept are those which a walk finds."""
    guest.sh("modprobe mhp_watch")
    seen = set()
    check(guest, "at boot")
    blocks = [int(number) for number in guest.sh("blocks_that_are offline").split()]
    online, dice = set(), random.Random(12)
    for step in range(STEPS):
        block = dice.choice(blocks)
        word = "offline" if block in online else "online_movable"
        guest.set_blocks(word, [block])
        online ^= {block}
        seen |= {tuple(zone) for zone in check(guest, f"step {step}, {word} {block}") if zone[1] == "Movable"}
    # Zones with a hole and zones without were among them, on both nodes.
    assert seen == {(node, "Movable", f"contiguous={c}") for node in "01" for c in "01"}, f"{seen}"
