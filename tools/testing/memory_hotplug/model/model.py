#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Checks the model of locks and states, blocks.pml, with spin.

    model.py            all scenes and defects, as many at a time as there are processors
    model.py REMOVER    one scene, and its defects
    model.py --trail    prints the steps of each counter-example

Each scene has to be correct in every order of its steps. With a defect put in, spin has to find a
counter-example: a model that finds nothing would be correct as well.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

MODEL = pathlib.Path(__file__).resolve().parent / "blocks.pml"
DEADLOCK = "invalid end state"
FREED = "assertion violated !(o[mem].freed)"

# The defects of each scene, and what spin has to say about them.
SCENES = {
    "WRITERS": {"NOTIFIER_KEEPS_MUTEX": DEADLOCK, "CANCEL_FOR_ALL": "assertion violated (heard["},
    "REMOVER": {"WRITER_TOUCHES_BLOCK": FREED, "WRITER_DOES_NOT_CHECK": "assertion violated",
                "WRITER_KEEPS_PROTECTION": DEADLOCK, "REMOVER_IGNORES_STATE": "assertion violated"},
    "CORE": {"CORE_WAKES_NOBODY": DEADLOCK},
    "DRIVER": {"DRIVER_KEEPS_MUTEX": DEADLOCK, "WRITER_CANCELS_LATE": "assertion violated !(o[mem].claimed)"},
    "EJECT": {},
    "TWO_EJECTS": {"EJECT_KEEPS_SCAN_LOCK": DEADLOCK},
    "VANISH": {"FAILURE_UNDER_LOCK": DEADLOCK},
    "VANISH_WHILE_GOING": {"LOSS_IS_FORGOTTEN": "assertion violated"},
}

# A search that ended early has not seen everything.
INCOMPLETE = re.compile(r"not completed|too small|out of memory|aborting|^pan:\d|^pan: [a-z ]*error", re.I | re.M)


def search(directory, scene, defect, trail):
    """Returns what spin and its verifier print, and the number of states."""
    defines = [f"-DSCENE_{scene}"] + ([f"-DDEFECT_{defect}"] if defect else [])
    commands = [["spin", *defines, "-a", MODEL],
                ["gcc", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=2048", "-o", "pan", "pan.c"],
                ["./pan", "-m100000", "-w20"]]
    if trail:
        # Of the model beside it, with the name that the verifier was made for.
        shutil.copy(MODEL, directory)
        commands[0][-1] = MODEL.name
        commands.append(["spin", *defines, "-t", "-p", MODEL.name])
    out = ""
    for command in commands:
        if "-t" in command and not (pathlib.Path(directory) / f"{MODEL.name}.trail").exists():
            break
        done = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, text=True, errors="replace", check=False)
        out += done.stdout
        if done.returncode:
            return out + f"\n{command[0]}: exit status {done.returncode}\nError: aborting\n"
    return out


def verdict(out, expected):
    """Returns whether the search ended as expected."""
    if expected:
        return f"pan:1: {expected}" in re.sub(" +", " ", out) and "errors: 1" in out
    return "Full statespace search" in out and "errors: 0\n" in out and not INCOMPLETE.search(out)


def check(job, trail):
    scene, defect, expected = job
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        out = search(directory, scene, defect, trail)
    return verdict(out, expected), out, time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser(description="Check the model of locks and states with spin.")
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=", ".join(SCENES))
    parser.add_argument("--trail", action="store_true", help="print the steps of each counter-example")
    args = parser.parse_args()
    unknown = set(args.scenes) - set(SCENES)
    if unknown:
        parser.error(f"no scene {' '.join(sorted(unknown))}")
    for program in ("spin", "gcc"):
        if not shutil.which(program):
            sys.exit(f"model: there is no {program}")

    jobs = []
    for scene in args.scenes or SCENES:
        jobs.append((scene, None, None))
        jobs += [(scene, defect, expected) for defect, expected in SCENES[scene].items()]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        results = pool.map(lambda job: check(job, args.trail), jobs)
        for (scene, defect, expected), (good, out, seconds) in zip(jobs, results):
            states = re.search(r"(\d+) states, stored", out)
            what = "counter-example" if expected else f"{states[1] if states else 'no'} states, all of them"
            failed += not good
            print(f"{'passed' if good else 'FAILED'}  {scene:<18} {defect or '':<23} {what}, {seconds:.0f} s", flush=True)
            if not good or (args.trail and expected):
                print(out)
    print(f"{len(jobs)} tests run, {len(jobs) - failed} passed, {failed} failed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
