# SPDX-License-Identifier: GPL-2.0
"""/dev/memory_hotplug: one open file is one request, independent of others."""

import re

from guest import MIB, machine

EXACT = ("mem_total; lsmem -a -b -o RANGE,STATE,ZONES,NODE; "
         "awk '/^Node/ { zone = $2 $4 } $1 ~ /^(spanned|present|managed|start_pfn:)$/ { print zone, $1, $2 }' /proc/zoneinfo; "
         "cat /sys/kernel/debug/mhp_zones")
NO_THREAD = "wait_for 60 eval '! pgrep -x memory_request'"

# Common code of the scripts in the guest.
PRELUDE = """import errno, os, random, select, socket, sys, time
PATH = "/dev/memory_hotplug"

def begin(text, flags=0):
    fd = os.open(PATH, os.O_RDWR | flags)
    os.write(fd, text.encode())
    return fd

def answer(fd, size=65536):
    text = b""
    while part := os.read(fd, size):
        text += part
    return text.decode()

def error(do):
    try:
        do()
    except OSError as e:
        return errno.errorcode[e.errno]
    return "OK"

def state(block):
    with open(f"/sys/devices/system/memory/memory{block}/state") as file:
        return file.read().strip()

def wait(until, seconds=60):
    end = time.monotonic() + seconds * int(os.environ.get("guest_patience", 1))
    while not until():
        assert time.monotonic() < end, "still not so"
        time.sleep(0.02)
"""


def run(guest, script, *arguments):
    guest.sh(f"cat >/tmp/script.py <<'END'\n{PRELUDE}{script}\nEND", log=False)
    return guest.sh("python3 /tmp/script.py " + " ".join(map(str, arguments)))


def plug(guest, size="512M", node=1):
    dimm = guest.plug(size, node)
    blocks = guest.blocks(dimm)
    guest.set_blocks("online_movable", blocks)
    return dimm, blocks


def states(guest, blocks):
    return [state for state, _ in guest.zones(blocks).values()]


TWO = """
a, b, c, d = sys.argv[1:]
first, second = begin(f"query {a}-{b}"), begin(f"query {c}")
print(answer(second), answer(first), sep="---\\n", end="---\\n")
# One fails after some seconds, which a busy machine may need for the rest; the other ends before it; and a third asks meanwhile.
for _ in range(5):
    first = begin(f"offline {a}-{b}")
    wait(lambda: state(a) == "going-offline")
    second, third = begin(f"offline {c}-{d}"), begin(f"why {c}")
    said = answer(third), answer(second)
    if state(a) == "going-offline":
        break
    answer(first)
    answer(begin(f"online_movable {c}-{d}"))
else:
    raise AssertionError("the first was always over: nothing is shown")
print(*said, sep="---\\n", end="---\\n")
print(answer(first))
# A file has one request.
print(error(lambda: os.write(first, b"query 0")), error(lambda: os.write(first, b"nonsense")), error(lambda: os.write(first, b"cancel")))
assert answer(first) == ""
"""


@machine(timeout=300)
def test_two(guest):
    """Several handles at a time, each with an answer of its own; a handle has one request."""
    dimm, blocks = plug(guest)
    a, b, c, d = blocks
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.lo + 128 * MIB}", "hold")
    said = run(guest, TWO, a, b, c, d).split("---\n")
    assert re.findall(r"^block=(\d+)", said[0], re.M) == [str(c)] and f"range={c << 27:#x}-{(d << 27) - 1:#x}" in said[0], said[0]
    assert re.findall(r"^block=(\d+)", said[1], re.M) == [str(a), str(b)], said[1]
    assert said[2].startswith(f"last_error block={c} none\nblock={c} free="), said[2]
    assert "request verb=offline result=ok wanted=2 done=2" in said[3] and f"block={d} result=done" in said[3], said[3]
    assert "request verb=offline result=failed wanted=2 done=0" in said[4] and "reason=pinned" in said[4] and "progress pages=" in said[4], said[4]
    assert said[4].rstrip().splitlines()[-1] == "EBUSY EINVAL OK", said[4]
    assert states(guest, blocks) == ["online", "online", "offline", "offline"]
    guest.sh(NO_THREAD)


