// SPDX-License-Identifier: GPL-2.0
/*
 * The contents of blocks, and the results of their last requests. A kernel that has
 * /dev/memory_hotplug is asked for them. For other kernels, the counts are an estimate from the
 * flags of the pages.
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "handle.h"
#include "page.h"
#include "sysfs.h"

/* The answers that the kernel has given to a question so far. */
struct question {
	struct counts sum;		/* of all blocks; the source is NOBODY without an answer */
	enum ending last;		/* NOT_TOLD without an answer */
	struct pairs *failure;		/* for "why": filled in if the last request failed */
};

static void take_answer(struct question *q, const char *line)
{
	struct answer_line a;
	struct block *b;

	parse_answer(line, &a);
	b = find_block(a.block);
	if (a.kind == LINE_BLOCK && b) {
		b->counts = parse_counts(&a.pairs);
	} else if (a.kind == LINE_RANGE) {
		q->sum = parse_counts(&a.pairs);
	} else if (a.kind == LINE_LAST_ERROR && q->failure) {
		*q->failure = a.pairs;
		q->last = q->failure->nr ? BADLY : WELL;
	}
}

/* Asks the kernel "@verb @places" and evaluates the answer. Does nothing without the device. */
static void ask_kernel(const char *verb, const char *places, struct question *q)
{
	const struct request_text request = { .verb = verb, .places = places, .node = NONE };
	struct handle h;
	char *text, *line;

	if (!open_handle(&h))
		return;
	text = compose_request(&request);
	if (!write_handle(&h, text)) {
		while (!h.ended) {
			while ((line = read_handle(&h)))
				take_answer(q, line);
			if (!h.ended)
				poll(&(struct pollfd){ .fd = h.fd, .events = POLLIN }, 1, -1);
		}
	}
	free(text);
	close_handle(&h);
}

/* Estimates the counts of a block from the flags of the pages in one of @every chunks. */
static void estimate_block(struct block *b, unsigned int every)
{
	b->counts = NO_PAGES(ESTIMATE);
	if (block_is_up(b) && !estimate_counts(block_pfn(b), block_pfn(b) + pages_per_block(),
					       block_is_movable(b), every, &b->counts))
		b->counts.source = NOBODY;
	if (block_is(b, "online") && !strcmp(b->zones, "none")) {
		b->counts.score = 0;
		b->counts.blocked = false;
		snprintf(b->counts.kind, sizeof(b->counts.kind), "multi-zone");
	}
}

static void estimate_rest(struct block **list, unsigned int nr)
{
	/* Reading the flags of each page of some TiB would take minutes. */
	unsigned int every = 1 + (nr * pages_per_block() >> 27);

	for (unsigned int i = 0; i < nr; i++)
		if (list[i]->counts.source != KERNEL)
			estimate_block(list[i], every);
}

/* Fills in the counts of each of these blocks. Returns the counts of all of them together. */
struct counts count_blocks(struct block **list, unsigned int nr)
{
	struct question q = {};
	char *places = list_blocks(list, nr);

	ask_kernel("query", places, &q);
	free(places);
	estimate_rest(list, nr);
	return q.sum.source == KERNEL ? q.sum : sum_counts(list, nr);
}

/* Fills in the counts of all blocks. */
void count_all_blocks(void)
{
	struct selection all = {};

	for (unsigned int i = 0; i < nr_blocks; i++)
		select_block(&all, &blocks[i]);
	count_blocks(all.blocks, all.nr);
	free(all.blocks);
}

/*
 * Fills in the counts of a block and, if its last request ended BADLY, @failure. Without the
 * device, root may still find the failure in a file.
 */
enum ending ask_why(struct block *b, struct pairs *failure)
{
	struct question q = { .failure = failure };
	char *places = list_blocks(&b, 1);

	failure->nr = 0;
	ask_kernel("why", places, &q);
	free(places);
	estimate_rest(&b, 1);
	return q.last == NOT_TOLD ? read_last_error(b, failure) : q.last;
}

/* Fills in @failure from the block's file in sysfs if the last request ended BADLY. */
enum ending read_last_error(const struct block *b, struct pairs *failure)
{
	char line[LINE_SIZE];

	failure->nr = 0;
	if (is_for_root(MEMORY "/memory%lu/last_error", b->nr))
		return NOT_TO_US;
	if (!read_line(line, MEMORY "/memory%lu/last_error", b->nr))
		return NOT_TOLD;
	parse_pairs(line, failure);
	return failure->nr ? BADLY : WELL;
}
