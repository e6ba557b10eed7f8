// SPDX-License-Identifier: GPL-2.0
/*
 * content KIND MIB NODE LO HI: fill MIB mebibytes of memory with numbers, say how
 * many pages lie in the physical range [LO, HI), and check them at SIGTERM.
 *
 *   anon	small pages
 *   memfd	a file in memory, mapped
 *   unmapped	the same, but not mapped: only the page cache has it
 *   thp	huge pages
 *   mlock	small pages that may not be swapped out
 *
 * Exit 0: every number was right, the last line tells how many pages are still in
 * the range; 1: wrong ones; 2: something else.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "place.h"

#define HUGE	(2UL << 20)

static size_t length, page;
static uint64_t lo, hi;
static int fd = -1;

static uint64_t number(uint64_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15ULL ^ i >> 7;
}

static uint64_t *map(const char *kind)
{
	int memfd = !strcmp(kind, "memfd") || !strcmp(kind, "unmapped");
	char *p;

	if (memfd) {
		fd = memfd_create("content", 0);
		if (fd < 0 || ftruncate(fd, length))
			err(2, "memfd");
		p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	} else {
		p = mmap(NULL, length + HUGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
	if (p == MAP_FAILED)
		err(2, "mmap");
	if (memfd)
		return (void *)p;

	p += -(uintptr_t)p % HUGE;
	madvise(p, length, strcmp(kind, "thp") ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	if (!strcmp(kind, "mlock") && mlock(p, length))
		err(2, "mlock");
	return (void *)p;
}

static size_t there(const uint64_t *data)
{
	size_t found = 0;

	for (size_t at = 0; at < length; at += page)
		found += lies_in((char *)data + at, lo, hi);
	return found;
}

int main(int argc, char **argv)
{
	size_t wrong = 0, i;
	uint64_t *data;
	sigset_t end;
	int sig;

	if (argc != 6)
		errx(2, "usage: content anon|memfd|unmapped|thp|mlock MIB NODE LO HI");
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);

	page = sysconf(_SC_PAGESIZE);
	length = strtoul(argv[2], NULL, 0) << 20;
	prefer_node(atoi(argv[3]));
	lo = strtoull(argv[4], NULL, 0);
	hi = strtoull(argv[5], NULL, 0);

	data = map(argv[1]);
	for (i = 0; i < length / sizeof(*data); i++)
		data[i] = number(i);
	printf("%zu\n", there(data));
	fflush(stdout);
	if (!strcmp(argv[1], "unmapped"))
		munmap(data, length);

	sigwait(&end, &sig);
	if (!strcmp(argv[1], "unmapped")) {
		data = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
		if (data == MAP_FAILED)
			err(2, "mmap");
	}
	for (i = 0; i < length / sizeof(*data); i++)
		wrong += data[i] != number(i);
	if (wrong)
		errx(1, "%s: %zu of %zu numbers are wrong", argv[1], wrong, i);
	printf("%zu\n", there(data));
	return 0;
}
