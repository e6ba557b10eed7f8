# SPDX-License-Identifier: GPL-2.0
"""The commands of README.md are run, and what it shows of their output is compared."""

import re
import shlex
import subprocess

from documents import shell_block
from guest import MIB, ROOT, GuestError, machine

README = (ROOT / "README.md").read_text()


def host(*command):
    """The output of a command on this machine, in the top directory."""
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GuestError(f"{shlex.join(command)} failed ({done.returncode}): {done.stdout[-500:]}{done.stderr[-500:]}")
    return done.stdout


def commands():
    """All "make ..." and "scripts/..." of the text, without comments and without names that stand for something."""
    for code in re.findall(r"`([^`\n]+)`|^ {4}([^\n]+)$", README, re.M):
        command = "".join(code).partition("#")[0].strip()
        if re.match(r"make |scripts/\w", command) and not re.search(r"\b[A-Z]{4,}$|\.\.\.|/path/", command):
            yield shlex.split(command)


@machine(timeout=300)
def test_report(guest):
    """What a person is asked to report of a failure names its reason and its page; make knows each command."""
    dimm = guest.plug_online("256M", 1)
    block = guest.blocks(dimm)[0]
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.lo + 128 * MIB}", "hold")
    guest.sh(f"expect EBUSY $memory/memory{block}/state offline")
    for line in shell_block("report"):
        said = guest.sh(re.sub(r"\bmemory42\b", f"memory{block}", line))
        if "/proc" not in line:
            assert re.search("pinned|long reference", said), f"{line}: {said[-500:]}"
    guest.end_program("hold")

    known = list(commands())
    assert ["make", "run"] in known and ["make", "test"] in known and len(known) > 10, known
    for command in known:
        if command[0] == "make":
            host("make", "-n", *(["-C", "build/tree"] if command[1] == "-C" else []), *command[1:])
    assert "make run " in host("make", "help")
    host("scripts/test.py", "--check", "clients/readme/report")


@machine(timeout=600)
def test_run(guest):
    """The demonstration prints the lines that README.md shows, where "..." stands for anything."""
    shown = re.search(r"^It builds the kernel and runs a demonstration.*?\n\n(.*?)\n\n {4}make test", README, re.M | re.S)[1]
    lines = [line.strip() for line in shown.splitlines() if line.strip(" .")]
    assert len(lines) > 5, lines
    said = host("scripts/run.py", "--kernel-dir", str(guest.kernel_dir))
    begin = 0
    for line in lines:
        found = re.compile(re.escape(line).replace(r"\.\.\.", ".*")).search(said, begin)
        assert found, f"'{line}' is not printed, or not in this order"
        begin = found.end()
