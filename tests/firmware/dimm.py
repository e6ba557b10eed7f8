# SPDX-License-Identifier: GPL-2.0
"""DIMMs that the firmware plugs and ejects."""

from guest import GIB, MIB, OST_EJECT_IN_PROGRESS, OST_SUCCESS, GuestError, machine

REFUSAL_SECONDS = 150       # a refused eject must be answered within this time, for every reason


def statuses(events):
    return [e["data"]["info"]["status"] for e in events if e["event"] == "ACPI_DEVICE_OST"]


def masks(guest):
    return dict(line.split(":") for line in guest.sh(
        "cd /sys/devices/system/node; grep . online has_memory has_normal_memory").splitlines())


def node_links(guest, node):
    return sorted(guest.sh(f"cd /sys/devices/system/node/node{node} 2>/dev/null && ls -d memory[0-9]* || true").split())


def everything(guest):
    """The figures that must be the same after a DIMM was plugged and ejected."""
    return guest.sh("mem_total; cat /proc/iomem; lsmem -a -b -o RANGE,STATE,BLOCK,ZONES,NODE; "
                    "ls /sys/devices/system/memory /sys/devices/system/node/node*; ls /sys/firmware/memmap 2>/dev/null; "
                    "awk '/^DirectMap/ { kib += $2 } END { print \"DirectMap\", kib }' /proc/meminfo")


def cycle(guest, memmap_mib_a_block=0):
    before = everything(guest)
    total = int(guest.sh("mem_total"))

    dimm = guest.plug(GIB, 1)
    assert statuses(dimm.events) == [OST_SUCCESS], f"plug answered {dimm.events}"
    blocks = guest.blocks(dimm)
    assert len(blocks) == dimm.size // guest.block_size(), f"1 GiB made {len(blocks)} blocks"
    assert node_links(guest, 1)[-1:] and set(node_links(guest, 1)) >= {f"memory{b}" for b in blocks}, "no node links"
    assert all(state == "offline" for state, _ in guest.zones(blocks).values()), "blocks did not start offline"
    assert f"{dimm.lo:08x}-{dimm.hi - 1:08x} : System RAM" in guest.sh("cat /proc/iomem"), "not in /proc/iomem"

    guest.set_blocks("online_movable", blocks)
    assert set(guest.zones(blocks).values()) == {("online", "Movable")}, "not all online as Movable"
    gained = int(guest.sh("mem_total")) - total
    usable = dimm.size - len(blocks) * memmap_mib_a_block * MIB
    assert gained == usable // 1024, f"MemTotal grew by {gained} kB"

    # The memory must be usable as well: the zone may be the first of its kind in the node.
    loaded = guest.start_program(f"load 64 1 {dimm.lo} {dimm.hi}", "load")
    assert "on the DIMM 64 MiB" in loaded, loaded

    eject = guest.unplug(dimm)
    guest.end_program("load")
    assert eject.done, f"eject refused: {eject.events}"
    codes = statuses(eject.events)
    assert codes == [OST_EJECT_IN_PROGRESS, OST_SUCCESS], f"eject answered {codes}"
    assert everything(guest) == before, "not as before"


@machine()
def test_cycle(guest):
    """A DIMM is plugged, comes online and is ejected; nothing of it is left, and _OST reports that."""
    cycle(guest)


@machine(cmdline="memory_hotplug.memmap_on_memory=Y")
def test_memmap_on_memory(guest):
    """The same, twice, with the memmap of each block in its own first 2 MiB."""
    cycle(guest, memmap_mib_a_block=2)
    cycle(guest, memmap_mib_a_block=2)


@machine()
def test_refused_by_step(guest):
    """An eject that fails at any step of the offline leaves every block in its zone; the next one works."""
    dimm = guest.plug(4 * guest.block_size(), 1)
    guest.set_blocks("online_movable", guest.blocks(dimm))
    for step in ("publish", "evacuate", "pages", "notify", "zone", "memmap", "prepare"):
        guest.sh(f"echo online/{step}/down -16 > /sys/kernel/debug/memory_hotplug/fail")
        refused_eject(guest, dimm)
    assert guest.unplug(dimm).done, "the DIMM stays though nothing fails any more"


@machine()
def test_online_refused_by_step(guest):
    """An online that fails at any step leaves the block offline, and the zone as its pages say; the next one works."""
    guest.sh("modprobe mhp_watch")
    dimm = guest.plug(2 * guest.block_size(), 1)
    first, block = guest.blocks(dimm)
    guest.set_blocks("online_movable", [first])
    state = "lsmem -a -b -o RANGE,STATE,ZONES,NODE; mem_total; cat /proc/iomem /sys/kernel/debug/mhp_zones"
    before = guest.sh(state)
    for step in ("prepare", "memmap", "zone", "notify", "pages", "evacuate", "publish"):
        guest.sh(f"echo online/{step}/up -16 >/sys/kernel/debug/memory_hotplug/fail; "
                 f"expect EBUSY $memory/memory{block}/state online_movable")
        assert guest.sh(state) == before, f"{step}: not as before"
    guest.set_blocks("online_movable", [block])
    guest.set_blocks("offline", [block])
    assert guest.sh(state) == before, "not as before"
    assert guest.unplug(dimm).done


@machine()
def test_replug(guest):
    """DIMMs of different sizes and nodes use the same address range one after the other."""
    for size, node in ((4, 0), (8, 1), (2, 1), (16, 0)):
        dimm = guest.plug(size * guest.block_size(), node)
        guest.set_blocks("online_movable", guest.blocks(dimm))
        assert guest.unplug(dimm).done, f"{size} blocks on node {node} did not go"


