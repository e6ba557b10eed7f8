// SPDX-License-Identifier: GPL-2.0
/* The pure part of memhp (tools/mm/memhp/{text,counts,advice,protocol}.c), which is linked in. */
#include <kunit/test.h>
#include <linux/kernel-page-flags.h>

#include "../../mm/memhp/advice.h"
#include "../../mm/memhp/counts.h"
#include "../../mm/memhp/protocol.h"
#include "memhp_model.h"

/* ---- Text --------------------------------------------------------------- */

static void memhp_numbers_are_whole(struct kunit *test)
{
	static const char * const bad[] = {
		"", " 1", "1 ", "-1", "+1", "x", "0x", "0x0x1", "1x", "12a", "a", "0x-1",
		"18446744073709551616", "0x10000000000000000",
	};
	u64 n;

	KUNIT_EXPECT_TRUE(test, parse_number("18446744073709551615", &n) && n == ~0ULL);
	KUNIT_EXPECT_TRUE(test, parse_number("0x1F", &n) && n == 31);
	KUNIT_EXPECT_TRUE(test, parse_number("010", &n) && n == 10);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_TRUE_MSG(test, !parse_number(bad[i], &n), "'%s'", bad[i]);
}

static void memhp_sizes_have_a_unit(struct kunit *test)
{
	static const char * const bad[] = {
		"", "1", "K", "1X", "1KX", "-1K", " 1K", "1.5G", "16E", "0x1K", "1KiBs",
	};
	u64 n;

	KUNIT_EXPECT_TRUE(test, parse_size("512M", &n) && n == 512ULL << 20);
	KUNIT_EXPECT_TRUE(test, parse_size("3gib", &n) && n == 3ULL << 30);
	KUNIT_EXPECT_TRUE(test, parse_size("1TB", &n) && n == 1ULL << 40);
	KUNIT_EXPECT_TRUE(test, parse_size("15E", &n) && n == 15ULL << 60);
	KUNIT_EXPECT_TRUE(test, parse_size("0K", &n) && !n);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_TRUE_MSG(test, !parse_size(bad[i], &n), "'%s'", bad[i]);
}

static void memhp_sizes_are_printed_as_by_lsmem(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, size_text(0), "0B");
	KUNIT_EXPECT_STREQ(test, size_text(1023), "1023B");
	KUNIT_EXPECT_STREQ(test, size_text(128ULL << 20), "128M");
	KUNIT_EXPECT_STREQ(test, size_text(3ULL << 29), "1.5G");
	KUNIT_EXPECT_TRUE(test, strchr(size_text(~0ULL), 'E'));
}

static void memhp_ranges(struct kunit *test)
{
	static const struct {
		const char *text;
		struct range_text range;
	} good[] = {
		{ "12", { RANGE_BLOCKS, 12, 12 } },
		{ "12-15", { RANGE_BLOCKS, 12, 15 } },
		{ "memory12", { RANGE_BLOCKS, 12, 12 } },
		{ "group3", { RANGE_GROUP, 3, 3 } },
		{ "0x10", { RANGE_ADDRESS, 16, 16 } },
		{ "0x10-0x1f", { RANGE_ADDRESSES, 16, 31 } },
	};
	static const char * const bad[] = {
		"", "-", "1-", "-1", "1-2-3", "memory", "group", "memory1-2", "group1-2", "memoryx",
		"1,2", "12M", "11111111111111111111111111111111111111111-2",
	};
	struct range_text r;

	for (unsigned int i = 0; i < ARRAY_SIZE(good); i++)
		KUNIT_EXPECT_TRUE_MSG(test, parse_range(good[i].text, &r) &&
				      r.kind == good[i].range.kind &&
				      r.first == good[i].range.first &&
				      r.last == good[i].range.last, "'%s'", good[i].text);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_TRUE_MSG(test, !parse_range(bad[i], &r), "'%s'", bad[i]);
}

