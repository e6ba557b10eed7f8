# SPDX-License-Identifier: GPL-2.0
"""Memory notifiers: no lock is held between notifications, and MEM_OFFLINE is undone by MEM_GOING_ONLINE."""

from guest import MIB, Skip, machine

BLOCK = 128 * MIB
FAIL = "/sys/kernel/debug/memory_hotplug/fail"


def plug(guest, size="256M", word="online_movable"):
    dimm = guest.plug(size, 1)
    blocks = guest.blocks(dimm)
    guest.set_blocks(word, blocks)
    return dimm, blocks


@machine(allow=r"cut here|WARNING: CPU.*\bmm/mhp/notify\.c|WARNING: possible circular locking|Call Trace", timeout=300)
def test_lock_held(guest):
    """A notifier that keeps a lock from MEM_GOING_OFFLINE to the end is reported (debug kernel)."""
    if guest.command("grep -q 'debug_locks:.*1' /proc/lockdep_stats")[0]:
        raise Skip("no lockdep here")
    dimm, blocks = plug(guest)
    guest.set_blocks("offline", blocks)
    guest.set_blocks("online_movable", blocks)
    assert not guest.sh("dmesg | grep 'memory notifier' || true"), "one of the kernel's keeps a lock"
    guest.sh(f"echo 1 >/sys/module/mhp_order/parameters/hold; echo offline >$memory/memory{blocks[0]}/state")
    said = guest.sh("dmesg | grep 'memory notifier'")
    assert "mhp_order_listen" in said and "leaves with" in said, said


@machine(virtio_mem="1G:1", timeout=300)
def test_driver_with_several_blocks(guest):
    """Blocks of a virtio-mem device go offline and online in one request, and the device continues to work."""
    guest.sh("modprobe mhp_watch; modprobe virtio_mem; echo online_movable >$memory/auto_online_blocks")
    total = int(guest.sh("mem_total"))
    guest.resize(512 * MIB)
    blocks = [int(b) for b in guest.sh("cd $memory; grep -lv none memory*/group | sed 's,memory\\([0-9]*\\)/.*,\\1,' | sort -n").split()]
    guest.sh("echo >/sys/kernel/debug/mhp_watch")
    guest.sh(f"expect_ask OK 'offline {blocks[0]}-{blocks[-1]}'")
    heard = [line.split()[0] for line in guest.sh("cat /sys/kernel/debug/mhp_watch").splitlines()]
    assert heard == ["GOING_OFFLINE"] * 4 + ["OFFLINE"] * 4 + ["FINISH_OFFLINE"] * 4, f"{heard}"
    guest.sh(f"expect_ask OK 'online_movable {blocks[0]}-{blocks[-1]}'")
    assert int(guest.sh("mem_total")) - total == 512 * 1024
    guest.resize(0)


@machine(virtio_mem="1G:1", timeout=300)
def test_driver_beside_others(guest):
    """While a block of a virtio-mem device goes offline, a DIMM is added and removed, and another block goes offline."""
    guest.sh("modprobe virtio_mem; echo online_movable >$memory/auto_online_blocks")
    guest.resize(256 * MIB)
    blocks = [int(b) for b in guest.sh("cd $memory; grep -lv none memory*/group | sed 's,memory\\([0-9]*\\)/.*,\\1,' | sort -n").split()]
    guest.start_program(f"hold pin 1 {blocks[0] * BLOCK} {(blocks[0] + 1) * BLOCK}", "hold")
    # The pinned page ends an offline after some seconds, which a busy host may need for the rest.
    guest.sh(f"""
        going() {{ grep -qx going-offline $memory/memory{blocks[0]}/state; }}
        for ((i = 0; i < 10; i++)); do
            wr $memory/memory{blocks[0]}/state offline >/tmp/answer &
            wait_for 30 going
            expect OK $memory/memory{blocks[1]}/state offline
            going && break
            wait
            echo online_movable >$memory/memory{blocks[1]}/state
        done
        [ $i -lt 10 ] || fail "one waited for the other"
        wait
        grep -qx EBUSY /tmp/answer && grep -q reason=pinned $memory/memory{blocks[0]}/last_error""")
    dimm = guest.plug("128M", 1)
    assert guest.unplug(dimm).done
    guest.end_program("hold")
    guest.sh(f"expect OK $memory/memory{blocks[0]}/state offline")
    guest.set_blocks("online_movable", blocks)
    guest.resize(0)


@machine(timeout=300)
def test_offline_that_is_taken_back(guest):
    """A fault after MEM_OFFLINE: the sequence is GOING_OFFLINE, OFFLINE, GOING_ONLINE, ONLINE, and nothing waits for ever."""
    guest.sh("modprobe mhp_watch")
    dimm, blocks = plug(guest, "128M")
    state = f"$memory/memory{blocks[0]}/state"
    for step, below in (("notify", False), ("zone", True), ("memmap", True), ("prepare", True)):
        guest.sh("echo >/sys/kernel/debug/mhp_watch")
        guest.sh(f"echo 'online/{step}/down -5' >{FAIL}; expect EIO {state} offline")
        heard = [line.split()[0] for line in guest.sh("cat /sys/kernel/debug/mhp_watch").splitlines()]
        assert heard == (["GOING_OFFLINE", "OFFLINE", "GOING_ONLINE", "ONLINE"] if below else ["GOING_OFFLINE", "CANCEL_OFFLINE"]), \
            f"{step}: {heard}"
        guest.sh(f"""for word in 2 1 0; do
                wr /sys/kernel/mm/ksm/run $word >/tmp/ksm & wait_for 20 grep -q OK /tmp/ksm; echo >/tmp/ksm
            done""")
    guest.sh(f"expect OK {state} offline; expect OK {state} online_movable")
