# SPDX-License-Identifier: GPL-2.0
"""The modules of samples/memory-hotplug, which Documentation/core-api/memory-hotplug.rst includes."""

from guest import MIB, machine

START, SIZE = 0x50000000, 256 * MIB     # hidden by the command line
DRIVER = f"mhp_driver start={START:#x} size={SIZE:#x} nid=1"
UNPLUG = "/sys/module/mhp_driver/parameters/unplug"
NOTIFIER = "/sys/module/mhp_notifier/parameters"
STATE = "mem_total; cat /proc/iomem; ls $memory $memory/groups"


def told(guest):
    """Tables of the notifier, calls of it since the last time, ranges that are going offline."""
    tables, calls, going = map(int, guest.sh(f"cd {NOTIFIER} && cat tables calls going_offline").split())
    told.calls, new = calls, calls - told.calls
    return tables, new, going


@machine(cmdline=f"memmap={SIZE:#x}%{START:#x}-1")
def test_driver_and_notifier(guest):
    """A driver adds memory and removes it; a notifier follows it, refuses, and agrees."""
    guest.need(modules=("mhp_notifier",))
    told.calls = 0
    before = guest.sh(STATE)
    for bad in ("start=0", f"start={START + 4096:#x}", "nid=77", "nid=-1", "nid=1000000"):
        # modprobe takes EEXIST for a module that is loaded already.
        guest.sh(f"modprobe {DRIVER} {bad}; [ ! -e /sys/module/mhp_driver ]")
    assert guest.sh(STATE) == before, "a range that is refused leaves something"

    guest.sh(f"modprobe {DRIVER}")
    blocks = [int(block) for block in guest.sh(f"blocks {START} {START + SIZE}").split()]
    assert guest.sh(f"cat $memory/groups/$(<$memory/memory{blocks[0]}/group)/owner") == "mhp_driver"
    assert "System RAM (mhp_driver)" in guest.sh("cat /proc/iomem")
    place = f"{blocks[0]}-{blocks[-1]}"
    guest.ask(f"online_movable {place}")
    assert told(guest) == (len(blocks), 3, 0), "not one notification for all blocks"

    guest.start_program(f"hold page 1 {START} {START + SIZE}", "hold")
    guest.sh(f"echo 1 >{NOTIFIER}/refuse; expect EBUSY {UNPLUG} 1")
    assert told(guest) == (len(blocks), 2, 0), "the notifier that refused is not told of the cancel"
    assert set(guest.zones(blocks).values()) == {("online", "Movable")}
    failed = guest.sh(f"cat $memory/memory{blocks[0]}/last_error")
    assert "reason=notifier" in failed and "sample_call" in failed, failed
    guest.sh("! rmmod mhp_driver")

    guest.sh(f"echo 0 >{NOTIFIER}/refuse; expect OK {UNPLUG} 1; expect ENODEV {UNPLUG} 1")
    assert told(guest) == (0, 3, 0)
    guest.end_program("hold")
    guest.sh("rmmod mhp_driver mhp_notifier")
    assert guest.sh(STATE) == before, "not as before"
