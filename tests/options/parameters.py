# SPDX-License-Identifier: GPL-2.0
"""Parameters of memory_hotplug and boot options: what they do, and what they refuse."""

from guest import machine

PARAMETERS = "/sys/module/memory_hotplug/parameters"


def log_has(guest, text):
    assert text in guest.sh("dmesg"), f"no '{text}' in the log"


def is_refused(guest, name, word):
    before = guest.sh(f"cat {PARAMETERS}/{name}")
    guest.sh(f"expect EINVAL {PARAMETERS}/{name} '{word}'")
    assert guest.sh(f"cat {PARAMETERS}/{name}") == before


def plug(guest, size, node):
    """Plug a DIMM and bring it online without naming a zone; returns the DIMM and its zones."""
    dimm = guest.plug(size, node)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online", blocks)
    return dimm, {zones for _, zones in guest.zones(blocks).values()}


@machine(cmdline="memory_hotplug.memmap_on_memory=maybe memory_hotplug.online_policy=any memory_hotplug.auto_movable_ratio=-3")
def test_bad_values(guest):
    """A bad value is refused with a line in the log at boot, and with EINVAL later."""
    log_has(guest, "memmap_on_memory: 'maybe' is none of N, Y, force")
    log_has(guest, "online_policy: 'any' is no policy")
    log_has(guest, "`-3' invalid for parameter `memory_hotplug.auto_movable_ratio'")
    for name, value in (("memmap_on_memory", "N"), ("online_policy", "contig-zones"), ("auto_movable_ratio", "301"),
                        ("auto_movable_numa_aware", "Y"), ("offline_timeout_ms", "120000"), ("removable_compat", "N")):
        assert guest.sh(f"cat {PARAMETERS}/{name}") == value, name
    is_refused(guest, "online_policy", "contig")
    assert "'contig'" not in guest.sh("dmesg"), "a writer can fill the log"
    is_refused(guest, "auto_movable_ratio", "many")
    is_refused(guest, "auto_movable_numa_aware", "2")
    is_refused(guest, "offline_timeout_ms", "-1")
    is_refused(guest, "removable_compat", "perhaps")


@machine(cmdline="memory_hotplug.memmap_on_memory=forced")
def test_half_a_word(guest):
    """A word that only begins like a boolean is refused; it was taken for "f", which means no."""
    log_has(guest, "memmap_on_memory: 'forced' is none of N, Y, force")
    dir_of = guest.sh(f"readlink -f $memory/memory{guest.blocks(guest.plug('128M', 1))[0]}/firmware_node").strip()
    for word in ("nonsense", "offline", "online", "12", "0x"):
        guest.sh(f"expect EINVAL {dir_of}/eject_ask {word}")
    guest.sh(f"expect OK {dir_of}/eject_ask yes; grep -qx 1 {dir_of}/eject_ask; expect OK {dir_of}/eject_ask 0")
    guest.sh("expect_ask EINVAL 'offline size=128M zone=Movabl'")


@machine(cmdline="memory_hotplug.memmap_on_memory=force")
def test_force(guest):
    """force, and what "removable_compat" says."""
    assert guest.sh(f"cat {PARAMETERS}/memmap_on_memory") == "force"
    guest.sh("grep -lx 0 $memory/memory*/removable")
    guest.sh(f"echo Y >{PARAMETERS}/removable_compat; ! grep -lx 0 $memory/memory*/removable")


@machine(nodes=("512M", "512M"), cmdline="memory_hotplug.online_policy=auto-movable memory_hotplug.auto_movable_ratio=200")
def test_auto_movable(guest):
    """auto-movable: as much as the ratio allows on the node and in all; a DIMM goes to one zone as a whole."""
    # 512 MiB of kernel memory on each node allow for 1 GiB of movable memory there.
    first, zones = plug(guest, "512M", 1)
    assert zones == {"Movable"}, f"512M of 1G: {zones}"
    second, zones = plug(guest, "768M", 1)
    assert zones == {"Normal"}, f"1280M of 1G on the node: {zones}"
    third, zones = plug(guest, "256M", 1)
    assert zones == {"Movable"}, f"768M of 1G on the node: {zones}"
    # Without a look at nodes: 2 GiB in all.
    guest.sh(f"echo N >{PARAMETERS}/auto_movable_numa_aware")
    fourth, zones = plug(guest, "1G", 1)
    assert zones == {"Movable"}, f"1792M of 2G: {zones}"
    fifth, zones = plug(guest, "512M", 0)
    assert zones == {"Normal"}, f"2304M of 2G: {zones}"
    guest.sh(f"echo 0 >{PARAMETERS}/auto_movable_ratio")
    _, zones = plug(guest, "128M", 0)
    assert zones == {"Normal"}, f"ratio 0: {zones}"
    for dimm in (first, third, fourth):
        assert guest.unplug(dimm).done, f"{dimm} stays"