CLOSE = """
blocks = sys.argv[1:]
random.seed(1)
closed = 0
for i in range(20):
    fd = begin(f"offline {blocks[0]}-{blocks[-1]}")
    time.sleep(random.random() * 0.6 if i % 3 else 0)
    if i % 3 == 1:
        # In the middle of an answer.
        os.read(fd, 1)
    begin_ = time.monotonic()
    os.close(fd)
    assert time.monotonic() - begin_ < 5 * int(os.environ.get("guest_patience", 1)), "closing waits"
    wait(lambda: all(state(block) in ("online", "offline") for block in blocks))
    # The thread may not have begun yet.
    wait(lambda: not os.popen("pgrep -x memory_request").read())
    after = {state(block) for block in blocks}
    assert len(after) == 1, "not all of it, and not nothing"
    closed += after == {"online"}
    if after == {"offline"}:
        answer(begin(f"online_movable {blocks[0]}-{blocks[-1]}"))
print(closed)
"""


@machine(timeout=600)
def test_close(guest):
    """A reader that closes in the middle, forty times at another moment: all is as it was; closing does not wait."""
    guest.sh("modprobe mhp_watch")
    dimm, blocks = plug(guest)
    guest.start_program(f"load 200 1 {dimm.lo} {dimm.hi}", "load")
    # With a pinned page an offline takes seconds: each of these is closed in the middle.
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.hi}", "hold")
    before = guest.sh(EXACT)
    closed = int(run(guest, CLOSE, *blocks))
    assert guest.sh(EXACT) == before, f"not as before: {guest.sh(EXACT)}"
    assert closed == 20, f"only {closed} of 20 stayed online"
    guest.end_program("hold")
    # Without it, some are closed when they have ended.
    before = guest.sh(EXACT)
    closed = int(run(guest, CLOSE, *blocks))
    assert guest.sh(EXACT) == before, f"not as before: {guest.sh(EXACT)}"
    guest.sh("kill -TERM $(</tmp/load.pid); wait_for 60 eval '! kill -0 $(</tmp/load.pid) 2>/dev/null'; tail -n 1 /tmp/load.out")
    guest.ask(f"offline {blocks[0]}-{blocks[-1]}")
    return f"of 20 without a pinned page {closed} stayed online"


CANCEL = """
first, last = sys.argv[1:]
fd = os.open(PATH, os.O_RDWR)
print(error(lambda: os.write(fd, b"cancel")))
os.write(fd, f"offline {first}-{last}".encode())
wait(lambda: state(first) == "going-offline")
print(os.read(fd, 65536).decode(), end="")
os.write(fd, b"cancel\\n")
print(answer(fd), end="")
"""


@machine(timeout=300)
def test_cancel(guest):
    """A cancel takes back what is under way; the answer says so, and so do the blocks."""
    guest.sh("modprobe mhp_watch")
    dimm, blocks = plug(guest)
    before = guest.sh(EXACT)
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.hi}", "hold")
    said = run(guest, CANCEL, blocks[0], blocks[-1]).splitlines()
    assert said[0] == "EINVAL" and said[1].startswith("progress pages=131072 left="), f"{said}"
    assert "request verb=offline result=cancelled wanted=4 done=0" in said[-1] and "err=-125 reason=cancelled" in said[-1], said[-1]
    guest.end_program("hold")
    assert guest.sh(EXACT) == before
    for block in blocks:
        assert "reason=cancelled" in guest.sh(f"cat $memory/memory{block}/last_error")


POLL = """
first, last = sys.argv[1:]
fd = os.open(PATH, os.O_RDWR | os.O_NONBLOCK)
poll = select.poll()
poll.register(fd, select.POLLIN | select.POLLOUT)
now = lambda ms=0: (poll.poll(ms) or [(fd, 0)])[0][1]
assert now() == select.POLLOUT and error(lambda: os.read(fd, 100)) == "EAGAIN", now()
os.write(fd, f"offline {first}-{last}".encode())
lines, empty = "", 0
while True:
    assert now(60000), "nothing comes"
    if now() == select.POLLHUP:
        break
    assert now() == select.POLLIN, now()
    lines += os.read(fd, 65536).decode()
    # Until there are more lines, or the end.
    empty += not now() and error(lambda: os.read(fd, 100)) == "EAGAIN"
assert os.read(fd, 100) == b"" and now() == select.POLLHUP
progress = [line for line in lines.splitlines() if line.startswith("progress ")]
moments = [int(line.rsplit("=", 1)[1]) for line in progress]
assert len(progress) > 3 and empty and lines.splitlines()[-1].startswith("request "), lines
assert all(b - a >= 80 for a, b in zip(moments, moments[1:])), moments
assert all(line.startswith(("progress pages=", "block=", "request ")) for line in lines.splitlines()), lines

# By the byte it is the same; and a file that cannot be written to has no answer.
whole, bytes_ = answer(begin(f"query {first}-{last}")), answer(begin(f"query {first}-{last}"), 1)
keys = lambda text: [[word.split("=")[0] for word in line.split()] for line in text.splitlines()]
assert keys(whole) == keys(bytes_) and len(whole.splitlines()) == 2 + int(last) - int(first) + 1, bytes_
assert os.read(os.open(PATH, os.O_RDONLY), 100) == b""
# A reader without a request waits for one.
fd = os.open(PATH, os.O_RDWR)
if not os.fork():
    time.sleep(1)
    os.write(fd, f"query {first}".encode())
    os._exit(0)
assert answer(fd).startswith(f"block={first} ")
assert error(lambda: os.lseek(fd, 0, os.SEEK_SET)) == "ESPIPE" and error(lambda: os.pread(fd, 1, 0)) == "ESPIPE"
print(len(progress))
"""


