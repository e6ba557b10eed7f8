# SPDX-License-Identifier: GPL-2.0
"""The stock kernel and ours have the same files and answers, except where the documents say otherwise."""

import json
import re

from guest import BUILD, MIB, ROOT, Guest, machine

STOCK = "stock-x86_64"
NEEDS = (STOCK,)        # kernels that are built before these tests run
DOCUMENT = ROOT / "Documentation/admin-guide/mm/memory-hotplug.rst"
MEMORY = "/sys/devices/system/memory"
PARAMETERS = "/sys/module/memory_hotplug/parameters"

# All that may differ: (path, what the stock kernel has, what ours has, words of the document); None: no such file
ALLOWED = (
    (r"memory/memory\d+/end_phys_index", None, ".*", "number of its last section"),
    (r"memory/memory\d+/removable", "1\n", "0\n", "0: the block has a page that cannot be moved"),
    (r"memory/memory\d+/phys_device", "0\n", r"\d+\n", "``phys_device`` is the number of the device"),
    (r"memory/memory\d+/last_error", None, ".*", "how the last request for it failed"),
    (r"memory/memory\d+/group", None, ".*", "number of its memory group"),
    (r"memory/memory\d+/power.*", ".*", None, "no directory ``power``"),
    (r"memory/movable_ratio", None, ".*", "pages of kernel zones and of ``ZONE_MOVABLE``"),
    (r"memory/groups.*", None, ".*", "the memory group of a device"),
    (PARAMETERS + "/offline_viability", None, ".*", "is refused before any page is moved"),
    (PARAMETERS + "/movable_ratio_limit", None, ".*", "the kernel warns once if ``ZONE_MOVABLE`` is more"),
    (PARAMETERS + "/offline_timeout_ms", None, ".*", "time limit for an offline by user space"),
    (PARAMETERS + "/removable_compat", None, ".*", "``removable`` is 1 for every block"),
)


def dump(guest):
    """{path: (type, mode, target)}, {path: content}"""
    files, contents = {}, {}
    for line in guest.sh(f"{ROOT}/tests/guest/dump.sh", log=False).splitlines():
        path, said = line.split("\t", 1)
        if said.startswith("= "):
            contents[path] = contents.get(path, "") + said[2:] + "\n"
        else:
            files[path] = said
    return files, contents


def lsmem(guest):
    """Block by block, as lsmem tells it to programs."""
    blocks = json.loads(guest.sh("lsmem -a -b -J --output-all", log=False))["memory"]
    return {block["block"]: {key: value for key, value in block.items() if key != "removable"} for block in blocks}


def is_like(text, pattern):
    return text is None if pattern is None else text is not None and bool(re.fullmatch(pattern, text, re.S))


def is_allowed(rule, path, stock, ours):
    pattern, before, after, _ = rule
    return is_like(path, pattern) and is_like(stock, before) and is_like(ours, after)


def differences(ours, stock, met):
    for one, other in zip(ours, stock):
        for path in sorted(one.keys() | other.keys()):
            a, b = one.get(path), other.get(path)
            rules = [rule for rule in ALLOWED if a != b and is_allowed(rule, path, b, a)]
            met.update(rules)
            if a != b and not rules:
                yield f"{path}: {b!r} became {a!r}"


def compare(ours, stock, when, met):
    found = list(differences(dump(ours), dump(stock), met))
    assert not found, f"{when}: {len(found)} differences: " + "; ".join(found[:20])
    assert lsmem(ours) == lsmem(stock), f"{when}: lsmem: {lsmem(stock)} became {lsmem(ours)}"
    # The same to the byte, also how blocks make up ranges, where every block is removable.
    ours.sh(f"echo Y >{PARAMETERS}/removable_compat")
    for command in ("lsmem -J --output-all", "lsmem", "lsmem -P -b -S STATE,NODE,ZONES"):
        assert ours.sh(command) == stock.sh(command), f"{when}: {command}"
    ours.sh(f"echo N >{PARAMETERS}/removable_compat")


def beside(guest):
    """The same machine with the stock kernel."""
    return Guest(f"{guest.name}-stock", guest.machine, BUILD / STOCK)


