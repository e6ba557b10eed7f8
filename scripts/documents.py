#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""documents.py: check the names in documents: those that exist are named, and those that are named exist.

README.md names tests, make targets and files that exist, other documents paths of tests that exist.
Each reason, each kind of a page and each parameter of the code is once in the table that explains it.
It prints a line for each name that is missing or does not exist.
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


def column(document, first, last):
    """The names in the first column of a table, whose columns have the headings FIRST ... LAST."""
    text = (TOP / "Documentation" / document).read_text()
    table = re.search(rf"^{first} +(?:\w+ +)*?{last}\n=[ =]+\n(.*?)^=[ =]+$", text, re.M | re.S)[1]
    width = re.search(rf"^(=+) [ =]*\n{first} ", text, re.M)[1]
    return [name for line in table.splitlines() for name in re.findall(r"``([\w-]+)``", line[:len(width)])]


def compare(what, code, documented):
    for name in sorted(set(code) - set(documented)):
        yield f"{what} {name} is in no row"
    for name in sorted(set(documented)):
        if name not in code:
            yield f"there is no {what} {name}"
        if documented.count(name) > 1:
            yield f"{what} {name} is in {documented.count(name)} rows"


def source(path, pattern):
    return re.findall(pattern, (TOP / path).read_text(), re.S)


def page_kinds():
    """The words of mhp_page_kind() and of its callers, and the reasons why a block can never go offline."""
    text = source("mm/mhp/movable.c", r"mhp_view_lru_kind\(.*?\n}|mhp_page_kind\(.*?\n}")
    kinds = {kind for function in text for kind in re.findall(r'"([\w-]+)"', function)}
    kinds |= set(source("mm/mhp/movable.c", r'mhp_census_note_blocker\([^;]*"([\w-]+)"\)'))
    return kinds | {"holes", "multi-zone", "disabled", "lost"}


def unlike_the_code():
    """(document, problem) for each table that is not as the code."""
    user, caller = "admin-guide/mm/memory-hotplug.rst", "core-api/memory-hotplug.rst"
    reasons = source("include/linux/mhp_reason.h", r'\tX\(\w+,\s*"([\w-]+)"')
    reasons.remove("none")
    parameters = [name for path in ("mm/mhp/params.c", "mm/mhp/balance.c")
                  for name in source(path, r"\nmodule_param(?:_cb)?\((\w+)")]
    tables = [(user, "reason", reasons, column(user, "reason", "what to do")),
              (user, "kind", page_kinds(), column(user, "kind", "the page, and what to do if it is in the way")),
              (user, "parameter", parameters, column(user, "parameter", "meaning")),
              (caller, "reason", reasons, column(caller, "reason", "cause"))]
    for document, what, code, documented in tables:
        yield from ((document, problem) for problem in compare(what, code, documented))
    listed = (TOP / "patches/0043-Documentation-kernel-parameters.patch").read_text() + "memory_hotplug.memmap_on_memory="
    for name in parameters:
        if f"memory_hotplug.{name}=" not in listed:
            yield "admin-guide/kernel-parameters.txt", f"parameter {name} is not listed"


def problems():
    readme = (TOP / "README.md").read_text()
    for name in [*unknown_tests(readme), *unknown_targets(readme), *missing_links(readme)]:
        yield f"README.md: there is no {name}"
    for path in sorted((TOP / "Documentation").rglob("*.rst")):
        for name in missing_files(path.read_text()):
            yield f"{path.relative_to(TOP)}: there is no {name}"
    for document, problem in unlike_the_code():
        yield f"Documentation/{document}: {problem}"


if __name__ == "__main__":
    found = list(problems())
    print("\n".join(found), end="\n" * bool(found))
    sys.exit(bool(found))
