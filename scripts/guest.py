#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Boot a guest on a built kernel, with this machine's files, and drive it.

The guest of another architecture has files of Debian for that (architectures.py).

A guest is one QEMU process with four channels:

  console   the kernel's log, to build/log/NAME.console (of another kernel than
            build/x86_64, to build/log/KERNEL/); judged by complaints()
  agent     the host sends a command, the guest its exit status and output
  host      the guest asks the host to plug and unplug (tests/guest/plug, unplug)
  log       what long guest scripts print, to build/log/NAME.log

and QMP, by which the host acts as the firmware does. One thread serves them all:
whoever waits for one of them serves the others meanwhile.

As a program: guest.py shell, or guest.py run COMMAND...
"""

import argparse
import json
import os
import re
import selectors
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import counts
from architectures import BUILD, GIB, ROOT, architecture

LOG = BUILD / "log"
KERNEL_DIR = BUILD / "x86_64"
# QEMU searches all translations of a page for each that a write makes invalid: with its 1 GiB of them, to clear 32 pages
# of a program that has ended took up to 45 s.
TRANSLATIONS = 128      # MiB
TCG = f"tcg,thread=multi,tb-size={TRANSLATIONS}"
EXACT = "tcg,thread=single -icount shift=0,sleep=off"   # one instruction is one nanosecond, each time the same
# Boot options of a kernel. Debian's brings new memory online by itself; the tests bring it online themselves.
BOOT_OPTIONS = {"vm-x86_64": "page_table_check=on", "debug-x86_64": "page_table_check=on no5lvl",
                "debian-x86_64": "memhp_default_state=offline", "stock-debian-x86_64": "memhp_default_state=offline"}
PATIENCE = {"vm-x86_64": 2, "debug-x86_64": 4}  # how much longer guests of slower kernels get
HUNG = 120              # seconds after which the kernel complains of a task that waits (CONFIG_DEFAULT_HUNG_TASK_TIMEOUT)
BOOT_SYSTEMD = 100     # seconds that a guest gets for that
INIT = ROOT / "tests/guest/init"
SLOTS = 64              # for DIMMs
MIB = 1 << 20

# Lines that no kernel log may contain, whatever else the test found. After
# etc/oops-pattern of LKP and the check list of the kernel's own CI systems.
COMPLAINTS = re.compile(
    r"""\bWARNING: | \bBUG\b | cut\ here | Oops | Call\ [Tt]race | Kernel\ panic
      | general\ protection\ fault | [Uu]nable\ to\ handle | double\ fault | invalid\ opcode
      | Internal\ error: | SError\ Interrupt | Synchronous\ External\ Abort
      | INFO:\ .*(detected\ stall|blocked\ for\ more|suspicious\ RCU|possible|inconsistent|trying\ to\ register)
      | rcu.*\b(stall|self-detected) | soft\ lockup | hard\ LOCKUP | hung_task | workqueue\ lockup
      | Bad\ page\ (state|map) | page\ allocation\ failure | Out\ of\ memory | oom-kill
      | bad:\ scheduling | scheduling\ while\ atomic | sleeping\ function\ called | lock\ held\ when\ returning
      | sysfs:\ cannot\ create | kobject.*(tried\ to|does\ not\ have\ a\ release) | refcount_t:
      | kmemleak:\ \d+\ new | UBSAN: | list_(add|del)\ corruption | Poison\ overwritten
      | Slab\ corruption | Unknown\ symbol | disagrees\ about\ version""", re.VERBOSE)


class GuestError(Exception):
    """The guest, or what it was asked to do, failed."""


class Skip(Exception):
    """The test cannot be done here; the text says why."""


def complaints(console, allow=None):
    """The bad lines of a kernel log, but for those that match the pattern ALLOW."""
    return [line for line in console.splitlines()
            if COMPLAINTS.search(line) and not (allow and re.search(allow, line))]


def traces(console):
    """Where the kernel was when it complained: RIP or pc, and the functions that called, without those that are guessed."""
    reports = re.findall(r"RIP: .*|Call Trace:(?:\n.*){,40}?\n.*</TASK>|\bpc : .*|Call trace:(?:\n.*\+0x[0-9a-f]+/0x.*)+", console)
    return [line for report in reports for line in report.splitlines()
            if not re.search(r"Call [Tt]race|TASK>|\] +\? |\] (Code|R[A-Z0-9]{2}): (?!0010)", line)]


def parse_size(text):
    """Bytes of "512M", "1G" or a plain number."""
    match = re.fullmatch(r"(\d+)([kKmMgG]?)", str(text))
    if not match:
        raise ValueError(f"'{text}' is no size (try 512M or 1G)")
    return int(match[1]) << {"": 0, "k": 10, "m": 20, "g": 30}[match[2].lower()]


# What QEMU is given

@dataclass
class Machine:
    """A guest's hardware, and how long it may live."""
    nodes: tuple = ("1G", "1G")     # memory of each NUMA node; "0" for none
    dimms: tuple = ()               # "SIZE:NODE", there at boot
    nvdimm: str = ""                # "SIZE:NODE"
    labels: str = ""                # of it for labels, without which it is one namespace: "256K"
    virtio_mem: str = ""            # "SIZE:NODE", nothing of it plugged at boot
    virtio_mem_block: str = ""      # in which it grows and shrinks: "256M"
    balloon: bool = False           # a virtio balloon
    disk: object = ""               # SIZE of an empty disk, which virtio_blk makes /dev/vda; or the Path of one of before
    own_root: bool = False          # its root is in its memory, with few programs: 9p does not outlive a sleep
    boot: str = ""                  # "systemd": that is process 1, with udevd; else tests/guest/init is
    root: str = ""                  # of systemd: "base" or "workloads" of scripts/debian-root; else what works here
    hmat: bool = False              # the firmware has a HMAT, without figures
    agent: bool = False             # a port for qemu-guest-agent
    room: str = "32G"               # for memory that is plugged later
    exact: bool = False             # the guest's clock counts instructions; slow
    plugin: str = ""                # of QEMU's translator, with its arguments
    table: object = None            # one more ACPI table: a function of a directory that gives the path of its AML
    layout: bool = False            # the kernel chooses where it lies, and how many levels page tables have
    memmap: int = 0                 # where it lies with page tables of five levels (tests/guest/placed.py)
    cmdline: str = ""               # more of the kernel's command line
    allow: str = ""                 # pattern of console lines that the judge lets pass
    timeout: int = 200              # seconds; a hang costs this, and a busy machine needs it

    @classmethod
    def parse(cls, text):
        """From "dimms=512M:0,512M:1 timeout=60", as a script's '# guest:' line has it."""
        kinds = {"nodes": lambda v: tuple(v.split(",")), "dimms": lambda v: tuple(v.split(",")), "timeout": int}
        options = dict(word.split("=", 1) for word in shlex.split(text))
        return cls(**{key: kinds.get(key, str)(value) for key, value in options.items()})

    def sizes(self):
        return [parse_size(size) for size in self.nodes]

    def arguments(self, arch):
        sizes = self.sizes()
        args = ["-machine", arch.machine + ",nvdimm=on" * bool(self.nvdimm) + ",hmat=on" * self.hmat,
                "-smp", f"2,sockets={min(2, len(sizes))}",
                "-m", f"{sum(sizes) // MIB}M,slots={SLOTS},maxmem={(sum(sizes) + parse_size(self.room)) // MIB}M"]
        for node, size in enumerate(sizes):
            numa = f"node,nodeid={node}" + (f",cpus={node}" if node < 2 else "")
            if size:
                args += self.backend(f"ram{node}", size)
                numa += f",memdev=ram{node}"
            args += ["-numa", numa]
        for number, dimm in enumerate(self.dimms):
            args += self.device("pc-dimm", f"cold{number}", dimm)
        if self.nvdimm:
            args += self.device("nvdimm", "nvdimm0", self.nvdimm, self.labels and f",label-size={self.labels}")
        if self.virtio_mem:
            args += self.device("virtio-mem-pci", "vm0", self.virtio_mem, ",requested-size=0"
                                + (self.virtio_mem_block and f",block-size={self.virtio_mem_block}"))
        if self.balloon:
            args += ["-device", "virtio-balloon-pci,id=balloon0"]
        if self.plugin:
            args += ["-plugin", self.plugin]
        return args

    @staticmethod
    def backend(name, size):
        return ["-object", f"memory-backend-ram,id={name},size={size},reserve=off"]

    @classmethod
    def device(cls, driver, name, size_and_node, options=""):
        size, node = size_and_node.split(":")
        return cls.backend(f"{name}-ram", parse_size(size)) + \
            ["-device", f"{driver},id={name},memdev={name}-ram,node={node}{options}"]


