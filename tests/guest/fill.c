// SPDX-License-Identifier: GPL-2.0
/*
 * fill NODE LO HI [unmovable]: allocate all free memory of a node as anonymous pages of 4 KiB,
 * print how many of them are in the physical range [LO, HI), and keep them until SIGTERM.
 *
 * unmovable: the last pageblock (2 MiB) of the range is freed again. Then kernel pages that
 * cannot be moved (rings of io_uring) are allocated until one is in that pageblock, which is the
 * largest free chunk, so that the kernel uses it first. All other rings are freed. Every second
 * page of the 32 MiB before is freed as well, as the kernel would otherwise use another node.
 */
#define _GNU_SOURCE
#include <linux/io_uring.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "place.h"

#define THINNED		(32UL << 20)
#define PAGEBLOCK	(2UL << 20)
#define MAX_RINGS	8192

static unsigned long free_pages(int node)
{
	char path[80], line[160];
	unsigned long kib;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", node);
	file = fopen(path, "r");
	if (!file)
		err(2, "%s", path);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Node %*d MemFree: %lu kB", &kib) == 1)
			return kib * 1024 / PAGE;
	errx(2, "%s", path);
}

/* A ring in memory of the kernel, at an address that the kernel has chosen. */
static int make_ring(uint64_t *addr)
{
	struct io_uring_params params = {};
	char *ring;
	int fd;

	fd = syscall(SYS_io_uring_setup, 1, &params);
	if (fd < 0)
		err(2, "io_uring_setup");
	ring = mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQ_RING);
	if (ring == MAP_FAILED)
		err(2, "ring");
	*addr = phys_addr(ring);
	munmap(ring, PAGE);
	return fd;
}

/* @every: 1 for all pages of the range, 2 for every second */
static void empty(char *data, unsigned long pages, struct range range, unsigned int every)
{
	for (unsigned long page = 0; page < pages; page++) {
		uint64_t addr = phys_addr(data + page * PAGE);

		if (in_range(addr, range) && addr / PAGE % every == 0)
			madvise(data + page * PAGE, PAGE, MADV_DONTNEED);
	}
}

static void place_unmovable(struct range last)
{
	static int rings[MAX_RINGS];
	struct rlimit many = { MAX_RINGS + 64, MAX_RINGS + 64 };
	uint64_t addr = 0;
	int nr = 0;

	if (setrlimit(RLIMIT_NOFILE, &many))
		err(2, "setrlimit");
	while (!in_range(addr, last)) {
		if (nr == MAX_RINGS)
			errx(2, "no ring in the last pageblock");
		rings[nr++] = make_ring(&addr);
	}
	while (--nr > 0)
		close(rings[nr - 1]);
}

int main(int argc, char **argv)
{
	unsigned long pages, there = 0;
	struct range range, last, before;
	sigset_t end;
	char *data;
	int sig;

	if (argc < 4)
		errx(2, "usage: fill NODE LO HI [unmovable]");
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	range = (struct range){ strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0) };

	pages = free_pages(atoi(argv[1]));
	data = map_pages(pages);
	bind_data(data, pages * PAGE, atoi(argv[1]));
	for (unsigned long page = 0; page < pages; page++) {
		data[page * PAGE] = 1;
		there += in_range(phys_addr(data + page * PAGE), range);
	}
	if (argc > 4) {
		last = (struct range){ range.hi - PAGEBLOCK, range.hi };
		before = (struct range){ last.lo - THINNED, last.lo };
		empty(data, pages, before, 2);
		empty(data, pages, last, 1);
		prefer_node(atoi(argv[1]));
		place_unmovable(last);
	}
	printf("%lu\n", there);
	fflush(stdout);
	sigwait(&end, &sig);
	return 0;
}
