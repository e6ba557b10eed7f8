/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lines that are written to and read from /dev/memory_hotplug
 * (Documentation/admin-guide/mm/memory-hotplug.rst). Pure: the functions use only
 * their arguments.
 */
#ifndef MEMHP_PROTOCOL_H
#define MEMHP_PROTOCOL_H

#include "text.h"

struct request_text {
	const char *verb;
	const char *places;	/* such as "32-39,48"; NULL: @size is used */
	u64 size;		/* bytes */
	int node;		/* NONE: any node */
	const char *zone;	/* NULL: any zone */
	bool best_effort;
	double timeout;		/* seconds, 0: the kernel's own limit */
};

char *compose_request(const struct request_text *r);

/* Text that was read, and that take_line() has not returned yet. */
struct line_buffer {
	char text[LINE_SIZE + 1];
	size_t begin, len;	/* the rest in @text */
};

char *line_room(struct line_buffer *b, size_t *size);
void add_to_lines(struct line_buffer *b, size_t len);
char *take_line(struct line_buffer *b, bool at_end);

enum line_kind {
	LINE_OTHER,
	LINE_PROGRESS,		/* while pages are moved */
	LINE_LAST_ERROR,	/* "why": the result of the last request for the block */
	LINE_BLOCK,		/* the contents or the result of a block */
	LINE_RANGE,		/* "query": the contents of all blocks */
	LINE_REQUEST,		/* the end: the result of the request */
};

struct answer_line {
	enum line_kind kind;
	u64 block;		/* LINE_BLOCK, LINE_LAST_ERROR: its number */
	struct pairs pairs;	/* LINE_LAST_ERROR: none if there was no failure */
};

void parse_answer(const char *line, struct answer_line *a);

#endif /* MEMHP_PROTOCOL_H */
