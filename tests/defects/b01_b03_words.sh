# SPDX-License-Identifier: GPL-2.0
# guest: dimms=512M:1
# B1, B2, B3: effects of a refused word, words written to "online", repeated requests

. "$GUEST_LIB"

mapfile -t blocks < <(blocks_that_are offline)
low=$memory/memory${blocks[0]} block=$memory/memory${blocks[1]} high=$memory/memory${blocks[2]}
in_zone() { [ "$(<"$1/valid_zones")" = "$2" ] || fail "$1 is in $(<"$1/valid_zones"), not $2"; }

# B1: the type of a request that was refused was used by a later one without a type.
expect OK "$low/state" online_kernel
expect OK "$high/state" online_kernel
expect OK "$block/state" online_kernel
expect EINVAL "$block/state" online_movable
expect OK "$block/state" offline
expect OK "$block/online" 1
in_zone "$block" Normal

# B2: "online_movable" begins like "on", and was taken for it.
expect OK "$block/online" 0
expect OK "$block/online" online_movable
in_zone "$block" Movable
expect OK "$block/online" offline
expect OK "$block/online" online_kernel
in_zone "$block" Normal
expect EINVAL "$block/online" online_movable
in_zone "$block" Normal

# B3: clients rely on both results. They are documented, and follow one rule: "state"
# requests a change, "online" requests a state.
expect EINVAL "$block/state" online
expect OK "$block/online" 1
expect OK "$block/online" online
expect OK "$block/state" offline
expect EINVAL "$block/state" offline
expect OK "$block/online" 0
