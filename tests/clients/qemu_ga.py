# SPDX-License-Identifier: GPL-2.0
"""qemu-guest-agent lists memory blocks and sets them."""

from guest import Skip, machine
from qga import check_blocks


# The agent writes just "online". With movable_node that means ZONE_MOVABLE; in ZONE_NORMAL
# the kernel may at once allocate what cannot move, and offline then rightly fails.
@machine(dimms=("512M:1",), agent=True, cmdline="movable_node")
def test_blocks(guest):
    """guest-get-memory-block-info, guest-get-memory-blocks, guest-set-memory-blocks"""
    if "qemu-ga" not in guest.sh("command -v qemu-ga || true"):
        raise Skip("no qemu-ga here")
    guest.sh("qemu-ga --daemonize -m virtio-serial -p /dev/virtio-ports/org.qemu.guest_agent.0 "
             "-t /run -f /run/qga.pid >/tmp/qga.log 2>&1")
    check_blocks(guest)
