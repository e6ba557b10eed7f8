# SPDX-License-Identifier: GPL-2.0
"""
A guest that libvirt runs: the daemon is started for it alone, as a user's session, with all of its files in
the guest's directory. When the test ends, however it does, the daemon and QEMU end with their process namespace.
"""

import json
import os
import re
import selectors
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from guest import BUILD, MIB, TRANSLATIONS, Channel, Dimm, Guest, GuestError, Skip, own_root, parse_size

MEMORY = """<memory model='{model}'>
  <target><size unit='MiB'>{size}</size><node>{node}</node>{more}</target>
  <alias name='ua-{name}'/>
</memory>"""
DOMAIN = """<domain type='{accel}'>
  <name>guest</name>
  <maxMemory slots='16' unit='MiB'>{most}</maxMemory>
  <memory unit='MiB'>{sum}</memory>
  <vcpu>2</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    {boot}
  </os>
  <features><acpi/>{translations}</features>
  <cpu mode='maximum'>{features}<numa>{cells}</numa></cpu>
  <on_reboot>destroy</on_reboot>
  <devices>
    <emulator>{emulator}</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='{balloon}'/>
    <serial type='file'><source path='{console}' append='on'/></serial>
    <channel type='file'><source path='{log}' append='on'/><target type='virtio' name='log'/></channel>
    {channels}
    {disk}
    {memory}
  </devices>
</domain>"""
KERNEL = "<kernel>{}</kernel><initrd>{}</initrd><cmdline>{}</cmdline>"
CHANNEL = "<channel type='unix'><source mode='connect' path='{path}'/><target type='virtio' name='{name}'/></channel>"


class Told(Channel):
    """What a program prints, by lines."""

    def __init__(self, *command):
        self.socket, end = socket.socketpair()
        self.buffer = b""
        with end:
            self.program = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "stdbuf", "-oL", *command],
                                            stdin=subprocess.DEVNULL, stdout=end, stderr=subprocess.DEVNULL)


class QemuEvents(Told):
    """QEMU's events as libvirt passes them on."""

    def line(self):
        while (line := super().line()) is not None:
            if match := re.match(r"event (\w+) at \S+ for domain \S+ (\{.*\})", line):
                return json.dumps({"event": match[1], "data": json.loads(match[2])})
        return None


def session(directory):
    """Where a daemon has its files; what it found out of QEMU, which takes long, is kept."""
    cache = BUILD / "libvirt"
    for folder in (directory / "run", directory / "config/libvirt", cache):
        folder.mkdir(parents=True, exist_ok=True)
    (directory / "config/libvirt/qemu.conf").write_text('stdio_handler = "file"\n')
    return os.environ | {"XDG_RUNTIME_DIR": str(directory / "run"), "XDG_CONFIG_HOME": str(directory / "config"),
                         "XDG_CACHE_HOME": str(cache), "XDG_DATA_HOME": str(directory), "HOME": str(directory)}


