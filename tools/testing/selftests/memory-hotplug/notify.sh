#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A memory notifier refuses, and everything is as it was before.

. "$(dirname "$0")/lib.sh"

declare -A number=([EPERM]=1 [EIO]=5 [ENOMEM]=12 [EBUSY]=16)

spare 1
notifier_injection ||
	skip_all "no memory-notifier-error-inject (CONFIG_MEMORY_NOTIFIER_ERROR_INJECT)"
block=${spare[0]}

cleanup() {
	notifier_reset
}

# vetoed ACTION ERRNO FILE TEXT
vetoed() {
	local before

	[ -e "$notifier/actions/$1/error" ] || { skip "no $1 in memory-notifier-error-inject"; return; }
	before=$(snapshot)
	echo "-${number[$2]}" >"$notifier/actions/$1/error"
	expect "$2" "$3" "$4"
	echo 0 >"$notifier/actions/$1/error"
	unchanged "$before"
}

online_vetoed() {
	[ "$(state "$block")" = offline ] || must_bring "$block" offline
	vetoed MEM_GOING_ONLINE "$1" "$memory/memory$block/$2" "$3"
	same "state after the veto" "$(state "$block")" offline
	must_bring "$block" online_movable
	same zone "$(zones "$block")" Movable
	must_bring "$block" offline
}

offline_vetoed() {
	[ "$(state "$block")" = online ] || must_bring "$block" online_movable
	vetoed MEM_GOING_OFFLINE "$1" "$memory/memory$block/$2" "$3"
	same "state after the veto" "$(state "$block")" online
	same "zone after the veto" "$(zones "$block")" Movable
	must_bring "$block" offline
}

test_veto_of_state_online()	{ online_vetoed ENOMEM state online; }
test_veto_of_state_movable()	{ online_vetoed EIO state online_movable; }
test_veto_of_state_kernel()	{ online_vetoed EPERM state online_kernel; }
test_veto_of_online_1()		{ online_vetoed EBUSY online 1; }
test_veto_of_state_offline()	{ offline_vetoed ENOMEM state offline; }
test_veto_of_online_0()		{ offline_vetoed EPERM online 0; }

# Many refusals must not leak anything.
test_veto_again_and_again() {
	local before try

	[ "$(state "$block")" = online ] || must_bring "$block" online_movable
	before=$(snapshot)
	echo -16 >$notifier/actions/MEM_GOING_OFFLINE/error
	for try in 1 2 3 4 5 6 7 8; do
		expect EBUSY "$memory/memory$block/state" offline
	done
	echo 0 >$notifier/actions/MEM_GOING_OFFLINE/error
	unchanged "$before"
	must_bring "$block" offline
}

run_tests veto_of_state_online veto_of_state_movable veto_of_state_kernel veto_of_online_1 \
	veto_of_state_offline veto_of_online_0 veto_again_and_again
