// SPDX-License-Identifier: GPL-2.0
/*
 * The lines that are written to and read from /dev/memory_hotplug. This file is pure: it is
 * also built into the tests and the fuzzer of tools/testing/memory_hotplug.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol.h"

/* Returns the line that makes a request, which the caller frees. */
char *compose_request(const struct request_text *r)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		err(1, "request");
	fputs(r->verb, f);
	if (r->places)
		fprintf(f, " %s", r->places);
	else
		fprintf(f, " size=%llu", r->size);
	if (r->node != NONE)
		fprintf(f, " node=%d", r->node);
	if (r->zone)
		fprintf(f, " zone=%s", r->zone);
	if (r->best_effort)
		fputs(" best-effort", f);
	/* 0 milliseconds would mean that there is no time limit. */
	if (r->timeout)
		fprintf(f, " timeout=%.0f", r->timeout < 0.001 ? 1 : r->timeout * 1000);
	fputc('\n', f);
	if (fclose(f))
		err(1, "request");
	return text;
}

/* Returns a buffer for at most *@size bytes. add_to_lines() gets the number of bytes in it. */
char *line_room(struct line_buffer *b, size_t *size)
{
	memmove(b->text, b->text + b->begin, b->len);
	b->begin = 0;
	*size = LINE_SIZE - b->len;
	return b->text + b->len;
}

void add_to_lines(struct line_buffer *b, size_t len)
{
	b->len += len;
}

/*
 * Returns the next line, which is valid until the next call of line_room(); NULL if more bytes
 * are needed first. Each part of a line that is too long is a line. With @at_end, the bytes
 * after the last newline are a line as well.
 */
char *take_line(struct line_buffer *b, bool at_end)
{
	char *line = b->text + b->begin;
	char *newline = memchr(line, '\n', b->len);
	size_t len = newline ? (size_t)(newline - line) : b->len;

	if (!newline && len < LINE_SIZE && !(at_end && len))
		return NULL;
	line[len] = '\0';
	b->begin += len + !!newline;
	b->len -= len + !!newline;
	make_printable(line, "");
	return line;
}

static bool has_number(const struct pairs *p, const char *key, u64 *n)
{
	const char *value = pair_value(p, key);

	return value && parse_number(value, n);
}

/* Parses "last_error block=N none", or the same with pairs instead of "none". */
static void parse_last_error(const char *line, struct answer_line *a)
{
	char number[32] = "";
	int end = 0;

	if (sscanf(line, "last_error block=%31[0-9]%n", number, &end) != 1 || line[end] != ' ' ||
	    !parse_number(number, &a->block))
		return;
	parse_pairs(line + end + 1, &a->pairs);
	a->kind = LINE_LAST_ERROR;
}

/* Parses a line of the answer. */
void parse_answer(const char *line, struct answer_line *a)
{
	const char *head;

	a->kind = LINE_OTHER;
	a->block = 0;
	parse_pairs(line, &a->pairs);
	head = pairs_head(&a->pairs);
	if (!strcmp(head, "progress"))
		a->kind = LINE_PROGRESS;
	else if (!strcmp(head, "request"))
		a->kind = LINE_REQUEST;
	else if (!strcmp(head, "last_error"))
		parse_last_error(line, a);
	else if (*head)
		return;
	else if (has_number(&a->pairs, "block", &a->block))
		a->kind = LINE_BLOCK;
	else if (pair_value(&a->pairs, "range"))
		a->kind = LINE_RANGE;
}
