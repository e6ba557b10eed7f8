# SPDX-License-Identifier: GPL-2.0
# soft_offline_page: a page leaves use, its content stays

. "$GUEST_LIB"
. "${GUEST_LIB%/*}/poison.sh"

refusals soft_offline_page
hold_page
expect OK $memory/soft_offline_page "$page"
[ $(($(corrupted) - before)) = 4 ] || fail "HardwareCorrupted is $(corrupted) kB, was $before"
release_page || fail "the content is gone"

# The block can go offline, without a count for a page that is no more in use.
block=$((page / $(block_size)))
zones $block
