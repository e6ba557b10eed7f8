# SPDX-License-Identifier: GPL-2.0
"""kdump-tools: Debian's service, its udev rules for memory, and makedumpfile."""

from crashed import dump_of, segments
from guest import machine

# The crash kernel is to boot as this one did, to be asked what it sees, and not to take the DIMM.
CONFIG = """KDUMP_KERNEL=BZIMAGE
KDUMP_INITRD=
KDUMP_CMDLINE_APPEND="reset_devices nr_cpus=1 acpi_no_memhotplug"
MAKEDUMP_ARGS="-E -d 17"
"""
# Debian 12 runs udevd without the system calls that kdump-tools' own rule for memory needs.
UDEVD = """mkdir -p /etc/systemd/system/systemd-udevd.service.d
printf '[Service]\\nSystemCallFilter=@reboot\\n' >/etc/systemd/system/systemd-udevd.service.d/kexec.conf
systemctl daemon-reload; systemctl restart systemd-udevd"""


@machine(boot="systemd", root="base", nodes=("2G", "1G"), timeout=900, allow="Kernel.panic|Call.Trace",
         cmdline="crashkernel=512M memhp_default_state=online_movable")
def test_crash(guest):
    """A crash after a plug and an eject: udev has loaded the crash kernel anew; makedumpfile saves the DIMM's data."""
    config = CONFIG.replace("BZIMAGE", f"{guest.kernel_dir}/arch/x86/boot/bzImage")
    guest.sh(f"cat >>/etc/default/kdump-tools <<'END'\n{config}END\n{UDEVD}\nsystemctl start kdump-tools")
    assert guest.sh("cat /sys/kernel/kexec_crash_loaded") == "1", guest.sh("journalctl -b -u kdump-tools --no-pager")
    stays, goes = guest.plug("256M", 1), guest.plug("256M", 1)
    assert guest.unplug(goes).done
    guest.sh(f"udevadm settle --timeout={guest.longer(300)}")
    assert guest.sh("cat /sys/kernel/kexec_crash_loaded") == "1", "udev's rule did not load it again"
    guest.start_program(f"load 100 1 {stays.lo} {stays.hi}", "load")

    dump = dump_of(guest)
    assert any(lo <= stays.lo and hi >= stays.hi for lo, hi in dump), f"the dump has not {stays}: {dump}"
    assert not any(lo < goes.hi and hi > goes.lo for lo, hi in dump), f"the dump has {goes}: {dump}"
    # It saves what makedumpfile has written to a pipe, which is no ELF file yet.
    guest.sh("kdump-config savecore >/tmp/savecore.out 2>&1; makedumpfile -R /var/crash/core </var/crash/*/dump.*")
    saved = segments(guest, "/var/crash/core")
    size = sum(hi - lo for lo, hi in saved if lo >= stays.lo and hi <= stays.hi)
    assert size >= 100 << 20, f"{size >> 20} MiB of {stays} were saved"
    return f"{size >> 20} MiB of the DIMM in a core of {sum(hi - lo for lo, hi in saved) >> 20} MiB"
