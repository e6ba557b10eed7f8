# SPDX-License-Identifier: GPL-2.0
"""Ejects: what firmware and user space are told, what is possible meanwhile, and the state after a failure."""

import re
import subprocess
import time

from guest import GIB, MIB, OST_BUSY, OST_DEPENDENCY, OST_EJECT, OST_EJECT_IN_PROGRESS, OST_FAILURE, OST_IN_USE, OST_NOT_PERMITTED, OST_SUCCESS, OST_USER_EJECT, GuestError, machine, ost

BLOCK = 128 * MIB
INJECT = "/sys/kernel/debug/notifier-error-inject/memory/actions"


def plug(guest, size="512M", node=1, word="online_movable"):
    """A DIMM, and its directory of ACPI."""
    dimm = guest.plug(size, node)
    guest.set_blocks(word, guest.blocks(dimm))
    dimm.dir = guest.sh(f"readlink -f $memory/memory{guest.blocks(dimm)[0]}/firmware_node")
    return dimm


def status(guest, dimm):
    """eject_status: its first word, and the rest as a dictionary."""
    word, *rest = guest.sh(f"cat {dimm.dir}/eject_status").split()
    return word, dict(pair.split("=") for pair in rest)


def pin(guest, dimm, block=0):
    """Hold a page of a block that does not move; its page frame."""
    lo = dimm.lo + block * BLOCK
    return int(guest.start_program(f"hold pin {dimm.node} {lo} {lo + BLOCK}", "hold"), 16) >> 12


def ask(guest, dimm, count):
    """Let the firmware ask for a DIMM, without waiting for the end; the first COUNT answers."""
    guest.qmp("device_del", id=dimm.name)
    return answers(guest, dimm, count)


def answers(guest, dimm, count, source=OST_EJECT, seconds=150):
    """The statuses that the guest reports: [status ...]. DEVICE_DELETED is ignored."""
    got = []
    while len(got) < count:
        event = guest.event(lambda what, data: what == "ACPI_DEVICE_OST" and ost(data) == (dimm.slot, source), guest.longer(seconds))
        if not event:
            raise GuestError(f"{count} answers expected, got {got}")
        got.append(event["data"]["info"]["status"])
    return got


def gone(guest, dimm):
    """The DIMM is deleted; QEMU says so."""
    assert guest.event(lambda what, data: what == "DEVICE_DELETED" and data.get("device") == dimm.name, guest.longer(30)), "not deleted"
    guest.qmp("object-del", id=f"{dimm.name}-ram")
    guest.dimms.pop(dimm.name)


def refused(guest, dimm, code, reason, pfn=None):
    """An eject by the firmware fails so, and all is as before."""
    before = guest.sh("lsmem -a -b -o RANGE,STATE,BLOCK,ZONES,NODE; mem_total; cat /proc/iomem")
    told = ask(guest, dimm, 2)
    assert told == [OST_EJECT_IN_PROGRESS, code], f"_OST {told}"
    word, details = status(guest, dimm)
    assert word == "failed" and details["reason"] == reason, f"{word} {details}"
    assert details["status"] == hex(code) and details["source"] == "firmware", f"{details}"
    assert pfn is None or int(details["pfn"], 16) == pfn, f"{details}, not {pfn:#x}"
    after = guest.sh("lsmem -a -b -o RANGE,STATE,BLOCK,ZONES,NODE; mem_total; cat /proc/iomem")
    assert after == before, "not as before"


@machine()
def test_by_user(guest):
    """An eject that the user asks for: its own source event, its status, and a second one of nothing."""
    dimm = plug(guest)
    assert status(guest, dimm) == ("idle", {})
    guest.sh(f"expect EINVAL {dimm.dir}/eject 0; expect OK {dimm.dir}/eject 1; "
             f"wait_for 60 grep -q done {dimm.dir}/eject_status")
    told = answers(guest, dimm, 2, OST_USER_EJECT)
    assert told == [OST_EJECT_IN_PROGRESS, OST_SUCCESS], f"_OST {told}"
    word, details = status(guest, dimm)
    assert word == "done" and details["source"] == "user", f"{word} {details}"
    gone(guest, dimm)
    assert plug(guest).dir == dimm.dir and status(guest, dimm) == ("idle", {}), "the new DIMM has the eject of the old one"


