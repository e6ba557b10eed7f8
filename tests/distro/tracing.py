# SPDX-License-Identifier: GPL-2.0
"""trace-cmd and perf read the tracepoints of memory hotplug."""

from guest import machine


def plug_and_offline(guest):
    dimm = guest.plug("512M", 1)
    blocks = guest.blocks(dimm)
    guest.ask(f"online_movable {blocks[0]}-{blocks[-1]}")
    guest.ask(f"offline {blocks[0]}-{blocks[-1]}")
    assert guest.unplug(dimm).done
    return dimm


def check(text, dimm):
    """The report has the steps of the plug and the offline, and how each request ended."""
    pfn = f"pfn={dimm.lo >> 12:#x}"
    for wanted in ("mhp_step_enter: online/evacuate down", f"mhp_offline_pass: {pfn}", f"mhp_result: online {pfn}",
                   f"mhp_result: offline {pfn}", f"mhp_result: remove {pfn}"):
        assert wanted in " ".join(text.split()), f"'{wanted}' is not in the report: {text[-2000:]}"


@machine(boot="systemd", root="base", cmdline="memhp_default_state=offline", timeout=400)
def test_trace_cmd(guest):
    """trace-cmd records a plug, an offline and an eject; its report has their steps and results."""
    guest.sh("trace-cmd start -e memory_hotplug")
    dimm = plug_and_offline(guest)
    guest.sh("trace-cmd stop; trace-cmd extract -o /tmp/trace.dat >/tmp/extract.out 2>&1\n"
             "trace-cmd report -i /tmp/trace.dat >/tmp/report 2>/tmp/errors")
    check(guest.sh("cat /tmp/report", log=False), dimm)
    guest.sh("trace-cmd reset")


@machine(boot="systemd", root="workloads", cmdline="memhp_default_state=offline", timeout=400)
def test_perf(guest):
    """perf record and perf script, the same."""
    # perf says on a pipe that it has begun.
    guest.sh("mkfifo /tmp/control /tmp/begun; perf record -a -q -D -1 --control fifo:/tmp/control,/tmp/begun -e 'memory_hotplug:*' "
             "-o /tmp/perf.data -- sleep infinity >/tmp/perf.out 2>&1 &\n"
             "echo $! >/tmp/perf.pid; echo enable >/tmp/control; read -r said </tmp/begun; echo \"$said\"")
    dimm = plug_and_offline(guest)
    guest.sh("kill -INT $(</tmp/perf.pid); wait_for 60 eval '! pgrep -x perf'\n"
             "perf script -i /tmp/perf.data >/tmp/script 2>/tmp/errors")
    check(guest.sh("sed 's/memory_hotplug://' /tmp/script", log=False), dimm)
