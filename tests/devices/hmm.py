# SPDX-License-Identifier: GPL-2.0
"""Device-private memory: ZONE_DEVICE for memory that CPUs cannot access."""

from guest import machine
from leaks import exact

TIMES = 50


@machine(timeout=600)
def test_migrate(guest):
    """Pages are moved to the memory of test_hmm's device and back; the device is added and removed."""
    guest.sh("modprobe test_hmm && modprobe -r test_hmm")
    before = exact(guest)
    for turn in range(TIMES):
        guest.sh("modprobe test_hmm && major=$(awk '$2 == \"HMM_DMIRROR\" { print $1 }' /proc/devices) && "
                 "rm -f /tmp/hmm && mknod /tmp/hmm c $major 0 && hmm /tmp/hmm && modprobe -r test_hmm", log=turn == 0)
    assert exact(guest) == before, "not as before"
