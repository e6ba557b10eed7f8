#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# dump.sh: print each file about memory with its type, mode, target and contents.
cd /sys/devices/system || exit
parameters=/sys/module/memory_hotplug/parameters
find memory node $parameters -printf '%p\t%y %m %l\n'
# Counters differ each time: meminfo, numastat, vmstat.
find memory node $parameters -type f -perm -u=r ! -name meminfo ! -name numastat ! -name vmstat -print0 |
	xargs -0 grep -H '' 2>/dev/null | sed 's/:/\t= /'
