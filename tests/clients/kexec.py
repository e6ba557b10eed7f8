# SPDX-License-Identifier: GPL-2.0
"""kexec -l: a loaded kernel whose address is in memory that is to be ejected."""

import ssdt
from guest import MIB, OST_SUCCESS, Skip, machine
from ssdt import CHECK, HIDDEN, Device

ONLINE = {"cmdline": "memhp_default_state=online_movable", "timeout": 300}
LOADED = "/sys/kernel/kexec_loaded"


def load(guest, lo, hi, how):
    """Load this kernel between two addresses."""
    if "kexec" not in guest.sh("command -v kexec || true"):
        raise Skip("no kexec here")
    guest.sh(f"kexec {how} -l {guest.kernel_dir}/arch/x86/boot/bzImage --reuse-cmdline --mem-min={lo:#x} --mem-max={hi - 1:#x}")
    assert guest.sh(f"cat {LOADED}") == "1"


def refuses_to_go(guest, how):
    dimm = guest.plug("512M", 1)
    blocks = guest.blocks(dimm)
    load(guest, dimm.lo, dimm.hi, how)
    eject = guest.unplug(dimm)
    assert not eject.done, "the DIMM went, and with it the place of the kernel that is loaded"
    status = guest.sh(f"cat $memory/memory{blocks[0]}/firmware_node/eject_status")
    assert "reason=kexec" in status, status
    assert set(guest.zones(blocks).values()) == {("online", "Movable")}
    assert guest.sh(f"cat {LOADED}") == "1"
    # The memory may go offline: it stays present, and the kernel can be booted.
    guest.sh(f"expect OK $memory/memory{blocks[0]}/state offline; expect OK $memory/memory{blocks[0]}/state online_movable")
    guest.sh("kexec -u")
    assert guest.unplug(dimm).done


@machine(**ONLINE)
def test_by_file(guest):
    """kexec -s -l, where the kernel chooses the highest address: the eject is refused until it is unloaded."""
    refuses_to_go(guest, "-s")


@machine(**ONLINE)
def test_by_segments(guest):
    """kexec -c -l, which finds the place itself: the same."""
    refuses_to_go(guest, "-c")


@machine(**ONLINE)
def test_all_offline(guest):
    """The eject of a DIMM that is offline already is refused as well."""
    dimm = guest.plug("512M", 1)
    load(guest, dimm.lo, dimm.hi, "-c")
    guest.set_blocks("offline", guest.blocks(dimm))
    assert not guest.unplug(dimm).done
    guest.sh("kexec -u")
    assert guest.unplug(dimm).done


@machine(**ONLINE)
def test_elsewhere(guest):
    """A kernel with another address does not prevent the eject, and stays loaded."""
    dimm = guest.plug("512M", 1)
    load(guest, 256 * MIB, 512 * MIB, "-c")
    assert guest.unplug(dimm).done
    assert guest.sh(f"cat {LOADED}") == "1"


@ssdt.machine(timeout=300)
def test_vanished(guest):
    """If memory disappears without an eject, the kernel is unloaded, with a line in the log."""
    ssdt.load(guest, Device("MEM0", [(HIDDEN[0], 4 * HIDDEN.step)], node=1, sta=0))
    assert ssdt.notify(guest, "MEM0", CHECK, sta=0xF) == OST_SUCCESS
    load(guest, HIDDEN[0], HIDDEN[4], "-c")
    ssdt.notify(guest, "MEM0", CHECK, sta=0)
    assert guest.sh(f"cat {LOADED}") == "0"
    assert "image unloaded: it was to lie in memory that is gone" in guest.sh("dmesg")
