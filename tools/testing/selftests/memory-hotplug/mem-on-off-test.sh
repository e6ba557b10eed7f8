#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A part of the memory goes offline and online again, then a memory notifier refuses.

usage() {
	cat <<-END
	usage: $0 [-e ERRNO] [-p PRIORITY] [-r PERCENT] [-h]

	  -e ERRNO     error that the notifier gives (default -12; the sign does not matter)
	  -p PRIORITY  priority of the notifier (default 0)
	  -r PERCENT   how much of the memory that can go offline (default 2, at least a block)
	  -h           this text
	END
	exit "$1"
}

error=12 priority=0 ratio=2
while getopts e:p:r:h option; do
	case $option in
	e) error=${OPTARG#-} ;;
	p) priority=$OPTARG ;;
	r) ratio=$OPTARG ;;
	h) usage 0 ;;
	*) usage 1 >&2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# = 0 ] || usage 1 >&2
[[ $error =~ ^[1-9][0-9]*$ && $error -le 4095 ]] || { echo "$0: -e $error: 1 to 4095" >&2; exit 1; }
[[ $priority =~ ^-?[0-9]+$ ]] || { echo "$0: -p $priority: a number" >&2; exit 1; }
[[ $ratio =~ ^[0-9]+$ && $ratio -ge 1 && $ratio -le 100 ]] || { echo "$0: -r $ratio: 1 to 100" >&2; exit 1; }

. "$(dirname "$0")/lib.sh"

removable() {
	grep -lx 1 $memory/memory*/removable | sed 's,.*/memory\([0-9]*\)/removable,\1,' | sort -n
}

# share NUMBER: the part of NUMBER that the option -r requests
share() {
	echo $((($1 * ratio + 99) / 100))
}

cleanup() {
	notifier_reset
}

[ -n "$(removable)" ] || skip_all "no memory block is removable"
taken=()

test_offline_blocks_come_online() {
	local block

	[ -n "$(blocks_in offline)" ] || { skip "all memory is online"; return; }
	for block in $(blocks_in offline); do
		must_bring "$block" online_movable
		same "state of memory$block" "$(state "$block")" online
	done
}

# Begin with the highest blocks, which have less kernel memory.
test_removable_blocks_go_offline() {
	local block want busy=0

	want=$(share "$(removable | wc -l)")
	for block in $(removable | sort -rn); do
		[ ${#taken[@]} -lt "$want" ] || break
		[ "$(state "$block")" = online ] || continue
		if bring "$block" offline >/dev/null; then
			taken+=("$block")
			same "state of memory$block" "$(state "$block")" offline
		else
			((busy++))
			same "state of memory$block" "$(state "$block")" online
		fi
	done
	say "${#taken[@]} of $want blocks went offline, $busy could not"
	[ ${#taken[@]} -gt 0 ] || flunk "not one of the removable blocks went offline"
}

test_they_come_online_again() {
	local block was_zone

	for block in "${taken[@]}"; do
		was_zone=${origin[$block]#* }
		if [[ ${origin[$block]} = online* && $was_zone != Movable ]]; then
			must_bring "$block" online_kernel
		else
			must_bring "$block" online_movable
		fi
		same "state of memory$block" "$(state "$block")" online
	done
}

injected() {
	local block after

	notifier_injection priority="$priority" || { skip "no memory-notifier-error-inject"; return; }
	block=${taken[0]}
	[ -n "$block" ] || { skip "no block went offline"; return; }
	after=$([ "$1" = online_movable ] && echo offline || echo online)
	[ "$(state "$block")" = $after ] ||
		must_bring "$block" "$([ $after = offline ] && echo offline || echo online_movable)"
	echo "-$error" >"$notifier/actions/$2/error" || { flunk "errno $error cannot be injected"; return; }
	expect "$(errno_name)" "$memory/memory$block/state" "$1"
	echo 0 >"$notifier/actions/$2/error"
	same "state of memory$block" "$(state "$block")" "$after"
	must_bring "$block" "$1"
}

# The output of wr for the error. A name that is not known here stands for any failure.
errno_name() {
	local -A names=([1]=EPERM [2]=ENOENT [4]=EINTR [5]=EIO [11]=EAGAIN [12]=ENOMEM [16]=EBUSY [22]=EINVAL)

	echo "${names[$error]:-E[A-Z0-9]+|unknown error}"
}

test_refused_online()	{ injected online_movable MEM_GOING_ONLINE; }
test_refused_offline()	{ injected offline MEM_GOING_OFFLINE; }

run_tests offline_blocks_come_online removable_blocks_go_offline they_come_online_again \
	refused_online refused_offline