@machine(nodes=("1G", "1G", "0"), dimms=("256M:1",), timeout=400)
def test_dump(guest):
    """/sys/devices/system/memory and node, lsmem, parameters: at boot, and while a DIMM is added and removed."""
    met = set()
    with beside(guest) as stock:
        compare(guest, stock, "at boot", met)
        both = guest, stock
        for node in (1, 2):
            dimms = [g.plug("512M", node) for g in both]
            assert dimms[0].lo == dimms[1].lo
            compare(guest, stock, f"a DIMM on node {node}", met)
            blocks = guest.blocks(dimms[0])
            # Node 1 has a CPU, and what is the kernel's there is soon in use.
            first = "online_kernel" if node == 2 else "online_movable"
            for state, some in (("online_movable", blocks[1:]), (first, blocks[:1]), ("offline", blocks[2:3]),
                                ("online", blocks[2:3]), ("offline", blocks[1:])):
                for g in both:
                    g.set_blocks(state, some)
                compare(guest, stock, f"{state} of {len(some)} blocks on node {node}", met)
            for g, dimm in zip(both, dimms):
                g.set_blocks("offline", blocks[:1])
                assert g.unplug(dimm).done, f"the DIMM stays with {g.kernel_dir.name}"
            compare(guest, stock, f"no DIMM on node {node}", met)
    assert met == set(ALLOWED), f"no longer different: {set(ALLOWED) - met}"


def answers(guest):
    """{what is written: the answer}"""
    got, page = {}, None

    def write(about, file, text, before="", after=""):
        got[f"{about}: '{'it' if text == page else text}' to {file.rpartition('/')[2]}"] = guest.sh(f"{before}\nwr {file} '{text}'\n{after}", check=False)

    dimm = guest.plug("1G", 1)
    blocks = guest.blocks(dimm)
    size = dimm.size // len(blocks)
    low, mid, high = (f"{MEMORY}/memory{number}" for number in (blocks[0], blocks[1], blocks[-1]))
    for word in ("onlin", "online_", "1", "", "going-offline", "ONLINE"):
        write("unknown word", f"{low}/state", word)
    for word in ("2", "maybe", ""):
        write("unknown word", f"{low}/online", word)
    for word in ("never", "", "1"):
        write("unknown word", f"{MEMORY}/auto_online_blocks", word)
    write("it is so already", f"{low}/state", "offline")
    write("it is so already", f"{low}/online", "0")
    for word in ("online_movable", "online", "online_movable", "online_kernel"):
        write("online", f"{low}/state", word)
    write("it is so already", f"{low}/online", "1")
    write("holes", f"{MEMORY}/memory0/state", "offline")
    write("a read-only file", f"{low}/removable", "1")

    for address in ("x", "", "-1", "1", hex(size + 4096)):
        write("no address of a block", f"{MEMORY}/probe", address)
    write("it is there", f"{MEMORY}/probe", hex(blocks[0] * size))
    write("it is there", f"{MEMORY}/probe", "0")
    write("something else is there", f"{MEMORY}/probe", "0xfe000000" if size > 32 * MIB else "0")
    write("cannot be used", f"{MEMORY}/probe", hex(1 << 60))
    write("no number", f"{MEMORY}/probe", hex(1 << 64))

    for file in ("soft_offline_page", "hard_offline_page"):
        write("no number", f"{MEMORY}/{file}", "x")
        write("no number", f"{MEMORY}/{file}", hex(1 << 64))
        write("no memory", f"{MEMORY}/{file}", hex(1 << 50))
        write("not online", f"{MEMORY}/{file}", hex(blocks[3] * size))
        got[f"privilege: {file}"] = guest.sh(
            f"setpriv --bounding-set -sys_admin --inh-caps -sys_admin $(type -P wr) {MEMORY}/{file} 0", check=False)

    inject = "/sys/kernel/debug/notifier-error-inject/memory/actions"
    guest.sh("modprobe memory-notifier-error-inject")
    for action, word in (("MEM_GOING_ONLINE", "online_movable"), ("MEM_GOING_OFFLINE", "offline")):
        for error in (-1, -12, -16):
            write(f"a subsystem refuses with {error}", f"{high}/state", word,
                  f"echo {error} >{inject}/{action}/error", f"echo 0 >{inject}/{action}/error")
        write("nobody refuses", f"{high}/state", word)

    # Not movable; held by somebody, until a signal comes; broken.
    guest.set_blocks("online_kernel", blocks[1:2])
    guest.start_program(f"hold kernel 1 {blocks[1] * size} {blocks[1] * size + size}", "hold")
    write("kernel memory", f"{mid}/state", "offline", after=f"cat {mid}/state {mid}/valid_zones")
    guest.end_program("hold")
    guest.set_blocks("online_movable", blocks[-1:])
    guest.start_program(f"hold pin 1 {blocks[-1] * size} {blocks[-1] * size + size}", "hold")
    got["a signal"] = guest.sh(f"wr {high}/state offline & wait_for 60 grep -qx going-offline {high}/state; sleep 1; kill -TERM $!; wait; cat {high}/state {high}/valid_zones")
    guest.end_program("hold")
    page = guest.start_program(f"hold page 1 {blocks[-1] * size} {blocks[-1] * size + size}", "hold").split()[-1]
    write("a page is broken", f"{MEMORY}/hard_offline_page", page)
    write("it is broken already", f"{MEMORY}/hard_offline_page", page)
    write("it is broken already", f"{MEMORY}/soft_offline_page", page)
    write("it is not done", f"{MEMORY}/soft_offline_page", hex(blocks[0] * size), "echo 0 >/proc/sys/vm/enable_soft_offline",
          "echo 1 >/proc/sys/vm/enable_soft_offline")
    write("a block with a broken page", f"{high}/state", "offline")
    write("a block with a broken page", f"{high}/state", "online_movable", after=f"cat {high}/state")
    guest.sh("kill $(</tmp/hold.pid); true")
    return got