class Domain(Guest):
    """Its root is in its memory, as no shared directory outlives save and restore."""

    def boots(self):
        """What it boots, and its disk."""
        self.machine.own_root = True
        return KERNEL.format(self.kernel_dir / self.arch.image, own_root(self.kernel_dir, self.dir), escape(self.cmdline())), ""

    def start(self, accel):
        if missing := [name for name in ("libvirtd", "virsh") if not shutil.which(name, path="/usr/sbin:/usr/bin")]:
            raise Skip(f"no {' '.join(missing)} here")
        self.started = time.monotonic()
        self.dir = Path(tempfile.mkdtemp(prefix="guest-"))
        self.selector = selectors.DefaultSelector()
        self.uri = f"qemu+unix:///session?socket={self.dir}/run/libvirt/libvirt-sock"
        # Never as root, whose daemon would be the system's. A shell waits for orphans, which libvirtd does not.
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.qemu = subprocess.Popen([
                "setpriv", "--pdeathsig", "KILL", "--", "unshare", "--user", "--map-user=1000", "--map-group=1000",
                "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", "/usr/sbin/libvirtd; exit"],
                env=session(self.dir), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.until(10, (self.dir / "run/libvirt/libvirt-sock").exists, "libvirtd did not start")
        self.listeners = {name: self.listen(name) for name in ("agent", "host")}
        self.virsh("define", self.file("domain", self.description(accel.split(",")[0].replace("tcg", "qemu"))))
        self.qmp_channel = self.watch(QemuEvents("virsh", "-q", "-c", self.uri, "qemu-monitor-event", "--loop"))
        self.told = self.watch(Told("virsh", "-q", "-c", self.uri, "event", "--all", "--loop"))
        self.virsh("start", "guest")
        self.accept()

    def until(self, seconds, true, otherwise):
        limit = time.monotonic() + self.longer(seconds)
        while not true():
            if self.qemu.poll() is not None or time.monotonic() > limit:
                raise GuestError(f"{otherwise}: {self.log_path.read_text()[-500:]}")
            time.sleep(0.1)

    def listen(self, name):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.dir / name))
        listener.listen()
        return listener

    def watch(self, channel):
        self.selector.register(channel, selectors.EVENT_READ)
        return channel

    def accept(self):
        """QEMU connects to us, so that the guest never sees an unconnected port, after a restore neither."""
        for name, listener in self.listeners.items():
            if old := getattr(self, f"{name}_channel", None):
                self.selector.unregister(old)
                old.socket.close()
            listener.settimeout(self.longer(30))
            setattr(self, f"{name}_channel", self.watch(Channel(listener.accept()[0])))

    def file(self, name, text):
        path = self.dir / f"{name}.xml"
        path.write_text(text)
        return path

    def description(self, accel):
        sizes = [size // MIB for size in self.machine.sizes()]
        cells = "".join(f"<cell id='{node}' memory='{size}' unit='MiB'" + f" cpus='{node}'" * (node < 2) + "/>"
                        for node, size in enumerate(sizes))
        memory = ""
        if self.machine.virtio_mem:
            size, node = self.machine.virtio_mem.split(":")
            memory = self.memory("virtio-mem", "vm0", size, node, "<block unit='MiB'>2</block><requested unit='MiB'>0</requested>")
        boot, disk = self.boots()
        features = "".join(f"<feature name='{name}' policy='disable'/>" for name in re.findall(r"(\w+)=off", self.arch.cpu))
        return DOMAIN.format(
            accel=accel, features=features, translations=f"<tcg><tb-cache unit='MiB'>{TRANSLATIONS}</tb-cache></tcg>" * (accel == "qemu"),
            most=sum(sizes) + parse_size(self.machine.room) // MIB, sum=sum(sizes), cells=cells, memory=memory,
            boot=boot, disk=disk, emulator=shutil.which("qemu-system-x86_64"), balloon="virtio" if self.machine.balloon else "none",
            console=self.console_path, log=self.log_path,
            channels="".join(CHANNEL.format(name=name, path=self.dir / name) for name in self.listeners))

    @staticmethod
    def memory(model, name, size, node, more=""):
        return MEMORY.format(model=model, name=name, size=parse_size(size) // MIB, node=node, more=more)

    def __exit__(self, *_):
        try:
            self.send_command("echo o >/proc/sysrq-trigger")
            self.until(10, lambda: self.virsh("domstate", "guest") != "running", "")
        except (GuestError, AttributeError):
            pass
        if self.qemu:
            self.qemu.kill()
            self.qemu.wait()
        for key in list(self.selector.get_map().values()) if self.selector else ():
            if program := getattr(key.fileobj, "program", None):
                program.kill()
                program.wait()
            key.fileobj.socket.close()
        for listener in getattr(self, "listeners", {}).values():
            listener.close()
        if self.dir:
            shutil.rmtree(self.dir, ignore_errors=True)

    # What an administrator does

    def virsh(self, *words):
        """What virsh says, its errors as well; what it refuses is an error with that text."""
        done = subprocess.run(["virsh", "-q", "-c", self.uri, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=self.longer(120))
        said = done.stdout.strip()
        with open(self.log_path, "a", encoding="utf-8") as log:
            log.write(f"virsh {' '.join(map(str, words))}\n{said}\n")
        if done.returncode:
            raise GuestError(said)
        return said

    def xml(self, name):
        """The memory device of that name, as libvirt has it now."""
        for device in ElementTree.fromstring(self.virsh("dumpxml", "guest")).iter("memory"):
            if device.find("alias") is not None and device.find("alias").get("name") == name:
                return device
        return None

    def plug(self, size, node=0, seconds=60):
        """virsh attach-device of a DIMM, and the guest's answer."""
        self.plugged += 1
        begin = time.monotonic()
        name = f"ua-dimm{self.plugged}"
        self.virsh("attach-device", "guest", self.file(name, self.memory("dimm", f"dimm{self.plugged}", size, node)), "--live")
        address = self.xml(name).find("address")
        dimm = Dimm(name, int(address.get("base"), 0), parse_size(size), node, int(address.get("slot")))
        self.dimms[name] = dimm
        return self.plug_answer(dimm, begin, seconds)

    def unplug(self, dimm, seconds=60):
        """virsh detach-device, and the guest's last answer. What virsh said is in eject.said."""
        begin = time.monotonic()
        device = ElementTree.tostring(self.xml(dimm.name), encoding="unicode")
        try:
            said = self.virsh("detach-device", "guest", self.file(dimm.name, device), "--live")
        except GuestError as error:
            said = str(error)
        eject = self.eject_answer(dimm, begin, seconds)
        eject.said = said
        return eject

    def heard(self, wanted, seconds=30):
        """The next of libvirt's events that has this text."""
        def line():
            while (said := self.told.line()) is not None:
                if wanted in said:
                    return said
            return None
        return self.wait(line, self.longer(seconds))
