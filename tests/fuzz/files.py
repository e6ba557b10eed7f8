# SPDX-License-Identifier: GPL-2.0
"""All files of memory hotplug, written and read at random beside a program that checks its data (make fuzz)."""

import os

from guest import machine

NODE = 1
SEED = os.environ.get("FUZZ_SEED", "1")
OPERATIONS = int(os.environ.get("FUZZ_OPERATIONS", "1000"))


def leave(guest, dimm):
    """The blocks of a DIMM go offline and then the DIMM, or kernel memory that came to a block is the reason why not."""
    stays = 0
    for block, (state, _) in guest.zones(guest.blocks(dimm)).items():
        got = guest.sh(f"wr $memory/memory{block}/state offline || true") if state == "online" else "OK"
        if got != "OK":
            why = guest.sh(f"cat $memory/memory{block}/last_error")
            assert got == "EBUSY" and "reason=unmovable" in why, f"memory block {block}: {got}, {why}"
            stays += 1
    assert stays or guest.unplug(dimm).done, f"{dimm} stays"
    return stays


def figures(guest):
    """MemTotal in KiB, and the blocks that are online."""
    return [int(word) for word in guest.sh("mem_total; blocks_that_are online | wc -l").split()]


@machine(nodes=("1G", "512M"), timeout=200 + OPERATIONS)
def test_files(guest):
    """Each block has a state and a reason, MemTotal is right, errors are those documented; at the end all DIMMs can go."""
    before, blocks = figures(guest)
    guest.plug_online("256M", NODE)
    guest.start_program(f"churn {NODE} 0 {1 << 33}", "churn")
    guest.sh(f"fuzz {SEED} {OPERATIONS} >/tmp/fuzz.out", check=False)
    told = guest.sh("cat /tmp/fuzz.out")
    assert "wrong 0;" in told, told
    done = guest.end_program("churn")
    assert "wrong 0" in done, done
    there = {device["data"].get("id") for device in guest.qmp("query-memory-devices")}      # others a user has ejected
    stay = sum(leave(guest, dimm) for dimm in list(guest.dimms.values()) if dimm.name in there)
    guest.sh("for block in $(blocks_that_are offline); do echo online >$memory/memory$block/state; done")
    after, online = figures(guest)
    came = (online - blocks) * guest.block_size() // 1024
    assert online >= blocks + stay and after - before == came, f"{before} {blocks} became {after} {online}"
    return f"{told.splitlines()[-1]}; {stay} blocks stay"
