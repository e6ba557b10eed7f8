// SPDX-License-Identifier: GPL-2.0
/* Decoding: which requests are accepted, and with which reason others are refused. */
#include "mhp_kunit.h"

#include "../request.c"

#define GIB	0x40000000ULL
#define MIB	(GIB / 1024)
#define TIB	(GIB * 1024)
#define BLOCK	(128 * MIB)

static const struct mhp_limits machine = {
	.block_bytes = BLOCK,
	.section_pages = BLOCK >> PAGE_SHIFT,
	.subsection_pages = 2 * MIB >> PAGE_SHIFT,
	.first = BLOCK,
	.last = 64 * TIB - 1,
	.max_bytes = U64_MAX,
	.nr_nodes = 64,
};

/* A refusal must not change the range; no request decodes to this one. */
static const struct mhp_range untouched = { 1, 1 };

static void expect(struct kunit *test, const char *what, enum mhp_reason why,
		   int err, const struct mhp_result *res,
		   const struct mhp_range *got, const struct mhp_range *whole)
{
	const struct mhp_range *want = why ? &untouched : whole;
	int want_err = why ? -EINVAL : 0;

	if (why == MHP_WHY_ADDRESS)
		want_err = -E2BIG;
	KUNIT_EXPECT_EQ_MSG(test, err, want_err, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, res->err, want_err, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, res->why, why, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, got->start_pfn, want->start_pfn, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, got->nr_pages, want->nr_pages, "%s", what);
}

struct add_case {
	const char *what;
	int nid;
	u64 start, size;
	enum mhp_reason why;
	u64 where;		/* the address that is reported, if not @start */
};

static void check_add(struct kunit *test, const struct add_case *c,
		      const struct mhp_limits *lim)
{
	const struct mhp_range whole = {
		PHYS_PFN(c->start), PHYS_PFN(c->size)
	};
	struct mhp_result res = MHP_RESULT_OK;
	struct mhp_range range = untouched;
	unsigned long pfn = MHP_NO_PFN;
	int err;

	err = mhp_decode_add(c->nid, c->start, c->size, lim, &range, &res);
	expect(test, c->what, c->why, err, &res, &range, &whole);
	if (c->why && c->why != MHP_WHY_NODE)
		pfn = PHYS_PFN(c->where ? c->where : c->start);
	KUNIT_EXPECT_EQ_MSG(test, res.pfn, pfn, "%s", c->what);
}

