#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Run the tests: test.py [NAME...], where NAME is a test or the beginning of tests' names.

  user-space   tools/testing/memory_hotplug, on this machine
  model        its model of the locks and states, on this machine
  install      what "make -C tools/mm install" installs of memhp, from build/tree
  kunit        mm/mhp/tests/*_kunit.ko of the kernel under test
  kselftest    tools/testing/selftests/memory-hotplug of build/tree
  firmware     tests/firmware/*.py: functions test_*(guest), the host acts as firmware
  clients      tests/clients/*.py the same way; tests/clients/*.sh run inside the guest
  compat       the stock kernel and ours side by side
  content      what a block may hold when it goes offline
  nodes        nodes, and who follows them
  locks        what one lock for a whole offline used to guarantee
  devices      drivers that add memory, ZONE_DEVICE
  options      parameters and boot options
  defects      B1 to B19: what Linux 6.12 did wrong
  distro       what a distribution runs around it; only where NAME says so

Each test has a guest of its own, and passes only when the guest's kernel log is
clean too. Logs are build/log/NAME.log and build/log/NAME.console.
"""

import argparse
import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable

import guest as guests
from architectures import architecture
from documents import test_names
from guest import BUILD, KERNEL_DIR, LOG, ROOT, Guest, GuestError, Machine, Skip, prepare

KSFT_SKIP = 4
BASE_SELFTEST = "tools/testing/selftests/memory-hotplug/mem-on-off-test.sh"
TAIL = 25
CRASHES = 2            # of QEMU that a test outlives
CRASHED = (-signal.SIGSEGV, -signal.SIGABRT)    # SIGABRT: an assertion of its own, seen in msix_table_mmio_write()
AGAIN = 30             # lines of a failure repeated after the last test
OPTIONS = argparse.Namespace(boot="", cmdline="")     # for all guests


@dataclass
class Test:
    name: str
    about: str
    run: Callable       # returns a note; raises Skip, or anything else for a failure
    timeout: int        # seconds; the longest start first
    needs: tuple = ()   # other kernels, which scripts/build builds first


# What a test's output says

def ktap(text):
    """Judge KTAP: a note when all is well, else GuestError. Of nested results the innermost count."""
    results, plans, seen, depth = [], {}, {}, -1
    problems = []
    for line in text.splitlines():
        plan = re.match(r"( *)1\.\.(\d+)", line)
        result = re.match(r"( *)(not )?ok \d+(.*)", line)
        if plan:
            indent = len(plan[1])
            plans[indent], seen[indent] = int(plan[2]), 0
        elif result:
            indent = len(result[1])
            if depth > indent:      # the sum of the deeper ones, which are complete now
                if plans.get(depth, seen[depth]) != seen[depth]:
                    problems.append(f"{seen[depth]} of {plans[depth]} planned:{result[3]}")
                plans.pop(depth, None)
                children = [r for d, r in results if d > indent]
                if result[2] and not any(r == "failed" for r in children):
                    problems.append(line.strip())
                results = [(indent, r) for _, r in results]
            else:
                outcome = "skipped" if "# SKIP" in result[3] else "failed" if result[2] else "ok"
                results.append((indent, outcome))
                if outcome == "failed":
                    problems.append(line.strip())
            seen[indent] = seen.get(indent, 0) + 1
            depth = indent
    if depth >= 0 and plans.get(depth, seen[depth]) != seen[depth]:
        problems.append(f"{seen[depth]} of {plans[depth]} planned results")
    if problems:
        raise GuestError("; ".join(problems))
    outcomes = [r for _, r in results]
    return ", ".join(f"{outcomes.count(r)} {r}" for r in ("ok", "skipped") if r in outcomes)


# Running in a guest

def in_guest(name, hardware, kernel_dir, body, kind=Guest):
    """As in_one_guest(), again where QEMU itself crashed: that says nothing of the kernel. Seen with 7.2, at boot."""
    for _ in range(CRASHES):
        try:
            return in_one_guest(name, hardware, kernel_dir, body, kind)
        except Exception as error:
            qemu = getattr(getattr(error, "guest", None), "qemu", None)
            if not qemu or qemu.poll() not in CRASHED:
                raise
            print(f"again   {name}: QEMU crashed ({signal.Signals(-qemu.poll()).name})", flush=True)
    return in_one_guest(name, hardware, kernel_dir, body, kind)


def in_one_guest(name, hardware, kernel_dir, body, kind):
    """Boot, run body(guest), power off, judge the kernel's log."""
    if OPTIONS.boot and kind is Guest and not hardware.own_root:
        hardware = replace(hardware, boot=OPTIONS.boot)
    guest = kind(name, replace(hardware, cmdline=f"{hardware.cmdline} {OPTIONS.cmdline}"), kernel_dir)
    try:
        with guest:
            note = body(guest)
        if complaints := guest.complaints():
            raise GuestError(f"the kernel complained: {complaints[0]}")
    except Skip:
        raise
    except Exception as error:
        error.guest = guest
        raise
    return note


def script(guest, command):
    """Run a program of the guest as kselftest does: its exit status is the result, its output the log."""
    status, output = guest.command(f"({command}) >&4 2>&1")
    printed = guest.log_path.read_text(errors="replace")
    if status == KSFT_SKIP:
        raise Skip((re.findall(r"SKIP:? *(.*)", printed) or ["without a word"])[-1])
    if status:
        raise GuestError((re.findall(r"FAIL: *(.*)", printed) or [f"exit status {status} {output}".rstrip()])[-1])
    return printed


# Finding the tests

sys.path.insert(0, str(ROOT / "tests/guest"))   # what tests share


def user_space(kernel_dir):
    directory = ROOT / "tools/testing/memory_hotplug"

    def run(name, target, timeout, directory=directory):
        log = LOG / f"{name}.log"
        with open(log, "w", encoding="utf-8") as file:
            status = subprocess.run(["make", "-C", directory, target], stdout=file, stderr=subprocess.STDOUT,
                                    stdin=subprocess.DEVNULL, timeout=timeout * guests.load(), check=False).returncode
        sums = re.findall(r"(\d+) tests run, (\d+) passed, (\d+) failed", log.read_text(errors="replace"))
        if status or not sums or any(int(failed) for _, _, failed in sums):
            raise GuestError(f"make exited {status}, {len(sums)} programs reported: see {log.relative_to(ROOT)}")
        return f"{sum(int(passed) for _, passed, _ in sums)} ok"

    if directory.is_dir() and not architecture(kernel_dir).foreign:
        yield Test("user-space", "the pure files, under sanitizers", lambda: run("user-space", "test", 600), 600)
        yield Test("install", "memhp, its manual and completion", lambda: run(
            "install", "install-test", 300, BUILD / "tree/tools/testing/memory_hotplug"), 300)
        yield Test("model", "a model of the locks and states, by spin", lambda: run("model", "model", 1800), 1800)


def kunit(kernel_dir):
    def test(module):
        def body(guest):
            guest.sh(f"modprobe {module}")
            results = guest.sh("cat /sys/kernel/debug/kunit/*/results")
            note = ktap(results)
            if not note:
                raise GuestError(f"{module} ran no test")
            return note
        name = f"kunit/{module}"
        return Test(name, "in-kernel unit tests", lambda: in_guest(name, Machine(), kernel_dir, body), 120)

    order = kernel_dir / "modules.order"
    for module in re.findall(r"^(?:mm/mhp/tests|drivers/base)/(m\w+_kunit)\.k?o$", order.read_text() if order.is_file() else "", re.M):
        yield test(module)


