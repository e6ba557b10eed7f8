# SPDX-License-Identifier: GPL-2.0
#
# Common functions of the memory hotplug tests: results as KTAP, memory blocks for
# tests, and restoring everything at the end.
#
# A test program defines functions test_NAME and calls run_tests NAME...; each is
# one KTAP result. Such a function calls flunk (and goes on) or skip and returns.

export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
memory=/sys/devices/system/memory
nodes=/sys/devices/system/node
notifier=/sys/kernel/debug/notifier-error-inject/memory
fault=/sys/kernel/debug/memory_hotplug/fail
PATIENCE=${PATIENCE:-30}	# seconds, after which a request hangs
KSFT_PASS=0 KSFT_FAIL=1 KSFT_SKIP=4

# Results

say() {
	sed 's/^/# /' <<<"$*"
}

skip_all() {
	echo "1..0 # SKIP $*"
	exit $KSFT_SKIP
}

flunk() {
	say "$*"
	flunked=1
}

skip() {
	skipped=$*
}

# same WHAT GOT WANTED
same() {
	[ "$2" = "$3" ] || flunk "$1: '$2', should be '$3'"
}

# like WHAT GOT REGEX
like() {
	[[ $2 =~ ^($3)$ ]] || flunk "$1: '$2' is not like '$3'"
}

# attempt FILE TEXT: one write(2); the name of its error, OK, or "hang".
attempt() {
	local got

	got=$(timeout -k 5 "$PATIENCE" "$here/wr" "$1" "$2")
	case $? in
	124 | 137) got="hang (then ${got:-killed})" ;;
	esac
	echo "$got"
}

# expect ERRNO FILE TEXT; true if it was so.
expect() {
	local got

	got=$(attempt "$2" "$3")
	[[ $got =~ ^($1)$ ]] && return
	flunk "writing '$3' to ${2#/sys/devices/system/}: $got, should be $1"
	return 1
}

taint() {
	# W: a warning, D: an oops
	echo $(($(</proc/sys/kernel/tainted) & (512 | 128)))
}

run_tests() {
	local name ran=0 failed=0 passed=0 description tainted

	echo "TAP version 13"
	echo "1..$#"
	for name; do
		flunked='' skipped='' tainted=$(taint)
		description=${name//_/ }
		"test_$name"
		[ "$(taint)" = "$tainted" ] || flunk "the kernel warned: see its log"
		((ran++))
		if [ -n "$flunked" ]; then
			((failed++))
			echo "not ok $ran $description"
		elif [ -n "$skipped" ]; then
			echo "ok $ran $description # SKIP $skipped"
		else
			((passed++))
			echo "ok $ran $description"
		fi
	done
	echo "# Totals: pass:$passed fail:$failed skip:$((ran - passed - failed)) of $ran, $SECONDS s"
	[ $failed = 0 ] || exit $KSFT_FAIL
	[ $passed -gt 0 ] || exit $KSFT_SKIP
	exit $KSFT_PASS
}

# Looking

block_size() {
	echo $((16#$(<$memory/block_size_bytes)))
}

state() {
	echo "$(<"$memory/memory$1/state")"
}

zones() {
	echo "$(<"$memory/memory$1/valid_zones")"
}

node_of() {
	local link

	for link in "$memory/memory$1"/node*; do
		echo "${link##*/node}"
	done
}

all_blocks() {
	local block

	for block in $memory/memory[0-9]*; do
		echo "${block##*/memory}"
	done | sort -n
}

blocks_in() {
	grep -lx "$1" $memory/memory*/state | sed 's,.*/memory\([0-9]*\)/state,\1,' | sort -n
}

zone_lines() {
	awk '$1 == "Node" { zone = $2 $4 }
	     $1 ~ /^(spanned|present|managed|start_pfn:)$/ { print zone, $1, $2 }' /proc/zoneinfo
}

# Everything that a failed request must not change.
snapshot() {
	(
		cd $memory && grep . memory*/state memory*/valid_zones memory*/phys_index | sort
		ls -d memory*/node* | sort
		cd $nodes && ls -d node*/memory* | sort
		grep . possible online has_*
		zone_lines
		cat /proc/iomem
		grep MemTotal /proc/meminfo
	) 2>/dev/null
}

# unchanged SNAPSHOT: is everything as it was then?
unchanged() {
	local now

	now=$(snapshot)
	[ "$now" = "$1" ] && return
	flunk "it left traces:"
	diff <(echo "$1") <(echo "$now") | grep '^[<>]' | head -n 20 | sed 's/^/#   /'
}

# Doing

# bring BLOCK WORD: a request that has to work; busy pages get some time.
bring() {
	local try got

	for try in 1 2 3 4 5; do
		got=$(attempt "$memory/memory$1/state" "$2")
		[ "$got" = OK ] && return 0
		[ "$2" = offline ] && [[ $got = EBUSY || $got = EAGAIN ]] || break
		sleep 0.2
	done
	say "memory$1 does not go $2: $got"
	return 1
}

must_bring() {
	bring "$@" || flunk "no $2 of memory$1"
}

# The state a block had when the program began. Called in a trap, where a bare
# return would give the status from before it.
was() {
	local state zones

	[ -d "$memory/memory$1" ] || return 0
	read -r state zones <<<"${origin[$1]}"
	[ "$(state "$1")" = "$state" ] && { [ "$state" = offline ] || [ "$(zones "$1")" = "$zones" ]; } && return 0
	[ "$(state "$1")" = offline ] || bring "$1" offline || return 1
	case "$state $zones" in
	offline*) ;;
	*Movable) bring "$1" online_movable ;;
	*) bring "$1" online_kernel ;;
	esac
}

