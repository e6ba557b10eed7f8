# SPDX-License-Identifier: GPL-2.0
# guest: dimms=512M:0,512M:1
# chmem: blocks, ranges, sizes and zones, on and off

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

chmem_ok() {
	echo "chmem $*"
	chmem -v "$@" || fail "chmem $* exited $?"
}

# A block; again (nothing to do); a list of blocks
chmem_ok -b -e "${all[0]}"
are online "${all[0]}"
chmem_ok -b -e "${all[0]}"
chmem_ok -b -d "${all[0]}"
are offline "${all[0]}"
chmem_ok -b -e "${all[0]}-${all[3]}"
are online "${all[@]:0:4}"
are offline "${all[@]:4}"
chmem_ok -b -d "${all[0]}-${all[3]}"

# A range, as lsmem prints it
range=$(printf '0x%016x-0x%016x' $((all[2] * size)) $(((all[5] + 1) * size - 1)))
chmem_ok -e "$range"
are online "${all[@]:2:4}"
are offline "${all[@]:0:2}" "${all[@]:6}"
chmem_ok -d "$range"
are offline "${all[@]}"

# A size
chmem_ok -e 256M
[ "$(blocks_that_are offline | wc -l)" = 6 ] || fail "-e 256M"
before=$(mem_total)
chmem_ok -d 256M
[ $((before - $(mem_total))) = $((2 * size / 1024)) ] || fail "MemTotal fell by $((before - $(mem_total))) kB"

# A zone
chmem_ok -z Movable -e 1g
for block in "${all[@]}"; do
	[ "$(<"$memory/memory$block/valid_zones")" = Movable ] || fail "block $block is not Movable"
done
chmem_ok -z Movable -d 1g
are offline "${all[@]}"

# More than there is: as much as there is, and exit status 64
chmem -e 3g
[ $? = 64 ] || fail "-e 3g with 1g there"
are online "${all[@]}"