@machine(timeout=300)
def test_poll(guest):
    """poll() and O_NONBLOCK: there is a line, there is none yet, there is none any more; progress ten times a second at most."""
    dimm, blocks = plug(guest)
    guest.start_program(f"load 100 1 {dimm.lo} {dimm.hi}", "load")
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.hi}", "hold")
    said = run(guest, POLL, blocks[0], blocks[-1]).strip()
    return f"{said} lines of progress"


@machine(timeout=300)
def test_places(guest):
    """Ranges, groups, names and addresses, in any order, also twice; what is missing fails all of it."""
    dimms = [guest.plug("384M", 1), guest.plug("384M", 0)]
    first, second = (guest.blocks(dimm) for dimm in dimms)
    both = first + second
    groups = [int(guest.sh(f"cat $memory/memory{blocks[0]}/group")) for blocks in (first, second)]
    a, b, c = first
    end = guest.ask(f"online_movable group{groups[1]},{c},{a}-{b}")[-1]
    assert (end["result"], end["done"]) == ("ok", "6") and set(states(guest, both)) == {"online"}, f"{end}"

    *lines, end = guest.ask(f"offline memory{c},{dimms[0].lo:#x}-{dimms[0].lo + 128 * MIB - 1:#x},{a},{second[1]}-{second[2]},{second[2]}")
    assert [int(line["block"]) for line in lines] == sorted([a, c, second[1], second[2]]) and end["done"] == "4", f"{lines} {end}"
    assert states(guest, both) == ["offline", "online", "offline", "online", "offline", "offline"]
    # Two halves of a block are one.
    half = dimms[0].lo + 192 * MIB
    end = guest.ask(f"offline {half:#x}-{half + 64 * MIB - 1:#x},{dimms[0].lo + 128 * MIB:#x}-{half - 1:#x}")[-1]
    assert (end["result"], end["wanted"], end["done"]) == ("ok", "1", "1"), f"{end}"
    end = guest.ask(f"offline group{groups[0]},group{groups[1]},group{groups[0]}")[-1]
    assert set(states(guest, both)) == {"offline"} and end["done"] == "1", f"{end}"

    for text, reason in ((f"group{groups[0]},group99999", "absent"), (f"{a},{a + 100000}", "absent"), (f"{a},{half:#x}-{half + 1:#x}", "range"),
                         ("group99999 best-effort", "absent")):
        end = guest.ask(f"online_movable {text}", "EINVAL")[-1]
        assert (end["reason"], end["done"]) == (reason, "0"), f"{text}: {end}"
    assert set(states(guest, both)) == {"offline"}
    end = guest.ask(f"online_movable {a},group99999,{a + 100000} best-effort")[-1]
    assert (end["result"], end["done"]) == ("ok", "1"), f"{end}"
    # A list that is longer than a page of sysfs, and one that is too long.
    long = ",".join([str(a), str(b)] * 5000)
    end = guest.ask(f"online_movable {long}")[-1]
    assert (end["result"], end["done"]) == ("ok", "1") and states(guest, [a, b]) == ["online"] * 2, f"{end}"
    guest.sh(f"got=$(ask \"query $(printf '{a},%.0s' {{1..30000}}){a}\"); [ \"$got\" = EINVAL ] || fail \"$got\"")

    whole, blocks = guest.query(f"group{groups[0]}")
    assert sorted(blocks) == first and whole["range"] == f"{dimms[0].lo:#x}-{dimms[0].hi - 1:#x}", f"{whole}"
    whole, blocks = guest.query(f"{second[0]},{a}")
    assert int(whole["free"]) + int(whole["movable"]) + int(whole["pinned"]) == 32768 and sorted(blocks) == sorted([a, second[0]]), f"{whole}"
    assert guest.query("group99999")[0]["range"] == "none"
    end = guest.ask(f"why {a + 100000}", "EINVAL")[-1]
    assert end["reason"] == "absent", f"{end}"


