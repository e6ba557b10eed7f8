// SPDX-License-Identifier: GPL-2.0
/* What holds for any text that the pure part of memhp is given, for the tests and the fuzzer. */
#include <kunit/test.h>

#include "../../mm/memhp/advice.h"
#include "../../mm/memhp/counts.h"
#include "../../mm/memhp/protocol.h"
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
		const char *key = pair_key_at(&p, i);

		KUNIT_EXPECT_TRUE(test, *key);
		KUNIT_EXPECT_TRUE(test, strstr(text, key));
		KUNIT_EXPECT_TRUE(test, strstr(text, pair_value_at(&p, i)));
		KUNIT_EXPECT_TRUE(test, pair_value(&p, key));
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

/* Takes all lines of @text, of which reads return at most @most bytes; returns a hash of them. */
static u64 hash_lines(const char *text, size_t most, unsigned int *nr)
{
	struct line_buffer b = {};
	u64 hash = 5381;
	char *line;

	*nr = 0;
	do {
		size_t len = strlen(text), size;
		char *room = line_room(&b, &size);

		len = min(len, min(size, most));
		memcpy(room, text, len);
		add_to_lines(&b, len);
		text += len;
		while ((line = take_line(&b, !*text))) {
			++*nr;
			for (; *line; line++)
				hash = hash * 33 + *line;
			hash = hash * 33 + '\n';
		}
	} while (*text);
	return hash;
}

/* Lines are the same ones, whatever parts of them are read at once. */
static void try_lines(struct kunit *test, const char *text)
{
	unsigned int nr, nr_of_bytes;
	u64 hash = hash_lines(text, 512, &nr), of_bytes = hash_lines(text, 1, &nr_of_bytes);

	KUNIT_EXPECT_EQ(test, nr, nr_of_bytes);
	KUNIT_EXPECT_EQ(test, hash, of_bytes);
}

/* What a line is about, it has. */
static void try_answer(struct kunit *test, const char *text)
{
	struct answer_line a;

	parse_answer(text, &a);
	if (a.kind == LINE_BLOCK)
		KUNIT_EXPECT_EQ(test, a.block, pair_number(&a.pairs, "block"));
	if (a.kind == LINE_RANGE)
		KUNIT_EXPECT_TRUE(test, pair_value(&a.pairs, "range"));
	if (a.kind == LINE_OTHER)
		KUNIT_EXPECT_EQ(test, a.block, 0ULL);
}

/* Gives @text to all of them. */
void memhp_model_try(struct kunit *test, const char *text)
{
	try_numbers(test, text);
	try_arguments(test, text);
	try_pairs(test, text);
	try_printable(test, text);
	try_lines(test, text);
	try_answer(test, text);
}
