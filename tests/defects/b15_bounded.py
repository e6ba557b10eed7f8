# SPDX-License-Identifier: GPL-2.0
"""B15: an eject that met a pinned page held the locks of all hotplug for ever."""

from guest import machine


@machine(timeout=300)
def test_others_get_an_answer(guest):
    """During an eject that will fail, reads are answered at once, and a request for other memory succeeds."""
    dimm, other = guest.plug("256M", 1), guest.plug("256M", 1)
    guest.set_blocks("online_movable", guest.blocks(dimm))
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.hi}", "hold")
    block = guest.blocks(other)[0]
    # Count the rounds of reading all files in sysfs during the eject.
    guest.sh(f"(wait_for 30 grep -qx going-offline $memory/memory{guest.blocks(dimm)[0]}/state; "
             f"while grep -qx going-offline $memory/memory{guest.blocks(dimm)[0]}/state; do "
             "cat $memory/*block* $memory/memory*/{state,removable,valid_zones}; echo round >>/tmp/rounds; done) >/dev/null 2>&1 &")
    guest.sh(f"(wait_for 30 grep -qx going-offline $memory/memory{guest.blocks(dimm)[0]}/state; echo online_movable >$memory/memory{block}/state; echo done >/tmp/other) >/dev/null 2>&1 &")
    assert not guest.unplug(dimm, 150).done, "the DIMM went, with a pinned page"
    assert int(guest.sh("wc -l </tmp/rounds")) > 5, "sysfs could not be read meanwhile"
    guest.sh("wait_for 30 grep -q done /tmp/other")
    assert guest.zones([block])[block] == ("online", "Movable")
    guest.end_program("hold")
    assert guest.unplug(dimm).done and guest.unplug(other).done
