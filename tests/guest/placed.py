# SPDX-License-Identifier: GPL-2.0
"""A guest of x86-64 whose memmap lies where a test wants it, as KASLR might have placed it."""

import re
import socket
import tempfile

from guest import Guest, GuestError, Skip


class Stub:
    """QEMU's GDB stub (GDB's manual, appendix E)."""

    def __init__(self, path, seconds):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def ask(self, text):
        self.socket.sendall(f"${text}#{sum(text.encode()) % 256:02x}".encode())
        answer = b""
        while not (match := re.search(rb"\$(.*)#..$", answer)):
            answer += self.file.read(1)
        self.socket.sendall(b"+")
        return match[1].decode()

    def do(self, text, wanted="OK"):
        answer = self.ask(text)
        if not answer.startswith(wanted):
            raise GuestError(f"QEMU's GDB stub answers '{answer}' to {text}")


class Placed(Guest):
    """Its vmemmap_base becomes Machine.memmap when the kernel comes to the function in which KASLR changes it."""

    def symbol(self, name):
        return int(re.search(rf"^(\w+) \w {name}$", (self.kernel_dir / "System.map").read_text(), re.MULTILINE)[1], 16)

    def start(self, accel):
        if not self.machine.memmap:
            super().start(accel)
            return
        if "no5lvl" in self.cmdline().split() or "CONFIG_X86_5LEVEL=y\n" not in (self.kernel_dir / ".config").read_text():
            raise Skip("the kernel has four levels")
        function, variable = map(self.symbol, ("kernel_randomize_memory", "vmemmap_base"))
        # Not beside the log: the path of a socket is short.
        with tempfile.TemporaryDirectory(prefix="guest-") as directory:
            self.more = ("-S", "-gdb", f"unix:{directory}/gdb,server=on,wait=off")
            super().start(accel)
            stub = Stub(f"{directory}/gdb", self.longer(60))
        stub.do(f"Z1,{function:x},1")
        stub.do("c", "T05")
        stub.do(f"M{variable:x},8:{self.machine.memmap.to_bytes(8, 'little').hex()}")
        stub.do(f"z1,{function:x},1")
        stub.do("D")
