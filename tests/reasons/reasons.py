# SPDX-License-Identifier: GPL-2.0
"""Causes each reason of include/linux/mhp_reason.h, and reads it back."""

import re
import shlex

import ssdt
from guest import MIB, OST_SUCCESS, ROOT, Skip, machine
from ssdt import BUSY, CHECK, HIDDEN, Device

BLOCK = HIDDEN.step
FAIL = "/sys/kernel/debug/memory_hotplug/fail"
STATS = "/sys/kernel/debug/memory_hotplug/stats"
ASK = "/sys/kernel/debug/mhp_ask"
TIMEOUT = "/sys/module/memory_hotplug/parameters/offline_timeout_ms"
KEYS = ["verb", "err", "reason", "pfn", "step", "passes", "left", "ms", "kind", "detail"]


def last(guest, block):
    """The content of last_error of a block as a dictionary; {} for "none"."""
    line = guest.sh(f"cat $memory/memory{block}/last_error").strip()
    if line == "none":
        return {}
    pairs = dict(word.split("=", 1) for word in shlex.split(line))
    assert list(pairs) == KEYS, f"not the keys there should be: {line}"
    return pairs


def fails(guest, block, word, errno, reason, **more):
    """A write to a block's state fails, and last_error says why, and MORE; returns it."""
    guest.sh(f"expect {errno} $memory/memory{block}/state {word}")
    said = last(guest, block)
    more = {"reason": reason, "verb": word.split("_")[0], **more}
    assert {key: said.get(key) for key in more} == more, f"{said}, not {more}"
    return said


def at_most(guest, said, ms):
    """It took not longer than that. The time of an idle machine that is more than the limits of the kernel, a second, grows with load."""
    assert int(said["ms"]) <= ms + 1000 * guest.longer(1), f"{said}"


def works(guest, block, word):
    guest.sh(f"expect OK $memory/memory{block}/state {word}")
    assert last(guest, block) == {}, f"{last(guest, block)} although it went well"


def added(guest, reason):
    """The last line of the log about an add says this reason."""
    text = re.search(rf'"{reason}",\s*"([^"]*)"', (ROOT / "include/linux/mhp_reason.h").read_text())[1]
    line = guest.sh("dmesg | grep 'memory_hotplug: .* add failed' | tail -n 1")
    assert f"): {text}, step" in line, f"{line}: not '{text}'"
    assert re.search(rf"verb=add reason={reason} count=", guest.sh(f"cat {STATS}")), f"{reason} is not counted"


def plug(guest, size="256M", word="online_movable", node=1):
    dimm = guest.plug(size, node)
    blocks = guest.blocks(dimm)
    if word:
        guest.set_blocks(word, blocks)
    return dimm, blocks


def pfn_of(address):
    return f"{int(address, 16) // 4096:#x}"


def hold(guest, kind, block, node=1):
    """Hold a page in a block, that way; returns its page frame as last_error has it."""
    return pfn_of(guest.start_program(f"hold {kind} {node} {block * BLOCK} {(block + 1) * BLOCK}", "hold"))


