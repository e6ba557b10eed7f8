// SPDX-License-Identifier: GPL-2.0
/* memhp query: whether all blocks of a range could go offline. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "json.h"
#include "memhp.h"
#include "show.h"
#include "sysfs.h"

/* Asks the kernel about the range as a whole; returns false where it has no answer. */
static bool ask_kernel(const struct selection *r, struct counts *c)
{
	int fd = open_file(O_RDWR, MEMORY "/query");
	char line[LINE_SIZE];
	struct pairs p;
	bool ret;

	if (fd < 0 || is_other_root() || r->scattered) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	/* The answer is one for all who ask: one at a time. */
	flock(fd, LOCK_EX);
	snprintf(line, sizeof(line), "%lu-%lu", r->blocks[0]->nr, r->blocks[r->nr - 1]->nr);
	ret = write(fd, line, strlen(line)) > 0;
	if (!read_line_of(fd, line, sizeof(line)) || !ret)
		return false;
	parse_pairs(line, &p);
	*c = parse_counts(&p);
	return c->source == KERNEL;
}

/* Returns what is in the blocks together. */
static struct counts count_selection(const struct selection *r)
{
	struct counts c;

	if (ask_kernel(r, &c))
		return c;
	for (unsigned int i = 0; i < r->nr; i++)
		count_block(r->blocks[i], 1);
	return sum_counts(r->blocks, r->nr);
}

struct answer {
	u64 start, end;		/* addresses, @end is that behind the last byte */
	unsigned int nr, online;	/* blocks */
	bool scattered;
	struct counts counts;
	struct page page;	/* the blocker, where there is one */
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
	print_counts(c, is_for_root(MEMORY "/query", 0));
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
		.counts = count_selection(&s),
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
