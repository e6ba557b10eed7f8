# SPDX-License-Identifier: GPL-2.0
# soft_offline_page: a page is taken out of use; its contents are kept

. "$GUEST_LIB"
. "${GUEST_LIB%/*}/poison.sh"

refusals soft_offline_page
hold_page
expect OK $memory/soft_offline_page "$page"
[ $(($(corrupted) - before)) = 4 ] || fail "HardwareCorrupted is $(corrupted) kB, was $before"
release_page || fail "the content is gone"

# The block can go offline; the page that is out of use does not count.
block=$((page / $(block_size)))
zones $block
