# SPDX-License-Identifier: GPL-2.0
"""One request for many blocks: all or nothing, as much as can be, or so many bytes."""

import re

from guest import MIB, Skip, machine


def plug(guest, size="512M", word="online_movable", node=1):
    dimm = guest.plug(size, node)
    blocks = guest.blocks(dimm)
    if word:
        guest.set_blocks(word, blocks)
    return dimm, blocks


def ask(guest, text, errno="OK"):
    """The lines of the answer as dictionaries, that of the request last."""
    answer = guest.ask(text, errno)
    assert answer[-1].pop("") == "request", f"{answer}"
    return answer


def states(guest, blocks):
    return [state for state, _ in guest.zones(blocks).values()]


@machine(timeout=300)
def test_ranges(guest):
    """By block and by address, back and forth; what is so already is fine."""
    dimm, blocks = plug(guest, word=None)
    *lines, end = ask(guest, f"online_movable {blocks[0]}-{blocks[-1]}")
    assert [line["result"] for line in lines] == ["done"] * 4 and end["result"] == "ok" and end["done"] == "4", f"{lines} {end}"
    assert set(guest.zones(blocks).values()) == {("online", "Movable")}
    end = ask(guest, f"offline {dimm.lo:#x}-{dimm.lo + dimm.size // 2 - 1:#x}")[-1]
    assert states(guest, blocks) == ["offline"] * 2 + ["online"] * 2 and end["done"] == "2"
    end = ask(guest, f"offline {blocks[0]}-{blocks[-1]} timeout=60000")[-1]
    assert states(guest, blocks) == ["offline"] * 4 and end["done"] == "2"
    end = ask(guest, f"offline {blocks[0]}")[-1]
    assert (end["wanted"], end["result"]) == ("0", "ok")
    ask(guest, f"online_kernel {blocks[1]}")
    assert guest.zones([blocks[1]])[blocks[1]] == ("online", "Normal")


def early_pages(guest):
    """The pages from boot in node 1's ZONE_MOVABLE, as they are counted."""
    line = guest.sh("grep '^zone 1 Movable ' /sys/kernel/debug/mhp_zones")
    return int(re.search(r" early=(\d+) ", line)[1])


@machine(cmdline="movablecore=1G memmap=0x8000000%0x68000000-1", timeout=300)
def test_boot_memory(guest):
    """A block from boot and an added one beside it, in one request and each alone: pages from boot are counted right."""
    if not guest.sh("ls $memory/probe 2>/dev/null || true"):
        raise Skip("no probe file (CONFIG_ARCH_MEMORY_PROBE)")
    assert guest.zones([12]) == {12: ("online", "Movable")} and guest.sh("! ls -d $memory/memory13 2>/dev/null") == ""
    guest.sh(f"modprobe mhp_watch; expect OK $memory/probe {0x68000000}")
    guest.set_blocks("online_movable", [13])
    before = early_pages(guest)
    for go, come in ((("12-13",), ("12", "13")), (("12", "13"), ("12-13",)), (("12-13",), ("12-13",))):
        for places in go:
            ask(guest, f"offline {places}")
        assert early_pages(guest) == before - 128 * MIB // 4096, f"offline {go}"
        for places in come:
            ask(guest, f"online_movable {places}")
        assert early_pages(guest) == before, f"online {come}"


@machine(timeout=300)
def test_refused(guest):
    """Nonsense, half blocks, missing blocks: refused, and nothing changes."""
    dimm, blocks = plug(guest)
    before = guest.zones(blocks)
    for text in ("", "offline", "offlin 1", "offline size=1", "offline 1-", f"offline {blocks[0]} node=1", "online size=0"):
        guest.sh(f"expect_ask EINVAL '{text}'$'\\n'")
    end = ask(guest, f"offline {dimm.lo:#x}-{dimm.lo + MIB:#x}", "EINVAL")[-1]
    assert end["reason"] == "range", f"{end}"
    end = ask(guest, f"offline {blocks[-1]}-{blocks[-1] + 1}", "EINVAL")[-1]
    assert end["reason"] == "absent", f"{end}"
    end = ask(guest, "offline 100000 best-effort", "EINVAL")[-1]
    assert end["reason"] == "absent", f"{end}"
    assert guest.zones(blocks) == before
    assert guest.sh("stat -c '%a %u %g' /dev/memory_hotplug").split() == ["600", "0", "0"]