@machine(timeout=400)
def test_at_the_same_time(guest):
    """Each request of the firmware has its answer, though a user ejects the same DIMM, or cancels."""
    dimm = plug(guest)
    pin(guest, dimm)
    for file, text in ("eject", "1"), ("eject_status", "cancel"):
        guest.sh(f"(while :; do echo {text} >{dimm.dir}/{file}; done) >/dev/null 2>&1 & echo $! >>/tmp/users")
    codes = set()
    for _ in range(30):
        eject = guest.unplug(dimm)
        assert not eject.done, "it went, with a pinned page"
        codes.add(eject.events[-1]["data"]["info"]["status"])
    guest.sh("kill $(</tmp/users)")
    assert codes <= {OST_IN_USE, OST_BUSY}, f"_OST {codes}"
    guest.end_program("hold")

    first = {"firmware": 0, "user": 0}
    for turn in range(20):
        dimm = plug(guest)
        guest.sh(f"(echo 1 >{dimm.dir}/eject) >/dev/null 2>&1 & echo $! >/tmp/user")
        time.sleep(0.02 * (turn % 4))
        try:
            done = guest.unplug(dimm).done
        except GuestError as error:
            assert "not found" in str(error), error
            done = False
        first["firmware" if done else "user"] += 1
        if not done:
            gone(guest, dimm)
        guest.sh("wait_for 30 eval '! kill -0 $(</tmp/user) 2>/dev/null'")
    return f"first: {first}"


@machine(timeout=400)
def test_too_late(guest):
    """An eject of a user whose turn comes after the firmware has removed the DIMM asks the firmware for nothing."""
    delay = "/sys/module/mhp_watch/parameters/delay_ms"
    guest.sh("modprobe mhp_watch")
    block = guest.blocks(guest.plug_online("256M", 1))[0]
    dimm = guest.plug("256M", 1)
    path = guest.sh(f"readlink -f $memory/memory{guest.blocks(dimm)[0]}/firmware_node")
    # An offline holds the lock. Meanwhile, the firmware's request queues, and then many of a user.
    guest.sh(f"echo {guest.delay_ms(10)} >{delay}; wr $memory/memory{block}/state offline >/tmp/offline 2>&1 & "
             f"wait_for 30 grep -q ^GOING_OFFLINE /sys/kernel/debug/mhp_watch; echo 0 >{delay}")
    guest.qmp("device_del", id=dimm.name)
    guest.sh(f"""wait_for 30 eval 'cat /proc/[0-9]*/stack 2>/dev/null | grep -q acpi_hotplug_work_fn'
        for i in {{1..20}}; do expect OK {path}/eject 1; done
        [ ! -s /tmp/offline ] || fail "the lock was free: nothing is shown" """)
    assert answers(guest, dimm, 2) == [OST_EJECT_IN_PROGRESS, OST_SUCCESS]
    # Some come while the eject is pending, the others after it.
    told = answers(guest, dimm, 20, OST_USER_EJECT)
    busy = told.count(OST_BUSY)
    assert busy < 20, "none came after the eject: nothing is shown"
    assert told == [OST_BUSY] * busy + [OST_FAILURE] * (20 - busy), f"_OST {told}"
    gone(guest, dimm)
    guest.sh("wait_for 30 grep -qx OK /tmp/offline")
    return f"{busy} while it was pending, {20 - busy} after it"


