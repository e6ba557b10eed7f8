# SPDX-License-Identifier: GPL-2.0
"""A node gets its first memory and loses its last: notifications and all that depends on the node."""

from guest import machine

WATCH = "/sys/kernel/debug/mhp_watch"
REFUSE = "/sys/module/mhp_watch/parameters/refuse"
INJECT = "/sys/kernel/debug/notifier-error-inject/memory/actions"


def heard(guest):
    """[(action, status_change_nid_normal, status_change_nid)] since the last look."""
    lines = guest.sh(f"cat {WATCH}; echo >{WATCH}").splitlines()
    return [(words[0], int(words[3].removeprefix("normal=")), int(words[4].removeprefix("any=")))
            for words in map(str.split, lines)]


def up(normal, any_):
    return [(action, normal, any_) for action in ("PREPARE_ONLINE", "GOING_ONLINE", "ONLINE")]


def down(normal, any_):
    return [(action, normal, any_) for action in ("GOING_OFFLINE", "OFFLINE", "FINISH_OFFLINE")]


@machine(nodes=("1G", "1G", "0"))
def test_notifier(guest):
    """status_change_nid and status_change_nid_normal, for each first and last, and for requests that are refused."""
    guest.sh("modprobe mhp_watch priority=50 && modprobe memory-notifier-error-inject")
    dimm = guest.plug("512M", 2)
    blocks = guest.blocks(dimm)
    assert heard(guest) == [], "an add is not to be told"
    for block, word, said in ((0, "online_movable", up(-1, 2)),      # its first memory
                              (1, "online_kernel", up(2, -1)),       # its first of a kernel zone
                              (2, "online_movable", up(-1, -1)),
                              (2, "offline", down(-1, -1)),
                              (1, "offline", down(2, -1)),           # its last of a kernel zone
                              (0, "offline", down(-1, 2)),           # its last
                              (1, "online_kernel", up(2, 2)),        # both at once
                              (1, "offline", down(2, 2))):
        guest.set_blocks(word, [blocks[block]])
        got = heard(guest)
        assert got == said, f"{word} of block {block}: {got}"

    guest.sh(f"echo -16 >{INJECT}/MEM_GOING_ONLINE/error; expect EBUSY $memory/memory{blocks[0]}/state online_movable; "
             f"echo 0 >{INJECT}/MEM_GOING_ONLINE/error")
    assert heard(guest) == [(action, -1, 2) for action in ("PREPARE_ONLINE", "GOING_ONLINE", "CANCEL_ONLINE", "FINISH_OFFLINE")]
    guest.set_blocks("online_movable", [blocks[0]])
    heard(guest)
    guest.sh(f"echo -16 >{INJECT}/MEM_GOING_OFFLINE/error; expect EBUSY $memory/memory{blocks[0]}/state offline; "
             f"echo 0 >{INJECT}/MEM_GOING_OFFLINE/error")
    assert heard(guest) == [(action, -1, 2) for action in ("GOING_OFFLINE", "CANCEL_OFFLINE")]
    # The callback that refuses hears the outcome as well; 2 is MEM_GOING_OFFLINE.
    guest.sh(f"echo 2 >{REFUSE}; expect EBUSY $memory/memory{blocks[0]}/state offline; echo 0 >{REFUSE}")
    assert heard(guest) == [(action, -1, 2) for action in ("GOING_OFFLINE", "CANCEL_OFFLINE")]
    # All of the device at once: one message for all of a zone.
    guest.set_blocks("online_movable", blocks[1:])
    heard(guest)
    assert guest.unplug(dimm).done
    assert heard(guest) == down(-1, 2)


