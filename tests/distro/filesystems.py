# SPDX-License-Identifier: GPL-2.0
"""Files on filesystems of all kinds, clean, dirty, mapped, synced and by direct I/O, while the memory of their pages goes."""

import re

from guest import machine

NODE = 1
ROUNDS = 3
SMALL = {"nodes": ("1G", "0"), "disk": "1G", "root": "workloads"}
# How each is made and checked; without changes, as a repair would hide what is wrong.
TOOLS = {
    "ext4": ("mkfs.ext4 -q -F", "e2fsck -f -n"),
    "xfs": ("mkfs.xfs -q -f", "xfs_repair -n"),
    "btrfs": ("mkfs.btrfs -q -f", "btrfs check --readonly"),
    "nilfs2": ("mkfs.nilfs2 -q -f", "nilfs-tune -l"),  # there is no fsck: its superblocks are read
}


def plug(guest):
    return guest.plug_online("256M", NODE)


def told(guest, when):
    """How many pages of each kind of use are on the DIMM."""
    return {kind: int(pages) for kind, pages in re.findall(rf"^{when} (\w+) (\d+)$", guest.sh("cat /tmp/files.out"), re.M)}


def begin(guest, directory, dimm):
    guest.start_program(f"files run {directory} {NODE} {dimm.lo} {dimm.hi}", "files")
    guest.sh("wait_for 200 eval '[ $(grep -c . /tmp/files.out) -ge 5 ]'")
    first = told(guest, "begin")
    assert len(first) == 5 and all(first.values()), f"not on the DIMM: {first}"
    return sum(first.values())


def end(guest):
    guest.end_program("files")
    last = told(guest, "end")
    assert len(last) == 5, guest.sh("cat /tmp/files.out")
    assert not any(last.values()), f"still on the DIMM: {last}"


def offline(guest, block):
    """Take a block offline, as often as a page is busy or pinned for I/O; what each attempt said, and the longest refusal."""
    said, longest = [], 0
    while (got := guest.sh(f"wr $memory/memory{block}/state offline || true")) != "OK":
        line = guest.sh(f"cat $memory/memory{block}/last_error").split(" detail=")[0]
        words = dict(word.split("=", 1) for word in line.split())
        assert got == "EBUSY" and words["reason"] in ("busy-page", "pinned"), f"{got} {words}"
        longest = max(longest, int(words["ms"]))
        said.append(words["reason"])
    return said + ["OK"], longest


def under(guest, directory, dimm, slow=False):
    """The DIMM's memory goes offline and comes back under the files, several times; at last it stays away."""
    pages = begin(guest, directory, dimm)
    before, = guest.vmstat("pgmigrate_success")
    blocks = guest.blocks(dimm)
    for round_ in range(ROUNDS):
        if round_:
            guest.set_blocks("online_movable", blocks)
            guest.sh(f"echo 1 >/proc/sys/vm/drop_caches; sleep 1; for p in $(pgrep -x files); do migratepages $p 0 {NODE}; done")
        order = blocks if round_ % 2 else blocks[::-1]
        if slow:
            for block in order:
                offline(guest, block)
        else:
            guest.set_blocks("offline", order)
    moved = guest.vmstat("pgmigrate_success")[0] - before
    end(guest)
    assert guest.unplug(dimm).done
    return f"{pages} pages of files, {moved} moves"


def check(guest, directory):
    guest.sh(f"sync; echo 3 >/proc/sys/vm/drop_caches; files check {directory}")


def mount(guest, kind, device, directory="/tmp/fs"):
    guest.sh(f"mkdir -p {directory}; mount -t {kind} {device} {directory}")


def on_disk(guest, kind, slow=False):
    """On a disk, which is checked before and after it is mounted again."""
    make, fsck = TOOLS[kind]
    guest.need(make.split()[0], fsck.split()[0], modules=("virtio_blk", kind))
    guest.sh(f"wait_for 30 test -b /dev/vda; {make} /dev/vda")
    mount(guest, kind, "/dev/vda")
    note = under(guest, "/tmp/fs", plug(guest), slow)
    check(guest, "/tmp/fs")
    guest.sh(f"umount /tmp/fs; {fsck} /dev/vda")
    mount(guest, kind, "/dev/vda")
    check(guest, "/tmp/fs")
    guest.sh("umount /tmp/fs")
    return note


@machine(**SMALL, timeout=400)
def test_ext4(guest):
    """ext4, with its journal."""
    return on_disk(guest, "ext4")


@machine(**SMALL, timeout=400)
def test_xfs(guest):
    """XFS, whose buffers are of its own."""
    return on_disk(guest, "xfs")


