# SPDX-License-Identifier: GPL-2.0
"""Suspend and hibernation: no page is moved meanwhile, and requests continue afterwards, or were ended."""

import re
import time
from dataclasses import replace

from guest import MIB, Guest, machine

BLOCK = 128 * MIB
PASSES = "mhp_offline_pass"
TRACE = "/sys/kernel/tracing"
# Also trace to the console, as a restored kernel does not have the trace since its image was made. The
# kernel spins for pm_test_delay seconds, which a slow host makes so long that RCU complains.
TRACED = f"no_console_suspend suspend.pm_test_delay=1 tp_printk trace_event=memory_hotplug:{PASSES}"


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


# Waits until pages are moved again. On a slow host, the eject may have moved some and ended before its passes
# are counted here: pages_moved() looks in the console whether it has.
GO_ON = """
        count=$(passes)
        wait_for 30 eval '[ $(passes) -gt $count ] || is_refused'"""
# Nothing is in its way any more. It may have given up before, and not have said so yet.
RELEASE = """
        kill $(</tmp/hold.pid); wait_for 100 eval '! kill -0 $(</tmp/hold.pid) 2>/dev/null'
        wait_for 60 grep -q '^done\\|^failed' $status
        ! is_refused || expect OK "${status%_status}" 1"""


def script(guest, dimm, *commands):
    """At once: an eject that a page is in the way of ends after some seconds. On a slow host it begins again then."""
    guest.sh("\n".join((f"""
        status={dimm.dir}/eject_status
        passes() {{ grep -c {PASSES} {TRACE}/trace; }}
        is_refused() {{ grep -q '^failed .*reason=pinned' $status; }}
        under_way() {{
            until grep -q ^pending $status; do
                is_refused || fail "$(<$status)"
                expect OK "${{status%_status}}" 1
                wait_for 30 grep -q ^pending $status
            done
        }}""",) + commands))


def sleep_through(guest, *sleeps):
    dimm = going(guest)
    script(guest, dimm, begin(dimm), *(f"under_way\n{sleep}\n{GO_ON}" for sleep in sleeps), RELEASE)
    still(guest, len(sleeps))
    pages_moved(guest, len(sleeps))
    ejected(guest, dimm)


def console(guest):
    return guest.console_path.read_text(errors="replace")


def still(guest, sleeps=1):
    """No page was moved while the system slept."""
    asleep, moved, slept = False, [], 0
    for line in console(guest).splitlines():
        if "Freezing user space processes completed" in line:
            asleep, slept = True, slept + 1
        elif "Restarting tasks" in line:
            asleep = False
        elif PASSES in line and asleep:
            moved.append(line)
    assert slept >= sleeps and not asleep, f"{slept} sleeps are told of"
    assert not moved, f"pages moved meanwhile: {moved}"


def pages_moved(guest, sleeps):
    """The eject has continued after each sleep."""
    awake = console(guest).split("Restarting tasks")[1:]
    assert sum(PASSES in text for text in awake) >= sleeps, "no page was moved after a sleep"


def passes(guest):
    return int(guest.sh(f"grep -c {PASSES} {TRACE}/trace || true"))


def swap(guest):
    guest.sh("modprobe virtio_blk; wait_for 30 test -b /dev/vda; mkswap /dev/vda; swapon /dev/vda")


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
    swap(guest)
    sleep_through(guest, "echo freezer >/sys/power/pm_test; echo test_resume >/sys/power/disk; expect OK /sys/power/state disk")


@machine(own_root=True, cmdline=TRACED, timeout=300)
def test_devices(guest):
    """The same with suspends in which devices, the platform and all CPUs but one sleep as well."""
    levels = ("devices", "freeze"), ("platform", "freeze"), ("core", "mem")
    sleep_through(guest, *(f"echo {level} >/sys/power/pm_test; expect OK /sys/power/state {state}" for level, state in levels))


@machine(own_root=True, disk="1G", cmdline=TRACED, timeout=400)
def test_image(guest):
    """An image is made, written to swap, read and restored during an eject, which continues in the restored kernel."""
    swap(guest)
    sleep_through(guest, "echo 0 >/sys/power/image_size; echo test_resume >/sys/power/disk; expect OK /sys/power/state disk")
    assert all(re.search(rf"{what} \d+ kbytes", console(guest)) for what in ("Wrote", "Read")), "no image was written and read"