@machine(timeout=400)
def test_one_in_the_way(guest):
    """A pinned page in one block: atomic, nothing goes; best-effort, the others; by size, others."""
    guest.sh("echo 20000 >/sys/module/memory_hotplug/parameters/offline_timeout_ms")
    dimm, blocks = plug(guest)
    before = guest.zones(blocks)
    third = blocks[2]
    pfn = int(guest.start_program(f"hold pin 1 {third * 128 * MIB} {(third + 1) * 128 * MIB}", "hold"), 16) // 4096
    *lines, end = ask(guest, f"offline {blocks[0]}-{blocks[-1]}", "EBUSY")
    assert guest.zones(blocks) == before, "not as before"
    assert end["reason"] == "pinned" and end["pfn"] == f"{pfn:#x}" and end["done"] == "0", f"{end}"
    assert [line["result"] for line in lines] == ["untouched", "untouched", "failed", "untouched"], f"{lines}"
    assert guest.sh(f"cat $memory/memory{blocks[0]}/last_error") == guest.sh(f"cat $memory/memory{third}/last_error")

    *lines, end = ask(guest, f"offline {blocks[0]}-{blocks[-1]} best-effort")
    assert states(guest, blocks) == ["offline", "offline", "online", "offline"]
    assert (end["result"], end["wanted"], end["done"]) == ("partial", "4", "3"), f"{end}"
    assert "none" in guest.sh(f"cat $memory/memory{blocks[0]}/last_error")

    ask(guest, f"online_movable {blocks[0]}-{blocks[-1]}")
    # The pinned one scores least: it is not even tried.
    *lines, end = ask(guest, "offline size=384M node=1 zone=Movable")
    assert states(guest, blocks) == ["offline", "offline", "online", "offline"], f"{end}"
    assert str(third) not in [line["block"] for line in lines], f"{lines}"
    end = ask(guest, "offline size=128M node=1 zone=Movable", "EBUSY")[-1]
    assert end["reason"] == "pinned", f"{end}"
    guest.end_program("hold")
    assert ask(guest, "offline size=128M node=1 zone=movable")[-1]["result"] == "ok"
    assert ask(guest, "offline size=128M node=1 zone=Movable", "EBUSY")[-1]["done"] == "0"
    end = ask(guest, "online_movable size=256M node=1")[-1]
    assert states(guest, blocks).count("online") == 2 and end["done"] == "2"
    end = ask(guest, "online_movable size=1G node=1 best-effort")[-1]
    assert states(guest, blocks) == ["online"] * 4 and (end["wanted"], end["done"]) == ("8", "2"), f"{end}"


@machine()
def test_too_few(guest):
    """As many bytes as possible: if there are no blocks, or too few, the request says so."""
    end = ask(guest, "offline size=128M zone=Movable best-effort", "EBUSY")[-1]
    assert (end["result"], end["wanted"], end["done"]) == ("failed", "1", "0"), f"{end}"
    assert (end["err"], end["reason"], end["pfn"]) == ("-16", "absent", "none"), f"{end}"
    assert ask(guest, "offline size=128M zone=Movable", "EBUSY")[-1]["reason"] == "absent"
    blocks = plug(guest, "256M")[1]
    end = ask(guest, "offline size=512M zone=Movable best-effort")[-1]
    assert states(guest, blocks) == ["offline"] * 2
    assert (end["result"], end["wanted"], end["done"]) == ("partial", "4", "2"), f"{end}"
    assert (end["err"], end["reason"]) == ("-16", "absent"), f"{end}"


@machine(timeout=300)
def test_cheapest_first(guest):
    """By size: the blocks that are free go, those in use stay."""
    guest.sh("nothing_moves")
    dimm, blocks = plug(guest)
    guest.start_program(f"load 100 1 {dimm.lo} {dimm.hi}", "load")
    scores = {b: int(said["score"]) for b, said in guest.query(f"{blocks[0]}-{blocks[-1]}")[1].items()}
    moved = guest.vmstat("pgmigrate_success")
    ask(guest, "offline size=128M node=1 zone=Movable")
    gone = [b for b, state in zip(blocks, states(guest, blocks)) if state == "offline"]
    assert len(gone) == 1 and scores[gone[0]] == max(scores.values()), f"{gone} of {scores}"
    if scores[gone[0]] == 100:
        assert guest.vmstat("pgmigrate_success") == moved, "pages moved out of a free block"


@machine(virtio_mem="1G:1", timeout=300)
def test_units_of_a_driver(guest):
    """Blocks of a dynamic group go and come together."""
    guest.sh("modprobe virtio_mem || true; echo online_movable >$memory/auto_online_blocks")
    guest.resize(512 * MIB)
    blocks = sorted(int(line.split("memory")[-1].split("/")[0]) for line in guest.sh("grep -lv none $memory/memory*/group").split())
    end = ask(guest, f"offline {blocks[0]}-{blocks[-1]}")[-1]
    assert end["result"] == "ok" and set(states(guest, blocks)) == {"offline"}, f"{end}"
    end = ask(guest, f"online_movable {blocks[0]}-{blocks[-1]}")[-1]
    assert end["result"] == "ok" and set(states(guest, blocks)) == {"online"}, f"{end}"