@machine(timeout=300)
def test_blocks(guest):
    """already, online, disabled, notifier, injected, hwpoison: refused before any page is moved."""
    guest.sh("modprobe mhp_ask && modprobe memory-notifier-error-inject")
    dimm, (block, other) = plug(guest, word=None)
    assert last(guest, block) == {}
    fails(guest, block, "offline", "EINVAL", "already", err="-22", step="check")
    works(guest, block, "online_movable")
    fails(guest, block, "online", "EINVAL", "already")

    guest.sh(f"expect EBUSY {ASK} 'remove {dimm.lo} {dimm.size}'")
    said = last(guest, block)
    assert (said["verb"], said["reason"], said["err"], said["pfn"]) == ("remove", "online", "-16", f"{dimm.lo // 4096:#x}"), f"{said}"
    assert last(guest, other) == said, "not the same for all blocks of the request"

    uid = guest.sh(f"cat $memory/memory{block}/firmware_node/uid").strip()
    guest.sh(f"expect OK {ASK} 'disable {uid} 1'")
    fails(guest, block, "offline", "EPERM", "disabled", pfn=f"{dimm.lo // 4096:#x}")
    assert guest.query(block)[0]["score"] == "0"
    guest.sh(f"expect OK {ASK} 'disable {uid} 0'")

    veto = "/sys/kernel/debug/notifier-error-inject/memory/actions/MEM_GOING_OFFLINE/error"
    guest.sh(f"echo -13 >{veto}")
    said = fails(guest, block, "offline", "EACCES", "notifier", step="publish")
    assert said["detail"].startswith("notifier:notifier_err_inject_callback"), said["detail"]
    guest.sh(f"echo 0 >{veto}")

    guest.sh(f"echo online/zone/down -5 >{FAIL}")
    fails(guest, block, "offline", "EIO", "injected", step="zone")
    # The last page of the block, which is not in use yet.
    guest.sh(f"expect OK $memory/hard_offline_page {dimm.lo + BLOCK - 4096}")
    works(guest, block, "offline")
    fails(guest, block, "online", "EHWPOISON", "hwpoison")

    # A new block at this place knows nothing of the old one.
    guest.sh(f"echo online_movable >$memory/memory{other}/state; echo offline >$memory/memory{other}/state")
    stats = guest.sh(f"cat {STATS}")
    for verb, reason, count in (("offline", "already", 1), ("online", "already", 1), ("remove", "online", 1), ("offline", "disabled", 1),
                                ("offline", "notifier", 1), ("offline", "injected", 1), ("online", "hwpoison", 1)):
        assert f"verb={verb} reason={reason} count={count}" in stats, f"{verb} {reason}: {stats}"
    assert re.search(r"verb=offline us=\d+ count=\d+", stats)


@ssdt.machine(timeout=300)
def test_what_only_tests_cause(guest):
    """device, mapping, memmap, internal: nothing here can cause them, so steps are told to fail so."""
    guest.sh("modprobe mhp_ask")
    before = guest.sh("cat /proc/iomem; ls $memory")
    for step, err, reason in (("sections", -22, "mapping"), ("blocks", -5, "device"),
                              ("resource", -22, "memmap"), ("firmware", -5, "internal")):
        guest.sh(f"echo add/{step}/up {err} {reason} >{FAIL}; ! echo add 1 {HIDDEN[0]} {BLOCK} 0 >{ASK}")
        added(guest, reason)
        assert guest.sh("cat /proc/iomem; ls $memory") == before, "something of it is left"
    guest.sh(f"! echo add/sections/up -5 nonsense >{FAIL}")


@ssdt.machine(timeout=300, allow="Call.Trace|page.allocation.failure")
def test_add(guest):
    """range, address, node, group, resource, exists, absent, nomem: adds and removals that are not possible."""
    guest.sh("modprobe mhp_ask")
    before = guest.sh("cat /proc/iomem; ls $memory")
    base = HIDDEN[0]
    for reason, errno, what in (("range", "EINVAL", f"add 1 {base + 4096} {BLOCK} 0"), ("address", "E2BIG", f"add 1 {1 << 60} {BLOCK} 0"),
                                ("node", "EINVAL", f"add 77777 {base} {BLOCK} 0"), ("group", "EINVAL", f"add 77 {base} {BLOCK} 4"),
                                ("resource", "EEXIST", f"add 1 {BUSY} {BLOCK} 0"),
                                ("exists", "EEXIST", f"add 1 0 {BLOCK} 0"), ("exists", "EEXIST", f"add 1 {base - BLOCK} {2 * BLOCK} 0")):
        guest.sh(f"expect {errno} {ASK} '{what}'")
        added(guest, reason)
    guest.sh(f"expect EINVAL {ASK} 'remove {base} {BLOCK}'")
    assert "verb=remove reason=absent count=1" in guest.sh(f"cat {STATS}")
    assert guest.sh("cat /proc/iomem; ls $memory") == before

    _, (block, _) = plug(guest, word=None)
    # Each allocation of an online fails once, until it works.
    guest.sh(f"""
        . "${{GUEST_LIB%/*}}/failnth.sh"
        for ((n = 1; n < 500; n++)); do
            got=$(failnth $n $memory/memory{block}/state online_movable 1)
            [[ $got != OK* ]] || break
            cat $memory/memory{block}/last_error
        done >/tmp/said; sort /tmp/said | uniq -c""")
    assert "verb=online err=-12 reason=nomem" in guest.sh("cat /tmp/said")