@machine()
def test_two_nodes(guest):
    """Two DIMMs on two nodes are plugged and ejected independently."""
    before = everything(guest)
    first, second = guest.plug(4 * guest.block_size(), 0), guest.plug(4 * guest.block_size(), 1)
    for dimm in (first, second):
        blocks = guest.blocks(dimm)
        guest.set_blocks("online_movable", blocks)
        assert {f"memory{b}" for b in blocks} <= set(node_links(guest, dimm.node)), f"{dimm}: links"
        assert not {f"memory{b}" for b in blocks} & set(node_links(guest, 1 - dimm.node)), f"{dimm}: links of the other"
    assert guest.unplug(first).done
    assert set(guest.zones(guest.blocks(second)).values()) == {("online", "Movable")}, "the other one suffered"
    assert guest.unplug(second).done
    assert everything(guest) == before, "not as before"


@machine(nodes=("1G", "1G", "0"))
def test_memoryless_node(guest):
    """A node without memory gets its first memory and loses it again."""
    # arm64 has all nodes of the SRAT online at boot. There, too, a node goes with its last memory.
    if masks(guest)["online"] == "0-2":
        assert guest.unplug(guest.plug(guest.block_size(), 2)).done
    before = everything(guest), masks(guest)
    assert "2" not in before[1]["has_memory"], f"node 2 has memory already: {before[1]}"

    dimm = guest.plug(4 * guest.block_size(), 2)
    blocks = guest.blocks(dimm)
    assert masks(guest)["online"] == "0-2", f"node 2 not online: {masks(guest)}"
    assert masks(guest)["has_memory"] == "0-1", "node 2 has memory before any block is online"
    assert node_links(guest, 2) == sorted(f"memory{b}" for b in blocks), f"links: {node_links(guest, 2)}"

    guest.set_blocks("online_movable", blocks[1:])
    assert masks(guest)["has_memory"] == "0-2" and masks(guest)["has_normal_memory"] == "0-1", f"{masks(guest)}"
    guest.sh("numactl --membind=2 dd if=/dev/zero of=/dev/shm/data bs=1M count=64 status=none; rm /dev/shm/data")
    guest.set_blocks("online_kernel", blocks[:1])
    assert masks(guest)["has_normal_memory"] == "0-2", f"{masks(guest)}"

    eject = guest.unplug(dimm)
    assert eject.done, f"eject refused: {eject.events}"
    assert (everything(guest), masks(guest)) == before, f"not as before: {masks(guest)}"


def refused_eject(guest, dimm):
    """Have an eject refused; every block must stay as it is."""
    blocks = guest.blocks(dimm)
    before = guest.zones(blocks)
    eject = guest.unplug(dimm, REFUSAL_SECONDS)
    assert not eject.done, "the DIMM went, with memory in use"
    after = guest.zones(blocks)
    changed = [f"memory{b}: {before[b]} became {after[b]}" for b in blocks if before[b] != after[b]]
    assert not changed, "; ".join(changed)
    codes = statuses(eject.events)
    assert codes[0] == OST_EJECT_IN_PROGRESS and codes[-1] != OST_SUCCESS, f"_OST {codes}"


@machine(nodes=("1G", "1G", "0"))
def test_refused_kernel_memory(guest):
    """An eject that fails because of kernel memory leaves every block online in the zone it had."""
    dimm = guest.plug(4 * guest.block_size(), 2)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_movable", [blocks[0], blocks[1], blocks[3]])
    guest.set_blocks("online_kernel", [blocks[2]])
    guest.start_program(f"hold kernel 2 {dimm.lo} {dimm.hi}", "hold")

    refused_eject(guest, dimm)
    guest.end_program("hold")


@machine(timeout=REFUSAL_SECONDS * 2)
def test_refused_pinned_page(guest):
    """An eject that fails because of a pinned page ends in time, leaves every block as it was, and succeeds later."""
    dimm = guest.plug(4 * guest.block_size(), 1)
    guest.set_blocks("online_movable", guest.blocks(dimm))
    guest.start_program(f"hold pin 1 {dimm.hi - guest.block_size()} {dimm.hi}", "hold")

    refused_eject(guest, dimm)
    guest.end_program("hold")
    assert guest.unplug(dimm).done, "the DIMM stays though nothing is pinned any more"


@machine()
def test_in_use(guest):
    """A DIMM is ejected while a program works on its data, which stays intact."""
    dimm = guest.plug(4 * guest.block_size(), 1)
    guest.set_blocks("online_movable", guest.blocks(dimm))
    filled = guest.start_program(f"load 256 1 {dimm.lo} {dimm.hi}", "load")
    if "on the DIMM 256 MiB" not in filled:
        raise GuestError(f"the data is not on the DIMM: {filled}")
    assert guest.unplug(dimm).done, "eject refused"
    checked = guest.end_program("load")
    assert "on the DIMM 0 MiB" in checked and "wrong 0 pages" in checked, checked


@machine()
def test_many(guest):
    """Twenty DIMMs at once."""
    before = everything(guest)
    dimms = [guest.plug(guest.block_size(), number % 2) for number in range(20)]
    for dimm in dimms:
        guest.set_blocks("online_movable", guest.blocks(dimm))
    for dimm in dimms[::2] + dimms[1::2]:
        assert guest.unplug(dimm).done, f"{dimm} stays"
    assert everything(guest) == before, "not as before"
