// SPDX-License-Identifier: GPL-2.0
/*
 * What users may write to /dev/memory_hotplug, and what they may not. Built as a module, and
 * in user space by tools/testing/memory_hotplug. It compiles its own copy of the file that it
 * tests, under other names, so that nothing is exported for it.
 */
#define memory_order_next_place	memory_kunit_order_next_place
#define memory_parse_bool	memory_kunit_parse_bool
#define memory_parse_order	memory_kunit_parse_order
#define memory_verb_name	memory_kunit_verb_name

#include <kunit/test.h>

#include "memory_order.c"

#define MIB	0x100000ULL
#define BLOCK	(128 * MIB)

/* One place, or several, as they come back. */
static void order_places(struct kunit *test)
{
	static const struct {
		const char *text;
		unsigned int nr;
		struct memory_place places[4];
	} cases[] = {
		{ "query 0", 1, { { .last = BLOCK - 1 } } },
		{ "query 32", 1, { { .start = 32 * BLOCK, .last = 33 * BLOCK - 1 } } },
		{ "query memory32", 1, { { .start = 32 * BLOCK, .last = 33 * BLOCK - 1 } } },
		{ "query 32-39", 1, { { .start = 32 * BLOCK, .last = 40 * BLOCK - 1 } } },
		{ "query 7-7\n", 1, { { .start = 7 * BLOCK, .last = 8 * BLOCK - 1 } } },
		{ "  query \t7 \t", 1, { { .start = 7 * BLOCK, .last = 8 * BLOCK - 1 } } },
		/* The format of lsmem. */
		{ "query 0x0000000100000000-0x000000013fffffff", 1,
		  { { .start = 0x100000000, .last = 0x13fffffff } } },
		{ "query 0x0-0xffffffffffffffff", 1, { { .last = U64_MAX } } },
		{ "query 0XaB-0xAb", 1, { { .start = 0xab, .last = 0xab } } },
		{ "query group0", 1, { { .is_group = true } } },
		{ "query 2,1-2,group2147483647,0x1-0x2\n", 4,
		  { { .start = 2 * BLOCK, .last = 3 * BLOCK - 1 },
		    { .start = BLOCK, .last = 3 * BLOCK - 1 },
		    { .is_group = true, .group = 2147483647 },
		    { .start = 1, .last = 2 } } },
		{ "why 37", 1, { { .start = 37 * BLOCK, .last = 38 * BLOCK - 1 } } },
		{ "why memory37", 1, { { .start = 37 * BLOCK, .last = 38 * BLOCK - 1 } } },
		{ "offline 1,memory3 best-effort", 2,
		  { { .start = BLOCK, .last = 2 * BLOCK - 1 },
		    { .start = 3 * BLOCK, .last = 4 * BLOCK - 1 } } },
	};
	unsigned int i, nr;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct memory_order order = {};
		struct memory_place place;
		const char *next;

		KUNIT_EXPECT_EQ_MSG(test, memory_parse_order(cases[i].text, BLOCK, &order), 0,
				    "%s", cases[i].text);
		KUNIT_EXPECT_EQ_MSG(test, order.nr_places, cases[i].nr, "%s", cases[i].text);
		next = order.places;
		for (nr = 0; memory_order_next_place(&next, BLOCK, &place); nr++) {
			const struct memory_place *want = cases[i].places + nr % 4;

			KUNIT_EXPECT_EQ_MSG(test, place.start, want->start, "%s", cases[i].text);
			KUNIT_EXPECT_EQ_MSG(test, place.last, want->last, "%s", cases[i].text);
			KUNIT_EXPECT_EQ_MSG(test, place.is_group, want->is_group, "%s",
					    cases[i].text);
			KUNIT_EXPECT_EQ_MSG(test, place.group, want->group, "%s", cases[i].text);
		}
		KUNIT_EXPECT_EQ_MSG(test, nr, cases[i].nr, "%s", cases[i].text);
	}
}

static void order_no_places(struct kunit *test)
{
	static const char * const cases[] = {
		"", "\n", "-", "-1", "1-", "0x", "0x-0x1", "0x10", "1-0x2", "0x1-2", "2-1",
		"0x2-0x1", "1 2", ",", "1,", ",1", "1,,2", "1,a", "1-2-3", "a", "0xg", "1k", "+1",
		"1.5", "0x10000000000000000", "18446744073709551616", "18446744073709551615",
		"0-137438953472", "1- 2", "1 ,2", "1, 2", "group", "group-1", "group1-2",
		"group0x1", "group2147483648", "groups1", "Group1", "memory", "memory-1",
		"memory1-2", "memory1-memory2", "memory0x1", "memory 1", "size=128M", "1 node=0",
		"1 best-effort", "1 timeout=1", "1 zone=Movable",
	};
	static const char * const verbs_of_places[] = { "query", "why" };
	unsigned int i;
	char text[64];

	for (i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		struct memory_order got = { .node = 77 };

		snprintf(text, sizeof(text), "%s %s", verbs_of_places[i % 2], cases[i / 2]);
		KUNIT_EXPECT_EQ_MSG(test, memory_parse_order(text, BLOCK, &got), -EINVAL, "%s",
				    text);
		KUNIT_EXPECT_EQ_MSG(test, got.node, 77, "%s", text);
	}
}

