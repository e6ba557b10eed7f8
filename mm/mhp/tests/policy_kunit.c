// SPDX-License-Identifier: GPL-2.0
/*
 * The choice of a zone: the rules of the administration guide in numbers, and
 * devices that are brought online block by block.
 */
#include "mhp_kunit.h"

#include "../policy.c"

#define GIB	(1UL << (30 - PAGE_SHIFT))	/* in pages */
#define BLOCK	(GIB / 8)
#define RATIO	301

static const struct mhp_group_view no_group;

static void policy_contig_stays_with_the_one_zone(struct kunit *test)
{
	struct mhp_contig_view view = {};
	struct mhp_range r = {};

	do {
		bool k = mhp_kunit_shared(&r, &view.kernel);
		bool m = mhp_kunit_shared(&r, &view.movable);

		view.movable_node = false;
		KUNIT_EXPECT_EQ(test, mhp_contig_movable(&r, &view), m && !k);
		view.movable_node = true;
		KUNIT_EXPECT_EQ(test, mhp_contig_movable(&r, &view), m || !k);
	} while (mhp_kunit_next(&r, 4) || mhp_kunit_next(&view.kernel, 4) ||
		 mhp_kunit_next(&view.movable, 4));
}

static void policy_contig_next_to_is_outside(struct kunit *test)
{
	const struct mhp_range block = { 4 * GIB, BLOCK };
	struct mhp_contig_view view = {
		.kernel = { 0, 4 * GIB },
		.movable = { 4 * GIB + BLOCK, GIB },
	};

	KUNIT_EXPECT_FALSE(test, mhp_contig_movable(&block, &view));
	view.movable_node = true;
	KUNIT_EXPECT_TRUE(test, mhp_contig_movable(&block, &view));
	/* The last page of the kernel zone is in the block. */
	view.kernel.nr_pages++;
	KUNIT_EXPECT_FALSE(test, mhp_contig_movable(&block, &view));
}

