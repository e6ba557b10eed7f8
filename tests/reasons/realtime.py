# SPDX-License-Identifier: GPL-2.0
"""A real-time program occupies a CPU: no request waits for work on that CPU for ever."""

from contextlib import contextmanager

from guest import machine

HARDWARE = {"timeout": 400, "cmdline": "workqueue.watchdog_thresh=0 rcupdate.rcu_cpu_stall_suppress=1"}
LIMIT = 60      # seconds; an offline takes a few of them, and did not end in earlier kernels


@contextmanager
def kept_cpu(guest, arguments="1"):
    """A CPU on which nothing else runs: no throttling of real-time programs, no server for the others."""
    guest.sh("echo -1 >/proc/sys/kernel/sched_rt_runtime_us; "
             "for file in /sys/kernel/debug/sched/fair_server/cpu*/runtime; do echo 0 >$file; done")
    guest.start_program(f"rt {arguments}", "rt")
    guest.sh("wait_for 60 eval '[ $(ps -o cls= -p $(</tmp/rt.pid)) = FF ]'")
    try:
        yield
    finally:
        guest.sh("kill $(</tmp/rt.pid)")


def answer(guest, command):
    """What a command says that may never end."""
    guest.sh(f"rm -f /tmp/answer; (taskset -c 0 bash -c \"{command}\" >/tmp/said 2>&1; mv /tmp/said /tmp/answer) >/dev/null 2>&1 &")
    guest.sh(f"wait_for {LIMIT} [ -e /tmp/answer ]")
    return guest.sh("cat /tmp/answer")


def plug(guest, word, node=1):
    dimm = guest.plug("256M", node)
    blocks = guest.blocks(dimm)
    guest.set_blocks(word, blocks)
    return dimm, blocks


@machine(**HARDWARE)
def test_pinned(guest):
    """An offline of a block with a pinned page ends, and says so."""
    dimm, blocks = plug(guest, "online_movable")
    block = int(guest.start_program(f"hold pin 1 {dimm.lo} {dimm.hi}", "hold"), 16) // (dimm.size // len(blocks))
    with kept_cpu(guest):
        said = answer(guest, f"wr $memory/memory{block}/state offline")
        assert said.strip() == "EBUSY", said
    # The block may have pages in the batches of that CPU, which are in the way as well.
    said = guest.sh(f"cat $memory/memory{block}/last_error")
    assert "reason=pinned" in said or "reason=unmovable" in said and "kind=anon" in said, said
    guest.end_program("hold")
    guest.sh(f"expect OK $memory/memory{block}/state offline")


@machine(**HARDWARE)
def test_deadline(guest):
    """The time limit of the caller holds if a CPU does not answer."""
    dimm, blocks = plug(guest, "online_movable")
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.hi}", "hold")
    with kept_cpu(guest):
        said = answer(guest, f"ask 'offline {blocks[0]}-{blocks[1]} timeout=300'")
        assert "verb=offline result=failed" in said, said
    guest.end_program("hold")


@machine(**HARDWARE)
def test_cancel(guest):
    """So does a signal, and a cancel."""
    dimm, blocks = plug(guest, "online_movable")
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.hi}", "hold")
    with kept_cpu(guest):
        for how in (f"wr $memory/memory{blocks[0]}/state online", f"wr $memory/memory{blocks[1]}/state online"):
            guest.sh(f"(ask 'offline {blocks[0]}-{blocks[1]}' /tmp/lines >/tmp/writer 2>&1) >/dev/null 2>&1 & "
                     f"wait_for 30 grep -qx going-offline $memory/memory{blocks[0]}/state")
            answer(guest, how)
            guest.sh(f"wait_for {LIMIT} grep -q E /tmp/writer")
    guest.end_program("hold")


@machine(**HARDWARE)
def test_ask(guest):
    """Questions are answered: query and why, of a block with a pinned page."""
    dimm, blocks = plug(guest, "online_movable")
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.hi}", "hold")
    with kept_cpu(guest):
        said = answer(guest, f"ask 'query {blocks[0]}-{blocks[1]}'")
        assert "kind=pinned" in said, said
        assert "kind=pinned" in answer(guest, f"ask 'why {blocks[0]}'; ask 'why {blocks[1]}'")
    guest.end_program("hold")


@machine(**HARDWARE)
def test_kernel_zone(guest):
    """A block of a kernel zone, for which slabs used to be flushed on each CPU."""
    _, blocks = plug(guest, "online_kernel")
    with kept_cpu(guest):
        for block in blocks:
            said = answer(guest, f"wr $memory/memory{block}/state offline")
            assert said.strip() in ("OK", "EBUSY"), said


@machine(nodes=("1G", "1G", "0"), **HARDWARE)
def test_batch(guest):
    """Pages of a kernel zone are in the LRU batch of that CPU: an offline waits for them, and not only looks at them once."""
    # A node without a processor, where the kernel allocates nothing by itself.
    _, blocks = plug(guest, "online_kernel", node=2)
    with kept_cpu(guest, "1 2"):
        said = {answer(guest, f"wr $memory/memory{block}/state offline").strip(): block for block in blocks}
        assert set(said) == {"OK", "EBUSY"}, f"{said}"
        line = guest.sh(f"cat $memory/memory{said['EBUSY']}/last_error")
        assert "reason=unmovable " in line and " step=evacuate " in line and " kind=anon " in line, line
    guest.sh(f"wait_for 30 eval '! kill -0 $(</tmp/rt.pid) 2>/dev/null'; expect OK $memory/memory{said['EBUSY']}/state offline")


@machine(nodes=("1G", "0"), **HARDWARE)
def test_last_memory(guest):
    """The last memory of the node of that CPU goes offline, and its kswapd and kcompactd end."""
    dimm, blocks = plug(guest, "online_movable")
    with kept_cpu(guest, "1 0"):
        said = answer(guest, f"ask 'offline {blocks[0]}-{blocks[1]}'")
        assert "done=2" in said, said
    # A thread that has ended may still be listed for a moment.
    guest.sh("wait_for 30 eval '! pgrep -x kswapd1 && ! pgrep -x kcompactd1'")
    assert guest.unplug(dimm).done


@machine(**HARDWARE)
def test_unplug(guest):
    """A DIMM is plugged, comes online and is ejected with data."""
    with kept_cpu(guest):
        dimm, _ = plug(guest, "online_movable")
        guest.start_program(f"taskset -c 0 load 40 1 {dimm.lo} {dimm.hi}", "load")
        assert guest.unplug(dimm, 150).done
    guest.end_program("load")