@machine(cmdline="movablecore=200M", timeout=300)
def test_blocks_of_boot(guest):
    """holes, multi-zone, unmovable with its kind: blocks that can never go offline."""
    fails(guest, 0, "offline", "EINVAL", "holes")
    line = guest.query(0)[0]
    assert line["score"] == "0" and line["kind"] == "holes", line

    several = guest.sh("grep -lx none $memory/memory*/valid_zones | sed 's,.*memory\\([0-9]*\\)/.*,\\1,'").split()
    # Neither the first nor the last, which have holes.
    block = next(int(b) for b in several if b not in ("0", "15"))
    fails(guest, block, "offline", "EINVAL", "multi-zone")
    line = guest.query(block)[0]
    assert line["kind"] == "multi-zone" and line["score"] == "0", line

    kinds = set()
    for block in guest.sh("grep -lx 0 $memory/memory*/removable | sed 's,.*memory\\([0-9]*\\)/.*,\\1,'").split():
        if guest.sh(f"cat $memory/memory{block}/valid_zones").strip() == "none" or block == "0":
            continue
        said = fails(guest, block, "offline", "EBUSY", "unmovable", err="-16")
        assert int(said["pfn"], 16) // (BLOCK // 4096) == int(block), f"{said}"
        assert "flags 0x" in said["detail"], said["detail"]
        assert said["kind"] in ("slab", "page-table", "reserved", "kernel"), f"{said}"
        kinds.add(said["kind"])
        break
    assert kinds, "all blocks are removable"


@machine(cmdline="page_owner=on", timeout=300)
def test_owner(guest):
    """With page_owner it says who allocated the page."""
    dimm, (block, _) = plug(guest)
    pfn = hold(guest, "pin", block)
    said = fails(guest, block, "offline", "EBUSY", "pinned", pfn=pfn)
    assert re.search(r"allocated by pid \d+ \(hold\), order \d+, in .*<", said["detail"]), said["detail"]


