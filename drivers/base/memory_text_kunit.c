// SPDX-License-Identifier: GPL-2.0
/*
 * A text of any length is the same for all sizes of the parts that it is read in. Built as a
 * module, and in user space by tools/testing/memory_hotplug. It compiles its own copy of the file
 * that it tests, under other names, so that nothing is exported for it.
 */
#define memory_list_add		memory_kunit_list_add
#define memory_list_end		memory_kunit_list_end
#define memory_text_add		memory_kunit_text_add

#include <kunit/test.h>

#include "memory_text.c"

#define NUMBERS	3000

/* The n-th number of a list that has pairs and gaps. */
static unsigned long nth_number(unsigned int n)
{
	return n + n / 2;
}

static size_t read_list(char *to, u64 off, size_t room, unsigned int numbers)
{
	struct memory_text text = { .to = to, .skip = off, .room = room };
	struct memory_list list = { .text = &text };
	unsigned int i;

	for (i = 0; i < numbers; i++)
		if (!memory_list_add(&list, nth_number(i)))
			return text.len;
	memory_list_end(&list);
	return text.len;
}

static void text_lists(struct kunit *test)
{
	static const struct {
		unsigned long numbers[8];
		unsigned int nr;
		const char *want;
	} cases[] = {
		{ {}, 0, "none\n" },
		{ { 0 }, 1, "0\n" },
		{ { 7 }, 1, "7\n" },
		{ { 7, 8 }, 2, "7-8\n" },
		{ { 7, 9 }, 2, "7,9\n" },
		{ { 32, 33, 34, 48, 50, 51 }, 6, "32-34,48,50-51\n" },
		{ { 0, ~0UL - 1, ~0UL }, 3, "0,18446744073709551614-18446744073709551615\n" },
	};
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		char got[64] = "";
		struct memory_text text = { .to = got, .room = sizeof(got) - 1 };
		struct memory_list list = { .text = &text };

		for (j = 0; j < cases[i].nr; j++)
			KUNIT_EXPECT_TRUE(test, memory_list_add(&list, cases[i].numbers[j]));
		KUNIT_EXPECT_TRUE(test, memory_list_end(&list));
		KUNIT_EXPECT_EQ_MSG(test, strcmp(got, cases[i].want), 0, "%s", cases[i].want);
		KUNIT_EXPECT_EQ(test, text.len, strlen(cases[i].want));
	}
}

/* Parts of any size: pages, as "cat" reads a file, and single bytes, as "dd bs=1" does. */
static void text_parts(struct kunit *test)
{
	static const size_t sizes[] = { 1, 7, 127, 128, 4095, 4096, 65536 };
	const size_t room = 65536;
	char *whole = kunit_kzalloc(test, 2 * room, GFP_KERNEL), *parts = whole + room;
	size_t len, got, off;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, whole);
	len = read_list(whole, 0, room, NUMBERS);
	KUNIT_EXPECT_TRUE(test, len > 2 * 4096 && len < room);
	KUNIT_EXPECT_EQ(test, whole[len - 1], '\n');

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		/* With one byte at a time, the beginning of the text is enough. */
		unsigned int numbers = sizes[i] < 100 ? 300 : NUMBERS;
		size_t end = read_list(whole, 0, room, numbers);

		for (off = 0; ; off += got) {
			got = read_list(parts + off, off, min(sizes[i], room - off), numbers);
			if (!got)
				break;
		}
		KUNIT_EXPECT_EQ(test, off, end);
		KUNIT_EXPECT_EQ(test, memcmp(parts, whole, end), 0);
	}
}

/* A text that is too long for one call is cut at the limit, and nowhere else. */
static void text_pieces(struct kunit *test)
{
	char got[2 * MEMORY_TEXT_PIECE] = "";
	struct memory_text text = { .to = got, .room = sizeof(got) };

	KUNIT_EXPECT_TRUE(test, memory_text_add(&text, "%200d", 1));
	KUNIT_EXPECT_EQ(test, text.len, (size_t)MEMORY_TEXT_PIECE - 1);
	text = (struct memory_text){ .to = got, .skip = 3, .room = 2 };
	KUNIT_EXPECT_TRUE(test, memory_text_add(&text, "%s", "ab"));
	KUNIT_EXPECT_EQ(test, text.len, (size_t)0);
	KUNIT_EXPECT_FALSE(test, memory_text_add(&text, "%s", "cdef"));
	KUNIT_EXPECT_EQ(test, memcmp(got, "de", 2), 0);
	KUNIT_EXPECT_FALSE(test, memory_text_add(&text, "%s", "gh"));
	KUNIT_EXPECT_EQ(test, text.len, (size_t)2);
}

static struct kunit_case text_cases[] = {
	KUNIT_CASE(text_lists),
	KUNIT_CASE(text_parts),
	KUNIT_CASE(text_pieces),
	{}
};

static struct kunit_suite text_suite = {
	.name = "memory_text",
	.test_cases = text_cases,
};

kunit_test_suite(text_suite);

MODULE_DESCRIPTION("KUnit test of texts that readers get in parts");
MODULE_LICENSE("GPL");
