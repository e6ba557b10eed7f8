# SPDX-License-Identifier: GPL-2.0
"""Writers of sysfs that have to wait for the lock: how long, in which order, and what ends the wait."""

import time

from guest import machine

PARAMETERS = "/sys/module/memory_hotplug/parameters"
DELAY = "/sys/module/mhp_watch/parameters/delay_ms"
# A block is going offline before its notifiers are called, and this one reads its delay.
HELD = "wait_for 30 grep -q ^GOING_OFFLINE /sys/kernel/debug/mhp_watch"


TICKS = "awk '{ print $14 + $15 }' /proc/$PID/stat"
# wr has begun, and SIGTERM (a bit of the fourth digit from the right) interrupts its write.
OBEYS = "grep -qx wr /proc/$PID/comm && grep -q \"^SigCgt:.*[4-7c-f]...$\" /proc/$PID/status"


def prepare(guest, seconds):
    """A DIMM, whose first block's offline then holds the lock for so long."""
    guest.sh("modprobe mhp_watch")
    dimm = guest.plug("512M", 1)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_movable", blocks)
    guest.sh(f"echo {guest.delay_ms(seconds)} >{DELAY}")
    guest.sh(f"(wr $memory/memory{blocks[0]}/state offline >/tmp/holder 2>&1; echo end >>/tmp/holder) & "
             f"{HELD}; echo 0 >{DELAY}")
    return blocks


def timed(guest, command):
    """What it prints, and how many seconds it took."""
    begin = time.monotonic()
    said = guest.sh(command, check=False)
    return said.strip(), time.monotonic() - begin


def at_once(guest, took):
    """He has not waited for the lock."""
    return took < guest.longer(20)


def ticks(guest):
    """Of a CPU, in two seconds of waiting: the start of a program, which has some of its own, is over then."""
    first, last = map(int, guest.sh("cat /tmp/ticks").split())
    return last - first


def holds(guest):
    assert guest.sh("[ -s /tmp/holder ] || echo yes").strip() == "yes", "the lock is free: nothing is shown"


@machine(timeout=400)
def test_time_and_signal(guest):
    """timeout= and offline_timeout_ms count the wait for the lock; a signal ends it; who waits counts no pages meanwhile."""
    blocks = prepare(guest, 60)
    said, took = timed(guest, "ask 'offline size=128M node=1 timeout=1000' /tmp/lines")
    holds(guest)
    assert said == "EBUSY" and at_once(guest, took), f"{said} after {took:.1f} s"
    assert "reason=deadline" in guest.sh("cat /tmp/lines")
    guest.sh(f"echo 1000 >{PARAMETERS}/offline_timeout_ms")
    for file, word in (("state", "offline"), ("online", "0")):
        said, took = timed(guest, f"wr $memory/memory{blocks[1]}/{file} {word}")
        holds(guest)
        assert said == "EBUSY" and at_once(guest, took), f"{file}: {said} after {took:.1f} s"
    assert "reason=deadline" in guest.sh(f"cat $memory/memory{blocks[1]}/last_error")
    guest.sh(f"echo 120000 >{PARAMETERS}/offline_timeout_ms")

    for file, word in ((f"memory{blocks[1]}/state", "offline"), (f"memory{blocks[1]}/online", "0"), ("probe", "0x7f00000000")):
        said, took = timed(guest, f"rm -f /tmp/said; (wr $memory/{file} '{word}' >/tmp/said & echo $! >/tmp/pid; "
                                  f"PID=$!; wait_for 30 eval '{OBEYS}'; sleep 1; {{ {TICKS}; sleep 2; {TICKS}; }} >/tmp/ticks; kill -TERM $PID; "
                                  "wait_for 60 grep -q . /tmp/said); cat /tmp/said")
        holds(guest)
        assert said == "EINTR" and at_once(guest, took), f"{file}: {said} after {took:.1f} s"
        assert ticks(guest) < 40, f"{file}: waiting took {ticks(guest)} ticks of a CPU"
    # A program that is killed closes its file, which ends the thread of the request.
    for end in ("kill -TERM $(</tmp/pid)", "echo cancel >&7"):
        # cat may read the answer only after the thread has ended.
        said, took = timed(guest, "rm -f /tmp/said; (exec 7<>/dev/memory_hotplug; echo 'offline size=128M node=1' >&7; "
                                  "cat <&7 >/tmp/said & echo $! >/tmp/pid; wait_for 30 eval 'pgrep -x memory_request >/dev/null && [ -e /tmp/said ]'; "
                                  f"sleep 1; PID=$(pgrep -x memory_request); {{ {TICKS}; sleep 2; {TICKS}; }} >/tmp/ticks; "
                                  f"{end}; exec 7>&-; wait_for 60 eval '! pgrep -x memory_request >/dev/null'; "
                                  "wait_for 60 eval '! kill -0 $(</tmp/pid) 2>/dev/null'); cat /tmp/said")
        holds(guest)
        assert at_once(guest, took), f"{end}: {said} after {took:.1f} s"
        assert "result=cancelled" in said if "cancel" in end else not said, said
        assert ticks(guest) < 40, f"{end}: waiting took {ticks(guest)} ticks of a CPU"
    guest.sh("wait_for 100 grep -qx end /tmp/holder; grep -qx OK /tmp/holder")
    # The time limits of the previous requests have no effect on an offline with enough time.
    guest.sh(f"expect_ask OK 'offline {blocks[1]}-{blocks[2]} timeout=60000'")