@machine(timeout=400)
def test_held(guest):
    """pinned, busy-page, busy, deadline, signal, cancelled, ejecting: one page that stays, told apart."""
    guest.sh(f"modprobe mhp_ask; echo 5000 >{TIMEOUT}")
    dimm, (block, other) = plug(guest)
    state = f"$memory/memory{block}/state"

    # By a pipe, and as for a device: named within the deadline and a second.
    for kind in ("pin", "dma"):
        pfn = hold(guest, kind, block)
        said = fails(guest, block, "offline", "EBUSY", "pinned", pfn=pfn, kind="anon", step="evacuate")
        at_most(guest, said, 5000)
        assert int(said["passes"]) >= 20 and said["left"] == "1", f"{said}"
        # Others may seem to hold a page, for a moment.
        guest.sh(f"""
            wait_for 20 eval "ask 'why {block}' | grep -Eq 'pinned=1 .* blocker={pfn} kind=pinned score=[1-9]'"
            """)
        guest.end_program("hold")

    pfn = hold(guest, "lock", block)
    at_most(guest, fails(guest, block, "offline", "EBUSY", "busy-page", pfn=pfn, kind="anon"), 5000)
    guest.end_program("hold")

    pfn = hold(guest, "pin", block)
    guest.sh(f"echo 500 >{TIMEOUT}")
    fails(guest, block, "offline", "EBUSY", "deadline", pfn=pfn)
    guest.sh(f"echo 120000 >{TIMEOUT}")

    # Other requests for the block are refused meanwhile, and its progress can be read, all while the pin is tolerated.
    # The pin is tolerated for some seconds, which a busy host may need for the rest: then it begins again.
    guest.sh(f"""
        cd $memory/memory{block}
        progress='progress pages=32768 left=1 moved=[0-9]+ failed=[1-9][0-9]* passes=[1-9][0-9]* ms=[0-9]+'
        for ((try = 0; ; try++)); do
            [ $try -lt 5 ] || fail "an offline never took long enough"
            rm -f /tmp/lines /tmp/first
            ask 'offline {block}' /tmp/lines >/tmp/first 2>&1 &
            wait_for 30 grep -qx going-offline state
            second=$(wr state offline) why=$(<last_error)
            ! grep -qx going-offline state || {{
                [ "$second" = EBUSY ] && [[ $why = *reason=busy* ]] || fail "$second, $why"
                wait_for 30 eval 'grep -Eqx "$progress" /tmp/lines || ! grep -qx going-offline state'
                [ "$(wr state online)" != OK ] || break
            }}
            wait
            grep -qx EBUSY /tmp/first || fail "$(</tmp/first)"
        done
        wait
        grep -qx ECANCELED /tmp/first || fail "$(</tmp/first)"
        grep -Eqx "$progress" /tmp/lines || fail "$(</tmp/lines)"
        """)
    assert last(guest, block)["reason"] == "cancelled" and last(guest, block)["pfn"] == pfn, f"{last(guest, block)}"

    guest.sh(f"memory=$memory bash -c 'echo offline >{state}' >/dev/null 2>&1 & wait_for 30 grep -qx going-offline {state}; kill -KILL $!; ! wait $!")
    guest.sh(f"wait_for 10 grep -q reason=signal $memory/memory{block}/last_error; grep -qx online {state}")

    # The device is on its way; again, if that was over before both were asked for.
    for _ in range(5):
        guest.qmp("device_del", id=dimm.name)
        *said, now = guest.sh(f"""
            wait_for 30 grep -qx going-offline {state}
            wr {state} online_movable; wr $memory/memory{other}/state offline
            cat $memory/memory{other}/last_error {state}""").splitlines()
        guest.sh(f"""
            wait_for 30 grep -q ^failed $memory/memory{block}/firmware_node/eject_status; wait_for 30 grep -qx online {state}
            [ $(<$memory/memory{other}/state) = online ] || echo online_movable >$memory/memory{other}/state""")
        if now == "going-offline":
            break
    assert now == "going-offline", f"an eject was always over: {said}"
    assert said[:2] == ["EBUSY"] * 2 and "reason=ejecting" in said[2], f"{said}"
    assert last(guest, block)["reason"] == "pinned"
    guest.end_program("hold")
    works(guest, block, "offline")


@machine(timeout=300)
def test_becomes_busy(guest):
    """busy-page: a page that becomes locked, or under writeback, after an offline has chosen it: the offline does not wait for it."""
    guest.sh("modprobe mhp_ask")
    _, (block, _) = plug(guest)
    state = f"$memory/memory{block}/state"
    # The deadline ends the first, five seconds without progress the second.
    for kind, flag, limit in (("late-lock", "locked", 5000), ("late-write", "writeback", 120000)):
        pfn = hold(guest, kind, block)
        # A task that waits for the page waits for ever, and no signal ends that.
        guest.sh(f"rm -f /tmp/said; echo {limit} >{TIMEOUT}; wr {state} offline >/tmp/said 2>&1 & wait_for 30 grep -q . /tmp/said")
        assert guest.sh("cat /tmp/said").strip() == "EBUSY"
        said = last(guest, block)
        assert (said["reason"], said["pfn"], said["kind"], said["step"]) == ("busy-page", pfn, "anon", "evacuate"), f"{said}"
        at_most(guest, said, 5000)
        assert said["left"] == "1" and re.search(rf"[(|]{flag}[|)]", said["detail"]), f"{said}"
        guest.sh(f"echo release >{ASK}")
        works(guest, block, "offline")
        guest.end_program("hold")
        works(guest, block, "online_movable")


