// SPDX-License-Identifier: GPL-2.0
/*
 * load MIB NODE LO HI: a program with data on a DIMM.
 *
 * Fills MIB mebibytes, preferably of NODE, with a pattern of the number and the
 * version of each page. Then it checks and rewrites page after page until it is
 * ended. LO and HI are the physical range of the DIMM. Every report says how
 * much of the data is in it.
 *
 * SIGUSR1: report. SIGTERM: check every page, report, exit 0 if all are right.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "place.h"

#define WORDS	(PAGE / sizeof(uint64_t))
#define BURST	32		/* pages rewritten between two short pauses */
#define PAUSE	1000		/* microseconds */

static uint64_t (*data)[WORDS];
static uint32_t *version;
static size_t pages;
static unsigned long rewritten, wrong;
static struct range dimm;

static volatile sig_atomic_t want_report, want_end;

static void on_signal(int sig)
{
	if (sig == SIGTERM)
		want_end = 1;
	else
		want_report = 1;
}

static uint64_t next(uint64_t x)
{
	x ^= x << 13;
	x ^= x >> 7;
	return x ^ x << 17;
}

static uint64_t seed(size_t page)
{
	return (page + 1) * 0x9e3779b97f4a7c15ULL ^ version[page];
}

static void write_page(size_t page)
{
	uint64_t x = seed(page);

	for (size_t i = 0; i < WORDS; i++)
		data[page][i] = x = next(x);
}

static void check_page(size_t page)
{
	uint64_t x = seed(page);

	for (size_t i = 0; i < WORDS; i++) {
		x = next(x);
		if (data[page][i] != x) {
			wrong++;
			printf("page %zu, version %u: word %zu is wrong\n",
			       page, version[page], i);
			return;
		}
	}
}

static void report(const char *what)
{
	size_t there = 0;

	for (size_t page = 0; page < pages; page++)
		there += in_range(phys_addr(data[page]), dimm);
	printf("%s: %zu MiB, on the DIMM %zu MiB, rewritten %lu pages, wrong %lu pages\n",
	       what, pages * PAGE >> 20, there * PAGE >> 20, rewritten, wrong);
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_signal };
	uint64_t pick = 1;

	if (argc != 5)
		errx(2, "usage: load MIB NODE LO HI");
	pages = strtoul(argv[1], NULL, 0) * (1UL << 20) / PAGE;
	dimm.lo = strtoull(argv[3], NULL, 0);
	dimm.hi = strtoull(argv[4], NULL, 0);

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGUSR1, &act, NULL);
	sigaction(SIGTERM, &act, NULL);

	version = map_pages(pages * sizeof(*version) / PAGE + 1);
	prefer_node(atoi(argv[2]));
	data = map_pages(pages);
	for (size_t page = 0; page < pages; page++)
		write_page(page);
	report("filled");

	while (!want_end) {
		size_t page = (pick = next(pick)) % pages;

		check_page(page);
		version[page]++;
		write_page(page);
		if (++rewritten % BURST == 0)
			usleep(PAUSE);
		if (want_report) {
			want_report = 0;
			report("running");
		}
	}
	for (size_t page = 0; page < pages; page++)
		check_page(page);
	report("checked");
	return wrong != 0;
}