def online(guest, *dimms):
    """One request for several DIMMs; the zones of each."""
    blocks = [guest.blocks(dimm) for dimm in dimms]
    guest.ask("online " + ",".join(f"{numbers[0]}-{numbers[-1]}" for numbers in blocks))
    return [{zones for _, zones in guest.zones(numbers).values()} for numbers in blocks]


@machine(nodes=("512M", "512M"), cmdline="memory_hotplug.online_policy=auto-movable memory_hotplug.auto_movable_ratio=200")
def test_auto_movable_request(guest):
    """auto-movable: a request for several DIMMs brings each to one zone as a whole, and counts each on its node only."""
    # 512 MiB of kernel memory on each node allow for 1 GiB of movable memory there.
    first, second = guest.plug("512M", 1), guest.plug("640M", 1)
    assert online(guest, first, second) == [{"Movable"}, {"Normal"}]
    third, fourth = guest.plug("512M", 0), guest.plug("256M", 1)
    assert online(guest, third, fourth) == [{"Movable"}, {"Movable"}]
    for dimm in (first, third, fourth):
        assert guest.unplug(dimm).done, f"{dimm} stays"


@machine(cmdline="movable_node memhp_default_state=online")
def test_movable_node(guest):
    """movable_node: plugged memory comes online in ZONE_MOVABLE without naming it."""
    dimm = guest.plug("256M", 1)
    assert set(guest.zones(guest.blocks(dimm)).values()) == {("online", "Movable")}
    assert guest.unplug(dimm).done


@machine(cmdline="kernelcore=1G memhp_default_state=online_kernel")
def test_kernelcore(guest):
    """kernelcore=: boot memory beyond it is movable, goes offline and online again, also as online_kernel."""
    blocks = [int(b) for b in guest.sh("grep -lx Movable $memory/memory*/valid_zones | sed 's,.*/memory\\([0-9]*\\)/.*,\\1,'").split()]
    assert len(blocks) >= 6, f"{len(blocks)} movable blocks of 2 GiB"
    block = blocks[len(blocks) // 2 - 1]
    guest.set_blocks("offline", [block])
    assert guest.zones([block])[block][1].split()[0] == "Movable", f"{guest.zones([block])}"
    guest.sh(f"echo 1 >$memory/memory{block}/online")
    assert guest.zones([block])[block] == ("online", "Movable")
    dimm = guest.plug("256M", 1)
    assert set(guest.zones(guest.blocks(dimm)).values()) == {("online", "Normal")}


@machine(cmdline="movablecore=512M acpi_no_memhotplug")
def test_movablecore(guest):
    """movablecore=: that much memory is movable. acpi_no_memhotplug: a plugged DIMM is not used."""
    movable = int(guest.sh("awk '/^Node/ { m = $4 == \"Movable\" } m && $1 == \"present\" { n += $2 } END { print n }' /proc/zoneinfo"))
    assert abs(movable * 4096 - (512 << 20)) <= 16 << 20, f"{movable} pages are movable"
    before = guest.sh("ls $memory")
    guest.plug("256M", 1)
    assert guest.sh("ls $memory") == before, "the DIMM is used"


@machine(cmdline="mem=1536M")
def test_mem(guest):
    """mem= limits boot memory, not memory that is plugged later."""
    total = int(guest.sh("mem_total"))
    assert total < 1536 << 10
    dimm = guest.plug("256M", 1)
    guest.set_blocks("online_movable", guest.blocks(dimm))
    assert int(guest.sh("mem_total")) - total == 256 << 10
    assert guest.unplug(dimm).done


@machine()
def test_offline_timeout(guest):
    """offline_timeout_ms ends an offline before its other limits do."""
    dimm = guest.plug("256M", 1)
    block = guest.blocks(dimm)[0]
    guest.set_blocks("online_movable", guest.blocks(dimm))
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.lo + dimm.size // 2}", "hold")
    guest.sh(f"echo 500 >{PARAMETERS}/offline_timeout_ms; expect EBUSY $memory/memory{block}/state offline")
    log_has(guest, "it took longer than the caller allows")
    guest.end_program("hold")
    guest.sh(f"expect OK $memory/memory{block}/state offline")
