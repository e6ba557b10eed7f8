// SPDX-License-Identifier: GPL-2.0
/* JSON on standard output, with the indentation of lsmem. */
#include <stdio.h>
#include <string.h>

#include "json.h"

static unsigned int json_depth;
static bool json_more;

static void json_text(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < ' ' || (unsigned char)*s > '~')
			printf("\\u%04x", (unsigned char)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

/* Begins a line with the name of a member; @key is NULL for an element of a list. */
static void json_key(const char *key)
{
	if (json_depth)
		printf("%s\n%*s", json_more ? "," : "", 3 * json_depth, "");
	json_more = true;
	if (!key)
		return;
	json_text(key);
	fputs(": ", stdout);
}

/* Opens an object or a list. */
void json_open(const char *key, char bracket)
{
	json_key(key);
	putchar(bracket);
	json_depth++;
	json_more = false;
}

/* Closes an object or a list. After the outermost one, the output is complete. */
void json_close(char bracket)
{
	json_depth--;
	if (json_more)
		printf("\n%*s", 3 * json_depth, "");
	putchar(bracket);
	json_more = true;
	if (!json_depth)
		putchar('\n');
}

void json_number(const char *key, u64 n)
{
	json_key(key);
	printf("%llu", n);
}

/* Writes a string; NULL becomes null. */
void json_string(const char *key, const char *s)
{
	json_key(key);
	if (s)
		json_text(s);
	else
		fputs("null", stdout);
}

void json_bool(const char *key, bool b)
{
	json_key(key);
	fputs(b ? "true" : "false", stdout);
}

/* Writes the number of a node or a group; NONE becomes null. */
void json_id(const char *key, int n)
{
	if (n == NONE)
		json_string(key, NULL);
	else
		json_number(key, n);
}

/* Writes all pairs of a line as an object: numbers as numbers, "none" as null. */
void json_pairs(const char *name, const struct pairs *p)
{
	u64 n;

	json_open(name, '{');
	for (unsigned int i = 0; i < p->nr; i++) {
		const char *key = pair_key_at(p, i), *value = pair_value_at(p, i);
		bool negative = *value == '-';

		if (!parse_number(value + negative, &n)) {
			json_string(key, strcmp(value, "none") ? value : NULL);
			continue;
		}
		json_key(key);
		printf("%s%llu", negative ? "-" : "", n);
	}
	json_close('}');
}
