// SPDX-License-Identifier: GPL-2.0
/* The requests of users: which texts are accepted, and which are not. */
#include "mhp_kunit.h"

#include "../order.c"

#define MIB	0x100000ULL
#define BLOCK	(128 * MIB)

static void order_ranges(struct kunit *test)
{
	static const struct {
		const char *text;
		u64 start, last;
	} cases[] = {
		{ "0", 0, BLOCK - 1 },
		{ "32", 32 * BLOCK, 33 * BLOCK - 1 },
		{ "32-39", 32 * BLOCK, 40 * BLOCK - 1 },
		{ "7-7\n", 7 * BLOCK, 8 * BLOCK - 1 },
		{ "  7 \t", 7 * BLOCK, 8 * BLOCK - 1 },
		/* The format of lsmem. */
		{ "0x0000000100000000-0x000000013fffffff", 0x100000000, 0x13fffffff },
		{ "0x0-0xffffffffffffffff", 0, U64_MAX },
		{ "0XaB-0xAb", 0xab, 0xab },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 start = 1, last = 2;

		KUNIT_EXPECT_EQ_MSG(test, mhp_parse_range(cases[i].text, BLOCK, &start, &last), 0,
				    "%s", cases[i].text);
		KUNIT_EXPECT_EQ_MSG(test, start, cases[i].start, "%s", cases[i].text);
		KUNIT_EXPECT_EQ_MSG(test, last, cases[i].last, "%s", cases[i].text);
	}
}

static void order_no_ranges(struct kunit *test)
{
	static const char * const cases[] = {
		"", " ", "\n", "-", "-1", "1-", "0x", "0x-0x1", "0x10", "1-0x2", "0x1-2", "2-1",
		"0x2-0x1", "1 2", "1,2", "1-2-3", "a", "0xg", "1k", "+1", "1.5",
		"0x10000000000000000", "18446744073709551616", "18446744073709551615",
		"0-137438953472", "1- 2",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 start = 1, last = 2;

		KUNIT_EXPECT_EQ_MSG(test, mhp_parse_range(cases[i], BLOCK, &start, &last),
				    -EINVAL, "%s", cases[i]);
		KUNIT_EXPECT_EQ_MSG(test, start, 1ULL, "%s", cases[i]);
		KUNIT_EXPECT_EQ_MSG(test, last, 2ULL, "%s", cases[i]);
	}
}

struct order_case {
	const char *text;
	struct mhp_order want;
};

static void check_order(struct kunit *test, const struct order_case *c)
{
	struct mhp_order got = {};

	KUNIT_EXPECT_EQ_MSG(test, mhp_parse_order(c->text, BLOCK, &got), 0, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, got.verb, c->want.verb, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, got.size, c->want.size, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, got.start, c->want.start, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, got.last, c->want.last, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, got.node, c->want.node, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, strcmp(got.zone, c->want.zone), 0, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, got.best_effort, c->want.best_effort, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, got.timed, c->want.timed, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, got.timeout_ms, c->want.timeout_ms, "%s", c->text);
}

/* A request that was accepted is formatted again, by numbers, and must mean the same. */
static void check_again(struct kunit *test, const struct mhp_order *first)
{
	static const char * const verbs[] = {
		"offline", "online", "online_kernel", "online_movable",
	};
	struct mhp_order second = {};
	char text[192];
	int len;

	KUNIT_EXPECT_LE(test, first->start, first->last);
	len = snprintf(text, sizeof(text), "%s", verbs[first->verb]);
	if (first->size)
		len += snprintf(text + len, sizeof(text) - len, " size=%llu", first->size);
	else
		len += snprintf(text + len, sizeof(text) - len, " 0x%llx-0x%llx", first->start,
				first->last);
	if (first->node >= 0)
		len += snprintf(text + len, sizeof(text) - len, " node=%d", first->node);
	if (*first->zone)
		len += snprintf(text + len, sizeof(text) - len, " zone=%s", first->zone);
	if (first->best_effort)
		len += snprintf(text + len, sizeof(text) - len, " best-effort");
	if (first->timed)
		snprintf(text + len, sizeof(text) - len, " timeout=%u", first->timeout_ms);

	KUNIT_EXPECT_EQ_MSG(test, mhp_parse_order(text, BLOCK, &second), 0, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, second.verb, first->verb, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, second.size, first->size, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, second.start, first->start, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, second.last, first->last, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, second.node, first->node, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, strcmp(second.zone, first->zone), 0, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, second.best_effort, first->best_effort, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, second.timed, first->timed, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, second.timeout_ms, first->timeout_ms, "%s", text);
}

/* The fuzzer calls this as well. */
static void order_try(struct kunit *test, const char *text)
{
	struct mhp_order got = {};
	u64 start, last;
	bool yes;

	if (!mhp_parse_range(text, BLOCK, &start, &last))
		KUNIT_EXPECT_LE(test, start, last);
	if (!mhp_parse_order(text, BLOCK, &got))
		check_again(test, &got);
	/* No text is both a boolean and a request. */
	if (!mhp_parse_bool(text, &yes))
		KUNIT_EXPECT_EQ_MSG(test, mhp_parse_order(text, BLOCK, &got), -EINVAL, "%s", text);
}

