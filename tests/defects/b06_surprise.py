# SPDX-License-Identifier: GPL-2.0
"""B6: the kernel crashed when a device disappeared while its blocks were online."""

import re

import ssdt
from guest import MIB, OST_NOT_ADDED, OST_SUCCESS
from ssdt import CHECK, HIDDEN, Device

BLOCK = 128 * MIB
RANGE = (HIDDEN[0], 3 * BLOCK)
BLOCKS = [HIDDEN[i] // BLOCK for i in range(3)]
# The memory that disappears has a node of its own, which is not the nearest of any CPU.
HARDWARE = ssdt.machine(nodes=("1G", "1G", "0"), cmdline="maxcpus=1", timeout=300)


def plug(guest, word="online_movable"):
    ssdt.load(guest, Device("MEM0", [RANGE], node=2, sta=0))
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    guest.set_blocks(word, BLOCKS)


def vanish(guest):
    ssdt.notify(guest, "MEM0", CHECK, sta=0)


def there(guest):
    return [int(n) for n in guest.sh(f"blocks {HIDDEN[0]} {HIDDEN[3]}").split()]


@HARDWARE
def test_free(guest):
    """Memory that was not in use is removed, and can be added again."""
    before = guest.sh("mem_total; cat /proc/iomem; ls $memory")
    plug(guest)
    vanish(guest)
    assert guest.sh("mem_total; cat /proc/iomem; ls $memory") == before, "not as before"
    assert "has gone without an eject" in guest.sh("dmesg")
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    assert there(guest) == BLOCKS


@HARDWARE
def test_data(guest):
    """Memory of a program is lost and the program is killed; no pages are allocated there any more."""
    plug(guest)
    loaded = guest.start_program(f"load 64 2 {HIDDEN[0]} {HIDDEN[3]}", "load")
    assert "on the DIMM 64 MiB" in loaded, loaded
    vanish(guest)
    # The program gets SIGBUS when it accesses its data.
    guest.sh("wait_for 60 eval '! kill -0 $(</tmp/load.pid) 2>/dev/null'")
    lost = [b for b in there(guest) if guest.sh(f"cat $memory/memory{b}/state") == "lost"]
    assert lost == there(guest) and lost, f"{there(guest)}"
    assert re.search(r"has gone while it was online: [1-9]\d* pages of data lost", guest.sh("dmesg"))
    for block in lost:
        guest.sh(f"for word in online online_movable offline; do expect EHWPOISON $memory/memory{block}/state $word; done; "
                 f"[ $(<$memory/memory{block}/removable) = 0 ]")
    allocated = "echo 1 2>/dev/null >/proc/sys/vm/stat_refresh; awk '/^Node 2, zone +Movable/ { m = 1 } /^Node 3/ { m = 0 } m && $1 == \"nr_free_pages\" { print $2 }' /proc/zoneinfo"
    assert guest.sh(allocated) in ("0", ""), f"{guest.sh(allocated)} pages can be allocated"
    guest.sh("numactl --preferred=2 dd if=/dev/zero of=/dev/shm/data bs=1M count=64 status=none; rm /dev/shm/data")
    # Reading files about the rest of the memory does not access absent memory.
    guest.sh("cat /proc/kpageflags >/dev/null; lsmem >/dev/null; cat /proc/[0-9]*/smaps >/dev/null 2>&1 || true")


@HARDWARE
def test_comes_back(guest):
    """A device whose blocks are all lost comes back: it is not added, which the firmware and the log are told."""
    plug(guest)
    for i, block in enumerate(BLOCKS):
        guest.start_program(f"hold pin 2 {HIDDEN[i]} {HIDDEN[i] + BLOCK}", f"hold{block}")
    vanish(guest)
    states = {block: guest.sh(f"cat $memory/memory{block}/state") for block in there(guest)}
    assert states == dict.fromkeys(BLOCKS, "lost"), f"{states}"
    for _ in range(2):
        assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_NOT_ADDED
        assert "cannot be added (-17)" in guest.sh("dmesg | grep PNP0C80: | tail -n 3"), "the log does not say so"
        assert not guest.sh(f"ls -d $memory/memory{BLOCKS[0]}/firmware_node 2>/dev/null || true"), "the device has the block"
        ssdt.notify(guest, "MEM0", CHECK, sta=0)
    assert {guest.sh(f"cat $memory/memory{block}/state") for block in BLOCKS} == {"lost"}


@HARDWARE
def test_page_cache(guest):
    """Clean pages of files are dropped, and read from the file again."""
    plug(guest)
    # The host's files are behind 9p, whose cache is loose.
    guest.sh("sum=$(cksum </usr/bin/qemu-system-x86_64); echo 3 >/proc/sys/vm/drop_caches; "
             "again=$(numactl --membind=2 cksum </usr/bin/qemu-system-x86_64); echo $again >/tmp/sum; [ \"$again\" = \"$sum\" ]")
    used = int(guest.sh("awk '$3 == \"FilePages:\" { print $4 }' /sys/devices/system/node/node2/meminfo"))
    assert used > 4096, f"{used} kB of files on the node"
    vanish(guest)
    assert not there(guest), f"{there(guest)} are left"
    guest.sh("[ \"$(cksum </usr/bin/qemu-system-x86_64)\" = \"$(</tmp/sum)\" ]")


@HARDWARE
def test_kept(guest):
    """A walk has taken a free page before the memory disappears: its block is lost, as the page needs its struct page."""
    guest.sh("modprobe mhp_ask")
    plug(guest)
    vanish_at_once = ssdt.prepare(guest, "MEM0", CHECK, sta=0)
    # Of the first block that is lost: all of them wait for the walk.
    guest.sh(f"wr /sys/kernel/debug/mhp_ask 'keep {HIDDEN[0]} {guest.delay_ms(10)}' >/tmp/keep 2>&1 & "
             "wait_for 20 grep -qs msleep /proc/$!/stack")
    ssdt.notify_by(guest, vanish_at_once, "MEM0")
    assert there(guest) == BLOCKS[:1], f"{there(guest)} are left"
    assert guest.sh(f"cat $memory/memory{BLOCKS[0]}/state") == "lost"
    said = guest.sh(f"cat $memory/memory{BLOCKS[0]}/last_error")
    assert said.startswith("verb=lose err=-16 reason=busy-page ") and "step=evacuate" in said, said
    guest.sh("wait_for 120 grep -q . /tmp/keep")
    assert guest.sh("cat /tmp/keep") == "OK", guest.sh("cat /tmp/keep")


@HARDWARE
def test_isolated(guest):
    """Something else isolates the memory again and again when it disappears: that ends, and nothing is allocated there."""
    guest.sh("modprobe mhp_ask")
    plug(guest)
    vanish_at_once = ssdt.prepare(guest, "MEM0", CHECK, sta=0)
    guest.sh(f"echo isolate {HIDDEN[0]} {BLOCK} 60000 >/sys/kernel/debug/mhp_ask 2>/dev/null & echo $! >/tmp/isolate")
    ssdt.notify_by(guest, vanish_at_once, "MEM0")
    # It was lost if its pages were in use at that time; what isolates it finds no struct pages otherwise.
    states = {guest.sh(f"cat $memory/memory{block}/state") for block in there(guest)}
    assert there(guest) in ([], BLOCKS[:1]) and states <= {"lost"}, f"{there(guest)}: {states}"
    guest.sh("kill $(</tmp/isolate); wait_for 60 eval '! kill -0 $(</tmp/isolate) 2>/dev/null'")
    if there(guest):
        guest.sh("numactl --preferred=2 dd if=/dev/zero of=/dev/shm/data bs=1M count=64 status=none")
        shmem = guest.sh("awk '$3 == \"Shmem:\" { print $4 }' /sys/devices/system/node/node2/meminfo; rm /dev/shm/data")
        assert shmem == "0", f"{shmem} KiB of lost memory were allocated"



def hold_huge(guest):
    """A program with huge pages of what vanishes, and free ones."""
    guest.sh("pool=/sys/devices/system/node/node2/hugepages/hugepages-2048kB/nr_hugepages; echo 32 >$pool; [ $(<$pool) = 32 ]")
    held = guest.start_program(f"kinds huge2m 2 {HIDDEN[0]} {HIDDEN[3]}", "kinds")
    assert held.startswith("4096 "), held


def huge_are_lost(guest):
    guest.sh("kill $(</tmp/kinds.pid); wait_for 60 eval '! kill -0 $(</tmp/kinds.pid) 2>/dev/null'")
    assert "in the range" not in guest.sh("tail -n +2 /tmp/kinds.out || true"), "what has gone could be read"
    states = {guest.sh(f"cat $memory/memory{b}/state") for b in there(guest)}
    assert states == {"lost"}, f"{states}"
    lines = int(guest.sh("dmesg | grep -c 'Memory failure' || true"))
    assert lines < 20, f"{lines} lines in the log about broken pages"


@ssdt.machine(nodes=("1G", "1G", "0"), cmdline="maxcpus=1 hugepagesz=2M hugepages=0", timeout=300)
def test_huge_pages(guest):
    """Huge pages are lost like others; vm.memory_failure_recovery=0 does not make the kernel panic."""
    plug(guest)
    hold_huge(guest)
    guest.sh("echo 0 >/proc/sys/vm/memory_failure_recovery")
    vanish(guest)
    huge_are_lost(guest)


@ssdt.machine(nodes=("1G", "1G", "0"), cmdline="hugepagesz=2M hugepages=0", timeout=300)
def test_soft_offline(guest):
    """Memory disappears while soft_offline_page runs: neither waits for the other for ever."""
    # Node 1 has no memory: tasks that run there would get the memory that disappears.
    guest.sh("for p in /proc/[0-9]*; do taskset -acp 0 ${p##*/} >/dev/null 2>&1 || true; done", log=False)
    plug(guest)
    hold_huge(guest)
    # It begins when memory hotplug is locked, and waits for that with the lock of memory failure.
    guest.sh(f"""fail=/sys/kernel/debug/memory_hotplug/fail; echo "online/publish/down {guest.delay_ms(2, 60)}ms" >$fail
        (wait_for 200 eval '[ -z "$(<$fail)" ]'; wr $memory/soft_offline_page 0x30000000 >/tmp/soft) >/dev/null 2>&1 &""")
    vanish(guest)
    guest.sh("wait_for 60 grep -q . /tmp/soft")
    huge_are_lost(guest)
    guest.sh("expect OK $memory/soft_offline_page 0x31000000")


@HARDWARE
def test_kernel_memory(guest):
    """Memory of a kernel zone that the kernel uses is lost, and the kernel continues."""
    plug(guest, "online_kernel")
    guest.start_program(f"hold kernel 2 {HIDDEN[0]} {HIDDEN[3]}", "hold")
    vanish(guest)
    states = {guest.sh(f"cat $memory/memory{b}/state") for b in there(guest)}
    assert states <= {"lost"}, f"{states}"
    # Its output was written to memory of that node, too.
    guest.sh("kill $(</tmp/hold.pid)")
    guest.sh("for i in 1 2 3; do sync; echo 3 >/proc/sys/vm/drop_caches; done; ls / >/dev/null")


@HARDWARE
def test_going_offline(guest):
    """Memory disappears while a user takes a block of it offline: that ends, the block is lost, and never used again."""
    plug(guest)
    state = f"$memory/memory{BLOCKS[0]}/state"
    guest.start_program(f"hold pin 2 {HIDDEN[0]} {HIDDEN[0] + BLOCK}", "hold")
    # The offline ends by itself after five seconds.
    vanish_at_once = ssdt.prepare(guest, "MEM0", CHECK, sta=0)
    guest.sh(f"wr {state} offline >/tmp/offline 2>&1 & wait_for 60 grep -qx going-offline {state}")
    ssdt.notify_by(guest, vanish_at_once, "MEM0")
    guest.sh("wait_for 60 grep -q . /tmp/offline")
    assert there(guest) == BLOCKS[:1], f"{there(guest)} are left"
    assert guest.sh("cat /tmp/offline") == "ECANCELED", guest.sh("cat /tmp/offline")
    assert guest.sh(f"cat {state}") == "lost", guest.sh(f"cat {state}")
    said = guest.sh(f"cat $memory/memory{BLOCKS[0]}/last_error")
    assert "verb=lose " in said, said
    guest.sh(f"for word in online online_movable offline; do expect EHWPOISON {state} $word; done")
