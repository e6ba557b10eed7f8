# SPDX-License-Identifier: GPL-2.0
"""stress-ng beside plug and eject, on a machine with all of systemd's services."""

import time

from guest import machine

SECONDS = 160       # of an idle machine: all of them, two seconds each
# These fill the memory or poison it, or end programs.
EXCLUDED = "bigheap,brk,dev-shm,madvise,mlock,munmap,oom-pipe,resources,rmap,stack,tmpfs,vm-rw,watchdog"


# stress-ng has a stressor that writes bad headers of swap.
@machine(boot="systemd", root="base", nodes=("2G", "2G"), cmdline="memhp_default_state=online_movable", timeout=700,
         allow="Unable to handle swap header version")
def test_classes(guest):
    """Classes vm and memory in turn, while DIMMs come and go: each stressor ends well, and what was plugged goes."""
    guest.sh("(stress-ng --class vm,memory --sequential 2 --timeout 2s --vm-bytes 64M --metrics-brief --oomable "
             f"--exclude {EXCLUDED} >/tmp/stress.out 2>&1; echo $? >/tmp/stress.status) &\nwait_for 60 pgrep -x stress-ng")
    end, cycles, refused = time.monotonic() + guest.longer(SECONDS), 0, 0
    while time.monotonic() < end and guest.sh("[ -e /tmp/stress.status ] && echo over || true", log=False) != "over":
        dimm = guest.plug("256M", cycles % 2)
        while not guest.unplug(dimm).done:
            refused += 1
        cycles += 1
    guest.sh("pkill -INT -o -x stress-ng; wait_for 120 [ -e /tmp/stress.status ]", check=False)
    assert cycles >= 3, f"only {cycles} DIMMs came and went"
    assert not guest.sh("grep -E '(fail|error):' /tmp/stress.out || true"), guest.sh("cat /tmp/stress.out")
    assert not guest.sh("systemctl --failed --plain --no-legend")
    assert "PC-DIMM" not in guest.sh("cat /proc/iomem")
    return f"{cycles} cycles, {refused} ejects refused meanwhile"
