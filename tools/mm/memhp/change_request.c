// SPDX-License-Identifier: GPL-2.0
/* Requests for many blocks, through the file "request", where the kernel has it. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "change.h"
#include "memhp.h"
#include "sysfs.h"

/* A line of the answer: its block's, by "block=N" or the first number before all keys. */
static void note_answer(const char *line)
{
	struct pairs p;
	struct block *b;
	u64 nr;

	parse_pairs(line, &p);
	if (!pair_value(&p, "block") || !parse_number(pair_value(&p, "block"), &nr)) {
		line = p.head + strcspn(p.head, "0123456789");
		if (!*line)
			return;
		nr = strtoull(line, NULL, 10);
	}
	b = find_block(nr);
	if (b)
		take_reason(b, &p);
}

static void read_answer(int fd)
{
	char *line = NULL;
	size_t size = 0;
	FILE *file;

	lseek(fd, 0, SEEK_SET);
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return;
	}
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		note_answer(line);
	}
	free(line);
	fclose(file);
}

/* What became of the blocks is what they say themselves. */
static void see_outcome(struct change *c, int error)
{
	for (unsigned int i = 0; i < c->range.nr; i++) {
		struct block *b = c->range.blocks[i];

		read_state(b);
		if (block_is(b, c->goal)) {
			b->outcome = CHANGED;
			c->done++;
			print_verbose("memory%lu is %s\n", b->nr, c->goal);
		} else if (*b->reason) {
			note_failure(c, b);
		}
	}
	if (error && !c->done && !c->cancelled && !opt.json)
		warnx("%s", strerror(error));
}

/* Leaves it all to the kernel; false if it takes no such requests. */
bool change_by_request(struct change *c)
{
	char text[256];
	size_t len;
	int error, fd;

	if (c->range.scattered && !c->may_skip)
		return false;
	fd = open_file(O_RDWR, MEMORY "/request");
	if (fd < 0)
		return false;

	if (c->may_skip)
		len = snprintf(text, sizeof(text), "%s size=%llu", c->word, c->wanted * block_size);
	else
		len = snprintf(text, sizeof(text), "%s %lu-%lu", c->word, c->range.blocks[0]->nr,
			       c->range.blocks[c->range.nr - 1]->nr);
	if (c->may_skip && opt.node != NONE)
		len += snprintf(text + len, sizeof(text) - len, " node=%d", opt.node);
	if (c->may_skip && opt.zone)
		len += snprintf(text + len, sizeof(text) - len, " zone=%.32s", opt.zone);
	if (opt.best_effort)
		len += snprintf(text + len, sizeof(text) - len, " best-effort");
	if (opt.timeout)
		snprintf(text + len, sizeof(text) - len, " timeout=%.0f",
			 /* 0 would be no limit. */
			 opt.timeout < 0.001 ? 1 : opt.timeout * 1000);

	/* The kernel keeps to the time, and can tell why it was not enough. */
	c->limit = opt.timeout ? opt.timeout + 2 : 0;
	error = attend_write(c, start_write(fd, text), true);
	c->late |= error && opt.timeout && now() - c->begin >= opt.timeout;
	clear_progress(c);
	read_answer(fd);
	see_outcome(c, error);
	return true;
}

