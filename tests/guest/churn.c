// SPDX-License-Identifier: GPL-2.0
/*
 * churn NODE LO HI: a program that changes its memory in many ways at the same time, while its
 * pages are moved. Each thread has pages of its own, which it
 *
 *   rewrite	checks and writes anew
 *   fork	shares with a child; both check, and write to some
 *   remap	moves to other addresses, with and without their page tables
 *   zap	gives up, finds empty, and fills again
 *   pin	lends to a pipe, and reads by way of /proc/self/mem
 *   protect	makes read-only and writable
 *
 * Another process has pages of which some are soft-dirty, and some write-protected by
 * userfaultfd. It checks that these marks do not change. Other pages are only filled.
 *
 * Prints the number of pages in [LO, HI), and runs until SIGTERM. The last line has the number of
 * rounds of each thread, and the number of errors. Exit 0 if there were none. SIGUSR1: it
 * pins no page any more, and says "no pins" when none is pinned.
 */
#define _GNU_SOURCE
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "place.h"

#define PAGES		512UL		/* of each thread */
#define BALLAST		(48UL << 8)	/* 48 MiB */
#define WORDS		(PAGE / 8)
#define STRIDE		8		/* not every word is checked, so that more pages are */
#define PM_SOFT_DIRTY	(1ULL << 55)
#define PM_UFFD_WP	(1ULL << 57)

struct area {
	const char *name;
	void (*once)(struct area *a);
	char *p;
	size_t pages;
	uint32_t *version;
	unsigned int seed;
	unsigned long rounds, wrong;
};

static pthread_barrier_t ready;	/* after it, no thread maps memory, so that the addresses of remap stay free */
static atomic_bool want_end, no_pins, unpinned;
static int node;

static void *page_of(const struct area *a, size_t page)
{
	return a->p + page * PAGE;
}

static uint64_t pattern(const struct area *a, size_t page)
{
	return (page + 1) * 0x9e3779b97f4a7c15ULL ^ (uintptr_t)a->name ^ a->version[page];
}

static void write_page(struct area *a, size_t page)
{
	uint64_t *word = page_of(a, page);

	a->version[page]++;
	for (size_t i = 0; i < WORDS; i += STRIDE)
		word[i] = pattern(a, page) + i;
}

static int right(const struct area *a, size_t page, const uint64_t *word)
{
	for (size_t i = 0; i < WORDS; i += STRIDE)
		if (word[i] != pattern(a, page) + i)
			return 0;
	return 1;
}

static unsigned long check(struct area *a)
{
	unsigned long wrong = 0;

	for (size_t page = 0; page < a->pages; page++)
		wrong += !right(a, page, page_of(a, page));
	return wrong;
}

static void write_some(struct area *a, size_t step)
{
	for (size_t page = 0; page < a->pages; page += step)
		write_page(a, page);
}

static size_t some_page(struct area *a)
{
	return rand_r(&a->seed) % a->pages;
}

static void make(struct area *a, size_t pages)
{
	a->pages = pages;
	a->p = map_pages(pages);
	madvise(a->p, pages * PAGE, MADV_NOHUGEPAGE);
	a->version = calloc(pages, sizeof(*a->version));
	if (!a->version)
		err(2, "calloc");
	write_some(a, 1);
}

static void rewrite(struct area *a)
{
	for (int i = 0; i < 64; i++) {
		size_t page = some_page(a);

		a->wrong += !right(a, page, page_of(a, page));
		write_page(a, page);
	}
}

static void fork_child(struct area *a)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		err(2, "fork");
	if (!pid) {
		unsigned long wrong = check(a);

		write_some(a, 3);
		_exit(!!(wrong + check(a)));
	}
	write_some(a, 4);
	a->wrong += check(a);
	if (waitpid(pid, &status, 0) != pid || status)
		a->wrong++;
}

