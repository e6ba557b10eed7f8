/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers, sizes, ranges and key=value lines. Pure: the functions use only their arguments. */
#ifndef MEMHP_TEXT_H
#define MEMHP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

typedef unsigned long long u64;

#define NONE		(-1)	/* no node, no group, no file descriptor */
#define LINE_SIZE	4096
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

bool parse_number(const char *text, u64 *n);
bool parse_numbered(const char *name, const char *prefix, u64 *n);
bool parse_size(const char *text, u64 *bytes);
const char *size_text(u64 bytes);
void make_printable(char *text, const char *allowed);

/* One element of a RANGE. */
struct range_text {
	enum { RANGE_BLOCKS, RANGE_ADDRESS, RANGE_ADDRESSES, RANGE_GROUP } kind;
	u64 first, last;	/* blocks, addresses, or the group */
};

bool parse_range(const char *text, struct range_text *range);

/*
 * A line of "key=value ..." words. A value may contain spaces: it ends before the next key, or at
 * its second quotation mark if it begins with one. The words before the first key are the head.
 */
struct pairs {
	char text[LINE_SIZE];
	bool has_head;		/* @text begins with the head */
	unsigned int nr;
	struct {
		unsigned short key, value;	/* their offsets in @text */
	} pair[32];
};

void parse_pairs(const char *line, struct pairs *p);
const char *pairs_head(const struct pairs *p);
const char *pair_key_at(const struct pairs *p, unsigned int i);
const char *pair_value_at(const struct pairs *p, unsigned int i);
const char *pair_value(const struct pairs *p, const char *key);
u64 pair_number(const struct pairs *p, const char *key);
int pair_error(const struct pairs *p);

#endif /* MEMHP_TEXT_H */
