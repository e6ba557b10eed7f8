# SPDX-License-Identifier: GPL-2.0
"""Memory groups under online_policy=auto-movable: DIMMs are static ones, a virtio-mem device is a dynamic one."""

import re

from guest import MIB, machine

BLOCK = 128 * MIB
AUTO_MOVABLE = "memhp_default_state=online memory_hotplug.online_policy=auto-movable memory_hotplug.auto_movable_ratio="


class Policy:
    """The policy of Documentation/admin-guide/mm/memory-hotplug.rst, in bytes."""

    def __init__(self, guest, ratio):
        self.ratio = ratio
        self.early = {}         # node: kernel memory from boot
        for line in guest.sh("""awk '/^Node/ { zone = $2 $4 } $1 == "present" { print zone, $2 }' /proc/zoneinfo""").splitlines():
            zone, pages = line.split()
            node, _, name = zone.partition(",")
            if name in ("DMA", "DMA32", "Normal"):
                self.early[int(node)] = self.early.get(int(node), 0) + int(pages) * 4096
        self.movable = {node: 0 for node in self.early}         # of static groups
        self.dynamic = {"kernel": 0, "movable": 0}              # the one dynamic group

    def fits(self, node, movable, early, own=0):
        return all(sum(movable(n) for n in nodes) <= (sum(early(n) for n in nodes) + own) * self.ratio // 100
                   for nodes in ([node], list(self.early)))

    def static(self, node, size):
        """The zone of a DIMM: kernel memory that a dynamic group needs does not count for others."""
        needs = max(0, self.dynamic["movable"] * 100 // self.ratio - self.dynamic["kernel"])
        fits = self.fits(node, lambda n: self.movable[n] + (size if n == node else 0),
                         lambda n: self.early[n] - (needs if n == 1 else 0))
        self.movable[node] += size if fits else 0
        return "Movable" if fits else "Normal"

    def grow(self, size):
        """The zone of one more unit of the dynamic group, on node 1: its own kernel memory counts for it."""
        fits = self.fits(1, lambda n: self.movable[n] + (self.dynamic["movable"] + size if n == 1 else 0),
                         lambda n: self.early[n], self.dynamic["kernel"])
        self.dynamic["movable" if fits else "kernel"] += size
        return "Movable" if fits else "Normal"


def zones_of(guest, blocks):
    found = guest.zones(blocks)
    assert all(state == "online" for state, _ in found.values()), f"not all online: {found}"
    return [found[block][1] for block in sorted(blocks)]


def all_blocks(guest):
    return set(map(int, guest.sh("blocks_that_are online; blocks_that_are offline").split()))


def grow(guest, unit):
    """A device grows unit by unit, with a DIMM before and some after it."""
    policy = Policy(guest, 100)
    guest.sh("modprobe virtio_mem")
    dimms = [guest.plug("128M", 1)]
    assert zones_of(guest, guest.blocks(dimms[0])) == [policy.static(1, BLOCK)] == ["Movable"]
    seen = []
    for size in range(unit, 8 * unit + 1, unit):
        there = all_blocks(guest)
        guest.resize(size)
        new = all_blocks(guest) - there
        assert len(new) == unit // BLOCK, f"{new} are new"
        zone = policy.grow(unit)
        assert set(zones_of(guest, new)) == {zone}, f"{size // MIB} MiB: {zones_of(guest, new)}, not {zone}; {seen}"
        seen.append(zone)
    # Its own kernel memory allows for more movable memory: with a ratio of 100, the zones alternate.
    assert seen.index("Normal") < 7 and "Movable" in seen[seen.index("Normal"):], f"{seen}"
    for size, node in (("128M", 1), ("128M", 0), ("512M", 0)):
        dimms.append(guest.plug(size, node))
        zone = policy.static(node, dimms[-1].size)
        assert set(zones_of(guest, guest.blocks(dimms[-1]))) == {zone}, f"{dimms[-1]} is not {zone}; {vars(policy)}"

    # Movable memory can be removed, and the device shrinks by it first.
    for dimm in dimms:
        if set(zones_of(guest, guest.blocks(dimm))) == {"Movable"}:
            assert guest.unplug(dimm).done, f"{dimm} stays"
    guest.resize(policy.dynamic["kernel"])
    assert not guest.sh("grep -lx Movable $memory/memory*/valid_zones; true"), "some of it is still movable"


@machine(nodes=("512M", "768M"), virtio_mem="4G:1", cmdline=AUTO_MOVABLE + "100", timeout=400)
def test_blocks(guest):
    """A dynamic group that grows by blocks."""
    grow(guest, BLOCK)


@machine(nodes=("512M", "768M"), virtio_mem="4G:1", virtio_mem_block="256M", cmdline=AUTO_MOVABLE + "100", timeout=400)
def test_units(guest):
    """A dynamic group whose units are of two blocks."""
    grow(guest, 2 * BLOCK)


# With that check, the first kernel block of node 2 would have tables for the other blocks, until they are removed.
ALONE = "page_table_check=off"


def figures(guest):
    return guest.sh("mem_total; cat /proc/iomem; lsmem -b -o RANGE,STATE,ZONES,NODE")


@machine(nodes=("1G", "1G", "0"), virtio_mem="2G:2", virtio_mem_block="512M", cmdline=ALONE, timeout=300)
def test_mixed_unit(guest):
    """A unit whose blocks are in several zones is unplugged as well, and plugged again."""
    guest.sh("modprobe virtio_mem")
    there, before = all_blocks(guest), figures(guest)
    for words in (("online_movable",) * 4, ("online_kernel", "online_movable", "online_movable", "online_kernel"),
                  ("online_movable", "offline", "online_kernel", "online_movable")):
        guest.resize(512 * MIB)
        for block, word in zip(sorted(all_blocks(guest) - there), words):
            if word != "offline":
                guest.set_blocks(word, [block])
        guest.resize(0)
        assert figures(guest) == before, f"{words}: not as before"


@machine(nodes=("1G", "1G", "0"), virtio_mem="2G:2", virtio_mem_block="512M", cmdline=ALONE, timeout=300)
def test_mixed_unit_stays(guest):
    """Such a unit cannot be unplugged because of one of its blocks: all blocks are in their zones as before."""
    guest.sh("modprobe virtio_mem")
    there, before = all_blocks(guest), figures(guest)
    guest.resize(512 * MIB)
    blocks = sorted(all_blocks(guest) - there)
    for block, word in zip(blocks, ("kernel", "movable", "movable", "kernel")):
        guest.set_blocks(f"online_{word}", [block])
    guest.sh("echo add/firmware/down -16 >/sys/kernel/debug/memory_hotplug/fail; echo mono >/sys/kernel/tracing/trace_clock; echo >/sys/kernel/tracing/trace; "
             "echo 1 >/sys/kernel/tracing/events/memory_hotplug/mhp_result/enable")
    guest.qmp("qom-set", path="/machine/peripheral/vm0", property="requested-size", value=0)
    guest.sh("wait_for 60 eval 'dmesg | grep -q \"remove failed\"'")
    # Three parts went offline and came back; then the driver tries again, and nothing fails.
    guest.resize(0)
    trace = re.findall(r"mhp_result: (\w+) .* err=(\S+)", guest.sh("cat /sys/kernel/tracing/trace"))
    assert trace[:3] == [("offline", "0"), ("remove", "-16"), ("online", "0")], f"{trace}"
    assert figures(guest) == before, "not as before"
