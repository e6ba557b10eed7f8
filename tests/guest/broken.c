// SPDX-License-Identifier: GPL-2.0
/*
 * broken KIND NODE LO HI: hold memory of a kind with a known content until SIGTERM. One of its
 * pages in the physical range [LO, HI) is poisoned as by the hardware (MADV_HWPOISON).
 *
 *	small		anonymous pages
 *	pipe		the same; a pipe refers to the poisoned page as well
 *	thp		a transparent huge page; a pipe refers to another of its pages, so that it
 *			cannot be split
 *	tmpfs		a file in /dev/shm, mapped
 *	hugeanon	HugeTLB pages
 *	hugefile	the same, of a file
 *
 * Prints the address of the poisoned page, and the number of pages in the range. SIGUSR1: reads
 * all that is in the pipe. SIGTERM: reads all of the memory. The poisoned page must give SIGBUS,
 * and EIO for a file; all other pages (except the rest of a huge page) must have their content.
 * Prints the number of pages in the range.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "place.h"

#define MIB		(1UL << 20)
#define HUGE		(2 * MIB)

static size_t length = 4 * MIB;
static struct range range;
static int file = -1, fds[2] = { -1, -1 };
static sigjmp_buf caught;
static volatile sig_atomic_t reading;

static void on_bus(int sig)
{
	if (reading)
		siglongjmp(caught, sig);
}

/* Returns the number at @p, or 0 if it cannot be read. */
static uint64_t number_at(const uint64_t *p)
{
	volatile uint64_t number = 0;

	reading = 1;
	if (!sigsetjmp(caught, 1))
		number = *(const volatile uint64_t *)p;
	reading = 0;
	return number;
}

static char *map_kind(const char *kind)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	char *p;

	if (!strcmp(kind, "tmpfs"))
		file = open("/dev/shm/broken", O_RDWR | O_CREAT, 0600);
	else if (!strcmp(kind, "hugefile"))
		file = memfd_create("broken", MFD_HUGETLB);
	if (file >= 0) {
		flags = MAP_SHARED;
		if (ftruncate(file, length))
			err(2, "ftruncate");
	}
	if (!strcmp(kind, "hugeanon"))
		flags |= MAP_HUGETLB;
	if (strcmp(kind, "thp")) {
		p = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, file, 0);
	} else {
		p = mmap(NULL, length + HUGE, PROT_READ | PROT_WRITE, flags, -1, 0);
		if (p != MAP_FAILED) {
			p = (char *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));
			madvise(p, length, MADV_HUGEPAGE);
		}
	}
	if (p == MAP_FAILED)
		err(2, "mmap");
	if (strcmp(kind, "thp"))
		madvise(p, length, MADV_NOHUGEPAGE);
	return p;
}

static void refer(char *page)
{
	struct iovec iov = { .iov_base = page, .iov_len = PAGE };

	if (pipe(fds) || vmsplice(fds[1], &iov, 1, 0) != (ssize_t)PAGE)
		err(2, "vmsplice");
}

static size_t there(const char *p)
{
	size_t found = 0;

	for (size_t at = 0; at < length; at += PAGE)
		found += in_range(phys_addr(p + at), range);
	return found;
}

static void check(char *data, char *broken, bool huge)
{
	char *first = broken, *end = broken + PAGE;
	size_t wrong = 0;
	char byte;

	if (huge) {
		first = data + (broken - data) / HUGE * HUGE;
		end = first + HUGE;
	}
	if (number_at((uint64_t *)broken))
		errx(1, "the broken page can be read");
	if (file >= 0 && (pread(file, &byte, 1, broken - data) != -1 || errno != EIO))
		errx(1, "the broken page can be read from the file");
	for (char *p = data; p < data + length; p += PAGE)
		if (p < first || p >= end)
			wrong += number_at((uint64_t *)p) != (uintptr_t)p;
	if (wrong)
		errx(1, "%zu pages are wrong", wrong);
}

int main(int argc, char **argv)
{
	char *data, *broken, page[PAGE];
	sigset_t signals;
	size_t offset;
	int sig;

	if (argc != 5)
		errx(2, "usage: broken KIND NODE LO HI");
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGBUS, on_bus);
	prefer_node(atoi(argv[2]));
	range.lo = strtoull(argv[3], NULL, 0);
	range.hi = strtoull(argv[4], NULL, 0);

	data = map_kind(argv[1]);
	for (char *p = data; p < data + length; p += PAGE)
		*(uint64_t *)p = (uintptr_t)p;
	for (offset = 7 * PAGE; offset < length; offset += HUGE)
		if (in_range(phys_addr(data + offset), range))
			break;
	if (offset >= length)
		errx(2, "nothing of it is in the range");
	broken = data + offset;
	if (!strcmp(argv[1], "thp"))
		refer(broken + 2 * PAGE);
	else if (!strcmp(argv[1], "pipe"))
		refer(broken);
	printf("0x%llx ", (unsigned long long)phys_addr(broken));
	if (madvise(broken, PAGE, MADV_HWPOISON) && errno != EBUSY && errno != EHWPOISON)
		err(2, "MADV_HWPOISON");
	printf("%zu in the range\n", there(data));
	fflush(stdout);

	while (!sigwait(&signals, &sig) && sig == SIGUSR1)
		if (read(fds[0], page, PAGE) != (ssize_t)PAGE)
			err(2, "read");
	check(data, broken, !strncmp(argv[1], "huge", 4));
	printf("%zu in the range\n", there(data));
	return 0;
}
