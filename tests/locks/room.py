# SPDX-License-Identifier: GPL-2.0
"""Two requests at the same time: what a lock for a whole offline used to guarantee."""

from guest import MIB, machine

ASK = "/sys/kernel/debug/mhp_ask"
FAIL = "/sys/kernel/debug/memory_hotplug/fail"


@machine(nodes=("1G", "0"), timeout=400)
def test_room_for_one(guest):
    """Two offlines at the same time, with room for one of them: one succeeds, the other is refused at once."""
    guest.sh("modprobe mhp_watch")
    dimms = [guest.plug("256M", 1) for _ in range(2)]
    blocks = [guest.blocks(dimm) for dimm in dimms]
    guest.set_blocks("online_movable", blocks[0] + blocks[1])
    used = int(guest.start_program(f"fill 1 {dimms[0].lo} {dimms[0].hi}", "fill").split()[0]) * 4096
    assert used > 200 * MIB, f"of the first DIMM only {used // MIB} MiB are in use"
    # The memory that node 0 can provide must be enough for one of them only.
    guest.sh(f"""
        room() {{ awk '/MemFree|Active.file|Inactive.file|SReclaimable/ {{ sum += $4 }} END {{ print int(sum / 1024) }}' \\
            /sys/devices/system/node/node0/meminfo; }}
        while [ $(room) -gt 400 ]; do
            head -c 8M /dev/zero >>/dev/shm/filler
        done
        room""")
    first, second = (f"offline {b[0]}-{b[-1]}" for b in blocks)
    said = guest.sh(f"""
        echo {guest.delay_ms(2)} >/sys/module/mhp_watch/parameters/delay_ms
        ask '{first}' /tmp/lines >/tmp/first &
        wait_for 30 grep -q '^GOING_OFFLINE' /sys/kernel/debug/mhp_watch
        ask '{second}' /tmp/lines2 >/tmp/second
        wait
        cat /tmp/first /tmp/second $memory/memory{blocks[1][0]}/last_error""")
    assert said.splitlines()[:2] == ["OK", "EBUSY"] and "reason=no-room" in said, said
    guest.sh(f"echo 0 >/sys/module/mhp_watch/parameters/delay_ms; rm /dev/shm/filler; expect_ask OK '{second}'")
    guest.end_program("fill")


@machine(timeout=300)
def test_failed_remove(guest):
    """After a failed offline_and_remove_memory(), exactly those blocks are online that were online before."""
    guest.sh("modprobe mhp_ask")
    dimm = guest.plug("512M", 1)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_movable", blocks)
    guest.set_blocks("offline", blocks[1:2])
    before = guest.zones(blocks)
    for step in ("firmware", "blocks"):
        guest.sh(f"echo 'add/{step}/down -5' >{FAIL}; expect EIO {ASK} 'leave {dimm.lo} {dimm.size}'")
        assert guest.zones(blocks) == before, f"{step}: {guest.zones(blocks)}, not {before}"
    # Nor is anything left of the claim.
    for block in blocks:
        word = "online_movable" if before[block][0] == "offline" else "offline"
        guest.sh(f"expect OK $memory/memory{block}/state {word}")
    assert guest.unplug(dimm).done
