// SPDX-License-Identifier: GPL-2.0
/* memhp query: shows whether all blocks of a range could go offline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "handle.h"
#include "json.h"
#include "memhp.h"
#include "show.h"

struct answer {
	u64 start, end;		/* addresses; @end is the one after the last byte */
	unsigned int nr, online;	/* blocks */
	bool scattered;
	struct counts counts;
	struct page page;	/* the blocker, if there is one */
};

static const char *verdict(const struct answer *a)
{
	return a->counts.source == NOBODY ? "unknown" : a->counts.score ? "yes" : "no";
}

static void json_answer(const struct answer *a)
{
	json_open(NULL, '{');
	json_number("start", a->start);
	json_number("end", a->end);
	json_number("blocks", a->nr);
	json_number("online", a->online);
	json_string("can_go", verdict(a));
	json_counts(&a->counts);
	if (a->counts.blocked)
		json_page(a->counts.blocker, a->counts.kind, &a->page);
	else
		json_string("page", NULL);
	json_close('}');
}

static void print_answer(const struct answer *a)
{
	const struct counts *c = &a->counts;

	printf(LABEL "%u block%s%s, %#llx-%#llx, %s, %s online\n", "range", a->nr,
	       a->nr > 1 ? "s" : "", a->scattered ? " within" : "", a->start, a->end - 1,
	       size_text(a->nr * block_size), size_text(a->online * block_size));
	printf(LABEL "%s", "can go", verdict(a));
	if (c->score && c->source != NOBODY)
		printf(": %s to move", size_text((c->pages[MOVABLE] + c->pages[HUGETLB]) *
						 page_size));
	else if (strcmp(c->kind, "none"))
		printf(": %s", c->kind);
	putchar('\n');
	print_counts(c, handle_is_for_root());
	if (c->blocked) {
		printf(LABEL "memory%llu\n", "blocker", c->blocker / pages_per_block());
		print_page("", c->blocker, c->kind, &a->page);
	}
}

int run_query(const char *arg)
{
	struct selection s = select_range(arg);
	struct answer a = {
		.start = block_address(s.blocks[0]),
		.end = block_address(s.blocks[s.nr - 1]) + block_size,
		.nr = s.nr,
		.scattered = s.scattered,
		.counts = count_blocks(s.blocks, s.nr),
	};

	for (unsigned int i = 0; i < s.nr; i++)
		a.online += block_is_up(s.blocks[i]);
	free(s.blocks);
	if (a.counts.blocked)
		a.page = read_page(a.counts.blocker);
	if (opt.json)
		json_answer(&a);
	else
		print_answer(&a);
	return !a.counts.score;
}