static void memhp_values_last_until_the_next_key(struct kunit *test)
{
	struct pairs p;

	parse_pairs("block 7 err=-16 detail=two words later=0x10 empty= =x A=b", &p);
	KUNIT_EXPECT_STREQ(test, pairs_head(&p), "block 7");
	KUNIT_EXPECT_EQ(test, p.nr, 4U);
	KUNIT_EXPECT_EQ(test, pair_error(&p), 16);
	KUNIT_EXPECT_STREQ(test, pair_value(&p, "detail") ?: "", "two words");
	KUNIT_EXPECT_EQ(test, pair_number(&p, "later"), 16ULL);
	KUNIT_EXPECT_STREQ(test, pair_value(&p, "empty") ?: "?", " =x A=b");
	KUNIT_EXPECT_TRUE(test, !pair_value(&p, "A"));
	KUNIT_EXPECT_EQ(test, pair_number(&p, "detail"), 0ULL);
	parse_pairs("", &p);
	KUNIT_EXPECT_EQ(test, p.nr, 0U);
	KUNIT_EXPECT_EQ(test, pair_error(&p), 0);
	parse_pairs("err=-99999999999999", &p);
	KUNIT_EXPECT_EQ(test, pair_error(&p), 0);
}

static void memhp_values_in_quotation_marks(struct kunit *test)
{
	struct pairs p;

	parse_pairs("kind=none detail=\"comm=cat a=b\" pfn=0x10 empty=\"\" open=\"x y", &p);
	KUNIT_EXPECT_EQ(test, p.nr, 5U);
	KUNIT_EXPECT_STREQ(test, pair_value(&p, "kind") ?: "", "none");
	KUNIT_EXPECT_STREQ(test, pair_value(&p, "detail") ?: "", "comm=cat a=b");
	KUNIT_EXPECT_EQ(test, pair_number(&p, "pfn"), 16ULL);
	KUNIT_EXPECT_STREQ(test, pair_value(&p, "empty") ?: "?", "");
	KUNIT_EXPECT_STREQ(test, pair_value(&p, "open") ?: "", "\"x y");
	KUNIT_EXPECT_TRUE(test, !pair_value(&p, "comm"));
}

/* ---- Counts ------------------------------------------------------------- */

static void memhp_counts_of_the_kernel(struct kunit *test)
{
	static const char line[] = "free=14 movable=1 pinned=1 blocker=0x52 kind=pinned score=6";
	struct counts c;
	struct pairs p;

	parse_pairs(line, &p);
	c = parse_counts(&p);
	KUNIT_EXPECT_EQ(test, c.source, KERNEL);
	KUNIT_EXPECT_EQ(test, total_pages(&c), 16ULL);
	KUNIT_EXPECT_TRUE(test, c.blocked && c.blocker == 0x52);
	KUNIT_EXPECT_STREQ(test, c.kind, "pinned");
	KUNIT_EXPECT_EQ(test, c.score, 6U);
	parse_pairs("free=1", &p);
	c = parse_counts(&p);
	KUNIT_EXPECT_EQ(test, c.source, NOBODY);
}

