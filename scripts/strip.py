# SPDX-License-Identifier: GPL-2.0
"""Take the base kernel's memory hotplug out of an unpacked tree.

The series does it in parts, each of which is some of the files that are named here.

The rules here name all that is removed. They repeat no text of the base
kernel. The result is computed in memory first: if a rule does not fit the tree
(another 6.12.y), the tree is not changed, and the error names the file and what
to do.
"""
import re
import shutil
import subprocess
from pathlib import Path

HOTPLUG = ("MEMORY_HOTPLUG", "MEMORY_HOTREMOVE")

# Whole files. The series adds new files of the same names; `_old` is what it calls two of them until then.
DELETE = """
mm/memory_hotplug_old.c
drivers/base/memory_old.c
drivers/acpi/acpi_memhotplug.c
tools/testing/selftests/memory-hotplug
Documentation/admin-guide/mm/memory-hotplug.rst
Documentation/core-api/memory-hotplug.rst
Documentation/translations/zh_CN/core-api/memory-hotplug.rst
Documentation/ABI/testing/sysfs-devices-memory
""".split()

# unifdef removes the code that is compiled only with memory hotplug. The two
# headers keep the stubs for kernels without it, so that the tree builds.
UNIFDEF = """
include/linux/memory.h
include/linux/memory_hotplug.h
mm/sparse.c
mm/sparse-vmemmap.c
mm/page_alloc.c
arch/x86/mm/init_64.c
""".split()

# The conditional block that has the marker. Other conditional blocks of these
# files are used at boot.
CUT_BLOCK = {"mm/mm_init.c": ["free_area_init_core_hotplug"]}

# Kconfig: from this line to the end of the block that it begins.
CUT_KCONFIG = {
    "mm/Kconfig": ["menuconfig MEMORY_HOTPLUG", "if MEMORY_HOTPLUG"],
    "drivers/acpi/Kconfig": ["config ACPI_HOTPLUG_MEMORY"],
}

# Single lines that name removed files or functions.
CUT_LINE = {
    "mm/Makefile": ["memory_hotplug.o"],
    "drivers/base/Makefile": ["memory.o"],
    "drivers/acpi/Makefile": ["acpi_memhotplug.o"],
    "drivers/acpi/internal.h": ["void acpi_memory_hotplug_init(void);"],
    "drivers/acpi/scan.c": ["acpi_memory_hotplug_init();"],
    "tools/testing/selftests/Makefile": ["TARGETS += memory-hotplug"],
    "Documentation/admin-guide/mm/index.rst": ["memory-hotplug"],
    "Documentation/core-api/index.rst": ["memory-hotplug"],
    "Documentation/translations/zh_CN/core-api/index.rst": ["memory-hotplug"],
}


class Misfit(Exception):
    """A rule and this tree do not fit."""


def misfit(name, what):
    raise Misfit(f"{name}: {what}; correct the rule for it in scripts/strip.py")


def unifdef(tree, name):
    args = ["unifdef", "-k"] + [f"-UCONFIG_{s}" for s in HOTPLUG]
    done = subprocess.run(args + [str(tree / name)], capture_output=True, text=True)
    if done.returncode > 1 or done.stdout == "":
        misfit(name, done.stderr.strip() or "unifdef found nothing to take out")
    return done.stdout


def cut_block(name, text, marker):
    lines, stack = text.splitlines(keepends=True), []
    at = next((n for n, l in enumerate(lines) if marker in l), None)
    if at is None:
        misfit(name, f"no line holds '{marker}'")
    for n, line in enumerate(lines):
        if re.match(r"#\s*if", line):
            stack.append(n)
        elif re.match(r"#\s*endif", line):
            start = stack.pop()
            if start < at < n and any(s in lines[start] for s in HOTPLUG):
                return "".join(lines[:start] + lines[n + 1:])
    misfit(name, f"'{marker}' is in no memory hotplug block")


def cut_kconfig(name, text, opener):
    lines = text.splitlines(keepends=True)
    start = next((n for n, l in enumerate(lines) if l.rstrip() == opener), None)
    if start is None:
        misfit(name, f"no line '{opener}'")
    depth, end = 0, start + 1
    block = opener.startswith("if ")
    while end < len(lines):
        line = lines[end]
        if block:
            depth += bool(re.match(r"if\s", line))
            if re.match(r"endif\b", line):
                depth -= 1
                if depth < 0:
                    end += 1
                    break
        elif line.strip() and not line[0].isspace():
            break
        end += 1
    return "".join(lines[:start] + lines[end:])


def cut_line(name, text, needle):
    lines = text.splitlines(keepends=True)
    # Whole lines; if there are none, lines with this last word.
    hits = [n for n, l in enumerate(lines) if l.strip() == needle] or \
           [n for n, l in enumerate(lines) if re.split(r"[\s:=]+", l.strip())[-1] == needle]
    if name == "mm/Makefile" or name.endswith("base/Makefile"):
        hits = [n for n in hits if "MEMORY_HOTPLUG" in lines[n]]
    if not hits:
        misfit(name, f"no line names '{needle}'")
    for n in reversed(hits):
        del lines[n]
    return "".join(lines)


def all_names():
    """The files that the rules are for."""
    return list(dict.fromkeys(DELETE + UNIFDEF + [n for r in (CUT_BLOCK, CUT_KCONFIG, CUT_LINE) for n in r]))


def plan(tree, names):
    """Returns {name: new text} for those of NAMES that stay; raises Misfit before anything is changed."""
    out = {}
    missing = [n for n in DELETE if n in names and not (tree / n).exists()]
    if missing:
        misfit(missing[0], "is not in this tree")
    for name in UNIFDEF:
        if name in names:
            out[name] = unifdef(tree, name)
    for rules, cut in ((CUT_BLOCK, cut_block), (CUT_KCONFIG, cut_kconfig), (CUT_LINE, cut_line)):
        for name in (n for n in rules if n in names):
            if not (tree / name).exists():
                misfit(name, "is not in this tree")
            for mark in rules[name]:
                text = out.get(name) or (tree / name).read_text()
                out[name] = cut(name, text, mark)
    return out


def strip(tree, names):
    """Strips the files NAMES of TREE in place; returns the names of all files touched or removed."""
    changed = plan(tree, names)
    gone = [name for name in DELETE if name in names]
    for name in gone:
        path = tree / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, text in changed.items():
        (tree / name).write_text(text)
    return gone + sorted(changed)
