# SPDX-License-Identifier: GPL-2.0
"""libvirt attaches, detaches and resizes memory; what it says of each refusal."""

from domain import Domain
from guest import MIB, OST_EJECT_IN_PROGRESS, OST_IN_USE, OST_NOT_PERMITTED, OST_SUCCESS, machine

GUEST = Domain


def state(guest):
    """All blocks with their states and zones, and the size of all."""
    return guest.sh("mem_total; grep 'System RAM' /proc/iomem; grep . $memory/memory*/state $memory/memory*/valid_zones")


def statuses(events):
    return [e["data"]["info"]["status"] for e in events if e["event"] == "ACPI_DEVICE_OST"]


@machine()
def test_dimm(guest):
    """attach-device and detach-device: the DIMM is used, and goes under a program that goes on."""
    before = state(guest)
    guest.sh("echo online_movable >$memory/auto_online_blocks")
    for _ in range(2):
        dimm = guest.plug("512M", 1)
        assert statuses(dimm.events) == [OST_SUCCESS], dimm.events
        blocks = guest.blocks(dimm)
        assert len(blocks) == 4 and set(guest.zones(blocks).values()) == {("online", "Movable")}, guest.zones(blocks)
        loaded = guest.start_program(f"load 128 1 {dimm.lo} {dimm.hi}", "load")
        assert "on the DIMM 128 MiB" in loaded, loaded
        eject = guest.unplug(dimm)
        assert eject.done and statuses(eject.events) == [OST_EJECT_IN_PROGRESS, OST_SUCCESS], eject
        guest.heard(f"'device-removed' for domain 'guest': {dimm.name}")
        assert guest.xml(dimm.name) is None, "libvirt still has it"
        checked = guest.end_program("load")
        assert "on the DIMM 0 MiB" in checked and "wrong 0 pages" in checked, checked
    assert state(guest) == before, "not as before"
    return eject.said


def refused(guest, dimm, code):
    """detach-device is refused with that code, and libvirt says so; what virsh said."""
    before = guest.zones(guest.blocks(dimm))
    eject = guest.unplug(dimm, 150)
    assert not eject.done and statuses(eject.events)[-1] == code, eject
    guest.heard(f"'device-removal-failed' for domain 'guest': {dimm.name}")
    # It waits five seconds for the guest's answer.
    assert "rejected by the guest" in eject.said or "request sent" in eject.said, eject.said
    assert guest.zones(guest.blocks(dimm)) == before, "not as before"
    assert guest.xml(dimm.name) is not None, "libvirt has it no more"
    return eject.said


@machine(timeout=400)
def test_refused(guest):
    """detach-device of a DIMM in use or not permitted: libvirt says that the guest rejects it, the guest why."""
    guest.sh("echo online_movable >$memory/auto_online_blocks")
    dimm = guest.plug("512M", 1)
    block = guest.blocks(dimm)[1]
    lo = block * int(guest.sh("block_size"))
    pfn = int(guest.start_program(f"hold pin 1 {lo} {lo + 128 * MIB}", "hold"), 16) >> 12
    said = refused(guest, dimm, OST_IN_USE)
    told = guest.sh(f"cat $memory/memory{block}/last_error")
    assert "reason=pinned" in told and f"pfn={pfn:#x} " in told, told
    why = guest.sh(f"memhp why {block}; true")
    assert "pinned" in why, why
    guest.end_program("hold")

    guest.sh("echo 0 >/sys/firmware/acpi/hotplug/memory/enabled")
    assert "rejected by the guest" in refused(guest, dimm, OST_NOT_PERMITTED)
    guest.sh("echo 1 >/sys/firmware/acpi/hotplug/memory/enabled")
    assert guest.unplug(dimm).done
    return said


@machine(virtio_mem="1G:1", balloon=True, timeout=300)
def test_sizes(guest):
    """update-memory-device of virtio-mem, setmem of the balloon: libvirt shows the sizes that the guest has reached."""
    guest.sh("echo online_movable >$memory/auto_online_blocks; modprobe virtio_mem; modprobe virtio_balloon")
    total = int(guest.sh("mem_total"))
    for size in (512, 1024, 256, 0):
        guest.virsh("update-memory-device", "guest", "--alias", "ua-vm0", "--requested-size", f"{size}MiB")
        guest.sh(f"wait_for 60 virtio_mem_is {size * MIB} {(size + 128) * MIB if size else 1}")
        guest.until(30, lambda: guest.xml("ua-vm0").find("target/current").text == str(size << 10), f"libvirt does not show {size} MiB")
        guest.heard("'memory-device-size-change' for domain 'guest'")
    assert int(guest.sh("mem_total")) == total

    # The balloon: what the guest gave up is its, as libvirt sees it.
    for size in (1536, 2048):
        guest.virsh("setmem", "guest", f"{size}MiB", "--live")
        guest.until(60, lambda: f"actual {size << 10}" in guest.virsh("dommemstat", "guest"), f"the balloon does not give {size} MiB")
        guest.heard("'balloon-change' for domain 'guest'")


@machine(virtio_mem="1G:1", timeout=400)
def test_save(guest):
    """save and restore: a plugged DIMM and a part of virtio-mem are there again with all data, and can go afterwards."""
    guest.sh("echo online_movable >$memory/auto_online_blocks; modprobe virtio_mem")
    empty = state(guest)
    guest.virsh("update-memory-device", "guest", "--alias", "ua-vm0", "--requested-size", "256MiB")
    guest.sh(f"wait_for 60 virtio_mem_is {256 * MIB} {384 * MIB}")
    dimm = guest.plug("512M", 1)
    guest.start_program(f"load 128 1 {dimm.lo} {dimm.hi}", "load")
    for round_ in range(2):
        before = state(guest)
        guest.virsh("save", "guest", str(guest.dir / "saved"))
        assert guest.virsh("domstate", "guest") == "shut off"
        guest.virsh("restore", str(guest.dir / "saved"))
        guest.accept()
        assert state(guest) == before, "not as before"
        if not round_:
            eject = guest.unplug(dimm)
            assert eject.done and statuses(eject.events) == [OST_EJECT_IN_PROGRESS, OST_SUCCESS], eject
            dimm = guest.plug("256M", 1)
    checked = guest.end_program("load")
    assert "wrong 0 pages" in checked, checked
    assert guest.unplug(dimm).done
    guest.virsh("update-memory-device", "guest", "--alias", "ua-vm0", "--requested-size", "0")
    guest.sh("wait_for 60 virtio_mem_is 0 1")
    assert state(guest) == empty, "not as before"
