#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""documents.py: check the names in documents: those that exist are named, and those that are named exist.

README.md names tests, make targets, files and figures that exist, other documents paths of tests, files and
functions of the kernel that exist, and names in kernel-doc directives that their file describes.
Each reason, kind of a page, state, result, parameter and file of the code is once in the table that
explains it, and each file in Documentation/ABI.
CHANGES.md begins with the version of memhp and of README.md, and has an entry for each tag that is a number.
It prints a line for each name that is missing or does not exist.
"""
import re
import subprocess
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


def other_figures(text):
    """Rows of measured figures that are not those of speed.rst."""
    speed = (TOP / "Documentation/mm/memory-hotplug/speed.rst").read_text()
    for what, unit, stock, ours in re.findall(r"^\| ([^|]+) \| (M|s) \| ([\d.,]+) \| ([\d.,]+) \|$", text, re.M):
        row = rf"^\S+ +{re.escape(what)} +{unit} +{re.escape(stock)}( \([^)]*\))? +{re.escape(ours)} "
        if not re.search(row, speed, re.M):
            yield f"figure in speed.rst like that of '{what}'"


def shell_block(name):
    """The lines of README.md's block that begins with "sh NAME"."""
    return re.search(rf"^```sh {name}\n(.*?)^```$", (TOP / "README.md").read_text(), re.M | re.S)[1].splitlines()


def missing_files(text):
    """Paths of tests in a document."""
    for path in re.findall(r"``(tests/[\w./-]+)``", text):
        if not (TOP / path).exists():
            yield path


def missing_kernel_doc(text):
    """Identifiers of kernel-doc directives whose file is of this repository, but does not describe them."""
    for path, names in re.findall(r"^\.\. kernel-doc:: (\S+)\n   :identifiers: (.*)$", text, re.M):
        if (TOP / path).exists():
            described = re.findall(r"^ \* (?:struct |enum |typedef )?(\w+)(?:\(\))? - ", (TOP / path).read_text(), re.M)
            yield from (f"{name} in {path}" for name in names.split() if name not in described)


def in_tree(*command):
    """The output lines of git in build/tree."""
    run = subprocess.run(["git", "-C", TOP / "build/tree", *command], capture_output=True, text=True, check=False)
    return run.stdout.splitlines()


def sources():
    """The text of each source file that may have a function of memory hotplug or one that it uses: its own files first."""
    tree = TOP / "build/tree"
    for top, patterns in ((TOP, ("drivers/base/*", "mm/**/*", "include/linux/*", "drivers/acpi/*", "arch/x86/mm/*", "samples/*/*")),
                          (tree, ("mm/**/*", "include/linux/**/*", "kernel/**/*", "drivers/base/*", "drivers/acpi/**/*",
                                  "drivers/edac/*", "arch/x86/mm/*"))):
        for pattern in patterns:
            yield from (path.read_text(errors="replace") for path in top.glob(pattern) if path.suffix in (".c", ".h"))
    # Those of the unmodified kernel are in a table of their own.
    for name in ("mm/memory_hotplug.c", "drivers/base/memory.c", "mm/sparse.c", "include/linux/memory_hotplug.h"):
        yield "\n".join(in_tree("show", f"base:{name}"))


def unknown_names(documents):
    """(document, name) for each file and function that neither the kernel of build/tree nor this repository has."""
    texts = {path: path.read_text() for path in documents}
    unknown = {name for text in texts.values() for name in re.findall(r"``(\w+)\(\)``", text)}
    for text in sources():
        unknown -= {name for name in unknown if f"{name}(" in text}
        if not unknown:
            break
    files = set(in_tree("ls-tree", "-r", "--name-only", "series"))
    for path, text in texts.items():
        yield from ((path, f"{name}()") for name in re.findall(r"``(\w+)\(\)``", text) if name in unknown)
        for name in re.findall(r"``((?:mm|drivers|include|kernel|fs|arch|lib|samples|tools)/[\w/.-]+\.[chS])``", text):
            if name not in files:
                yield path, name


def column(document, first, last):
    """The names in the first column of all tables whose columns have the headings FIRST ... LAST."""
    text = (TOP / "Documentation" / document).read_text()
    tables = re.findall(rf"^(=+) [ =]*\n{first} +(?:\w+ +)*?{last}\n=[ =]+\n(.*?)^=[ =]+$", text, re.M | re.S)
    return [name for width, table in tables for line in table.splitlines()
            for name in re.findall(r"``([\w./-]+)``", line[:len(width)])]


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
    return kinds | {"holes", "multi-zone", "boot-memory", "disabled", "lost"}


def functions(path, *names):
    """The text of functions of a file, each with the line of its name."""
    return "".join(found for name in names for found in source(path, rf"\n[^\n]*\b{name}\(.*?\n}}"))


def files():
    """The files of memory blocks, of the directory above them, of groups, and of ejects."""
    kinds = r"(?:DEVICE|BIN)_ATTR_(?:ADMIN_)?(?:RO|RW|WO)"
    names = [name for path in (TOP / "drivers").glob("*/*memor*.c") for name in re.findall(rf"\b{kinds}\((\w+)", path.read_text())]
    groups = {*source("drivers/base/memory_group.c", r"__ATTR_RO\((\w+)\)"), "blocks"}
    # From the driver core and from the ACPI core; links and directories.
    return [name for name in names if name != "blocks"] + ["online", "eject", "nodeM", "groups/N/"], groups