def followers(guest):
    return {"masks": guest.sh("cd /sys/devices/system/node; grep . online has_memory has_normal_memory"),
            "cpuset": guest.sh("cat /run/cpuset/cpuset.mems.effective"),
            "threads": guest.sh("ps -e -o comm= | grep -E '^(kswapd|kcompactd)' | sort | tr '\\n' ' '"),
            "tiers": guest.sh("cat /sys/devices/virtual/memory_tiering/memory_tier*/nodelist"),
            "node": guest.sh("ls /sys/devices/system/node | grep '^node[0-9]' | tr '\\n' ' '"),
            "links": guest.sh("ls -d /sys/devices/system/memory/memory*/node2 /sys/devices/system/node/node2/memory[0-9]* "
                              "2>/dev/null | wc -l")}


@machine(nodes=("1G", "1G", "0"))
def test_followers(guest):
    """Masks, cpusets, memory policies, memory tiers, kswapd, kcompactd and links appear and disappear with the memory."""
    guest.sh("mkdir -p /run/cpuset && mount -t cgroup2 none /run/cpuset")
    before = followers(guest)
    dimm = guest.plug("256M", 2)
    blocks = guest.blocks(dimm)
    offline = followers(guest)
    assert "online:0-2" in offline["masks"] and "has_memory:0-1" in offline["masks"], offline["masks"]
    assert offline["cpuset"] == "0-1" and int(offline["links"]) == 2 * len(blocks), f"{offline}"
    assert offline["threads"] == before["threads"]

    guest.set_blocks("online_movable", blocks)
    online = followers(guest)
    assert "has_memory:0-2" in online["masks"] and "has_normal_memory:0-1" in online["masks"], online["masks"]
    assert online["cpuset"] == "0-2", online["cpuset"]
    assert "kswapd2" in online["threads"] and "kcompactd2" in online["threads"], online["threads"]
    assert "0-2" in online["tiers"], online["tiers"]
    guest.sh("numactl --interleave=0,2 dd if=/dev/zero of=/dev/shm/data bs=1M count=32 status=none; rm /dev/shm/data; "
             "numactl --membind=2 dd if=/dev/zero of=/dev/shm/data bs=1M count=32 status=none; rm /dev/shm/data")

    # The memory of a program that is bound to the node is moved to another node, and the program continues.
    guest.start_program(f"load 64 2 {dimm.lo} {dimm.hi}", "load")
    assert guest.unplug(dimm).done
    assert "wrong 0 pages" in guest.end_program("load")
    # A thread that has ended may still be listed for a moment.
    guest.sh("wait_for 30 eval '! pgrep -x kswapd2 && ! pgrep -x kcompactd2'")
    after = followers(guest)
    assert after == before, f"{before} became {after}"


# One block: page_ext tables and KASAN's shadow of a second one would lie in the first, and keep it online.
@machine(nodes=("1G", "1G", "0"))
def test_zone_lists(guest):
    """A node with its first memory is in the zone lists of all nodes; a node that has lost its last is in none of them."""
    def order():
        return guest.sh("dmesg | sed -n 's/.*Fallback order for Node 0: *//p' | tail -n 1").split()

    dimm = guest.plug("128M", 2)
    guest.set_blocks("online_movable", guest.blocks(dimm))
    assert sorted(order()) == ["0", "1", "2"], f"{order()}"
    guest.set_blocks("offline", guest.blocks(dimm))
    assert order() == ["0", "1"], f"{order()}"
    guest.set_blocks("online_kernel", guest.blocks(dimm))
    assert sorted(order()) == ["0", "1", "2"], f"{order()}"
    assert guest.unplug(dimm).done
    assert order() == ["0", "1"], f"{order()}"