@machine(timeout=400)
def test_why_not(guest):
    """Pinned page, kernel memory, refusal, another request, not permitted: each has its status code and its reason."""
    guest.sh("modprobe memory-notifier-error-inject priority=0")
    dimm = plug(guest)
    blocks = guest.blocks(dimm)
    pfn = pin(guest, dimm, 3)
    refused(guest, dimm, OST_IN_USE, "pinned", pfn)
    guest.end_program("hold")

    guest.sh(f"echo -16 >{INJECT}/MEM_GOING_OFFLINE/error")
    refused(guest, dimm, OST_DEPENDENCY, "notifier")
    guest.sh(f"echo 0 >{INJECT}/MEM_GOING_OFFLINE/error")

    guest.sh("echo 0 >/sys/firmware/acpi/hotplug/memory/enabled")
    assert ask(guest, dimm, 1) == [OST_NOT_PERMITTED]
    guest.sh("echo 1 >/sys/firmware/acpi/hotplug/memory/enabled")

    pin(guest, dimm, 1)
    # Its answer must not come between those of later commands.
    guest.sh(f"wr $memory/memory{blocks[1]}/state offline >/tmp/offline 2>&1 & wait_for 30 grep -qx going-offline $memory/memory{blocks[1]}/state")
    guest.qmp("device_del", id=dimm.name)
    assert answers(guest, dimm, 1) == [OST_BUSY]
    assert status(guest, dimm)[1]["reason"] == "busy"
    guest.sh(f"wait_for 30 grep -qx EBUSY /tmp/offline; grep -qx online $memory/memory{blocks[1]}/state")
    guest.end_program("hold")
    assert guest.unplug(dimm).done, "the DIMM stays though nothing holds it any more"


@machine(nodes=("1G", "1G", "0"))
def test_kernel_memory(guest):
    """Memory of the kernel is in use, which is known before anything moves."""
    dimm = plug(guest, node=2, word="online_kernel")
    guest.start_program(f"hold kernel 2 {dimm.lo} {dimm.hi}", "hold")
    refused(guest, dimm, OST_IN_USE, "unmovable")
    assert status(guest, dimm)[1]["moved"] == "0", "pages moved in vain"
    guest.end_program("hold")


@machine(timeout=300)
def test_pending(guest):
    """While an eject is pending, requests for its memory are refused, and requests for other memory succeed."""
    dimm, other = plug(guest), guest.plug("256M", 0)
    blocks = guest.blocks(dimm)
    guest.set_blocks("offline", blocks[:1])
    before = guest.zones(blocks)
    guest.start_program(f"hold slow {dimm.node} {dimm.lo + 2 * BLOCK} {dimm.lo + 3 * BLOCK}", "hold")
    assert ask(guest, dimm, 1) == [OST_EJECT_IN_PROGRESS]
    guest.sh(f"wait_for 30 grep -q 'pending.*left=[1-9]' {dimm.dir}/eject_status")
    word, details = status(guest, dimm)
    assert word == "pending" and int(details["pages"]) == 3 * BLOCK // 4096 and int(details["left"]) < 1000, f"{details}"

    guest.sh(f"expect EBUSY {dimm.dir}/eject 1")
    guest.sh(f"for word in online online_movable offline; do expect EBUSY $memory/memory{blocks[0]}/state $word; "
             f"expect EBUSY $memory/memory{blocks[2]}/state $word; done; expect EBUSY $memory/memory{blocks[1]}/online 1")
    assert "device of the block is being ejected" in guest.sh("dmesg"), "no reason in the log"
    # All other hotplug continues: another DIMM is added, comes online, goes offline and is removed; CPUs as well.
    guest.set_blocks("online_movable", guest.blocks(other))
    guest.set_blocks("offline", guest.blocks(other)[:1])
    third = guest.plug("128M", 0)
    assert guest.unplug(third).done and guest.unplug(other).done
    guest.sh("echo 0 >/sys/devices/system/cpu/cpu1/online; echo 1 >/sys/devices/system/cpu/cpu1/online")
    assert status(guest, dimm)[0] == "pending", f"it has ended meanwhile: {status(guest, dimm)}"

    guest.end_program("hold")
    assert answers(guest, dimm, 1) == [OST_SUCCESS]
    gone(guest, dimm)
    assert before[blocks[0]][0] == "offline"


