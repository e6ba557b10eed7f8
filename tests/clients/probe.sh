# SPDX-License-Identifier: GPL-2.0
# guest: cmdline=memmap=0x10000000%0x50000000-1
# the probe file: memory that only the user announces

. "$GUEST_LIB"

probe=$memory/probe
[ -e $probe ] || skip "no probe file (CONFIG_ARCH_MEMORY_PROBE)"
size=$(block_size)
start=$((0x50000000))	# 256 MiB of RAM that the command line hides
mapfile -t there < <(blocks $start $((start + 2 * size)))
[ ${#there[@]} = 0 ] || fail "blocks ${there[*]} are there already"

expect EINVAL $probe nonsense
expect EINVAL $probe ""$'\n'
expect EINVAL $probe $((start + 4096))
expect EEXIST $probe 0
expect ERANGE $probe 0x10000000000000000

total=$(mem_total)
expect OK $probe $start
expect EEXIST $probe $start
expect OK $probe "$(printf '0x%x' $((start + size)))"
mapfile -t new < <(blocks $start $((start + 2 * size)))
[ ${#new[@]} = 2 ] || fail "blocks: ${new[*]}"
zones "${new[@]}"
set_blocks online_movable "${new[@]}"
[ $(($(mem_total) - total)) = $((2 * size / 1024)) ] || fail "MemTotal grew by $(($(mem_total) - total)) kB"
grep 'System RAM' /proc/iomem
hold page 1 $start $((start + 2 * size)) >/tmp/page &
wait_for 60 grep -q . /tmp/page
kill $!
wait $! || fail "memory does not keep what is written"
set_blocks offline "${new[@]}"
[ "$(mem_total)" = "$total" ] || fail "MemTotal is $(mem_total), was $total"
