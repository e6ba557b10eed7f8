# SPDX-License-Identifier: GPL-2.0
"""Suspend and hibernation: no page is moved meanwhile, and requests continue afterwards, or were ended."""

import re

from guest import MIB, machine

BLOCK = 128 * MIB
PASSES = "mhp_offline_pass"
TRACE = "/sys/kernel/tracing"
# Also trace to the console, as a restored kernel does not have the trace since its image was made.
TRACED = f"no_console_suspend tp_printk trace_event=memory_hotplug:{PASSES}"


def status(guest, dimm):
    return guest.sh(f"cat {dimm.dir}/eject_status").split()[0]


def plug(guest):
    guest.sh("echo online_movable >$memory/auto_online_blocks")
    dimm = guest.plug("256M", 1)
    blocks = guest.blocks(dimm)
    dimm.dir = guest.sh(f"readlink -f $memory/memory{blocks[0]}/firmware_node")
    return dimm, blocks


def pin(guest, dimm):
    return int(guest.start_program(f"hold pin 1 {dimm.lo} {dimm.lo + BLOCK}", "hold").split()[-1], 0)


def going(guest):
    """Eject a DIMM that is in use and has a pinned page."""
    dimm, _ = plug(guest)
    guest.start_program(f"load 60 1 {dimm.lo} {dimm.hi}", "load")
    pin(guest, dimm)
    return dimm


def begin(dimm):
    return f"expect OK {dimm.dir}/eject 1; wait_for 30 grep -q {PASSES} {TRACE}/trace"


def go_on(dimm):
    """The eject is pending still, and moves pages again. Then nothing is in its way any more."""
    return f"""
        is_pending
        count=$(passes)
        wait_for 30 eval '[ $(passes) -gt $count ]'
        kill $(</tmp/hold.pid); wait_for 100 eval '! kill -0 $(</tmp/hold.pid) 2>/dev/null'"""


def script(guest, dimm, *commands):
    """At once: an eject that a page is in the way of ends after some seconds, and this host may be a slow one."""
    guest.sh("\n".join((f"""
        is_pending() {{ read -r word rest <{dimm.dir}/eject_status; [ $word = pending ] || fail "$word $rest"; }}
        passes() {{ grep -c {PASSES} {TRACE}/trace; }}""",) + commands))


def sleep_through(guest, *sleeps):
    dimm = going(guest)
    script(guest, dimm, begin(dimm), "\nis_pending\n".join(sleeps), go_on(dimm))
    still(guest, len(sleeps))
    ejected(guest, dimm)


def still(guest, sleeps=1):
    """No page was moved while the system slept."""
    asleep, moved, slept = False, [], 0
    for line in guest.console_path.read_text(errors="replace").splitlines():
        if "Freezing user space processes completed" in line:
            asleep, slept = True, slept + 1
        elif "Restarting tasks" in line:
            asleep = False
        elif PASSES in line and asleep:
            moved.append(line)
    assert slept >= sleeps and not asleep, f"{slept} sleeps are told of"
    assert not moved, f"pages moved meanwhile: {moved}"


def passes(guest):
    return int(guest.sh(f"grep -c {PASSES} {TRACE}/trace || true"))


def end_load(guest):
    guest.sh("kill -TERM $(</tmp/load.pid); wait_for 60 eval '! kill -0 $(</tmp/load.pid) 2>/dev/null'; tail -n 1 /tmp/load.out")


def ejected(guest, dimm):
    assert guest.event(lambda what, data: what == "DEVICE_DELETED" and data.get("device") == dimm.name, guest.longer(60)), "not deleted"
    guest.qmp("object-del", id=f"{dimm.name}-ram")
    guest.dimms.pop(dimm.name)
    end_load(guest)


@machine(cmdline=TRACED, timeout=300)
def test_suspend(guest):
    """A pending eject continues after a suspend, and moves no page during it; suspends only to the freezer."""
    sleep_through(guest, "echo freezer >/sys/power/pm_test; expect OK /sys/power/state freeze")


@machine(disk="1G", cmdline=TRACED, timeout=300)
def test_hibernate(guest):
    """The same with a hibernation, which holds device_hotplug_lock; only to the freezer."""
    guest.sh("modprobe virtio_blk; wait_for 30 test -b /dev/vda; mkswap /dev/vda; swapon /dev/vda")
    sleep_through(guest, "echo freezer >/sys/power/pm_test; echo test_resume >/sys/power/disk; expect OK /sys/power/state disk")


@machine(own_root=True, cmdline=TRACED, timeout=300)
def test_devices(guest):
    """The same with suspends in which devices, the platform and all CPUs but one sleep as well."""
    levels = ("devices", "freeze"), ("platform", "freeze"), ("core", "mem")
    sleep_through(guest, *(f"echo {level} >/sys/power/pm_test; expect OK /sys/power/state {state}" for level, state in levels))


