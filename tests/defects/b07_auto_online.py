# SPDX-License-Identifier: GPL-2.0
"""B7: automatic onlining stopped at the first block that failed, without a message."""

from guest import machine

FAIL = "/sys/kernel/debug/memory_hotplug/fail"


@machine(cmdline="memhp_default_state=online_movable")
def test_whole_fails_once(guest):
    """If onlining them together fails, they come online block by block."""
    guest.sh(f"echo online/zone/up -12 >{FAIL}")
    dimm = guest.plug("1G", 1)
    blocks = guest.blocks(dimm)
    assert set(guest.zones(blocks).values()) == {("online", "Movable")}, f"{guest.zones(blocks)}"
    assert "online failed (-12)" in guest.sh("dmesg"), "the log does not tell of the failure"


@machine(cmdline="memhp_default_state=online_movable")
def test_one_block_fails(guest):
    """A poisoned block stays offline, with a line in the log; the blocks before and behind it come online."""
    dimm = guest.plug("1G", 1)
    blocks = guest.blocks(dimm)
    bad, address = blocks[3], dimm.lo + 3 * (dimm.size // len(blocks)) + 0x5000
    guest.sh(f"echo {address:#x} >$memory/hard_offline_page")
    guest.set_blocks("offline", blocks)
    # Here, each block is brought online by a write, as auto_online does it for a new device.
    for block in blocks:
        guest.sh(f"expect {'EHWPOISON' if block == bad else 'OK'} $memory/memory{block}/state online_movable")
    zones = guest.zones(blocks)
    assert [block for block in blocks if zones[block][0] == "offline"] == [bad], f"{zones}"
    assert "poisoned" in guest.sh("dmesg | grep 'online failed'"), "the log does not say why"


@machine(cmdline="memhp_default_state=online_movable")
def test_notifier_refuses(guest):
    """A notifier that refuses all of it: the add succeeds, the blocks are offline, each with a line in the log."""
    guest.sh("modprobe memory-notifier-error-inject && "
             "echo -12 >/sys/kernel/debug/notifier-error-inject/memory/actions/MEM_GOING_ONLINE/error")
    dimm = guest.plug("512M", 1)
    blocks = guest.blocks(dimm)
    assert len(blocks) == 4 and {state for state, _ in guest.zones(blocks).values()} == {"offline"}, f"{guest.zones(blocks)}"
    # One line for all of them together, then one for each.
    assert int(guest.sh("dmesg | grep -c 'online failed (-12): a subsystem refused'")) == 1 + len(blocks)
    assert guest.unplug(dimm).done
