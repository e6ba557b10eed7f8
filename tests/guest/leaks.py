# SPDX-License-Identifier: GPL-2.0
"""Figures of a guest that must be the same after memory was added and removed, and slab caches that must not grow."""

import re

# Free everything that is freed late: caches, then the mappings of unused stacks
# (unloading a module flushes them), then the reserve of the slab caches. There is no
# fork between that and reading, as a new process allocates slabs.
LOOK = """sync; echo 3 >/proc/sys/vm/drop_caches; sleep 0.5; echo 3 >/proc/sys/vm/drop_caches
modprobe hwpoison-inject && modprobe -r hwpoison-inject
for cache in /sys/kernel/slab/*/shrink; do echo 1 >$cache; done
mapfile -t slabinfo </proc/slabinfo; mapfile -t meminfo </proc/meminfo
printf '%s\\n' "${slabinfo[@]:2}" "${meminfo[@]}" """


def exact(guest):
    """Figures that must be the same to the byte."""
    # ZONE_DEVICE keeps its span, as the kernel cannot tell where its memory ends.
    spans = guest.sh("awk '/^Node/ { zone = $2 $4 } zone !~ /Device/ && $1 ~ /^(spanned|present|managed|start_pfn:)$/ { print zone, $1, $2 }' "
                     "/proc/zoneinfo")
    return {"MemTotal": guest.sh("mem_total"), "zone spans": spans, "/proc/iomem": guest.sh("cat /proc/iomem"),
            "lsmem": guest.sh("lsmem -a -b -o RANGE,STATE,ZONES,NODE"),
            "node masks": guest.sh("cd /sys/devices/system/node; grep . online has_memory has_normal_memory")}


def slab(guest):
    """(unreclaimable slab in kB, objects in use in each cache)"""
    text = guest.sh(LOOK, log=False)
    unreclaimable = int(re.search(r"^SUnreclaim: +(\d+)", text, re.M)[1])
    return unreclaimable, {name: int(objects) for name, objects in re.findall(r"^(\S+) +(\d+) +\d+ ", text, re.M)}


def leaks(looks, rounds):
    """Caches that grew in every window, and by half an object in each of so many rounds: {name: objects}."""
    names = looks[0].keys()
    growths = {name: [after.get(name, 0) - before.get(name, 0) for before, after in zip(looks, looks[1:])] for name in names}
    return {name: sum(growth) for name, growth in growths.items() if min(growth) > 0 and sum(growth) > rounds // 2}