struct order_case {
	const char *text;
	struct memory_order want;
	u64 start, last;
};

/* The one place of an order; nothing where there is none. */
static struct memory_place only_place(const struct memory_order *order)
{
	struct memory_place place = {};
	const char *next = order->places;

	memory_order_next_place(&next, BLOCK, &place);
	return place;
}

static void check_order(struct kunit *test, const struct order_case *c)
{
	struct memory_order got = {};

	KUNIT_EXPECT_EQ_MSG(test, memory_parse_order(c->text, BLOCK, &got), 0, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, got.verb, c->want.verb, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, got.size, c->want.size, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, only_place(&got).start, c->start, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, only_place(&got).last, c->last, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, got.node, c->want.node, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, strcmp(got.zone, c->want.zone), 0, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, got.best_effort, c->want.best_effort, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, got.timed, c->want.timed, "%s", c->text);
	KUNIT_EXPECT_EQ_MSG(test, got.timeout_ms, c->want.timeout_ms, "%s", c->text);
}

/* Writes out the places of an order by their numbers; false where they do not fit. */
static bool write_places(const struct memory_order *order, char *text, int size)
{
	const char *next = order->places;
	struct memory_place place;
	char before = ' ';
	int len = 0;

	while (memory_order_next_place(&next, BLOCK, &place)) {
		if (place.is_group)
			len += snprintf(text + len, size - len, "%cgroup%u", before, place.group);
		else
			len += snprintf(text + len, size - len, "%c0x%llx-0x%llx", before,
					place.start, place.last);
		if (len >= size)
			return false;
		before = ',';
	}
	return true;
}

static void check_same_places(struct kunit *test, const struct memory_order *first,
			      const struct memory_order *second, const char *text)
{
	const char *next = first->places, *next_too = second->places;
	struct memory_place place, place_too;
	unsigned int nr = 0;

	while (memory_order_next_place(&next, BLOCK, &place)) {
		if (!memory_order_next_place(&next_too, BLOCK, &place_too))
			break;
		KUNIT_EXPECT_LE(test, place.start, place.last);
		KUNIT_EXPECT_EQ_MSG(test, place.start, place_too.start, "%s", text);
		KUNIT_EXPECT_EQ_MSG(test, place.last, place_too.last, "%s", text);
		KUNIT_EXPECT_EQ_MSG(test, place.is_group, place_too.is_group, "%s", text);
		KUNIT_EXPECT_EQ_MSG(test, place.group, place_too.group, "%s", text);
		nr++;
	}
	KUNIT_EXPECT_EQ_MSG(test, nr, first->nr_places, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, nr, second->nr_places, "%s", text);
}

/* A request that was accepted is formatted again, by numbers, and must mean the same. */
static void check_again(struct kunit *test, const struct memory_order *first)
{
	struct memory_order second = {};
	char text[192];
	int len;

	len = snprintf(text, sizeof(text), "%s", memory_verb_name(first->verb));
	if (first->size)
		len += snprintf(text + len, sizeof(text) - len, " size=%llu", first->size);
	else if (!write_places(first, text + len, sizeof(text) - len - 80))
		return;
	len = strlen(text);
	if (first->node >= 0)
		len += snprintf(text + len, sizeof(text) - len, " node=%d", first->node);
	if (*first->zone)
		len += snprintf(text + len, sizeof(text) - len, " zone=%s", first->zone);
	if (first->best_effort)
		len += snprintf(text + len, sizeof(text) - len, " best-effort");
	if (first->timed)
		snprintf(text + len, sizeof(text) - len, " timeout=%u", first->timeout_ms);

	KUNIT_EXPECT_EQ_MSG(test, memory_parse_order(text, BLOCK, &second), 0, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, second.verb, first->verb, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, second.size, first->size, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, second.node, first->node, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, strcmp(second.zone, first->zone), 0, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, second.best_effort, first->best_effort, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, second.timed, first->timed, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, second.timeout_ms, first->timeout_ms, "%s", text);
	check_same_places(test, first, &second, text);
}