static void memhp_flags_tell_what_a_page_is(struct kunit *test)
{
	static const struct {
		int flag, class;
		const char *kind;	/* NULL: it does not block */
	} pages[] = {
		{ KPF_BUDDY, FREE, NULL }, { KPF_LRU, MOVABLE, NULL },
		{ KPF_SLAB, UNMOVABLE, "slab" }, { KPF_PGTABLE, UNMOVABLE, "page-table" },
		{ KPF_HUGE, HUGETLB, NULL }, { KPF_HWPOISON, POISONED, NULL },
		{ KPF_NOPAGE, NR_CLASSES, "hole" }, { 63, UNMOVABLE, "kernel" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		struct counts c = NO_PAGES(ESTIMATE);

		estimate_page(&c, 7, 1ULL << pages[i].flag, false, 3);
		KUNIT_EXPECT_EQ(test, total_pages(&c), pages[i].class == NR_CLASSES ? 0ULL : 3ULL);
		if (pages[i].class != NR_CLASSES)
			KUNIT_EXPECT_EQ(test, c.pages[pages[i].class], 3ULL);
		KUNIT_EXPECT_EQ(test, c.blocked, !!pages[i].kind);
		KUNIT_EXPECT_STREQ(test, c.kind, pages[i].kind ?: "none");
		estimate_score(&c);
		KUNIT_EXPECT_EQ(test, !c.score, c.blocked);
	}
}

static void memhp_pages_without_flags(struct kunit *test)
{
	struct counts c = NO_PAGES(ESTIMATE);

	estimate_page(&c, 0, 0, true, 1);
	KUNIT_EXPECT_EQ(test, c.pages[FREE], 1ULL);
	estimate_page(&c, 1, 0, false, 1);
	KUNIT_EXPECT_EQ(test, c.pages[UNMOVABLE], 1ULL);
	KUNIT_EXPECT_EQ(test, c.blocker, 1ULL);
}

static void memhp_a_sum_is_as_hard_as_its_hardest_part(struct kunit *test)
{
	struct counts easy = { .source = KERNEL, .pages = { [FREE] = 1 }, .score = 40 };
	struct counts hard = {
		.source = ESTIMATE, .pages = { [UNMOVABLE] = 2 },
		.blocked = true, .blocker = 9, .kind = "slab",
	};
	struct counts sum = NO_PAGES(KERNEL);

	add_counts(&sum, &easy);
	KUNIT_EXPECT_EQ(test, sum.score, 40U);
	add_counts(&sum, &hard);
	hard.blocker = 99;
	add_counts(&sum, &hard);
	KUNIT_EXPECT_EQ(test, total_pages(&sum), 5ULL);
	KUNIT_EXPECT_EQ(test, sum.score, 0U);
	KUNIT_EXPECT_EQ(test, sum.blocker, 9ULL);
	KUNIT_EXPECT_STREQ(test, sum.kind, "slab");
	KUNIT_EXPECT_EQ(test, sum.source, ESTIMATE);
}

/* ---- Advice ------------------------------------------------------------- */

static void memhp_each_reason_of_a_refusal_has_advice(struct kunit *test)
{
	static const char * const reasons[] = {
		"absent", "nomem", "holes", "multi-zone", "boot-memory", "busy", "disabled",
		"hwpoison", "notifier", "isolate-race", "unmovable", "pinned", "busy-page",
		"hugetlb", "no-target", "no-room", "kexec", "signal", "deadline", "sleep",
		"cancelled", "ejecting", "dependency", "firmware", "lost",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(reasons); i++)
		KUNIT_EXPECT_TRUE_MSG(test, advice_for(reasons[i]), "%s", reasons[i]);
	KUNIT_EXPECT_TRUE(test, advice_for("unmovable:slab") == advice_for("unmovable"));
	KUNIT_EXPECT_TRUE(test, !advice_for("pin"));
	KUNIT_EXPECT_TRUE(test, !advice_for("pinned2"));
	KUNIT_EXPECT_TRUE(test, !advice_for(""));
	KUNIT_EXPECT_TRUE(test, !advice_for(NULL));
}

/* ---- Protocol ----------------------------------------------------------- */

static void memhp_requests(struct kunit *test)
{
	static const struct {
		struct request_text request;
		const char *text;
	} requests[] = {
		{ { .verb = "query", .places = "1-2,4", .node = NONE }, "query 1-2,4\n" },
		{ { .verb = "offline", .places = "7", .node = NONE, .best_effort = true },
		  "offline 7 best-effort\n" },
		{ { .verb = "online_movable", .size = 1ULL << 40, .node = 0, .zone = "Normal",
		    .timeout = 1.5 },
		  "online_movable size=1099511627776 node=0 zone=Normal timeout=1500\n" },
		{ { .verb = "offline", .places = "7", .node = NONE, .timeout = 0.0001 },
		  "offline 7 timeout=1\n" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(requests); i++) {
		char *text = compose_request(&requests[i].request);

		KUNIT_EXPECT_STREQ(test, text, requests[i].text);
		free(text);
	}
}

static void memhp_answers(struct kunit *test)
{
	static const struct {
		const char *line;
		enum line_kind kind;
		u64 block;
		unsigned int nr;	/* pairs */
	} lines[] = {
		{ "progress pages=64 left=1", LINE_PROGRESS, 0, 2 },
		{ "block=12 result=done err=0", LINE_BLOCK, 12, 3 },
		{ "range=0x0-0xff free=1", LINE_RANGE, 0, 2 },
		{ "request verb=offline result=ok", LINE_REQUEST, 0, 2 },
		{ "last_error block=5 none", LINE_LAST_ERROR, 5, 0 },
		{ "last_error block=5 verb=offline detail=a b", LINE_LAST_ERROR, 5, 2 },
		{ "last_error block=5", LINE_OTHER, 0, 1 },
		{ "last_error", LINE_OTHER, 0, 0 },
		{ "news block=1", LINE_OTHER, 0, 1 },
		{ "block=x", LINE_OTHER, 0, 1 },
		{ "", LINE_OTHER, 0, 0 },
	};
	struct answer_line a;

	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		parse_answer(lines[i].line, &a);
		KUNIT_EXPECT_TRUE_MSG(test, a.kind == lines[i].kind && a.block == lines[i].block &&
				      a.pairs.nr == lines[i].nr, "'%s'", lines[i].line);
	}
}

static void memhp_a_line_that_is_too_long(struct kunit *test)
{
	struct line_buffer b = {};
	size_t size;
	char *room = line_room(&b, &size);

	memset(room, 'x', size);
	add_to_lines(&b, size);
	KUNIT_EXPECT_EQ(test, strlen(take_line(&b, false) ?: ""), (size_t)LINE_SIZE);
	KUNIT_EXPECT_TRUE(test, !take_line(&b, false));
	room = line_room(&b, &size);
	KUNIT_EXPECT_EQ(test, size, (size_t)LINE_SIZE);
	memcpy(room, "\nend", 4);
	add_to_lines(&b, 4);
	KUNIT_EXPECT_STREQ(test, take_line(&b, false) ?: "?", "");
	KUNIT_EXPECT_TRUE(test, !take_line(&b, false));
	KUNIT_EXPECT_STREQ(test, take_line(&b, true) ?: "?", "end");
	KUNIT_EXPECT_TRUE(test, !take_line(&b, true));
}

/* ---- Anything ----------------------------------------------------------- */

/* What the fuzzer has found, and other texts that nobody expects. */
static void memhp_any_text(struct kunit *test)
{
	static const char * const texts[] = {
		"", "=", "a=", "free=x movable=-1 blocker=0x kind= score=99999999999999999999",
		"0x", "-", "group", "\033[31m\377 err=-16", "  a=b  c=d ", "a=b=c=d",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(texts); i++)
		memhp_model_try(test, texts[i]);
}

static struct kunit_case memhp_cases[] = {
	KUNIT_CASE(memhp_numbers_are_whole),
	KUNIT_CASE(memhp_sizes_have_a_unit),
	KUNIT_CASE(memhp_sizes_are_printed_as_by_lsmem),
	KUNIT_CASE(memhp_ranges),
	KUNIT_CASE(memhp_values_last_until_the_next_key),
	KUNIT_CASE(memhp_values_in_quotation_marks),
	KUNIT_CASE(memhp_counts_of_the_kernel),
	KUNIT_CASE(memhp_flags_tell_what_a_page_is),
	KUNIT_CASE(memhp_pages_without_flags),
	KUNIT_CASE(memhp_a_sum_is_as_hard_as_its_hardest_part),
	KUNIT_CASE(memhp_each_reason_of_a_refusal_has_advice),
	KUNIT_CASE(memhp_requests),
	KUNIT_CASE(memhp_answers),
	KUNIT_CASE(memhp_a_line_that_is_too_long),
	KUNIT_CASE(memhp_any_text),
	{}
};

static struct kunit_suite memhp_suite = {
	.name = "memhp",
	.test_cases = memhp_cases,
};

kunit_test_suite(memhp_suite);
