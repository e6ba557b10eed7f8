# SPDX-License-Identifier: GPL-2.0
"""B17: a bad memhp_default_state= was ignored without a message."""

from guest import machine


@machine(cmdline="memhp_default_state=onlin")
def test_bad_word(guest):
    """It is refused with a line in the log, and the default stays."""
    assert guest.sh("cat $memory/auto_online_blocks") == "offline"
    assert "memhp_default_state: 'onlin' is no state, it stays 'offline'" in guest.sh("dmesg")
