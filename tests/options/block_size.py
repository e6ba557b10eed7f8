# SPDX-License-Identifier: GPL-2.0
"""memory_block_size= at boot."""

from guest import MIB, machine


def block_mib(guest):
    return int(guest.sh("block_size")) // MIB


def refused(guest, why):
    assert block_mib(guest) == 128, f"blocks are {block_mib(guest)} MiB"
    lines = [line for line in guest.sh("dmesg").splitlines() if "memory_block_size=" in line and why in line]
    assert len(lines) == 1, f"no line with '{why}'"


@machine(cmdline="memory_block_size=512M")
def test_larger(guest):
    """With blocks of 512 MiB, a DIMM is plugged, used and ejected as usual."""
    assert block_mib(guest) == 512
    assert guest.sh("ls -d $memory/memory[0-9]* | wc -l") == "4", "blocks of 2 GiB"
    dimm = guest.plug("1G", 1)
    blocks = guest.blocks(dimm)
    assert len(blocks) == 2, f"{blocks}"
    guest.set_blocks("online_movable", blocks)
    guest.start_program(f"load 64 1 {dimm.lo} {dimm.hi}", "load")
    assert guest.unplug(dimm).done, "the DIMM stays"
    assert "wrong 0 pages" in guest.end_program("load")
    # Half a block cannot be added.
    half = guest.plug("256M", 1)
    assert not guest.blocks(half), "half a block was taken"
    assert "or boot with memory_block_size=0x10000000" in guest.sh("dmesg | grep 'cannot be used'"), "no help in the log"


@machine(cmdline="memory_block_size=192M")
def test_no_power_of_two(guest):
    """A bad size is refused, with a line in the log."""
    refused(guest, "no power of two")


@machine(cmdline="memory_block_size=lots")
def test_no_size(guest):
    """A word is refused, with a line in the log."""
    refused(guest, "is no size")


@machine(cmdline="memory_block_size memory_hotplug.online_policy memory_hotplug.memmap_on_memory")
def test_no_value(guest):
    """Options without a value are refused, with a line in the log, and the kernel boots."""
    assert block_mib(guest) == 128, f"blocks are {block_mib(guest)} MiB"
    log = guest.sh("dmesg")
    assert "Malformed early option 'memory_block_size'" in log, "no line about the size"
    for name, value in (("online_policy", "contig-zones"), ("memmap_on_memory", "N")):
        assert f"`' invalid for parameter `memory_hotplug.{name}'" in log, f"no line about {name}"
        assert guest.sh(f"cat /sys/module/memory_hotplug/parameters/{name}") == value, name


@machine(nodes=("1G", "768M"), cmdline="memory_block_size=512M")
def test_unaligned(guest):
    """A size whose last block would have a hole is refused, with a line in the log."""
    refused(guest, "does not end with such a block")
