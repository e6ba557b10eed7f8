# SPDX-License-Identifier: GPL-2.0
"""An NVDIMM as System RAM, whose device is unbound while its memory is in use."""

from guest import machine

KMEM = "/sys/bus/dax/drivers/kmem"
STATE = "mem_total; cat /proc/iomem; ls $memory /sys/devices/system/node; ls $memory/groups"


def start(guest):
    """The device dax0.0, bound to nothing; what there is then."""
    guest.sh("for m in nfit nd_pmem dax_pmem device_dax kmem; do modprobe $m || exit; done")
    guest.sh("ndctl create-namespace -f -e namespace0.0 -m devdax >/dev/null && echo dax0.0 >/sys/bus/dax/drivers/device_dax/unbind")
    return guest.sh(STATE)


def blocks_of(guest):
    return [int(n) for n in guest.sh("cd $memory/groups; for g in *; do [ \"$(<$g/owner)\" != kmem ] || ranges=$(<$g/blocks); done; "
                                     "for r in ${ranges//,/ }; do seq ${r%-*} ${r#*-}; done").split()]


def bind(guest, how="new_id"):
    guest.sh(f"expect OK {KMEM}/{how} dax0.0; [ -L {KMEM}/dax0.0 ]")


def unbind(guest):
    guest.sh(f"expect OK {KMEM}/unbind dax0.0")


def use(guest):
    """The memory goes online, a program has a page of it."""
    blocks = blocks_of(guest)
    assert len(blocks) >= 5, f"{blocks}"
    guest.set_blocks("online_movable", blocks)
    guest.start_program(f"hold page 1 {blocks[0] << 27} {(blocks[-1] + 1) << 27}", "hold")
    return blocks


@machine(nvdimm="1G:1", timeout=400)
def test_bound_again(guest):
    """If the device is bound again, even to a module that was reloaded, the driver has its memory again, and removes it."""
    before = start(guest)
    bind(guest)
    blocks = use(guest)
    unbind(guest)
    assert set(guest.zones(blocks).values()) == {("online", "Movable")}, "memory that is in use has changed"
    guest.sh("expect EBUSY /sys/bus/dax/drivers/device_dax/bind dax0.0")
    bind(guest, "bind")
    assert blocks_of(guest) == blocks, "not in its group"
    guest.set_blocks("offline", blocks[2:3])
    unbind(guest)
    guest.sh("rmmod kmem && modprobe kmem")
    bind(guest)
    assert guest.zones(blocks)[blocks[0]] == ("online", "Movable")
    guest.end_program("hold")
    guest.set_blocks("offline", blocks[:2] + blocks[3:])
    unbind(guest)
    assert guest.sh(STATE) == before, "not as before"
    guest.sh("expect OK /sys/bus/dax/drivers/device_dax/bind dax0.0")


@machine(nvdimm="1G:1", timeout=400)
def test_offline_while_unbound(guest):
    """Memory that went offline while its device was unbound is removed by the next driver, three times."""
    before = start(guest)
    for turn in range(3):
        bind(guest, "bind" if turn else "new_id")
        blocks = use(guest)
        unbind(guest)
        guest.end_program("hold")
        guest.set_blocks("offline", blocks)
        bind(guest, "bind")
        assert blocks_of(guest) == blocks and set(state for state, _ in guest.zones(blocks).values()) == {"offline"}
        unbind(guest)
        assert guest.sh(STATE) == before, "not as before"
    guest.sh("rmmod kmem")