@machine(own_root=True, disk="1G", cmdline=TRACED, timeout=400)
def test_image(guest):
    """An image is made, written to swap, read and restored during an eject, which continues in the restored kernel."""
    guest.sh("modprobe virtio_blk; wait_for 30 test -b /dev/vda; mkswap /dev/vda; swapon /dev/vda")
    sleep_through(guest, "echo 0 >/sys/power/image_size; echo test_resume >/sys/power/disk; expect OK /sys/power/state disk")
    console = guest.console_path.read_text(errors="replace")
    assert re.search(r"Wrote \d+ kbytes", console) and re.search(r"Read \d+ kbytes", console), "no image was written and read"


@machine(cmdline=TRACED, timeout=300)
def test_snapshot_device(guest):
    """While /dev/snapshot is open, offlines are refused, and an eject waits; it can be cancelled, or continues later."""
    dimm, blocks = plug(guest)
    snapshot = "bash -c 'echo open; exec sleep 10000' </dev/snapshot"
    guest.start_program(snapshot, "snapshot")
    guest.sh(f"""expect EBUSY $memory/memory{blocks[0]}/state offline
        grep 'reason=sleep ' $memory/memory{blocks[0]}/last_error
        expect_ask EBUSY 'offline {blocks[0]}-{blocks[-1]}'
        grep '^request .*reason=sleep' /run/answer
        expect OK {dimm.dir}/eject 1
        sleep 1""")
    assert status(guest, dimm) == "pending" and not passes(guest)
    guest.sh(f"expect OK {dimm.dir}/eject_status cancel")
    guest.end_program("snapshot")
    guest.sh(f"wait_for 30 grep ^failed.*reason=cancelled {dimm.dir}/eject_status")
    assert set(guest.zones(blocks).values()) == {("online", "Movable")} and not passes(guest)

    guest.start_program(f"load 60 1 {dimm.lo} {dimm.hi}", "load")
    pin(guest, dimm)
    script(guest, dimm, begin(dimm), f"""
        {snapshot} >/tmp/snapshot.out & open=$!
        wait_for 30 grep -q open /tmp/snapshot.out
        count=$(passes)
        sleep 1
        is_pending; [ $(passes) = $count ] || fail "pages moved"
        kill $open; wait $open || true""", go_on(dimm))
    ejected(guest, dimm)


@machine(cmdline=TRACED, timeout=300)
def test_user(guest):
    """A suspend ends the offline of a user with a reason; the block stays online, and goes offline later."""
    dimm, blocks = plug(guest)
    pin(guest, dimm)
    state = f"$memory/memory{blocks[0]}/state"
    for ask in (f"wr {state} offline", f"ask 'offline {blocks[0]}-{blocks[-1]} best-effort' /tmp/lines"):
        guest.sh(f"""
            echo freezer >/sys/power/pm_test
            {ask} >/tmp/answer &
            wait_for 30 grep -qx going-offline {state}
            expect OK /sys/power/state freeze
            wait $!
            cat /tmp/answer; grep -qx EBUSY /tmp/answer && grep -q 'reason=sleep ' $memory/memory{blocks[0]}/last_error""")
        assert guest.zones(blocks)[blocks[0]] == ("online", "Movable")
    still(guest, 2)
    guest.end_program("hold")
    guest.sh(f"expect OK {state} offline")
    assert guest.unplug(dimm).done


@machine(virtio_mem="1G:1", cmdline=TRACED, timeout=300)
def test_virtio_mem(guest):
    """A device that shrinks continues after a suspend; it prevents hibernation, after which memory goes offline."""
    dimm, blocks = plug(guest)
    guest.sh("modprobe virtio_mem")
    guest.resize(512 * MIB)
    guest.sh(f"expect EPERM /sys/power/state disk; expect OK $memory/memory{blocks[0]}/state offline")
    guest.start_program("load 400 1 0 0x7fffffffffff", "load")
    guest.qmp("qom-set", path="/machine/peripheral/vm0", property="requested-size", value=128 * MIB)
    guest.sh("echo freezer >/sys/power/pm_test; expect OK /sys/power/state freeze")
    still(guest)
    guest.resize(128 * MIB)
    end_load(guest)
    assert guest.unplug(dimm).done


@machine(timeout=400)
def test_again_and_again(guest):
    """Memory is added, brought online, taken offline and removed between and during suspends."""
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
        touch /tmp/end; wait $!
        sort /tmp/answers | uniq -c
        ! sort -u /tmp/answers | grep -Evx 'OK|EBUSY|EINTR|EINVAL'""")
    assert guest.unplug(dimm).done
    end_load(guest)