UEVENT = """
events = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 15)
events.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
events.bind((0, 1))
events.settimeout(2)
for text in sys.argv[1:]:
    answer(begin(text))
    heard = []
    try:
        while True:
            heard.append(dict(word.split("=", 1) for word in events.recv(65536).decode().split("\\0") if "=" in word))
    except TimeoutError:
        pass
    of_handle = [e for e in heard if e.get("DEVNAME") == "memory_hotplug"]
    print(len([e for e in heard if e["SUBSYSTEM"] == "memory"]), len(of_handle),
          *(e.get(k) for e in of_handle for k in ("ACTION", "VERB", "BYTES", "RESULT", "REASON")))
"""


@machine(timeout=300)
def test_uevent(guest):
    """One event for each whole request, besides those of its blocks; none for a question."""
    dimm, blocks = plug(guest)
    all_ = f"{blocks[0]}-{blocks[-1]}"
    said = run(guest, UEVENT, f"'offline {all_}'", f"'online_movable {all_}'", f"'query {all_}'", f"'why {blocks[0]}'",
               f"'offline {blocks[-1] + 100}'").splitlines()
    assert said == [f"4 1 change offline {dimm.size} ok none", f"4 1 change online_movable {dimm.size} ok none", "0 0", "0 0",
                    "0 1 change offline 0 failed absent"], f"{said}"
    guest.start_program(f"hold pin 1 {dimm.lo} {dimm.lo + 128 * MIB}", "hold")
    said = run(guest, UEVENT, f"'offline {all_}'", f"'offline {all_} best-effort'").splitlines()
    assert said == ["0 1 change offline 0 failed pinned", f"3 1 change offline {dimm.size * 3 // 4} partial pinned"], f"{said}"


@machine(timeout=300)
def test_who_may(guest):
    """Nobody without privilege opens it, nor root of a user namespace; but a user to whom root gives it does."""
    drop = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all"
    assert guest.sh("stat -c '%F %a %u %g' /dev/memory_hotplug").strip() == "character special file 600 0 0"
    assert guest.sh(f"{drop} ask 'query 0'", check=False).strip() == "open:EACCES"
    assert guest.sh("setpriv --bounding-set -sys_admin --inh-caps -sys_admin ask 'query 0'", check=False).strip() == "open:EPERM"
    outsider = "python3 " + guest.sh("echo ${GUEST_LIB%/*}").strip() + "/outsider.py"
    has_user_ns = guest.sh("ls /proc/self/ns/user 2>/dev/null || true").strip()

    def of_namespace(kind):
        guest.sh("echo /dev/memory_hotplug >/tmp/files; echo look >/tmp/commands")
        guest.sh(f"{outsider} {kind} 0 /tmp/files /tmp/commands /tmp/{kind}.json")
        return guest.sh(f"cat /tmp/{kind}.json")

    kinds = ("user", "owner") if has_user_ns else ()
    for kind in kinds:
        assert "OK" not in of_namespace(kind) and "EPERM" in of_namespace(kind) or "EACCES" in of_namespace(kind), of_namespace(kind)
    guest.sh("chown 65534 /dev/memory_hotplug")
    assert "request verb=query result=ok" in guest.sh(f"{drop} ask 'query 0'")
    for kind in kinds:
        assert "OK" not in of_namespace(kind), of_namespace(kind)
    assert guest.sh("setpriv --bounding-set -sys_admin --inh-caps -sys_admin ask 'query 0'", check=False).strip() in ("open:EPERM", "open:EACCES")
    guest.sh("chown 0 /dev/memory_hotplug")
    return ", ".join(kinds) or "no user namespaces here"


