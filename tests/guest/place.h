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

/* As prefer_node(), but for the pages of @data only: their page tables stay where the program is. */
static inline void bind_data(void *data, size_t bytes, int node)
{
	unsigned long mask = 1UL << node;

	if (syscall(SYS_mbind, data, bytes, MPOL_PREFERRED, &mask, 8 * sizeof(mask), 0))
		err(2, "mbind");
	madvise(data, bytes, MADV_NOHUGEPAGE);
}

static inline void *map_pages(size_t pages)
{
	void *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(2, "mmap");
	return p;
}

/* Sets @addrs to the physical addresses of the pages from @p on; 0 for a page that is not in memory. */
static inline void phys_addrs(const void *p, uint64_t *addrs, size_t pages)
{
	const ssize_t size = pages * sizeof(*addrs);
	static int fd = -1;

	if (fd < 0)
		fd = open("/proc/self/pagemap", O_RDONLY);
	if (pread(fd, addrs, size, (uintptr_t)p / PAGE * sizeof(*addrs)) != size)
		err(2, "pagemap");
	for (size_t i = 0; i < pages; i++)
		addrs[i] = addrs[i] & PM_PRESENT ? (addrs[i] & PM_PFN) * PAGE : 0;
}

static inline uint64_t phys_addr(const void *p)
{
	uint64_t addr;

	phys_addrs(p, &addr, 1);
	return addr;
}

#endif
