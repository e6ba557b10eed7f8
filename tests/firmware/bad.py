# SPDX-License-Identifier: GPL-2.0
"""Invalid firmware: each device is refused with a message, and nothing of it is left."""

import random
import struct

import ssdt
from guest import MIB, OST_NOT_USABLE, complaints
from leaks import slab
from ssdt import CHECK, HIDDEN, Device

BLOCK = 128 * MIB
STATE = "mem_total; cat /proc/iomem; ls $memory /sys/devices/system/node"


def refused(guest, name, text):
    """Device NAME, with _STA 0 until now, is refused, and the log says TEXT."""
    before = guest.sh(STATE)
    answer = ssdt.notify(guest, name, CHECK, sta=0xF)
    assert answer == OST_NOT_USABLE, f"{name}: _OST {answer:#x}"
    assert guest.sh(STATE) == before, f"{name}: something of it is there"
    assert text in guest.sh("dmesg | grep PNP0C80: | tail -n 3"), f"{name}: the log does not say '{text}'"


@ssdt.machine()
def test_refused(guest):
    """No _CRS, none with memory, overlapping ranges, absurd sizes and places, half blocks."""
    base = HIDDEN[0]
    cases = (
        ("NCRS", None, "_CRS: AE_NOT_FOUND"),
        ("ECRS", [], "_CRS has no memory"),
        ("NIL0", [(base, 0, base)], "_CRS has no memory"),
        ("OVER", [(base, 2 * BLOCK), (HIDDEN[1], BLOCK)], "overlap"),
        ("SAME", [(base, BLOCK), (base, BLOCK)], "overlap"),
        ("HUGE", [(base, 1 << 62)], "cannot be used"),
        ("WRAP", [((1 << 64) - BLOCK, 2 * BLOCK, BLOCK)], "_CRS: AE_AML_BAD_RESOURCE_LENGTH"),
        ("HIGH", [(1 << 60, BLOCK)], "cannot be used"),
        ("HALF", [(base, BLOCK // 2)], "its size is no multiple of the memory block size 0x8000000"),
        ("SKEW", [(base + 4096, BLOCK)], "its start is no multiple of the memory block size 0x8000000"),
        ("BOTH", [(base + 4096, 4096)], "its start and size are no multiple of the memory block size 0x8000000, "
         "which the firmware has to see to; blocks cannot be smaller than 0x8000000"),
        ("TWO1", [(base, BLOCK), ((1 << 64) - BLOCK, 2 * BLOCK, BLOCK)], "_CRS: AE_AML_BAD_RESOURCE_LENGTH"),
        ("TWO2", [(base, BLOCK), (1 << 46, BLOCK + 1)], "cannot be used"),
        ("ALL1", [(0, (1 << 64) - 1)], "cannot be used"),
    )
    ssdt.load(guest, *(Device(name, ranges, node=1, sta=0) for name, ranges, _ in cases))
    for name, _, text in cases:
        refused(guest, name, text)


NOTABLE = (0, 1, 4096, BLOCK - 1, BLOCK + 4096, HIDDEN[0] + 512, 1 << 40 | 1, 1 << 52 | 512, 1 << 63, (1 << 64) - 1)


def window(rng):
    """A well-formed descriptor whose numbers are not, or that has real memory."""
    if rng.random() < 0.2:
        return ssdt.memory(rng.choice(HIDDEN), rng.choice((BLOCK, 2 * BLOCK)))
    base, size = rng.choice(NOTABLE), rng.choice(NOTABLE)
    return struct.pack("<BHBBBQQQQQ", 0x8A, rng.choice((0x2B, 0x2B, 0x2B, 0, 0x2A, 0xFFFF)), rng.choice((0, 0, 1, 2, 3, 0xC0)),
                       rng.randrange(256), rng.randrange(256), rng.choice(NOTABLE), base, rng.choice(NOTABLE), rng.choice(NOTABLE), size)


def fuzzed(rng):
    """Bytes for a _CRS."""
    kind = rng.randrange(4)
    if kind == 0:
        return rng.randbytes(rng.randrange(1, 120))
    data = b"".join(window(rng) for _ in range(rng.randrange(1, 5)))
    if kind == 1:       # cut short
        return data[:rng.randrange(1, len(data))]
    data = bytearray(data + (b"\x79\0" if rng.random() < 0.7 else b""))
    if kind == 2:       # bits are set that have no effect on addresses of 4 KiB and more
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] |= 1
    return bytes(data)


@ssdt.machine(cmdline="quiet log_buf_len=32M", timeout=600)
def test_fuzzed_crs(guest):
    """2,000 made-up _CRS, each read six times and more: nothing crashes and nothing is lost."""
    rng = random.Random(6012)
    size, tables = 400, 5
    slots = int(guest.sh("ls -d /sys/bus/acpi/devices/PNP0C80:* | wc -l"))
    for table in range(tables):
        devices = "".join(f"""Device (D{number:03d}) {{ Name (_HID, "PNP0C80") Name (_UID, "{table}.{number}")
            Name (_CRS, Buffer () {{ {', '.join(map(hex, fuzzed(rng)))} }}) }}\n""" for number in range(size))
        ssdt.load(guest, Device(f"FUZ{table}", hid="PNP0A06", ejectable=False, more=devices, ranges=None))
    found = int(guest.sh("ls -d /sys/bus/acpi/devices/PNP0C80:* | wc -l")) - slots
    assert found == size * tables, f"{found} devices"

    used = []
    for _ in range(6):
        ssdt.load(guest)        # this ends with a scan of all devices
        guest.sh("echo 1 >/proc/sys/vm/compact_memory")
        used.append(slab(guest)[0])
    # After 6,000 readings, a leak of each would be visible. Tables and devices of the test need some memory.
    assert used[-1] - used[2] < 512, f"kB of slab after each round: {used}"
    bad = complaints(guest.sh("dmesg", log=False))
    assert not bad, f"{bad[:3]}"
    refusals = int(guest.sh("dmesg | grep -c 'PNP0C80:.*\\(_CRS\\|overlap\\|cannot be\\)'"))
    assert refusals > 3 * size * tables, f"{refusals} refusals in the log"
    return f"{found} devices, {used} kB"
