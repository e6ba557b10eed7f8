// SPDX-License-Identifier: GPL-2.0
/*
 * files run DIR NODE LO HI: files in DIR whose pages come from NODE, each used in a way of its own
 * by a process of its own, until SIGTERM. Prints how many pages of each are in the physical range
 * [LO, HI): at the start, and at the end.
 *
 *	clean	written and synced once, then read
 *	dirty	rewritten, never synced
 *	mapped	rewritten through a shared mapping
 *	synced	rewritten, with fdatasync() after each burst
 *	direct	written and read with O_DIRECT; the pages counted are those of the buffer
 *
 * Each process reads a page back before it writes the next version of it, and writes the last
 * version, LAST, of all pages at the end, so that a write that was lost is seen.
 *
 * files check DIR: all pages of all files in DIR have that version. Exit 0 when all is right.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "place.h"

#define PAGES	1024
#define LENGTH	(PAGES * PAGE)
#define WORDS	(PAGE / sizeof(uint64_t))
#define BURST	16
#define PAUSE	1000		/* microseconds */
#define LAST	(~0ULL >> 1)

static const char *const kinds[] = { "clean", "dirty", "mapped", "synced", "direct" };

#define KINDS	(sizeof(kinds) / sizeof(*kinds))

static struct range range;
static volatile sig_atomic_t want_end;
static pid_t parent;

static void on_term(int sig)
{
	if (!want_end && getpid() == parent)
		kill(0, sig);
	want_end = 1;
}

static uint64_t next(uint64_t x)
{
	x ^= x << 13;
	x ^= x >> 7;
	return x ^ x << 17;
}

/* The first word is the version; all others follow from file, page and version. */
static void make(uint64_t *words, int kind, size_t page, uint64_t version)
{
	uint64_t x = (page * KINDS + kind + 1) * 0x9e3779b97f4a7c15ULL ^ version;

	words[0] = version;
	for (size_t i = 1; i < WORDS; i++)
		words[i] = x = next(x);
}

static void check(const uint64_t *words, int kind, size_t page, uint64_t version)
{
	uint64_t right[WORDS];

	make(right, kind, page, version);
	for (size_t i = 0; i < WORDS; i++)
		if (words[i] != right[i])
			errx(1, "%s: page %zu, word %zu is %#llx, not %#llx", kinds[kind], page, i,
			     (unsigned long long)words[i], (unsigned long long)right[i]);
}

struct file {
	int kind, fd;
	uint64_t *map;		/* the file, or what is written from and read into where it is not mapped */
	int mapped, direct;
};

static void write_page(struct file *f, size_t page, uint64_t version)
{
	uint64_t *words = f->map + (f->mapped || f->direct ? page : 0) * WORDS;

	make(words, f->kind, page, version);
	if (!f->mapped && pwrite(f->fd, words, PAGE, page * PAGE) != (ssize_t)PAGE)
		err(1, "%s: write", kinds[f->kind]);
}

static void check_page(struct file *f, size_t page, uint64_t version)
{
	uint64_t *words = f->map + (f->mapped || f->direct ? page : 0) * WORDS;

	if (!f->mapped) {
		memset(words, 0, PAGE);
		if (pread(f->fd, words, PAGE, page * PAGE) != (ssize_t)PAGE)
			err(1, "%s: read", kinds[f->kind]);
	}
	check(words, f->kind, page, version);
}

/* In the page cache, or, of a file that is not there, in the buffer. */
static size_t there(struct file *f)
{
	char *p = f->direct ? (char *)f->map : mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, f->fd, 0);
	size_t found = 0;

	if (p == MAP_FAILED)
		err(2, "mmap");
	for (size_t at = 0; at < LENGTH; at += PAGE) {
		if (!f->direct)
			(void)*(volatile char *)(p + at);
		found += in_range(phys_addr(p + at), range);
	}
	if (!f->direct)
		munmap(p, LENGTH);
	return found;
}

static void say(struct file *f, const char *when)
{
	char line[80];
	int length = snprintf(line, sizeof(line), "%s %s %zu\n", when, kinds[f->kind], there(f));

	if (write(1, line, length) != length)
		err(2, "write");
}

static void use(const char *name, int kind)
{
	struct file f = {
		.kind = kind,
		.mapped = !strcmp(kinds[kind], "mapped"),
		.direct = !strcmp(kinds[kind], "direct"),
	};
	int clean = !strcmp(kinds[kind], "clean"), synced = !strcmp(kinds[kind], "synced");
	uint64_t pick = kind + 1;
	static uint64_t version[PAGES];

	f.fd = open(name, O_RDWR | O_CREAT | O_TRUNC | (f.direct ? O_DIRECT : 0), 0600);
	if (f.fd < 0 || ftruncate(f.fd, LENGTH))
		err(2, "%s", name);
	f.map = f.mapped ? mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, f.fd, 0) : map_pages(PAGES);
	if (f.map == MAP_FAILED)
		err(2, "mmap");

	for (size_t page = 0; page < PAGES; page++)
		write_page(&f, page, version[page] = clean ? LAST : 1);
	if (clean && fsync(f.fd))
		err(1, "fsync");
	say(&f, "begin");

	while (!want_end) {
		for (int i = 0; i < BURST; i++) {
			size_t page = (pick = next(pick)) % PAGES;

			check_page(&f, page, version[page]);
			if (!clean)
				write_page(&f, page, ++version[page]);
		}
		if (synced && fdatasync(f.fd))
			err(1, "fdatasync");
		usleep(PAUSE);
	}

	for (size_t page = 0; page < PAGES; page++) {
		check_page(&f, page, version[page]);
		if (!clean)
			write_page(&f, page, LAST);
	}
	say(&f, "end");
	exit(0);
}

static void check_file(const char *name, int kind)
{
	uint64_t words[WORDS];
	int fd = open(name, O_RDONLY);

	if (fd < 0)
		err(1, "%s", name);
	for (size_t page = 0; page < PAGES; page++) {
		if (read(fd, words, PAGE) != (ssize_t)PAGE)
			err(1, "%s: read", name);
		check(words, kind, page, LAST);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_term };
	int run = argc == 6 && !strcmp(argv[1], "run"), status, failed = 0;
	pid_t child;

	if (!run && (argc != 3 || strcmp(argv[1], "check")))
		errx(2, "usage: files run DIR NODE LO HI, or files check DIR");
	if (run) {
		range.lo = strtoull(argv[4], NULL, 0);
		range.hi = strtoull(argv[5], NULL, 0);
		prefer_node(atoi(argv[3]));
		setpgid(0, 0);
		parent = getpid();
		sigaction(SIGTERM, &act, NULL);
	}
	for (size_t kind = 0; kind < KINDS; kind++) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/%s", argv[2], kinds[kind]);
		if (!run)
			check_file(name, kind);
		else if (!fork())
			use(name, kind);
	}
	if (!run)
		return 0;

	while ((child = wait(&status)) > 0 || errno == EINTR)
		failed |= child > 0 && status;
	return failed;
}