@machine()
def test_during_online(guest):
    """A DIMM is ejected while its blocks come online one by one: the eject succeeds in any order."""
    before = guest.sh("lsmem -a -b -o RANGE,STATE,BLOCK,ZONES,NODE; mem_total; cat /proc/iomem")
    dimm = guest.plug(2 * GIB, 1)
    blocks = guest.blocks(dimm)
    guest.sh(f"(for block in {' '.join(map(str, blocks))}; do wr $memory/memory$block/state online_movable; done "
             f">/tmp/answers 2>&1; echo end >>/tmp/answers) >/dev/null 2>&1 & "
             f"wait_for 30 grep -qx online $memory/memory{blocks[1]}/state")
    told = ask(guest, dimm, 2)
    assert told == [OST_EJECT_IN_PROGRESS, OST_SUCCESS], f"_OST {told}"
    gone(guest, dimm)
    guest.sh("wait_for 30 grep -qx end /tmp/answers")
    answers = set(guest.sh("grep -v end /tmp/answers").split())
    assert answers <= {"OK", "EBUSY", "ENODEV", "open:ENOENT"}, f"{answers}"
    assert guest.sh("lsmem -a -b -o RANGE,STATE,BLOCK,ZONES,NODE; mem_total; cat /proc/iomem") == before, "not as before"


@machine(timeout=300)
def test_cancel(guest):
    """A pending eject ends when it is cancelled, and each block has its previous state."""
    dimm = plug(guest)
    blocks = guest.blocks(dimm)
    guest.set_blocks("offline", blocks[3:])
    before = guest.zones(blocks)
    guest.sh(f"expect EINVAL {dimm.dir}/eject_status cancel; expect EINVAL {dimm.dir}/eject_status stop")
    pin(guest, dimm)
    assert ask(guest, dimm, 1) == [OST_EJECT_IN_PROGRESS]
    guest.sh(f"expect OK {dimm.dir}/eject_status cancel")
    assert answers(guest, dimm, 1) == [OST_BUSY]
    assert status(guest, dimm)[1]["reason"] == "cancelled"
    assert guest.zones(blocks) == before, f"{guest.zones(blocks)}"
    guest.end_program("hold")
    assert guest.unplug(dimm).done


@machine()
def test_cancel_at_the_end(guest):
    """An eject that is cancelled when its memory is offline already does not go on."""
    dimm, fail = plug(guest), "/sys/kernel/debug/memory_hotplug/fail"
    before = guest.zones(guest.blocks(dimm))
    guest.sh(f"echo 'online/prepare/down {guest.delay_ms(5, 60)}ms' >{fail}")
    assert ask(guest, dimm, 1) == [OST_EJECT_IN_PROGRESS]
    guest.sh(f"wait_for 60 eval '[ -z \"$(<{fail})\" ]'; expect OK {dimm.dir}/eject_status cancel")
    assert answers(guest, dimm, 1) == [OST_BUSY]
    word, details = status(guest, dimm)
    assert (word, details["reason"], details["err"]) == ("failed", "cancelled", "-125"), f"{word} {details}"
    assert guest.zones(guest.blocks(dimm)) == before, f"{guest.zones(guest.blocks(dimm))}"
    assert guest.unplug(dimm).done


@machine()
def test_ask(guest):
    """With eject_ask user space is asked first, and decides."""
    dimm = plug(guest)
    assert guest.sh(f"cat {dimm.dir}/eject_ask") == "0"
    guest.sh(f"expect EINVAL {dimm.dir}/eject_ask perhaps; expect OK {dimm.dir}/eject_ask 1")
    guest.sh(f"udevadm monitor --kernel --property >/tmp/events 2>&1 & echo $! >/tmp/monitor.pid; "
             "wait_for 30 grep -q KERNEL /tmp/events")
    assert ask(guest, dimm, 1) == [OST_EJECT_IN_PROGRESS]
    assert status(guest, dimm) == ("asked", {"source": "firmware"})
    guest.sh("wait_for 30 grep -qx EVENT=eject_request /tmp/events; grep -qx ACTION=change /tmp/events; kill $(</tmp/monitor.pid)")
    assert set(guest.zones(guest.blocks(dimm)).values()) == {("online", "Movable")}, "it has begun"

    guest.sh(f"expect OK {dimm.dir}/eject_status cancel")
    assert answers(guest, dimm, 1) == [OST_NOT_PERMITTED]
    word, details = status(guest, dimm)
    assert (word, details["reason"]) == ("failed", "cancelled"), f"{details}"

    assert ask(guest, dimm, 1) == [OST_EJECT_IN_PROGRESS]
    guest.sh(f"expect OK {dimm.dir}/eject 1")
    assert answers(guest, dimm, 2) == [OST_EJECT_IN_PROGRESS, OST_SUCCESS], "not the firmware's request was answered"
    gone(guest, dimm)


