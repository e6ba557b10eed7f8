# SPDX-License-Identifier: GPL-2.0
"""Programs that people run, with the DIMM that holds their memory ejected under them: nothing of theirs is lost."""

from guest import ROOT, machine
from workload import AS_USER, NOBODY, NODE, eject, postgresql, used

SMALL = {"nodes": ("1G", "0"), "timeout": 900, "boot": "systemd", "root": "workloads"}


def plug(guest):
    return guest.plug_online("1G", NODE)


@machine(**SMALL)
def test_postgresql(guest):
    """PostgreSQL: pgbench goes on; then its sums are right, amcheck and the checksums of all pages find nothing."""
    return postgresql(guest, plug(guest))


REDIS = """
cd /tmp/redis
cli() { redis-cli -s /tmp/redis/socket "$@"; }
serve() { ln -sf "$(command -v redis-check-rdb)" redis-server      # one program, which goes by its name
    $1 ./redis-server --port 0 --unixsocket /tmp/redis/socket --save '' --rdbcompression no --enable-debug-command yes \\
        --daemonize yes --logfile /tmp/redis/log
    wait_for 100 eval 'cli ping 2>/dev/null | grep -q PONG'; }
"""


@machine(**SMALL)
def test_redis(guest):
    """Redis, which forks to save a snapshot while it changes: all data are right, in the snapshot as well."""
    guest.need("redis-cli", "redis-check-rdb", "redis-benchmark")
    guest.sh("mkdir /tmp/redis; chown 65534:65534 /tmp/redis")
    dimm = plug(guest)

    def sh(text):
        return guest.sh(REDIS + text)

    def counter():
        return int(sh("cli get counter:__rand_int__"))

    sh(f"serve '{AS_USER}'; cli debug populate 200000 key 300 >&2")
    digest = sh("cli debug digest")
    sh("redis-benchmark -s /tmp/redis/socket -n 100000000 -c 4 -t incr -q >/tmp/redis/benchmark 2>&1 & echo $! >/tmp/benchmark.pid")
    sh("""wait_for 60 eval 'cli get counter:__rand_int__ | grep -q .'
        (while [ ! -e /tmp/end ]; do cli bgsave; sleep 0.2; done) >/tmp/redis/saves 2>&1 &""")
    note = eject(guest, dimm, 60, counter)
    sh("""touch /tmp/end; kill $(</tmp/benchmark.pid); wait_for 60 eval '! pgrep -x redis-benchmark'
        wait_for 100 eval 'cli info persistence | grep -q rdb_bgsave_in_progress:0'""")
    assert "rdb_last_bgsave_status:ok" in sh("cli info persistence")
    saves = int(sh("cli info persistence | tr -d '\\r' | sed -n 's/^rdb_saves://p'"))
    sh("redis-check-rdb dump.rdb; cli del counter:__rand_int__")
    assert sh("cli debug digest") == digest, "its data are others"
    sh(f"cli shutdown nosave || true; wait_for 60 eval '! pgrep -f unixsocket'; serve '{NOBODY}'; cli del counter:__rand_int__")
    assert sh("cli debug digest") == digest, "the snapshot's data are others"
    sh("cli shutdown nosave || true")
    assert saves, "no snapshot was saved"
    return f"increments: {note}; {saves} snapshots"


@machine(**SMALL)
def test_compile(guest):
    """A compiler, again and again: what it makes is always the same."""
    guest.need("gcc", "numactl")
    dimm = plug(guest)
    guest.sh(f"""mkdir /tmp/compile; cp {ROOT}/tools/mm/memhp/*.[ch] /tmp/compile; cd /tmp/compile
        cat >loop <<'END'
        gcc -O2 -o first *.c
        while gcc -O2 -o next *.c && cmp first next; do echo same; [ ! -e /tmp/end ] || exit 0; done; echo failed
END
        numactl --preferred={NODE} bash loop >/tmp/compile.out 2>&1 &
        wait_for 300 grep -q same /tmp/compile.out; numactl --preferred={NODE} cat /usr/lib/gcc/x86_64-linux-gnu/*/cc1 >/dev/null""")
    there = used(guest)
    result = guest.unplug(dimm, 300)
    assert result.done
    guest.sh("""count=$(grep -c same /tmp/compile.out); wait_for 300 eval '[ $(grep -c same /tmp/compile.out) -gt $((count + 1)) ]'
        touch /tmp/end; wait_for 300 eval '! pgrep -x cc1'""")
    assert set(guest.sh("cat /tmp/compile.out").split()) == {"same"}
    assert there > 20, f"only {there} MiB are on the DIMM"
    return f"{there} MiB, eject {result.seconds:.1f} s"