def taken_back(guest):
    """What the stock kernel does not have: writing "online" cancels an offline."""
    dimm = guest.plug("128M", 1)
    block = f"{MEMORY}/memory{guest.blocks(dimm)[0]}"
    guest.sh(f"echo online_movable >{block}/state")
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.hi}", "hold")
    answer = guest.sh(f"wr {block}/state offline & wait_for 10 grep -q going {block}/state; wr {block}/state online >&2; wait; "
                      f"cat {block}/state")
    guest.end_program("hold")
    return answer


@machine(timeout=400)
def test_answers(guest):
    """The table of errors: each row is tried on both kernels, with the same result."""
    ours = answers(guest)
    with beside(guest) as stock:
        theirs = answers(stock)
    wrong = [f"{what}: {theirs.get(what)} became {answer}" for what, answer in ours.items() if answer != theirs.get(what)]
    assert not wrong, "; ".join(wrong)
    got = set(re.findall(r"^E[A-Z0-9]+$", "\n".join([*ours.values(), taken_back(guest)]), re.M))
    rows = set(re.findall(r"^``(E[A-Z0-9]+)`` ", DOCUMENT.read_text(), re.M))
    assert got == rows, f"nothing gave {sorted(rows - got)}; {sorted(got - rows)} is not in the table of answers"


def tables():
    """Each table of the document with files: {name: mode}"""
    text = DOCUMENT.read_text()
    for table in re.findall(r"^=+ +=+ +=+\n(?:file|parameter) +mode +meaning\n=+ +=+ +=+\n(.*?)\n=+ +=+", text, re.M | re.S):
        yield dict(re.findall(r"^``(\w+)`` +(\d{4}|link) ", table, re.M))


def everything_in(guest, directory, kind="f"):
    listing = guest.sh(f"find -L {directory} -maxdepth 1 -type {kind} -printf '%f %#m\\n'")
    return {name: mode for name, mode in map(str.split, listing.splitlines()) if name != "uevent"}


@machine(dimms=("256M:1",))
def test_documented(guest):
    """The files are those of the document, with the documented modes."""
    root, block, parameters, device = tables()
    assert block.pop("nodeM") == "link"
    number = guest.sh("blocks_that_are offline | head -1")
    guest.sh(f"[ -L {MEMORY}/memory{number}/node1 ] && [ -L /sys/devices/system/node/node1/memory{number} ]")
    for named, directory in ((root, MEMORY), (block, f"{MEMORY}/memory{number}"), (parameters, PARAMETERS)):
        there = everything_in(guest, directory)
        assert there == named, f"{directory}: {there} is there, {named} is documented"
    there = everything_in(guest, f"{MEMORY}/memory{number}/firmware_node")
    assert device.items() <= there.items(), f"the ACPI device: {there} is there, {device} is documented"
    assert "memory" not in " ".join(everything_in(guest, MEMORY)), "clients list the directory by prefix"
    text = " ".join(DOCUMENT.read_text().split())
    for pattern, _, after, words in ALLOWED:
        name = pattern.rpartition("/")[2].rstrip(".*")
        assert (after is None or name in root | block | parameters or f"``{name}/N/``" in text) and words in text, f"'{words}' of {pattern} is not documented"
