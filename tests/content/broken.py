# SPDX-License-Identifier: GPL-2.0
"""Memory with a poisoned page: all other pages are moved, and the struct page is not read later."""

from guest import machine

NODE = 1
FAIL = "/sys/kernel/debug/memory_hotplug/fail"
POOL = f"/sys/devices/system/node/node{NODE}/hugepages/hugepages-2048kB/nr_hugepages"


def plug(guest):
    return guest.plug_online("256M", NODE)


def hold(guest, kind, dimm):
    """Start a program with a poisoned page; returns its block and its page frame."""
    address = guest.start_program(f"broken {kind} {NODE} {dimm.lo} {dimm.hi}", "broken").split()[0]
    pfn = int(address, 16) // 4096
    return pfn * 4096 // (128 << 20), pfn


def signal(guest, name):
    guest.sh(f"kill -{name} $(</tmp/broken.pid)")


def look(guest):
    """Everybody who reads page tables reads those of the program."""
    guest.sh("pid=$(</tmp/broken.pid); cat /proc/$pid/smaps /proc/$pid/smaps_rollup /proc/$pid/numa_maps >/dev/null; "
             "sed 's/^\\([0-9a-f]*\\)-\\([0-9a-f]*\\) .*/\\1 \\2/' /proc/$pid/maps | while read lo hi; do "
             "[ ${#lo} -gt 12 ] || dd if=/proc/$pid/pagemap of=/dev/null bs=8 skip=$((16#$lo / 4096)) "
             "count=$(((16#$hi - 16#$lo) / 4096)) status=none; done; "
             "cat /proc/kpageflags /proc/kpagecount >/dev/null")


def end(guest):
    """End it: its content is right, but for the broken page; nothing of it is on the DIMM."""
    assert int(guest.end_program("broken").split()[0]) == 0, "something of it is still on the DIMM"


def goes(guest, dimm):
    """The DIMM is removed; entries for its poisoned page in the program do no harm."""
    guest.set_blocks("offline", guest.blocks(dimm))
    look(guest)
    assert guest.unplug(dimm).done
    look(guest)


def stays(guest, block, pfn):
    """The block cannot go, for the page that is broken."""
    guest.sh(f"expect EBUSY $memory/memory{block}/state offline")
    said = guest.sh(f"cat $memory/memory{block}/last_error")
    assert "reason=hwpoison" in said, said
    assert f"pfn={pfn:#x} " in said, f"{said}, not {pfn:#x}"


@machine()
def test_small(guest):
    """Small pages: the poisoned one is left, the others are moved; the program continues without it."""
    dimm = plug(guest)
    hold(guest, "small", dimm)
    goes(guest, dimm)
    end(guest)


@machine()
def test_pipe(guest):
    """A poisoned page that is also in a pipe keeps its block online until it is read."""
    dimm = plug(guest)
    block, pfn = hold(guest, "pipe", dimm)
    stays(guest, block, pfn)
    signal(guest, "USR1")
    goes(guest, dimm)
    end(guest)


@machine()
def test_thp(guest):
    """A huge page with a poisoned part is split, and all other parts are moved."""
    dimm = plug(guest)
    hold(guest, "thp", dimm)
    signal(guest, "USR1")
    goes(guest, dimm)
    end(guest)


@machine()
def test_thp_held(guest):
    """A huge page that cannot be split is not moved, and keeps its block online until it can be."""
    dimm = plug(guest)
    block, pfn = hold(guest, "thp", dimm)
    stays(guest, block, pfn)
    signal(guest, "USR1")
    goes(guest, dimm)
    end(guest)


@machine()
def test_tmpfs(guest):
    """A poisoned page of a file in tmpfs is removed; reads still fail with EIO, and the file can be deleted."""
    dimm = plug(guest)
    hold(guest, "tmpfs", dimm)
    goes(guest, dimm)
    end(guest)
    guest.sh("[ $(stat -c %b /dev/shm/broken) = 8192 ]; cat /dev/shm/broken >/dev/null && exit 1; "
             "truncate -s 0 /dev/shm/broken; [ $(stat -c %b /dev/shm/broken) = 0 ]; rm /dev/shm/broken; "
             "[ $(df --output=used /dev/shm | tail -n 1) = 0 ]")


@machine(cmdline="hugepagesz=2M hugepages=0")
def test_hugetlb(guest):
    """A poisoned HugeTLB page of a program: the parts without poison are free, the poisoned one is left."""
    dimm = plug(guest)
    guest.sh(f"echo 8 >{POOL}; [ $(<{POOL}) = 8 ]")
    hold(guest, "hugeanon", dimm)
    goes(guest, dimm)
    end(guest)


@machine(cmdline="hugepagesz=2M hugepages=0")
def test_hugetlb_file(guest):
    """A poisoned HugeTLB page of a file keeps its block online until the file is deleted, with that reason."""
    dimm = plug(guest)
    guest.sh(f"echo 8 >{POOL}; [ $(<{POOL}) = 8 ]")
    block, pfn = hold(guest, "hugefile", dimm)
    stays(guest, block, pfn)
    guest.end_program("broken")
    guest.set_blocks("offline", guest.blocks(dimm))
    assert guest.unplug(dimm).done
    assert guest.sh("awk '$1 == \"HardwareCorrupted:\" { print $2 }' /proc/meminfo") == "0"


@machine()
def test_new(guest):
    """A page that is poisoned before it is on a free list is not added to one."""
    dimm = guest.plug("256M", NODE)
    blocks = guest.blocks(dimm)
    pfn = dimm.lo // 4096 + 0x123
    guest.sh(f"""modprobe hwpoison-inject; echo "online/publish/up {guest.delay_ms(3, 60)}ms" >{FAIL}
        wr $memory/memory{blocks[0]}/state online_movable >/tmp/online &
        wait_for 60 eval '[ -z "$(<{FAIL})" ]'; echo {pfn:#x} >/sys/kernel/debug/hwpoison/corrupt-pfn || true
        [ ! -s /tmp/online ] || fail "it was online already"; wait_for 120 grep -q OK /tmp/online""")
    assert "recovery action for" in guest.sh(f"dmesg | grep 'Memory failure: {pfn:#x}'")

    def flags():
        return int(guest.sh(f"dd if=/proc/kpageflags bs=8 skip={pfn} count=1 status=none | od -An -tu8"))
    assert flags() >> 19 & 1, "it is not broken"
    assert not flags() >> 10 & 1, "it is on a free list"
    guest.sh("numactl --preferred=1 dd if=/dev/zero of=/dev/shm/data bs=1M count=1000 status=none || true; rm /dev/shm/data")
    assert flags() == 1 << 19 or not flags() >> 10 & 1, f"flags {flags():#x}"
    guest.sh(f"set_blocks offline {blocks[0]}; expect EHWPOISON $memory/memory{blocks[0]}/state online_movable")
    assert guest.unplug(dimm).done
