# SPDX-License-Identifier: GPL-2.0
"""Walks over struct pages without a lock could read struct pages of removed memory."""

from guest import MIB, machine

MOVABLE = "echo online_movable >$memory/auto_online_blocks"
# The delay of pfn_to_online_page(), in microseconds, after it has found a page.
DELAY = "echo 300 >/sys/kernel/debug/memory_hotplug/walk_delay"
TIMEOUT = "/sys/module/memory_hotplug/parameters/offline_timeout_ms"
TURNS = 6

KCORE = r"""
import struct
while True:
    with open("/proc/kcore", "rb", buffering=0) as f:
        head = f.read(64)
        f.seek(struct.unpack_from("<Q", head, 32)[0])
        table = f.read(56 * struct.unpack_from("<H", head, 56)[0])
        for kind, _, offset, _, phys, size, _, _ in struct.iter_unpack("<IIQQQQQQ", table):
            if kind == 1 and 1 << 32 <= phys < 1 << 40:
                for at in range(0, size, 1 << 16):
                    f.seek(offset + at)
                    f.read(4096)
"""

LISTED = r"""
import struct, sys
lo, hi = int(sys.argv[1]), int(sys.argv[2])
with open("/proc/kcore", "rb", buffering=0) as f:
    head = f.read(64)
    f.seek(struct.unpack_from("<Q", head, 32)[0])
    table = f.read(56 * struct.unpack_from("<H", head, 56)[0])
print(any(kind == 1 and phys < hi and lo < phys + size for kind, _, _, _, phys, size, _, _ in struct.iter_unpack("<IIQQQQQQ", table)))
"""

# Begins with the first frame above 4 GiB, where DIMMs and virtio-mem are.
PER_FRAME = r"""
import sys
name, size = sys.argv[1], int(sys.argv[2])
while True:
    with open(name, "rb", buffering=0) as f:
        f.seek((1 << 20) * size // 8)
        while f.read(32768):
            pass
"""


def in_background(guest, name, command):
    guest.sh(f"while {command}; do :; done >/dev/null 2>&1 & echo $! >/tmp/{name}.pid")


def lives(guest):
    assert not guest.complaints(), guest.complaints()


def come_and_go(guest, turns=TURNS):
    for turn in range(turns):
        dimm = guest.plug("256M", 1, seconds=150)
        assert guest.unplug(dimm, seconds=150).done, f"turn {turn}: the DIMM stays"
        lives(guest)


@machine(timeout=900)
def test_compaction(guest):
    """A DIMM is added and removed while two tasks compact its node."""
    guest.sh(f"{MOVABLE}; {DELAY}")
    guest.plug("256M", 1)
    for n in range(2):
        in_background(guest, f"compact{n}", "echo 1 >/sys/devices/system/node/node1/compact")
    come_and_go(guest)


@machine(timeout=900, virtio_mem="2G:1")
def test_virtio_mem(guest):
    """A virtio-mem device grows and shrinks while two tasks compact its node."""
    guest.sh(f"{MOVABLE}; {DELAY}; modprobe virtio_mem")
    guest.resize(256 * MIB)
    for n in range(2):
        in_background(guest, f"compact{n}", "echo 1 >/sys/devices/system/node/node1/compact")
    for turn in range(TURNS):
        guest.resize((768 if turn % 2 == 0 else 256) * MIB, seconds=150)
        lives(guest)


@machine(timeout=900)
def test_kcore(guest):
    """A DIMM is added and removed while /proc/kcore is read."""
    guest.sh(f"need python3; {MOVABLE}; {DELAY}; cat >/tmp/read.py <<'END'\n{KCORE}\nEND")
    in_background(guest, "kcore", "python3 /tmp/read.py")
    come_and_go(guest)


@machine()
def test_kcore_lists(guest):
    """/proc/kcore lists memory until it is removed, also if it was opened when the memory was offline already."""
    def listed():
        return guest.sh(f"python3 /tmp/listed.py {dimm.lo} {dimm.hi}")

    guest.sh(f"need python3; cat >/tmp/listed.py <<'END'\n{LISTED}\nEND")
    dimm = guest.plug_online("256M", 1)
    # Memory above it keeps the span of its node as it is.
    guest.plug_online("256M", 1)
    assert listed() == "True"
    guest.set_blocks("offline", guest.blocks(dimm))
    assert listed() == "True"
    assert guest.unplug(dimm).done
    assert listed() == "False"


@machine(timeout=900, cmdline="page_owner=on")
def test_files(guest):
    """A DIMM is added and removed while kpageflags, kpagecount, kpagecgroup, page_idle, page_owner and others are read."""
    guest.sh(f"need python3; {MOVABLE}; {DELAY}; cat >/tmp/read.py <<'END'\n{PER_FRAME}\nEND")
    for name in ("kpageflags", "kpagecount", "kpagecgroup"):
        in_background(guest, name, f"[ -e /proc/{name} ] && python3 /tmp/read.py /proc/{name} 64")
    in_background(guest, "idle", "python3 /tmp/read.py /sys/kernel/mm/page_idle/bitmap 1")
    in_background(guest, "owner", "cat /sys/kernel/debug/page_owner")
    in_background(guest, "types", "cat /proc/pagetypeinfo")
    in_background(guest, "split", "echo 1 >/sys/kernel/debug/split_huge_pages")
    come_and_go(guest)


