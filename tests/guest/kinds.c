// SPDX-License-Identifier: GPL-2.0
/*
 * kinds KIND NODE LO HI: hold memory of a kind with a known content, print how many of its
 * pages are in the physical range [LO, HI), and check all of it at SIGTERM.
 *
 *	huge2m, huge1g	HugeTLB pages: eight of 2 MiB, or one of 1 GiB
 *	ksm		pages of equal content, merged
 *	tmpfs		a file in /dev/shm, mapped
 *	secret		memfd_secret(): not even the kernel can read it
 *	inaccessible	of a file whose content the kernel must not read, like guest_memfd
 *	long		registered with io_uring: pinned for as long as the program wants
 *	short		given to a pipe, from which they are read after three seconds
 *
 * Exit 0: the content is right, the last line says how many pages are still in the range.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "place.h"

#define HUGE_SHIFT	26
#define MIB		(1UL << 20)

static size_t length;
static struct range range;
static int pipe_fds[2] = { -1, -1 };

static void *map(int fd, int flags)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		err(2, "mmap");
	return p;
}

static void *map_file(int fd)
{
	if (fd < 0 || ftruncate(fd, length))
		err(2, "file");
	return map(fd, MAP_SHARED);
}

static void *map_kind(const char *kind)
{
	int anon = MAP_PRIVATE | MAP_ANONYMOUS;

	length = 4 * MIB;
	if (!strcmp(kind, "huge2m")) {
		length = 16 * MIB;
		return map(-1, anon | MAP_HUGETLB | 21 << HUGE_SHIFT);
	}
	if (!strcmp(kind, "huge1g")) {
		length = 1024 * MIB;
		return map(-1, anon | MAP_HUGETLB | 30 << HUGE_SHIFT);
	}
	if (!strcmp(kind, "tmpfs"))
		return map_file(open("/dev/shm/kinds", O_RDWR | O_CREAT, 0600));
	if (!strcmp(kind, "inaccessible"))
		return map_file(memfd_create("kinds", 0));
	if (!strcmp(kind, "secret"))
		return map_file(syscall(SYS_memfd_secret, 0));
	if (!strcmp(kind, "short"))
		length = 4 * PAGE;
	return map(-1, anon);
}

/* With KSM all pages have the same content, otherwise each has its own. */
static uint64_t number(const char *kind, size_t i)
{
	return strcmp(kind, "ksm") ? (i + 1) * 0x9e3779b97f4a7c15ULL : i % (PAGE / 8) + 1;
}

static size_t there(const char *p)
{
	size_t found = 0;

	for (size_t at = 0; at < length; at += PAGE)
		found += in_range(phys_addr(p + at), range);
	return found;
}

static void merge(char *p)
{
	uint64_t second = 0;

	if (madvise(p, length, MADV_MERGEABLE))
		err(2, "MADV_MERGEABLE");
	/* Most pages are merged. If the last one is, the others soon are, too. */
	for (int i = 0; i < 1200 && (!second || second != phys_addr(p + length - PAGE)); i++) {
		usleep(50000);
		second = phys_addr(p + PAGE);
	}
	if (!second || second != phys_addr(p + length - PAGE))
		errx(2, "KSM does not merge");
}

/* Uses the module mhp_ask. Pages of such files are never evicted, like locked pages. */
static void make_inaccessible(void *p)
{
	int fd = open("/sys/kernel/debug/mhp_ask", O_WRONLY);

	if (mlock(p, length) || fd < 0 || dprintf(fd, "inaccessible %p", p) < 0)
		err(2, "mhp_ask");
	close(fd);
}

static void register_buffer(void *p)
{
	struct io_uring_params params = {};
	struct iovec iov = { .iov_base = p, .iov_len = length };
	int fd = syscall(SYS_io_uring_setup, 1, &params);

	if (fd < 0 || syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, &iov, 1))
		err(2, "io_uring");
}

static void to_pipe(void *p)
{
	struct iovec iov = { .iov_base = p, .iov_len = length };

	if (pipe(pipe_fds) || vmsplice(pipe_fds[1], &iov, 1, 0) != (ssize_t)length)
		err(2, "vmsplice");
}

static void wait_for_end(const sigset_t *end)
{
	const struct timespec three = { .tv_sec = 3 };
	static char buffer[4 * PAGE];
	int sig;

	if (pipe_fds[0] >= 0) {
		if (sigtimedwait(end, NULL, &three) > 0)
			return;
		if (read(pipe_fds[0], buffer, sizeof(buffer)) != (ssize_t)length)
			err(2, "read");
	}
	sigwait(end, &sig);
}

int main(int argc, char **argv)
{
	size_t wrong = 0;
	uint64_t *data;
	sigset_t end;

	if (argc != 5)
		errx(2, "usage: kinds KIND NODE LO HI");
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	prefer_node(atoi(argv[2]));
	range.lo = strtoull(argv[3], NULL, 0);
	range.hi = strtoull(argv[4], NULL, 0);

	data = map_kind(argv[1]);
	for (size_t i = 0; i < length / sizeof(*data); i++)
		data[i] = number(argv[1], i);
	if (!strcmp(argv[1], "ksm"))
		merge((char *)data);
	else if (!strcmp(argv[1], "inaccessible"))
		make_inaccessible(data);
	else if (!strcmp(argv[1], "long"))
		register_buffer(data);
	else if (!strcmp(argv[1], "short"))
		to_pipe(data);
	printf("%zu in the range\n", there((char *)data));
	fflush(stdout);

	wait_for_end(&end);
	for (size_t i = 0; i < length / sizeof(*data); i++)
		wrong += data[i] != number(argv[1], i);
	if (wrong)
		errx(1, "%zu numbers are wrong", wrong);
	printf("%zu in the range\n", there((char *)data));
	return 0;
}
