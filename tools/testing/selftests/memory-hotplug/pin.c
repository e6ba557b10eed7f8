// SPDX-License-Identifier: GPL-2.0
/*
 * pin NODE LO HI: pin one page whose physical address is in [LO, HI): a pipe
 * refers to it (vmsplice). Says "pinned", and lives until SIGTERM.
 *
 * Exit 0: the content was right at the end; 1: it was not; 2: no such page.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>

#include "place.h"

int main(int argc, char **argv)
{
	size_t page = sysconf(_SC_PAGESIZE), length;
	struct iovec iov = { .iov_len = page };
	uint64_t lo, hi;
	char *map, *p;
	sigset_t end;
	int fds[2], sig;

	if (argc != 4)
		errx(2, "usage: pin NODE LO HI");
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);

	prefer_node(atoi(argv[1]));
	lo = strtoull(argv[2], NULL, 0);
	hi = strtoull(argv[3], NULL, 0);

	/* Touch pages until one lies there, then give back the others. */
	length = (size_t)get_avphys_pages() / 4 * 3 * page;
	map = mmap(NULL, length, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		err(2, "mmap");
	madvise(map, length, MADV_NOHUGEPAGE);
	for (p = map; p < map + length; p += page) {
		*p = 1;
		if (lies_in(p, lo, hi))
			break;
	}
	if (p == map + length)
		errx(2, "no page between %s and %s", argv[2], argv[3]);
	if (p > map)
		munmap(map, p - map);
	munmap(p + page, map + length - p - page);

	memset(p, 0x5a, page);
	iov.iov_base = p;
	if (pipe(fds) || vmsplice(fds[1], &iov, 1, 0) != (ssize_t)page)
		err(2, "vmsplice");
	puts("pinned");
	fflush(stdout);

	sigwait(&end, &sig);
	for (size_t i = 0; i < page; i++)
		if (p[i] != 0x5a)
			errx(1, "the content is gone");
	return 0;
}