FUZZ = """
first, last, group = map(int, sys.argv[1:])
random.seed(20261126)
pick = random.choice
VERBS = ["query", "why", "offline", "online", "online_kernel", "online_movable", "cancel"]
number = lambda: str(pick([random.randint(first, last + 1), random.randint(first, last), 0, 1 << 40, -1]))
address = lambda: hex((random.randint(first, last) << 27) + pick([0, 0, 0, 1, (1 << 27) - 1]))
def place():
    return pick([number, number, lambda: f"{number()}-{number()}", lambda: f"memory{number()}", lambda: f"group{pick([group, 77, number()])}",
                 lambda: f"{address()}-{address()}", lambda: "0x0-0xffffffffffffffff"])()
def option():
    return pick(["best-effort", f"timeout={random.randint(1, 300)}", f"node={random.randint(-1, 2)}", "zone=Movable", "zone=x" * 9, "size=128M",
                 "size=1T", "size=0", f"size={number()}", ",", "\\t", "-", "="])
def line():
    text = pick(VERBS) + " " + ",".join(place() for _ in range(pick([1, 1, 1, 2, 5])))
    # Limit the time of offlines that do not succeed.
    words = text.split() + [option() for _ in range(pick([0, 0, 1, 3]))]
    if random.random() < 0.3 and "timeout" not in text:
        words.append("timeout=100")
    text = bytearray(" ".join(words).encode())
    for _ in range(pick([0, 0, 1, 2, 8])):
        at = random.randrange(len(text) + 1)
        pick([lambda: text.insert(at, random.randrange(256)), lambda: text.__setitem__(slice(at, at + 1), b""),
              lambda: text.__setitem__(slice(at, at + 1), bytes([random.randrange(256)]))])()
    return bytes(text) + pick([b"", b"\\n"])
count = {}
for i in range(10000):
    fd = os.open(PATH, os.O_RDWR | pick([0, os.O_NONBLOCK]))
    said = error(lambda: os.write(fd, line()))
    count[said] = count.get(said, 0) + 1
    if said == "OK":
        for _ in range(pick([0, 1, 3])):
            error(lambda: os.write(fd, pick([b"cancel", b"cancel\\n", line(), b""])))
        if not random.randrange(3):
            os.set_blocking(fd, True)
            assert answer(fd).splitlines()[-1].startswith("request verb="), "no end"
        else:
            error(lambda: os.read(fd, pick([1, 10, 65536])) if not os.get_blocking(fd) else None)
    os.close(fd)
print(*(f"{n} {said}" for said, n in sorted(count.items())), sep=", ")
"""


@machine(timeout=300)
def test_replaced(guest):
    """Between two attempts of a request for a size, a DIMM is replaced by one of another node, which the request leaves alone."""
    guest.sh("modprobe mhp_ask")
    low, high = guest.plug_online("128M", 1), guest.plug_online("128M", 1)
    (first,), (last,) = guest.blocks(low), guest.blocks(high)
    # Both blocks have a page in use. The last one is tried first, and does not go offline.
    for name, kind, dimm in (("low", "page", low), ("high", "late-lock", high)):
        guest.start_program(f"hold {kind} 1 {dimm.lo} {dimm.lo + 128 * MIB}", name)
    guest.sh("ask 'offline size=128M node=1 zone=Movable' /tmp/lines >/tmp/first 2>&1 & "
             f"wait_for 30 grep -qx going-offline $memory/memory{last}/state")
    assert guest.unplug(low).done, "it has to be ejected"
    new = guest.plug_online("128M", 0)
    assert new.lo == low.lo, "it is at another address"
    late = "" if guest.sh(f"cat $memory/memory{last}/state") == "going-offline" else ", but too late"
    guest.sh("wait_for 60 grep -q . /tmp/first")
    assert guest.sh("cat /tmp/first") == "EBUSY" and guest.zones([first])[first][0] == "online", guest.sh("cat /tmp/first /tmp/lines")
    guest.sh("echo release >/sys/kernel/debug/mhp_ask")
    for name in ("high", "low"):
        guest.end_program(name)
    return f"memory{first} was replaced{late}"


@machine(timeout=1200)
def test_random_lines(guest):
    """10,000 random lines, read, cancelled or left alone: no complaint of the kernel, no thread stays, and blocks still work."""
    guest.sh("modprobe mhp_watch; echo 2000 >/sys/module/memory_hotplug/parameters/offline_timeout_ms")
    dimm, blocks = plug(guest)
    group = guest.sh(f"cat $memory/memory{blocks[0]}/group").strip()
    said = run(guest, FUZZ, blocks[0], blocks[-1], group).strip()
    assert " OK" in said and " EINVAL" in said, said
    guest.sh(NO_THREAD)
    # Other blocks, as the kernel may use those that came online in a kernel zone.
    _, blocks = plug(guest, "256M")
    guest.ask(f"offline {blocks[0]}-{blocks[-1]}")
    guest.ask(f"online_movable {blocks[0]}-{blocks[-1]}")
    assert set(guest.zones(blocks).values()) == {("online", "Movable")}
    return said