@machine(nodes=("1G", "1G", "0"), timeout=300)
def test_long_pins(guest):
    """A buffer of io_uring in a kernel zone: pinned."""
    guest.sh(f"echo 5000 >{TIMEOUT}")
    # A node without a processor, where the kernel allocates nothing by itself.
    _, blocks = plug(guest, word="online_kernel", node=2)
    pfn = hold(guest, "long", blocks[1], node=2)
    at_most(guest, fails(guest, blocks[1], "offline", "EBUSY", "pinned", pfn=pfn, kind="anon"), 5000)
    guest.end_program("hold")
    works(guest, blocks[1], "offline")


@machine(timeout=300)
def test_race(guest):
    """isolate-race: the pages of the block are isolated by something else."""
    guest.sh("modprobe mhp_ask")
    dimm, (block, _) = plug(guest)
    hold(guest, "pin", block)
    guest.sh(f"echo isolate {dimm.lo} {BLOCK} 60000 >{ASK} 2>/dev/null & echo $! >/tmp/isolate")
    guest.sh(f"""
        for ((i = 0; i < 12; i++)); do
            expect EBUSY $memory/memory{block}/state offline
            ! grep -q reason=isolate-race $memory/memory{block}/last_error || break
        done
        cat $memory/memory{block}/last_error
        grep -q 'err=-16 reason=isolate-race' $memory/memory{block}/last_error""")
    guest.sh("kill $(</tmp/isolate); wait_for 60 eval '! kill -0 $(</tmp/isolate) 2>/dev/null'")


@machine(timeout=300)
def test_isolation_stays(guest):
    """Something else that fails to isolate pages of an offline does not end their isolation."""
    guest.sh("modprobe mhp_ask && modprobe mhp_watch")
    dimm, (block, _) = plug(guest)
    hold(guest, "pin", block)

    def isolated():
        return int(guest.sh("grep '^zone 1 Movable ' /sys/kernel/debug/mhp_zones").rpartition("isolated=")[2].split()[0])

    state = f"$memory/memory{block}/state"
    guest.sh(f"wr {state} offline >/tmp/offline 2>&1 & wait_for 60 grep -qx going-offline {state}; "
             f"wr {ASK} 'isolate {dimm.lo} {BLOCK} 500'")
    during = isolated()
    guest.sh(f"grep -qx going-offline {state}", log=False)
    assert during == BLOCK // (2 * MIB), f"{during} pageblocks are isolated"
    guest.sh("wait_for 60 grep -q . /tmp/offline")
    assert guest.sh("cat /tmp/offline") == "EBUSY"
    assert isolated() == 0
    guest.end_program("hold")
    works(guest, block, "offline")
    assert isolated() == 0


@machine(timeout=300)
def test_hugetlb(guest):
    """hugetlb: free huge pages that are reserved."""
    pool = "/sys/devices/system/node/node1/hugepages/hugepages-2048kB"
    dimm, blocks = plug(guest)
    guest.sh(f"echo 100 >{pool}/nr_hugepages; [ $(<{pool}/nr_hugepages) = 100 ]")
    guest.start_program("python3 -uc 'import mmap, time; m = mmap.mmap(-1, 100 << 21, 0x40022); print(1); time.sleep(1000)'", "python")
    said = [last(guest, b) for b in blocks if guest.sh(f"wr $memory/memory{b}/state offline || true").strip() != "OK"]
    assert "hugetlb" in [s["reason"] for s in said], f"{said}"


@machine(timeout=400)
def test_no_target(guest):
    """no-target: a huge page that could move, to another of its size."""
    pool = "/sys/devices/system/node/node1/hugepages/hugepages-1048576kB"
    dimm, blocks = plug(guest, "2G", "online_kernel")
    guest.sh(f"echo 1 >{pool}/nr_hugepages; [ $(<{pool}/nr_hugepages) = 1 ]")
    guest.start_program(f"kinds huge1g 1 {dimm.lo} {dimm.hi}", "kinds")
    # One of the two GiB.
    huge = guest.sh("blocks_of_hugetlb " + " ".join(map(str, blocks))).split()
    said = fails(guest, huge[0], "offline", "EBUSY", "no-target", kind="hugetlb")
    at_most(guest, said, 9000)


