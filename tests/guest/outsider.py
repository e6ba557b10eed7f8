# SPDX-License-Identifier: GPL-2.0
"""A program without privilege reads all files: outsider.py KIND NODE LIST [COMMANDS ANSWERS]

KIND is nobody (uid 65534, no capability), user (the same, root of a user namespace of its own), or
owner (uid 0 of the machine in a user namespace: it owns the files, and has no capability outside).

It pins a page of its own on NODE, with vmsplice(), says "pid address" and then, for each line of
COMMANDS, opens and reads each file in LIST, tries to open it for writing, and writes the results to
ANSWERS as JSON: {file: {"read": text or errno, "write": errno or "OK"}}."""

import ctypes
import errno
import json
import mmap
import os
import signal
import sys

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER = 0x10000000
CLONE_NEWNS = 0x00020000
MS_REC_PRIVATE = 0x44000
MPOL_BIND = 2
SYS_MBIND = 237
PAGE = 4096


def check(result, what):
    if result < 0:
        raise OSError(ctypes.get_errno(), what)


def leave_chroot():
    """Guests run in one, from which no user namespace can be made: to the root of the mounts, with a /sys of its own."""
    check(libc.unshare(CLONE_NEWNS), "mount namespace")
    check(libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None), "private")
    fd = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    check(libc.setns(fd, CLONE_NEWNS), "setns")
    for kind, where in ((b"proc", b"/proc"), (b"sysfs", b"/sys"), (b"debugfs", b"/sys/kernel/debug")):
        if libc.mount(kind, where, kind, 0, None) and ctypes.get_errno() != errno.EBUSY:
            raise OSError(ctypes.get_errno(), where)


def new_namespace(uid):
    check(libc.unshare(CLONE_NEWUSER), "unshare")
    for file, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {uid} 1")):
        with open(f"/proc/self/{file}", "w", encoding="ascii") as out:
            out.write(text)


def become(kind):
    if kind != "nobody":
        leave_chroot()
    if kind != "owner":
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        # Otherwise its own /proc would not belong to it.
        check(libc.prctl(4, 1, 0, 0, 0), "dumpable")
    if kind != "nobody":
        new_namespace(65534 if kind == "user" else 0)


def pin(node):
    """The address of a page on NODE that a pipe holds as well."""
    memory = mmap.mmap(-1, 64 * PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    mask = ctypes.c_ulong(1 << node)
    check(libc.syscall(SYS_MBIND, ctypes.c_void_p(address), ctypes.c_ulong(64 * PAGE), MPOL_BIND,
                       ctypes.byref(mask), ctypes.c_ulong(64), 0), "mbind")
    memory.write(b"Z" * 64 * PAGE)
    vector = (ctypes.c_ulong * 2)(address, PAGE)
    held = os.pipe()
    check(libc.vmsplice(held[1], ctypes.byref(vector), ctypes.c_ulong(1), 0), "vmsplice")
    return memory, held, address


def try_open(path, flags):
    try:
        return os.open(path, flags | os.O_NONBLOCK), "OK"
    except OSError as error:
        return -1, errno.errorcode[error.errno]


def read(path):
    fd, said = try_open(path, os.O_RDONLY)
    if fd < 0:
        return said
    # Reading a file that any user may read must not take long, whichever locks are held.
    signal.setitimer(signal.ITIMER_REAL, 20 * int(os.environ.get("guest_patience", 1)))
    try:
        text = b""
        while len(text) < 1 << 20 and (part := os.read(fd, 65536)):
            text += part
        return text.decode(errors="replace")
    except OSError as error:
        return errno.errorcode[error.errno]
    except TimeoutError:
        return "TIMEOUT"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.close(fd)


def write(path):
    fd, said = try_open(path, os.O_WRONLY)
    if fd >= 0:
        os.close(fd)
    return said


def late(*_):
    raise TimeoutError


def main():
    kind, node, list_path, commands, answers = sys.argv[1:]
    with open(list_path, encoding="ascii") as file:
        paths = file.read().split("\n")[:-1]
    commands = open(commands, encoding="ascii")
    answers = open(answers, "w", encoding="ascii")
    signal.signal(signal.SIGALRM, late)
    become(kind)
    kept = pin(int(node))
    print(os.getpid(), kept[2], flush=True)
    for _ in commands:
        json.dump({path: {"read": read(path), "write": write(path)} for path in paths}, answers)
        answers.write("\n")
        answers.flush()


main()
