# SPDX-License-Identifier: GPL-2.0
"""KSM while memory goes offline."""

from guest import machine

# Prints the state of ksmd.
KSMD = "ksmd() { sed -n 's/.*(ksmd) \\(.\\).*/\\1/p' /proc/[0-9]*/stat 2>/dev/null; }"


def merged(guest):
    """Start a program with pages on a DIMM that ksmd has merged; the first block of the DIMM."""
    dimm = guest.plug_online("256M", 1)
    guest.sh("echo 1 >/sys/kernel/mm/ksm/run; echo 2000 >/sys/kernel/mm/ksm/pages_to_scan")
    first = guest.start_program(f"kinds ksm 1 {dimm.lo} {dimm.hi}", "kinds")
    assert first.endswith(" in the range"), first
    return guest.blocks(dimm)[0]


@machine(timeout=300)
def test_writers_do_not_wait(guest):
    """Writes to the files of KSM do not wait for an offline; ksmd sleeps and can be frozen."""
    block = merged(guest)
    # This notifier is called after that of KSM, and delays the offline after KSM was told.
    guest.sh(f"modprobe mhp_watch delay_ms={guest.delay_ms(20)}")
    guest.sh(f"""
        {KSMD}
        ksm=/sys/kernel/mm/ksm
        wr $memory/memory{block}/state offline >/tmp/answer &
        wait_for 30 grep -q ^GOING_OFFLINE /sys/kernel/debug/mhp_watch
        expect OK $ksm/run 2
        expect OK $ksm/max_page_sharing 64
        expect OK $ksm/run 1
        [ ! -s /tmp/answer ] || fail "$(</tmp/answer): the writers waited for the offline"
        [ "$(ksmd)" != D ] || fail "ksmd is in state D"
        [ ! -s /tmp/answer ] || fail "too late to tell"
        wait
        grep -qx OK /tmp/answer && [ "$(<$ksm/run)" = 1 ]""")
    guest.end_program("kinds")


@machine(timeout=300)
def test_ksmd_waits(guest):
    """ksmd waits for a program, without a limit: an offline is refused after ten seconds, and succeeds when ksmd goes on."""
    block = merged(guest)
    guest.sh(f"""
        {KSMD}
        modprobe mhp_ask
        echo "mmap $(</tmp/kinds.pid) 1000000" >/sys/kernel/debug/mhp_ask 2>/dev/null & echo $! >/tmp/asker
        wait_for 30 eval '[ "$(ksmd)" = D ]'
        wr $memory/memory{block}/state offline >/tmp/answer 2>&1 &
        wait_for 60 grep -q . /tmp/answer
        grep -qx EBUSY /tmp/answer || fail "$(</tmp/answer)"
        grep -q 'reason=notifier .*ksm_memory_callback' $memory/memory{block}/last_error || fail "$(<$memory/memory{block}/last_error)"
        [ "$(ksmd)" = D ] || fail "ksmd has gone on: nothing is shown"
        kill $(</tmp/asker)
        wait_for 30 eval '[ "$(ksmd)" != D ]'
        expect OK $memory/memory{block}/state offline""")
    guest.end_program("kinds")


@machine(timeout=300)
def test_writer_gives_up(guest):
    """A writer of run that begins during an offline waits for a program for ten seconds only, so that the offline ends."""
    block = merged(guest)
    # This notifier is called after that of KSM, and delays the offline after KSM was told.
    guest.sh(f"modprobe mhp_ask; modprobe mhp_watch delay_ms={guest.delay_ms(20)}")
    guest.sh(f"""
        ksm=/sys/kernel/mm/ksm
        wr $memory/memory{block}/state offline >/tmp/answer 2>&1 &
        wait_for 30 grep -q ^GOING_OFFLINE /sys/kernel/debug/mhp_watch
        echo "mmap $(</tmp/kinds.pid) 1000000" >/sys/kernel/debug/mhp_ask 2>/dev/null & echo $! >/tmp/asker
        wait_for 30 grep -qs msleep_interruptible /proc/$(</tmp/asker)/stack
        wr $ksm/run 2 >/tmp/written 2>&1 &
        wait_for 60 grep -q . /tmp/written
        grep -qx EBUSY /tmp/written || fail "$(</tmp/written)"
        wait_for 120 grep -q . /tmp/answer
        grep -qx OK /tmp/answer || fail "$(</tmp/answer)"
        kill -0 $(</tmp/asker) || fail "the program has been released: nothing is shown"
        kill $(</tmp/asker)
        expect OK $ksm/run 2""")
    guest.end_program("kinds")
