# SPDX-License-Identifier: GPL-2.0
#
# Makes each allocation of a request fail once. Sourced after lib.sh.

for fault in failslab fail_page_alloc; do
	[ -d /sys/kernel/debug/$fault ] || fail "no /sys/kernel/debug/$fault"
	echo N >/sys/kernel/debug/$fault/ignore-gfp-wait
	echo 0 >/sys/kernel/debug/$fault/verbose
done
echo 0 >/sys/kernel/debug/fail_page_alloc/min-order

# Prints the state that a failed request must not change.
look() {
	awk 'FILENAME != "/proc/zoneinfo" || /^Node|spanned|present|managed|start_pfn:/ { print FILENAME, $0 }' \
		$memory/memory*/{state,valid_zones} /sys/devices/system/node/{online,has_memory,has_normal_memory} /proc/{iomem,zoneinfo}
	echo $memory/* /sys/devices/system/node/node*/memory* /sys/firmware/memmap/*
}

# each_fails FILE TEXT ERRORS UNDO: repeat the request, and let the 1st, 2nd, 3rd ... allocation
# of it fail. Each error is one of ERRORS, and changes nothing. If the request succeeds
# nevertheless, run UNDO. At the end, no allocation was left that could fail, and the request is done.
each_fails() {
	local file=$1 text=$2 errors=$3 undo=$4 n before after got survived=0

	failures=0
	before=$(look)
	for ((n = 1; n < 5000; n++)); do
		got=$(failnth $n "$file" "$text") || fail "failnth"
		case $got in
		"OK not")
			echo "${file##*/} '$text': $failures failures, $survived survived"
			[ $((failures + survived)) -gt 0 ] || fail "nothing was made to fail"
			return ;;
		"OK injected")
			((++survived))
			"$undo" ;;
		*" injected")
			[[ ${got% *} =~ ^($errors)$ ]] || fail "failure $n of '$text' to $file gave $got"
			((++failures)) ;;
		*)
			fail "without a failure '$text' to $file gave $got, n = $n" ;;
		esac
		after=$(look)
		[ "$after" = "$before" ] ||
			fail "failure $n of '$text' to $file ($got) left: $(diff <(echo "$before") <(echo "$after") | head -n 5)"
	done
	fail "'$text' to $file does not come to an end"
}
