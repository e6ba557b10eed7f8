# SPDX-License-Identifier: GPL-2.0
"""Suspend and hibernation: no page moves meanwhile, and what was under way goes on afterwards, or was ended."""

import re

from guest import MIB, machine

BLOCK = 128 * MIB
PASSES = "mhp_offline_pass"
TRACE = "/sys/kernel/tracing"


def status(guest, dimm):
    return guest.sh(f"cat {dimm.dir}/eject_status").split()[0]


def pending(guest):
    """A DIMM whose eject is pending, as a page of it is pinned."""
    dimm = guest.plug("256M", 1)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_movable", blocks)
    dimm.dir = guest.sh(f"readlink -f $memory/memory{blocks[0]}/firmware_node")
    guest.start_program(f"load 60 1 {dimm.lo} {dimm.hi}", "load")
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.lo + BLOCK}", "hold")
    guest.sh(f"""cd {TRACE}
        echo 1 >events/power/suspend_resume/enable
        echo 1 >events/memory_hotplug/{PASSES}/enable
        expect OK {dimm.dir}/eject 1
        wait_for 30 grep -q {PASSES} trace""")
    assert status(guest, dimm) == "pending"
    return dimm


def still(guest):
    """No page was moved while the system slept."""
    asleep, moved, slept = False, [], 0
    for line in guest.sh(f"cat {TRACE}/trace", log=False).splitlines():
        if re.search(r"suspend_resume: freeze_processes\[\d+\] end", line):
            asleep, slept = True, slept + 1
        elif re.search(r"suspend_resume: thaw_processes\[\d+\] begin", line):
            asleep = False
        elif PASSES in line and asleep:
            moved.append(line)
    assert slept, "the trace does not tell of a sleep"
    assert not moved, f"pages moved meanwhile: {moved}"


def goes_on(guest, dimm):
    """The eject is pending still, and succeeds when nothing is in its way any more."""
    assert status(guest, dimm) == "pending", guest.sh(f"cat {dimm.dir}/eject_status")
    still(guest)
    guest.end_program("hold")
    assert guest.event(lambda what, data: what == "DEVICE_DELETED" and data.get("device") == dimm.name, 60), "not deleted"
    guest.qmp("object-del", id=f"{dimm.name}-ram")
    guest.dimms.pop(dimm.name)
    guest.sh("kill -TERM $(</tmp/load.pid); wait_for 60 eval '! kill -0 $(</tmp/load.pid) 2>/dev/null'; tail -n 1 /tmp/load.out")


@machine(timeout=300)
def test_suspend(guest):
    """An eject that is pending goes on after a suspend, and moves nothing during it."""
    dimm = pending(guest)
    guest.sh("echo freezer >/sys/power/pm_test; expect OK /sys/power/state freeze")
    goes_on(guest, dimm)


@machine(disk="1G", timeout=300)
def test_hibernate(guest):
    """An eject that is pending goes on after a hibernation, which holds device_hotplug_lock, and moves nothing during it."""
    guest.sh("modprobe virtio_blk; wait_for 30 test -b /dev/vda; mkswap /dev/vda; swapon /dev/vda")
    dimm = pending(guest)
    guest.sh("echo freezer >/sys/power/pm_test; echo test_resume >/sys/power/disk; expect OK /sys/power/state disk")
    goes_on(guest, dimm)


@machine(timeout=300)
def test_user(guest):
    """A suspend is not held up by an offline of a user, who is told; the block stays, and goes another time."""
    dimm = guest.plug("256M", 1)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_movable", blocks)
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.lo + BLOCK}", "hold")
    state = f"$memory/memory{blocks[0]}/state"
    guest.sh(f"""
        echo freezer >/sys/power/pm_test
        wr {state} offline >/tmp/answer &
        wait_for 30 grep -qx going-offline {state}
        expect OK /sys/power/state freeze
        wait
        grep -qx EBUSY /tmp/answer && grep -q 'reason=sleep ' $memory/memory{blocks[0]}/last_error""")
    assert guest.zones(blocks)[blocks[0]] == ("online", "Movable")
    guest.end_program("hold")
    guest.sh(f"expect OK {state} offline")
    assert guest.unplug(dimm).done


@machine(timeout=400)
def test_again_and_again(guest):
    """Memory comes, goes online and offline and leaves between and during suspends."""
    guest.sh("echo freezer >/sys/power/pm_test; echo 1 >/sys/module/suspend/parameters/pm_test_delay")
    dimm = guest.plug("512M", 1)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_movable", blocks)
    guest.start_program(f"load 100 1 {dimm.lo} {dimm.hi}", "load")
    guest.sh(f"""
        (while [ ! -e /tmp/end ]; do
            for block in {' '.join(map(str, blocks))}; do
                wr $memory/memory$block/state offline
                wr $memory/memory$block/state online_movable
            done
        done) >/tmp/answers 2>&1 &
        for ((i = 0; i < 3; i++)); do
            expect OK /sys/power/state freeze
        done
        touch /tmp/end; wait
        sort /tmp/answers | uniq -c
        ! sort -u /tmp/answers | grep -Evx 'OK|EBUSY|EINTR|EINVAL'""")
    assert guest.unplug(dimm).done
    guest.sh("kill -TERM $(</tmp/load.pid); wait_for 60 eval '! kill -0 $(</tmp/load.pid) 2>/dev/null'; tail -n 1 /tmp/load.out")
