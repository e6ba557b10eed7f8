# SPDX-License-Identifier: GPL-2.0
"""Blocks go offline and online repeatedly while a program changes its pages in many ways."""

import time

from guest import GuestError, machine

NODE = 1
GROUP = "/run/churn/group"
ROUNDS = 6


def figures(guest):
    """What memory of a frozen program must count to, wherever it lies: caches of CPUs are flushed, files given up."""
    guest.sh("echo 3 >/proc/sys/vm/drop_caches; echo 1 >/proc/sys/vm/stat_refresh", log=False)
    stat = dict(line.split() for line in guest.sh(f"cat {GROUP}/memory.stat").splitlines())
    nodes = dict(word.split("=") for word in guest.sh(f"grep '^anon ' {GROUP}/memory.numa_stat").split()[1:])
    return {"current": guest.sh(f"cat {GROUP}/memory.current"), "anon": stat["anon"],
            "LRU": sum(int(stat[name]) for name in ("active_anon", "inactive_anon", "unevictable")) - int(stat["shmem"]),
            "nodes": sum(map(int, nodes.values()))}, int(nodes.get(f"N{NODE}", 0))


def settled(guest):
    """
    The same, as soon as they do not change for some looks: what the program freed before it was frozen is counted for a
    while, and the kernel adds up small changes of a group every two seconds only.
    """
    last, same = None, 0
    for _ in range(200):
        now = figures(guest)
        same = same + 1 if now == last else 0
        if same == 6:
            return now
        last = now
        time.sleep(0.5)
    raise GuestError(f"the figures of a frozen program change: {last}")


def soon(read, wanted):
    """What read() gives as soon as that is WANTED."""
    for _ in range(100):
        if (got := read()) == wanted:
            break
        time.sleep(0.5)
    return got


def come_back(guest):
    """All pages of the program to the node, where they can be."""
    guest.sh(f"for pid in $(<{GROUP}/cgroup.procs); do migratepages $pid 0 {NODE}; done", check=False)


def freeze(guest, on):
    guest.sh(f"echo {on} >{GROUP}/cgroup.freeze; wait_for 60 grep -qx 'frozen {on}' {GROUP}/cgroup.events")


@machine(nodes=("1G", "0"), timeout=600)
def test_goes_on(guest):
    """Data, marks in page tables and all counters are right after some rounds."""
    guest.sh(f"mkdir -p /run/churn && mount -t cgroup2 none /run/churn && echo +memory >/run/churn/cgroup.subtree_control && mkdir {GROUP}")
    dimm = guest.plug("256M", NODE)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_movable", blocks)
    there = int(guest.start_program(f"sh -c 'echo $$ >{GROUP}/cgroup.procs; exec churn {NODE} {dimm.lo} {dimm.hi}'", "churn"))
    assert there > 0, "nothing of it is on the DIMM"
    before, = guest.vmstat("pgmigrate_success")
    for round_ in range(ROUNDS):
        come_back(guest)
        guest.sh("(echo 1 >/proc/sys/vm/compact_memory) >/dev/null 2>&1 &")
        guest.set_blocks("offline", blocks if round_ % 2 else blocks[::-1])
        guest.set_blocks("online_movable", blocks)
    moved = guest.vmstat("pgmigrate_success")[0] - before

    come_back(guest)
    guest.sh("kill -USR1 $(</tmp/churn.pid); wait_for 60 grep -qx 'no pins' /tmp/churn.out")
    freeze(guest, 1)
    first, on_node = settled(guest)
    assert on_node, "all of it is elsewhere"
    guest.set_blocks("offline", blocks)
    second, on_node = settled(guest)
    assert first == second, f"{first} became {second}"
    assert not on_node, f"{on_node} bytes are counted on a node without memory"
    freeze(guest, 0)

    done = guest.end_program("churn")
    assert "wrong 0" in done, done
    # The compaction in the background may not be over yet.
    isolated = soon(lambda: guest.vmstat("nr_isolated_anon", "nr_isolated_file"), [0, 0])
    assert isolated == [0, 0], f"pages are isolated: {isolated}"
    guest.sh("echo 3 >/proc/sys/vm/drop_caches", log=False)
    rest = soon(lambda: [figures(guest)[0][key] for key in ("anon", "LRU", "nodes")], ["0", 0, 0])
    assert rest == ["0", 0, 0], f"anon, LRU, nodes: {rest}"
    assert int(guest.sh(f"awk '$1 == \"nr_anon_pages\" {{ print $2 }}' /sys/devices/system/node/node{NODE}/vmstat")) == 0
    guest.sh(f"rmdir {GROUP}")
    assert guest.unplug(dimm).done
    return f"{moved} pages moved: {done}"
