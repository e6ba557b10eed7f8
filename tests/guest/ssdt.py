# SPDX-License-Identifier: GPL-2.0
"""Firmware of a test: ACPI devices from a table that the running guest loads.

  load(guest, Device("MEM0", [(0x40000000, 0x8000000)], sta=0))   the table; the device is absent
  notify(guest, "MEM0", CHECK, sta=0xf)                           it appears; returns the status of _OST
  notify(guest, "MEM0", EJECT)                                    its eject is requested
  do(guest, "\\_SB.MEM0._PXM = 7")                                 any other statements of ASL

The memory of such devices is hidden from the kernel by the boot option mem=: @ssdt.machine() has
1 GiB of it at HIDDEN. Its end is in use, as QEMU has its ACPI tables there.
"""

import base64
import re
import struct
import subprocess
import time
from dataclasses import dataclass

import guest as guests
from guest import GIB, MIB, OST_EJECT_IN_PROGRESS, GuestError

HIDDEN = range(GIB, 2 * GIB - 128 * MIB, 128 * MIB)     # blocks that a device can have
BUSY = 2 * GIB - 128 * MIB                              # the block with QEMU's tables
CHECK, BUS_CHECK, EJECT = 1, 0, 3                       # notifications of the firmware: ACPI 6.5, 5.6.6


def machine(devices=(), **options):
    """Decorator: a guest of two nodes whose second GiB is hidden. Its firmware has DEVICES from the beginning."""
    options["cmdline"] = "mem=1G acpi.aml_debug_output=1 " + options.get("cmdline", "")
    if devices:
        options["table"] = lambda directory: iasl(directory / "boot.asl", 0, scope(*devices))
    return guests.machine(**options)


def memory(base, size, last=None):
    """One QWord address descriptor (ACPI 6.5, 6.4.3.5.1): fixed, cacheable, writable. The numbers need not make sense."""
    last = base + size - 1 if last is None else last
    return struct.pack("<BHBBBQQQQQ", 0x8A, 0x2B, 0, 0x0C, 0x03, 0,
                       *(number & (1 << 64) - 1 for number in (base, last, 0, size)))


@dataclass
class Device:
    """A memory device, or with children a container."""
    name: str                   # four characters
    ranges: object = ()         # (base, size) each; None: no _CRS
    node: object = None         # _PXM
    sta: int = 0xF
    hid: str = "PNP0C80"        # containers: ACPI0004, PNP0A05, PNP0A06
    ejectable: bool = True
    children: tuple = ()
    ost: str = ""               # ASL that _OST begins with
    more: str = ""              # ASL

    def asl(self):
        def said(method):
            return f"""Concatenate ("{method} {self.name} ", Concatenate (ToHexString (Arg0),
                Concatenate (" ", ToHexString (Arg1))))"""

        lines = [f'Name (_HID, "{self.hid}")', f'Name (_UID, "{self.name}")', f"Name (_STA, {self.sta:#x})",
                 f"Method (_OST, 3, NotSerialized) {{ {self.ost} Debug = {said('_OST')} }}"]
        if self.node is not None:
            lines.append(f"Name (_PXM, {self.node:#x})")
        if self.ranges is not None and not self.children:
            crs = b"".join(memory(*r) for r in self.ranges) + b"\x79\0"
            lines.append(f"Name (_CRS, Buffer () {{ {', '.join(map(hex, crs))} }})")
        if self.ejectable:
            lines.append(f'Method (_EJ0, 1, Serialized) {{ Debug = "_EJ0 {self.name}" _STA = 0 }}')
        lines += [child.asl() for child in self.children] + [self.more]
        return f"Device ({self.name}) {{\n" + "\n".join(lines) + "\n}\n"


def iasl(source, number, body):
    """Compile a table; the path of its AML."""
    source.write_text(f'DefinitionBlock ("", "SSDT", 2, "TEST", "TEST", {number}) {{\n{body}}}\n', encoding="ascii")
    done = subprocess.run(["iasl", "-ve", "-p", source.with_suffix(""), source], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, check=False)
    if done.returncode:
        raise GuestError(f"iasl: {done.stdout}\n{source.read_text()}")
    return source.with_suffix(".aml")


def scope(*devices):
    return "Scope (\\_SB) {\n" + "".join(device.asl() for device in devices) + "}\n"


def compile_table(guest, body):
    """AML of a table. Each table is different, as the kernel refuses a table that it has already."""
    guest.tables = getattr(guest, "tables", 0) + 1
    return iasl(guest.dir / f"ssdt{guest.tables}.asl", guest.tables, body).read_bytes()