@machine(**SMALL, timeout=400)
def test_btrfs(guest):
    """btrfs, whose metadata are pages of an inode, and which has checksums of its own."""
    note = on_disk(guest, "btrfs")
    mount(guest, "btrfs", "/dev/vda")
    assert "Error summary:    no errors found" in guest.sh("btrfs scrub start -B /tmp/fs")
    guest.sh("umount /tmp/fs")
    return note


@machine(**SMALL, timeout=400)
def test_nilfs2(guest):
    """nilfs2, whose dirty pages cannot be migrated: they are written out, and then moved. Direct I/O waits for its log."""
    return on_disk(guest, "nilfs2", slow=True)


# The log writer makes the buffers of a page that was read, or migrated: they were taken for a hole.
MAPPED = """import mmap, os, sys
file = os.open(sys.argv[1], os.O_RDWR)
map = mmap.mmap(file, 4096)
for word in b"first ", b"second", b"third ":
    map[:6] = word
    os.fsync(file)
    os.system(sys.argv[2])
"""


@machine(**SMALL, timeout=400)
def test_nilfs2_mapped(guest):
    """nilfs2: no write through a mapping is lost, whether the page was read before, or migrated by another than an offline."""
    guest.need("mkfs.nilfs2", "migratepages", modules=("virtio_blk", "nilfs2"))
    guest.sh(f"cat >/tmp/mapped.py <<'END'\n{MAPPED}END\nwait_for 30 test -b /dev/vda; mkfs.nilfs2 -q -f /dev/vda")
    guest.plug_online("256M", NODE)
    for between in "true", f"migratepages $PPID 0 {NODE}; migratepages $PPID {NODE} 0":
        mount(guest, "nilfs2", "/dev/vda")
        guest.sh("head -c 4096 /dev/zero >/tmp/fs/mapped; umount /tmp/fs")
        mount(guest, "nilfs2", "/dev/vda")
        guest.sh(f"python3 /tmp/mapped.py /tmp/fs/mapped '{between}'; umount /tmp/fs")
        mount(guest, "nilfs2", "/dev/vda")
        assert guest.sh("head -c 6 /tmp/fs/mapped") == "third ", f"{between}: {guest.sh('head -c 6 /tmp/fs/mapped')}"
        guest.sh("umount /tmp/fs")


@machine(**SMALL, timeout=400)
def test_nilfs2_unmounted(guest):
    """nilfs2 is unmounted while the worker of an offline writes its dirty pages."""
    guest.need("mkfs.nilfs2", "numactl", modules=("virtio_blk", "nilfs2"))
    guest.sh("wait_for 30 test -b /dev/vda; mkfs.nilfs2 -q -f /dev/vda")
    blocks = guest.blocks(plug(guest))
    for round_ in range(10):
        mount(guest, "nilfs2", "/dev/vda")
        guest.sh(f"""
            numactl --preferred={NODE} head -c 32M /dev/zero >/tmp/fs/file
            for block in {" ".join(map(str, blocks))}; do wr $memory/memory$block/state offline || true; done >/dev/null 2>&1 &
            sleep 0.0{round_}
            umount /tmp/fs
            wait""")
        for block in blocks:
            if guest.sh(f"cat $memory/memory{block}/state") == "online":
                offline(guest, block)
        guest.set_blocks("online_movable", blocks)
    assert "Busy inodes" not in guest.sh("dmesg")
    mount(guest, "nilfs2", "/dev/vda")
    guest.sh("cmp -n 32M /dev/zero /tmp/fs/file; umount /tmp/fs")


@machine(nodes=("1G", "0"), timeout=400)
def test_tmpfs(guest):
    """tmpfs, whose pages are the files."""
    mount(guest, "tmpfs", "none")
    note = under(guest, "/tmp/fs", plug(guest))
    check(guest, "/tmp/fs")
    return note


@machine(nodes=("1G", "0"), timeout=400)
def test_overlay(guest):
    """overlayfs on tmpfs: the files are those of another filesystem."""
    guest.sh("mkdir /dev/shm/lower /dev/shm/upper /dev/shm/work /tmp/fs; mount -t overlay none /tmp/fs "
             "-o lowerdir=/dev/shm/lower,upperdir=/dev/shm/upper,workdir=/dev/shm/work")
    note = under(guest, "/tmp/fs", plug(guest))
    check(guest, "/tmp/fs")
    guest.sh("umount /tmp/fs; files check /dev/shm/upper")
    return note


