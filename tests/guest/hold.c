// SPDX-License-Identifier: GPL-2.0
/*
 * hold KIND NODE LO HI: hold one page with a known content whose physical address
 * is in [LO, HI), print that address, and live until SIGTERM.
 *
 *   page	an ordinary page: it can move
 *   pin	a page that a pipe refers to as well (vmsplice): it cannot move
 *   slow	SLOW such pages, or more on a slow machine, of which one can move after each second:
 *		for that time an offline gets ahead, and does not end by itself
 *   dma		a page that is pinned as for a device, by the module mhp_ask: it cannot move
 *   long	a page that is a buffer of io_uring: in a kernel zone it cannot move
 *   lock	a page that mhp_ask has locked as during I/O: it does not move
 *   late-lock	the same, but it is locked only when an offline has chosen it: see mhp_ask
 *   late-write	the same, but it is under writeback from then on
 *   kernel	pages that the kernel has allocated as buffers of a pipe: they cannot move,
 *		and fill at most FILL of NODE. Their addresses are not known: prints 0x0.
 *
 * Exit 0 if the content, but of "slow", was still the same at the end.
 */
#define _GNU_SOURCE
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>

#include "place.h"

#define FILL		(16UL << 20)
#define PIPE_ROOM	(1UL << 20)
#define SLOW		60
#define MOST		8	/* times SLOW, so that there are descriptors for all of their pipes */
#define CHUNK		512UL	/* pages that are touched at once */

/* Returns the first of the pages from @p on that is in the range, or NULL. */
static char *look(char *p, struct range r)
{
	uint64_t addrs[CHUNK];

	phys_addrs(p, addrs, CHUNK);
	for (size_t i = 0; i < CHUNK; i++)
		if (in_range(addrs[i], r))
			return p + i * PAGE;
	return NULL;
}

/* Touches pages until one is in the range, then frees all others. */
static char *page_in(struct range r, int node)
{
	size_t pages = get_avphys_pages() / 4 * 3 / CHUNK * CHUNK;
	char *first = map_pages(pages), *end = first + pages * PAGE, *page;

	bind_data(first, pages * PAGE, node);
	for (char *p = first; p < end; p += CHUNK * PAGE) {
		if (madvise(p, CHUNK * PAGE, MADV_POPULATE_WRITE))
			err(2, "madvise");
		page = look(p, r);
		if (!page)
			continue;
		munmap(first, page - first);
		munmap(page + PAGE, end - page - PAGE);
		return page;
	}
	errx(2, "no page in [0x%llx-0x%llx)", (unsigned long long)r.lo, (unsigned long long)r.hi);
}

static void pin_by(char *page, int fds[2])
{
	struct iovec iov = { .iov_base = page, .iov_len = PAGE };

	if (pipe(fds) || vmsplice(fds[1], &iov, 1, 0) != (ssize_t)PAGE)
		err(2, "vmsplice");
}

static void pin(char *page)
{
	int fds[2];

	pin_by(page, fds);
}

/* Tests have more time on a slow machine. */
static int number_of_slow(void)
{
	const char *patience = getenv("guest_patience");
	int times = patience ? atoi(patience) : 1;

	return SLOW * (times < 1 ? 1 : times > MOST ? MOST : times);
}

/* Returns after SIGTERM. */
static void pin_slow(struct range r, int node, const sigset_t *end)
{
	const struct timespec second = { .tv_sec = 1 };
	int fds[SLOW * MOST][2], nr = number_of_slow();
	char *page = NULL;

	for (int i = 0; i < nr; i++) {
		page = page_in(r, node);
		pin_by(page, fds[i]);
	}
	printf("0x%llx\n", (unsigned long long)phys_addr(page));
	fflush(stdout);
	for (int i = 0; i < nr; i++) {
		if (sigtimedwait(end, NULL, &second) == SIGTERM)
			return;
		close(fds[i][0]);
		close(fds[i][1]);
	}
	sigwaitinfo(end, NULL);
}

static void ask(const char *what, const char *page)
{
	char text[64];
	int fd = open("/sys/kernel/debug/mhp_ask", O_WRONLY);
	int len = snprintf(text, sizeof(text), "%s %p", what, page);

	if (fd < 0 || write(fd, text, len) != len)
		err(2, "mhp_ask");
	close(fd);
}

/* On one CPU, so that mlock() moves the page from its batch to the LRU. */
static void stay_on_cpu(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		err(2, "sched_setaffinity");
}

static int is_late(const char *kind)
{
	return !strcmp(kind, "late-lock") || !strcmp(kind, "late-write");
}

static void ask_late(const char *kind, const char *page)
{
	if (mlock(page, PAGE))
		err(2, "mlock");
	ask(kind, page);
}

static void register_buffer(char *page)
{
	struct io_uring_params params = {};
	struct iovec iov = { .iov_base = page, .iov_len = PAGE };
	int fd = syscall(SYS_io_uring_setup, 1, &params);

	if (fd < 0 || syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, &iov, 1))
		err(2, "io_uring");
}

static void fill_pipes(void)
{
	static char buffer[PIPE_ROOM];
	int fds[2];

	for (size_t filled = 0; filled < FILL; filled += PIPE_ROOM) {
		if (pipe(fds) || fcntl(fds[1], F_SETPIPE_SZ, PIPE_ROOM) < 0 ||
		    write(fds[1], buffer, PIPE_ROOM) != (ssize_t)PIPE_ROOM)
			err(2, "pipe");
	}
}

int main(int argc, char **argv)
{
	struct range r;
	char *page = NULL;
	sigset_t end;
	int sig, node;

	if (argc != 5)
		errx(2, "usage: hold page|pin|slow|dma|long|lock|late-lock|late-write|kernel "
			"NODE LO HI");
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);

	node = atoi(argv[2]);
	r.lo = strtoull(argv[3], NULL, 0);
	r.hi = strtoull(argv[4], NULL, 0);

	if (!strcmp(argv[1], "slow")) {
		pin_slow(r, node, &end);
		return 0;
	}
	if (!strcmp(argv[1], "kernel")) {
		prefer_node(node);
		fill_pipes();
	} else {
		if (is_late(argv[1]))
			stay_on_cpu();
		page = page_in(r, node);
		memset(page, 0x5a, PAGE);
		if (!strcmp(argv[1], "pin"))
			pin(page);
		else if (!strcmp(argv[1], "dma"))
			ask("pin", page);
		else if (!strcmp(argv[1], "long"))
			register_buffer(page);
		else if (!strcmp(argv[1], "lock"))
			ask("lock", page);
		else if (is_late(argv[1]))
			ask_late(argv[1], page);
	}
	printf("0x%llx\n", page ? (unsigned long long)phys_addr(page) : 0ULL);
	fflush(stdout);

	sigwait(&end, &sig);
	if (!strcmp(argv[1], "dma") || !strcmp(argv[1], "lock") || is_late(argv[1]))
		ask("release", page);
	for (size_t i = 0; page && i < PAGE; i++)
		if (page[i] != 0x5a)
			errx(1, "the content is gone");
	return 0;
}
