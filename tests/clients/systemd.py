# SPDX-License-Identifier: GPL-2.0
"""systemd as process 1, udevd, journald and logind beside memory that comes and goes."""

from guest import machine

EXACT = "mem_total; lsmem -a -b -o RANGE,STATE,ZONES,NODE; cat /proc/iomem"

# What other distributions ship for hot-added memory (40-vm-hotadd.rules, 40-redhat.rules); Debian 12
# ships no rule for memory or CPUs. The mark in udev's database tells which events udevd has handled.
RULES = """
SUBSYSTEM=="memory", ACTION!="remove", ENV{HANDLED}="yes"
SUBSYSTEM=="cpu", ACTION!="remove", ENV{HANDLED}="yes"
SUBSYSTEM=="memory", ACTION=="add", ATTR{state}=="offline", ATTR{state}="online_movable"
KERNEL=="memory_hotplug", ACTION=="change", ENV{VERB}=="?*", RUN+="/bin/sh -c 'echo $env{VERB} $env{RESULT} $env{BYTES} >>/run/requests'"
"""


def is_running(guest):
    """Every unit that systemd was to start has started."""
    failed = guest.sh("systemctl --failed --plain --no-legend")
    state = guest.sh("systemctl is-system-running", check=False)
    jobs = guest.sh("systemctl list-jobs --no-legend")
    assert state == "running" and not failed, f"the system is {state}: {failed or jobs}"


def handled(guest, subsystem):
    """Devices whose last event udevd has marked."""
    return set(guest.sh(f"grep -lsx E:HANDLED=yes /run/udev/data/+{subsystem}:* | sed 's,.*:,,'", check=False).split())


@machine(boot="systemd", timeout=300)
def test_machine(guest):
    """Coldplug, Debian's rules and the usual one, journald, logind, the events of a request, an eject; nothing stays."""
    is_running(guest)
    assert guest.sh("cat /proc/1/comm") == "systemd" and guest.sh("systemctl is-active systemd-udevd") == "active"

    # Coldplug: the events of all devices again, those of memory blocks and CPUs among them.
    guest.sh(f"mkdir -p /run/udev/rules.d; cat >/run/udev/rules.d/40-test.rules <<'END'\n{RULES}END\nudevadm control --reload")
    policy = guest.sh("cat $memory/auto_online_blocks")
    before = guest.sh(EXACT)
    guest.sh("udevadm trigger --action=add --settle --subsystem-match=memory --subsystem-match=cpu; udevadm trigger --settle")
    present = set(guest.sh("cd $memory; ls -d memory[0-9]*").split())
    assert handled(guest, "memory") == present, f"{handled(guest, 'memory')}"
    assert handled(guest, "cpu") == {"cpu0", "cpu1"}
    assert guest.sh(EXACT) == before, "coldplug changes nothing"

    # A DIMM; its blocks are brought online by the kernel's policy or by the rule.
    dimm = guest.plug("512M", 1)
    guest.sh(f"udevadm settle --timeout={guest.longer(120)}")
    blocks = guest.blocks(dimm)
    zones = set(guest.zones(blocks).values())
    assert len(blocks) == 4 and {state for state, _ in zones} == {"online"}, f"{zones}"
    assert policy != "offline" or zones == {("online", "Movable")}, f"{zones}"
    assert handled(guest, "memory") == present | {f"memory{block}" for block in blocks}

    # A whole request is one event, which udevd handles after the request's end.
    guest.ask(f"offline {blocks[0]}-{blocks[-1]}")
    guest.ask(f"online_movable {blocks[0]}-{blocks[-1]}")
    guest.sh(f"udevadm settle --timeout={guest.longer(120)}")
    said = guest.sh("cat /run/requests").splitlines()
    assert said == [f"offline ok {dimm.size}", f"online_movable ok {dimm.size}"], f"{said}"

    # journald has what the kernel said; logind answers.
    # What comes after the look at the log may not have been read by journald.
    guest.sh("echo journald is to read this >/dev/kmsg")
    guest.sh("dmesg --kernel | sed 's/^\\[[^]]*\\]//; s/^ *//; s/ *$//' | sort -u >/tmp/dmesg; journalctl --sync; "
             "journalctl -b -k -o cat --no-pager | sed 's/^ *//; s/ *$//' | sort -u >/tmp/journal")
    missing = guest.sh("grep -q 'journald is to read this' /tmp/journal && comm -23 /tmp/dmesg /tmp/journal")
    assert not missing, f"not in the journal: {missing}"
    login = "org.freedesktop.login1"
    assert guest.sh(f"busctl call {login} /org/freedesktop/login1 {login}.Manager CanPowerOff") == 's "yes"'

    assert guest.unplug(dimm).done
    guest.sh(f"udevadm settle --timeout={guest.longer(120)}")
    assert handled(guest, "memory") == present, "udev's database has blocks that are gone"
    assert guest.sh(EXACT) == before, f"not as before: {guest.sh(EXACT)}"
    is_running(guest)
    return f"up in {guest.boot_seconds:.0f} s"