# In a zone of less than 200 MiB no pageblock is reserved.
@machine(nodes=("1G", "1G", "0"), cmdline="memory_block_size=256M")
def test_reserved(guest):
    """Pageblocks that go offline do not count as reserved for atomic allocations any more."""
    def reserved():
        guest.sh("dmesg -C; echo m >/proc/sysrq-trigger")
        return int(guest.sh("dmesg | sed -n 's/.*Node 2 Normal free:.* reserved_highatomic:\\([0-9]*\\)KB.*/\\1/p' | tail -n 1"))

    guest.sh("modprobe mhp_ask")
    blocks = guest.blocks(guest.plug_online("256M", 2, "online_kernel"))
    assert len(blocks) == 1, f"{blocks}"
    guest.sh("echo atomic 2 3 >/sys/kernel/debug/mhp_ask")
    assert reserved() > 0, "nothing was reserved, so nothing is tested"
    guest.set_blocks("offline", blocks)
    guest.set_blocks("online_kernel", blocks)
    assert reserved() == 0, f"{reserved()} KiB"


@machine(nodes=("1G", "1G", "0"), timeout=300)
def test_counters(guest):
    """What CPUs have counted for a node is not forgotten when it goes offline: its counters do not drift."""
    for _ in range(6):
        dimm = guest.plug_online("256M", 2)
        guest.start_program(f"load 64 2 {dimm.lo} {dimm.hi}", "load")
        assert guest.unplug(dimm).done
        assert "wrong 0 pages" in guest.end_program("load")
    guest.plug_online("128M", 2)
    names = "nr_(zone_)?(in)?active_anon|nr_isolated_(anon|file)|nr_anon_pages|nr_dirty|nr_writeback"
    # Others may use pages of the node for a moment.
    guest.sh(f"""left() {{ echo 1 >/proc/sys/vm/stat_refresh; awk '/^({names}) / && $2 != 0' /sys/devices/system/node/node2/vmstat; }}
        (wait_for 20 eval '[ -z "$(left)" ]') || {{ left; false; }}""")


@machine(nodes=("1G", "1G", "0"), cmdline="memory_hotplug.memmap_on_memory=force", timeout=300)
def test_watermarks(guest):
    """Watermarks are computed once for a request, however many runs it has, and are right afterwards."""
    def computed():
        return int(guest.sh("dmesg | grep -c 'min_free_kbytes is not updated' || true"))

    def low(node):
        return int(guest.sh(f"awk '/^Node/ {{ at = $2 $4 }} at == \"{node},Movable\" && $1 == \"low\" {{ print $2 }}' /proc/zoneinfo") or 0)

    blocks = guest.blocks(guest.plug("512M", 2))
    for word, wanted in (("online_movable", True), ("offline", False)):
        # A value of the user that is preferred is told of in the log whenever watermarks are computed.
        guest.sh("echo 20000 >/proc/sys/vm/min_free_kbytes")
        before = computed()
        guest.ask(f"{word} {blocks[0]}-{blocks[-1]}", "OK")
        # What empties or fills a zone may compute them as well.
        assert before < computed() <= before + 2, f"{computed() - before} times"
        # That of an empty zone is 32 pages.
        assert (low(2) > 32) == wanted, f"low watermark {low(2)} after {word}"


@machine(nodes=("1G", "1G", "0"), timeout=300)
def test_killed(guest):
    """A task is killed while it brings the first memory of a node online: lists of CPUs cannot be allocated then."""
    block, = guest.blocks(guest.plug("128M", 2))
    # The lock of the percpu allocator is taken all the time.
    guest.sh(f"""mkdir -p /run/cpuset && mount -t cgroup2 none /run/cpuset && echo +memory >/run/cpuset/cgroup.subtree_control
        for n in 1 2 3 4; do (while [ ! -e /tmp/end ]; do mkdir /run/cpuset/$n; rmdir /run/cpuset/$n; done) >/dev/null 2>&1 & done
        for ((n = 0; n < 20; n++)); do
            (echo online_movable >$memory/memory{block}/state) 2>/dev/null & sleep 0.00$((n % 10)); kill -9 $! 2>/dev/null || true
            wait $! || true
            wr $memory/memory{block}/state offline >/dev/null
        done
        touch /tmp/end; wait""")
    guest.sh(f"for word in online_movable offline; do expect OK $memory/memory{block}/state $word; done")
    assert "BUG:" not in guest.sh("dmesg"), "see the log"
