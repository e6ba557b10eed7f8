# SPDX-License-Identifier: GPL-2.0
# guest: dimms=512M:0,512M:1
# lsmem: every column and form, agreeing with sysfs

. "$GUEST_LIB"

mapfile -t offline < <(blocks_that_are offline)
[ ${#offline[@]} = 8 ] || fail "${#offline[@]} offline blocks, not 8"
set_blocks online_movable "${offline[@]:0:2}"
set_blocks online_kernel "${offline[4]}"

lsmem -o +ZONES,NODE || fail "table"
for options in "-a --output-all" "-J --output-all" "-P -a" "-r -a -n" "-b -a" "-S NODE" "-S ZONES -o RANGE,ZONES" "--summary=only"; do
	# shellcheck disable=SC2086
	lsmem $options >/tmp/out || fail "lsmem $options"
	[ -s /tmp/out ] || fail "lsmem $options printed nothing"
done

# Block by block, the same as sysfs says.
lsmem -a -n -r -o BLOCK,STATE,NODE,ZONES | while read -r block state node zones; do
	directory=$memory/memory$block
	[ "$state" = "$(<"$directory/state")" ] || fail "block $block: state $state"
	[ -e "$directory/node$node" ] || fail "block $block: node $node"
	[ "$zones" = "$(tr ' ' / <"$directory/valid_zones")" ] || fail "block $block: zones $zones"
done || exit 1

for state in online offline; do
	total=$(lsmem -b --summary=only | awk -v state=$state '$2 == state { print $NF }')
	[ "$total" = $(($(block_size) * $(blocks_that_are $state | wc -l))) ] || fail "total $state is $total"
done
