#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""memhp_kernel.py DIR: what answers in the place of /dev/memory_hotplug, for memhp.sh.

It listens on the socket DIR/dev/memory_hotplug. Each connection is one request, which is
appended to DIR/log. In DIR/kernel are the answers:
    N               what is in block N; query and why tell it
    N.last_error    how the last request for block N ended, for why; none without the file
    range           what is in all of a query; without the file there is no such line
    answer          to every other request, with "!sleep SECONDS" and "!wait": until the other
                    side writes a line or closes, which is logged
"""
import re
import socket
import sys
import threading
import time
from pathlib import Path

top = Path(sys.argv[1])
END = "request verb={} result=ok wanted=1 done=1 ms=1 err=0 reason=none pfn=none step=check"


def log(text):
    with open(top / "log", "a", encoding="utf-8") as file:
        file.write(text.strip() + "\n")


def said(name):
    path = top / "kernel" / name
    return path.read_text(encoding="utf-8", errors="surrogateescape").rstrip("\n") if path.exists() else None


def numbers(text):
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", text):
        yield from range(int(first), int(last or first) + 1)


def question(verb, places):
    blocks = list(numbers(places))
    if verb == "why":
        yield f"last_error block={blocks[0]} {said(f'{blocks[0]}.last_error') or 'none'}"
    for block in blocks:
        if said(str(block)) is not None:
            yield f"block={block} {said(str(block))}"
    if verb == "query" and said("range"):
        yield f"range=0x0-0x0 {said('range')}"
    yield END.format(verb)


def serve(connection):
    file = connection.makefile("rw", encoding="utf-8", errors="surrogateescape")
    text = file.readline()
    log(text or "closed")
    verb, _, places = text.strip().partition(" ")
    lines = question(verb, places) if verb in ("query", "why") else (said("answer") or "").split("\n")
    try:
        for line in lines:
            action, _, argument = line.partition(" ")
            if action == "!sleep":
                time.sleep(float(argument))
            elif action == "!wait":
                log(file.readline() or "closed")
            else:
                file.write(line + "\n")
                file.flush()
    except OSError:
        log("closed")
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()


listener = socket.socket(socket.AF_UNIX)
(top / "dev").mkdir(exist_ok=True)
# Who sees the socket may connect at once.
listener.bind(str(top / "dev/new"))
listener.listen()
(top / "dev/new").rename(top / "dev/memory_hotplug")
while True:
    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
