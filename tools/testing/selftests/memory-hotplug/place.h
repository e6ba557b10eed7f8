/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a program's pages lie: choose the node they come from, look up their
 * physical addresses. Without libnuma, so that no package is needed.
 */
#ifndef PLACE_H
#define PLACE_H

#include <err.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PM_PRESENT	(1ULL << 63)
#define PM_PFN		((1ULL << 55) - 1)

static inline void prefer_node(int node)
{
	unsigned long mask[16] = { 0 };

	if (node < 0 || node >= (int)(8 * sizeof(mask)) - 1)
		errx(2, "node %d", node);
	mask[node / 64] = 1UL << node % 64;
	if (syscall(SYS_set_mempolicy, MPOL_PREFERRED, mask, 8 * sizeof(mask)))
		warn("set_mempolicy");
}

/* Is the page at @p in memory, and there in [@lo, @hi)? */
static inline int lies_in(const void *p, uint64_t lo, uint64_t hi)
{
	static int fd = -1;
	uint64_t entry, page = sysconf(_SC_PAGESIZE), addr;

	if (fd < 0)
		fd = open("/proc/self/pagemap", O_RDONLY);
	if (pread(fd, &entry, sizeof(entry), (uintptr_t)p / page * 8) != sizeof(entry))
		err(2, "pagemap");
	addr = (entry & PM_PFN) * page;
	return entry & PM_PRESENT && addr >= lo && addr < hi;
}

#endif
