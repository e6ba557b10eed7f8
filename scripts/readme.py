#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""readme.py: check that the tests, make targets, files and links that the documents name exist.

Of README.md it checks all of these, of the other documents the paths of tests. It prints a line
for each name that does not exist.
"""
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parent.parent
SELFTESTS = TOP / "tools/testing/selftests/memory-hotplug"


def test_names():
    """The names of all tests, as scripts/test.py makes them from the files."""
    for path in (TOP / "tests").glob("*/*"):
        name = f"{path.parent.name}/{path.stem}"
        if path.parent.name == "guest":
            continue
        if path.suffix == ".sh":
            yield name
        elif path.suffix == ".py":
            yield from (f"{name}/{test}" for test in re.findall(r"^def test_(\w+)\(", path.read_text(), re.M))
    yield from (f"kselftest/{path.stem}" for path in SELFTESTS.glob("*.sh"))


def unknown_tests(text):
    """Names in code that begin like the name of a test, but are not whole words of one."""
    names = list(test_names())
    kinds = "|".join({name.partition("/")[0] for name in names})
    for code in re.findall(r"`([^`\n]+)`", text):
        for name in re.findall(rf"(?<![\w/.-])(?:{kinds})/[\w/-]+", code):
            if not any(f"{test}/".startswith(f"{name}/") for test in names):
                yield name


def unknown_targets(text):
    """Targets of "make TARGET" that the Makefile does not have."""
    targets = set(re.findall(r"^([\w -]+):(?!=)", (TOP / "Makefile").read_text(), re.M))
    targets = {word for names in targets for word in names.split()}
    for target in re.findall(r"(?:`| {4})make ([a-z][\w-]*)(?=[\s`])", text):
        if target not in targets:
            yield f"make {target}"


def missing_links(text):
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        if not (TOP / link).exists():
            yield link


def missing_files(text):
    """Paths of tests in a document."""
    for path in re.findall(r"``(tests/[\w./-]+)``", text):
        if not (TOP / path).exists():
            yield path


def problems():
    readme = (TOP / "README.md").read_text()
    for name in [*unknown_tests(readme), *unknown_targets(readme), *missing_links(readme)]:
        yield f"README.md: there is no {name}"
    for path in sorted((TOP / "Documentation").rglob("*.rst")):
        for name in missing_files(path.read_text()):
            yield f"{path.relative_to(TOP)}: there is no {name}"


if __name__ == "__main__":
    found = list(problems())
    print("\n".join(found), end="\n" * bool(found))
    sys.exit(bool(found))
