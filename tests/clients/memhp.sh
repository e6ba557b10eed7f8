# SPDX-License-Identifier: GPL-2.0
# guest: dimms=512M:0,512M:1 cmdline=page_owner=on timeout=600
# memhp: every command, on blocks that go offline and on one that does not

. "$GUEST_LIB"

need python3 script
device=/dev/memory_hotplug
mapfile -t all < <(blocks_that_are offline)
[ ${#all[@]} = 8 ] || fail "${#all[@]} offline blocks, not 8"
size=$(block_size)
a=("${all[@]:4}")	# of node 1
first=${a[0]} held=${a[2]} last=${a[3]}

# run STATUS ARGUMENT...: memhp must exit with this status
run() {
	local want=$1 got

	shift
	echo "\$ memhp $*"
	memhp "$@" >/tmp/out 2>/tmp/err
	got=$?
	cat /tmp/out /tmp/err
	[ $got = "$want" ] || fail "memhp $* exited $got, not $want"
}

# json STATUS EXPRESSION ARGUMENT...: the same; EXPRESSION must be true for the JSON output, d
json() {
	local status=$1 expression=$2

	shift 2
	run "$status" --json "$@"
	python3 -c "import json, sys
d = json.load(open('/tmp/out'))
sys.exit(not ($expression))" || fail "memhp --json $*: not so: $expression"
}

# soon STATUS EXPRESSION ARGUMENT...: the same, as soon as it is so: who takes a page for a moment seems to hold it
soon() {
	wait_for 20 quietly json "$@"
	cat /tmp/quiet
}

quietly() {
	("$@") >/tmp/quiet 2>&1
}

said() {
	grep -q -e "$1" /tmp/out /tmp/err || fail "it did not say '$1'"
}

# are STATES...: the blocks of node 1 have these states: "offline", or the zone of an online block
are() {
	local got

	got=$(zones "${a[@]}" | sed 's/.*:online://; s/.*:offline:.*/offline/' | tr '\n' ' ')
	[ "$got" = "$* " ] || fail "blocks are $got, not $*"
}

# within SECONDS COMMAND...; longer on a slow machine
within() {
	local limit=$(($1 * ${guest_patience:-1})) begin=$SECONDS

	shift
	"$@"
	[ $((SECONDS - begin)) -le "$limit" ] || fail "it took $((SECONDS - begin)) s: $*"
}

# Online: a block, a range, addresses, a size; blocks that are online already are no error
run 0 online --kernel "memory$first"
said "^128M online in [0-9.]* s: block $first$"
run 0 online --movable memory"${a[1]}"
run 0 online -m "$(printf '0x%x-0x%x' $((held * size)) $(((last + 1) * size - 1)))"
are Normal Movable Movable Movable
run 0 online "$first-$last"
run 0 offline -v "${a[1]}-$last"
said "memory$held is offline"
said "^384M offline in [0-9.]* s: blocks ${a[1]}-$last$"
are Normal offline offline offline
json 0 "d['result'] == 'done' and d['changed_size'] == 2 * $size and len(d['blocks']) == 2" \
	online 256M --node 1 --movable
run 0 online -m "$first-$last"
are Normal Movable Movable Movable

# The map: each block once, with the values of sysfs; not wider than allowed; color on request
json 0 "len(d['blocks']) == $(lsmem -a -n -o BLOCK --summary=never | wc -l) and d['block_size'] == $size" map
json 0 "{b['block']: b['zones'] for b in d['blocks']}[$held] == 'Movable'" map
json 0 "all(b['source'] and b['node'] is not None for b in d['blocks'] if b['block'] in range($first, $last + 1))" map
COLUMNS=60 run 0
said "^Node 1: "
said "^  ${a[1]}-$last  *Movable  *online"
[ "$(wc -L </tmp/out)" -le 80 ] || fail "lines of $(wc -L </tmp/out) columns"
[ "$(grep '^  ' /tmp/out | wc -L)" -le 60 ] || fail "more than 60 columns"
! grep -q $'\033' /tmp/out || fail "color where there is no terminal"
LC_ALL=C.UTF-8 run 0 map --color=always
said $'\033\[32m'
said ▁
TERM=xterm NO_COLOR=1 script -qec "memhp map" /tmp/out >/dev/null
! grep -q $'\033\[3' /tmp/out || fail "color in spite of NO_COLOR"
TERM=xterm script -qec "memhp map" /tmp/out >/dev/null
said $'\033\[3'

# Questions, on blocks with nothing in them
soon 0 "d['can_go'] == 'yes' and d['online'] == 3 and d['unmovable'] == 0 and d['blocker'] is None" \
	query "${a[1]}-$last"
json 0 "sum(d[k] for k in ('free', 'movable', 'unmovable', 'pinned', 'hugetlb', 'poisoned')) == $size / 4096" \
	query "$held"
run 0 why "$held"
said "online in Movable"
said "^advice "

# Something holds a page of a block for long.
hold pin 1 $((held * size)) $(((held + 1) * size)) >/tmp/hold &
hold=$!
wait_for 60 grep -q 0x /tmp/hold
pfn=$(($(</tmp/hold) / 4096))

cancel() {
	rm -f /tmp/out
	# When it shows its progress.
	(wait_for 30 grep -qx going-offline "$memory/memory$held/state"; wait_for 30 grep -qs "going offline" /tmp/out; printf '\003') |
		script -qefc "exec memhp offline ${a[1]}-$last" /tmp/out >/dev/null
	status=$?
}

requests() {
	# A page that cannot move: it says so, and leaves everything as it was
	run 1 offline "memory$held"
	said "memory$held does not go offline"
	are Normal Movable Movable Movable
	run 0 why "$held"
	json 0 "d['state'] == 'online' and d['zones'] == 'Movable' and d['advice']" why "$held"

	# Atomic: blocks that went offline before the failure come online again, in their zone. The
	# block of the kernel zone may have kernel memory by now, and then does not go offline.
	run 1 offline "$first-$last"
	said "nothing of 512M offline"
	are Normal Movable Movable Movable
	run 1 offline -v "${a[1]}-$last"
	said "nothing of 384M offline"
	are Normal Movable Movable Movable
	json 64 "d['result'] == 'partial' and [b['outcome'] for b in d['blocks']].count('changed') == 2" \
		offline --best-effort "${a[1]}-$last"
	are Normal offline Movable offline
	run 0 online --movable "$first-$last"
	are Normal Movable Movable Movable

	# The time limit, and Ctrl-C, which also undoes what was done
	run 0 offline memory"${a[1]}"
	run 0 offline "${a[1]}"-"${a[1]}"
	said "^nothing to do"
	run 0 online --movable "${a[1]},${a[1]}"
	within 30 run 1 offline --timeout 3 "${a[1]}-$last"
	said "time is up"
	# A kernel that applies the time limit itself knows which page was in the way.
	if [ "$way" = device ]; then
		said "memory$held does not go offline: pinned at page frame"
	else
		said "memory$held does not go offline: not in time"
	fi
	are Normal Movable Movable Movable
	within 30 cancel
	cat /tmp/out
	[ $status = 1 ] || fail "exit status $status after Ctrl-C"
	said "cancelled"
	said "going offline"
	are Normal Movable Movable Movable
	memhp offline "memory$held" &
	writer=$!
	wait_for 30 grep -qx going-offline "$memory/memory$held/state"
	kill -TERM $writer
	within 30 wait $writer
	are Normal Movable Movable Movable

	# A size: the cheapest blocks, without the one with the held page; all or nothing, unless best-effort
	json 0 "$held not in [b['block'] for b in d['blocks'] if b['outcome'] == 'changed']" \
		offline 256M --node 1 --zone Movable
	are Normal offline Movable offline
	run 1 offline 100G --node 1 --zone Movable
	are Normal offline Movable offline
	run 0 online --movable 256M --node 1
	run 64 offline 100G --node 1 --zone Movable --best-effort
	are Normal offline Movable offline
	run 0 online --movable "$first-$last"
}

way=blocks
if [ -c $device ]; then
	way=device
	requests
	are Normal Movable Movable Movable
	# Without the device, memhp works as on a kernel that does not have it.
	mv $device /dev/hidden
	way=blocks
fi
requests
[ ! -c /dev/hidden ] || mv /dev/hidden $device
are Normal Movable Movable Movable
run 0 offline "${a[1]},$last"

# Facts that only this kernel reports
if [ -e "$memory/memory$held/last_error" ]; then
	run 1 offline "memory$held"
	said pinned
	json 0 "d['last_error']['reason'] == 'pinned' and d['last_error']['pfn'] == $pfn" why "$held"
	# Debian's kernel does not know who has allocated a page.
	owner="d['page']['owner'] is None"
	[ ! -e /sys/kernel/debug/page_owner ] || owner="'hold' in d['page']['owner']"
	json 0 "d['page']['pfn'] == $pfn and $owner" why "$held"
	run 0 why "$held"
	[ ! -e /sys/kernel/debug/page_owner ] || said "PFN $(printf '0x%x' "$pfn")"
	said "$(printf 'page frame 0x%x' "$pfn")"
fi
if [ -c $device ]; then
	json 0 "d['source'] == 'kernel'" why "$held"
	run 0 map
	! grep -q estimate /tmp/out || fail "it estimates what the kernel knows"
else
	run 0 query "${a[1]}-$held"
	said estimate
fi
if [ -d $memory/groups ]; then
	json 0 "len(d['groups']) == 2 and {g['size'] for g in d['groups']} == {4 * $size}" groups
	# Its first block is in a kernel zone, and may have unmovable pages by now, or just now.
	could() {
		exec 3<>$device
		echo "query $first-$last" >&3
		! grep -q '^range=.* score=0$' <&3
		echo $?
		exec 3>&-
	}
	agrees() {
		local before

		before=$(could)
		run "$before" query "group$(<"$memory/memory$held/group")"
	}
	wait_for 20 quietly agrees
	cat /tmp/quiet
	run 0 groups
else
	run 1 groups
	said "does not show groups"
fi

# Without the pin, the block goes offline
kill $hold
wait $hold || fail "the page lost its content"
run 0 offline "${a[1]}-$last"
are Normal offline offline offline

# Mistakes: one line of output, and no change
for mistake in "offline 9999" "offline x" "offline 12-" "offline 0x1000-0x1fff" "offline 100M" "offline" "online 0x0-0x1" \
	"why 0-1" "map 12" "query --movable 1" "offline --timeout 0 memory$first" "offline --node 1 memory$first" "frobnicate" \
	"--color=pink" "query group99" "offline 5-4" "offline 128M --node 77" "offline $first" "online $first" "offline 128M --zone None"; do
	# shellcheck disable=SC2086
	run 1 $mistake
	[ ! -s /tmp/out ] && [ "$(wc -l </tmp/err)" = 1 ] || fail "$mistake: it did not say one line"
done
run 0 --help
for command in map why query offline online groups; do
	said "^ $command "
done
run 0 --version
