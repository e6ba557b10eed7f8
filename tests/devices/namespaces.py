# SPDX-License-Identifier: GPL-2.0
"""ZONE_DEVICE on an NVDIMM, set up and torn down repeatedly."""

import json

from guest import machine
from leaks import exact

TIMES = 50
MODULES = "for m in nfit nd_pmem dax_pmem device_dax; do modprobe $m || exit; done"


def create(guest, mode, options=""):
    """Make a namespace; its description by ndctl."""
    return json.loads(guest.sh(f"ndctl create-namespace -r region0 -m {mode} {options} 2>/tmp/ndctl || {{ cat /tmp/ndctl; false; }}"))


def destroy(guest, *namespaces):
    for namespace in namespaces:
        guest.sh(f"ndctl destroy-namespace -f {namespace['dev']}")


def start(guest):
    guest.sh(MODULES)
    guest.sh("ndctl disable-region region0 && ndctl init-labels -f nmem0 && ndctl enable-region region0")


@machine(nvdimm="1G:1", labels="2M", timeout=600)
def test_fsdax(guest):
    """fsdax: its struct pages in memory and on the device; data written and read through the block device."""
    start(guest)
    before = exact(guest)
    for turn in range(TIMES):
        namespace = create(guest, "fsdax", f"-s 256M --map={('mem', 'dev')[turn % 2]}")
        device = f"/dev/{namespace['blockdev']}"
        guest.sh(f"head -c 1M /dev/urandom >/tmp/data; dd if=/tmp/data of={device} oflag=direct bs=1M status=none; "
                 f"dd if={device} iflag=direct bs=1M count=1 status=none | cmp - /tmp/data", log=turn == 0)
        destroy(guest, namespace)
    assert exact(guest) == before, "not as before"


@machine(nvdimm="1G:1", labels="2M", timeout=600)
def test_devdax(guest):
    """devdax: the same with a character device, mapped."""
    start(guest)
    before = exact(guest)
    for turn in range(TIMES):
        namespace = create(guest, "devdax", f"-s 256M --map={('mem', 'dev')[turn % 2]}")
        device = f"/dev/{namespace['daxregion']['devices'][0]['chardev']}"
        guest.sh(f"daxmap {device}", log=turn == 0)
        destroy(guest, namespace)
    assert exact(guest) == before, "not as before"


@machine(nvdimm="1G:1", labels="2M", timeout=600)
def test_subsections(guest):
    """Namespaces smaller than a section: several share a section, and are added and removed independently."""
    start(guest)
    before = exact(guest)
    for turn in range(TIMES):
        three = [create(guest, "fsdax", f"-s {size}M --map=mem") for size in (32, 48, 32)]
        if turn % 5 == 0:   # replace the one in the middle by another kind
            destroy(guest, three[1])
            three[1] = create(guest, "devdax", "-s 32M --map=mem")
        destroy(guest, *(three[turn % 3:] + three[:turn % 3]))
    assert exact(guest) == before, "not as before"


@machine(nvdimm="1G:1", labels="2M", timeout=300)
def test_memmap_is_counted(guest):
    """nr_memmap_pages: two pages for each page of a devdax namespace; the whole memmap for other namespaces."""
    start(guest)
    [before] = guest.vmstat("nr_memmap_pages")
    for mode, options, pages in (("devdax", "-s 256M --align=2M --map=mem", 256 // 2 * 2),
                                 ("devdax", "-s 32M --align=2M --map=mem", 32 // 2 * 2),
                                 ("devdax", "-s 256M --align=4K --map=mem", 4 * 256),
                                 ("fsdax", "-s 256M --map=mem", 4 * 256)):
        namespace = create(guest, mode, options)
        [there] = guest.vmstat("nr_memmap_pages")
        destroy(guest, namespace)
        [after] = guest.vmstat("nr_memmap_pages")
        assert (there - before, after - before) == (pages, 0), \
            f"{mode} {options}: {there - before} pages instead of {pages}, {after - before} afterwards"
