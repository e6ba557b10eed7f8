# SPDX-License-Identifier: GPL-2.0
"""Blocks with each kind of page go offline; the table of kinds is in the admin guide."""

from guest import GIB, MIB, machine

NODE = 1


def plug(guest, size="256M", word="online_movable"):
    return guest.plug_online(size, NODE, word)


def hold(guest, kind, dimm):
    """Start a program with that kind of memory; returns how many of its pages are on the DIMM."""
    return int(guest.start_program(f"kinds {kind} {NODE} {dimm.lo} {dimm.hi}", "kinds").split()[0])


def end(guest):
    """End the program, whose content must be intact; returns how many pages are on the DIMM now."""
    return int(guest.end_program("kinds").split()[0])


def goes(guest, dimm):
    guest.set_blocks("offline", guest.blocks(dimm))


def stays(guest, dimm, why):
    """One of the blocks does not go offline for that reason, and all of them stay online."""
    blocks = guest.blocks(dimm)
    before = guest.zones(blocks)
    refused = [b for b in blocks if guest.sh(f"wr $memory/memory{b}/state offline || true") == "EBUSY"]
    assert refused, "all of it went offline"
    assert why in guest.sh("dmesg | grep 'offline failed' | tail -n 1"), f"not '{why}'"
    for block in refused:
        assert guest.zones([block])[block] == before[block], "it did not stay as it was"
    guest.set_blocks({"Movable": "online_movable"}.get(before[blocks[0]][1], "online_kernel"),
                     [b for b in blocks if b not in refused])


def at_once(guest, dimm, *kinds):
    """It did not take long to say so, and what the page is."""
    lines = [line for b in guest.blocks(dimm) if (line := guest.sh(f"cat $memory/memory{b}/last_error")) != "none"]
    assert lines, "no block has a last_error"
    for line in lines:
        said = dict(word.split("=", 1) for word in line.split(" detail=")[0].split())
        assert said["kind"] in ("inaccessible", *kinds) and int(said["ms"]) < guest.longer(2) * 1000, line


def moves(guest, kind):
    dimm = plug(guest)
    held = hold(guest, kind, dimm)
    assert held > 0, "nothing of it is on the DIMM"
    goes(guest, dimm)
    assert end(guest) == 0, "something of it is still there"
    assert guest.unplug(dimm).done
    return f"{held} pages"


@machine(cmdline="hugepagesz=2M hugepages=0")
def test_hugetlb_2m(guest):
    """Huge pages of 2 MiB: those in use are moved, free ones of the pool are dissolved."""
    pool = f"/sys/devices/system/node/node{NODE}/hugepages/hugepages-2048kB"
    dimm = plug(guest)
    guest.sh(f"echo 32 >{pool}/nr_hugepages; [ $(<{pool}/nr_hugepages) = 32 ]")
    held = hold(guest, "huge2m", dimm)
    assert held > 0, "nothing of it is on the DIMM"
    goes(guest, dimm)
    assert end(guest) == 0
    assert guest.unplug(dimm).done
    return f"{held} pages"


