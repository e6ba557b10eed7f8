# SPDX-License-Identifier: GPL-2.0
"""Queries before memory goes offline: the answers are right, and nothing changes."""

import time

from guest import MIB, machine

PAGES = 128 * MIB // 4096
ROOT = "/sys/devices/system/memory"


def pairs(line):
    return dict(word.split("=", 1) for word in line.split())


def counts(said):
    return {key: int(said[key]) for key in ("free", "movable", "unmovable", "pinned", "hugetlb", "poisoned")}


def movability(guest, block):
    _, line, _ = guest.ask(f"why {block}")
    assert line.pop("block") == str(block)
    return line


def query(guest, what):
    return guest.query(what)[0]


def only_one(said):
    """Nothing but the page that the test holds is in the way."""
    return said["pinned"] == "1" and said["unmovable"] == "0"


def once(read, fits):
    """What is read as soon as it fits: who takes a page for a moment seems to hold it."""
    for _ in range(100):
        said = read()
        if fits(said):
            break
        time.sleep(0.1)
    return said


@machine(timeout=300)
def test_counts(guest):
    """free, movable, pinned, hugetlb, poisoned: as many as there are; a range is the sum of its blocks."""
    pool = "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages"
    guest.sh("nothing_moves")
    dimm = guest.plug("256M", 1)
    first, second = guest.blocks(dimm)
    assert sum(counts(movability(guest, first)).values()) == 0, "an offline block has pages"
    guest.set_blocks("online_movable", [first, second])
    said = once(lambda: movability(guest, first), lambda said: said["kind"] == "none")
    assert list(said) == ["free", "movable", "unmovable", "pinned", "hugetlb", "poisoned", "blocker", "kind", "score"], f"{said}"
    # A page may have been allocated already.
    assert counts(said)["free"] > PAGES - 1000 and sum(counts(said).values()) == PAGES, f"{said}"
    assert int(said["score"]) >= 95 and (said["blocker"], said["kind"]) == ("none", "none"), f"{said}"

    guest.start_program(f"load 40 1 {dimm.lo} {dimm.hi}", "load")
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.hi}", "hold")
    both = once(lambda: [movability(guest, block) for block in (first, second)],
                lambda both: sum(counts(said)["pinned"] for said in both) == 1 and all(said["unmovable"] == "0" for said in both))
    for said in both:
        assert sum(counts(said).values()) == PAGES, f"{said}"
        assert said["unmovable"] == "0" and int(said["score"]) > 0, f"{said}"
    assert sum(counts(said)["pinned"] for said in both) == 1, f"{both}"
    assert sum(counts(said)["movable"] for said in both) >= 30 * MIB // 4096, f"{both}"

    before = guest.sh("cat $memory/memory*/state; grep pgmigrate /proc/vmstat")
    said = once(lambda: query(guest, f"{first}-{second}"), only_one)
    assert said["range"] == f"{dimm.lo:#x}-{dimm.hi - 1:#x}", f"{said}"
    assert {**counts(said), "movable": 0, "free": 0} == {key: sum(counts(s)[key] for s in both) if key not in ("movable", "free") else 0
                                                          for key in counts(said)}, f"{said}"
    assert sum(counts(said).values()) == 2 * PAGES
    # Others take and give back pages meanwhile.
    by_address, by_block = (counts(once(lambda: query(guest, what), only_one))
                            for what in (f"{dimm.lo:#x}-{dimm.hi - 1:#x}", f"{first}-{second}"))
    assert abs(by_address.pop("free") - by_block.pop("free")) < 1000 and abs(by_address.pop("movable") - by_block.pop("movable")) < 1000
    assert by_address == by_block, f"{by_address} {by_block}"
    # Ranges need not be whole blocks: a page, a MiB across two of them, all memory.
    assert sum(counts(query(guest, f"{dimm.lo:#x}-{dimm.lo + 4095:#x}")).values()) == 1
    edge = dimm.lo + dimm.size // 2
    assert sum(counts(query(guest, f"{edge - MIB // 2:#x}-{edge + MIB // 2 - 1:#x}")).values()) == MIB // 4096
    everything = query(guest, "0x0-0xffffffffffffffff")
    assert everything["score"] == "0" and int(everything["unmovable"]) > 1000, f"{everything}"
    assert sum(counts(query(guest, "0xf00000000-0xf0fffffff")).values()) == 0
    assert guest.sh("cat $memory/memory*/state; grep pgmigrate /proc/vmstat") == before, "asking changed something"
    for nonsense in ("", "x", "1-", "0x1000", "2-1", "1 2", "1,", "group", "memory1-2"):
        guest.sh(f"expect_ask EINVAL 'query {nonsense}'$'\\n'")
    guest.end_program("hold")
    guest.sh("kill $(</tmp/load.pid)")

    guest.sh(f"echo 8 >{pool}; [ $(<{pool}) = 8 ]")
    guest.start_program("python3 -uc 'import mmap, time; m = mmap.mmap(-1, 8 << 21, 0x40022); m.write(bytes(8 << 21)); print(1); time.sleep(1000)'", "python")
    assert query(guest, f"{first}-{second}")["hugetlb"] == str(8 * 512)
    guest.sh(f"expect OK $memory/hard_offline_page {dimm.hi - 4096:#x}")
    assert query(guest, f"{first}-{second}")["poisoned"] == "1"


