// SPDX-License-Identifier: GPL-2.0
/* What holds for any text that the pure part of memhp is given, for the tests and the fuzzer. */
#include <kunit/test.h>

#include "../../mm/memhp/advice.h"
#include "../../mm/memhp/counts.h"
#include "memhp_model.h"

/* A number that was accepted is written and read as the same number again. */
static void try_numbers(struct kunit *test, const char *text)
{
	char again[32];
	u64 n, m;

	if (!parse_number(text, &n))
		return;
	KUNIT_EXPECT_TRUE_MSG(test, strspn(text, "0123456789abcdefABCDEFxX") == strlen(text),
			      "'%s'", text);
	snprintf(again, sizeof(again), "%llu", n);
	KUNIT_EXPECT_TRUE(test, parse_number(again, &m) && m == n);
	snprintf(again, sizeof(again), "%#llx", n | 1);
	KUNIT_EXPECT_TRUE(test, parse_number(again, &m) && m == (n | 1));
}

/* What is a size is not a range: the two differ by one letter only. */
static void try_arguments(struct kunit *test, const char *text)
{
	struct range_text r = {};
	u64 size;

	if (parse_size(text, &size)) {
		KUNIT_EXPECT_TRUE_MSG(test, !parse_range(text, &r), "'%s'", text);
		KUNIT_EXPECT_TRUE(test, strlen(size_text(size)) < 16);
	} else if (parse_range(text, &r) && r.kind != RANGE_BLOCKS && r.kind != RANGE_ADDRESSES) {
		KUNIT_EXPECT_EQ(test, r.first, r.last);
	}
}

/* Keys and values are parts of the line, and each value is found. */
static void try_pairs(struct kunit *test, const char *text)
{
	struct pairs p;
	struct counts c;

	parse_pairs(text, &p);
	KUNIT_EXPECT_LE(test, p.nr, (unsigned int)ARRAY_SIZE(p.pair));
	for (unsigned int i = 0; i < p.nr; i++) {
		KUNIT_EXPECT_TRUE(test, *p.pair[i].key);
		KUNIT_EXPECT_TRUE(test, strstr(text, p.pair[i].key));
		KUNIT_EXPECT_TRUE(test, strstr(text, p.pair[i].value));
		KUNIT_EXPECT_TRUE(test, pair_value(&p, p.pair[i].key));
	}
	KUNIT_EXPECT_GE(test, pair_error(&p), 0);
	c = parse_counts(&p);
	KUNIT_EXPECT_TRUE(test, strlen(c.kind) < sizeof(c.kind));
	advice_for(pair_value(&p, "reason"));
}

static void try_printable(struct kunit *test, const char *text)
{
	char copy[512];

	snprintf(copy, sizeof(copy), "%s", text);
	make_printable(copy, "\n");
	for (const char *c = copy; *c; c++)
		KUNIT_EXPECT_TRUE(test, *c == '\n' || (*c >= ' ' && *c <= '~'));
}

/* Gives @text to all of them. */
void memhp_model_try(struct kunit *test, const char *text)
{
	try_numbers(test, text);
	try_arguments(test, text);
	try_pairs(test, text);
	try_printable(test, text);
}