def machine(**options):
    """Decorator: the guest that a test function wants."""
    def mark(function):
        function.machine = Machine(**options)
        return function
    return mark


# What the guest is given

def modules(kernel_dir):
    """Install the kernel's modules under build/, once per build; returns what to lay over the guest's root."""
    release = (kernel_dir / "include/config/kernel.release").read_text().strip()
    objects = [kernel_dir / Path(line).with_suffix(".ko")
               for line in (kernel_dir / "modules.order").read_text().split()]
    stamp = f"{release} {max((o.stat().st_mtime_ns for o in objects), default=0)} {len(objects)}\n"
    top = BUILD / f"modules-{kernel_dir.name}"
    if (top / "stamp").is_file() and (top / "stamp").read_text() == stamp:
        return top

    shutil.rmtree(top, ignore_errors=True)
    target = top / "usr/lib/modules" / release
    for source in objects:
        copy = target / "kernel" / source.relative_to(kernel_dir)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    target.mkdir(parents=True, exist_ok=True)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(kernel_dir / name, target)
    (top / "lib").symlink_to("usr/lib")
    subprocess.run([shutil.which("depmod", path="/usr/sbin:/sbin"), "-b", top, release], check=True)
    (top / "lib").unlink()
    (top / "stamp").write_text(stamp)
    return top