def load_table(guest, body):
    aml = base64.b64encode(compile_table(guest, body)).decode()
    table = f"/sys/kernel/config/acpi/table/{guest.tables}"
    guest.sh(f"modprobe -q acpi_configfs; mkdir {table} && base64 -d >/tmp/aml <<<{aml} && cat /tmp/aml >{table}/aml", log=False)
    # Loading ends with a scan of all devices; the new one is the last of them.
    guest.sh(f"wait_for 60 [ -e {button(guest)}/physical_node ]", log=False)


def button(guest):
    return f"/sys/bus/acpi/devices/TEST0001:{guest.tables - 1:02x}"


def press(guest, statements=""):
    """A device whose _SUN runs STATEMENTS. Only the test reads it."""
    return (f'Scope (\\_SB) {{ Device (B{getattr(guest, "tables", 0):03d}) {{\nName (_HID, "TEST0001")\n'
            f"Method (_SUN, 0, Serialized) {{\n{statements}\nReturn (0) }} }} }}\n")


def load(guest, *devices):
    """Loads a table with devices. Those that are present by _STA are added at once, without a call of _OST."""
    load_table(guest, scope(*devices) + press(guest))


def make_button(guest, *statements):
    """Returns a file whose reading runs STATEMENTS. All devices are scanned now, and not at that time."""
    body = "\n".join(statements)
    externals = "".join(f"External ({path}, UnknownObj)\n" for path in sorted(set(re.findall(r"\\_SB[.\w]+", body))))
    load_table(guest, externals + press(guest, body))
    return f"{button(guest)}/sun"


def do(guest, *statements):
    """Runs statements in the firmware, such as a change of _STA, without a scan of devices."""
    guest.sh(f"cat {make_button(guest, *statements)}", log=False)


def said(guest, method, path):
    """The calls of a method of a device, in order: [(first argument, second)]."""
    name = path.rpartition(".")[2]
    return [(int(first, 16), int(second, 16)) for first, second in re.findall(
        rf'ACPI Debug: +"{method} {name} (\w+) (\w+)"', guest.sh("dmesg", log=False))]


def verdicts(guest, path):
    """The final statuses that _OST of a device was told."""
    return [status for _, status in said(guest, "_OST", path) if status != OST_EJECT_IN_PROGRESS]


def once(guest, read, wanted, seconds=60):
    """What read() gives as soon as that is WANTED: the status of an eject changes before its _OST is called."""
    end = time.monotonic() + guest.longer(seconds)
    while (got := read()) != wanted and time.monotonic() < end:
        time.sleep(0.2)
    return got


def check_verdicts(guest, path, wanted):
    """These are the final statuses that _OST of a device is told, and no others."""
    told = once(guest, lambda: verdicts(guest, path), wanted)
    assert told == wanted, f"_OST of {path} was told {told}, not {wanted}"


def check_said(guest, path, wanted, first=0):
    """These are the calls of _OST of a device from the FIRST on, as those of said()."""
    told = once(guest, lambda: said(guest, "_OST", path)[first:], wanted)
    assert told == wanted, f"_OST of {path} was told {told}, not {wanted}"


def directory(guest, path):
    """Of a device \\_SB.PATH in sysfs."""
    path = ".".join(name.ljust(4, "_") for name in path.split("."))
    return guest.sh(f"dirname $(grep -lx '\\\\_SB_.{path}' /sys/bus/acpi/devices/*/path)", log=False)


def eject_status(guest, path):
    """Of a device \\_SB.PATH: the first word, and the rest as a dictionary."""
    word, *rest = guest.sh(f"cat {directory(guest, path)}/eject_status").split()
    return word, dict(pair.split("=") for pair in rest)


def ejects(guest, name):
    """The number of calls of _EJ0 of a device."""
    return guest.sh("dmesg", log=False).count(f'"_EJ0 {name}"')


def prepare(guest, path, what, sta=None):
    """Returns a file whose reading notifies a device \\_SB.PATH of an event at once: loading a table takes seconds."""
    return make_button(guest, *([f"\\_SB.{path}._STA = {sta:#x}"] if sta is not None else []), f"Notify (\\_SB.{path}, {what:#x})")


def notify_by(guest, file, path, seconds=200):
    """Notifies by a file of prepare(); returns the final status that _OST is told."""
    before = len(verdicts(guest, path))
    guest.sh(f"cat {file}", log=False)
    end = time.monotonic() + guest.longer(seconds)
    while len(told := verdicts(guest, path)) == before:
        if time.monotonic() > end:
            raise GuestError(f"_OST of {path} was told nothing in {seconds} s")
        time.sleep(0.2)
    return told[-1]


def notify(guest, path, what, sta=None, seconds=200):
    """Firmware notifies a device \\_SB.PATH of an event; returns the final status that _OST is told."""
    return notify_by(guest, prepare(guest, path, what, sta), path, seconds)
