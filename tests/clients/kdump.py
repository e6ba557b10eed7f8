# SPDX-License-Identifier: GPL-2.0
"""kexec -p: a crash kernel that is loaded once, and knows of memory that came later."""

import re

from guest import Skip, machine


@machine(nodes=("1G", "1G"), cmdline="crashkernel=256M", timeout=300)
def test_no_reload(guest):
    """The kernel keeps the crash kernel's list of memory up to date, as crash_hotplug promises to user space."""
    if "kexec" not in guest.sh("command -v kexec || true"):
        raise Skip("no kexec here")
    assert guest.sh("cat $memory/crash_hotplug") == "0", "there is nothing to update before a kernel is loaded"
    guest.sh(f"kexec -s -p {guest.kernel_dir}/arch/x86/boot/bzImage --append='console=ttyS0 maxcpus=1'")
    assert guest.sh("cat /sys/kernel/kexec_crash_loaded") == "1"
    assert guest.sh("cat $memory/crash_hotplug") == "1", "user space would load it again at each change"
    for size in ("512M", "1G"):
        dimm = guest.plug(size, 1)
        guest.set_blocks("online_movable", guest.blocks(dimm))
        assert guest.unplug(dimm).done
    assert guest.sh("cat /sys/kernel/kexec_crash_loaded") == "1"
    assert not re.search(r"crash hp: .*(fail|unable|not)", guest.sh("dmesg"), re.I)