restore() {
	local block

	for block in $(printf '%s\n' "${!origin[@]}" | sort -n); do
		was "$block" || say "memory$block cannot be as it was before"
	done
}

# A program that needs more cleaning redefines this.
cleanup() {
	:
}

finish() {
	local status=$?

	trap '' INT TERM
	cleanup
	[ ! -w $fault ] || echo >$fault
	restore
	[ -z "$auto" ] || echo "$auto" >$memory/auto_online_blocks
	exit $status
}

# spare N: picks N blocks that are not needed and takes them offline, preferably adjacent
# ones of one node, into $spare: blocks that are offline, then blocks that go offline.
spare() {
	local block node run=() best=() previous=-2 last=

	for block in $(blocks_in offline); do
		node=$(node_of "$block")
		[ "$block" = $((previous + 1)) ] && [ "$node" = "$last" ] || run=()
		run+=("$block")
		[ ${#run[@]} -le ${#best[@]} ] || best=("${run[@]}")
		previous=$block last=$node
	done
	spare=("${best[@]:0:$1}")
	[ ${#spare[@]} -lt "$1" ] || return 0
	for block in $(blocks_in online | sort -rn); do
		[ ${#spare[@]} -lt "$1" ] || break
		[ "$(<$memory/memory$block/removable)" = 1 ] && [ "$(zones "$block")" = Movable ] || continue
		bring "$block" offline && spare+=("$block")
	done
	[ ${#spare[@]} -ge "$1" ] ||
		skip_all "needs $1 memory blocks that are offline or in ZONE_MOVABLE, found ${#spare[@]}"
}

need_fault_injection() {
	[ -w $fault ] || skip_all "no $fault (CONFIG_MHP_FAULT_INJECTION)"
}

# Is there a notifier that can refuse? Modules that are loaded for it are removed at the end.
notifier_injection() {
	if [ ! -d $notifier ]; then
		modprobe -q memory-notifier-error-inject "$@" || return
		loaded=1
	fi
	[ -d $notifier ]
}

notifier_reset() {
	local error

	for error in $notifier/actions/*/error; do
		[ ! -e "$error" ] || echo 0 >"$error"
	done
	[ -z "$loaded" ] || modprobe -q -r memory-notifier-error-inject
}

[ "$(id -u)" = 0 ] || skip_all "needs root"
[ -d $memory ] || skip_all "no $memory (CONFIG_MEMORY_HOTPLUG)"
[ -x "$here/wr" ] || skip_all "$here/wr is not built"
[ -d /sys/kernel/debug/block ] || [ -d /sys/kernel/debug/bdi ] || mount -t debugfs none /sys/kernel/debug 2>/dev/null

declare -A origin
for block in $(all_blocks); do
	origin[$block]="$(state "$block") $(zones "$block")"
done
# Memory must not come online automatically during a test.
auto=$(cat $memory/auto_online_blocks 2>/dev/null)
trap finish EXIT
trap 'exit 1' INT TERM