@machine(**SMALL, timeout=400)
def test_fuse(guest):
    """FUSE: writeback waits for a process, which itself has pages on the DIMM."""
    guest.need("fuse2fs", "mkfs.ext4", modules=("virtio_blk", "fuse"))
    guest.sh("wait_for 30 test -b /dev/vda; mkfs.ext4 -q -F /dev/vda; mkdir -p /tmp/fs")
    dimm = plug(guest)
    guest.sh(f"numactl --preferred={NODE} fuse2fs /dev/vda /tmp/fs; wait_for 30 mountpoint -q /tmp/fs")
    note = under(guest, "/tmp/fs", dimm)
    check(guest, "/tmp/fs")
    unmount = "umount /tmp/fs; wait_for 60 eval '! pgrep -x fuse2fs'"
    guest.sh(f"{unmount}; e2fsck -f -n /dev/vda")
    guest.sh("fuse2fs /dev/vda /tmp/fs; wait_for 30 mountpoint -q /tmp/fs")
    check(guest, "/tmp/fs")
    guest.sh(unmount)
    return note


# A page that is dirty, or that the server has not committed, is not migrated. close() would write it.
WRITER = """import os, sys, time
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
os.write(file, bytes(16 << 20))
print("written", flush=True)
time.sleep(1000)
"""


@machine(**SMALL, timeout=400)
def test_nfs(guest):
    """NFS, whose dirty pages cannot be migrated: they are written long before they are 30 seconds old."""
    guest.need("rpc.nfsd", "rpc.mountd", "exportfs", "mount.nfs4", "mkfs.ext4", "numactl", modules=("virtio_blk", "nfsd", "nfsv4"))
    guest.sh("wait_for 30 test -b /dev/vda; mkfs.ext4 -q -F /dev/vda")
    mount(guest, "ext4", "/dev/vda", "/tmp/served")
    guest.sh(f"""
        mkdir -p /var/lib/nfs; touch /var/lib/nfs/etab /var/lib/nfs/rmtab
        mountpoint -q /proc/fs/nfsd || mount -t nfsd none /proc/fs/nfsd
        exportfs -o rw,no_root_squash,insecure,no_subtree_check,fsid=0 127.0.0.1:/tmp/served
        rpc.mountd -N 2 -N 3
        rpc.nfsd -N 3 -V 4 2
        # There are no clients of a previous server for which it would have to wait.
        echo Y >/proc/fs/nfsd/v4_end_grace || true
        cat >/tmp/writer.py <<'END'\n{WRITER}END""")
    dimm = plug(guest)
    mount(guest, "nfs4", "127.0.0.1:/")
    guest.sh("echo 6000 >/proc/sys/vm/dirty_expire_centisecs")
    guest.start_program(f"numactl --preferred={NODE} python3 /tmp/writer.py /tmp/fs/file", "writer")
    dirty = int(guest.sh(f"awk '$3 == \"Dirty:\" {{ print $4 }}' /sys/devices/system/node/node{NODE}/meminfo"))
    assert dirty > 8 << 10, f"only {dirty} kB are dirty: nothing is shown"
    guest.set_blocks("offline", guest.blocks(dimm))
    guest.end_program("writer")
    assert guest.unplug(dimm).done
    guest.sh("cmp -n 16M /dev/zero /tmp/fs/file; umount /tmp/fs; rpc.nfsd 0; exportfs -ua; pkill rpc.mountd; umount /tmp/served")
    return f"{dirty} kB dirty"


@machine(**SMALL, timeout=600)
def test_slow_disk(guest):
    """Writeback takes 40 ms for each request: an offline waits for it and succeeds, or ends with that reason."""
    guest.need("mkfs.ext4", "e2fsck", "dmsetup", modules=("virtio_blk", "ext4", "dm_delay"))
    guest.sh("wait_for 30 test -b /dev/vda; mkfs.ext4 -q -F /dev/vda; dmsetup create --noudevsync slow --table "
             "\"0 $(blockdev --getsz /dev/vda) delay /dev/vda 0 0 /dev/vda 0 40\"; dmsetup mknodes slow")
    mount(guest, "ext4", "/dev/mapper/slow")
    dimm = plug(guest)
    begin(guest, "/tmp/fs", dimm)
    results, longest = [], 0
    for block in guest.blocks(dimm):
        said, ms = offline(guest, block)
        results += said
        longest = max(longest, ms)
    end(guest)
    assert guest.unplug(dimm).done
    check(guest, "/tmp/fs")
    guest.sh("umount /tmp/fs; dmsetup remove --noudevsync slow; e2fsck -f -n /dev/vda")
    mount(guest, "ext4", "/dev/vda")
    check(guest, "/tmp/fs")
    guest.sh("umount /tmp/fs")
    return f"{' '.join(results)}, at most {longest} ms until a refusal"
