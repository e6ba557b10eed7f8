# SPDX-License-Identifier: GPL-2.0
"""One block of a DIMM is removed: the direct map of the others stays."""

from guest import GIB, Skip, machine


# arm64 maps memory by pages unless rodata=on, and then 1 GiB at once where it can.
@machine(cmdline="rodata=on")
def test_neighbours(guest):
    """The blocks on both sides of a removed one are used, where one leaf could map the whole DIMM."""
    dimm = guest.plug(GIB, 1)
    blocks = guest.blocks(dimm)
    size = dimm.size // len(blocks)
    guest.sh(f"modprobe mhp_ask; expect OK /sys/kernel/debug/mhp_ask 'remove {dimm.lo + 3 * size} {size}'")
    rest = guest.blocks(dimm)
    assert rest == blocks[:3] + blocks[4:], f"{rest} are left of {blocks}"
    guest.set_blocks("online_movable", rest)
    # More than either side has alone.
    loaded = guest.start_program(f"load 640 1 {dimm.lo} {dimm.hi}", "load")
    assert "on the DIMM 640 MiB" in loaded, loaded
    guest.end_program("load")
    guest.set_blocks("offline", rest)


ASK = "/sys/kernel/debug/mhp_ask"


def kib_by_leaves(guest):
    return int(guest.sh("awk '/^DirectMap1G/ { print $2 }' /proc/meminfo").strip() or 0)


@machine(cmdline="debug_pagealloc=off", timeout=300)
def test_no_table(guest):
    """There is no memory to split the leaf, so that it outlives a block: when this is added again, the others stay mapped."""
    before = kib_by_leaves(guest)
    dimm = guest.plug(GIB, 1)
    if kib_by_leaves(guest) != before + GIB // 1024:
        raise Skip("no leaf maps 1 GiB")
    blocks = guest.blocks(dimm)
    size = dimm.size // len(blocks)
    first, whole = f"{dimm.lo + 3 * size} {size}", f"{dimm.lo} {dimm.size}"
    # The nth page of the remove cannot be allocated, until that is the one for the table.
    guest.sh(f"""
        modprobe mhp_ask
        echo N >/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait
        echo 0 >/sys/kernel/debug/fail_page_alloc/verbose
        echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
        for ((n = 1; n < 100; n++)); do
            got=$(failnth $n {ASK} 'remove {first}')
            ! grep -q "no memory to split the direct map" <(dmesg) || break
            [[ $got != *" not" ]] || fail "the leaf is split without a page"
            [[ $got != OK* ]] || expect OK {ASK} 'add 1 {first} 0'
            expect OK {ASK} 'remove {whole}'
            expect OK {ASK} 'add 1 {whole} 0'
        done
        [ "$got" = "OK injected" ] || fail "the remove gave $got"
        """)
    assert kib_by_leaves(guest) == before + GIB // 1024, "the leaf does not outlive the block"
    guest.sh(f"expect OK {ASK} 'add 1 {first} 0'")
    assert kib_by_leaves(guest) == before, "the leaf was not split"
    # The kernel clears the pages, and so needs all of the direct map.
    guest.set_blocks("online_movable", blocks)
    loaded = guest.start_program(f"load 800 1 {dimm.lo} {dimm.hi}", "load")
    assert "on the DIMM 800 MiB" in loaded, loaded
    assert "wrong 0 pages" in guest.end_program("load")
    guest.set_blocks("offline", blocks)
    guest.sh(f"expect OK {ASK} 'remove {whole}'")
    assert kib_by_leaves(guest) == before
