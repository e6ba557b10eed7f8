#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# memhp.sh PROGRAM: what tools/mm/memhp/ says of machines made up here, to the letter.
# Blocks are of 64 KiB.

# In "A && B || C" below, C is meant where A or B fails.
# shellcheck disable=SC2015

program=$1
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"; [ -z "$kernel" ] || kill "$kernel"' EXIT
kernel=
memory=$work/sys/devices/system/memory
run=0 failed=0
export LC_ALL=C COLUMNS=80 ASAN_OPTIONS=exitcode=99
unset NO_COLOR

# block N STATE ZONES NODE [FILE=TEXT]...
block() {
	local directory=$memory/memory$1 file

	mkdir -p "$directory/node$4"
	echo "$2" >"$directory/state"
	echo "$3" >"$directory/valid_zones"
	echo 1 >"$directory/removable"
	shift 4
	for file; do
		echo "${file#*=}" >"$directory/${file%%=*}"
	done
}

machine() {
	# It must not write to the log of the next one.
	[ -z "$kernel" ] || { kill "$kernel"; wait "$kernel"; } 2>/dev/null
	kernel=
	rm -rf "${work:?}"/*
	mkdir -p "$memory" "$work/proc"
	echo 10000 >"$memory/block_size_bytes"
}

# From now on the machine has what stands for /dev/memory_hotplug.
handle() {
	mkdir -p "$work/kernel"
	"$here/memhp_kernel.py" "$work" &
	kernel=$!
	until [ -S "$work/dev/memory_hotplug" ]; do
		kill -0 $kernel || exit 1
		sleep 0.05
	done
}

# tells N COUNTS [LAST_ERROR]: what the kernel knows of block N
tells() {
	echo "$2" >"$work/kernel/$1"
	[ -z "$3" ] || echo "$3" >"$work/kernel/$1.last_error"
}

# pages FILE FIRST COUNT VALUE: entries of /proc/FILE
pages() {
	python3 -c "import struct
with open('$work/proc/$1', 'ab'): pass
with open('$work/proc/$1', 'r+b') as f:
	f.seek($2 * 8)
	f.write(struct.pack('<Q', $4) * $3)"
}

# expect NAME STATUS ARGUMENT...: standard input is what it must print
expect() {
	local name=$1 status=$2 got

	shift 2
	run=$((run + 1))
	"$program" --sysroot "$work" "$@" >"$work/out" 2>&1
	got=$?
	cat >"$work/wanted"
	diff -u "$work/wanted" "$work/out" >"$work/diff" && [ $got = "$status" ] && return
	failed=$((failed + 1))
	echo "not ok $name: exit code $got"
	cat "$work/diff"
}

# holds NAME EXPRESSION ARGUMENT...: of its JSON, as d
holds() {
	local name=$1 expression=$2

	shift 2
	run=$((run + 1))
	"$program" --sysroot "$work" --json "$@" >"$work/out" 2>"$work/err"
	python3 -c "import json, sys
d = json.load(open('$work/out'))
sys.exit(not ($expression))" && [ ! -s "$work/err" ] && return
	failed=$((failed + 1))
	echo "not ok $name: $expression"
	cat "$work/out" "$work/err"
}

buddy=$((1 << 10)) lru=$((1 << 5 | 1 << 12)) slab=$((1 << 7)) huge=$((1 << 17)) poison=$((1 << 19)) hole=$((1 << 20))

# ---- A kernel that tells nothing ------------------------------------------

machine
block 0 online DMA 0
block 1 online Normal 0
block 2 online Normal 0
block 8 online Movable 1
block 9 offline "Normal Movable" 1
block 10 going-offline Movable 1
block 12 online none 1
pages kpageflags 0 208 $buddy
pages kpageflags 0 16 $hole
pages kpageflags 18 4 $slab
pages kpageflags 32 8 $lru
pages kpageflags 128 2 0
pages kpageflags 130 2 $huge
pages kpageflags 132 1 $poison
pages kpagecount 18 1 0

expect "map, estimated" 0 map <<'END'
  BLOCKS      ZONE           STATE         FULL MAP
Node 0: 192K online
  0           DMA            online           - X
  1-2         Normal         online         37% X4
Node 1: 192K of 256K online
  8           Movable        online         18% 1
  9           Normal/Movable offline          - .
  10          Movable        going-offline   0% <
  12          none           online          0% X

0..9 how full  X cannot go offline  P held  . offline  < > changing  ! lost
Blocks of 64K. The kernel does not tell more: the rest is an estimate.
END

expect "why, estimated" 0 why 1 <<'END'
block     memory1, 0x10000-0x1ffff, 64K, node 0
state     online in Normal
last      this kernel does not keep how requests ended
pages             12 free          48K
                   0 movable        0B
                   4 unmovable     16K
                   0 pinned         0B
                   0 hugetlb        0B
                   0 poisoned       0B
score     0 of 100, an estimate by the flags of pages: they do not tell who is pinned
blocker   page frame 0x12, slab
          flags slab, mapped 0 times
          who allocated it is not recorded (boot option page_owner=on)
cause     caches of the kernel do not move
advice    Try 'echo 2 >/proc/sys/vm/drop_caches'; for good: 'memhp online --movable'.
END

expect "a range that could go" 0 query 0x20000-0x2ffff <<'END'
range     1 block, 0x20000-0x2ffff, 64K, 64K online
can go    yes: 32K to move
pages              8 free          32K
                   8 movable       32K
                   0 unmovable      0B
                   0 pinned         0B
                   0 hugetlb        0B
                   0 poisoned       0B
score     50 of 100, an estimate by the flags of pages: they do not tell who is pinned
END

holds "holes" "d['can_go'] == 'no' and d['kind'] == 'hole' and d['blocker'] == 0" query 0-1
holds "what flags tell" "[d[k] for k in ('free', 'movable', 'hugetlb', 'poisoned')] == [13, 0, 2, 1]" query 8
holds "several zones" "d['kind'] == 'multi-zone' and d['page'] is None and d['last_error'] is None" why 12
expect "no groups" 1 groups <<'END'
memhp: this kernel does not show groups of memory blocks
END
expect "a dump is not changed" 1 offline memory2 <<'END'
memhp: a request is for this machine, not for that of --sysroot
END
expect "a gap" 1 query 2-8 <<'END'
memhp: 2-8: of these 7 blocks only 2 exist, 'memhp map' shows which
END
expect "one block is missing" 1 query 8-9,10-12 <<'END'
memhp: 10-12: of these 3 blocks only 2 exist, 'memhp map' shows which
END
expect "parts of blocks" 1 query 0x11000-0x1ffff <<'END'
memhp: 0x11000-0x1ffff is not of whole blocks: those which it touches are 1-1
END
holds "an address" "d['block'] == 1" why 0x1f123

# The record of the allocation of four pages, of which the third is asked for.
mkdir -p "$work/sys/kernel/debug"
python3 -c "
with open('$work/sys/kernel/debug/page_owner', 'wb') as f:
	f.seek(16)
	f.write(b'Page allocated via order 2, mask 0xcc0, pid 7, tgid 7 (e\x1bvil), ts 1 ns\nPFN 0x10 type Unmovable\n stack+0x1\n\n')"
holds "who allocated it" "'(e?vil)' in d['page']['owner'] and d['page']['pfn'] == 18" why 1

rm "$work/proc/kpageflags"
expect "nobody tells" 0 map <<'END'
  BLOCKS      ZONE           STATE         FULL MAP
Node 0: 192K online
  0           DMA            online           - ?
  1-2         Normal         online           - ??
Node 1: 192K of 256K online
  8           Movable        online           - ?
  9           Normal/Movable offline          - .
  10          Movable        going-offline    - <
  12          none           online           - X

? how full is not known  X cannot go offline  P held  . offline  < > changing  ! lost
Blocks of 64K. Root can see more.
END

# ---- A kernel that tells all ----------------------------------------------

machine
handle
block 4 online Normal 0 group=none
tells 4 "free=10 movable=2 unmovable=4 pinned=0 hugetlb=0 poisoned=0 blocker=0x41 kind=slab score=0"
block 5 online Movable 1 group=3
tells 5 "free=14 movable=1 unmovable=0 pinned=1 hugetlb=0 poisoned=0 blocker=0x52 kind=pinned score=0 more=1" \
	"verb=offline err=-16 reason=pinned pfn=0x52 step=evacuate passes=12 left=1 ms=5023 detail=two words later=on"
block 6 going-offline Movable 1 group=3
tells 6 "free=12 movable=4 unmovable=0 pinned=0 hugetlb=0 poisoned=0 blocker=none kind=none score=75"
block 7 lost Movable 1
tells 7 "free=0 movable=0 unmovable=0 pinned=0 hugetlb=0 poisoned=0 blocker=none kind=none score=0" \
	"verb=offline err=-133 reason=lost"
mkdir -p "$memory/groups/3"
echo static >"$memory/groups/3/type"
echo 1 >"$memory/groups/3/node"
echo 5-6 >"$memory/groups/3/blocks"
echo Movable >"$memory/groups/3/zones"
echo PNP0C80:00 >"$memory/groups/3/owner"

expect "map" 0 <<'END'
  BLOCKS      ZONE           STATE         FULL MAP
Node 0: 64K online
  4           Normal         online         37% X
Node 1: 128K of 192K online
  5           Movable        online         12% P
  6           Movable        going-offline  25% <
  7           Movable        lost             - !

0..9 how full  X cannot go offline  P held  . offline  < > changing  ! lost
Blocks of 64K.
END

expect "why" 0 why memory5 <<'END'
block     memory5, 0x50000-0x5ffff, 64K, node 1, group 3
state     online in Movable
last      offline failed (Device or resource busy): pinned at page frame 0x52, step evacuate, 12 passes, 1 left, after 5.0 s
          detail=two words
          later=on
pages             14 free          56K
                   1 movable        4K
                   0 unmovable      0B
                   1 pinned         4K
                   0 hugetlb        0B
                   0 poisoned       0B
score     0 of 100
blocker   page frame 0x52, pinned
          who allocated it is not recorded (boot option page_owner=on)
cause     something holds the page for long: I/O of a device, a pipe, a debugger
advice    End what does, then try again.
END

expect "a block that is changing" 0 why 6 <<'END'
block     memory6, 0x60000-0x6ffff, 64K, node 1, group 3
state     going-offline in Movable
last      no request has failed since
pages             12 free          48K
                   4 movable       16K
                   0 unmovable      0B
                   0 pinned         0B
                   0 hugetlb        0B
                   0 poisoned       0B
score     75 of 100
advice    It is changing: look again.
END

expect "groups" 0 groups <<'END'
GROUP TYPE     NODE    SIZE  ONLINE  ZONES          OWNER            BLOCKS
    3 static      1    128K    128K  Movable        PNP0C80:00       5-6
END

holds "last_error" "d['last_error'] == dict(verb='offline', err=-16, reason='pinned', pfn=0x52, step='evacuate', passes=12,
	left=1, ms=5023, detail='two words', later='on')" why 5
holds "a group" "d['blocks'] == 2 and d['free'] == 26 and d['blocker'] == 0x52 and d['can_go'] == 'no'" query group3
tells range "free=26 movable=1 unmovable=5 pinned=0 hugetlb=0 poisoned=0 blocker=0x51 kind=slab score=0"
holds "what the kernel says of all of it" "d['unmovable'] == 5 and d['blocker'] == 0x51 and d['kind'] == 'slab'" query 5,6
rm "$work/kernel/range"
holds "groups" "d['groups'] == [dict(group=3, type='static', node=1, blocks='5-6', zones='Movable', owner='PNP0C80:00',
	size=131072, online_size=131072)]" groups
# More than a page of it
seq -s , 100 2 4000 >"$memory/groups/3/blocks"
holds "groups, a long list" "d['groups'][0]['blocks'] == ','.join(map(str, range(100, 4001, 2)))" groups
echo 5-6 >"$memory/groups/3/blocks"

# A kernel without the device, but with the file
machine
block 5 online Movable 1 "last_error=verb=offline err=-16 reason=pinned pfn=0x52"
holds "last_error, by its file" "d['last_error']['reason'] == 'pinned' and d['page']['pfn'] == 0x52 and d['source'] is None" why 5

# ---- Size -----------------------------------------------------------------

machine
handle
for ((n = 0; n < 400; n++)); do
	free=$((n % 100 == 99 ? 0 : 16))
	block $n online Movable 0
	tells $n "free=$free movable=$((16 - free)) unmovable=0 pinned=0 hugetlb=0 poisoned=0 blocker=none kind=none score=$((1 + free * 6))"
done
expect "equal blocks are folded" 0 map <<'END'
  BLOCKS      ZONE           STATE         FULL MAP
Node 0: 25M online
  0-399       Movable        online          1% 0*99 90*99 90*99 90*99 9

0..9 how full  X cannot go offline  P held  . offline  < > changing  ! lost
Blocks of 64K.
END
COLUMNS=50 LC_ALL=C.UTF-8 expect "narrow, in color" 0 map --color=always < <(printf '%s\n' \
	"  BLOCKS      ZONE           STATE         FULL MAP" \
	$'\e[1mNode 0\e[0m: 25M online' \
	$'  0-399       Movable        online          1% \e[0m\e[32m▁*99 █\e[0m' \
	$'                                                \e[0m\e[32m▁*99 █\e[0m' \
	$'                                                \e[0m\e[32m▁*99 █\e[0m' \
	$'                                                \e[0m\e[32m▁*99 █\e[0m' \
	"" \
	$'▁▂▃▄▅▆▇█ how full  \e[32mcan go\e[0m  \e[33mheld\e[0m  \e[31mcannot go\e[0m  . offline  < > changing  ! lost' \
	'Blocks of 64K.')

# ---- Requests -------------------------------------------------------------

# requests NAME LINES: what the kernel was asked since the last time
requests() {
	run=$((run + 1))
	diff -u <(printf '%s\n' "${@:2}") "$work/log" >"$work/diff"
	local same=$?

	: >"$work/log"
	[ $same = 0 ] && return
	failed=$((failed + 1))
	echo "not ok $1: what the kernel was asked"
	cat "$work/diff"
}

# answer: standard input is what the kernel answers, unless it is a question
answer() {
	cat >"$work/kernel/answer"
}

# As expect, but times are S
expect_timed() {
	local name=$1 status=$2 got

	shift 2
	run=$((run + 1))
	"$program" --sysroot "$work" "$@" 2>&1 >"$work/out" </dev/null | sed 's/^/! /' >"$work/err"
	got=${PIPESTATUS[0]}
	cat >"$work/wanted"
	sed 's/in [0-9.]* s/in S s/' "$work/out" "$work/err" | diff -u "$work/wanted" - >"$work/diff" &&
		[ "$got" = "$status" ] && return
	failed=$((failed + 1))
	echo "not ok $name: exit code $got"
	cat "$work/diff"
}

machine
handle
for n in 2 3 4 5 7; do
	block $n online Movable 0 group=$((n / 6))
done
block 8 offline Movable 0
: >"$work/log"

answer <<'END'
progress pages=64 left=32 moved=32 failed=0 passes=1 ms=2
block=2 result=done err=0 reason=none pfn=none step=check
block=3 result=done err=0 reason=none pfn=none step=check
block=5 result=done err=0 reason=none pfn=none step=check
request verb=offline result=ok wanted=3 done=3 ms=12 err=0 reason=none pfn=none step=check
END
expect_timed "it says what it did, not on a terminal too" 0 offline 5,2-3 <<'END'
192K offline in S s: blocks 2-3,5
END
expect_timed "a line for each block" 0 offline -v 2-3,memory5 <<'END'
memory2 is offline
memory3 is offline
memory5 is offline
192K offline in S s: blocks 2-3,5
END
requests "several ranges" "offline 2-3,5" "offline 2-3,5"
holds "JSON of a request" "d['result'] == 'done' and d['changed_size'] == d['wanted_size'] == 3 << 16 and d['ended_by'] is None
	and [(b['block'], b['outcome']) for b in d['blocks']] == [(2, 'changed'), (3, 'changed'), (5, 'changed')]" offline 2,3,5
requests "each block once" "offline 2-3,5"
expect_timed "as wanted already" 0 offline memory8 <<'END'
nothing to do: all of it is offline
END
expect_timed "some of it already" 0 offline 5,8,3-4,2 <<'END'
192K offline in S s: blocks 2-3,5
END
requests "what is to change only" "offline 2-5"

answer <<'END'
block=7 result=done err=0 reason=none pfn=none step=check
block=4 result=failed err=-16 reason=pinned pfn=0x41 step=evacuate
request verb=offline result=ok wanted=1 done=1 ms=12 err=0 reason=none pfn=none step=check
END
expect_timed "a size" 0 offline 64K --node 0 --zone movable --timeout 1.5 <<'END'
64K offline in S s: block 7
! memhp: memory4 does not go offline: pinned at page frame 0x41 ('memhp why 4' says more)
END
expect_timed "a size, online" 0 online --movable --node 1 64K --timeout 0.0001 <<'END'
64K online in S s: block 7
! memhp: memory4 does not go online: pinned at page frame 0x41 ('memhp why 4' says more)
END
requests "sizes" "offline size=65536 node=0 zone=movable timeout=1500" "online_movable size=65536 node=1 timeout=1"

answer <<'END'
block=2 result=done err=0 reason=none pfn=none step=check
block=3 result=failed err=-16 reason=unmovable pfn=0x33 step=evacuate
request verb=offline result=partial wanted=2 done=1 ms=12 err=-16 reason=unmovable pfn=0x33 step=evacuate
END
expect_timed "best effort" 64 offline -b 2,3 <<'END'
64K offline in S s: block 2
! memhp: memory3 does not go offline: unmovable at page frame 0x33 ('memhp why 3' says more)
! memhp: 64K of 128K offline
END
requests "best effort" "offline 2-3 best-effort"
answer <<'END'
request verb=offline result=failed wanted=16 done=0 ms=1 err=-16 reason=absent pfn=none step=check
END
expect_timed "the reason of all" 1 offline 1M --node 77 <<'END'
! memhp: nothing of 1M offline: there are no such blocks, or fewer than asked for
END
answer <<'END'
request verb=offline result=failed wanted=1 done=0 ms=1 err=-5 reason=new-word pfn=none step=check
END
expect_timed "a reason that nobody knows" 1 offline memory2 <<'END'
! memhp: nothing of 64K offline: new-word
END
answer </dev/null
expect_timed "no answer" 1 offline memory2 <<'END'
! memhp: nothing of 64K offline
END
: >"$work/log"

# A block and a size differ by one letter.
for command in offline online; do
	expect_timed "a lone number" 1 $command 8 <<'END'
! memhp: 8 may be a block or a size: say memory8 for the block, 8G for a size
END
done
expect_timed "a lone number that is no block" 1 offline 99 <<'END'
! memhp: 99: there is no such block, 'memhp map' shows which there are
END
expect_timed "a size of more blocks than can be counted" 1 offline 256T <<'END'
! memhp: 256T is more than there can be
END
expect_timed "a zone that is none" 1 offline 64K --zone 'Movable best-effort' <<'END'
! memhp: --zone Movable best-effort: it is the name of a zone
END
run=$((run + 1))
grep -v closed "$work/log" && failed=$((failed + 1)) && echo "not ok: a request was made"

# on_terminal TEXT COMMAND...: that is typed; what the terminal shows is in $work/out
on_terminal() {
	run=$((run + 1))
	printf '%s\n' "$1" | script -qec "$program --sysroot $work ${*:2}" /dev/null >"$work/out" 2>&1
	status=$?
}

# seen LINE: waits until the kernel was asked that
seen() {
	local n

	for ((n = 0; n < 600; n++)); do
		grep -qx "$1" "$work/log" && return
		sleep 0.05
	done
	return 1
}

wrong() {
	failed=$((failed + 1))
	echo "not ok $1: exit code $status"
	cat -v "$work/out" "$work/log"
}

if command -v script >/dev/null; then
	answer <<'END'
progress pages=64 left=48 moved=16 failed=0 passes=1 ms=2
!sleep 2
block=3 result=done err=0 reason=none pfn=none step=check
request verb=offline result=ok wanted=1 done=1 ms=12 err=0 reason=none pfn=none step=check
END
	: >"$work/log"
	on_terminal n offline 3
	[ $status = 1 ] && grep -q "Take memory3, a block of 64K, offline?" "$work/out" && ! grep -q offline "$work/log" ||
		wrong "a lone number, and no"
	on_terminal y offline 3
	[ $status = 0 ] && grep -qx "offline 3" "$work/log" || wrong "a lone number, and yes"
	on_terminal "" offline memory3
	[ $status = 0 ] && grep -q "\[#########-*\] 64K going offline, [0-9]* s, 48 pages left" "$work/out" || wrong "a bar"
	answer <<'END'
progress pages=64 left=48 moved=16 failed=0 passes=1 ms=2
!wait
!sleep 2
block=3 result=untouched err=0 reason=none pfn=none step=check
request verb=offline result=cancelled wanted=1 done=0 ms=12 err=-125 reason=cancelled pfn=none step=evacuate
END
	: >"$work/log"
	run=$((run + 1))
	(seen "offline 2-3"; printf '\003'; sleep 3) | script -qec "exec $program --sysroot $work offline 2-3" /dev/null >"$work/out" 2>&1
	status=$?
	[ $status = 1 ] && grep -qx cancel "$work/log" && grep -q "taking back" "$work/out" &&
		grep -q "cancelled: nothing of 128K offline" "$work/out" || wrong "Ctrl-C"
	answer <<'END'
!wait
!wait
END
	: >"$work/log"
	run=$((run + 1))
	(seen "offline 2-3"; printf '\003'; seen cancel; printf '\003'; sleep 1) |
		script -qec "exec $program --sysroot $work offline 2-3" /dev/null >"$work/out" 2>&1
	status=$?
	[ $status = 1 ] && grep -q "still takes back" "$work/out" && seen closed || wrong "Ctrl-C twice"
fi

# Killed, it closes the device.
answer <<'END'
!wait
END
: >"$work/log"
run=$((run + 1))
"$program" --sysroot "$work" offline 2-3 >"$work/out" 2>&1 &
seen "offline 2-3"
{ kill -KILL $!; wait $!; } 2>/dev/null
seen closed
status=0
[ "$(<"$work/log")" = $'offline 2-3\nclosed' ] || wrong "killed"

# ---- What no kernel says --------------------------------------------------

garbage=("=" "a=" "free" "free=x movable=-1 blocker=0x kind= score=9999999999999999999999" "$(printf 'x%.0s' {1..5000})"
	"$(printf 'free=1 movable=1 k%s=1 ' {1..100})" $'\e[31m\xff\x01 err=-16' "err=-99999999999999 reason= pfn=0x")
machine
handle
for text in "${garbage[@]}"; do
	rm -rf "${memory:?}"/memory*
	block 1 "$text" "$text" 0 "last_error=$text" "group=$text"
	tells 1 "$text" "$text"
	echo "$text" | answer
	: >"$memory/memory1/removable"
	holds "garbage, why" "d['block'] == 1" why 1
	holds "garbage, map" "len(d['blocks']) == 1" map
	holds "garbage, query" "d['blocks'] == 1" query 1
	for command in map "why 1" "query 1" "offline memory1" "online 64K"; do
		run=$((run + 1))
		# shellcheck disable=SC2086
		"$program" --sysroot "$work" $command >"$work/out" 2>&1
		[ $? -le 1 ] && ! grep -q '[^[:print:]]' "$work/out" && continue
		failed=$((failed + 1))
		echo "not ok garbage, $command"
		cat "$work/out"
	done
done
for size in "" 0 xyz 3 ffffffffffffffffff; do
	echo "$size" >"$memory/block_size_bytes"
	run=$((run + 1))
	"$program" --sysroot "$work" map >"$work/out" 2>&1
	[ $? = 1 ] && grep -q "is no size of blocks" "$work/out" && continue
	failed=$((failed + 1))
	echo "not ok a block size of '$size'"
	cat "$work/out"
done

echo "$run tests run, $((run - failed)) passed, $failed failed."
[ $failed = 0 ]
