// SPDX-License-Identifier: GPL-2.0
/* Ranges, compared with counting pages one by one. */
#include "mhp_kunit.h"

#define SMALL	6UL

static void range_overlap_is_a_shared_page(struct kunit *test)
{
	struct mhp_range a = {}, b = {};

	do {
		KUNIT_EXPECT_EQ_MSG(test, mhp_range_overlaps(&a, &b),
				    mhp_kunit_shared(&a, &b) > 0,
				    "%lu+%lu and %lu+%lu", a.start_pfn,
				    a.nr_pages, b.start_pfn, b.nr_pages);
	} while (mhp_kunit_next(&a, SMALL) || mhp_kunit_next(&b, SMALL));
}

static void range_contains_every_page(struct kunit *test)
{
	struct mhp_range a = {}, b = {};

	do {
		if (mhp_range_empty(&b))
			continue;
		KUNIT_EXPECT_EQ_MSG(test, mhp_range_contains(&a, &b),
				    mhp_kunit_shared(&a, &b) == b.nr_pages,
				    "%lu+%lu in %lu+%lu", b.start_pfn,
				    b.nr_pages, a.start_pfn, a.nr_pages);
	} while (mhp_kunit_next(&a, SMALL) || mhp_kunit_next(&b, SMALL));
}

static void range_aligned_at_both_ends(struct kunit *test)
{
	unsigned long grain;
	struct mhp_range r = {};

	do {
		for (grain = 1; grain <= 8; grain *= 2)
			KUNIT_EXPECT_EQ_MSG(test, mhp_range_aligned(&r, grain),
					    r.start_pfn % grain == 0 &&
					    mhp_range_end(&r) % grain == 0,
					    "%lu+%lu by %lu", r.start_pfn,
					    r.nr_pages, grain);
	} while (mhp_kunit_next(&r, 3 * SMALL));
}

static void range_bytes_beyond_32_bits(struct kunit *test)
{
	const struct mhp_range r = { 3UL << 40, 5UL << 30 };

	KUNIT_EXPECT_EQ(test, mhp_range_phys(&r), 3ULL << (40 + PAGE_SHIFT));
	KUNIT_EXPECT_EQ(test, mhp_range_bytes(&r), 5ULL << (30 + PAGE_SHIFT));
	KUNIT_EXPECT_EQ(test, mhp_range_end(&r), (3UL << 40) + (5UL << 30));
}

static struct kunit_case range_cases[] = {
	KUNIT_CASE(range_overlap_is_a_shared_page),
	KUNIT_CASE(range_contains_every_page),
	KUNIT_CASE(range_aligned_at_both_ends),
	KUNIT_CASE(range_bytes_beyond_32_bits),
	{}
};

static struct kunit_suite range_suite = {
	.name = "mhp_range",
	.test_cases = range_cases,
};

kunit_test_suite(range_suite);

MODULE_DESCRIPTION("KUnit tests of memory hotplug");
MODULE_LICENSE("GPL");