@machine()
def test_hugetlb_1g(guest):
    """A huge page of 1 GiB is not in ZONE_MOVABLE; its blocks stay online until it is freed."""
    pool = f"/sys/devices/system/node/node{NODE}/hugepages/hugepages-1048576kB"
    dimm = plug(guest, "2G")
    guest.sh(f"echo 1 >{pool}/nr_hugepages")
    assert guest.sh(f"cat {pool}/nr_hugepages") == "0", "there is one in ZONE_MOVABLE"
    goes(guest, dimm)
    guest.set_blocks("online_kernel", guest.blocks(dimm))
    guest.sh(f"echo 1 >{pool}/nr_hugepages; [ $(<{pool}/nr_hugepages) = 1 ]")
    assert hold(guest, "huge1g", dimm) == 1 << 18
    # The other GiB may have pages of the kernel.
    huge = guest.sh(f"blocks_of_hugetlb $(blocks {dimm.lo} {dimm.hi})").split()
    assert len(huge) * guest.block_size() == GIB, huge
    middle = huge[len(huge) // 2]
    guest.sh(f"expect EBUSY $memory/memory{middle}/state offline")
    assert guest.zones([middle]) == {int(middle): ("online", "Normal")}
    # It could move, to another of its size.
    assert "there is no memory to move the pages to" in guest.sh("dmesg | grep 'offline failed' | tail -n 1")
    end(guest)
    guest.sh(f"echo 0 >{pool}/nr_hugepages; expect OK $memory/memory{middle}/state offline")


@machine()
def test_ksm(guest):
    """Merged pages move, and stay merged."""
    guest.sh("echo 1 >/sys/kernel/mm/ksm/run; echo 2000 >/sys/kernel/mm/ksm/pages_to_scan")
    return moves(guest, "ksm")


@machine()
def test_tmpfs(guest):
    """A file in tmpfs moves, mapped and, after its program has ended, unmapped."""
    dimm = plug(guest)
    assert hold(guest, "tmpfs", dimm) > 0
    block = guest.blocks(dimm)
    goes(guest, dimm)
    assert end(guest) == 0
    guest.set_blocks("online_movable", block)
    guest.sh(f"numactl --preferred={NODE} dd if=/dev/urandom of=/dev/shm/data bs=1M count=64 status=none; "
             "md5sum /dev/shm/data >/tmp/sum")
    goes(guest, dimm)
    guest.sh("md5sum -c /tmp/sum")


@machine()
def test_secret(guest):
    """Secret memory is never in ZONE_MOVABLE; in a kernel zone its block stays until it is freed."""
    dimm = plug(guest)
    assert hold(guest, "secret", dimm) == 0, "it is in ZONE_MOVABLE"
    end(guest)
    goes(guest, dimm)
    guest.set_blocks("online_kernel", guest.blocks(dimm))
    assert hold(guest, "secret", dimm) > 0, "nothing of it is on the DIMM"
    stays(guest, dimm, "a page cannot be moved")
    at_once(guest, dimm, "kernel", "slab", "page-table")
    end(guest)


@machine()
def test_inaccessible(guest):
    """A file that the kernel must not read, like guest_memfd: the offline of its block is refused at once."""
    guest.sh("modprobe mhp_ask")
    dimm = plug(guest)
    assert hold(guest, "inaccessible", dimm) > 0, "nothing of it is on the DIMM"
    stays(guest, dimm, "a page cannot be moved")
    at_once(guest, dimm)
    end(guest)
    goes(guest, dimm)
    # In a kernel zone, memory of the kernel may be in the way as well.
    guest.set_blocks("online_kernel", guest.blocks(dimm))
    assert hold(guest, "inaccessible", dimm) > 0, "nothing of it is on the DIMM"
    stays(guest, dimm, "a page cannot be moved")
    at_once(guest, dimm, "kernel", "slab", "page-table")
    end(guest)


@machine(nodes=("1G", "1G", "0"), cmdline="hugepagesz=2M hugepages=0")
def test_cpuset(guest):
    """Pages are moved to any node with room, regardless of the cpuset of the writer."""
    pool = "/sys/devices/system/node/node{}/hugepages/hugepages-2048kB/nr_hugepages"
    guest.sh("mkdir /tmp/cg; mount -t cgroup2 none /tmp/cg; echo +cpuset >/tmp/cg/cgroup.subtree_control; mkdir /tmp/cg/service")
    dimm = guest.plug("128M", 2)
    block, = guest.blocks(dimm)
    for kind in ("tmpfs", "huge2m"):
        guest.set_blocks("online_movable", [block])
        if kind == "huge2m":
            guest.sh(f"echo 16 >{pool.format(2)}; echo 16 >{pool.format(0)}; [ $(<{pool.format(2)}) = 16 ]")
        held = int(guest.start_program(f"kinds {kind} 2 {dimm.lo} {dimm.hi}", "kinds").split()[0])
        assert held > 0, "nothing of it is on the DIMM"
        guest.sh(f"echo 2 >/tmp/cg/service/cpuset.mems; (echo $BASHPID >/tmp/cg/service/cgroup.procs; "
                 f"expect OK $memory/memory{block}/state offline)")
        assert end(guest) == 0


@machine()
def test_long_pin(guest):
    """A buffer registered with io_uring has left ZONE_MOVABLE before it was pinned."""
    dimm = plug(guest)
    assert hold(guest, "long", dimm) == 0, "it is in ZONE_MOVABLE"
    goes(guest, dimm)
    end(guest)


@machine()
def test_short_pin(guest):
    """Pages in a pipe delay the offline until they are read; then it succeeds."""
    dimm = plug(guest)
    assert hold(guest, "short", dimm) > 0
    goes(guest, dimm)
    assert end(guest) == 0


@machine()
def test_poison(guest):
    """A block with a poisoned page goes offline, and does not come online again."""
    dimm = plug(guest)
    block = guest.blocks(dimm)[0]
    guest.sh("modprobe hwpoison-inject")
    guest.sh(f"echo {dimm.lo // 4096 + 0x100:#x} >/sys/kernel/debug/hwpoison/corrupt-pfn")
    goes(guest, dimm)
    guest.sh(f"expect EHWPOISON $memory/memory{block}/state online_movable")
    assert "poisoned" in guest.sh("dmesg | grep 'online failed'")
    assert guest.zones([block])[block][0] == "offline"
    # The count of poisoned pages is removed with the memory.
    assert guest.unplug(dimm).done
    assert guest.sh("awk '$1 == \"HardwareCorrupted:\" { print $2 }' /proc/meminfo") == "0"


@machine(virtio_mem="1G:1", cmdline="memhp_default_state=online_movable")
def test_virtio_mem(guest):
    """A block of virtio-mem that is plugged in part goes offline and comes back; its driver keeps the rest."""
    guest.sh("modprobe virtio_mem")
    total = int(guest.sh("mem_total"))
    guest.qmp("qom-set", path="/machine/peripheral/vm0", property="requested-size", value=192 * MIB)
    guest.sh(f"wait_for 60 eval '[ $(mem_total) = {total + 192 * 1024} ]'")
    blocks = [int(b) for b in guest.sh("ls -d $memory/memory[0-9]* | sed 's,.*memory,,' | sort -n | tail -n 2").split()]
    for block in blocks:
        guest.set_blocks("offline", [block])
    assert int(guest.sh("mem_total")) == total
    for block in blocks:
        guest.set_blocks("online_movable", [block])
    assert int(guest.sh("mem_total")) == total + 192 * 1024, "it came back with another size"


@machine(balloon=True)
def test_balloon(guest):
    """Pages that a balloon holds move within the guest, and it keeps its size."""
    guest.sh("modprobe virtio_balloon")
    dimm = plug(guest, "512M")
    guest.qmp("balloon", value=2048 * MIB)      # of 2.5 GiB
    guest.sh("wait_for 100 eval '[ $(awk '\\''$1 == \"balloon_inflate\" { print $2 }'\\'' /proc/vmstat) = 131072 ]'")
    before, = guest.vmstat("balloon_migrate")
    goes(guest, dimm)
    after, = guest.vmstat("balloon_migrate")
    assert guest.unplug(dimm).done
    guest.qmp("balloon", value=2560 * MIB)
    guest.sh("wait_for 100 eval '[ $(awk '\\''$1 == \"balloon_deflate\" { print $2 }'\\'' /proc/vmstat) -gt 100000 ]'")
    return f"{after - before} pages of the balloon moved"