def abi_problems(names):
    """Files of the code that Documentation/ABI does not have, and the other way round."""
    text = "".join(path.read_text() for path in (TOP / "Documentation/ABI/testing").iterdir())
    listed = {what.rstrip("/").rpartition("/")[2] for what in re.findall(r"^What:\s+/sys/(?:devices|bus)/(\S+)$", text, re.M)}
    # hard_offline_page and its brother have a file of their own in the base.
    elsewhere = {"hard_offline_page", "soft_offline_page", "eject"}
    yield from compare("file", {*names, "memory", "memoryN"} - elsewhere - {"groups/N/"}, sorted(listed))
    for name in re.findall(r"^What:\s+(\S+)\n(?:What:.*\n)*Date:\s+November 2026\n(?!KernelVersion:)", text, re.M):
        yield f"{name} has no KernelVersion"


def unlike_the_code():
    """(document, problem) for each table that is not as the code."""
    user, caller = "admin-guide/mm/memory-hotplug.rst", "core-api/memory-hotplug.rst"
    reasons = source("include/linux/mhp_reason.h", r'\tX\(\w+,\s*"([\w-]+)"')
    reasons.remove("none")
    parameters = [name for path in ("mm/mhp/params.c", "mm/mhp/balance.c")
                  for name in source(path, r"\nmodule_param(?:_cb)?\((\w+)")]
    parameters.append("memory_eject.timeout_ms")
    attributes, groups = files()
    states = set(re.findall(r'word = "([\w-]+)"', functions("drivers/base/memory.c", "state_show"))) - {"unknown"}
    results = functions("drivers/base/memory_request.c", "candidate_to_text", "request_result_word")
    results = set(re.findall(r'(?:word =|return|\?|:) "(\w+)"', results))
    ejects = functions("drivers/acpi/memory_eject.c", "acpi_eject_emit_failure", "acpi_eject_emit_status")
    ejects = {word for words in re.findall(r'"(\w+)(?: source|\\n)|\? "(\w+)" : "(\w+)"', ejects) for word in words if word}
    tables = [(user, "state", states, column(user, "state", "the block")),
              (user, "result", results, column(user, "result", "of +meaning")),
              (user, "eject_status", ejects, column(user, "eject_status", "the eject")),
              (user, "file", attributes, column(user, "file", "mode +meaning")),
              (user, "file of a group", groups, column(user, "file of a group", "meaning")),
              (user, "reason", reasons, column(user, "reason", "what to do")),
              (user, "kind", page_kinds(), column(user, "kind", "the page, and what to do if it is in the way")),
              (user, "parameter", parameters, column(user, "parameter", "meaning")),
              (caller, "reason", reasons, column(caller, "reason", "cause"))]
    for document, what, code, documented in tables:
        yield from ((document, problem) for problem in compare(what, code, documented))
    listed = (TOP / "patches/0043-Documentation-kernel-parameters.patch").read_text() + "memory_hotplug.memmap_on_memory="
    for name in parameters:
        if f"{name if '.' in name else 'memory_hotplug.' + name}=" not in listed:
            yield "admin-guide/kernel-parameters.txt", f"parameter {name} is not listed"


def at(tag, path):
    """The text of a file at a tag."""
    return subprocess.run(["git", "-C", str(TOP), "show", f"{tag}:{path}"], capture_output=True, text=True).stdout


def version_problems():
    """The version in README.md and memhp that is not the first of CHANGES.md, and tags that name another version than they have."""
    entry, program = re.compile(r"^## (\S+)", re.M), re.compile(r'VERSION\s+"([^"]+)"')
    versions = entry.findall((TOP / "CHANGES.md").read_text())
    for path, pattern in ("tools/mm/memhp/main.c", program), ("README.md", re.compile(r"^\| status \| ([\d.]+\d)", re.M)):
        found = pattern.findall((TOP / path).read_text())
        if found != versions[:1]:
            yield f"{path}: is version {' '.join(found) or 'none'}, CHANGES.md begins with {versions[0]}"
    tags = subprocess.run(["git", "-C", str(TOP), "tag", "--list", "[0-9]*"], capture_output=True, text=True).stdout.split()
    for tag in tags:
        if tag not in versions:
            yield f"CHANGES.md: has no entry {tag}, which is a tag"
        if entry.findall(at(tag, "CHANGES.md"))[:1] != [tag] or program.findall(at(tag, "tools/mm/memhp/main.c")) != [tag]:
            yield f"tag {tag}: CHANGES.md or memhp has another version there"
    for version in versions[1:]:
        if tags and version not in tags:
            yield f"CHANGES.md: {version} is no tag"


def problems():
    readme = (TOP / "README.md").read_text()
    for name in [*unknown_tests(readme), *unknown_targets(readme), *missing_links(readme), *other_figures(readme)]:
        yield f"README.md: there is no {name}"
    documents = sorted((TOP / "Documentation").rglob("*.rst"))
    if (TOP / "build/tree/.git").exists():
        yield from (f"{path.relative_to(TOP)}: there is no {name}" for path, name in unknown_names(documents))
    for path in documents:
        for name in [*missing_files(path.read_text()), *missing_kernel_doc(path.read_text())]:
            yield f"{path.relative_to(TOP)}: there is no {name}"
    yield from (f"Documentation/ABI: {problem}" for problem in abi_problems(sum(map(list, files()), [])))
    for document, problem in unlike_the_code():
        yield f"Documentation/{document}: {problem}"
    yield from version_problems()


if __name__ == "__main__":
    found = list(problems())
    print("\n".join(found), end="\n" * bool(found))
    sys.exit(bool(found))