@machine(timeout=500)
def test_in_turn(guest):
    """While others take the lock repeatedly, each writer gets it in turn."""
    dimm = guest.plug("256M", 1)
    block = guest.blocks(dimm)[1]
    guest.set_blocks("online_movable", guest.blocks(dimm))
    guest.sh("modprobe mhp_ask")
    # Two threads wait in the mutex, like ACPI and drivers: they add and remove memory at an unused address.
    guest.sh(f"late crowd 1 0x7000000000 0x10000000 {guest.longer(60)} >/tmp/crowd 2>&1 & sleep 2")
    longest = 0
    for word in ("offline", "online_movable") * 5:
        said, took = timed(guest, f"wr $memory/memory{block}/state {word}")
        assert said == "OK", f"{word}: {said}"
        longest = max(longest, took)
    assert guest.sh("cat /tmp/crowd") == "", "the others were over: nothing is shown"
    assert longest < guest.longer(10), f"one waited {longest:.1f} s"
    guest.sh("wait_for 100 grep -q written /tmp/crowd")
    return f"the longest of 10 took {longest:.1f} s; the others: {guest.sh('cat /tmp/crowd').strip()}"


POLL = """import select, sys
file = open(sys.argv[1])
poll = select.poll()
poll.register(file, select.POLLPRI | select.POLLERR)
print(file.read().split()[0], flush=True)
while True:
    poll.poll()
    file.seek(0)
    print(file.read().split()[0], flush=True)
"""


@machine(timeout=300)
def test_poll(guest):
    """Pollers of a state are woken at the end of an offline that failed, was cancelled, or was refused."""
    guest.sh(f"cat >/tmp/poll.py <<'END'\n{POLL}END\nmodprobe memory-notifier-error-inject priority=0")
    dimm = guest.plug("256M", 1)
    block = guest.blocks(dimm)[0]
    state = f"$memory/memory{block}/state"
    guest.set_blocks("online_movable", guest.blocks(dimm))
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.lo + dimm.size // 2}", "hold")

    def told(do):
        """The states that a poller saw."""
        assert guest.start_program(f"python3 /tmp/poll.py {state}", "poll").strip() == "online"
        guest.sh(do)
        now = guest.sh(f"cat {state}").strip()
        guest.sh(f"wait_for 20 eval '[ $(wc -l </tmp/poll.out) -ge 2 ] && [ $(tail -n 1 /tmp/poll.out) = {now} ]'")
        guest.sh("kill $(</tmp/poll.pid)")
        return guest.sh("cat /tmp/poll.out").split()

    assert told(f"expect EBUSY {state} offline") == ["online", "going-offline", "online"]
    # Not before the poller has seen it.
    assert told(f"rm -f /tmp/said; (wr {state} offline >/tmp/said) & wait_for 30 grep -qx going-offline /tmp/poll.out; "
                f"expect OK {state} online; wait_for 30 grep -qx ECANCELED /tmp/said") == ["online", "going-offline", "online"]
    inject = "/sys/kernel/debug/notifier-error-inject/memory/actions/MEM_GOING_OFFLINE/error"
    assert told(f"echo -16 >{inject}; expect EBUSY {state} offline; echo 0 >{inject}")[-1] == "online"
    guest.end_program("hold")
    assert told(f"expect OK {state} offline")[-1] == "offline"
