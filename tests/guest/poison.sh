# SPDX-License-Identifier: GPL-2.0
#
# Common functions of the tests of soft_offline_page and hard_offline_page.

corrupted() {
	awk '$1 == "HardwareCorrupted:" { print $2 }' /proc/meminfo
}

# refusals FILE: writes that must not change anything.
refusals() {
	local file=$memory/$1

	[ -e "$file" ] || skip "no $1 (CONFIG_MEMORY_FAILURE)"
	need setpriv
	before=$(corrupted)
	expect EINVAL "$file" nonsense
	expect EINVAL "$file" 0xg
	expect EINVAL "$file" -1
	expect EINVAL "$file" 0x10000000000000000
	expect ENXIO "$file" 0xfffffffff000
	[ "$(setpriv --bounding-set -sys_admin --inh-caps -sys_admin wr "$file" 0x1000)" = EPERM ] ||
		fail "a program without CAP_SYS_ADMIN was heard"
	[ "$(corrupted)" = "$before" ] || fail "HardwareCorrupted changed"
}

# hold_page: start a program that holds a page, and set $page to its address.
hold_page() {
	hold page 0 0x10000000 0x40000000 >/tmp/page &
	holder=$!
	wait_for 20 grep -q . /tmp/page
	page=$(</tmp/page)
	echo "page $page"
}

# release_page: end the program; succeeds if its page still had its content.
release_page() {
	kill $holder
	wait $holder
}