SLABS = """import socket, time
pairs = [socket.socketpair() for _ in range(800)]
for one, other in pairs:
    one.setblocking(False)
    try:
        while True:
            one.send(bytes(1500))
    except BlockingIOError:
        pass
print("ready", flush=True)
time.sleep(1000)
"""


@machine(nodes=("1G", "1G", "0"))
def test_expected(guest):
    """Slabs and page tables have no unexpected references."""
    dimm = guest.plug("256M", 2)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_kernel", blocks)
    # Fill more than a block with data that was sent to sockets.
    guest.start_program(f"ulimit -n 4000; numactl --preferred=2 python3 -c {shlex.quote(SLABS)}", "slabs")
    details = []
    for block in blocks:
        if guest.sh(f"wr $memory/memory{block}/state offline || true") != "OK":
            details += [said["detail"] for said in [last(guest, block)] if said["kind"] in ("slab", "page-table")]
    assert details, "none of them is in the way"
    for detail in details:
        refs, expected = re.match(r"(\d+) references of which (\d+) are expected", detail).groups()
        assert refs == expected, detail


@machine(nodes=("1G",), timeout=400)
def test_no_room(guest):
    """no-room: the pages in use do not fit elsewhere above the watermarks; refused at once, unless that check is off."""
    dimm = guest.plug("512M", 0)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_movable", blocks)
    # Set the high watermarks far above the low ones, so that the free memory without a block is between them.
    guest.sh("""
        echo 1000 >/proc/sys/vm/watermark_scale_factor
        free=$(awk '$1 == "MemFree:" { print int($2 / 1024) }' /proc/meminfo)
        mount -t tmpfs -o size=100% tmpfs /mnt
        dd if=/dev/zero of=/mnt/data bs=1M count=$((free - 330)) status=none""")
    said = fails(guest, blocks[0], "offline", "EBUSY", "no-room", step="check", passes="0")
    at_most(guest, said, 1000)

    switch = "/sys/module/memory_hotplug/parameters/offline_viability"
    guest.sh(f"echo N >{switch}")
    works(guest, blocks[0], "offline")
    guest.sh(f"echo Y >{switch}")
    fails(guest, blocks[1], "offline", "EBUSY", "no-room", step="check", passes="0")
    guest.sh("rm /mnt/data")
    works(guest, blocks[1], "offline")


@machine(nodes=("1G",), cmdline="hugepagesz=2M hugepages=0", timeout=400)
def test_room_of_huge_pages(guest):
    """Free huge pages need no room, and those in use fit into free ones: the offline is not refused for no-room."""
    pool = "/sys/kernel/mm/hugepages/hugepages-2048kB"
    dimm = guest.plug("256M", 0)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_movable", blocks)
    # All of the DIMM, and of the rest of the memory but some MiB.
    guest.sh(f"""
        echo $(($(awk '$1 == "MemFree:" {{ print $2 }}' /proc/meminfo) / 2048 - 30)) >{pool}/nr_hugepages
        awk '/^MemFree|^HugePages/' /proc/meminfo""")
    was = int(guest.sh(f"cat {pool}/nr_hugepages"))
    works(guest, blocks[0], "offline")
    assert int(guest.sh(f"cat {pool}/nr_hugepages")) <= was - 60, "no huge pages were there"
    guest.start_program(f"kinds huge2m 0 {dimm.lo} {dimm.hi}", "kinds")
    works(guest, blocks[1], "offline")
    assert guest.end_program("kinds").startswith("0 "), "something of it is still there"


@ssdt.machine(nodes=("1G", "1G", "0"), timeout=300)
def test_lost(guest):
    """lost: memory that disappeared while it was in use."""
    ssdt.load(guest, Device("MEM0", [(HIDDEN[0], BLOCK)], node=2, sta=0))
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    block = HIDDEN[0] // BLOCK
    # The tasks of the test must not use this memory: node 1 has none, and its CPU would use that of node 2.
    guest.sh("taskset -apc 0 1 >/dev/null")
    guest.set_blocks("online_movable", [block])
    guest.start_program(f"load 32 2 {HIDDEN[0]} {HIDDEN[1]}", "load")
    ssdt.notify(guest, "MEM0", CHECK, sta=0)
    assert last(guest, block)["verb"] == "lose", f"{last(guest, block)}"
    fails(guest, block, "offline", "EHWPOISON", "lost")
    line = guest.query(block)[0]
    assert line["kind"] == "lost" and line["score"] == "0", line


