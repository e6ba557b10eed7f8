# SPDX-License-Identifier: GPL-2.0
"""Blocks and groups that are removed while they are being used."""

from guest import machine

START, SIZE = 0x7000000000, 128 << 20


@machine(timeout=300, cmdline="slub_debug=FZPU")
def test_block(guest):
    """A block is removed after a writer has released the lock, and before it releases the file: it is not used any more."""
    guest.sh("modprobe mhp_ask")
    block = f"$memory/memory{START // SIZE}"
    for file, word, answer in (("state", "offline", "EINVAL"), ("online", "0", "OK")):
        guest.sh(f"echo add 1 {START:#x} {SIZE:#x} 0 >/sys/kernel/debug/mhp_ask; modprobe mhp_widen comm=wr ms={guest.delay_ms(2, 4)} files={block}/{file}")
        guest.sh(f"rm -f /tmp/said; taskset -pc 0 $BASHPID; taskset -c 1 wr {block}/{file} {word} >/tmp/said & "
                 "wait_for 30 grep -qx 1 /sys/module/mhp_widen/parameters/stops; "
                 f"echo remove {START:#x} {SIZE:#x} >/sys/kernel/debug/mhp_ask; wait_for 60 grep -q . /tmp/said")
        assert guest.sh("cat /tmp/said").strip() == answer
        assert guest.sh("cat /sys/module/mhp_widen/parameters/stops").strip() == "1", "he did not stop"
        guest.sh("modprobe -r mhp_widen")


@machine(timeout=400, cmdline="slub_debug=FZPU memory_hotplug.online_policy=auto-movable")
def test_group(guest):
    """A group is unregistered while a request searches for blocks of a zone."""
    guest.sh("modprobe mhp_ask")
    said = guest.sh(f"late group 1 {START:#x} {SIZE:#x} {guest.longer(40)}").split()
    assert int(said[1]) > 3 and int(said[-2]) > 20, f"{said}"
    return " ".join(said)