POLL = """import select, sys
file = open(sys.argv[1])
poll = select.poll()
poll.register(file, select.POLLPRI | select.POLLERR)
print(file.read().split()[0], flush=True)
for _ in range(int(sys.argv[2])):
    poll.poll()
    file.seek(0)
    print(file.read().split()[0], flush=True)
"""


@machine()
def test_poll(guest):
    """eject_status and state wake up their pollers."""
    dimm = plug(guest, "256M")
    block = guest.blocks(dimm)[0]
    guest.sh(f"cat >/tmp/poll.py <<'END'\n{POLL}END")
    guest.start_program(f"python3 /tmp/poll.py {dimm.dir}/eject_status 2", "status")
    guest.start_program(f"python3 /tmp/poll.py $memory/memory{block}/state 2", "state")
    pin(guest, dimm)
    assert ask(guest, dimm, 1) == [OST_EJECT_IN_PROGRESS]
    guest.sh("wait_for 30 grep -qx pending /tmp/status.out; wait_for 30 grep -qx going-offline /tmp/state.out")
    guest.end_program("hold")
    assert answers(guest, dimm, 1) == [OST_SUCCESS]
    guest.sh("wait_for 30 grep -qx done /tmp/status.out")
    gone(guest, dimm)


@machine(timeout=300)
def test_reboot(guest):
    """A guest reboots while an eject is pending, and does not wait for it."""
    dimm = plug(guest)
    pin(guest, dimm)
    assert ask(guest, dimm, 1) == [OST_EJECT_IN_PROGRESS]
    guest.send_command("busybox reboot -f")
    begin = time.monotonic()
    try:
        guest.qemu.wait(guest.longer(60))
    except subprocess.TimeoutExpired:
        raise GuestError("it still runs") from None
    assert "reboot: Restarting system" in guest.console_path.read_text(errors="replace")
    assert time.monotonic() - begin < guest.longer(60)


def zone_of_node(guest, node):
    """Of ZONE_MOVABLE of a node: pages managed, and free."""
    text = guest.sh("cat /proc/zoneinfo", log=False)
    zone = re.search(rf"^Node {node}, zone +Movable$(.*?)(?=^Node|\Z)", text, re.M | re.S)[1]
    return [int(re.search(rf"^ +{word} +(\d+)$", zone, re.M)[1]) for word in ("managed", "nr_free_pages")]


@machine(nodes=("2560M", "0"), timeout=400)
def test_loaded(guest):
    """4 GiB with 1 GiB of a program's data: every page moves at most once."""
    dimm = plug(guest, 4 * GIB)
    loaded = guest.start_program(f"load 1024 1 {dimm.lo} {dimm.hi}", "load")
    assert "on the DIMM 1024 MiB" in loaded, loaded
    names = "pgmigrate_success", "numa_pages_migrated", "pgalloc_movable"
    before = guest.vmstat(*names)
    managed, free = zone_of_node(guest, 1)
    assert guest.unplug(dimm, 300).done, "eject refused"
    moved, balanced, allocated = [now - then for now, then in zip(guest.vmstat(*names), before)]
    # The DIMM is all of ZONE_MOVABLE. Before its blocks are isolated, CPUs of its node may allocate some
    # pages there. If pages were moved from block to block, there would be as many allocations as moves.
    assert allocated < 4096, f"{allocated} pages were taken on the DIMM"
    # Free pages in the lists of CPUs are counted as used. NUMA balancing moves pages as well.
    used = managed - free + allocated
    assert GIB // 4096 <= moved <= used + balanced, f"{moved} pages moved, {used} were in use, {balanced} by balancing"
    checked = guest.end_program("load")
    assert "on the DIMM 0 MiB" in checked and "wrong 0 pages" in checked, checked
    return f"{moved} of {used} pages in use moved, {allocated} of them taken late, {balanced} by balancing"
