# SPDX-License-Identifier: GPL-2.0
# guest: nodes=1G,1G,0
# numactl, numastat and free see memory that is added and removed on its node, and use it

. "$GUEST_LIB"
need numactl numastat

node_mb() { numactl -H | awk -v n="$1" '$1 == "node" && $2 == n && $3 == "size:" { print $4 }'; }
shmem_mb() { cat "/sys/devices/system/node/node$1/meminfo" 2>/dev/null | awk '$3 == "Shmem:" { kb = $4 } END { print int(kb / 1024) }'; }

# lies MB0 MB1 MB2 OPTION...: of 96 MiB of new data with numactl OPTION, each node has that much; "-": any amount
lies() {
	local wanted=("${@:1:3}") node had got

	shift 3
	had=("$(shmem_mb 0)" "$(shmem_mb 1)" "$(shmem_mb 2)")
	numactl "$@" dd if=/dev/zero of=/dev/shm/data bs=1M count=96 status=none || fail "numactl $*"
	for node in 0 1 2; do
		got=$(($(shmem_mb $node) - had[node]))
		echo "numactl $*: $got MB on node $node"
		[ "${wanted[node]}" != - ] || continue
		((got - wanted[node] >= -2 && got - wanted[node] <= 2)) ||
			fail "numactl $*: $got MB on node $node, not ${wanted[node]}"
	done
	rm /dev/shm/data
}

# refused OPTION...: a node without memory cannot be used
refused() {
	numactl "$@" true 2>/dev/null && fail "numactl $* of a node without memory"
	echo "numactl $*: refused"
}

without_node_2() {
	refused --membind=2
	refused --interleave=2
	lies - - 0 --interleave=all
	lies 96 0 0 --membind=0
	lies 48 48 0 --interleave=0,1
	numactl --show | grep -qE '^membind: 0 1 *$' || fail "$(numactl --show)"
}

for node in 1 2; do
	before=$(node_mb $node)
	total=$(free -m | awk '/^Mem/ { print $2 }')
	[ $node = 1 ] || without_node_2
	plug 512M $node || fail "plug"
	mapfile -t new < <(blocks_that_are offline)
	set_blocks online_movable "${new[@]}"
	[ $(($(node_mb $node) - ${before:-0})) = 512 ] || fail "node $node went from $before to $(node_mb $node) MB"
	[ $(($(free -m | awk '/^Mem/ { print $2 }') - total)) = 512 ] || fail "free's total"
	[ "$(numastat -m | awk -v n=$((node + 2)) '$1 == "MemTotal" { print int($n) }')" -ge 512 ] || fail "numastat -m"
	if [ $node = 1 ]; then
		lies 0 96 0 --membind=1
	else
		numactl --show | grep -qE '^membind: 0 1 2 *$' || fail "$(numactl --show)"
		numactl -H | awk '$1 == "2:" { print $NF }' | grep -qx 10 || fail "no distance to itself"
		lies 0 0 96 --membind=2
		lies 0 0 96 --preferred=2
		lies 48 0 48 --interleave=0,2
		lies 32 32 32 --interleave=all
		lies 0 - - --membind=1,2
	fi
	unplug || fail "unplug"
	[ "$(node_mb $node)" = "$before" ] || fail "node $node has $(node_mb $node) MB, not $before"
done
without_node_2