static void policy_required_kernel_pages(struct kunit *test)
{
	static const struct {
		unsigned long kernel, movable;
		unsigned int ratio;
		unsigned long required;
	} cases[] = {
		{ 0, 0, 301, 0 },
		{ 0, 301, 301, 100 },
		{ 40, 301, 301, 60 },
		{ 100, 301, 301, 0 },
		{ 500, 301, 301, 0 },
		{ 0, 1000, 50, 2000 },
		{ 0, 7, 300, 2 },
		{ 0, 1000, 0, 0 },
		{ 0, 1, UINT_MAX, 0 },
		{ 0, ULONG_MAX, 100, ULONG_MAX },
		{ 0, ULONG_MAX, 1, ULONG_MAX },
		{ ULONG_MAX, ULONG_MAX, 1, 0 },
		{ 1, ULONG_MAX - 1, 100, ULONG_MAX - 2 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		KUNIT_EXPECT_EQ_MSG(test, cases[i].required,
				    mhp_group_req_kernel(cases[i].kernel,
							 cases[i].movable,
							 cases[i].ratio),
				    "case %u", i);
}

static void policy_auto_ratio(struct kunit *test)
{
	static const struct {
		const char *what;
		unsigned long nr;
		unsigned int ratio;
		struct mhp_ratio_view view;
		bool movable;
	} cases[] = {
		{ "the guide: 24 GiB to 8", 24 * GIB, RATIO, { 8 * GIB }, true },
		{ "one GiB more", 25 * GIB, RATIO, { 8 * GIB }, false },
		{ "exactly", 24 * GIB, 300, { 8 * GIB }, true },
		{ "a page too many", 24 * GIB + 1, 300, { 8 * GIB }, false },
		{ "on top of others", BLOCK, 300, { 8 * GIB, 24 * GIB - BLOCK },
		  true },
		{ "others took all", BLOCK, 300, { 8 * GIB, 24 * GIB }, false },
		{ "others need half", 12 * GIB, 300, { 8 * GIB, 0, 4 * GIB },
		  true },
		{ "and a page more", 12 * GIB, 300, { 8 * GIB, 0, 4 * GIB + 1 },
		  false },
		{ "others need all", 1, 300, { 8 * GIB, 0, 8 * GIB }, false },
		{ "others need more", 1, 300, { 8 * GIB, 0, 9 * GIB }, false },
		{ "no kernel memory", 1, RATIO, {}, false },
		{ "never", 1, 0, { 8 * GIB }, false },
		{ "nothing is never", 0, 0, { 8 * GIB }, false },
		{ "as much as you like", ULONG_MAX, UINT_MAX,
		  { ULONG_MAX / 2 }, true },
		{ "more than there are numbers", 1, UINT_MAX,
		  { ULONG_MAX, ULONG_MAX }, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		KUNIT_EXPECT_EQ_MSG(test, cases[i].movable,
				    mhp_auto_movable(cases[i].nr, cases[i].ratio,
						     &no_group, &cases[i].view,
						     NULL),
				    "%s", cases[i].what);
}

static void policy_auto_node_counts_too(struct kunit *test)
{
	const struct mhp_ratio_view rich = { 8 * GIB }, poor = { BLOCK / 4 };

	KUNIT_EXPECT_TRUE(test, mhp_auto_movable(BLOCK, RATIO, &no_group, &rich,
						 NULL));
	KUNIT_EXPECT_TRUE(test, mhp_auto_movable(BLOCK, RATIO, &no_group, &rich,
						 &rich));
	KUNIT_EXPECT_FALSE(test, mhp_auto_movable(BLOCK, RATIO, &no_group, &rich,
						  &poor));
	KUNIT_EXPECT_FALSE(test, mhp_auto_movable(BLOCK, RATIO, &no_group, &poor,
						  &rich));
}

static void policy_auto_group(struct kunit *test)
{
	static const struct {
		const char *what;
		struct mhp_group_view group;
		bool movable;
	} cases[] = {
		/* 8 GiB of early memory, 300 %, 20 GiB are movable */
		{ "none", {}, true },
		{ "DIMM that fits", { true, false, 4 * GIB }, true },
		{ "DIMM that does not", { true, false, 5 * GIB }, false },
		{ "rest of a DIMM", { true, false, 8 * GIB, 0, 4 * GIB }, true },
		{ "too much rest", { true, false, 9 * GIB, 0, 4 * GIB }, false },
		{ "kernel DIMM", { true, false, 2 * GIB, BLOCK }, false },
		{ "mixed DIMM", { true, false, 2 * GIB, BLOCK, BLOCK }, false },
		{ "grown DIMM", { true, false, BLOCK, 0, 2 * BLOCK }, true },

		{ "unit that fits", { true, true, 4 * GIB }, true },
		{ "unit that does not", { true, true, 5 * GIB }, false },
		{ "rest of a unit",
		  { true, true, 8 * GIB, 0, 9 * GIB, 0, 4 * GIB }, true },
		{ "too much rest of a unit",
		  { true, true, 9 * GIB, 0, 9 * GIB, 0, 4 * GIB }, false },
		{ "kernel unit", { true, true, GIB, BLOCK, 0, BLOCK }, false },
		{ "own kernel pages allow", { true, true, 5 * GIB, GIB }, true },
		{ "three for one", { true, true, 7 * GIB, GIB }, true },
		{ "and no more", { true, true, 7 * GIB + 1, GIB }, false },
	};
	static const struct mhp_ratio_view view = { 8 * GIB, 20 * GIB };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		KUNIT_EXPECT_EQ_MSG(test, cases[i].movable,
				    mhp_auto_movable(BLOCK, 300, &cases[i].group,
						     &view, NULL),
				    "%s", cases[i].what);
}

/* Requirements of other groups do not reduce the kernel memory of the group itself. */
static void policy_auto_own_kernel_is_own(struct kunit *test)
{
	const struct mhp_group_view group = {
		.present = true, .dynamic = true, .size = 3 * GIB,
		.kernel_pages = GIB,
	};
	struct mhp_ratio_view view = {
		.kernel_early = GIB, .req_kernel_early = 8 * GIB,
	};

	KUNIT_EXPECT_TRUE(test, mhp_auto_movable(3 * GIB, 300, &group, &view,
						 NULL));
	KUNIT_EXPECT_FALSE(test, mhp_auto_movable(3 * GIB + 1, 300, &group,
						  &view, NULL));
	view.kernel_early = ULONG_MAX;
	view.req_kernel_early = 0;
	KUNIT_EXPECT_TRUE(test, mhp_auto_movable(ULONG_MAX, 300, &group, &view,
						 NULL));
}

/* Plugs a DIMM block by block beside 1 GiB of movable memory. */
static void plug_dimm(struct kunit *test, unsigned long early_gib,
		      unsigned long blocks)
{
	struct mhp_ratio_view view = { early_gib * GIB, GIB };
	struct mhp_group_view dimm = {
		.present = true, .size = blocks * BLOCK
	};
	bool fits = (8 + blocks) * 100 <= early_gib * 8 * RATIO;
	unsigned long i;

	for (i = 0; i < blocks; i++) {
		if (mhp_auto_movable(BLOCK, RATIO, &dimm, &view, &view)) {
			dimm.movable_pages += BLOCK;
			view.movable += BLOCK;
		} else {
			dimm.kernel_pages += BLOCK;
		}
	}
	KUNIT_EXPECT_EQ(test, dimm.movable_pages, fits ? dimm.size : 0);
	KUNIT_EXPECT_EQ(test, dimm.kernel_pages, fits ? 0 : dimm.size);
}

static void policy_auto_never_splits_a_dimm(struct kunit *test)
{
	unsigned long early, blocks;

	for (early = 0; early <= 4; early++)
		for (blocks = 1; blocks <= 100; blocks++)
			plug_dimm(test, early, blocks);
}

/* Brings DIMMs online in one request, during which the numbers of groups and zones stay. */
static void online_dimms(struct kunit *test, unsigned long room, const unsigned long *blocks,
			 unsigned int nr)
{
	unsigned long taken = 0, i;

	for (; nr--; blocks++) {
		const struct mhp_group_view dimm = { .present = true, .size = *blocks * BLOCK };
		const struct mhp_ratio_view view = { room * BLOCK, taken };
		bool fits = taken + dimm.size <= room * BLOCK;
		unsigned long own = 0;

		for (i = 0; i < *blocks; i++)
			if (mhp_auto_movable(BLOCK + own, 100, &dimm, &view, &view))
				own += BLOCK;
		KUNIT_EXPECT_EQ(test, own, fits ? dimm.size : 0);
		taken += own;
	}
}

static void policy_auto_one_request_splits_no_dimm(struct kunit *test)
{
	unsigned long room, blocks[3];

	for (room = 0; room <= 24; room++)
		for (blocks[0] = 1; blocks[0] <= 9; blocks[0]++)
			for (blocks[1] = 1; blocks[1] <= 9; blocks[1]++) {
				blocks[2] = blocks[0];
				online_dimms(test, room, blocks, ARRAY_SIZE(blocks));
			}
}

/* Plugs a virtio-mem device block by block; returns its kernel pages. */
static unsigned long plug_dynamic(struct kunit *test, unsigned long early,
				  unsigned long unit, unsigned long blocks)
{
	struct mhp_ratio_view view = { early };
	struct mhp_group_view group = {
		.present = true, .dynamic = true, .size = unit * BLOCK
	};
	unsigned long i;

	for (i = 0; i < blocks; i++) {
		if (i % unit == 0) {
			group.unit_kernel = 0;
			group.unit_movable = 0;
		}
		if (mhp_auto_movable(BLOCK, RATIO, &group, &view, NULL)) {
			group.movable_pages += BLOCK;
			group.unit_movable += BLOCK;
			view.movable += BLOCK;
		} else {
			group.kernel_pages += BLOCK;
			group.unit_kernel += BLOCK;
		}
		KUNIT_EXPECT_FALSE(test, group.unit_kernel &&
				   group.unit_movable);
		KUNIT_EXPECT_LE(test, view.movable * 100,
				(early + group.kernel_pages) * RATIO);
	}
	return group.kernel_pages;
}

static void policy_auto_keeps_the_ratio_in_a_device(struct kunit *test)
{
	unsigned long unit;

	for (unit = 1; unit <= 8; unit *= 2) {
		plug_dynamic(test, 0, unit, 256);
		plug_dynamic(test, GIB, unit, 256);
		/* 24 GiB fit; a quarter of the last 8 GiB has to be kernel memory. */
		KUNIT_EXPECT_EQ(test, plug_dynamic(test, 8 * GIB, unit, 192),
				0UL);
		KUNIT_EXPECT_LE(test, plug_dynamic(test, 8 * GIB, unit, 256),
				2 * GIB + unit * BLOCK);
	}
}

/* More early memory or a higher ratio never turns a yes into a no. */
static void policy_auto_is_monotonic(struct kunit *test)
{
	u32 random = 0x6d6870;
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		unsigned long nr = mhp_kunit_random(&random) % (8 * GIB);
		unsigned int ratio = mhp_kunit_random(&random) % 1000;
		struct mhp_ratio_view view = {
			.kernel_early = mhp_kunit_random(&random) % (8 * GIB),
			.movable = mhp_kunit_random(&random) % (8 * GIB),
			.req_kernel_early = mhp_kunit_random(&random) % GIB,
		};
		struct mhp_ratio_view more = view;

		if (!mhp_auto_movable(nr, ratio, &no_group, &view, NULL))
			continue;
		more.kernel_early += nr;
		KUNIT_EXPECT_TRUE(test, mhp_auto_movable(nr, ratio, &no_group,
							 &more, &more));
		KUNIT_EXPECT_TRUE(test, mhp_auto_movable(nr, ratio + 1,
							 &no_group, &view,
							 &more));
		KUNIT_EXPECT_TRUE(test, mhp_auto_movable(nr / 2, ratio,
							 &no_group, &view,
							 &view));
	}
}

static void policy_ratio(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, mhp_movable_ratio(0, 0), 0U);
	KUNIT_EXPECT_EQ(test, mhp_movable_ratio(0, 1), UINT_MAX);
	KUNIT_EXPECT_EQ(test, mhp_movable_ratio(GIB, 0), 0U);
	KUNIT_EXPECT_EQ(test, mhp_movable_ratio(GIB, 3 * GIB), 300U);
	KUNIT_EXPECT_EQ(test, mhp_movable_ratio(2, 3), 150U);
	KUNIT_EXPECT_EQ(test, mhp_movable_ratio(1, ULONG_MAX), UINT_MAX);
	KUNIT_EXPECT_EQ(test, mhp_movable_ratio(ULONG_MAX, 1), 0U);
}

/* Of two blocks, the one with less in use has the higher score; a pinned page lowers it most. */
static void policy_score_is_ordered(struct kunit *test)
{
	unsigned long free, all = 300;
	unsigned int before = 0;

	for (free = 0; free <= all; free++) {
		unsigned int score = mhp_score(free, all - free, 0);
		unsigned int pinned = mhp_score(free, all - free, 1);

		KUNIT_EXPECT_LE(test, before, score);
		KUNIT_EXPECT_LE(test, 1U, score);
		KUNIT_EXPECT_LE(test, score, 100U);
		KUNIT_EXPECT_EQ(test, score == 100, free == all);
		KUNIT_EXPECT_LE(test, 1U, pinned);
		KUNIT_EXPECT_LE(test, pinned, 10U);
		before = score;
	}
}

static void policy_score_of_extremes(struct kunit *test)
{
	const unsigned long huge = ULONG_MAX / 2;

	KUNIT_EXPECT_EQ(test, mhp_score(0, 0, 0), 100U);
	KUNIT_EXPECT_EQ(test, mhp_score(BLOCK, 0, 0), 100U);
	KUNIT_EXPECT_EQ(test, mhp_score(0, BLOCK, 0), 1U);
	KUNIT_EXPECT_EQ(test, mhp_score(0, 0, 1), 1U);
	KUNIT_EXPECT_EQ(test, mhp_score(BLOCK / 2, BLOCK / 2, 0), 50U);
	KUNIT_EXPECT_LE(test, mhp_score(huge, huge, 0), 51U);
	KUNIT_EXPECT_GE(test, mhp_score(huge, huge, 0), 49U);
}

static void policy_room(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, mhp_room_left(0, 0, 0, 0));
	KUNIT_EXPECT_TRUE(test, mhp_room_left(GIB, 0, GIB - 10, 10));
	KUNIT_EXPECT_FALSE(test, mhp_room_left(GIB, 0, GIB - 10, 11));
	/* Free pages of the memory that goes offline are no room. */
	KUNIT_EXPECT_FALSE(test, mhp_room_left(GIB, 1, GIB - 10, 10));
	KUNIT_EXPECT_FALSE(test, mhp_room_left(1, 2, 1, 0));
	KUNIT_EXPECT_FALSE(test, mhp_room_left(ULONG_MAX, 0, ULONG_MAX, 1));
}

#define MIB_PAGES	(GIB / 1024)

static void policy_memmap_burden(struct kunit *test)
{
	/* A small guest: the kernel keeps a quarter of what it has. */
	KUNIT_EXPECT_FALSE(test, mhp_is_burden(4 * MIB_PAGES, 64 * MIB_PAGES, 240 * MIB_PAGES));
	KUNIT_EXPECT_TRUE(test, mhp_is_burden(4 * MIB_PAGES, 63 * MIB_PAGES, 240 * MIB_PAGES));
	KUNIT_EXPECT_TRUE(test, mhp_is_burden(192 * MIB_PAGES, 200 * MIB_PAGES, 240 * MIB_PAGES));
	/* A large one: half of what is left, and 256 MiB. */
	KUNIT_EXPECT_FALSE(test, mhp_is_burden(GIB, 2 * GIB, 100 * GIB));
	KUNIT_EXPECT_TRUE(test, mhp_is_burden(GIB + 1, 2 * GIB, 100 * GIB));
	KUNIT_EXPECT_TRUE(test, mhp_is_burden(MIB_PAGES, 256 * MIB_PAGES, 100 * GIB));
	KUNIT_EXPECT_TRUE(test, mhp_is_burden(1, 0, 0));
}

static void policy_kernel_can_spare(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, mhp_kernel_can_spare(10, 10 + 4 * MIB_PAGES, 4 * MIB_PAGES));
	KUNIT_EXPECT_FALSE(test, mhp_kernel_can_spare(11, 10 + 4 * MIB_PAGES, 4 * MIB_PAGES));
	KUNIT_EXPECT_FALSE(test, mhp_kernel_can_spare(1, 0, 0));
	KUNIT_EXPECT_TRUE(test, mhp_kernel_can_spare(10, 10 + 64 * MIB_PAGES, 100 * GIB));
	KUNIT_EXPECT_LE(test, 1024UL + 2048, mhp_bookkeeping_pages(1ULL << 40, 1024));
}