def kselftest(kernel_dir):
    arch = architecture(kernel_dir)
    target, objects = arch.built("kselftest"), arch.built("kselftest-objects")

    def test(program):
        def body(guest):
            return ktap(script(guest, f"cd {target}/memory-hotplug && PATIENCE=$((30 * guest_patience)) ./{program}"))
        name = f"kselftest/{Path(program).stem}"
        hardware = Machine(dimms=("512M:0", "512M:1"), timeout=400)
        return Test(name, "", lambda: in_guest(name, hardware, kernel_dir, body), hardware.timeout)

    if not (BUILD / "tree/tools/testing/selftests/memory-hotplug/Makefile").is_file():
        return
    objects.mkdir(parents=True, exist_ok=True)
    with open(LOG / "kselftest-install.log", "w", encoding="utf-8") as log:
        installed = subprocess.run(["make", "-C", BUILD / "tree/tools/testing/selftests", "TARGETS=memory-hotplug",
                                    f"O={objects}", f"INSTALL_PATH={target}", *arch.make, "install"],
                                   stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    if installed.returncode:
        raise GuestError("the kselftests do not build, see build/log/kselftest-install.log")
    for line in (target / "kselftest-list.txt").read_text().split():
        yield test(line.partition(":")[2])


def python_tests(path, kernel_dir):
    def test(function):
        name = f"{path.parent.name}/{path.stem}/{function.__name__.removeprefix('test_')}"
        hardware = getattr(function, "machine", Machine())
        return Test(name, (function.__doc__ or "").split("\n", 1)[0],
                    lambda: in_guest(name, hardware, kernel_dir, function, getattr(module, "GUEST", Guest)),
                    hardware.timeout, getattr(module, "NEEDS", ()))

    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, function in vars(module).items():
        if name.startswith("test_"):
            yield test(function)


def shell_test(path, kernel_dir):
    text = path.read_text()
    hardware = Machine.parse("".join(re.findall(r"^# guest: (.*)$", text, re.M)))
    about = re.findall(r"^# (?!SPDX|guest:)(.*)$", text, re.M)
    name = f"{path.parent.name}/{path.stem}"

    def body(guest):
        script(guest, f"bash {path}")

    return Test(name, about[0] if about else "", lambda: in_guest(name, hardware, kernel_dir, body), hardware.timeout)


def base_selftest(arch):
    """The base kernel's own test, from an untouched tree, to where guests find programs."""
    target = arch.built("tests") / Path(BASE_SELFTEST).name
    if (BUILD / "tree/.git").exists():
        target.write_bytes(subprocess.run(["git", "-C", BUILD / "tree", "show", f"base:{BASE_SELFTEST}"],
                                          stdout=subprocess.PIPE, check=True).stdout)
    elif (BUILD / "base" / BASE_SELFTEST).is_file():
        target.write_bytes((BUILD / "base" / BASE_SELFTEST).read_bytes())
    if target.is_file():
        target.chmod(0o755)


def discover(kernel_dir):
    for source in (user_space, kunit, kselftest):
        yield from source(kernel_dir)
    for path in sorted((ROOT / "tests").glob("*/*")):
        if path.parent.name == "guest":
            continue
        if path.suffix == ".py":
            yield from python_tests(path, kernel_dir)
        elif path.suffix == ".sh":
            yield shell_test(path, kernel_dir)


def check_names(names):
    """A wrong name is to be known before a kernel is built. Only the build shows which KUnit modules there are."""
    known = ["user-space", "install", "model", *test_names()]
    for name in names:
        if not name.startswith("kunit"[:len(name)]) and not any(test.startswith(name) for test in known):
            raise GuestError(f"no test's name begins with {name}; scripts/test.py --list names all")


def no_other_kernel():
    raise Skip("the kernel that it compares with is built for x86-64 only")


# Reporting

class Report:
    def __init__(self, tests):
        self.lock = threading.Lock()
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}
        self.failures = []
        self.width = max(len(test.name) for test in tests)

    def __call__(self, test, outcome, seconds, note, details=""):
        with self.lock:
            self.counts[outcome] += 1
            line = f"{outcome:8}{test.name:{self.width}} {seconds:7.1f} s  {note or ''}".rstrip()
            if outcome == "failed":
                self.failures.append((line, [f"        | {text}" for text in details.splitlines()[:AGAIN]]))
            print(line, flush=True)
            for text in details.splitlines():
                print(f"        | {text}", flush=True)

    def summary(self):
        """What failed, once more, and last of all what and why: a log may be cut anywhere."""
        again = [text for line, details in self.failures for text in [line, *details]]
        counts = ", ".join(f"{count} {outcome}" for outcome, count in self.counts.items())
        return "\n".join([*again, *(line for line, _ in self.failures), counts])


