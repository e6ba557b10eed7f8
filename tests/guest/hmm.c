// SPDX-License-Identifier: GPL-2.0
/*
 * hmm DEVICE: move pages to the memory of a device of test_hmm, which no CPU can reach,
 * and back by touching them (lib/test_hmm_uapi.h).
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES	1024UL
#define LENGTH	(PAGES * 4096)

struct command {
	uint64_t addr, ptr, npages, cpages, faults;
};

#define MIGRATE_TO_DEV	_IOWR('H', 0x02, struct command)

static uint64_t number(uint64_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15ULL;
}

static void check(const volatile uint64_t *p, const char *where)
{
	for (uint64_t i = 0; i < LENGTH / sizeof(*p); i++)
		if (p[i] != number(i))
			errx(1, "%s: number %llu is wrong", where, (unsigned long long)i);
}

int main(int argc, char **argv)
{
	struct command c = { .npages = PAGES };
	uint64_t *data, *copy;
	int fd, tries = 100;

	if (argc != 2)
		errx(2, "usage: hmm DEVICE");
	fd = open(argv[1], O_RDWR);
	if (fd < 0)
		err(2, "%s", argv[1]);
	data = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	copy = malloc(LENGTH);
	if (data == MAP_FAILED || !copy)
		err(2, "no memory");
	for (uint64_t i = 0; i < LENGTH / sizeof(*data); i++)
		data[i] = number(i);

	c.addr = (uintptr_t)data;
	c.ptr = (uintptr_t)copy;
	/*
	 * ENOENT: khugepaged worked on the range meanwhile. The pages that it held were not
	 * moved, and its invalidation has removed all pages from the device's table. Only pages in
	 * memory get a new entry, so move all pages back, and try again.
	 */
	while (ioctl(fd, MIGRATE_TO_DEV, &c)) {
		if (errno != ENOENT || !--tries)
			err(2, "migrate");
		check(data, "back after a part");
		usleep(10000);
	}
	if (c.cpages != PAGES)
		errx(1, "%llu of %lu pages moved", (unsigned long long)c.cpages, PAGES);
	check(copy, "on the device");
	check(data, "back");
	return 0;
}
