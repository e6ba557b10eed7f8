# SPDX-License-Identifier: GPL-2.0
"""kexec -p: a crash kernel that is loaded once has memory that was added later."""

import re

from crashed import dump_of
from guest import Skip, machine


def load_crash_kernel(guest):
    if "kexec" not in guest.sh("command -v kexec || true"):
        raise Skip("no kexec here")
    guest.sh(f"kexec -s -p {guest.kernel_dir}/arch/x86/boot/bzImage --append='console=ttyS0 maxcpus=1'")


@machine(nodes=("1G", "1G"), cmdline="crashkernel=256M", timeout=300)
def test_no_reload(guest):
    """The kernel keeps the crash kernel's list of memory up to date, as crash_hotplug promises to user space."""
    assert guest.sh("cat $memory/crash_hotplug") == "0", "there is nothing to update before a kernel is loaded"
    load_crash_kernel(guest)
    assert guest.sh("cat /sys/kernel/kexec_crash_loaded") == "1"
    assert guest.sh("cat $memory/crash_hotplug") == "1", "user space would load it again at each change"
    for size in ("512M", "1G"):
        dimm = guest.plug(size, 1)
        guest.set_blocks("online_movable", guest.blocks(dimm))
        assert guest.unplug(dimm).done
    assert guest.sh("cat /sys/kernel/kexec_crash_loaded") == "1"
    assert not re.search(r"crash hp: .*(fail|unable|not)", guest.sh("dmesg"), re.I)


@machine(nodes=("1G", "1G"), timeout=300,
         cmdline="crashkernel=256M memory_hotplug.memmap_on_memory=force memhp_default_state=online_movable")
def test_once(guest):
    """A request that comes in many parts, a block each, updates the crash kernel once."""
    load_crash_kernel(guest)
    # The buffer of a new list tells, by who allocates it.
    guest.sh("echo stacktrace >/sys/kernel/tracing/events/vmalloc/alloc_vmap_area/trigger")

    def updates():
        count = guest.sh("cd /sys/kernel/tracing; grep -c crash_prepare_elf64_headers trace || true; echo >trace")
        return int(count)

    updates()
    dimm = guest.plug("1G", 1)
    blocks = guest.blocks(dimm)
    assert set(guest.zones(blocks).values()) == {("online", "Movable")}
    assert updates() == 1, f"{len(blocks)} blocks came online as one"

    guest.set_blocks("offline", sorted(blocks)[::2])
    updates()
    guest.ask("offline size=512M zone=Movable")
    assert set(state for state, _ in guest.zones(blocks).values()) == {"offline"}
    assert updates() == 1, "blocks that are no neighbours went offline as one"
    guest.ask(f"online_movable {min(blocks)}-{max(blocks)}")
    assert updates() == 1, f"{len(blocks)} blocks came online again as one"

    assert guest.unplug(dimm).done
    assert updates() == 1, f"{len(blocks)} blocks went as one"
    assert updates() == 0


def load_crash_agent(guest):
    """A crash kernel that boots as this one did, to be asked what it sees."""
    if "kexec" not in guest.sh("command -v kexec || true"):
        raise Skip("no kexec here")
    guest.sh("line=$(sed 's/crashkernel=[^ ]*//' /proc/cmdline); kexec -s -p "
             f"{guest.kernel_dir}/arch/x86/boot/bzImage --append=\"$line maxcpus=1 reset_devices acpi_no_memhotplug\"")
    assert guest.sh("cat $memory/crash_hotplug") == "1"


@machine(nodes=("1G", "1G"), cmdline="crashkernel=320M memhp_default_state=online_movable", timeout=300, allow="Kernel.panic|Call.Trace")
def test_went(guest):
    """A crash after an eject: the dump has the memory that stayed, and not the memory that was ejected."""
    stays, goes = guest.plug("256M", 1), guest.plug("512M", 1)
    load_crash_agent(guest)
    assert guest.unplug(goes).done
    assert f"{goes.lo:x}-" not in guest.sh("cat /proc/iomem"), "it has not gone"
    dump = dump_of(guest)
    stale = [(lo, hi) for lo, hi in dump if lo < goes.hi and hi > goes.lo]
    assert not stale, f"the dump has {stale}, which is {goes}"
    assert any(lo <= stays.lo and hi >= stays.hi for lo, hi in dump), f"the dump has not {stays}: {dump}"
