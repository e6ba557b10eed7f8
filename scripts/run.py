#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The demonstration: a DIMM is plugged, used, and ejected while a program works on its data."""

import argparse
import re
import sys
import time
from pathlib import Path

from guest import GIB, KERNEL_DIR, MIB, Guest, GuestError, Machine, describe, prepare

NODE = 1
LOAD_MIB = 600
BOLD, PLAIN = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")


class Story:
    """Numbered steps with their time."""

    def __init__(self):
        self.number = 0

    def step(self, text):
        self.number += 1
        print(f"\n{BOLD}{self.number}. {text}{PLAIN}", flush=True)

    @staticmethod
    def tell(text):
        for line in text.splitlines():
            print(f"   {line}", flush=True)


def show(story, guest):
    """The memory as the guest's own tools see it."""
    story.tell(guest.sh("lsmem -o RANGE,SIZE,STATE,BLOCK,ZONES,NODE | sed '/^$/,$d'"))
    story.tell(guest.sh("free -m | cut -c 1-43,68-"))
    story.tell(guest.sh("grep 'System RAM' /proc/iomem"))


def figures(guest):
    """The figures that must be the same before and after."""
    return guest.sh("mem_total; cat /proc/iomem; lsmem -b -o RANGE,STATE,ZONES,NODE", log=False)


def moved_pages(guest):
    return guest.vmstat("pgmigrate_success")[0]


def on_dimm(report):
    return int(re.search(r"on the DIMM (\d+) MiB", report)[1])


def demonstrate(kernel_dir):
    story = Story()
    story.step("A guest starts: two NUMA nodes of 1 GiB each")
    with Guest("demo", Machine(timeout=300), kernel_dir) as guest:
        story.tell(f"Linux {guest.sh('uname -r')}, up in {guest.boot_seconds:.1f} s")
        show(story, guest)
        before = figures(guest)

        story.step(f"The firmware plugs a DIMM of 1 GiB into node {NODE}")
        dimm = guest.plug(GIB, NODE)
        story.tell(f"QEMU: {describe(dimm.events[-1])}, after {dimm.seconds:.2f} s")
        story.tell(f"{dimm}: its memory is known, and offline")
        show(story, guest)
        blocks = guest.blocks(dimm)

        story.step(f"Its {len(blocks)} blocks go online, for movable data")
        begin = time.monotonic()
        guest.set_blocks("online_movable", blocks)
        story.tell(f"took {time.monotonic() - begin:.2f} s")
        show(story, guest)

        story.step(f"A program fills {LOAD_MIB} MiB, on the DIMM, and goes on rewriting it")
        begin = time.monotonic()
        report = guest.start_program(f"load {LOAD_MIB} {NODE} {dimm.lo} {dimm.hi}", "load")
        story.tell(f"{report}; took {time.monotonic() - begin:.1f} s")
        if on_dimm(report) < LOAD_MIB * 9 // 10:
            raise GuestError("the program's data did not come to lie on the DIMM")
        show(story, guest)

        story.step("The DIMM's blocks go offline: the kernel moves the data away under the program")
        begin, moved = time.monotonic(), moved_pages(guest)
        guest.set_blocks("offline", blocks)
        story.tell(f"took {time.monotonic() - begin:.1f} s, {moved_pages(guest) - moved} pages "
                   f"({(moved_pages(guest) - moved) * 4096 // MIB} MiB) moved")
        show(story, guest)

        story.step("The firmware asks for the DIMM back")
        eject = guest.unplug(dimm)
        for event in eject.events:
            story.tell(f"QEMU: {describe(event)}")
        if not eject.done:
            raise GuestError("the guest refused to let the DIMM go")
        story.tell(f"gone after {eject.seconds:.2f} s")
        show(story, guest)

        story.step("The program checks all its data")
        report = guest.end_program("load")
        story.tell(report)
        if not re.match(r"checked: .*on the DIMM 0 MiB.* wrong 0 pages", report):
            raise GuestError("the program's data is not intact")

        story.step("Everything is as it was before")
        if figures(guest) != before:
            raise GuestError("MemTotal, /proc/iomem or lsmem differ from the start:\n" + figures(guest))
        story.tell("MemTotal, /proc/iomem and lsmem: the same to the byte")
    if guest.complaints():
        raise GuestError("the kernel complained:\n" + "\n".join(guest.complaints()))
    story.tell("kernel log: clean (build/log/demo.console)")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel-dir", type=Path, default=KERNEL_DIR)
    kernel_dir = parser.parse_args().kernel_dir.resolve()
    try:
        prepare(kernel_dir)
        demonstrate(kernel_dir)
    except GuestError as error:
        print(f"\nfailed: {error}\nThe kernel's log is build/log/demo.console", file=sys.stderr)
        return 1
    print("\nok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
