/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The node and the physical addresses of a program's pages. This does not use
 * libnuma, so that no package is needed.
 */
#ifndef PLACE_H
#define PLACE_H

#include <err.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE		4096UL
#define PM_PRESENT	(1ULL << 63)
#define PM_PFN		((1ULL << 55) - 1)

struct range {
	uint64_t lo, hi;
};

static inline int in_range(uint64_t addr, struct range r)
{
	return addr >= r.lo && addr < r.hi;
}

static inline void prefer_node(int node)
{
	unsigned long mask = 1UL << node;

	if (syscall(SYS_set_mempolicy, MPOL_PREFERRED, &mask, 8 * sizeof(mask)))
		err(2, "set_mempolicy");
}

static inline void *map_pages(size_t pages)
{
	void *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(2, "mmap");
	return p;
}

/* Returns the physical address of the page at @p; 0 if it is not in memory. */
static inline uint64_t phys_addr(const void *p)
{
	static int fd = -1;
	uint64_t entry;

	if (fd < 0)
		fd = open("/proc/self/pagemap", O_RDONLY);
	if (pread(fd, &entry, sizeof(entry), (uintptr_t)p / PAGE * 8) != sizeof(entry))
		err(2, "pagemap");
	return entry & PM_PRESENT ? (entry & PM_PFN) * PAGE : 0;
}

#endif
