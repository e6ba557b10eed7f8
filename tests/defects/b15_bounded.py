# SPDX-License-Identifier: GPL-2.0
"""B15: an eject that met a pinned page held the locks of all hotplug for ever."""

from guest import GuestError, machine


@machine(timeout=300)
def test_others_get_an_answer(guest):
    """During an eject that will fail, reads are answered at once, and a request for other memory succeeds."""
    dimm, other = guest.plug("256M", 1), guest.plug("256M", 1)
    guest.set_blocks("online_movable", guest.blocks(dimm))
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.hi}", "hold")
    block, state = guest.blocks(other)[0], f"$memory/memory{guest.blocks(dimm)[0]}/state"
    # The pinned page ends an eject after some seconds, which a busy host may need for the rest.
    for _ in range(5):
        guest.sh("echo >/tmp/rounds; rm -f /tmp/other")
        # Count the rounds of reading all files in sysfs during the eject.
        guest.sh(f"(wait_for 30 grep -qx going-offline {state}; while grep -qx going-offline {state}; do cat $memory/*block* "
                 "$memory/memory*/{state,removable,valid_zones}; echo round >>/tmp/rounds; done) >/dev/null 2>&1 &")
        guest.sh(f"(wait_for 30 grep -qx going-offline {state}; echo online_movable >$memory/memory{block}/state; "
                 f"cat {state} >/tmp/answered; mv /tmp/answered /tmp/other) >/dev/null 2>&1 &")
        assert not guest.unplug(dimm, 150).done, "the DIMM went, with a pinned page"
        guest.sh("wait_for 30 [ -e /tmp/other ]")
        assert guest.zones([block])[block] == ("online", "Movable")
        # Between two rounds the eject was still on its way.
        if guest.sh("cat /tmp/other") == "going-offline" and int(guest.sh("grep -c round /tmp/rounds || :")) > 1:
            break
        guest.set_blocks("offline", [block])
    else:
        raise GuestError("others were waiting for the eject")
    guest.end_program("hold")
    assert guest.unplug(dimm).done and guest.unplug(other).done
