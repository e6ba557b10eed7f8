# SPDX-License-Identifier: GPL-2.0
"""Debian's own services that own, watch or place memory, started by systemd and udev."""

from guest import machine
from qga import check_blocks


def is_active(guest, unit):
    guest.sh(f"(wait_for 60 systemctl is-active --quiet {unit}) || {{ systemctl status {unit}; false; }}")


@machine(boot="systemd", root="base", agent=True, cmdline="movable_node memhp_default_state=offline", timeout=400)
def test_qemu_guest_agent(guest):
    """udev's rule starts it; guest-get-memory-blocks and guest-set-memory-blocks of a DIMM that is plugged under it."""
    is_active(guest, "qemu-guest-agent")
    dimm = guest.plug("512M", 1)
    check_blocks(guest)
    assert guest.unplug(dimm).done
    is_active(guest, "qemu-guest-agent")


# Debian's 90-daxctl-device.rules (76.1) runs "daxctl -C DEVICE", which daxctl does not know: it has to name the command.
DAX_RULE = """ACTION=="add", SUBSYSTEM=="dax", RUN+="/usr/bin/daxctl reconfigure-device -C $env{DEVNAME}"
"""
DAX_CONFIG = """[reconfigure-device ram]
nvdimm.uuid = UUID
mode = system-ram
online = true
"""


@machine(boot="systemd", root="base", nvdimm="1G:1", cmdline="memhp_default_state=offline", timeout=400)
def test_daxctl_udev(guest):
    """udev's rule makes a dax device that appears system RAM, as /etc/daxctl.conf.d says; daxctl takes it back."""
    guest.sh(f"cat >/etc/udev/rules.d/90-daxctl-device.rules <<'END'\n{DAX_RULE}END\nudevadm control --reload")
    guest.sh("modprobe -a nfit nd_pmem dax_pmem device_dax kmem; udevadm settle")
    guest.sh("ndctl create-namespace -f -e namespace0.0 -m devdax; udevadm settle")
    before, blocks = guest.sh("cat /proc/iomem"), guest.sh("ls -d $memory/memory[0-9]*")
    uuid = guest.sh("ndctl list -N -n namespace0.0 | sed -n 's/.*\"uuid\":\"\\([^\"]*\\)\".*/\\1/p'").strip()
    assert uuid, guest.sh("ndctl list -N")

    guest.sh(f"cat >/etc/daxctl.conf.d/ram.conf <<'END'\n{DAX_CONFIG.replace('UUID', uuid)}END\n"
             "udevadm trigger --action=add --settle --subsystem-match=dax; wait_for 60 grep -q 'System RAM .kmem.' /proc/iomem\n"
             "wait_for 60 eval '[ -z \"$(blocks_that_are offline)\" ]'; udevadm settle")
    added = set(guest.sh("ls -d $memory/memory[0-9]*").split()) - set(blocks.split())
    assert len(added) >= 5, f"{added}"
    guest.sh("daxctl reconfigure-device -f -m devdax dax0.0")
    assert guest.sh("ls -d $memory/memory[0-9]*") == blocks
    assert guest.sh("cat /proc/iomem") == before


@machine(boot="systemd", root="base", nodes=("1G", "1G", "0"), timeout=400, cmdline="memhp_default_state=online_movable")
def test_numad_and_numactl(guest):
    """A node that gets its first memory under numad; numactl binds to it and lists it; both leave it for the eject."""
    guest.sh("mkdir -p /var/run /var/log; numad -i 1:2 -l 6")
    guest.sh("wait_for 30 pgrep -x numad")
    before = guest.sh("numactl --hardware | grep -v free")
    dimm = guest.plug("512M", 2)
    assert "node 2 size: 5" in guest.sh("numactl --hardware"), guest.sh("numactl --hardware")
    guest.sh("numactl --preferred=2 stress-ng --vm 1 --vm-bytes 128M --vm-keep --verify --vm-method flip >/tmp/load.out 2>&1 &\n"
             "echo $! >/tmp/load.pid")
    guest.sh("wait_for 60 eval 'cat /proc/[0-9]*/numa_maps 2>/dev/null | grep -q \"N2=[0-9][0-9][0-9][0-9]\"'")
    guest.sh("sleep 8")     # numad looks twice
    eject = guest.unplug(dimm)
    assert eject.done, f"{eject.events}"
    assert guest.sh("pgrep -c stress-ng") != "0", "the program died"
    guest.sh("kill -INT $(</tmp/load.pid); wait_for 60 eval '! pgrep -x stress-ng'\n"
             "! grep -i fail /tmp/load.out && pgrep -x numad && numad -i 0")
    assert guest.sh("numactl --hardware | grep -v free") == before


# Each round opens /proc/kcore again, as its list of memory is read once.
DRGN = """
import drgn, sys
lo, hi, present, absent = int(sys.argv[1]), int(sys.argv[2]), 0, 0
while True:
    program = drgn.Program()
    program.set_kernel()
    for address in range(lo, hi, 1 << 20):
        try:
            program.read(address, 4096, True)
            present += 1
        except drgn.FaultError:
            absent += 1
    print(present, absent, flush=True)
"""


@machine(boot="systemd", root="workloads", timeout=400)
def test_drgn(guest):
    """drgn reads the memory of a DIMM while it comes and goes: data, or an error for memory that is absent."""
    def counts():
        return [int(count) for count in guest.sh("tail -n 1 /tmp/drgn.out").split()]

    def wait_for_more(kind):
        guest.sh(f"(wait_for 60 eval '[ $(tail -n 1 /tmp/drgn.out | cut -d \" \" -f {kind + 1}) -gt {counts()[kind] + 200} ]') || {{ p=$(</tmp/drgn.pid); cat /proc/$p/stack /proc/$p/syscall /proc/$p/wchan; grep -E 'State|ctxt' /proc/$p/status; tail -n 3 /tmp/drgn.out; cat /proc/$p/io /proc/$p/stat; sleep 5; cat /proc/$p/io /proc/$p/stat /proc/$p/stack; ls -l /proc/$p/fd; grep . /sys/devices/system/memory/memory3*/state; false; }}")

    dimm = guest.plug_online("256M", 1)
    lo, hi = dimm.lo, dimm.hi
    guest.sh(f"cat >/tmp/reader.py <<'END'{DRGN}END")
    guest.start_program(f"python3 /tmp/reader.py {lo} {hi}", "drgn")
    for _ in range(5):
        wait_for_more(0)
        assert guest.unplug(dimm).done
        wait_for_more(1)
        dimm = guest.plug_online("256M", 1)
        assert dimm.lo == lo, dimm
    guest.sh("kill -0 $(</tmp/drgn.pid)")
    present, absent = guest.end_program("drgn").split()
    return f"{present} pages read, {absent} absent"
