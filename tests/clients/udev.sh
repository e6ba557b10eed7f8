# SPDX-License-Identifier: GPL-2.0
# guest: timeout=240
# udevd with the rule of distributions: it gets an event for each block, and brings it online

. "$GUEST_LIB"
need udevadm
udevd=/lib/systemd/systemd-udevd
[ -x $udevd ] || skip "no $udevd here"

mkdir -p /run/udev/rules.d
cat >/run/udev/rules.d/10-memory.rules <<-'END'
	SUBSYSTEM=="memory", ACTION=="add", ATTR{state}=="offline", ATTR{state}="online_movable"
END
$udevd --daemon --children-max=2 || fail "udevd"
udevadm settle --timeout=$((60 * ${guest_patience:-1})) || fail "udevd does not settle"
udevadm monitor --kernel --subsystem-match=memory >/tmp/events &
monitor=$!
wait_for 30 grep -q 'KERNEL - the kernel uevent' /tmp/events

# events ACTION BLOCK...: the kernel sent this event once for each block
events() {
	local action=$1 block

	shift
	for block; do
		wait_for 60 grep -q " $action .*/memory/memory$block " /tmp/events
		[ "$(grep -c " $action .*/memory/memory$block " /tmp/events)" = 1 ] || fail "$action of memory$block came twice"
	done
	[ "$(grep -c " $action .*/memory/memory" /tmp/events)" = $# ] || fail "$action of others than $*"
}

before=$(blocks_that_are online)
plug 512M 1 || fail "plug"
udevadm settle --timeout=$((60 * ${guest_patience:-1})) || fail "udevd does not settle"
mapfile -t new < <(comm -13 <(sort <<<"$before") <(ls -d $memory/memory[0-9]* | sed 's,.*/memory,,' | sort) | sort -n)
[ ${#new[@]} = 4 ] || fail "${#new[@]} new blocks"
events add "${new[@]}"
events online "${new[@]}"
for block in "${new[@]}"; do
	[ "$(<$memory/memory$block/state):$(<$memory/memory$block/valid_zones)" = online:Movable ] || fail "$(zones $block)"
done
unplug || fail "unplug"
events offline "${new[@]}"
events remove "${new[@]}"

# For each block, the order of events is that of the changes.
order=$(awk -v block="/memory${new[0]} " 'index($0, block) { printf "%s ", $2 }' /tmp/events)
[ "$order" = "add online offline remove " ] || fail "order: $order"
kill $monitor
udevadm control --exit
