# SPDX-License-Identifier: GPL-2.0
"""The package of `make deb`: installed on Debian 12 by the README's lines, booted by GRUB, removed by the README's lines."""

import shutil
import subprocess

from documents import shell_block
from domain import Domain
from guest import BUILD, ROOT, Guest, Machine, Skip, machine
from workload import NODE, postgresql

HERE = BUILD / "package"
# What the host needs of the guest is a service of the disk's own: a kernel without 9p has no other way to it.
SERVICE = """[Unit]
Description=Do what the host asks for

[Service]
EnvironmentFile=/etc/guest.env
ExecStart=/opt/tests/guest/init service
KillMode=process
OOMPolicy=continue
TasksMax=infinity
"""
DISK = """<disk type='file' device='disk'><driver name='qemu' type='raw' cache='unsafe'/>
<source file='{}'/><target dev='vda' bus='virtio'/></disk>"""


class Kept(Guest):
    """Debian on a disk of its own, which is kept."""
    snapshot = False

    def start(self, accel):
        HERE.mkdir(exist_ok=True)
        subprocess.run(["cp", "--sparse=always", self.image, HERE / "disk"], check=True)
        self.image = HERE / "disk"
        super().start(accel)


def package():
    """The newest package of `make deb`, and the release of its kernel."""
    found = sorted((BUILD / "deb").glob("linux-image-*.deb"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise Skip("no package: make deb")
    name = subprocess.run(["dpkg-deb", "-f", found[-1], "Package"], capture_output=True, text=True, check=True).stdout
    return found[-1], name.strip().removeprefix("linux-image-")


class Installed(Domain):
    """The same disk under libvirt, with a BIOS that loads GRUB from it: that boots the first of its menu, the newest kernel."""

    def boots(self):
        return "<boot dev='hd'/>", DISK.format(HERE / "disk")


GUEST = Kept


def lines(name):
    """The README's lines of that name, without the reboot: the test boots the machine again."""
    return "\n".join(line for line in shell_block(name) if line != "reboot")


def files_of(guest, release):
    return guest.sh(f"ls -d /boot/*{release}* /lib/modules/{release} 2>/dev/null || true").split()


def boot_loader(guest):
    """GRUB on the disk, which has no partitions; update-grub is called by the package."""
    cmdline = " ".join(["rw console=ttyS0 loglevel=8 panic=-1 oops=panic no_timer_check systemd.show_status=0",
                        f"systemd.default_timeout_start_sec={90 * guest.patience}", f"udev.event_timeout={180 * guest.patience}"])
    guest.sh(f"""printf '%s\\n' GRUB_TIMEOUT=0 GRUB_TERMINAL=console GRUB_DISABLE_OS_PROBER=true 'GRUB_CMDLINE_LINUX="{cmdline}"' >/etc/default/grub
        grub-install --target=i386-pc --force /dev/vda; update-grub""")


def menu(guest, release):
    """How many entries GRUB's menu has for that kernel."""
    return int(guest.sh(f"grep -c 'linux.*/boot/vmlinuz-{release} ' /boot/grub/grub.cfg || true"))


def install(guest, path, release):
    """As the README says; and the test's own service."""
    assert not files_of(guest, release)
    boot_loader(guest)
    guest.sh(f"mkdir /root/new; cp {path} /root/new; cd /root/new\n{lines('install')}")
    assert {f"/boot/vmlinuz-{release}", f"/boot/initrd.img-{release}", f"/lib/modules/{release}"} <= set(files_of(guest, release))
    assert menu(guest, release), guest.sh("cat /boot/grub/grub.cfg")
    guest.sh(f"""mkdir -p /opt/tests /etc/systemd/system/multi-user.target.wants
        cp -r {ROOT}/tests/guest /opt/tests; cp -r {BUILD}/tests /opt/programs
        sed 's|^guest_path=.*|guest_path=/opt/programs|; /^guest_order/d' /run/guest.env >/etc/guest.env
        cat >/etc/systemd/system/guest.service <<'END'
{SERVICE}END
        ln -s ../guest.service /etc/systemd/system/multi-user.target.wants
        sync; echo u >/proc/sysrq-trigger""")


def check_running(guest, release):
    """It is that kernel, systemd has no failed unit, and the log is clean."""
    assert guest.sh("uname -r") == release
    assert guest.sh("cat /run/system-state") == "running", guest.sh("systemctl --failed --no-pager")


MEMORY = "mem_total; grep 'System RAM' /proc/iomem; lsmem -o RANGE,STATE,NODE,ZONES"


def check_dimm(guest):
    """A DIMM that libvirt plugs is used by PostgreSQL, and is ejected under it."""
    before = guest.sh(MEMORY)
    guest.sh("echo offline >$memory/auto_online_blocks")
    dimm = guest.plug_online("1G", NODE)
    note = postgresql(guest, dimm)
    guest.heard(f"'device-removed' for domain 'guest': {dimm.name}")
    assert guest.sh(MEMORY) == before, "not as before"
    return note


@machine(nodes=("2G",), boot="systemd", root="workloads", timeout=1800)
def test_install(guest):
    """dpkg -i, GRUB boots it with its own initramfs and systemd, a DIMM from libvirt for PostgreSQL, its eject, dpkg -P."""
    path, release = package()
    install(guest, path, release)
    guest.__exit__()
    with Installed(f"{guest.name}-booted", Machine(timeout=1800), guest.kernel_dir) as booted:
        check_running(booted, release)
        note = check_dimm(booted)
        booted.sh(f"cd /root/new\n{lines('remove')}")
        assert not files_of(booted, release), files_of(booted, release)
        assert not menu(booted, release), booted.sh("cat /boot/grub/grub.cfg")
        complaints = booted.complaints()
    assert not complaints, complaints
    shutil.rmtree(HERE)
    return f"{release}: {note}"
