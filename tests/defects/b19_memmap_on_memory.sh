# SPDX-License-Identifier: GPL-2.0
# B19: the document said that memmap_on_memory is writable

. "$GUEST_LIB"

parameter=/sys/module/memory_hotplug/parameters/memmap_on_memory
[ "$(stat -c %a $parameter)" = 444 ] || fail "mode $(stat -c %a $parameter)"
[ "$(<$parameter)" = N ] || fail "it is $(<$parameter)"
grep -q '^``memmap_on_memory``  *0444 ' "${GUEST_LIB%/tests/*}/Documentation/admin-guide/mm/memory-hotplug.rst" ||
	fail "the admin guide has another mode"
