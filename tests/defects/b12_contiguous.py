# SPDX-License-Identifier: GPL-2.0
"""B12: to find out whether a zone is contiguous took a walk over all of it for each block."""

import re

from guest import machine

STEPS = 5000


@machine(dimms=("1G:0", "1G:1"), timeout=900)
def test_oracle(guest):
    """After each of 5,000 random requests, the numbers of the zone are those that a walk finds."""
    guest.sh("modprobe mhp_watch")
    report = guest.sh(f"oracle {STEPS} 12")
    counts = {word: int(number) for word, number in re.findall(r"(\w+) (\d+)", report)}
    assert sum(counts[word] for word in ("movable", "kernel", "offline", "failed", "busy")) == STEPS, report
    # Zones with a hole and zones without were among them, and requests that failed.
    assert all(counts[word] > 100 for word in ("movable", "offline", "failed", "contiguous", "holes")), report