/* Moves between two areas that are twice as large, to the same offset in a page table or another. */
static void remap(struct area *a)
{
	static char *room;
	size_t bytes = a->pages * PAGE;
	char *to;

	if (!room) {
		room = mmap(NULL, 8 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (room == MAP_FAILED)
			err(2, "room");
		room = (char *)(((uintptr_t)room + bytes - 1) & ~(bytes - 1));
	}
	to = room + (a->rounds % 3) * 2 * bytes + (a->rounds % 4 == 3 ? 17 * PAGE : 0);
	if (to == a->p)
		return;
	a->p = mremap(a->p, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	if (a->p == MAP_FAILED)
		err(2, "mremap");
	a->wrong += check(a);
	write_some(a, 5);
}

static void zap(struct area *a)
{
	size_t page = some_page(a), end = page + 32 < a->pages ? page + 32 : a->pages;

	if (madvise(page_of(a, page), (end - page) * PAGE, MADV_DONTNEED))
		err(2, "madvise");
	for (; page < end; page++) {
		for (size_t i = 0; i < WORDS; i += STRIDE)
			if (((uint64_t *)page_of(a, page))[i])
				a->wrong++;
		write_page(a, page);
	}
}

static void pin(struct area *a)
{
	static uint64_t data[WORDS];
	size_t page = some_page(a);
	struct iovec iov = { page_of(a, page), PAGE };
	int fds[2], mem;

	if (no_pins) {
		unpinned = true;
		usleep(20000);
		return;
	}
	mem = open("/proc/self/mem", O_RDONLY);
	if (mem < 0 || pipe(fds) || vmsplice(fds[1], &iov, 1, 0) != PAGE)
		err(2, "vmsplice");
	if (pread(mem, data, PAGE, (uintptr_t)iov.iov_base) != PAGE)
		err(2, "mem");
	a->wrong += !right(a, page, data);
	usleep(2000);
	if (read(fds[0], data, PAGE) != PAGE)
		err(2, "pipe");
	a->wrong += !right(a, page, data);
	close(mem);
	close(fds[0]);
	close(fds[1]);
	write_page(a, page);
}

static void protect(struct area *a)
{
	if (mprotect(a->p, a->pages * PAGE, PROT_READ))
		err(2, "mprotect");
	a->wrong += check(a);
	if (mprotect(a->p, a->pages * PAGE, PROT_READ | PROT_WRITE))
		err(2, "mprotect");
	write_some(a, 7);
}

static void *work(void *arg)
{
	struct area *a = arg;

	prefer_node(node);
	make(a, PAGES);
	pthread_barrier_wait(&ready);
	while (!want_end) {
		a->once(a);
		a->rounds++;
		usleep(1000);	/* let the other threads continue */
	}
	a->wrong += check(a);
	return NULL;
}

static struct area areas[] = {
	{ .name = "rewrite", .once = rewrite },
	{ .name = "another", .once = rewrite },
	{ .name = "fork", .once = fork_child },
	{ .name = "remap", .once = remap },
	{ .name = "zap", .once = zap },
	{ .name = "pin", .once = pin },
	{ .name = "protect", .once = protect },
};

#define NR (sizeof(areas) / sizeof(areas[0]))

/* The process that has marks on its pages. */

static uint64_t marks(int fd, const void *p)
{
	uint64_t entry;

	if (pread(fd, &entry, sizeof(entry), (uintptr_t)p / PAGE * 8) != sizeof(entry))
		err(2, "pagemap");
	return entry & (PM_SOFT_DIRTY | PM_UFFD_WP);
}

static void write_protect(struct area *a)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP };
	struct uffdio_register reg = { { (uintptr_t)a->p, a->pages * PAGE }, UFFDIO_REGISTER_MODE_WP, 0 };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg))
		err(2, "userfaultfd");
	for (size_t page = 0; page < a->pages; page += 5) {
		struct uffdio_writeprotect wp = { { (uintptr_t)page_of(a, page), PAGE },
						  UFFDIO_WRITEPROTECT_MODE_WP };

		if (ioctl(fd, UFFDIO_WRITEPROTECT, &wp))
			err(2, "write-protect");
	}
}

static int look_at_marks(void)
{
	static uint64_t had[PAGES];
	static struct area a = { .name = "marks" };
	int pagemap = open("/proc/self/pagemap", O_RDONLY), refs = open("/proc/self/clear_refs", O_WRONLY);

	prefer_node(node);
	make(&a, PAGES);
	if (write(refs, "4", 1) != 1)
		err(2, "clear_refs");
	write_some(&a, 3);
	write_protect(&a);
	for (size_t page = 0; page < PAGES; page++)
		had[page] = marks(pagemap, page_of(&a, page));
	if (!(had[0] & PM_UFFD_WP) || (had[1] & PM_UFFD_WP) || (had[1] & PM_SOFT_DIRTY))
		errx(2, "marks are not where they should be");
	while (!want_end) {
		for (size_t page = 0; page < PAGES; page++)
			a.wrong += marks(pagemap, page_of(&a, page)) != had[page];
		a.wrong += check(&a);
		usleep(20000);
	}
	return !!a.wrong;
}

static void on_signal(int sig)
{
	(void)sig;
	want_end = true;
}

static size_t there(const struct area *a, struct range range)
{
	size_t found = 0;

	for (size_t page = 0; page < a->pages; page++)
		found += in_range(phys_addr(page_of(a, page)), range);
	return found;
}

int main(int argc, char **argv)
{
	static struct area ballast = { .name = "ballast" };
	unsigned long wrong = 0;
	pthread_t threads[NR];
	int status, sig;
	sigset_t end;
	pid_t pid;

	if (argc != 4)
		errx(2, "usage: churn NODE LO HI");
	node = atoi(argv[1]);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGUSR1);
	signal(SIGTERM, on_signal);
	pid = fork();
	if (!pid)
		return look_at_marks();
	sigprocmask(SIG_BLOCK, &end, NULL);
	prefer_node(node);
	make(&ballast, BALLAST);
	pthread_barrier_init(&ready, NULL, NR);
	for (size_t i = 0; i < NR; i++) {
		areas[i].seed = i;
		if (pthread_create(&threads[i], NULL, work, &areas[i]))
			errx(2, "pthread_create");
	}
	sleep(1);
	printf("%zu\n", there(&ballast, (struct range){ strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0) }));
	fflush(stdout);
	while (!sigwait(&end, &sig) && sig == SIGUSR1) {
		no_pins = true;
		while (!unpinned)
			usleep(1000);
		puts("no pins");
		fflush(stdout);
	}
	want_end = true;
	for (size_t i = 0; i < NR; i++) {
		pthread_join(threads[i], NULL);
		printf("%s %lu ", areas[i].name, areas[i].rounds);
		wrong += areas[i].wrong;
	}
	kill(pid, SIGTERM);
	if (waitpid(pid, &status, 0) != pid || status)
		wrong++;
	wrong += check(&ballast);
	printf("wrong %lu\n", wrong);
	return !!wrong;
}