@machine(nodes=("1G", "1G", "0"), disk="1G", timeout=300)
def test_swap_cache(guest):
    """Pages that were read from swap, and are in the swap cache, count as movable."""
    guest.need("python3")
    guest.sh("nothing_moves; modprobe virtio_blk; wait_for 30 test -b /dev/vda; mkswap /dev/vda; swapon /dev/vda")
    blocks = guest.blocks(guest.plug_online("256M", 2, "online_movable"))
    # 21 is MADV_PAGEOUT. Pages that are only read stay in the swap cache.
    program = ("import mmap, time; m = mmap.mmap(-1, 32 << 20, 0x22); m.write(b\"x\" * (32 << 20)); m.madvise(21); "
               "print(sum(m[i] for i in range(0, 32 << 20, 4096))); time.sleep(1000)")
    guest.start_program(f"numactl --membind=2 python3 -uc '{program}'", "python")
    cached = int(guest.sh("awk '/^SwapCached:/ { print $2 }' /proc/meminfo")) // 4
    assert cached > 16 * MIB // 4096, f"{cached} pages in the swap cache"
    both = [counts(movability(guest, block)) for block in blocks]
    assert all(sum(said.values()) == PAGES for said in both), f"{both}"
    assert sum(said["movable"] for said in both) >= cached * 3 // 4, f"{both}"


@machine(timeout=300)
def test_groups(guest):
    """A DIMM is a group, which says so; with it the group goes."""
    before = guest.sh("ls $memory/groups")
    dimm = guest.plug("256M", 1)
    first, last = guest.blocks(dimm)
    group = guest.sh(f"cat $memory/memory{first}/group").strip()
    assert guest.sh(f"cat $memory/memory{last}/group").strip() == group
    assert guest.sh("cat $memory/memory0/group").strip() == "none"
    look = f"cd $memory/groups/{group} && echo $(cat type node blocks zones owner)"
    assert guest.sh(look).strip() == f"static 1 {first}-{last} none acpi", guest.sh(look)
    guest.set_blocks("online_movable", [first, last])
    assert guest.sh(look).strip() == f"static 1 {first}-{last} Movable acpi", guest.sh(look)
    guest.set_blocks("offline", [first, last])
    assert guest.sh(look).strip() == f"static 1 {first}-{last} none acpi", guest.sh(look)
    assert guest.unplug(dimm).done
    assert guest.sh("ls $memory/groups") == before

    # A block in a kernel zone may not go offline again: this DIMM stays.
    first, last = guest.blocks(guest.plug("256M", 1))
    gone, group = group, guest.sh(f"cat $memory/memory{first}/group").strip()
    assert group != gone and guest.ask(f"offline group{gone}", "EINVAL")[-1]["reason"] == "absent", "it has the ID of the group that has gone"
    guest.set_blocks("online_movable", [last])
    guest.set_blocks("online_kernel", [first])
    zones = guest.sh(f"cat $memory/groups/{group}/zones").strip()
    assert zones == "Normal Movable", zones
    assert guest.sh("ls $memory | grep -v ^memory[0-9] | grep memory || true") == "", "clients list by prefix"


@machine(virtio_mem="512M:1", timeout=300)
def test_group_of_a_driver(guest):
    """A driver's group has its name, and grows."""
    guest.sh("modprobe virtio_mem || true")
    guest.qmp("qom-set", path="/machine/peripheral/vm0", property="requested-size", value=256 * MIB)
    guest.sh("wait_for 60 eval 'grep -qx virtio_mem $memory/groups/*/owner'")
    guest.sh("wait_for 60 eval '[ $(cat $memory/memory*/group | grep -vc none) -ge 2 ]'")
    assert guest.sh("echo $(cat $memory/groups/*/type $memory/groups/*/node)").split() == ["dynamic", "1"]


