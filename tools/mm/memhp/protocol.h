/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lines that are written to and read from /dev/memory_hotplug
 * (Documentation/admin-guide/mm/memory-hotplug.rst). Pure: functions of their arguments only.
 */
#ifndef MEMHP_PROTOCOL_H
#define MEMHP_PROTOCOL_H

#include "text.h"

struct request_text {
	const char *verb;
	const char *places;	/* as "32-39,48"; NULL: @size says how much */
	u64 size;		/* bytes */
	int node;		/* NONE: any */
	const char *zone;	/* NULL: any */
	bool best_effort;
	double timeout;		/* seconds, 0: the kernel's own limit */
};

char *compose_request(const struct request_text *r);

/* What has been read and not been taken line by line yet. */
struct line_buffer {
	char text[LINE_SIZE + 1];
	size_t begin, len;	/* of the rest, in @text */
};

char *line_room(struct line_buffer *b, size_t *size);
void add_to_lines(struct line_buffer *b, size_t len);
char *take_line(struct line_buffer *b, bool at_end);

enum line_kind {
	LINE_OTHER,
	LINE_PROGRESS,		/* while pages are moved */
	LINE_LAST_ERROR,	/* "why": how the last request for the block ended */
	LINE_BLOCK,		/* what is in a block, or what has become of it */
	LINE_RANGE,		/* "query": what is in all of them */
	LINE_REQUEST,		/* the end: how the request went */
};

struct answer_line {
	enum line_kind kind;
	u64 block;		/* LINE_BLOCK, LINE_LAST_ERROR: its number */
	struct pairs pairs;	/* LINE_LAST_ERROR: none where nothing has failed */
};

void parse_answer(const char *line, struct answer_line *a);

#endif /* MEMHP_PROTOCOL_H */
