// SPDX-License-Identifier: GPL-2.0
/* How far a request is, on the terminal. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "change.h"
#include "memhp.h"
#include "sysfs.h"
#include "terminal.h"

/* Returns which part of its pages a block has moved, 0 to 1, and how many are left. */
static double read_progress(const struct block *b, u64 *left)
{
	char line[LINE_SIZE];
	struct pairs p;
	u64 moved;

	*left = 0;
	if (!read_line(line, MEMORY "/memory%lu/progress", b->nr))
		return 0;
	parse_pairs(line, &p);
	*left = pair_number(&p, "left");
	moved = pair_number(&p, "moved");
	return moved ? (double)moved / (moved + *left) : 0;
}

/* Removes the bar from the terminal. */
void clear_progress(struct change *c)
{
	if (c->has_bar)
		fputs("\r\033[K", stderr);
	c->has_bar = false;
}

/* Returns which part of the request is done, 0 to 1; @there blocks and all but @left pages. */
static double look_at_progress(const struct change *c, unsigned int *there, u64 *left)
{
	const struct block *current = NULL;
	unsigned int going = 0;
	double part = 0;

	*there = 0;
	*left = 0;
	for (unsigned int i = 0; i < c->range.nr; i++) {
		struct block *b = c->range.blocks[i];

		read_state(b);
		*there += block_is(b, c->goal);
		if (block_is(b, c->offline ? "going-offline" : "going-online")) {
			current = current ?: b;
			going++;
		}
	}
	/* Pages are moved for all blocks together that go offline. */
	if (current)
		part = read_progress(current, left) * going;
	return (*there + part) / c->wanted;
}

/* Draws a bar on the terminal, where there is one; not for what takes a moment only. */
void draw_progress(struct change *c)
{
	unsigned int width = terminal_width(STDERR_FILENO), there, filled, len;
	char text[128], bar[64];
	double part;
	u64 left;

	if (opt.json || !isatty(STDERR_FILENO) || now() - c->begin < 0.2)
		return;
	part = look_at_progress(c, &there, &left);
	len = snprintf(text, sizeof(text), " %u of %u blocks %s, %.0f s%s", there, c->wanted,
		       c->goal, now() - c->begin, c->cancelled ? ", taking back" : "");
	if (left)
		len += snprintf(text + len, sizeof(text) - len, ", %llu pages left", left);

	width = width > len + 4 ? width - len - 4 : 0;
	width = width < 40 ? width : 40;
	filled = width * part;
	filled = filled < width ? filled : width;
	memset(bar, '-', width);
	memset(bar, '#', filled);
	fprintf(stderr, "\r[%.*s]%s\033[K", width, bar, text);
	fflush(stderr);
	c->has_bar = true;
}
