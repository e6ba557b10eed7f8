# SPDX-License-Identifier: GPL-2.0
"""What differs between the architectures of guests: machine, files, compiler."""

import re
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
GIB = 1 << 30


@dataclass(frozen=True)
class Architecture:
    """What QEMU and the kernel need for its guests. They have this machine's files, or those of scripts/arch-root."""
    name: str               # of its configuration in configs/
    image: str              # the kernel, in the directory where it was built
    qemu: str
    machine: str
    cpu: str
    console: str            # the serial port with the kernel's log
    person: tuple           # of QEMU: the port with a person's shell
    terminal: str           # the same for the guest
    cmdline: str = ""
    firmware: tuple = ()    # of QEMU
    fixed: str = ""             # of cmdline, for a kernel that lies where it was linked for
    exact: tuple = ("", "")     # more of cpu and of cmdline, where the clock counts instructions
    prefix: str = ""        # of the compiler
    foreign: bool = True    # not this machine's own
    patience: int = 1       # how much longer its guests get
    tables: object = None   # ACPI tables in the place of the firmware's: {name: bytes} for sizes of nodes and of the room
    lacks: tuple = ()       # what tests are skipped without: (field of guest.Machine, why it is not to be had)
    no_options: tuple = ()  # the same of boot options: (beginning of the option, why)

    def built(self, name):
        """A directory with what is compiled for guests."""
        return BUILD / (f"{name}-{self.name}" if self.foreign else name)

    @property
    def root(self):
        """The directory that guests have as their root."""
        return BUILD / "arch" / self.name if self.foreign else Path("/")

    @property
    def make(self):
        """More arguments of make, for what the kernel tree builds for user space."""
        return (f"ARCH={self.name}", f"CROSS_COMPILE={self.prefix}") if self.foreign else ()

    def prepare(self, init):
        """Makes the root of foreign guests, with INIT at its path here: it mounts the rest of the repository."""
        if not self.foreign:
            return
        if subprocess.run([ROOT / "scripts/arch-root", self.name], stdin=subprocess.DEVNULL, check=False).returncode:
            raise OSError(f"there is no {self.root.relative_to(ROOT)}")
        copy = self.root / init.relative_to("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(init, copy)


def virt_srat(sizes, room, slots):
    """
    The SRAT of QEMU's virt (ACPI 6.5, 5.2.16) with one range more, of node 0: the firmware has its flash in the
    list of memory, and Linux 6.12 ignores all nodes if more than 1 MiB of memory belongs to none.
    """
    def memory(node, start, size, flags=1):
        return struct.pack("<BBIHQQIIQ", 1, 40, node, 0, start, size, 0, flags, 0)

    start = 1 * GIB
    entries = [struct.pack("<BBIIII", 3, 18, min(cpu, len(sizes) - 1), cpu, 1, 0) for cpu in range(2)]
    entries.append(memory(0, 0, 128 << 20))
    for node, size in enumerate(sizes):
        if size:
            entries.append(memory(node, start, size))
        start += size
    # Aligned to 1 GiB, with as much for each slot.
    start += -start % GIB
    entries.append(memory(len(sizes) - 1, start, room + slots * GIB, 3))
    body = b"".join(entries)
    # The revision is higher than the firmware's.
    table = bytearray(struct.pack("<4sIBB6s8sI4sIIQ", b"SRAT", 48 + len(body), 3, 0, b"BOCHS ", b"BXPC    ", 2, b"BXPC", 1, 1, 0) + body)
    table[9] = -sum(table) % 256
    return {"srat.aml": bytes(table)}


# CPU of x86-64: TCG runs "rep movsb" byte by byte, let the guest not prefer it. QEMU 7.2 leaves an operand of earlier
# arithmetic in the flags after "lock cmpxchg16b", which SLUB uses: if an interrupt follows at once, its IRET sets
# single steps, or the direction in which memory is copied.
# CPU of arm64: "max" authenticates pointers, which costs TCG half its speed.
ARCHITECTURES = {
    "x86": Architecture(
        name="x86_64", image="arch/x86/boot/bzImage", qemu="qemu-system-x86_64", machine="q35",
        cpu="max,erms=off,fsrm=off,cx16=off", console="ttyS0", person=("-serial", "chardev:person"), terminal="ttyS1",
        cmdline="no_timer_check", fixed="nokaslr no5lvl", exact=(",phys-bits=46", "tsc=reliable"), foreign=False),
    "arm64": Architecture(
        name="arm64", image="arch/arm64/boot/Image", qemu="qemu-system-aarch64", machine="virt,gic-version=3", cpu="neoverse-n1",
        console="ttyAMA0", person=("-device", "pci-serial,chardev=person"), terminal="ttyS0",
        firmware=("-bios", "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"), prefix="aarch64-linux-gnu-", patience=2,
        tables=virt_srat,
        lacks=(("hmat", "QEMU's virt has no HMAT"),
               ("table", "QEMU's virt takes no more ACPI tables"),
               ("own_root", "only guests of x86-64 have their root in memory"),
               ("boot", "only guests of x86-64 boot systemd")),
        no_options=(("memmap=", "only x86 has the boot option memmap=, which keeps memory for the test"),)),
}


def architecture(kernel_dir):
    """Of the kernel in that directory, by the head of its configuration."""
    with open(kernel_dir / ".config", encoding="utf-8") as config:
        return ARCHITECTURES[re.search(r"^# Linux/(\w+) ", config.read(200), re.MULTILINE)[1]]
