// SPDX-License-Identifier: GPL-2.0
/*
 * Requests through /dev/memory_hotplug: one request is for all blocks. For a SIZE, the kernel
 * chooses the blocks. The answer has the result of each block.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "memhp.h"
#include "signals.h"

#define TICK		100	/* milliseconds between two looks at the clock */
#define GRACE		2	/* seconds that the kernel gets to end the request itself */

static void take_block_line(struct change *c, const struct answer_line *a)
{
	const char *result = pair_value(&a->pairs, "result");
	struct block *b = find_block(a->block);

	if (!b || !result)
		return;
	if (!strcmp(result, "done")) {
		note_success(c, b);
	} else if (!strcmp(result, "failed")) {
		take_reason(b->reason, sizeof(b->reason), &a->pairs);
		note_failure(c, b);
	}
}

static void take_request_line(struct change *c, const struct pairs *p)
{
	const char *result = pair_value(p, "result") ?: "";

	c->done = pair_number(p, "done");
	take_reason(c->reason, sizeof(c->reason), p);
	/* Another request may have changed some of the blocks. */
	if (!strcmp(result, "ok"))
		c->wanted = c->done;
	else
		c->late = opt.timeout && now() - c->begin >= opt.timeout && !c->cancelled;
}

/* Evaluates a line. Returns true if no more pages are moved, as the request has ended. */
static bool note_line(struct change *c, const char *line)
{
	struct answer_line a;

	parse_answer(line, &a);
	switch (a.kind) {
	case LINE_PROGRESS:
		c->moved = pair_number(&a.pairs, "moved");
		c->left = pair_number(&a.pairs, "left");
		return false;
	case LINE_BLOCK:
		clear_progress(c);
		take_block_line(c, &a);
		break;
	case LINE_REQUEST:
		take_request_line(c, &a.pairs);
		break;
	default:
		break;
	}
	return true;
}

/* Cancels the request at the first signal. The second signal ends the wait for its end. */
static void obey_signals(struct change *c, struct handle *h)
{
	if (take_signal()) {
		c->abandoned = c->cancelled;
		if (!c->cancelled)
			write_handle(h, "cancel\n");
		c->cancelled = true;
	} else if (c->limit && now() - c->begin > c->limit + GRACE && !c->late) {
		c->late = true;
		write_handle(h, "cancel\n");
	}
}

/* Reads the answer until its end, or until the user ends the wait. */
static void read_answer(struct change *c, struct handle *h)
{
	struct pollfd fds[] = {
		{ .fd = h->fd, .events = POLLIN },
		{ .fd = signal_handle(), .events = POLLIN },
	};
	bool done = false;
	char *line;

	while (!h->ended && !c->abandoned) {
		while ((line = read_handle(h)))
			done |= note_line(c, line);
		if (h->ended)
			break;
		if (!done)
			draw_progress(c);
		poll(fds, ARRAY_SIZE(fds), TICK);
		obey_signals(c, h);
	}
}

static char *compose_change(const struct change *c)
{
	struct request_text request = {
		.verb = c->word,
		.size = c->wanted * block_size,
		.node = opt.node,
		.zone = opt.zone,
		.best_effort = opt.best_effort,
		.timeout = opt.timeout,
	};
	char *places = NULL, *text;

	if (!c->any)
		places = list_blocks(c->range.blocks, c->range.nr);
	request.places = places;
	text = compose_request(&request);
	free(places);
	return text;
}

/* Makes the request and waits for its end, or cancels it. */
void change_by_handle(struct change *c, struct handle *h)
{
	char *text = compose_change(c);
	int error = write_handle(h, text);

	free(text);
	if (error == EINVAL && opt.zone)
		errx(1, "there is no zone '%s'", opt.zone);
	if (error)
		errx(1, "the kernel refuses this request: %s", strerror(error));
	read_answer(c, h);
	clear_progress(c);
}
