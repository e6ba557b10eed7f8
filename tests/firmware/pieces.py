# SPDX-License-Identifier: GPL-2.0
"""A request for many blocks is processed in pieces: a CPU is not occupied longer than for one block."""

from guest import machine

TIMES = 3           # the least of these counts, as other work happens as well
MARGIN = 100_000    # instructions, for other work at the same time


def longest(guest, command):
    """The number of instructions for which a real-time program had to wait for its CPU during COMMAND."""
    guest.sh("kill -USR1 $(</tmp/latency.pid); sleep 0.01")
    guest.sh(command)
    lines = guest.sh("wc -l </tmp/latency.out").strip()
    guest.sh(f"kill -USR1 $(</tmp/latency.pid); wait_for 60 eval '[ $(wc -l </tmp/latency.out) -gt {lines} ]'")
    return int(guest.sh("tail -n 1 /tmp/latency.out"))


# One CPU: QEMU counts the instructions of all of them as one time and lets them run in turn.
@machine(nodes=("1G", "512M"), exact=True, room="20G", cmdline="maxcpus=1", timeout=900)
def test_blocks(guest):
    """16 GiB go offline and online, counted in instructions: no wait grows with the number of blocks."""
    dimm = guest.plug("16G", 0, 300)
    blocks = guest.blocks(dimm)
    assert "hosts its own memmap" not in guest.sh("dmesg"), "blocks that hold their memmap go one by one"
    guest.start_program("latency 0", "latency")
    guest.ask(f"online_movable {blocks[0]}-{blocks[-1]}")
    waits = {}
    for what, last in (("one", blocks[0]), ("all", blocks[-1])):
        turns = [[longest(guest, f"ask '{word} {blocks[0]}-{last}' /run/answer") for word in ("offline", "online_movable")]
                 for _ in range(TIMES)]
        assert "result=ok" in guest.sh("cat /run/answer"), guest.sh("cat /run/answer")
        waits[what] = list(map(min, zip(*turns)))
    guest.end_program("latency")
    for one, all_, word in zip(waits["one"], waits["all"], ("offline", "online")):
        assert all_ < 2 * one + MARGIN, f"{word}: {all_} instructions for {len(blocks)} blocks, {one} for one"
    return f"one block {waits['one']}, {len(blocks)} blocks {waits['all']} instructions"