def details(error):
    """What a person needs to see of a failure."""
    text, guest = "", getattr(error, "guest", None)
    if not isinstance(error, (GuestError, AssertionError)):
        text += "".join(traceback.format_exception(error))
    if guest:
        text += "".join(f"{line}\n" for line in guest.complaints() + guest.traces()[:AGAIN])
        for path in (guest.log_path, guest.console_path):
            lines = path.read_text(errors="replace").splitlines()
            if lines and "Power down" not in lines[-1]:
                text += f"--- {path.relative_to(ROOT)}, {len(lines)} lines, the last:\n" + "\n".join(lines[-TAIL:]) + "\n"
    return text


def run(test, report):
    begin = time.monotonic()
    try:
        note = test.run()
    except Skip as reason:
        report(test, "skipped", time.monotonic() - begin, str(reason))
    except Exception as error:      # whatever a test does wrong is its own failure
        report(test, "failed", time.monotonic() - begin, str(error).partition("\n")[0] or repr(error), details(error))
    else:
        report(test, "passed", time.monotonic() - begin, note)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel-dir", type=Path, default=KERNEL_DIR)
    parser.add_argument("--jobs", "-j", type=int, default=int(os.environ.get("TEST_JOBS", 2)), help="guests at a time")
    parser.add_argument("--boot", choices=("systemd",), default="", help="what is process 1 of all guests")
    parser.add_argument("--cmdline", default="", help="more of all guests' kernel command line")
    parser.add_argument("--rounds", type=int, default=1, help="how often, until a test fails, whose logs are kept")
    parser.add_argument("--list", action="store_true", help="name the tests")
    parser.add_argument("--check", action="store_true", help="only look whether there are such tests")
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args(namespace=OPTIONS)
    kernel_dir = args.kernel_dir.resolve()

    if args.check:
        return check_names(args.names)
    prepare(kernel_dir)
    base_selftest(architecture(kernel_dir))
    tests = list(discover(kernel_dir))
    for name in args.names:
        if not any(test.name.startswith(name) for test in tests):
            parser.error(f"no test's name begins with {name}")
    if args.names:
        tests = [test for test in tests if test.name.startswith(tuple(args.names))]
    else:
        tests = [test for test in tests if not test.name.startswith("distro/")]
    if args.list:
        for test in tests:
            print(f"{test.name:40} {test.about}")
        return 0

    if architecture(kernel_dir).foreign:
        tests = [replace(test, run=no_other_kernel, needs=()) if test.needs else test for test in tests]
    for variant in sorted({variant for test in tests for variant in test.needs}):
        if subprocess.run([ROOT / "scripts/build", variant], check=False).returncode:
            raise GuestError(f"{variant} does not build, see build/log/{variant}.log")
        prepare(BUILD / variant)

    guests.GUESTS = min(args.jobs, len(tests))
    report = Report(tests)
    for _ in range(args.rounds):
        with ThreadPoolExecutor(args.jobs) as pool:
            for test in sorted(tests, key=lambda test: -test.timeout):
                pool.submit(run, test, report)
        if report.counts["failed"]:
            break
    print(report.summary())
    return bool(report.counts["failed"])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GuestError as error:
        sys.exit(f"test.py: {error}")