def programs(arch):
    """Compile the guests' programs that changed; returns their directory."""
    target = arch.built("tests")
    target.mkdir(parents=True, exist_ok=True)
    sources = ROOT / "tests/guest"
    memhp = ROOT / "tools/mm/memhp"
    made_of = {"memhp": sorted(memhp.glob("*.c"))}
    selftests = ROOT / "tools/testing/selftests/memory-hotplug"
    for source in (*sources.glob("*.c"), selftests / "wr.c", selftests / "ask.c"):
        made_of[source.stem] = [source]
    headers = max(header.stat().st_mtime for header in (*sources.glob("*.h"), *memhp.glob("*.h")))
    for name, files in made_of.items():
        program = target / name
        if not program.exists() or program.stat().st_mtime < max(headers, *(file.stat().st_mtime for file in files)):
            subprocess.run([f"{arch.prefix}gcc", "-O2", "-Wall", "-Wextra", "-o", program, *files], check=True)
    return target


OWN_PROGRAMS = """awk bash cat chroot cmp cp cut date dd dmesg env grep head ln ls mkdir mkswap modprobe mount mv readlink
    rm rmdir sed seq sh sleep sort stat swapoff swapon sync tail touch tr umount uniq wc""".split()


def files_of_own_root(kernel_dir):
    """What a guest has whose root is in its memory: {path there: path here}."""
    system = "/usr/sbin:/usr/bin:/sbin:/bin"
    found = [(name, shutil.which(name, path=system)) for name in OWN_PROGRAMS]
    missing = [name for name, path in found if not path]
    if missing:
        raise Skip(f"no {' '.join(missing)} here")
    files = {f"/usr/bin/{name}": path for name, path in found}
    ours = (*programs(architecture(kernel_dir)).iterdir(), *INIT.parent.iterdir())
    files.update((str(path), path) for path in ours if path.is_file())
    top = modules(kernel_dir)
    files.update((f"/{path.relative_to(top)}", path) for path in top.glob("usr/lib/modules/**/*") if path.is_file())
    listed = subprocess.run(["ldd", *(path for _, path in found)], capture_output=True, text=True, check=False).stdout
    for library in set(re.findall(r"(/\S+) \(0x", listed)):
        files["/usr" + library.removeprefix("/usr")] = library
    return files


def cpio(kernel_dir, lines, target):
    """Makes an archive of what the kernel's gen_init_cpio reads; its path."""
    (target / "list").write_text("\n".join(lines) + "\n")
    with open(target / "initrd", "wb") as file:
        subprocess.run([kernel_dir / "usr/gen_init_cpio", target / "list"], stdout=file, check=True)
    return target / "initrd"


def own_tables(kernel_dir, tables, target):
    """Makes an archive with ACPI tables that the kernel takes in the place of the firmware's."""
    folder = "/kernel/firmware/acpi"
    lines = [f"dir {path} 755 0 0" for path in ("/kernel", "/kernel/firmware", folder)]
    for name, table in tables.items():
        (target / name).write_bytes(table)
        lines.append(f"file {folder}/{name} {target / name} 644 0 0")
    return cpio(kernel_dir, lines, target)


def own_root(kernel_dir, target):
    """Makes the initramfs with that root."""
    files = files_of_own_root(kernel_dir)
    folders = {str(folder) for path in files for folder in Path(path).parents}
    folders |= {"/dev", "/proc", "/sys", "/tmp", "/run", "/mnt", "/root", "/etc"}
    lines = [f"dir {folder} 755 0 0" for folder in sorted(folders - {"/"})]
    lines += [f"slink /{name} usr/{name} 777 0 0" for name in ("bin", "lib", "lib64")] + ["nod /dev/console 600 0 0 c 5 1"]
    lines += [f"file {path} {os.path.realpath(source)} 755 0 0" for path, source in files.items()]
    return cpio(kernel_dir, lines, target)


def has_option(kernel_dir, option):
    """Is a CONFIG_ option of this kernel on, or a module?"""
    return bool(re.search(rf"^{option}=[ym]$", (kernel_dir / ".config").read_text(), re.MULTILINE))


def debian_root(kernel_dir, name):
    """
    The disk with the root that systemd's guests have. A kernel without ext4 has none (None): its root
    is this machine's, as without systemd, but for what this machine's administrator has set up.
    """
    if not has_option(kernel_dir, "CONFIG_EXT4_FS"):
        if name:
            raise Skip(f"{kernel_dir.name} reads no disk: it has no ext4")
        if not Path("/lib/systemd/systemd").is_file():
            raise Skip("no systemd here")
        return None
    image = BUILD / "debian" / f"{name or 'base'}.ext4"
    if subprocess.run([ROOT / "scripts/debian-root", image.stem], stdin=subprocess.DEVNULL, check=False).returncode:
        raise GuestError(f"there is no {image.relative_to(ROOT)}")
    return image


def prepare(kernel_dir):
    """Everything on disk that a guest needs; once, before guests boot in parallel."""
    arch = architecture(kernel_dir) if (kernel_dir / ".config").is_file() else None
    if not arch or not (kernel_dir / arch.image).is_file():
        raise GuestError(f"there is no kernel in {kernel_dir}: type 'make kernel'")
    if not re.fullmatch(r"[\w@%+=:./-]+", str(ROOT)):
        raise GuestError(f"{ROOT}: a kernel command line cannot hold this path")
    LOG.mkdir(parents=True, exist_ok=True)
    modules(kernel_dir)
    programs(arch)
    try:
        arch.prepare(INIT)
    except OSError as error:
        raise GuestError(error) from None


_accel = []


