# SPDX-License-Identifier: GPL-2.0
"""B7: memory that comes online by itself stopped at the first block that failed, and nobody was told."""

from guest import machine

FAIL = "/sys/kernel/debug/memory_hotplug/fail"


@machine(cmdline="memhp_default_state=online_movable")
def test_whole_fails_once(guest):
    """A failure of all of them together costs nothing: block by block they come online."""
    guest.sh(f"echo online/zone/up -12 >{FAIL}")
    dimm = guest.plug("1G", 1)
    blocks = guest.blocks(dimm)
    assert set(guest.zones(blocks).values()) == {("online", "Movable")}, f"{guest.zones(blocks)}"
    assert "online failed (-12)" in guest.sh("dmesg"), "the log does not tell of the failure"


@machine(cmdline="memhp_default_state=online_movable")
def test_one_block_fails(guest):
    """One block in the middle stays offline, with a line in the log; those before and behind it come online."""
    # The first failure is that of all blocks together. Who waits for its line in the log lets
    # fail whichever block is next by then.
    guest.sh(f"echo online/zone/up -12 >{FAIL}; (dmesg -W | grep -m 1 -q 'online failed' && echo online/zone/up -12 >{FAIL}; "
             "echo armed >/tmp/armed) >/dev/null 2>&1 & wait_for 30 pgrep dmesg")
    dimm = guest.plug("8G", 1)
    guest.sh("wait_for 30 grep -q armed /tmp/armed")
    zones = guest.zones(guest.blocks(dimm))
    bad = [block for block, (state, _) in zones.items() if state == "offline"]
    assert len(zones) == 64 and len(bad) == 1, f"offline are {bad} of {len(zones)}"
    assert {zone for block, zone in zones.items() if block not in bad} == {("online", "Movable")}, f"{zones}"
    assert bad[0] != max(zones), "the failure came too late to show anything"
    size = dimm.size // len(zones)
    named = f"[mem {bad[0] * size:#x}-{(bad[0] + 1) * size - 1:#x}] online failed (-12)"
    assert named in guest.sh("dmesg"), f"not in the log: {named}"
    guest.set_blocks("online_movable", bad)


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
