// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers, sizes, ranges and key=value lines. This file is pure: it is also built into the tests
 * and the fuzzer of tools/testing/memory_hotplug.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "text.h"

/* Parses all of @text as a number, which is decimal or begins with 0x. */
bool parse_number(const char *text, u64 *n)
{
	int base = strncasecmp(text, "0x", 2) ? 10 : 16;
	const char *digits = base == 16 ? text + 2 : text;
	char *end;

	/* strtoull() also accepts spaces, signs and a second 0x. */
	if (!isxdigit((unsigned char)*digits) || (base == 16 && !strncasecmp(digits, "0x", 2)))
		return false;
	errno = 0;
	*n = strtoull(digits, &end, base);
	return !errno && !*end;
}

/* Parses "memory12" with the prefix "memory" as 12. */
bool parse_numbered(const char *name, const char *prefix, u64 *n)
{
	size_t len = strlen(prefix);

	return !strncmp(name, prefix, len) && isdigit((unsigned char)name[len]) &&
	       parse_number(name + len, n);
}

/* Parses "512M" or "1GiB". A number without a unit is not a size, but a block. */
bool parse_size(const char *text, u64 *bytes)
{
	static const char units[] = "KMGTPE";
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (errno || !*end)
		return false;
	unit = strchr(units, toupper((unsigned char)*end++));
	if (!unit || (*end && strcasecmp(end, "B") && strcasecmp(end, "iB")))
		return false;
	for (; unit >= units; unit--) {
		if (*bytes > ULLONG_MAX / 1024)
			return false;
		*bytes *= 1024;
	}
	return true;
}

/* Formats a size like lsmem: 128M, 1.5G. The results of the last four calls are valid. */
const char *size_text(u64 bytes)
{
	static char texts[4][16];
	static unsigned int next;
	char *text = texts[next++ % ARRAY_SIZE(texts)];
	const char *unit = "BKMGTPE";
	u64 tenths = bytes * 10;

	if (bytes > ULLONG_MAX / 10)
		tenths = ULLONG_MAX;
	while (tenths >= 10240) {
		/* The number is rounded, unless that would exceed the largest number. */
		tenths = tenths / 1024 + (tenths % 1024 >= 512);
		unit++;
	}
	if (tenths % 10)
		snprintf(text, sizeof(texts[0]), "%llu.%llu%c", tenths / 10, tenths % 10, *unit);
	else
		snprintf(text, sizeof(texts[0]), "%llu%c", tenths / 10, *unit);
	return text;
}

/* Replaces control characters and bytes outside of ASCII, except those in @allowed. */
void make_printable(char *text, const char *allowed)
{
	for (; *text; text++)
		if (((unsigned char)*text < ' ' || (unsigned char)*text > '~') &&
		    !strchr(allowed, *text))
			*text = '?';
}

static bool is_hexadecimal(const char *text)
{
	return !strncasecmp(text, "0x", 2);
}

/* Parses 12, 12-15, memory12, 0xADDRESS, 0xADDRESS-0xADDRESS or group3. */
bool parse_range(const char *text, struct range_text *range)
{
	const char *dash = strchr(text, '-');
	char first[32];

	if (dash) {
		if (dash - text >= (ptrdiff_t)sizeof(first))
			return false;
		memcpy(first, text, dash - text);
		first[dash - text] = '\0';
		range->kind = is_hexadecimal(text) ? RANGE_ADDRESSES : RANGE_BLOCKS;
		return parse_number(first, &range->first) && parse_number(dash + 1, &range->last);
	}

	if (parse_numbered(text, "group", &range->first))
		range->kind = RANGE_GROUP;
	else if (parse_numbered(text, "memory", &range->first))
		range->kind = RANGE_BLOCKS;
	else if (parse_number(text, &range->first))
		range->kind = is_hexadecimal(text) ? RANGE_ADDRESS : RANGE_BLOCKS;
	else
		return false;
	range->last = range->first;
	return true;
}

static bool is_key(const char *word, const char *equals)
{
	return equals > word && strspn(word, "abcdefghijklmnopqrstuvwxyz_-0123456789") ==
				(size_t)(equals - word);
}

/* Ends a quoted value at its second quotation mark. Returns the text, or @value as it is. */
static char *unquote(char *value, char **rest)
{
	char *end = *value == '"' ? strchr(value + 1, '"') : NULL;

	*rest = value;
	if (!end)
		return value;
	*end = '\0';
	*rest = end + 1;
	return value + 1;
}

/* Fills @p with the head and the pairs of @line. Pairs that do not fit are left out. */
void parse_pairs(const char *line, struct pairs *p)
{
	char *word, *equals, *before = NULL;

	snprintf(p->text, sizeof(p->text), "%s", line);
	p->has_head = false;
	p->nr = 0;
	for (word = p->text; word; before = word, word = strchr(word, ' ')) {
		if (before) {
			before = word++;
			word += strspn(word, " ");
		}
		equals = word + strcspn(word, " =");
		if (*equals == '=' && is_key(word, equals) && p->nr < ARRAY_SIZE(p->pair)) {
			*equals = '\0';
			if (before)
				*before = '\0';
			p->pair[p->nr].key = word - p->text;
			p->pair[p->nr++].value = unquote(equals + 1, &word) - p->text;
		} else if (!p->nr) {
			p->has_head = true;
		}
	}
}

/* Returns the words before the first key, or an empty text. */
const char *pairs_head(const struct pairs *p)
{
	return p->has_head ? p->text : "";
}

const char *pair_key_at(const struct pairs *p, unsigned int i)
{
	return p->text + p->pair[i].key;
}

const char *pair_value_at(const struct pairs *p, unsigned int i)
{
	return p->text + p->pair[i].value;
}

/* Returns the value of @key, or NULL. */
const char *pair_value(const struct pairs *p, const char *key)
{
	for (unsigned int i = 0; i < p->nr; i++)
		if (!strcmp(pair_key_at(p, i), key))
			return pair_value_at(p, i);
	return NULL;
}

/* Returns the number of @key; 0 if there is none. */
u64 pair_number(const struct pairs *p, const char *key)
{
	const char *text = pair_value(p, key);
	u64 n;

	return text && parse_number(text, &n) ? n : 0;
}

/* Returns the error code of the line as a positive number; 0 if there is none. */
int pair_error(const struct pairs *p)
{
	const char *text = pair_value(p, "err");
	u64 n;

	return text && parse_number(text + (*text == '-'), &n) && n <= 4095 ? (int)n : 0;
}
