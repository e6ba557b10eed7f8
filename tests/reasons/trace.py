# SPDX-License-Identifier: GPL-2.0
"""Trace events: each step, each pass over the pages, and the end of each request."""

import re
import shlex

from guest import machine

EVENTS = "/sys/kernel/tracing/events/memory_hotplug/enable"
TRACE = "/sys/kernel/tracing/trace"
EVENT = re.compile(r": (mhp_\w+): (.*)$", re.M)


def traced(guest, command):
    """The events while a command runs, as (name, text)."""
    # Events of several CPUs are in the order of this clock.
    guest.sh(f"echo mono >{TRACE}_clock; echo >{TRACE}; echo 1 >{EVENTS}; {command}; echo 0 >{EVENTS}")
    return EVENT.findall(guest.sh(f"cat {TRACE}", log=False))


def pairs(text):
    return dict(word.split("=", 1) for word in shlex.split(text) if "=" in word)


def passes(events):
    return [{key: int(value, 0) for key, value in pairs(text).items()} for name, text in events if name == "mhp_offline_pass"]


def steps(events):
    """(step, up or down, unwinding, err) of each step that began and ended."""
    seen = [(name, re.fullmatch(r"online/([\w-]+) (up|down)( unwinding)? err=(-?\d+)", text).groups())
            for name, text in events if name.startswith("mhp_step")]
    assert len(seen) % 2 == 0, f"{seen}"
    for (enter, (step, *_)), (leave, (same, *_)) in zip(seen[::2], seen[1::2]):
        assert (enter, leave, step) == ("mhp_step_enter", "mhp_step_exit", same), f"{seen}"
    return [(step, way, bool(unwinding), int(err)) for _, (step, way, unwinding, err) in seen[1::2]]


@machine(timeout=300)
def test_offline(guest):
    """A page in the way, then not: what is traced is what last_error says, and adds up."""
    guest.sh("echo 5000 >/sys/module/memory_hotplug/parameters/offline_timeout_ms")
    dimm = guest.plug("256M", 1)
    block, other = guest.blocks(dimm)
    guest.set_blocks("online_movable", [block, other])
    state = f"$memory/memory{block}/state"
    first, pages = dimm.lo // 4096, dimm.size // 2 // 4096
    guest.sh("modprobe mhp_ask")
    pin = int(guest.start_program(f"hold pin 1 {dimm.lo} {dimm.lo + dimm.size // 2}", "hold"), 16) // 4096

    events = traced(guest, f"expect EBUSY {state} offline")
    said = pairs(guest.sh(f"cat $memory/memory{block}/last_error"))
    end = [pairs(text) for name, text in events if name == "mhp_result"]
    assert len(end) == 1 and events[-1][0] == "mhp_result", f"{end}"
    assert (int(end[0]["pfn"], 0), int(end[0]["pages"])) == (first, pages), f"{end}"
    for here, there in (("err", "err"), ("why", "reason"), ("at", "pfn"), ("step", "step"), ("passes", "passes"), ("left", "left")):
        assert end[0][here] == said[there], f"{here}: {end[0]} but {said}"
    assert (said["reason"], int(said["pfn"], 0)) == ("pinned", pin), f"{said}"
    assert int(end[0]["us"]) // 1000 == int(said["ms"]), f"{end[0]['us']} us are not {said['ms']} ms"

    seen = passes(events)
    assert [p["pass"] for p in seen] == list(range(1, int(said["passes"]) + 1)), f"{seen}"
    assert all((p["pfn"], p["pages"]) == (first, pages) for p in seen), f"{seen}"
    assert seen[-1]["left"] == 1, f"{seen[-1]}"
    for before, after in zip(seen, seen[1:]):
        assert after["moved"] >= before["moved"] and after["failed"] >= before["failed"], f"{before}, then {after}"

    went = steps(events)
    down = [step for step, way, unwinding, _ in went if way == "down"]
    assert went[len(down) - 1] == ("evacuate", "down", False, -16), f"{went}"
    assert went[len(down):] == [(step, "up", True, 0) for step in reversed(down[:-1])], f"not taken back as it was done: {went}"

    guest.end_program("hold")
    events = traced(guest, f"expect OK {state} offline")
    seen, went = passes(events), steps(events)
    assert seen[-1]["left"] == 0, f"{seen}"
    assert all(way == "down" and not unwinding and not err for _, way, unwinding, err in went), f"{went}"
    assert pairs(events[-1][1])["why"] == "none", f"{events[-1]}"
    up = steps(traced(guest, f"expect OK {state} online_movable"))
    assert [step for step, *_ in up] == [step for step, *_ in reversed(went)], f"{up} is not {went} backwards"