@machine(nodes=("512M",), timeout=300)
def test_balance(guest):
    """movable_ratio, one warning where it passes its limit, and a line where memory has run out."""
    limit = "/sys/module/memory_hotplug/parameters/movable_ratio_limit"
    look = "cat $memory/movable_ratio"
    said = pairs(guest.sh(look).splitlines()[0].split(" ", 1)[1])
    assert said["movable"] == "0" and said["ratio"] == "0" and int(said["kernel"]) > 50000, f"{said}"
    guest.sh(f"echo 50 >{limit}")
    dimm = guest.plug("512M", 0)
    warnings = "dmesg | grep -c 'ZONE_MOVABLE is .* of kernel memory' || true"
    for block in guest.blocks(dimm):
        guest.set_blocks("online_movable", [block])
    lines = guest.sh(look).splitlines()
    assert [line.split()[0] for line in lines] == ["all", "node0"]
    said = pairs(lines[0].split(" ", 1)[1])
    assert said["movable"] == str(4 * PAGES) and int(said["ratio"]) == 100 * int(said["movable"]) // int(said["kernel"]), f"{said}"
    assert guest.sh(warnings).strip() == "1", guest.sh(warnings)
    # It is warned of again when it has been better meanwhile.
    guest.sh(f"echo 0 >{limit}")
    for word in ("offline", "online_movable", "offline"):
        guest.set_blocks(word, guest.blocks(dimm)[:1])
    guest.sh(f"echo 50 >{limit}")
    guest.set_blocks("online_movable", guest.blocks(dimm)[:1])
    assert guest.sh(warnings).strip() == "2", guest.sh(warnings)
    guest.sh("echo m >/proc/sysrq-trigger")
    assert f"{4 * PAGES} pages ZONE_MOVABLE (" in guest.sh("dmesg | tail -n 40")


@machine(nodes=("1G", "1G", "0"), timeout=300)
def test_removable(guest):
    """removable is 0 for a block with a page that never moves, also when others read it at the same time; data in ZONE_MOVABLE leaves it 1."""
    dimm = guest.plug("256M", 2)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_kernel", blocks)
    guest.start_program(f"kinds secret 2 {dimm.lo} {dimm.hi}", "kinds")
    stay = {block: said["kind"] for block, said in guest.query(f"{blocks[0]}-{blocks[-1]}")[1].items() if int(said["unmovable"])}
    assert stay, "nothing of it is on the DIMM"
    for block in stay:
        said = guest.sh("for reader in 1 2 3 4; do (for turn in {1..300}; do read -r said "
                        f"<$memory/memory{block}/removable; echo $said; done) & done | sort | uniq -c").split()
        assert said == ["1200", "0"], f"memory{block}, which has {stay[block]}: {said}"
    guest.end_program("kinds")

    dimm = guest.plug("256M", 1)
    guest.set_blocks("online_movable", guest.blocks(dimm))
    guest.start_program(f"load 100 1 {dimm.lo} {dimm.hi}", "load")
    for block in guest.blocks(dimm):
        assert guest.sh(f"cat $memory/memory{block}/removable").strip() == "1"
    return ", ".join(stay.values())


# Locked System V shared memory on node 2: its pages are unevictable until they are freed.
FREES = """
import ctypes, os
mbind = {"x86_64": 237, "aarch64": 235}[os.uname().machine]
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
size, nodes = 4 << 20, ctypes.c_ulong(1 << 2)
while True:
    segment = libc.shmget(0, size, 0o600)
    place = ctypes.c_void_p(libc.shmat(segment, None, 0))
    assert not libc.syscall(mbind, place, ctypes.c_ulong(size), 2, ctypes.byref(nodes), ctypes.c_ulong(8), 0)
    assert not libc.shmctl(segment, 11, None)      # SHM_LOCK
    ctypes.memset(place, 1, size)
    libc.shmdt(place)
    libc.shmctl(segment, 0, None)       # IPC_RMID
    print("frees", flush=True)
"""


@machine(nodes=("1G", "1G", "0"))
def test_pages_are_freed(guest):
    """removable looks at locked pages while they are freed: it may have the last reference to one of them."""
    guest.need("python3")
    block, *_ = guest.blocks(guest.plug_online("256M", 2, "online_kernel"))
    # The node has no other pages, so that none of the kernel ends the look before it has begun.
    guest.sh(f"cat >/tmp/frees.py <<'EOF'{FREES}EOF")
    guest.start_program("python3 /tmp/frees.py", "frees")
    guest.sh(f"for ((n = 0; n < 200; n++)); do cat $memory/memory{block}/removable $memory/memory{block + 1}/removable; done | sort | uniq -c")
    guest.end_program("frees")
