# SPDX-License-Identifier: GPL-2.0
"""Programs with their memory on a DIMM of node 1, which is ejected under them."""

import time

from guest import Skip

NODE = 1
# As nobody, with memory from the DIMM as long as that is there: numactl refuses a node without memory.
NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups"
AS_USER = f"numactl --preferred={NODE} {NOBODY}"


def used(guest):
    """MiB of the DIMM that are in use: it is all of the node's ZONE_MOVABLE."""
    return int(guest.sh(f"""awk '/^Node {NODE}, zone *Movable/ {{ on = 1 }} on && /pages free/ {{ free = $3 }}
        on && $1 == "managed" {{ print int(($2 - free) / 256); exit }}' /proc/zoneinfo"""))


def eject(guest, dimm, least, count):
    """Eject it, with so many MiB in use; what count() grew by in each second before that, and meanwhile."""
    first, begin = count(), time.monotonic()
    guest.sh("sleep 5")
    limit = begin + guest.longer(60)
    while used(guest) < least and time.monotonic() < limit:
        guest.sh("sleep 1")
    second, middle = count(), time.monotonic()
    there = used(guest)
    assert there >= least, f"only {there} MiB are on the DIMM"
    assert guest.unplug(dimm, 300).done
    third, end = count(), time.monotonic()
    # PostgreSQL adds up its counters once a second, if its processes have time.
    limit = end + guest.longer(30)
    while count() <= third:
        assert time.monotonic() < limit, f"it does not go on: {third} before and after {guest.longer(30)} s"
        guest.sh("sleep 1")
    rates = f"{(second - first) / (middle - begin):.0f} /s before, {(third - second) / (end - middle):.0f} /s meanwhile"
    return f"{there} MiB, eject {end - middle:.1f} s; {rates}"


POSTGRES = """
cd /tmp
export PATH=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1):$PATH PGHOST=/tmp PGUSER=me PGDATABASE=postgres PGDATA=/var/tmp/data
"""
SUMS = """SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(bbalance) FROM pgbench_branches),
    (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT sum(delta) FROM pgbench_history), (SELECT count(*) FROM pgbench_history)"""


def postgresql(guest, dimm):
    """pgbench goes on while the DIMM is ejected; then its sums are right, amcheck and the checksums of all pages find nothing."""
    def sh(text):
        return guest.sh(POSTGRES + text)

    def ask(text):
        return sh(f"{NOBODY} psql -Atqc \"{text}\"")

    def transactions():
        return int(ask("SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'"))

    if not sh("command -v initdb || true"):
        raise Skip("no PostgreSQL here")
    sh(f"""{AS_USER} initdb --no-sync --data-checksums --locale=C --auth=trust --username=me >/tmp/initdb.out
        {AS_USER} pg_ctl start -w -t 300 -l /tmp/postgres.out \\
            -o "-c listen_addresses= -c unix_socket_directories=/tmp -c shared_buffers=128MB"
        {AS_USER} pgbench -i -q -s 5
        {AS_USER} psql -qc 'CREATE EXTENSION amcheck'""")
    assert ask(SUMS) == "0|0|0||0"
    sh(f"{AS_USER} pgbench -n -c 2 -T 100000 >/tmp/pgbench.out 2>&1 & echo $! >/tmp/pgbench.pid; sleep 5")
    note = eject(guest, dimm, 100, transactions)
    sh("kill $(</tmp/pgbench.pid); wait_for 60 eval '! pgrep -x pgbench'")
    assert "aborted" not in sh("cat /tmp/pgbench.out"), sh("cat /tmp/pgbench.out")

    for _ in range(2):
        accounts, branches, tellers, history, count = map(int, ask(SUMS).split("|"))
        assert accounts == branches == tellers == history and count > 10, (accounts, branches, tellers, history, count)
        sh(f"{NOBODY} pg_amcheck --heapallindexed; {NOBODY} pg_ctl restart -w -t 300 -m fast >/tmp/restart.out")
    sh(f"{NOBODY} pg_ctl stop -w -t 300 -m fast; {NOBODY} pg_checksums --check")
    return f"transactions: {note}"
