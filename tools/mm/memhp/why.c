// SPDX-License-Identifier: GPL-2.0
/* memhp why: shows the result of the last request for a block, its contents, and advice. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "advice.h"
#include "ask.h"
#include "json.h"
#include "memhp.h"
#include "show.h"

struct findings {
	struct block *block;
	enum ending last;
	struct pairs failure;	/* of the last request, if it ended BADLY */
	bool has_page;		/* there is a page: the next three are valid */
	u64 pfn;
	const char *kind;
	struct page page;
	const struct advice *cause;	/* NULL: not known */
	const char *todo;
};

/* Prints a value, unless it is missing or "none". */
static void print_if(const char *before, const char *value)
{
	if (value && strcmp(value, "none"))
		printf("%s%s", before, value);
}

/* Prints a sentence about the last request, followed by the pairs that are not part of it. */
static void print_failure(const struct pairs *p)
{
	static const char * const said[] = { "verb", "err", "reason", "pfn", "step", "passes",
					     "left", "ms" };
	int error = pair_error(p);
	unsigned int i, j;

	printf(LABEL "%s failed", "last", pair_value(p, "verb") ?: "request");
	if (error)
		printf(" (%s)", strerror(error));
	print_if(": ", pair_value(p, "reason"));
	print_if(" at page frame ", pair_value(p, "pfn"));
	print_if(", step ", pair_value(p, "step"));
	if (pair_value(p, "passes"))
		printf(", %llu passes", pair_number(p, "passes"));
	if (pair_value(p, "left"))
		printf(", %llu left", pair_number(p, "left"));
	if (pair_value(p, "ms"))
		printf(", after %.1f s", pair_number(p, "ms") / 1000.0);
	putchar('\n');
	for (i = 0; i < p->nr; i++) {
		const char *key = pair_key_at(p, i);

		for (j = 0; j < ARRAY_SIZE(said) && strcmp(said[j], key); j++)
			;
		if (j == ARRAY_SIZE(said))
			printf(LABEL "%s=%s\n", "", key, pair_value_at(p, i));
	}
}

/* Returns the advice for a block. */
static const char *block_advice(const struct findings *f)
{
	const struct block *b = f->block;

	if (block_is(b, "lost"))
		return "Its memory was removed while in use: nothing of it can be saved.";
	if (block_is(b, "going-offline") || block_is(b, "going-online"))
		return "It is changing: look again.";
	if (f->cause)
		return f->cause->todo;
	if (block_is(b, "offline"))
		return "It is offline: 'memhp online' brings it back.";
	if ((b->counts.source != NOBODY && !b->counts.score) || !b->removable)
		return "Something in it does not move: choose another block.";
	if (f->last == NOT_TOLD)
		return "Nothing is known to be in its way. If an offline fails, 'dmesg' may tell.";
	if (f->last == NOT_TO_US)
		return "Nothing is known to be in its way; root can see more.";
	if (f->last == BADLY)
		return "Nothing is known to be in its way now: try again.";
	return "Nothing is in its way: 'memhp offline' should work.";
}

/* Returns the cause of the failure of the last request, or of the next one. */
static const struct advice *find_cause(const struct findings *f)
{
	const struct advice *cause = advice_for(pair_value(&f->failure, "reason"));
	const struct block *b = f->block;

	if (cause || block_is(b, "offline") || b->counts.source == NOBODY || b->counts.score)
		return cause;
	return advice_for(b->counts.kind);
}

/* Finds the page that stopped the last request, otherwise the page that would stop the next one. */
static bool find_culprit(struct findings *f)
{
	const char *pfn = pair_value(&f->failure, "pfn");
	u64 first = block_pfn(f->block);

	f->kind = pair_value(&f->failure, "reason");
	if (pfn && parse_number(pfn, &f->pfn) && f->pfn >= first &&
	    f->pfn < first + pages_per_block())
		return true;
	f->kind = f->block->counts.kind;
	f->pfn = f->block->counts.blocker;
	return f->block->counts.blocked;
}

static void print_block(const struct block *b)
{
	printf(LABEL "memory%lu, %#llx-%#llx, %s", "block", b->nr, block_address(b),
	       block_address(b) + block_size - 1, size_text(block_size));
	if (b->node != NONE)
		printf(", node %d", b->node);
	if (b->group != NONE)
		printf(", group %d", b->group);
	printf("\n" LABEL "%s", "state", b->state);
	if (*b->zones)
		printf("%s%s", block_is(b, "offline") ? ", can be in " : " in ", b->zones);
	putchar('\n');
}

/* Collects everything that is known about the block. */
static void investigate(struct block *b, struct findings *f)
{
	*f = (struct findings){ .block = b };
	f->last = ask_why(b, &f->failure);
	f->has_page = find_culprit(f);
	if (f->has_page)
		f->page = read_page(f->pfn);
	f->cause = find_cause(f);
	f->todo = block_advice(f);
}

static void json_findings(const struct findings *f)
{
	json_open(NULL, '{');
	json_block(f->block);
	json_counts(&f->block->counts);
	if (f->last == BADLY)
		json_pairs("last_error", &f->failure);
	else
		json_string("last_error", NULL);
	if (f->has_page)
		json_page(f->pfn, f->kind, &f->page);
	else
		json_string("page", NULL);
	json_string("cause", f->cause ? f->cause->cause : NULL);
	json_string("advice", f->todo);
	json_close('}');
}

static void print_findings(const struct findings *f)
{
	static const char * const endings[] = {
		[NOT_TOLD] = "this kernel does not keep how requests ended",
		[NOT_TO_US] = "only root can see how the last request ended",
		[WELL] = "no request has failed since",
	};

	print_block(f->block);
	if (f->last == BADLY)
		print_failure(&f->failure);
	else
		printf(LABEL "%s\n", "last", endings[f->last]);
	print_counts(&f->block->counts, f->last == NOT_TO_US);
	if (f->has_page)
		print_page("blocker", f->pfn, f->kind, &f->page);
	if (f->cause)
		printf(LABEL "%s\n", "cause", f->cause->cause);
	printf(LABEL "%s\n", "advice", f->todo);
}

int run_why(const char *arg)
{
	struct selection s = select_range(arg);
	struct findings f;

	if (s.nr > 1)
		errx(1, "%s is more than one block: 'memhp query' tells about those", arg);
	investigate(s.blocks[0], &f);
	free(s.blocks);
	if (opt.json)
		json_findings(&f);
	else
		print_findings(&f);
	return 0;
}
