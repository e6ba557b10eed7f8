# SPDX-License-Identifier: GPL-2.0
# guest: dimms=512M:0,512M:1 timeout=240
# stress-ng --memhotplug, together with programs that use memory

. "$GUEST_LIB"
need stress-ng

mapfile -t all < <(blocks_that_are offline)
set_blocks online_movable "${all[@]}"
total=$(mem_total)

stress-ng --memhotplug 1 --memhotplug-ops 200 --timeout 120s --metrics-brief || fail "alone: $?"
stress-ng --memhotplug 1 --memhotplug-ops 200 --vm 1 --vm-bytes 256M --timeout 30s --metrics-brief || fail "beside --vm: $?"

# It brings the blocks that it took offline online again.
[ "$(blocks_that_are online | wc -l)" = $((16 + ${#all[@]})) ] || fail "blocks stayed offline: $(blocks_that_are offline)"
[ "$(mem_total)" = "$total" ] || fail "MemTotal went from $total to $(mem_total)"
