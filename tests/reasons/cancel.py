# SPDX-License-Identifier: GPL-2.0
"""Offlines that are cancelled at any moment leave everything as it was."""

import re

from guest import machine

TIMES = 200
EXACT = ("mem_total; lsmem -a -b -o RANGE,STATE,ZONES,NODE; "
         "awk '/^Node/ { zone = $2 $4 } $1 ~ /^(spanned|present|managed|start_pfn:)$/ { print zone, $1, $2 }' /proc/zoneinfo; "
         "cat /sys/kernel/debug/mhp_zones")


@machine(timeout=600)
def test_at_random(guest):
    """Two hundred offlines of blocks in use, each cancelled at another moment: by a word or by a signal."""
    guest.sh("modprobe mhp_watch")
    dimm = guest.plug("512M", 1)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_movable", blocks)
    guest.start_program(f"load 200 1 {dimm.lo} {dimm.hi}", "load")
    before = guest.sh(EXACT)
    said = guest.sh(f"""
        blocks=({' '.join(map(str, blocks))}) back=0 gone=0
        RANDOM=1
        for ((i = 0; i < {TIMES}; i++)); do
            block=${{blocks[i % {len(blocks)}]}}
            state=$memory/memory$block/state
            wr $state offline >/tmp/answer &
            writer=$!
            sleep 0.0$((RANDOM % 10))$((RANDOM % 10))
            if [ $((i % 4)) = 3 ]; then
                kill -TERM $writer 2>/dev/null
            else
                wr $state online_movable >/tmp/cancel
            fi
            wait $writer
            case $(<$state) in
            online) ((++back)) ;;
            offline) ((++gone)); echo online_movable >$state ;;
            *) fail "$state is $(<$state)" ;;
            esac
        done
        echo $back $gone
        cat $memory/memory*/last_error | sed 's/.*\\(reason=[a-z-]*\\).*/\\1/' | sort | uniq -c""")
    assert guest.sh(EXACT) == before, f"not as before: {guest.sh(EXACT)}"
    back, gone = map(int, re.search(r"^(\d+) (\d+)$", said, re.M).groups())
    assert back + gone == TIMES and back >= TIMES // 10, f"{back} stayed online, {gone} went offline"
    assert guest.sh("kill -TERM $(</tmp/load.pid); wait_for 60 eval '! kill -0 $(</tmp/load.pid) 2>/dev/null'; tail -n 1 /tmp/load.out")
    for block in blocks:
        guest.sh(f"expect OK $memory/memory{block}/state offline")


@machine(timeout=300)
def test_all_of_a_request(guest):
    """An "online" for one block of a request takes back all of it."""
    dimm = guest.plug("512M", 1)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_movable", blocks)
    before = guest.zones(blocks)
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.lo + dimm.size // 4}", "hold")
    guest.sh(f"ask 'offline {blocks[0]}-{blocks[-1]}' /tmp/lines >/tmp/answer 2>&1 & "
             f"wait_for 30 grep -qx going-offline $memory/memory{blocks[3]}/state; expect OK $memory/memory{blocks[3]}/state online; "
             "wait; grep -qx ECANCELED /tmp/answer || fail $(</tmp/answer)")
    assert guest.zones(blocks) == before
    for block in blocks:
        assert "reason=cancelled" in guest.sh(f"cat $memory/memory{block}/last_error")
    assert "request verb=offline result=cancelled wanted=4 done=0" in guest.sh("cat /tmp/lines")