def answer(guest, seconds=300):
    """The end of a command that was sent."""
    status, length = map(int, guest.wait(guest.agent_channel.line, guest.longer(seconds)).split())
    text = guest.wait(lambda: guest.agent_channel.take(length))
    assert not status, text


@machine(own_root=True, disk="1G", cmdline=TRACED, timeout=400)
def test_eject_while_written(guest):
    """The firmware wants a DIMM while an image of its memory is written: nothing goes before the system is awake."""
    dimm, _ = plug(guest)
    guest.start_program(f"load 100 1 {dimm.lo} {dimm.hi}", "load")
    swap(guest)
    guest.send_command("echo 0 >/sys/power/image_size; echo test_resume >/sys/power/disk; expect OK /sys/power/state disk")
    limit = time.monotonic() + guest.longer(60)
    while "saving progress" not in console(guest):
        assert time.monotonic() < limit, "no image is written"
        time.sleep(0.01)
    guest.qmp("device_del", id=dimm.name)
    assert "Wrote" not in console(guest), "it came too late"
    answer(guest)
    still(guest)
    guest.qmp("query-status")   # and all events up to now
    assert not any(event["event"] == "DEVICE_DELETED" for event in guest.events), "the DIMM went, with memory in the image"
    # The kernel that was asked is not the one that was restored: the firmware has to ask again.
    guest.events.clear()
    assert guest.unplug(dimm).done
    assert "wrong 0 pages" in guest.end_program("load")


@machine(own_root=True, disk="1G", cmdline=TRACED, timeout=600)
def test_power_off(guest):
    """A plugged DIMM's data come back after the machine was off; then it is ejected, and another one is plugged."""
    dimm, blocks = plug(guest)
    zones = guest.zones(blocks)
    guest.start_program(f"load 100 1 {dimm.lo} {dimm.hi}", "load")
    swap(guest)
    guest.send_command("echo 0 >/sys/power/image_size; echo shutdown >/sys/power/disk; expect OK /sys/power/state disk")
    guest.qemu.wait(guest.longer(200))
    assert re.search(r"Wrote \d+ kbytes", console(guest)), "no image was written"
    # Who reads the image needs the memory where it was.
    hardware = replace(guest.machine, disk=guest.dir / "disk", dimms=(f"{dimm.size // MIB}M:1",),
                       cmdline=f"{TRACED} memhp_default_state=online_movable")
    with Guest(f"{guest.name}-again", hardware, guest.kernel_dir) as again:
        again.send_command("modprobe virtio_blk; wait_for 30 test -b /dev/vda; cat /sys/block/vda/dev >/sys/power/resume; exit 1")
        answer(again)       # of the kernel that went to sleep
        assert again.zones(blocks) == zones, "not as before"
        dimm.name = "cold0"
        again.dimms = {dimm.name: dimm}
        assert again.unplug(dimm).done
        assert "wrong 0 pages" in again.end_program("load")
        another = again.plug("512M", 1)
        assert set(again.zones(again.blocks(another)).values()) == {("online", "Movable")}
        assert again.unplug(another).done
    assert not again.complaints(), again.complaints()


@machine(cmdline=TRACED, timeout=300)
def test_snapshot_device(guest):
    """While /dev/snapshot is open, offlines are refused, also after a suspend, and an eject waits; it can be cancelled,
    or continues later."""
    dimm, blocks = plug(guest)
    snapshot = "bash -c 'echo open; exec sleep 10000' </dev/snapshot"
    guest.start_program(snapshot, "snapshot")
    guest.sh(f"""expect EBUSY $memory/memory{blocks[0]}/state offline
        grep 'reason=sleep ' $memory/memory{blocks[0]}/last_error
        expect_ask EBUSY 'offline {blocks[0]}-{blocks[-1]}'
        grep '^request .*reason=sleep' /run/answer
        echo freezer >/sys/power/pm_test; expect OK /sys/power/state freeze
        expect EBUSY $memory/memory{blocks[0]}/state offline
        grep 'reason=sleep ' $memory/memory{blocks[0]}/last_error
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
        grep -q ^pending $status && [ $(passes) = $count ] || fail "pages moved"
        kill $open; wait $open || true
        wait_for 30 eval '[ $(passes) -gt $count ]'""", RELEASE)
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