static void policy_time_limit(struct kunit *test)
{
	const unsigned long long unit = 16ULL << 30;

	KUNIT_EXPECT_EQ(test, mhp_time_limit(120000, 0), 120000U);
	KUNIT_EXPECT_EQ(test, mhp_time_limit(120000, unit), 120000U);
	KUNIT_EXPECT_EQ(test, mhp_time_limit(120000, 3 * unit / 2), 180000U);
	KUNIT_EXPECT_EQ(test, mhp_time_limit(120000, 32 * unit), 32 * 120000U);
	/* No limit stays no limit, and a limit that is too large does not wrap around. */
	KUNIT_EXPECT_EQ(test, mhp_time_limit(0, 32 * unit), 0U);
	KUNIT_EXPECT_EQ(test, mhp_time_limit(UINT_MAX, unit), UINT_MAX);
	KUNIT_EXPECT_EQ(test, mhp_time_limit(UINT_MAX, 2 * unit), UINT_MAX);
	KUNIT_EXPECT_EQ(test, mhp_time_limit(1, ULLONG_MAX), (unsigned int)(ULLONG_MAX / unit));
}

/* The sums over all shares before @share, one by one. */
static void policy_check_others(struct kunit *test, const struct mhp_share *share)
{
	unsigned long others = 0, normal = 0;
	const struct mhp_share *before;

	for (before = share->prev; before; before = before->prev) {
		if (before->nid != share->nid)
			continue;
		others += before->pages;
		normal += before->normal ? before->pages : 0;
	}
	KUNIT_EXPECT_EQ(test, share->others, others);
	KUNIT_EXPECT_EQ(test, share->others_normal, normal);
}