/* The fuzzer calls this as well. */
static void order_try(struct kunit *test, const char *text)
{
	struct memory_order got = {};
	bool yes;

	if (!memory_parse_order(text, BLOCK, &got))
		check_again(test, &got);
	/* No text is both a boolean and a request. */
	if (!memory_parse_bool(text, &yes))
		KUNIT_EXPECT_EQ_MSG(test, memory_parse_order(text, BLOCK, &got), -EINVAL, "%s",
				    text);
}

static void order_orders(struct kunit *test)
{
	static const struct order_case cases[] = {
		{ "offline 8-9", { .node = -1 }, 8 * BLOCK, 10 * BLOCK - 1 },
		{ "online 8\n", { .verb = MEMORY_VERB_ONLINE, .node = -1 }, 8 * BLOCK,
		  9 * BLOCK - 1 },
		{ "online_kernel size=1g", { .verb = MEMORY_VERB_ONLINE_KERNEL, .size = 1024 * MIB,
					     .node = -1 } },
		{ "online_movable best-effort size=134217728",
		  { .verb = MEMORY_VERB_ONLINE_MOVABLE, .size = BLOCK, .node = -1,
		    .best_effort = true } },
		{ "offline size=256M node=1 zone=Movable timeout=0",
		  { .size = 256 * MIB, .node = 1, .zone = "Movable", .timed = true } },
		{ "offline timeout=4294967295 node=0 size=0x10000000",
		  { .size = 256 * MIB, .timed = true, .timeout_ms = ~0U } },
		{ "offline zone=Movable size=2T",
		  { .size = 2048 * 1024 * MIB, .node = -1, .zone = "Movable" } },
		{ "query 8", { .verb = MEMORY_VERB_QUERY, .node = -1 }, 8 * BLOCK, 9 * BLOCK - 1 },
		{ "why 8", { .verb = MEMORY_VERB_WHY, .node = -1 }, 8 * BLOCK, 9 * BLOCK - 1 },
		{ "cancel", { .verb = MEMORY_VERB_CANCEL, .node = -1 } },
		{ " cancel\n", { .verb = MEMORY_VERB_CANCEL, .node = -1 } },
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
		"offline 8,", "offline 8,9 10", "offline group", "offline group1 node=1",
		"cancel 1",
		"cancel cancel", "query", "why", "why 8-9", "why 8,9", "why group1", "why 0x0-0x1",
		"Query 8", "queryy 8", "cancell",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct memory_order got = { .node = 77 };

		KUNIT_EXPECT_EQ_MSG(test, memory_parse_order(cases[i], BLOCK, &got), -EINVAL, "%s",
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
		KUNIT_EXPECT_EQ_MSG(test, memory_parse_bool(no[i], &got), 0, "%s", no[i]);
		KUNIT_EXPECT_EQ_MSG(test, got, false, "%s", no[i]);
	}
	for (i = 0; i < ARRAY_SIZE(yes); i++) {
		got = false;
		KUNIT_EXPECT_EQ_MSG(test, memory_parse_bool(yes[i], &got), 0, "%s", yes[i]);
		KUNIT_EXPECT_EQ_MSG(test, got, true, "%s", yes[i]);
	}
	for (i = 0; i < ARRAY_SIZE(neither); i++)
		KUNIT_EXPECT_EQ_MSG(test, memory_parse_bool(neither[i], &got), -EINVAL, "%s",
				    neither[i]);
}

/* The same numbers in every run: a failure can be looked at again. */
static u32 order_random(u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Random texts: each is refused or accepted, and what is accepted is valid. */
static void order_any_text(struct kunit *test)
{
	static const char letters[] = "0x19afk-=,\n onlinesizetmubgrqwhyc";
	u32 random = 1, i, j;

	for (i = 0; i < 20000; i++) {
		char text[24];

		for (j = 0; j < sizeof(text) - 1; j++)
			text[j] = letters[order_random(&random) % (sizeof(letters) - 1)];
		text[order_random(&random) % sizeof(text)] = '\0';
		text[sizeof(text) - 1] = '\0';
		order_try(test, text);
	}
}

static struct kunit_case order_cases[] = {
	KUNIT_CASE(order_places),
	KUNIT_CASE(order_no_places),
	KUNIT_CASE(order_orders),
	KUNIT_CASE(order_no_orders),
	KUNIT_CASE(order_booleans),
	KUNIT_CASE(order_any_text),
	{}
};

static struct kunit_suite order_suite = {
	.name = "memory_order",
	.test_cases = order_cases,
};

kunit_test_suite(order_suite);

MODULE_DESCRIPTION("KUnit test of what users write to /dev/memory_hotplug");
MODULE_LICENSE("GPL");