@machine(timeout=300)
def test_sleep(guest):
    """sleep: the system suspends meanwhile, only to the freezer."""
    dimm, (block, _) = plug(guest)
    hold(guest, "pin", block)
    guest.sh(f"""
        echo 1 >/sys/module/suspend/parameters/pm_test_delay
        echo freezer >/sys/power/pm_test
        wr $memory/memory{block}/state offline >/tmp/answer &
        wait_for 30 grep -qx going-offline $memory/memory{block}/state
        expect OK /sys/power/state freeze
        wait
        grep -qx EBUSY /tmp/answer""")
    said = last(guest, block)
    assert said["reason"] == "sleep" and said["err"] == "-16", f"{said}"
    guest.end_program("hold")
    works(guest, block, "offline")


@machine(timeout=300)
def test_dependency(guest):
    """dependency: another device of the container is in use; read from eject_status."""
    guest.sh("modprobe mhp_ask")
    dimm, (block, _) = plug(guest, word=None)
    device = f"$memory/memory{block}/firmware_node"
    uid = guest.sh(f"cat {device}/uid").strip()
    guest.sh(f"expect OK {ASK} 'disable {uid} 1'")
    assert not guest.unplug(dimm).done, "it went"
    status = guest.sh(f"cat {device}/eject_status")
    assert "reason=dependency" in status, status
    guest.sh(f"expect OK {ASK} 'disable {uid} 0'")
    assert guest.unplug(dimm).done


@machine(timeout=300)
def test_boot_memory(guest):
    """boot-memory: where the architecture keeps what it had at boot, its blocks say so and nothing is tried."""
    if guest.arch.name != "arm64":
        raise Skip("only arm64 keeps the memory that it had at boot")
    boot = list(map(int, guest.sh("blocks_that_are online").split()))
    dimm, blocks = plug(guest)
    kinds = {}
    for block, line in guest.query(f"{boot[0]}-{boot[-1]}")[1].items():
        assert line["score"] == "0" and guest.sh(f"cat $memory/memory{block}/removable") == "0", f"{block}: {line}"
        kinds.setdefault(line["kind"], []).append(block)
    # The firmware keeps parts of some.
    assert set(kinds) <= {"boot-memory", "holes"} and len(kinds["boot-memory"]) > len(boot) / 2, f"{kinds}"
    fails(guest, kinds["boot-memory"][0], "offline", "EPERM", "boot-memory", err="-1", step="check", passes="0")
    assert "reason=notifier" not in guest.sh(f"cat {STATS}"), "a notifier was asked"

    # By size: all that goes is the DIMM, which then is ejected.
    guest.sh("expect_ask EBUSY 'offline size=512M'; expect_ask OK 'offline size=256M'")
    assert all(state == "offline" for state, _ in guest.zones(blocks).values()), "it went elsewhere"
    assert guest.unplug(dimm).done


# Caused by a test of ejects, and read from eject_status: tests/firmware, tests/clients.
ELSEWHERE = {"firmware", "kexec"}


@machine()
def test_every_reason(guest):
    """There is a test for each reason there is."""
    names = re.findall(r'^\tX\(\w+,\s*"([\w-]+)"', (ROOT / "include/linux/mhp_reason.h").read_text(), re.M)
    here = (ROOT / "tests/reasons/reasons.py").read_text()
    ejects = "".join(path.read_text() for kind in ("firmware", "clients") for path in (ROOT / "tests" / kind).glob("*.py"))
    for name in names:
        if name != "none":
            assert re.search(f'["=]{name}\\b', ejects if name in ELSEWHERE else here), f"no test of {name}"
