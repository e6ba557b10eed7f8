// SPDX-License-Identifier: GPL-2.0
/* memhp offline, memhp online: which blocks, and how it went. */
#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "change.h"
#include "json.h"
#include "memhp.h"
#include "sysfs.h"

/* Returns seconds of a clock that never jumps. */
double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* For --verbose */
void print_verbose(const char *format, ...)
{
	va_list args;

	if (!opt.verbose || opt.json)
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fflush(stdout);
}

/* The kernel's reason in a few words; false if it has none. */
bool take_reason(struct block *b, const struct pairs *p)
{
	const char *reason = pair_value(p, "reason"), *pfn = pair_value(p, "pfn");

	if (!reason || !strcmp(reason, "none"))
		return false;
	if (!pfn || !strcmp(pfn, "none"))
		snprintf(b->reason, sizeof(b->reason), "%.80s", reason);
	else
		snprintf(b->reason, sizeof(b->reason), "%.80s at page frame %.24s", reason, pfn);
	return true;
}

/* One line for people. Who ended it himself knows why. */
void note_failure(const struct change *c, struct block *b)
{
	b->outcome = FAILED;
	if (!opt.json && !c->cancelled)
		warnx("memory%lu does not go %s: %s ('memhp why %lu' says more)", b->nr, c->goal,
		      b->reason, b->nr);
}

/* The best score first, of equals the highest address: there is less of the kernel. */
static int by_score(const void *a, const void *b)
{
	const struct block *x = *(struct block **)a, *y = *(struct block **)b;

	if (x->counts.score != y->counts.score)
		return y->counts.score > x->counts.score ? 1 : -1;
	return compare_blocks(y, x);
}

/* Is this block one of those "any" may be? */
static bool is_candidate(const struct change *c, const struct block *b)
{
	if (opt.node != NONE && b->node != opt.node)
		return false;
	if (!c->offline)
		return block_is(b, "offline") && (strcmp(c->word, "online_movable") ||
					    strstr(b->zones, "Movable"));
	if (!block_is(b, "online") || (opt.zone && strcasecmp(b->zones, opt.zone)))
		return false;
	/* The kernel knows; an estimate is worth a try when all else failed. */
	return b->counts.source != KERNEL || b->counts.score;
}

static void choose_any(struct change *c, const char *text, u64 size)
{
	if (!size || size % block_size)
		errx(1, "%s is not of whole blocks, which are of %s", text, size_text(block_size));
	if (c->offline)
		count_all_blocks();
	for (unsigned int i = 0; i < nr_blocks; i++)
		if (is_candidate(c, &blocks[i]))
			select_block(&c->range, &blocks[i]);
	/* As the kernel spells it */
	if (opt.zone && c->range.nr)
		opt.zone = c->range.blocks[0]->zones;
	if (c->offline && c->range.nr)
		qsort(c->range.blocks, c->range.nr, sizeof(*c->range.blocks), by_score);
	c->may_skip = true;
	c->wanted = size / block_size;
	if (c->range.nr < c->wanted && !opt.best_effort)
		errx(1, "only %s of %s can go %s (--best-effort takes what there is)",
		     size_text(c->range.nr * block_size), text, c->goal);
}

/* Those of a range which are not there yet; a wish that is fulfilled is no error. */
static void choose_these(struct change *c, const char *text)
{
	struct selection all = select_range(text);

	if (opt.node != NONE || opt.zone)
		errx(1, "--node and --zone choose the blocks of a SIZE, not of %s", text);
	for (unsigned int i = 0; i < all.nr; i++)
		if (!block_is(all.blocks[i], c->goal))
			select_block(&c->range, all.blocks[i]);
	free(all.blocks);
	c->wanted = c->range.nr;
}

static void json_change(const struct change *c, const char *result)
{
	static const char * const outcomes[] = {
		"untouched", "changed", "failed", "rolled-back", "stuck"
	};

	json_open(NULL, '{');
	json_string("request", c->word);
	json_string("result", result);
	json_string("ended_by", c->cancelled ? "signal" : c->late ? "timeout" : NULL);
	json_number("wanted_size", c->wanted * block_size);
	json_number("changed_size", c->done * block_size);
	json_number("ms", (now() - c->begin) * 1000);
	json_open("blocks", '[');
	for (unsigned int i = 0; i < c->range.nr; i++) {
		const struct block *b = c->range.blocks[i];

		if (b->outcome == UNTOUCHED)
			continue;
		json_open(NULL, '{');
		json_number("block", b->nr);
		json_string("outcome", outcomes[b->outcome]);
		json_string("reason", *b->reason ? b->reason : NULL);
		json_close('}');
	}
	json_close(']');
	json_close('}');
}

static int report_change(const struct change *c)
{
	bool all = c->done >= c->wanted;

	if (opt.json) {
		json_change(c, all ? "done" : c->done ? "partial" : "nothing");
	} else if (!all) {
		warnx("%s%s of %s %s", c->cancelled ? "cancelled: " : c->late ? "time is up: " : "",
		      c->done ? size_text(c->done * block_size) : "nothing",
		      size_text(c->wanted * block_size), c->goal);
	} else if (opt.verbose || isatty(STDOUT_FILENO)) {
		printf("%s %s in %.1f s\n", size_text(c->done * block_size), c->goal,
		       now() - c->begin);
	}
	return all ? 0 : c->done ? DONE_PARTLY : DONE_NOTHING;
}

static int change(struct change *c, const char *arg)
{
	u64 size;
	int ret;

	if (is_other_root())
		errx(1, "a request is for this machine, not for that of --sysroot");
	if (geteuid())
		errx(1, "only root can take memory %s", c->goal);
	hold_signals();
	c->begin = now();
	c->limit = opt.timeout;
	if (parse_size(arg, &size))
		choose_any(c, arg, size);
	else
		choose_these(c, arg);
	if (c->range.nr && !change_by_request(c))
		change_by_blocks(c);
	ret = report_change(c);
	free(c->range.blocks);
	return ret;
}

int run_offline(const char *arg)
{
	struct change c = { .offline = true, .word = "offline", .goal = "offline" };

	return change(&c, arg);
}

int run_online(const char *arg)
{
	struct change c = { .word = opt.online, .goal = "online" };

	return change(&c, arg);
}

