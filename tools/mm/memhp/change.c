// SPDX-License-Identifier: GPL-2.0
/* memhp offline, memhp online: parsing the request, choosing the method, reporting the result. */
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "advice.h"
#include "change.h"
#include "json.h"
#include "memhp.h"
#include "signals.h"
#include "sysfs.h"

/* Returns the seconds of a clock that is never set. */
double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* ---- Results of blocks -------------------------------------------------- */

/* Writes the kernel's reason in a few words; returns false if the line has no reason. */
bool take_reason(char *text, size_t size, const struct pairs *p)
{
	const char *reason = pair_value(p, "reason"), *pfn = pair_value(p, "pfn");

	if (!reason || !strcmp(reason, "none"))
		return false;
	if (!pfn || !strcmp(pfn, "none"))
		snprintf(text, size, "%.80s", reason);
	else
		snprintf(text, size, "%.80s at page frame %.24s", reason, pfn);
	return true;
}

/* Records that a block has the wanted state. */
void note_success(struct change *c, struct block *b)
{
	b->outcome = CHANGED;
	c->done++;
	if (!opt.verbose || opt.json)
		return;
	printf("memory%lu is %s\n", b->nr, c->goal);
	fflush(stdout);
}

/* Records that a block failed. Says why, unless the user has ended the request. */
void note_failure(struct change *c, struct block *b)
{
	b->outcome = FAILED;
	if (opt.json || c->cancelled)
		return;
	c->told = true;
	warnx("memory%lu does not go %s: %s ('memhp why %lu' says more)", b->nr, c->goal,
	      b->reason, b->nr);
}

/* ---- Arguments ---------------------------------------------------------- */

/* Asks about "3", which is a block, as one more letter makes it a size, unlike "memory3". */
static void confirm_number(const struct change *c, const char *arg)
{
	char answer[16] = "";

	if (strspn(arg, "0123456789") != strlen(arg))
		return;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		errx(1, "%s may be a block or a size: say memory%s for the block, %sG for a size",
		     arg, arg, arg);
	fprintf(stderr, "Take memory%s, a block of %s, %s? [y/N] ", arg, size_text(block_size),
		c->goal);
	if (!fgets(answer, sizeof(answer), stdin) || (*answer != 'y' && *answer != 'Y'))
		errx(1, "nothing is changed (memory%s is never asked about)", arg);
}

/* Selects the blocks of a RANGE that do not have the wanted state yet. Others are no error. */
static void choose_these_blocks(struct change *c, const char *arg)
{
	struct selection all = select_range(arg);

	if (opt.node != NONE || opt.zone)
		errx(1, "--node and --zone choose the blocks of a SIZE, not of %s", arg);
	confirm_number(c, arg);
	for (unsigned int i = 0; i < all.nr; i++)
		if (!block_is(all.blocks[i], c->goal))
			select_block(&c->range, all.blocks[i]);
	free(all.blocks);
	c->wanted = c->range.nr;
}

static void parse_wish(struct change *c, const char *arg)
{
	u64 size;

	if (!parse_size(arg, &size)) {
		choose_these_blocks(c, arg);
		return;
	}
	if (!size || size % block_size)
		errx(1, "%s is not of whole blocks, which are of %s", arg, size_text(block_size));
	if (size / block_size > UINT_MAX)
		errx(1, "%s is more than there can be", arg);
	c->any = true;
	c->wanted = size / block_size;
}

/* ---- Result ------------------------------------------------------------- */

static void json_change(const struct change *c, const char *result)
{
	static const char * const outcomes[] = {
		"untouched", "changed", "failed", "rolled-back", "stuck"
	};

	json_open(NULL, '{');
	json_string("request", c->word);
	json_string("result", result);
	json_string("ended_by", c->cancelled ? "signal" : c->late ? "timeout" : NULL);
	json_string("reason", *c->reason ? c->reason : NULL);
	json_number("wanted_size", c->wanted * block_size);
	json_number("changed_size", c->done * block_size);
	json_number("ms", (now() - c->begin) * 1000);
	json_open("blocks", '[');
	for (unsigned int i = 0; i < nr_blocks; i++) {
		const struct block *b = &blocks[i];

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

/* Prints which memory was changed, also if the output is not a terminal. */
static void print_changed(const struct change *c)
{
	struct selection changed = {};
	char *list;

	for (unsigned int i = 0; i < nr_blocks; i++)
		if (blocks[i].outcome == CHANGED || blocks[i].outcome == STUCK)
			select_block(&changed, &blocks[i]);
	list = list_blocks(changed.blocks, changed.nr);
	printf("%s %s in %.1f s%s%s\n", size_text(c->done * block_size), c->goal,
	       now() - c->begin, changed.nr > 1 ? ": blocks " : changed.nr ? ": block " : "", list);
	free(list);
	free(changed.blocks);
}

/* Prints how much was not changed. Each block that failed has already had its own line. */
static void print_missing(const struct change *c)
{
	const struct advice *advice = advice_for(c->reason);
	const char *why = "";

	if (!c->told && !c->cancelled && *c->reason)
		why = advice ? advice->cause : c->reason;
	warnx("%s%s of %s %s%s%s", c->cancelled ? "cancelled: " : c->late ? "time is up: " : "",
	      c->done ? size_text(c->done * block_size) : "nothing",
	      size_text(c->wanted * block_size), c->goal, *why ? ": " : "", why);
}

static int report_change(const struct change *c)
{
	bool all = c->done >= c->wanted;

	if (c->abandoned) {
		warnx("the kernel still takes back what has begun: 'memhp map' shows how far");
		return DONE_NOTHING;
	}
	if (opt.json) {
		json_change(c, all ? "done" : c->done ? "partial" : "nothing");
	} else {
		if (c->done)
			print_changed(c);
		else if (all)
			printf("nothing to do: all of it is %s\n", c->goal);
		if (!all)
			print_missing(c);
	}
	return all ? 0 : c->done ? DONE_PARTLY : DONE_NOTHING;
}

/* ---- Method ------------------------------------------------------------- */

/* Opens the handle. Returns false if the kernel has no such device; exits on other errors. */
static bool open_request(const struct change *c, struct handle *h)
{
	if (open_handle(h)) {
		if (is_other_root() && !h->is_stand_in)
			errx(1, "a request is for this machine, not for that of --sysroot");
		return true;
	}
	if (is_other_root())
		errx(1, "a request is for this machine, not for that of --sysroot");
	if (errno == EACCES || errno == EPERM || geteuid())
		errx(1, "only root can take memory %s", c->goal);
	if (errno != ENOENT && errno != ENXIO && errno != ENODEV)
		err(1, "/dev/memory_hotplug");
	return false;
}

static void fulfil(struct change *c, const char *arg)
{
	struct handle h;

	if (open_request(c, &h)) {
		change_by_handle(c, &h);
		close_handle(&h);
		return;
	}
	if (c->any)
		choose_any_blocks(c, arg);
	change_by_blocks(c);
}

static int change(struct change *c, const char *arg)
{
	int ret;

	parse_wish(c, arg);
	c->begin = now();
	c->limit = opt.timeout;
	hold_signals();
	if (c->wanted)
		fulfil(c, arg);
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
