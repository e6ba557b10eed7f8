# SPDX-License-Identifier: GPL-2.0
"""Users without privilege see no page frame numbers, write no file, and delay no request."""

import json
import re
import time

from guest import machine

# Finds the files of this series, and those of its test modules in debugfs.
FIND = """shopt -s nullglob
find /sys/devices/system/memory /sys/module/memory_hotplug /sys/module/memory_eject /sys/firmware/acpi/hotplug/memory \
     /sys/devices/system/memory/groups /sys/kernel/debug/memory_hotplug -type f 2>/dev/null
for id in /sys/bus/acpi/devices/PNP0C80:*; do find $(readlink -f $id) -maxdepth 1 -type f; done
for file in /sys/kernel/debug/mhp_* /sys/kernel/debug/kunit /dev/memory_hotplug; do [ -e $file ] && echo $file; done"""
KINDS = ("nobody", "user", "owner")


class Outsider:
    """outsider.py of a kind, in the guest."""

    def __init__(self, guest, kind, node):
        self.guest = guest
        self.kind = kind
        name = f"outsider-{kind}"
        guest.sh(f"mkfifo /tmp/{kind}.in; sleep infinity >/tmp/{kind}.in & "
                 f"(exec {guest.outsider} {kind} {node} /tmp/files /tmp/{kind}.in /tmp/{kind}.json) >/tmp/{name}.out 2>&1 & "
                 f"wait_for 60 grep -q . /tmp/{name}.out")
        first = guest.sh(f"cat /tmp/{name}.out").split()
        assert first[0].isdigit(), f"{kind}: {first}"
        self.pid, self.address = map(int, first)
        self.looked = 0

    def pfn(self):
        """Of the page that it holds, as root's pagemap has it."""
        entry = self.guest.sh(f"dd if=/proc/{self.pid}/pagemap bs=8 count=1 skip={self.address // 4096} 2>/dev/null | od -An -t u8")
        return int(entry) & (1 << 55) - 1

    def look(self, seconds=100):
        self.looked += 1
        self.guest.sh(f"echo look >/tmp/{self.kind}.in; wait_for {seconds} eval '[ $(wc -l </tmp/{self.kind}.json) -ge {self.looked} ]'")
        return json.loads(self.guest.sh(f"tail -n 1 /tmp/{self.kind}.json", log=False))


def start(guest):
    guest.outsider = "python3 " + guest.sh("echo ${GUEST_LIB%/*}").strip() + "/outsider.py"
    guest.sh(f"{{ {FIND}; }} | sort -u >/tmp/files")


def numbers(text):
    """All numbers in a text, whichever way they are written."""
    for word in re.findall(r"0x[0-9a-fA-F]+|\d+|\b[0-9a-fA-F]{4,16}\b", text):
        yield int(word, 0 if word.lower().startswith("0x") else 10 if word.isdigit() else 16)
        if not word.lower().startswith("0x") and len(word) < 17:
            yield int(word, 16)


def check(outsider, found, pages, when):
    """Nothing in what it found tells one of these page frames; nothing could be opened for writing."""
    for path, got in found.items():
        text = got["read"]
        assert text != "TIMEOUT", f"{when}, {outsider.kind}: {path} made the reader wait"
        assert not re.search(r"\b(pfn|blocker)=(0x)?[0-9a-f]*\d", text), f"{when}, {outsider.kind}: {path}: {text}"
        for pfn in pages:
            wrong = {pfn, pfn << 12} & set(numbers(text))
            assert not wrong, f"{when}, {outsider.kind}: {path} tells {wrong}: {text[:300]}"
        # The owner may write to files that are not protected by a capability, as on every kernel.
        if outsider.kind != "owner" or path == "/dev/memory_hotplug":
            assert got["write"] != "OK", f"{when}, {outsider.kind}: {path} can be opened for writing"