POOL = "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages"
OPTIMIZE = "/proc/sys/vm/hugetlb_optimize_vmemmap"


@machine(timeout=300, cmdline="hugepagesz=2M hugepages=0")
def test_free_huge_page(guest):
    """A free huge page whose struct pages are restored within a walk: that takes no lock of CPU hotplug (lockdep)."""
    dimm = guest.plug_online("256M", 1)
    guest.sh(f"modprobe hwpoison-inject; [ ! -e {OPTIMIZE} ] || echo 1 >{OPTIMIZE}; echo 8 >{POOL}; [ $(<{POOL}) = 8 ]")
    first, nr = dimm.lo // 4096, dimm.size // 4096
    # Bit 15 is the first struct page of a compound page, bit 17 is HugeTLB.
    huge = guest.sh(f"dd if=/proc/kpageflags bs=8 skip={first} count={nr} status=none | od -v -An -w8 -tu8 | "
                    "awk 'int($1 / 32768) % 2 && int($1 / 131072) % 2 { print NR - 1 }'").split()
    assert len(huge) >= 2, "no free huge page is on the DIMM"
    hard, soft = (first + int(n) for n in huge[:2])
    guest.sh(f"echo {hard + 3:#x} >/sys/kernel/debug/hwpoison/corrupt-pfn; "
             f"echo {(soft + 5) * 4096:#x} >/sys/devices/system/memory/soft_offline_page; [ $(<{POOL}) = 6 ]")
    # Waits for walks, with the locks held.
    guest.set_blocks("offline", guest.blocks(dimm))
    assert guest.unplug(dimm).done
    lives(guest)


ASK = "/sys/kernel/debug/mhp_ask"


@machine(timeout=300, cmdline="memory_hotplug.online_policy=auto-movable")
def test_valid_zones(guest):
    """valid_zones of a block looks at another block of its unit, which goes offline and is removed meanwhile."""
    guest.sh("modprobe mhp_ask")
    dimm = guest.plug("256M", 1)
    block, other = guest.blocks(dimm)
    size = dimm.size // 2
    second = f"{dimm.lo + size} {size}"
    guest.sh(f"expect OK {ASK} 'remove {dimm.lo} {dimm.size}'; expect OK {ASK} 'group 1 {dimm.size}'")
    group = guest.sh("basename $(dirname $(grep -lx dynamic $memory/groups/*/type))").strip()
    guest.sh(f"expect OK {ASK} 'add {group} {dimm.lo} {size} 4'; echo 10000 >/sys/kernel/debug/memory_hotplug/walk_delay")
    in_background(guest, "zones", f"cat $memory/memory{block}/valid_zones")
    guest.sh(f"""
        for ((i = 0; i < 10; i++)); do
            expect OK {ASK} 'add {group} {second} 4'
            expect OK $memory/memory{other}/state online_movable
            expect OK {ASK} 'leave {second}'
        done
        echo 0 >/sys/kernel/debug/memory_hotplug/walk_delay; kill $(</tmp/zones.pid)
        expect OK {ASK} 'remove {dimm.lo} {size}'; expect OK {ASK} 'ungroup {group}'""")
    lives(guest)


WALKS = "grep -qs msleep /proc/$(</tmp/walk.pid)/stack"


def walk(guest, seconds, command=":"):
    """Somebody looks at struct pages, for so long; COMMAND begins meanwhile."""
    guest.sh(f"echo walk {guest.delay_ms(seconds)} >/sys/kernel/debug/mhp_ask 2>/dev/null & echo $! >/tmp/walk.pid; wait_for 20 {WALKS}; {command}")


def waited(guest, what):
    """Who does not wait has ended while the walk goes on."""
    assert guest.sh(f"! {WALKS} || echo goes on").strip() == "", f"{what} did not wait"


def walk_ends(guest):
    guest.sh("wait_for 120 eval '! kill -0 $(</tmp/walk.pid) 2>/dev/null'")


@machine(timeout=300)
def test_waits(guest):
    """An offline and a removal wait for walks over struct pages, but not for ever."""
    guest.sh("modprobe mhp_ask")
    dimm = guest.plug("256M", 1)
    block, other = guest.blocks(dimm)
    state = f"$memory/memory{block}/state"

    guest.set_blocks("online_movable", [block, other])
    walk(guest, 4, f"expect OK {state} offline; ! {WALKS} || fail the offline did not wait")

    guest.set_blocks("online_movable", [block])
    guest.sh(f"echo 1000 >{TIMEOUT}")
    walk(guest, 8, f"expect EBUSY {state} offline; grep 'reason=deadline .*step=evacuate' $memory/memory{block}/last_error")
    assert guest.zones([block])[block] == ("online", "Movable")
    walk_ends(guest)
    guest.set_blocks("offline", [block, other])

    # A removal that can fail does not wait for ever; that of an eject, which cannot fail any more, does.
    walk(guest, 14, f"expect EBUSY /sys/kernel/debug/mhp_ask 'remove {dimm.lo} {dimm.size}'")
    guest.sh("dmesg | grep -q 'remove failed.*, step walks'")
    assert guest.blocks(dimm) == [block, other], "the blocks are not back"
    walk_ends(guest)

    walk(guest, 14)
    assert guest.unplug(dimm).done, "the DIMM stays"
    waited(guest, "the remove")
    guest.sh("dmesg | grep -q 'struct pages of memory that goes are still looked at'")
