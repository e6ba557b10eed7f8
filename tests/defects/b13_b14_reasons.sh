# SPDX-License-Identifier: GPL-2.0
# guest: dimms=512M:1 timeout=150
# B13, B14: EBUSY has a reason that says what to do, and the log is not flooded

. "$GUEST_LIB"

# A block with kernel pages, without holes, in one zone.
for directory in $(grep -lx 0 $memory/memory*/removable); do
	kernel=${directory%/removable}/state
	[ "$(wr "$kernel" offline)" != EBUSY ] || break
done
mapfile -t blocks < <(blocks_that_are offline)
size=$(block_size)
lo=$((blocks[0] * size)) hi=$(((blocks[0] + 1) * size))
why() { dmesg | grep 'offline failed' | tail -n 1; }

# A page of the kernel, which can never be moved.
expect EBUSY "$kernel" offline
[[ $(why) = *"a page cannot be moved"*"pfn 0x"* ]] || fail "$(why)"

# A pinned page, which is named: the offline may succeed later.
set_blocks online_movable "${blocks[0]}"
hold pin 1 $lo $hi >/tmp/page &
wait_for 60 grep -q . /tmp/page
expect EBUSY $memory/memory${blocks[0]}/state offline
[[ $(why) = *"a page is held by a long reference"*"pfn $(printf '0x%x' $(($(</tmp/page) / 4096)))"* ]] || fail "$(why), page $(</tmp/page)"
kill $!
wait $!
expect OK $memory/memory${blocks[0]}/state offline

# A thousand failures: no page is dumped, and most of the lines are suppressed.
# The limit is so many lines in five seconds, of which a slow machine needs more.
before=$(dmesg | wc -l) begin=$SECONDS
for ((i = 0; i < 1000; i++)); do
	! echo offline 2>/dev/null >"$kernel" || fail "the kernel's memory went offline"
done
lines=$(($(dmesg | wc -l) - before))
seconds=$((SECONDS - begin)) limit=$((12 * ((SECONDS - begin) / 5 + 2)))
echo "$lines lines for 1000 failures in $seconds s"
[ $lines -le 100 ] || [ $lines -le $limit ] || fail "$lines lines in $seconds s"
! dmesg | grep -q 'page dumped\|page: refcount' || fail "pages are dumped"