static void policy_shares_add_up(struct kunit *test)
{
	static struct mhp_share shares[200];
	u32 random = 0x6d6870;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(shares); i++) {
		shares[i] = (struct mhp_share){
			.prev = i ? shares + i - 1 : NULL,
			.nid = mhp_kunit_random(&random) % 4,
			.normal = mhp_kunit_random(&random) % 2,
			.pages = mhp_kunit_random(&random) % GIB,
		};
		mhp_share_count_others(shares + i);
		policy_check_others(test, shares + i);
	}
}

/* Otherwise a request of thousands of runs would take millions of steps. */
static void policy_shares_are_not_counted_again(struct kunit *test)
{
	struct mhp_share first = { .nid = 1, .pages = 1 };
	struct mhp_share between = { .prev = &first, .nid = 2, .pages = 10 };
	struct mhp_share last = { .prev = &between, .nid = 1, .pages = 100 };

	/* A step too far would be endless. */
	first.prev = &between;
	first.others = 1000;
	mhp_share_count_others(&last);
	KUNIT_EXPECT_EQ(test, last.others, 1001UL);
	KUNIT_EXPECT_EQ(test, last.others_normal, 0UL);
}

static struct kunit_case policy_cases[] = {
	KUNIT_CASE(policy_contig_stays_with_the_one_zone),
	KUNIT_CASE(policy_contig_next_to_is_outside),
	KUNIT_CASE(policy_required_kernel_pages),
	KUNIT_CASE(policy_auto_ratio),
	KUNIT_CASE(policy_auto_node_counts_too),
	KUNIT_CASE(policy_auto_group),
	KUNIT_CASE(policy_auto_own_kernel_is_own),
	KUNIT_CASE(policy_auto_never_splits_a_dimm),
	KUNIT_CASE(policy_auto_one_request_splits_no_dimm),
	KUNIT_CASE(policy_auto_keeps_the_ratio_in_a_device),
	KUNIT_CASE(policy_auto_is_monotonic),
	KUNIT_CASE(policy_ratio),
	KUNIT_CASE(policy_score_is_ordered),
	KUNIT_CASE(policy_score_of_extremes),
	KUNIT_CASE(policy_room),
	KUNIT_CASE(policy_memmap_burden),
	KUNIT_CASE(policy_kernel_can_spare),
	KUNIT_CASE(policy_time_limit),
	KUNIT_CASE(policy_shares_add_up),
	KUNIT_CASE(policy_shares_are_not_counted_again),
	{}
};

static struct kunit_suite policy_suite = {
	.name = "mhp_policy",
	.test_cases = policy_cases,
};

kunit_test_suite(policy_suite);
