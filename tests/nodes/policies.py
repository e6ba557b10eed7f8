# SPDX-License-Identifier: GPL-2.0
"""Memory policies and cpusets of a node that loses its last memory and gets memory again."""

from guest import Skip, machine

MIB = 16
PAGES = MIB * 256
WEIGHTS = "/sys/kernel/mm/mempolicy/weighted_interleave"

# New memory of a program on node 0, 1, 2: (policy, its nodes, while node 2 has memory, while it has none).
# None: any distribution of all pages.
POLICIES = (
    ("bind=static", "2", (0, 0, PAGES), None),
    ("preferred=static", "2", (0, 0, PAGES), None),
    ("preferred-many=static", "2", (0, 0, PAGES), None),
    ("interleave=static", "1,2", (0, PAGES // 2, PAGES // 2), (0, PAGES, 0)),
    ("weighted-interleave=static", "1,2", (0, PAGES // 4, PAGES * 3 // 4), (0, PAGES, 0)),
    # These policies follow the nodes that have memory, by their rank. Only a preferred node is kept.
    ("preferred", "2", (0, 0, PAGES), None),
    ("bind", "1,2", (0, PAGES, 0), None),
    ("interleave", "0,2", (PAGES // 2, 0, PAGES // 2), None),
    ("weighted-interleave", "0,2", (PAGES // 4, 0, PAGES * 3 // 4), None),
)
FOLLOW = [number for number, (policy, *_) in enumerate(POLICIES) if policy.endswith("=static") or policy == "preferred"]


def program(number):
    return f"policy{number}"


def last_line(guest, number):
    return tuple(map(int, guest.sh(f"tail -n 1 /tmp/{program(number)}.out").split()))[:3]


def again(guest, number):
    """Where the program's memory comes from now."""
    name = program(number)
    guest.sh(f"lines=$(wc -l </tmp/{name}.out); kill -USR1 $(</tmp/{name}.pid); "
             f"wait_for 60 eval '[ $(wc -l </tmp/{name}.out) -gt '$lines' ]'")
    return last_line(guest, number)


def near(got, wanted):
    """Interleaving starts anywhere."""
    return sum(got) == PAGES and (wanted is None or all(abs(a - b) <= 4 for a, b in zip(got, wanted)))


def ready(guest):
    dimm = guest.plug("512M", 2)
    guest.set_blocks("online_movable", guest.blocks(dimm))
    guest.sh(f"echo 3 >{WEIGHTS}/node2; echo 1 >{WEIGHTS}/node1; echo 1 >{WEIGHTS}/node0")
    return dimm


@machine(nodes=("1G", "1G", "0"), timeout=300)
def test_policies(guest):
    """Programs with each policy continue while their node has no memory, and use the node again afterwards."""
    dimm = ready(guest)
    for number, (policy, nodes, there, _) in enumerate(POLICIES):
        got = tuple(map(int, guest.start_program(f"policy {policy} {nodes} {MIB}", program(number)).split()))[:3]
        # Of several nodes bind takes the nearest.
        assert near(got, None if policy == "bind" else there), f"{policy}:{nodes} gives {got}, not {there}"
    for round_ in range(2):
        assert guest.unplug(dimm).done, "a program keeps the DIMM"
        for number, (policy, nodes, _, gone) in enumerate(POLICIES):
            got = again(guest, number)
            assert near(got, gone) and not got[2], f"round {round_}: {policy}:{nodes} gives {got} without node 2"
        dimm = ready(guest)
        for number, (policy, nodes, there, _) in enumerate(POLICIES):
            got = again(guest, number)
            assert near(got, there if number in FOLLOW else None), f"round {round_}: {policy}:{nodes} gives {got}, not {there}"
    for number in range(len(POLICIES)):
        name = program(number)
        guest.sh(f"pid=$(<{'/tmp/' + name}.pid); kill -TERM $pid; wait_for 60 eval '! kill -0 '$pid' 2>/dev/null'; "
                 f"! grep wrong /tmp/{name}.out")
        assert sum(last_line(guest, number)) == PAGES
    assert guest.unplug(dimm).done


@machine(nodes=("1G", "1G", "0"))
def test_migratepages(guest):
    """migratepages moves a program to the node and away; its memory is intact, and the node can go offline."""
    guest.sh("type migratepages >/dev/null")
    dimm = ready(guest)
    assert near(tuple(map(int, guest.start_program(f"policy bind 1 {MIB}", program(0)).split()))[:3], (0, PAGES, 0))

    def nodes():
        return [int(n) for n in guest.sh(
            f"for n in 0 1 2; do awk -v n=$n '{{ for (i = 1; i <= NF; i++) if (split($i, a, \"=\") == 2 && a[1] == \"N\" n "
            f"&& /anon=/) s += a[2] }} END {{ print s + 0 }}' /proc/$(</tmp/{program(0)}.pid)/numa_maps; done").split()]

    guest.sh(f"migratepages $(</tmp/{program(0)}.pid) 1 2")
    assert nodes()[2] >= PAGES, f"{nodes()}"
    guest.sh(f"migratepages $(</tmp/{program(0)}.pid) 2 0")
    assert nodes()[0] >= PAGES and not nodes()[2], f"{nodes()}"
    guest.sh(f"migratepages $(</tmp/{program(0)}.pid) all 2")
    assert nodes()[2] >= PAGES, f"{nodes()}"
    assert guest.unplug(dimm).done
    assert not nodes()[2]
    guest.sh(f"! migratepages $(</tmp/{program(0)}.pid) 0 2")
    guest.sh(f"kill -TERM $(</tmp/{program(0)}.pid); wait_for 60 eval '[ $(wc -l </tmp/{program(0)}.out) = 2 ]'")
    assert sum(last_line(guest, 0)) == PAGES


@machine(nodes=("1G", "1G", "0"))
def test_cpuset(guest):
    """Tasks of a cpuset whose only node loses its memory use the nodes of the parent, and later their own again."""
    guest.sh("mkdir -p /run/cg && mount -t cgroup2 none /run/cg && echo +cpuset >/run/cg/cgroup.subtree_control && "
             "mkdir /run/cg/two /run/cg/some && echo 2 >/run/cg/two/cpuset.mems && echo 1-2 >/run/cg/some/cpuset.mems")

    def effective():
        return guest.sh("cat /run/cg/two/cpuset.mems.effective /run/cg/some/cpuset.mems.effective").split()

    assert effective() == ["0-1", "1"], f"{effective()}"
    dimm = ready(guest)
    guest.sh("wait_for 10 grep -qx 2 /run/cg/two/cpuset.mems.effective")
    assert effective() == ["2", "1-2"], f"{effective()}"
    got = guest.start_program(f"sh -c 'echo $$ >/run/cg/two/cgroup.procs; exec policy default \"\" {MIB}'", program(0))
    assert near(tuple(map(int, got.split()))[:3], (0, 0, PAGES)), got
    assert guest.unplug(dimm).done, "the cpuset keeps the DIMM"
    guest.sh("wait_for 10 grep -qx 0-1 /run/cg/two/cpuset.mems.effective")
    assert effective() == ["0-1", "1"], f"{effective()}"
    got = again(guest, 0)
    assert near(got, None) and not got[2], f"{got}"
    assert guest.sh("cat /run/cg/two/cpuset.mems") == "2", "what was asked for is forgotten"
    dimm = ready(guest)
    guest.sh("wait_for 10 grep -qx 2 /run/cg/two/cpuset.mems.effective")
    assert near(again(guest, 0), (0, 0, PAGES)), f"{last_line(guest, 0)}"
    assert "0-2" in guest.sh("cat /sys/devices/virtual/memory_tiering/memory_tier*/nodelist")
    guest.sh(f"kill -TERM $(</tmp/{program(0)}.pid)")
    assert guest.unplug(dimm).done
    assert "0-1" in guest.sh("cat /sys/devices/virtual/memory_tiering/memory_tier*/nodelist")


@machine(nodes=("1G", "1G", "0"), cmdline="memmap=0x8000000%0x68000000-1")
def test_cpuset_adds(guest):
    """A task of a cpuset whose only node has no kernel zone can add memory: the kernel allocates from other nodes."""
    if not guest.sh("ls $memory/probe 2>/dev/null || true"):
        raise Skip("no probe file (CONFIG_ARCH_MEMORY_PROBE)")
    ready(guest)
    guest.sh("mkdir -p /run/cg && mount -t cgroup2 none /run/cg && echo +cpuset >/run/cg/cgroup.subtree_control && "
             "mkdir /run/cg/two && echo 2 >/run/cg/two/cpuset.mems && wait_for 10 grep -qx 2 /run/cg/two/cpuset.mems.effective")
    # The shell itself writes: another program would need memory of the node.
    guest.sh("(echo $BASHPID >/run/cg/two/cgroup.procs && grep -qx 'Mems_allowed_list:.2' /proc/self/status && "
             "echo 0x68000000 >$memory/probe)")
    assert guest.zones([13])[13][0] == "offline"
