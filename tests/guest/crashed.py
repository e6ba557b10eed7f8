# SPDX-License-Identifier: GPL-2.0
"""A crash, and what the crash kernel sees of it."""

import re


def dump_of(guest):
    """The [start, end) that the dump of a crash has, after one."""
    guest.send_command("echo c >/proc/sysrq-trigger")
    guest.wait(guest.agent_channel.line, (400 if guest.machine.boot else 200) * guest.patience)      # the crash kernel's agent
    return segments(guest, "/proc/vmcore")


def segments(guest, core):
    """The [start, end) of physical memory that a core file has."""
    loads = re.findall(r"LOAD +\S+ +\S+ +(\S+) +(\S+)", guest.sh(f"readelf -lW {core}"))
    return [(int(start, 16), int(start, 16) + int(size, 16)) for start, size in loads]
