# SPDX-License-Identifier: GPL-2.0
# guest: nodes=1G,1G,0 dimms=512M:2,512M:2 cmdline=page_table_check=off
# chmem: blocks, ranges, sizes and zones, online and offline; its output and exit status

. "$GUEST_LIB"

mapfile -t all < <(blocks_that_are offline)
[ ${#all[@]} = 8 ] || fail "${#all[@]} offline blocks, not 8"
size=$(block_size)

# are STATE BLOCK...
are() {
	local state=$1 block

	shift
	for block; do
		[ "$(<"$memory/memory$block/state")" = "$state" ] || fail "block $block is not $state"
	done
}

# in_zone ZONE BLOCK...
in_zone() {
	local zone=$1 block

	shift
	for block; do
		[ "$(<"$memory/memory$block/valid_zones")" = "$zone" ] || fail "block $block is in $(<"$memory/memory$block/valid_zones")"
	done
}

# gives STATUS TEXT ARGUMENT...: chmem exits with STATUS, and its output matches TEXT ("": any output)
gives() {
	local status=$1 text=$2 got

	shift 2
	chmem "$@" >/tmp/out 2>&1
	got=$?
	echo "chmem $*: $got, $(</tmp/out)"
	[ $got = "$status" ] || fail "chmem $* exited $got, not $status"
	if [ "$text" = nothing ]; then
		[ ! -s /tmp/out ] || fail "chmem $* says something"
		return
	fi
	grep -qE -- "$text" /tmp/out || [ -z "$text" ] || fail "chmem $* does not say '$text'"
}

# range FIRST LAST: in the format of lsmem
range() {
	printf '0x%016x-0x%016x' $(($1 * size)) $((($2 + 1) * size - 1))
}

ok=0 failed=1 partly=64

# The node has no CPU, so its kernel memory is not used, and goes offline again.
# With the check of page tables, it would have tables for blocks that come online later.
# A block; again (nothing to do); a list of blocks
gives $ok "^Memory Block ${all[0]} .* enabled" -v -b -e "${all[0]}"
are online "${all[0]}"
gives $ok "^Memory Block ${all[0]} .* already enabled" -v -b -e "${all[0]}"
gives $ok nothing -b -d "${all[0]}"
are offline "${all[0]}"
gives $ok "^Memory Block ${all[0]} .* already disabled" -v -b -d "${all[0]}"
gives $ok "" --verbose --block --enable "${all[0]}-${all[3]}"
[ "$(grep -c enabled /tmp/out)" = 4 ] || fail "not a line for each block"
are online "${all[@]:0:4}"
are offline "${all[@]:4}"
gives $ok "" -b -e "${all[2]}-${all[5]}"
are online "${all[@]:0:6}"
gives $ok "" --block --disable "${all[0]}-${all[5]}"
are offline "${all[@]}"

# A range
gives $ok "enabled" -v -e "$(range "${all[2]}" "${all[5]}")"
are online "${all[@]:2:4}"
are offline "${all[@]:0:2}" "${all[@]:6}"
gives $ok "disabled" -v -d "$(range "${all[2]}" "${all[5]}")"
are offline "${all[@]}"
gives $ok nothing -e "$(range "${all[7]}" "${all[7]}")"
are online "${all[7]}"
gives $ok nothing -d "$(range "${all[7]}" "${all[7]}")"

# A size, in each way to write it
for text in 256M 256m 256MiB 256; do
	gives $ok nothing -e $text
	are online "${all[@]:0:2}"
	before=$(mem_total)
	gives $ok nothing -d $text
	[ $((before - $(mem_total))) = $((2 * size / 1024)) ] || fail "MemTotal fell by $((before - $(mem_total))) kB"
done

# Zones
gives $ok nothing -z Movable -e 1g
in_zone Movable "${all[@]}"
gives $ok nothing --zone Movable -d 1G
are offline "${all[@]}"
gives $ok "" -z Normal -b -e "${all[0]}-${all[1]}"
gives $ok "" -z Movable -b -e "${all[2]}-${all[3]}"
in_zone Normal "${all[0]}" "${all[1]}"
in_zone Movable "${all[2]}" "${all[3]}"
# Offline by zone: only blocks in that zone
gives $ok "" -z Movable -d 256M
are online "${all[0]}" "${all[1]}"
are offline "${all[@]:2}"
gives $failed "" -z Movable -b -d "${all[0]}"
are online "${all[0]}"
gives $ok "" -b -d "${all[0]}-${all[1]}"

# More than exists: all that exists, and exit status 64
gives $partly "only enable 1G" -e 3g
are online "${all[@]}"
gives $ok "" -z Movable -d 128M
gives $partly "only disable 896M" -z Movable -d 4g
are offline "${all[@]}"
gives $failed "" -z Movable -d 128M

# A part of a range: a block that cannot go offline, between others that can
set_blocks online_movable "${all[@]:0:4}"
start=$((all[2] * size))
hold pin 2 $start $((start + size)) >/tmp/hold.out 2>&1 &
wait_for 100 grep -q . /tmp/hold.out
gives $partly "disable failed" -v -b -d "${all[0]}-${all[3]}"
are offline "${all[0]}" "${all[1]}" "${all[3]}"
are online "${all[2]}"
in_zone Movable "${all[2]}"
gives $failed "" -b -d "${all[2]}"
kill %1
wait
gives $ok "" -b -d "${all[2]}"

# Invalid arguments
gives $failed "" -e nonsense
gives $failed "" -e 1000
gives $failed "" -b -e 999999
gives $failed "" -b -e "${all[3]}-${all[0]}"
gives $failed "" -e 0x1000-0x2000
gives $failed "" -z Nowhere -b -e "${all[0]}"
gives $failed "" -z Movable -b -e
gives $failed ""
gives $ok Usage -h
gives $ok "util-linux" -V
are offline "${all[@]}"