def accelerator(arch):
    """KVM where the processor is the guest's and really has it, else TCG. A /dev/kvm alone proves nothing."""
    if arch.foreign:
        return TCG
    if not _accel:
        real = re.search(r"^flags.*\b(vmx|svm)\b", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        _accel.append("kvm" if real and os.access("/dev/kvm", os.R_OK | os.W_OK) else TCG)
    return _accel[0]


# Talking to it

class Channel:
    """A socket that is read by lines or by length."""

    def __init__(self, connected):
        self.socket = connected
        self.buffer = b""

    @classmethod
    def to(cls, path):
        end = socket.socket(socket.AF_UNIX)
        try:
            end.connect(str(path))
        except OSError:
            end.close()
            raise
        return cls(end)

    def fileno(self):
        return self.socket.fileno()

    def send(self, text):
        try:
            self.socket.sendall(text.encode())
        except OSError:
            raise GuestError("the guest ended") from None

    def fill(self):
        try:
            data = self.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            raise GuestError("the guest ended")
        self.buffer += data

    def line(self):
        """The next whole line, or None."""
        line, newline, rest = self.buffer.partition(b"\n")
        if not newline:
            return None
        self.buffer = rest
        return line.decode(errors="replace")

    def take(self, length):
        """The next LENGTH bytes, or None."""
        if len(self.buffer) < length:
            return None
        data, self.buffer = self.buffer[:length], self.buffer[length:]
        return data.decode(errors="replace")


@dataclass
class Dimm:
    name: str
    lo: int
    size: int
    node: int
    slot: int
    seconds: float = 0      # from the plug to the guest's answer
    events: list = field(default_factory=list)

    @property
    def hi(self):
        return self.lo + self.size

    def __str__(self):
        return f"{self.name} [{self.lo:#x}-{self.hi - 1:#x}] node {self.node}"


@dataclass
class Eject:
    """What came of an eject request: done, or not; and QEMU's events, the guest's last answer at the end."""
    done: bool
    seconds: float
    events: list


# What the guest answers by _OST, and to which request (ACPI 6.5, 6.3.5)
OST_PLUG, OST_EJECT, OST_USER_EJECT = 1, 3, 0x103
OST_SUCCESS, OST_NOT_ADDED, OST_NOT_USABLE = 0, 0x81, 0x82
OST_FAILURE = 1
OST_NOT_PERMITTED, OST_IN_USE, OST_BUSY, OST_DEPENDENCY, OST_EJECT_IN_PROGRESS = 0x80, 0x81, 0x82, 0x83, 0x84


def ost(data):
    """Slot and request that an ACPI_DEVICE_OST event is about."""
    return int(data["info"]["slot"]), data["info"]["source"]


def describe(event):
    """One QEMU event as a line for people."""
    name, data = event["event"], event["data"]
    if name == "ACPI_DEVICE_OST":
        info = data["info"]
        return f"{name} slot {info['slot']} source {info['source']} status {info['status']}"
    return f"{name} {data.get('device', data.get('path', ''))}".rstrip()


GUESTS = 1      # that run at a time: the average of a minute tells of them when the first ones have booted already


def load():
    """How much longer things take as this machine has other work: nothing is measured by it, but what has hung."""
    return max(1, min(8, round(max(os.getloadavg()[0], 2 * GUESTS) / os.cpu_count() / 2)))


class Guest:
    """A running guest; a context manager that ends it."""
    snapshot = True     # what it writes to the disk of its root is forgotten
    more = ()           # arguments of QEMU

    def __init__(self, name, hardware=None, kernel_dir=KERNEL_DIR, mode="agent"):
        self.name = name
        self.machine = hardware or Machine()
        self.kernel_dir = kernel_dir
        self.arch = architecture(kernel_dir)
        for wanted, why in self.arch.lacks:
            if getattr(self.machine, wanted):
                raise Skip(why)
        for option, why in self.arch.no_options:
            if f" {option}" in f" {self.machine.cmdline}":
                raise Skip(why)
        self.slowness = PATIENCE.get(kernel_dir.name, 1) * self.arch.patience
        self.patience = self.slowness * load()
        self.mode = mode
        self.image = debian_root(kernel_dir, self.machine.root) if self.machine.boot else None
        self.dimms = {}
        self.plugged = 0
        self.events = []
        self.qemu = None
        self.selector = self.dir = None
        logs = LOG if kernel_dir == KERNEL_DIR else LOG / kernel_dir.name
        logs.mkdir(exist_ok=True)
        self.console_path = logs / f"{name.replace('/', '-')}.console"
        self.log_path = self.console_path.with_suffix(".log")
        self.console_path.write_text("")
        self.log_path.write_text("")

    # Life

    def __enter__(self):
        accel = EXACT if self.machine.exact else accelerator(self.arch)
        try:
            self.start(accel)
            self.wait_ready(self.longer(30 + BOOT_SYSTEMD * bool(self.machine.boot)) if accel == "kvm" else float("inf"))
        except GuestError:
            self.__exit__()
            if accel != "kvm":
                raise
            _accel[:] = [TCG]
            return self.__enter__()
        return self

    def ports(self):
        """Names of the ports that the guest has to the host, without that of the log."""
        return ["agent", "host"] + ["org.qemu.guest_agent.0"] * self.machine.agent

    def cmdline(self):
        here = INIT.parent
        size = shutil.get_terminal_size()
        return " ".join([
            f"console={self.arch.console} root=hostroot rootfstype=9p rootflags=trans=virtio,version=9p2000.L,ro,cache=loose",
            f"init={here}/{self.machine.boot or 'init'} guest_path={self.arch.built('tests')}",
            "guest_repository=1" * self.arch.foreign,
            f"rdinit={here}/init guest_own_root=1" * self.machine.own_root,
            f"guest_mode={self.mode} guest_tty={self.arch.terminal} guest_rows={size.lines} guest_cols={size.columns}",
            f"guest_term={os.environ.get('TERM', 'linux')} guest_patience={self.patience}",
            f"guest_ports={','.join(self.ports())}",
            "guest_order=1" * (not self.machine.exact),
            "systemd.unit=multi-user.target systemd.getty_auto=0 systemd.show_status=0 "
            "systemd.mask=systemd-tmpfiles-clean.timer "
            f"systemd.default_timeout_start_sec={90 * self.patience} "
            f"udev.event_timeout={180 * self.patience}" * bool(self.machine.boot),
            "guest_disk=1" * bool(self.image),
            "loglevel=8 panic=-1 oops=panic", self.arch.cmdline, BOOT_OPTIONS.get(self.kernel_dir.name, ""),
            self.arch.fixed * (not self.machine.layout and "debian" not in self.kernel_dir.name),
            self.machine.exact * self.arch.exact[1], self.machine.cmdline])

    def start(self, accel):
        self.started = time.monotonic()
        self.dir = Path(tempfile.mkdtemp(prefix="guest-"))
        share = "security_model=none,readonly=on,multidevs=remap"
        root = ["-initrd", own_root(self.kernel_dir, self.dir)] if self.machine.own_root else [
            "-virtfs", f"local,path={self.arch.root},mount_tag=hostroot,{share}",
            "-virtfs", f"local,path={modules(self.kernel_dir)},mount_tag=modules,{share}"]
        if self.arch.tables:
            tables = self.arch.tables(self.machine.sizes(), parse_size(self.machine.room), SLOTS)
            root += ["-initrd", own_tables(self.kernel_dir, tables, self.dir)]
        if self.arch.foreign:
            root += ["-virtfs", f"local,path={ROOT},mount_tag=repository,{share}"]
        args = ["setpriv", "--pdeathsig", "KILL", "--",
                self.arch.qemu, "-accel", *accel.split(), "-cpu", self.arch.cpu + self.machine.exact * self.arch.exact[0],
                *self.arch.firmware, *self.machine.arguments(self.arch),
                "-nodefaults", "-display", "none", "-no-reboot",
                "-kernel", self.kernel_dir / self.arch.image, "-append", self.cmdline(),
                *(["-acpitable", f"file={self.machine.table(self.dir)}"] if self.machine.table else []),
                *root, *self.more,
                "-qmp", f"unix:{self.dir}/qmp,server=on,wait=off",
                "-serial", f"file:{self.console_path}",
                "-chardev", "stdio,id=person,signal=off" if self.mode == "shell" else "null,id=person",
                *self.arch.person,
                "-device", "virtio-serial-pci",
                "-chardev", f"file,id=log,path={self.log_path},append=on", "-device", "virtserialport,chardev=log,name=log"]
        for port in self.ports():
            args += ["-chardev", f"socket,id={port},path={self.dir}/{port},server=on,wait=off",
                     "-device", f"virtserialport,chardev={port},name={port}"]
        if self.machine.disk:
            disk = self.machine.disk
            if not isinstance(disk, Path):
                disk = self.dir / "disk"
                with open(disk, "wb") as file:
                    file.truncate(parse_size(self.machine.disk))
            args += ["-drive", f"file={disk},if=none,id=disk,format=raw,cache=unsafe", "-device", "virtio-blk-pci,drive=disk"]
        if self.image:
            args += ["-drive", f"file={self.image},if=none,id=root,format=raw,snapshot={'on' if self.snapshot else 'off'},cache=unsafe",
                     "-device", "virtio-blk-pci,drive=root,serial=root"]
        terminal = None if self.mode == "shell" else subprocess.DEVNULL
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.qemu = subprocess.Popen(args, stdin=terminal, stdout=terminal, stderr=log)
        self.selector = selectors.DefaultSelector()
        self.qmp_channel, self.agent_channel, self.host_channel = map(self.open_channel, ("qmp", "agent", "host"))
        self.wait(self.qmp_channel.line)    # the greeting
        self.qmp("qmp_capabilities")

    def open_channel(self, name):
        limit = time.monotonic() + self.longer(30)
        while self.qemu.poll() is None and time.monotonic() < limit:
            try:
                channel = Channel.to(self.dir / name)
            except OSError:
                time.sleep(0.02)
                continue
            self.selector.register(channel, selectors.EVENT_READ)
            return channel
        raise GuestError(f"QEMU did not start: {self.log_path.read_text()}")

    def longer(self, seconds):
        """So many seconds of an idle machine. Load that comes later counts as well."""
        self.patience = max(self.patience, self.slowness * load())
        return seconds * self.patience

    def delay_ms(self, seconds, most=HUNG - 10):
        """Milliseconds of a delay in the kernel, in which the guest has time as by longer(), but which does not count as hung."""
        return min(self.longer(seconds), most) * 1000

    def remaining(self, begin, seconds):
        """Until the test has to end, and not more than SECONDS from BEGIN."""
        end = self.started + self.longer((self.machine.timeout or float("inf")) + BOOT_SYSTEMD * bool(self.machine.boot))
        return min(end, begin + seconds) - time.monotonic()

    def wait_ready(self, seconds):
        if self.mode == "agent":
            self.wait(self.agent_channel.line, seconds)     # "ready"
        self.boot_seconds = time.monotonic() - self.started

    def __exit__(self, *_):
        """Power off, as far as the guest still can."""
        counted = ""
        try:
            if counts.are_kept(self.kernel_dir) and self.mode == "agent" and self.qemu.poll() is None:
                counted = counts.fetch(self)
            if self.mode == "agent":
                self.send_command("echo o >/proc/sysrq-trigger")
            self.qemu.wait(self.longer(10))
        except (GuestError, AttributeError, subprocess.TimeoutExpired):
            if self.qemu:
                self.qemu.kill()
                self.qemu.wait()
        for key in list(self.selector.get_map().values()) if self.selector else ():
            key.fileobj.socket.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        if counted:
            counts.add(self.kernel_dir, counted)

    # Waiting: serve the guest's requests while nothing else is there

    def wait(self, get, seconds=float("inf")):
        """Serve all channels until get() gives something."""
        begin = time.monotonic()
        while (got := get()) is None:
            remaining = self.remaining(begin, seconds)
            ready = self.selector.select(max(0, min(remaining, 3600)))
            # An answer may have come in time, while this process had to wait for a processor.
            if remaining <= 0 and not ready:
                raise GuestError(f"no answer from the guest in time ({time.monotonic() - self.started:.0f} s after its start)")
            for key, _ in ready:
                key.fileobj.fill()
            # Not within a QMP exchange: the request would take its answer.
            if self.host_channel.buffer and get != self.qmp_channel.line:
                self.serve_request()
        return got

    def serve_request(self):
        """plug SIZE [NODE] or unplug [DIMM], asked from inside."""
        request = self.host_channel.line()
        if request is None:
            return
        begin = time.monotonic()
        try:
            answer = f"ok {self.host_does(*request.split())}"
        except (ValueError, GuestError) as error:
            answer = f"error {error}"
        with open(self.log_path, "a", encoding="utf-8") as file:
            file.write(f"the host: {request}: {answer} ({time.monotonic() - begin:.1f} s)\n")
        self.host_channel.send(answer + "\n")

    def host_does(self, verb, *words):
        if verb == "plug":
            return self.plug(words[0], int(words[1]) if len(words) > 1 else 0)
        if not self.dimms:
            raise ValueError("no DIMM is plugged")
        name = words[0] if words else list(self.dimms)[-1]
        if name not in self.dimms:
            raise ValueError(f"there is no {name}, only {' '.join(self.dimms)}")
        eject = self.unplug(self.dimms[name])
        answer = "; ".join(map(describe, eject.events))
        if not eject.done:
            raise ValueError(f"{name} is still there: {answer}")
        return answer

    # The machine's side

    def qmp(self, command, **arguments):
        """Run a QMP command; '_' in an argument's name stands for '-'."""
        arguments = {key.replace("_", "-"): value for key, value in arguments.items()}
        self.qmp_channel.send(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        while True:
            message = json.loads(self.wait(self.qmp_channel.line))
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise GuestError(f"QMP {command}: {message['error']['desc']}")
            else:
                return message["return"]

    def event(self, wanted, seconds):
        """The next event for which wanted(event name, its data) is true, or None when the time is over."""
        limit = time.monotonic() + seconds
        while True:
            for event in self.events:
                if wanted(event["event"], event.get("data", {})):
                    self.events.remove(event)
                    return event
            remaining = limit - time.monotonic()
            if remaining <= 0:
                return None
            try:
                self.events.append(json.loads(self.wait(self.qmp_channel.line, remaining)))
            except GuestError:
                if time.monotonic() < limit:
                    raise

    def plug(self, size, node=0, seconds=60):
        """Plug a DIMM and wait until the guest's firmware driver has answered."""
        size = parse_size(size)
        self.plugged += 1
        name = f"dimm{self.plugged}"
        begin = time.monotonic()
        self.qmp("object-add", qom_type="memory-backend-ram", id=f"{name}-ram", size=size, reserve=False)
        try:
            self.qmp("device_add", driver="pc-dimm", id=name, memdev=f"{name}-ram", node=node)
        except GuestError:
            self.qmp("object-del", id=f"{name}-ram")
            raise
        info = next(d["data"] for d in self.qmp("query-memory-devices") if d["data"].get("id") == name)
        dimm = Dimm(name, info["addr"], info["size"], info["node"], info["slot"])
        self.dimms[name] = dimm

        return self.plug_answer(dimm, begin, seconds)

    def plug_online(self, size, node, word="online_movable"):
        """Plug a DIMM and bring its blocks online."""
        dimm = self.plug(size, node)
        self.set_blocks(word, self.blocks(dimm))
        return dimm

    def plug_answer(self, dimm, begin, seconds):
        def answer(what, data):
            return what == "ACPI_DEVICE_OST" and ost(data) == (dimm.slot, OST_PLUG)

        event = self.event(answer, self.longer(seconds))
        if not event:
            raise GuestError(f"{dimm.name}: the guest did not answer the plug in {seconds} s")
        dimm.events.append(event)
        dimm.seconds = time.monotonic() - begin
        return dimm

    def unplug(self, dimm, seconds=60):
        """Ask for a DIMM back and wait for the guest's last word, which it gives when the DIMM is gone or stays."""
        begin = time.monotonic()
        # What was said of an earlier request is no answer to this one: this reads all of it. What comes before device_del
        # returns may be the answer, as the guest is faster than QEMU's main thread where that waits for a processor.
        self.qmp("query-status")
        earlier = (dimm.slot, OST_EJECT), (dimm.slot, OST_USER_EJECT)
        self.events = [e for e in self.events if e["event"] != "ACPI_DEVICE_OST" or ost(e["data"]) not in earlier]
        self.qmp("device_del", id=dimm.name)
        eject = self.eject_answer(dimm, begin, seconds)
        if eject.done:
            self.qmp("object-del", id=f"{dimm.name}-ram")
        return eject

    def eject_answer(self, dimm, begin, seconds):
        sources = [OST_EJECT]

        def concerns(what, data):
            return data.get("device") == dimm.name or what == "ACPI_DEVICE_OST" and ost(data) in [(dimm.slot, s) for s in sources]

        events, status = [], OST_EJECT_IN_PROGRESS
        while status == OST_EJECT_IN_PROGRESS:
            event = self.event(concerns, begin + self.longer(seconds) - time.monotonic())
            if not event:
                raise GuestError(f"{dimm.name}: the guest did not answer the eject request in {seconds} s"
                                 + "".join(f"; {describe(e)}" for e in events))
            events.append(event)
            if event["event"] == "ACPI_DEVICE_OST":
                status = event["data"]["info"]["status"]
            elif event["event"] == "DEVICE_DELETED":
                # A user in the guest may have been first: the firmware then does not ask any more.
                sources.append(OST_USER_EJECT)
        done = any(event["event"] == "DEVICE_DELETED" for event in events)
        if done:
            self.dimms.pop(dimm.name)
        return Eject(done, time.monotonic() - begin, events)

    def resize(self, size, seconds=60):
        """Ask the virtio-mem device for SIZE and wait until the guest has plugged just that."""
        self.qmp("qom-set", path="/machine/peripheral/vm0", property="requested-size", value=size)
        begin = time.monotonic()
        while (plugged := self.qmp("qom-get", path="/machine/peripheral/vm0", property="size")) != size:
            if time.monotonic() > begin + self.longer(seconds):
                raise GuestError(f"{plugged // MIB} MiB are plugged, {size // MIB} are wanted")
            time.sleep(0.1)
        # The device is plugged before its memory is added, and may be unplugged before it is removed.
        unit = max(parse_size(self.machine.virtio_mem_block or "0"), 128 * MIB)
        self.sh(f"wait_for {seconds} virtio_mem_is {size} {size + unit if size else 1}", log=False)

    # The guest's side

    def send_command(self, text):
        # Limits within the guest, too, count load that came after its boot.
        self.longer(0)
        text = f"export guest_patience={self.patience}\n{text}"
        self.agent_channel.send(f"{len(text.encode())}\n{text}")

    def command(self, text, seconds=float("inf")):
        """Run a shell command in the guest: (status, output)."""
        self.send_command(text)
        status, length = map(int, self.wait(self.agent_channel.line, seconds).split())
        return status, self.wait(lambda: self.agent_channel.take(length), seconds)

    def sh(self, text, check=True, log=True):
        """Output of a shell command in the guest; its failure is an error unless CHECK is False."""
        status, output = self.command(text)
        if log:
            with open(self.log_path, "a", encoding="utf-8") as file:
                file.write(f"$ {text}\n{output}\n" + (f"[status {status}]\n" if status else ""))
        if check and status:
            raise GuestError(f"'{text}' failed in the guest ({status}): {output}")
        return output

    def start_program(self, command, name):
        """Start a program in the background and wait for its first line of output."""
        # The shell in the background empties a file of an earlier program only after that has been looked at.
        self.sh(f"rm -f /tmp/{name}.out; {command} >/tmp/{name}.out 2>&1 & echo $! >/tmp/{name}.pid")
        self.sh(f"wait_for 100 eval 'grep -qs . /tmp/{name}.out || ! kill -0 $(</tmp/{name}.pid) 2>/dev/null'; "
                f"grep -qs . /tmp/{name}.out || fail '{name} has ended without a word'")
        return self.sh(f"head -n 1 /tmp/{name}.out")

    def end_program(self, name):
        """End such a program; its last line of output."""
        self.sh(f"kill $(</tmp/{name}.pid); wait_for 100 eval '! kill -0 $(</tmp/{name}.pid) 2>/dev/null'")
        return self.sh(f"tail -n 1 /tmp/{name}.out")

    def block_size(self):
        return int(self.sh("block_size", log=False))

    def blocks(self, dimm):
        """The memory blocks of a DIMM."""
        return [int(number) for number in self.sh(f"blocks {dimm.lo} {dimm.hi}").split()]

    def zones(self, blocks):
        """What each of these blocks says: {block: (state, zones)}."""
        lines = self.sh("zones " + " ".join(map(str, blocks))).splitlines()
        return {int(block): (state, zones) for block, state, zones in (line.split(":") for line in lines)}

    def set_blocks(self, state, blocks):
        self.sh(f"set_blocks {state} " + " ".join(map(str, blocks)))

    def need(self, *programs, modules=()):
        """The test is skipped without these."""
        missing = self.sh(f"for p in {' '.join(programs)}; do command -v $p >/dev/null || echo $p; done").split()
        missing += self.sh(f"for m in {' '.join(modules)}; do modprobe -q $m || echo $m; done").split()
        if missing:
            raise Skip(f"no {' '.join(missing)} here")

    def ask(self, text, errno="OK"):
        """
        What /dev/memory_hotplug answers to a request that ends with ERRNO: a dictionary for each line but
        those of progress. The first word of a line, where it is no pair, is under "".
        """
        lines = self.sh(f"expect_ask {errno} {shlex.quote(text)}").splitlines()[1:]
        words = (shlex.split(line) for line in lines if not line.startswith("progress "))
        return [dict(word.split("=", 1) if "=" in word else ("", word) for word in line) for line in words]

    def query(self, places):
        """What an offline of these places would meet: all of it, and {block: the same}."""
        *blocks, all_, _ = self.ask(f"query {places}")
        return all_, {int(line["block"]): line for line in blocks}

    def vmstat(self, *names):
        """Counters of /proc/vmstat, none of it still in a CPU's share."""
        self.sh("echo 1 >/proc/sys/vm/stat_refresh", log=False)
        stat = dict(line.split()[-2:] for line in self.sh("cat /proc/vmstat", log=False).splitlines())
        stat.setdefault("numa_pages_migrated", 0)   # the kernel may have no NUMA balancing
        return [int(stat[name]) for name in names]

    def complaints(self):
        return complaints(self.console_path.read_text(errors="replace"), self.machine.allow)

    def traces(self):
        return traces(self.console_path.read_text(errors="replace")) if self.complaints() else []


class WorkTimer:
    """How long runs of work functions take, by the tracepoints around them; the stock kernel may not have all."""

    def __init__(self, guest, *functions):
        self.guest = guest
        for function in functions:
            if not self.guest.sh(f"grep -cw {function} /proc/kallsyms || :").strip("0\n") and "stock" not in str(guest.kernel_dir):
                raise GuestError(f"the kernel has no function {function}")
        wanted = " || ".join(f'$3 == "{function}"' for function in functions)
        self.guest.sh(f"""cd /sys/kernel/tracing
            filter=$(awk '{wanted} {{ printf "%sfunction == 0x%s", n++ ? " || " : "", $1 }}' /proc/kallsyms)
            echo mono >trace_clock
            for event in start end; do
                echo "$filter" >events/workqueue/workqueue_execute_$event/filter
                echo 1 >events/workqueue/workqueue_execute_$event/enable
            done""")

    def clear(self):
        self.guest.sh("echo >/sys/kernel/tracing/trace")

    def marks(self):
        """When runs began and ended since clear(), in seconds, whole runs only."""
        limit = time.monotonic() + self.guest.longer(20)
        while True:
            trace = self.guest.sh("cat /sys/kernel/tracing/trace", log=False)
            marks = re.findall(r" (\d+\.\d+): workqueue_execute_(start|end):", trace)
            if marks and marks[-1][1] == "end":
                return marks
            # The firmware is answered within a run, which may end only after the trace was read.
            if time.monotonic() > limit:
                raise GuestError(f"no whole run was traced: {trace[-300:]}")
            time.sleep(0.2)

    def begin(self):
        """Of the first run since clear(), in seconds of the guest's monotonic clock."""
        return float(self.marks()[0][0])

    def ns(self):
        """Of all runs since clear()."""
        marks = self.marks()
        return sum(float(stamp) * (1 if kind == "end" else -1) for stamp, kind in marks) * 1e9


def shell(kernel_dir, hardware):
    """A person's shell in a guest; serves plug and unplug until it ends."""
    guest = Guest("shell", hardware, kernel_dir, mode="shell")
    with guest:
        try:
            guest.wait(lambda: None if guest.qemu.poll() is None else True)
        except GuestError:
            pass
    for line in guest.complaints():
        print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kernel-dir", type=Path, default=KERNEL_DIR)
    parser.add_argument("--machine", default="", help="as in a test's '# guest:' line: dimms=1G:0 cmdline=...")
    parser.add_argument("mode", choices=("shell", "run"))
    parser.add_argument("command", nargs="*")
    args = parser.parse_args()
    kernel_dir = args.kernel_dir.resolve()
    prepare(kernel_dir)
    hardware = Machine.parse(args.machine)
    if args.mode == "shell":
        hardware.timeout = 0
        return shell(kernel_dir, hardware)
    with Guest("run", hardware, kernel_dir) as guest:
        status, output = guest.command(shlex.join(args.command) if len(args.command) > 1 else args.command[0])
        print(output)
    for line in guest.complaints():
        print(line, file=sys.stderr)
    return status or bool(guest.complaints())


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GuestError as error:
        sys.exit(f"guest.py: {error}")
