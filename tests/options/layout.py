# SPDX-License-Identifier: GPL-2.0
"""x86-64: page tables of five levels, a kernel at a random place, page tables of user space without the kernel."""

from guest import GIB, Skip, machine
from placed import Placed

GUEST = Placed

# Without KASLR: the text, and page frame 1 in the direct map of four levels.
USUAL = ("ffffffff81000000", "ffff888000001000")


def everything(guest):
    return guest.sh("mem_total; cat /proc/iomem; lsmem -a -b -o RANGE,STATE,ZONES,NODE; "
                    "awk '/^DirectMap/ { kib += $2 } END { print kib }' /proc/meminfo")


def five_levels(guest):
    if "la57" not in guest.sh("grep -m 1 ^flags /proc/cpuinfo").split():
        raise Skip("the kernel or the processor has four levels")


def lives_of_dimms(guest):
    """Two, as the second one finds the page tables that the first one left."""
    for _ in range(2):
        before = everything(guest)
        dimm = guest.plug_online(2 * GIB, 1)
        blocks = guest.blocks(dimm)
        loaded = guest.start_program(f"load 64 1 {dimm.lo} {dimm.hi}", "load")
        assert "on the DIMM 64 MiB" in loaded, loaded
        guest.set_blocks("offline", blocks[::2])
        guest.set_blocks("online_movable", blocks[::2])
        assert guest.unplug(dimm).done, "the DIMM stays"
        assert "wrong 0 pages" in guest.end_program("load")
        assert everything(guest) == before, "not as before"


@machine(layout=True, cmdline="nokaslr")
def test_five_levels(guest):
    """Page tables of five levels."""
    five_levels(guest)
    lives_of_dimms(guest)


@machine(layout=True, cmdline="no5lvl")
def test_random_place(guest):
    """The kernel, its direct map and its memmap lie at random places."""
    places = guest.sh("awk '$3 == \"_text\" { print $1 }' /proc/kallsyms; readelf -lW /proc/kcore")
    assert not all(place in places for place in USUAL), f"nothing is at another place: {places}"
    lives_of_dimms(guest)


@machine(layout=True, cmdline="pti=on")
def test_isolated_page_tables(guest):
    """User space has page tables without the kernel's; five levels and random places as well."""
    five_levels(guest)
    assert "page tables isolation: enabled" in guest.sh("dmesg"), "user space has the kernel's page tables"
    lives_of_dimms(guest)


# In the last 256 TiB, before the entry area of processors; it has the size of the memmap of 4 PiB.
LAST = 0xffff_4000_0000_0000


@machine(layout=True, cmdline="nokaslr", memmap=LAST)
def test_last_entry(guest):
    """Five levels, and the memmap in the last entry of the top level, behind which addresses wrap around."""
    five_levels(guest)
    places = guest.sh("readelf -lW /proc/kcore")
    assert f"0x{LAST >> 40:x}" in places, f"the memmap is at another place: {places}"
    lives_of_dimms(guest)