static void order_orders(struct kunit *test)
{
	static const struct order_case cases[] = {
		{ "offline 8-9", { .start = 8 * BLOCK, .last = 10 * BLOCK - 1, .node = -1 } },
		{ "online 8\n", { .verb = MHP_ORDER_ONLINE, .start = 8 * BLOCK,
				  .last = 9 * BLOCK - 1, .node = -1 } },
		{ "online_kernel size=1g", { .verb = MHP_ORDER_ONLINE_KERNEL, .size = 1024 * MIB,
					     .node = -1 } },
		{ "online_movable best-effort size=134217728",
		  { .verb = MHP_ORDER_ONLINE_MOVABLE, .size = BLOCK, .node = -1,
		    .best_effort = true } },
		{ "offline size=256M node=1 zone=Movable timeout=0",
		  { .size = 256 * MIB, .node = 1, .zone = "Movable", .timed = true } },
		{ "offline timeout=4294967295 node=0 size=0x10000000",
		  { .size = 256 * MIB, .timed = true, .timeout_ms = ~0U } },
		{ "offline zone=Movable size=2T",
		  { .size = 2048 * 1024 * MIB, .node = -1, .zone = "Movable" } },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		check_order(test, cases + i);
		order_try(test, cases[i].text);
	}
}

static void order_no_orders(struct kunit *test)
{
	static const char * const cases[] = {
		"", "offline", "8", "Offline 8", "off 8", "offlin 8", "offline8", "offline 8 9",
		"offline 8 size=128M", "offline size=128M 8", "offline size=128M size=128M",
		"offline size=", "offline size=0", "offline size=1", "offline size=128MB",
		"offline size=128P", "offline size=64M", "offline size=16777216T",
		"offline 8 node=1", "offline 8 zone=Movable", "offline size=1G node=",
		"offline size=1G node=-1", "offline size=1G node=2147483648",
		"offline size=1G node=1 node=1", "offline size=1G zone=",
		"offline size=1G zone=ANameThatIsMuchTooLong", "offline 8 best-effort best-effort",
		"offline 8 best-effor", "offline 8 timeout=", "offline 8 timeout=1s",
		"offline 8 timeout=4294967296", "offline 8 timeout=1 timeout=1", "offline 9-8",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mhp_order got = { .node = 77 };

		KUNIT_EXPECT_EQ_MSG(test, mhp_parse_order(cases[i], BLOCK, &got), -EINVAL, "%s",
				    cases[i]);
		KUNIT_EXPECT_EQ_MSG(test, got.node, 77, "%s", cases[i]);
	}
}

static void order_booleans(struct kunit *test)
{
	static const char * const no[] = { "0", "n", "N\n", "no", "No", "f", "FALSE", " off " };
	static const char * const yes[] = { "1", "y", "Y", "yes\n", "t", "True", "on", "oN\n" };
	static const char * const neither[] = {
		"", " ", "\n", "2", "-1", "00", "10", "1 1", "online", "online_whatever", "onn",
		"o", "of", "offline", "nonsense", "nope", "yesterday", "forced", "tru", "maybe",
		"1x",
	};
	unsigned int i;
	bool got;

	for (i = 0; i < ARRAY_SIZE(no); i++) {
		got = true;
		KUNIT_EXPECT_EQ_MSG(test, mhp_parse_bool(no[i], &got), 0, "%s", no[i]);
		KUNIT_EXPECT_EQ_MSG(test, got, false, "%s", no[i]);
	}
	for (i = 0; i < ARRAY_SIZE(yes); i++) {
		got = false;
		KUNIT_EXPECT_EQ_MSG(test, mhp_parse_bool(yes[i], &got), 0, "%s", yes[i]);
		KUNIT_EXPECT_EQ_MSG(test, got, true, "%s", yes[i]);
	}
	for (i = 0; i < ARRAY_SIZE(neither); i++)
		KUNIT_EXPECT_EQ_MSG(test, mhp_parse_bool(neither[i], &got), -EINVAL, "%s",
				    neither[i]);
}

/* Random texts: each is refused or accepted, and what is accepted is valid. */
static void order_any_text(struct kunit *test)
{
	static const char letters[] = "0x19afk-=\n onlinesizetmub";
	u32 random = 1, i, j;

	for (i = 0; i < 20000; i++) {
		char text[24];

		for (j = 0; j < sizeof(text) - 1; j++)
			text[j] = letters[mhp_kunit_random(&random) % (sizeof(letters) - 1)];
		text[mhp_kunit_random(&random) % sizeof(text)] = '\0';
		text[sizeof(text) - 1] = '\0';
		order_try(test, text);
	}
}

static struct kunit_case order_cases[] = {
	KUNIT_CASE(order_ranges),
	KUNIT_CASE(order_no_ranges),
	KUNIT_CASE(order_orders),
	KUNIT_CASE(order_no_orders),
	KUNIT_CASE(order_booleans),
	KUNIT_CASE(order_any_text),
	{}
};

static struct kunit_suite order_suite = {
	.name = "mhp_order",
	.test_cases = order_cases,
};

kunit_test_suite(order_suite);