@machine(timeout=400, cmdline="page_owner=on")
def test_no_page_frames(guest):
    """As nobody and as root of a user namespace: no file tells a page frame, before or after failures, or can be written."""
    guest.sh("modprobe mhp_watch; modprobe mhp_callback; modprobe mhp_ask; echo 15000 >/sys/module/memory_hotplug/parameters/offline_timeout_ms")
    dimm = guest.plug("256M", 1)
    first, last = guest.blocks(dimm)
    guest.set_blocks("online_movable", [first, last])
    guest.dir = guest.sh(f"readlink -f $memory/memory{first}/firmware_node").strip()
    start(guest)
    files = guest.sh("cat /tmp/files", log=False).split()
    for name in ("state", "last_error", "removable", "eject_status", "memory_hotplug", "timeout_ms"):
        assert any(file.endswith("/" + name) for file in files), f"{name} is not looked at"

    kinds = KINDS if guest.sh("ls /proc/self/ns/user 2>/dev/null || true") else KINDS[:1]
    outsiders = [Outsider(guest, kind, 1) for kind in kinds]
    pages = [outsider.pfn() for outsider in outsiders]
    inside = [pfn for pfn in pages if dimm.lo <= pfn << 12 < dimm.hi]
    assert all(pages) and inside, f"{pages}: none on the DIMM"
    for outsider in outsiders:
        check(outsider, outsider.look(), pages, "before")

    # Failures, each of which tells root the page.
    block = first if inside[0] << 12 < dimm.lo + dimm.size // 2 else last
    guest.sh(f"expect EBUSY $memory/memory{block}/state offline; grep -q pfn=0x $memory/memory{block}/last_error")
    assert guest.ask(f"why {block}")[1]["blocker"] != "none"
    assert guest.ask(f"offline {first}-{last}", "EBUSY")[-1]["pfn"].startswith("0x")
    assert guest.query(f"{first}-{last}")[0]["blocker"].startswith("0x")
    assert not guest.unplug(dimm).done
    guest.sh(f"grep -q ' pfn=0x' {guest.dir}/eject_status")
    for outsider in outsiders:
        found = outsider.look()
        check(outsider, found, pages, "after")
        refused = {path for path, got in found.items() if got["read"] in ("EACCES", "EPERM")}
        for name in (f"memory{block}/last_error", "/dev/memory_hotplug", "/eject_status"):
            assert any(path.endswith(name) for path in refused), f"{outsider.kind} reads {name}"
    # Root without that capability as well: the root of a container.
    guest.sh(f"""for file in $memory/memory{block}/last_error /dev/memory_hotplug {guest.dir}/eject_status; do
        ! setpriv --bounding-set -sys_admin --inh-caps -sys_admin cat $file || fail "$file"
        cat $file >/dev/null || fail "root cannot read $file"
    done""")
    # The tool says that root can see more.
    said = guest.sh(f"setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all memhp why {block}; "
                    "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all memhp map")
    assert "only root can see" in said and "Root can see more" in said, said
    return f"{len(files)} files, {', '.join(kinds)}"


@machine(timeout=400)
def test_keeps_nobody_waiting(guest):
    """While a request holds all its locks, whatever everybody may read is answered at once."""
    guest.sh("modprobe mhp_watch")
    dimm = guest.plug("256M", 1)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_movable", blocks)
    start(guest)
    outsider = Outsider(guest, "nobody", 0)
    outsider.look()
    guest.sh(f"echo {guest.delay_ms(60)} >/sys/module/mhp_watch/parameters/delay_ms")
    guest.sh(f"(echo offline >$memory/memory{blocks[0]}/state; echo end >/tmp/end) >/dev/null 2>&1 & "
             "wait_for 30 grep -q ^GOING_OFFLINE /sys/kernel/debug/mhp_watch; ! [ -e /tmp/end ]")
    begin = time.monotonic()
    found = outsider.look(60)
    took = time.monotonic() - begin
    assert guest.sh("[ ! -e /tmp/end ] || echo ended") == "", "the request was over: nothing is shown"
    late = [path for path, got in found.items() if got["read"] == "TIMEOUT"]
    assert not late, f"these wait: {late}"
    guest.sh("echo 0 >/sys/module/mhp_watch/parameters/delay_ms; wait_for 100 test -e /tmp/end")
    return f"{len(found)} files in {took:.1f} s"