static void request_add(struct kunit *test)
{
	static const struct add_case cases[] = {
		{ "a block", 0, 4 * GIB, BLOCK },
		{ "many blocks on the last node", 63, 4 * GIB, TIB },
		{ "the lowest", 0, BLOCK, BLOCK },
		{ "the highest", 0, 64 * TIB - BLOCK, BLOCK },
		{ "all there is", 0, BLOCK, 64 * TIB - BLOCK },

		{ "no node", -1, 4 * GIB, BLOCK, MHP_WHY_NODE },
		{ "least node", INT_MIN, 4 * GIB, BLOCK, MHP_WHY_NODE },
		{ "node too high", 64, 4 * GIB, BLOCK, MHP_WHY_NODE },
		{ "node first", 64, 1, 0, MHP_WHY_NODE },

		{ "empty", 0, 4 * GIB, 0, MHP_WHY_RANGE },
		{ "unaligned start", 0, 4 * GIB + 4096, BLOCK, MHP_WHY_RANGE },
		{ "unaligned size", 0, 4 * GIB, BLOCK + 4096, MHP_WHY_RANGE },
		{ "half a block", 0, 4 * GIB, BLOCK / 2, MHP_WHY_RANGE },
		{ "one byte off", 0, 4 * GIB + 1, BLOCK, MHP_WHY_RANGE },
		{ "to the very end", 0, -BLOCK, BLOCK, MHP_WHY_RANGE },
		{ "around the end", 0, -BLOCK, 2 * BLOCK, MHP_WHY_RANGE },
		{ "the longest", 0, 4 * GIB, -BLOCK, MHP_WHY_RANGE },
		{ "alignment before address", 0, 65 * TIB, 1, MHP_WHY_RANGE },

		{ "below", 0, 0, BLOCK, MHP_WHY_ADDRESS },
		{ "from below", 0, 0, GIB, MHP_WHY_ADDRESS },
		{ "above", 0, 65 * TIB, BLOCK, MHP_WHY_ADDRESS },
		{ "next above", 0, 64 * TIB, BLOCK, MHP_WHY_ADDRESS },
		{ "out of the top", 0, 64 * TIB - BLOCK, 2 * BLOCK,
		  MHP_WHY_ADDRESS, 64 * TIB },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		check_add(test, &cases[i], &machine);
}

static void request_add_up_to_mem(struct kunit *test)
{
	static const struct add_case cases[] = {
		{ "up to mem=", 0, 7 * GIB, GIB },
		{ "beyond mem=", 0, 8 * GIB, BLOCK, MHP_WHY_ADDRESS },
		{ "out of mem=", 0, 8 * GIB - BLOCK, 2 * BLOCK,
		  MHP_WHY_ADDRESS, 8 * GIB },
		{ "far beyond mem=", 0, 65 * TIB, BLOCK, MHP_WHY_ADDRESS },
	};
	struct mhp_limits lim = machine;
	unsigned int i;

	lim.max_bytes = 8 * GIB;
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		check_add(test, &cases[i], &lim);
}

static void request_blocks(struct kunit *test)
{
	static const struct {
		const char *what;
		u64 start, size;
		enum mhp_reason why;
	} cases[] = {
		{ "a block", 4 * GIB, BLOCK },
		{ "at zero", 0, BLOCK },
		{ "beyond what can be plugged", 65 * TIB, GIB },
		{ "empty", 4 * GIB, 0, MHP_WHY_RANGE },
		{ "unaligned start", BLOCK / 2, BLOCK, MHP_WHY_RANGE },
		{ "unaligned size", 4 * GIB, 3 * BLOCK / 2, MHP_WHY_RANGE },
		{ "around the end", -BLOCK, 2 * BLOCK, MHP_WHY_RANGE },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct mhp_range whole = {
			PHYS_PFN(cases[i].start), PHYS_PFN(cases[i].size)
		};
		struct mhp_result res = MHP_RESULT_OK;
		struct mhp_range range = untouched;
		int err;

		err = mhp_decode_blocks(cases[i].start, cases[i].size, &machine,
					&range, &res);
		expect(test, cases[i].what, cases[i].why, err, &res, &range,
		       &whole);
	}
}

static void request_pages(struct kunit *test)
{
	const unsigned long sub = machine.subsection_pages;
	const unsigned long section = machine.section_pages;
	const unsigned long top = PHYS_PFN(64 * TIB);
	const struct {
		const char *what;
		unsigned long start, nr;
		bool by_subsection;
		enum mhp_reason why;
	} cases[] = {
		{ "subsection", 3 * sub, sub, true },
		{ "below what can be plugged", 0, sub, true },
		{ "the highest", top - sub, sub, true },
		{ "section", section, 2 * section, false },
		{ "part of a section", section, sub, false, MHP_WHY_RANGE },
		{ "within a section", sub, section, false, MHP_WHY_RANGE },
		{ "empty", sub, 0, true, MHP_WHY_RANGE },
		{ "unaligned", sub + 1, sub, true, MHP_WHY_RANGE },
		{ "odd", sub, sub + 1, true, MHP_WHY_RANGE },
		{ "around the end", -sub, 2 * sub, true, MHP_WHY_RANGE },
		{ "above", top, sub, true, MHP_WHY_ADDRESS },
		{ "out of the top", top - sub, 2 * sub, true, MHP_WHY_ADDRESS },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct mhp_range pages = { cases[i].start, cases[i].nr };
		struct mhp_result res = MHP_RESULT_OK;
		struct mhp_range range = untouched;
		int err;

		err = mhp_decode_pages(cases[i].start, cases[i].nr,
				       cases[i].by_subsection, &machine, &range,
				       &res);
		expect(test, cases[i].what, cases[i].why, err, &res, &range,
		       &pages);
		if (cases[i].why == MHP_WHY_ADDRESS)
			KUNIT_EXPECT_EQ(test, res.pfn, top);
	}
}

static void request_keeps_the_first_cause(struct kunit *test)
{
	struct mhp_result res = MHP_RESULT_OK;
	struct mhp_range range;

	mhp_decode_add(-1, BLOCK, BLOCK, &machine, &range, &res);
	KUNIT_EXPECT_EQ(test, -E2BIG,
			mhp_decode_add(0, 0, BLOCK, &machine, &range, &res));
	KUNIT_EXPECT_EQ(test, res.err, -EINVAL);
	KUNIT_EXPECT_EQ(test, res.why, MHP_WHY_NODE);
}

/*
 * The same check as the documentation describes it, with numbers of blocks
 * instead of bytes, so that nothing overflows.
 */
static bool model_adds(int nid, u64 start, u64 size,
		       const struct mhp_limits *lim)
{
	u64 block = lim->block_bytes, end = start / block + size / block;
	u64 pluggable = lim->last / block;

	if (lim->last % block == block - 1)
		pluggable++;
	return nid >= 0 && nid < lim->nr_nodes &&
	       size && start % block == 0 && size % block == 0 &&
	       end <= lim->max_bytes / block &&
	       start >= lim->first && end <= pluggable;
}

static void model_compare(struct kunit *test, int nid, u64 start, u64 size,
			  const struct mhp_limits *lim)
{
	struct mhp_result res = MHP_RESULT_OK;
	struct mhp_range range = untouched;
	bool adds = model_adds(nid, start, size, lim);
	int err;

	err = mhp_decode_add(nid, start, size, lim, &range, &res);
	KUNIT_EXPECT_EQ_MSG(test, !err, adds, "node %d, %#llx+%#llx", nid,
			    start, size);
	KUNIT_EXPECT_EQ(test, res.err, err);
	if (err)
		return;
	KUNIT_EXPECT_EQ(test, mhp_range_phys(&range), start);
	KUNIT_EXPECT_EQ(test, mhp_range_bytes(&range), size);
}

/* Values next to each limit, and random values. */
static void request_add_like_the_model(struct kunit *test)
{
	u64 edges[] = {
		0, machine.first, 8 * GIB, machine.last + 1, 1ULL << 63
	};
	struct mhp_limits lim = machine;
	u32 random = 0x6d6870;
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		u32 r = mhp_kunit_random(&random);
		u64 start = edges[r % ARRAY_SIZE(edges)];
		u64 size = BLOCK * (r >> 8 & 7);

		start += BLOCK * (r >> 12 & 3) - BLOCK * (r >> 14 & 3);
		if (!(r >> 16 & 15))
			start += 1ULL << (r >> 20 & 31);
		if (!(r >> 16 & 7))
			size += 1ULL << (r >> 20 & 63);
		lim.max_bytes = r >> 19 & 1 ? 8 * GIB : U64_MAX;
		model_compare(test, (int)(r >> 26) - 4, start, size, &lim);
	}
}

static struct kunit_case request_cases[] = {
	KUNIT_CASE(request_blocks),
	KUNIT_CASE(request_add),
	KUNIT_CASE(request_add_up_to_mem),
	KUNIT_CASE(request_pages),
	KUNIT_CASE(request_keeps_the_first_cause),
	KUNIT_CASE(request_add_like_the_model),
	{}
};

static struct kunit_suite request_suite = {
	.name = "mhp_request",
	.test_cases = request_cases,
};

kunit_test_suite(request_suite);
