# SPDX-License-Identifier: GPL-2.0
# guest: nodes=1G,1G,0 dimms=512M:0,512M:1,512M:2
# lsmem: every option and column, compared with sysfs

. "$GUEST_LIB"

mapfile -t offline < <(blocks_that_are offline)
[ ${#offline[@]} = 12 ] || fail "${#offline[@]} offline blocks, not 12"
set_blocks online_movable "${offline[@]:0:2}"
set_blocks online_kernel "${offline[4]}"
set_blocks online_movable "${offline[@]:9:2}"
size=$(block_size)
numbers=$(ls -d $memory/memory* | sed 's,.*/memory,,' | sort -n)
blocks=$(wc -l <<<"$numbers")

# From sysfs: "BLOCK RANGE SIZE STATE REMOVABLE NODE ZONES" for each block. lsmem does not
# say whether offline blocks are removable.
from_sysfs() {
	local number directory removable node zones

	for number in $numbers; do
		directory=$memory/memory$number
		removable=no
		[ "$(<"$directory/removable")" = 0 ] || removable=yes
		[ "$(<"$directory/state")" = online ] || removable=-
		node=$(echo "$directory"/node*)
		zones=$(<"$directory/valid_zones")
		# A block of two zones, such as the first where the kernel has ZONE_DMA.
		[ "$zones" != none ] || zones=None
		printf '%d 0x%016x-0x%016x %d %s %s %d %s\n' "$number" $((number * size)) $(((number + 1) * size - 1)) "$size" \
			"$(<"$directory/state")" $removable "${node##*/node}" "${zones/ //}"
	done
}

# same ABOUT: /tmp/a and /tmp/b have the same content
same() {
	cmp -s /tmp/a /tmp/b || { diff /tmp/a /tmp/b; fail "$1"; }
}

# beside_sysfs ABOUT OPTIONS: /tmp/b is what lsmem says, /tmp/a what sysfs says before and after it. The
# kernel may take the first unmovable page of a block at any time.
beside_sysfs() {
	from_sysfs >/tmp/after
	while :; do
		mv /tmp/after /tmp/a
		# shellcheck disable=SC2086
		lsmem $2 >/tmp/b || fail "$1"
		from_sysfs >/tmp/after
		! cmp -s /tmp/a /tmp/after || break
	done
}

columns=BLOCK,RANGE,SIZE,STATE,REMOVABLE,NODE,ZONES
beside_sysfs "raw" "-a -b -n -r -o $columns"
sed -i 's/offline  /offline - /' /tmp/b
same "raw, block by block"
beside_sysfs "long options" "--all --bytes --noheadings --raw --output $columns"
sed -i 's/offline  /offline - /' /tmp/b
same "long options"
beside_sysfs "pairs" "-a -b -P -o $columns"
sed -i 's/""/"-"/' /tmp/b
sed -E 's,(\S+) (\S+) (\S+) (\S+) (\S+) (\S+) (\S+),BLOCK="\1" RANGE="\2" SIZE="\3" STATE="\4" REMOVABLE="\5" NODE="\6" ZONES="\7",' /tmp/a >/tmp/c
mv /tmp/c /tmp/a
same "pairs"
beside_sysfs "json" "-a -b -J -o $columns"
mv /tmp/b /tmp/json
python3 - /tmp/json >/tmp/b <<'PYTHON' || fail "no JSON"
import json, sys
for m in json.load(open(sys.argv[1]))["memory"]:
    print(m["block"], m["range"], m["size"], m["state"], "-" if m["state"] == "offline" else "yes" if m["removable"] else "no", m["node"], m["zones"])
PYTHON
same "JSON"

# The table: as many lines as blocks, and each column under its heading.
lsmem -a --output-all --summary=never >/tmp/out || fail "table"
[ "$(wc -l </tmp/out)" = $((blocks + 1)) ] || fail "$(wc -l </tmp/out) lines for $blocks blocks"
read -ra heading </tmp/out
[ "${heading[*]}" = "RANGE SIZE STATE REMOVABLE BLOCK NODE ZONES" ] || fail "columns ${heading[*]}"
for column in RANGE SIZE STATE REMOVABLE BLOCK NODE ZONES; do
	[ "$(lsmem -n -a -r -o $column | wc -l)" = "$blocks" ] || fail "column $column"
done
lsmem -o NONSENSE 2>/dev/null && fail "an unknown column"
lsmem -S NONSENSE 2>/dev/null && fail "an unknown column to split by"
lsmem -J -P 2>/dev/null && fail "two forms at once"

# Ranges join adjacent blocks with equal values. Each has the size of its blocks, and all blocks are in one.
for split in none STATE NODE ZONES REMOVABLE STATE,NODE STATE,ZONES,NODE,REMOVABLE; do
	lsmem -b -n -r -S $split -o SIZE,BLOCK >/tmp/out || fail "-S $split"
	total=0
	while read -r bytes some; do
		[ "$bytes" = $(((${some#*-} - ${some%-*} + 1) * size)) ] || fail "-S $split: blocks $some are $bytes"
		total=$((total + bytes))
	done </tmp/out
	[ $total = $((blocks * size)) ] || fail "-S $split: $total in all"
done
from_sysfs | awk '{ key = $4 " " $6 " " $7 }
	NR == 1 || key != last || $1 != number + 1 { if (NR > 1) print first "-" number, last; first = $1 } { last = key; number = $1 }
	END { print first "-" number, last }' | sed -E 's/^([0-9]+)-\1 /\1 /' >/tmp/a
lsmem -n -r -S STATE,NODE,ZONES -o BLOCK,STATE,NODE,ZONES >/tmp/b
same "ranges by state, node and zones"

# Totals
for summary in --summary=only --summary=always --summary; do
	for state in online offline; do
		total=$(lsmem -b $summary | awk -v state=$state '$1 == "Total" && $2 == state { print $NF }')
		[ "$total" = $((size * $(blocks_that_are $state | wc -l))) ] || fail "$summary: total $state is $total"
	done
	[ "$(lsmem -b $summary | awk '/^Memory block size/ { print $NF }')" = "$size" ] || fail "$summary: block size"
done
lsmem --summary=never | grep Total && fail "totals though never wanted"
[ "$(lsmem | sed -n '/^Memory block size/s/.* //p')" = 128M ] || fail "block size for people"

# From a dump
make_dump() {
	local directory file node

	rm -rf /tmp/dump
	mkdir -p /tmp/dump$memory
	cat $memory/block_size_bytes >/tmp/dump$memory/block_size_bytes
	for directory in $memory/memory*; do
		mkdir "/tmp/dump$directory"
		for file in state removable phys_index valid_zones phys_device; do
			cat "$directory/$file" >"/tmp/dump$directory/$file"
		done
		for node in "$directory"/node*; do
			mkdir "/tmp/dump$directory/${node##*/}"
		done
	done
}
from_sysfs >/tmp/after
until
	mv /tmp/after /tmp/before
	make_dump
	for n in 1 2 3 4; do
		options=("-a -b -J --output-all" "--output-all" "-S ZONES,NODE -P" "--summary=only")
		# shellcheck disable=SC2086
		lsmem ${options[n - 1]} >/tmp/a$n
	done
	from_sysfs >/tmp/after
	cmp -s /tmp/before /tmp/after
do :; done
for n in 1 2 3 4; do
	# shellcheck disable=SC2086
	lsmem -s /tmp/dump ${options[n - 1]} >/tmp/b || fail "lsmem -s ${options[n - 1]}"
	cp /tmp/a$n /tmp/a
	same "of a dump: ${options[n - 1]}"
done
set_blocks offline "${offline[0]}"
lsmem --sysroot /tmp/dump --summary=only >/tmp/b
same "the dump, after a change"
lsmem -s /tmp 2>/dev/null && fail "of what is no dump"
true
