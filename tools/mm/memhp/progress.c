// SPDX-License-Identifier: GPL-2.0
/* Draws the progress of a request as a bar on the terminal. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "change.h"
#include "memhp.h"
#include "terminal.h"

#define MOST_COLUMNS	40	/* of the bar */

/* Removes the bar from the terminal. */
void clear_progress(struct change *c)
{
	if (c->has_bar)
		fputs("\r\033[K", stderr);
	c->has_bar = false;
}

/* Returns the part of the request that is done, from 0 to 1. */
static double part_done(const struct change *c)
{
	if (c->moved + c->left)
		return (double)c->moved / (c->moved + c->left);
	return (double)c->done / c->wanted;
}

/* Draws a bar on the terminal, if there is one, and if the request takes more than a moment. */
void draw_progress(struct change *c)
{
	unsigned int width = terminal_width(STDERR_FILENO), filled, len;
	char text[160], bar[MOST_COLUMNS];

	if (opt.json || !isatty(STDERR_FILENO) || now() - c->begin < 0.2)
		return;
	len = snprintf(text, sizeof(text), " %s going %s, %.0f s",
		       size_text(c->wanted * block_size), c->goal, now() - c->begin);
	if (c->left)
		len += snprintf(text + len, sizeof(text) - len, ", %llu pages left", c->left);
	if (c->done)
		len += snprintf(text + len, sizeof(text) - len, ", %u of %u blocks done", c->done,
				c->wanted);
	if (c->cancelled)
		len += snprintf(text + len, sizeof(text) - len, ", taking back");

	width = width > len + 4 ? width - len - 4 : 0;
	width = width < MOST_COLUMNS ? width : MOST_COLUMNS;
	filled = width * part_done(c);
	memset(bar, '-', width);
	memset(bar, '#', filled < width ? filled : width);
	fprintf(stderr, "\r[%.*s]%s\033[K", width, bar, text);
	fflush(stderr);
	c->has_bar = true;
}
