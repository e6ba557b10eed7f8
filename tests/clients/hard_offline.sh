# SPDX-License-Identifier: GPL-2.0
# hard_offline_page: a page is taken out of use at once; its contents and its user are lost

. "$GUEST_LIB"
. "${GUEST_LIB%/*}/poison.sh"

refusals hard_offline_page
hold_page
expect OK $memory/hard_offline_page "$page"
[ $(($(corrupted) - before)) = 4 ] || fail "HardwareCorrupted is $(corrupted) kB, was $before"
! release_page || fail "the program could still read its page"
