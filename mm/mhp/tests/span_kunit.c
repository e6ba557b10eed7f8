// SPDX-License-Identifier: GPL-2.0
/*
 * Spans, compared with a model that has a flag for each page, and searches for
 * the first and the last: after every change the span must be the same.
 */
#include "mhp_kunit.h"

#include "../span.c"

#define MODEL_STEP	8UL
#define MODEL_STEPS	48UL
#define MODEL_PAGES	(MODEL_STEP * MODEL_STEPS)

struct model {
	struct kunit *test;
	bool owned[MODEL_PAGES];
	struct mhp_range span, gone;
};

/* Must be called only for steps of the span, and never for pages that were lost. */
static bool model_owned(unsigned long pfn, void *arg)
{
	struct model *model = arg;
	const struct mhp_range page = { pfn, 1 };

	KUNIT_EXPECT_TRUE(model->test, mhp_range_contains(&model->span, &page));
	KUNIT_EXPECT_FALSE(model->test,
			   mhp_range_overlaps(&model->gone, &page));
	return pfn < MODEL_PAGES && model->owned[pfn];
}

static void model_set(struct model *model, const struct mhp_range *range,
		      bool owned)
{
	unsigned long i;

	for (i = 0; i < range->nr_pages; i++)
		model->owned[range->start_pfn + i] = owned;
}

static void model_grow(struct model *model, const struct mhp_range *added)
{
	model_set(model, added, true);
	mhp_span_grow(&model->span, added);
}

static void model_shrink(struct model *model, const struct mhp_range *gone)
{
	struct mhp_range span = model->span;

	model_set(model, gone, false);
	model->gone = *gone;
	mhp_span_shrink(&span, gone, MODEL_STEP, model_owned, model);
	model->span = span;
}

static void model_check(struct model *model)
{
	struct mhp_range want = {};
	unsigned long pfn;

	for (pfn = 0; pfn < MODEL_PAGES; pfn++) {
		if (!model->owned[pfn])
			continue;
		if (mhp_range_empty(&want))
			want.start_pfn = pfn;
		want.nr_pages = pfn + 1 - want.start_pfn;
	}
	KUNIT_EXPECT_EQ(model->test, model->span.start_pfn, want.start_pfn);
	KUNIT_EXPECT_EQ(model->test, model->span.nr_pages, want.nr_pages);
}

/* Each three bytes are a change: the operation, its position and its size. */
static void model_play(struct model *model, const u8 *bytes, size_t nr_bytes)
{
	for (; nr_bytes >= 3; bytes += 3, nr_bytes -= 3) {
		unsigned long first = bytes[1] % MODEL_STEPS;
		unsigned long steps = bytes[2] % (MODEL_STEPS - first + 1);
		const struct mhp_range range = {
			.start_pfn = first * MODEL_STEP,
			.nr_pages = steps * MODEL_STEP,
		};

		if (bytes[0] & 1)
			model_grow(model, &range);
		else
			model_shrink(model, &range);
		model_check(model);
	}
}

static void span_follows_any_sequence(struct kunit *test)
{
	struct model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	u32 random = 0x6d6870;
	unsigned int i, j;
	u8 change[3];

	KUNIT_ASSERT_NOT_NULL(test, model);
	model->test = test;
	for (i = 0; i < 20000; i++) {
		for (j = 0; j < sizeof(change); j++)
			change[j] = mhp_kunit_random(&random) >> 16;
		/* Most sizes are small, so that there are holes. */
		if (i % 8)
			change[2] %= 4;
		model_play(model, change, sizeof(change));
	}
}

/* Losing ranges one by one from either end shrinks the span to nothing. */
static void span_shrinks_to_nothing(struct kunit *test)
{
	struct model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	const struct mhp_range all = { 0, MODEL_PAGES };
	unsigned long i;

	KUNIT_ASSERT_NOT_NULL(test, model);
	model->test = test;
	model_grow(model, &all);
	for (i = 0; i < MODEL_STEPS / 2; i++) {
		const struct mhp_range low = { i * MODEL_STEP, MODEL_STEP };
		const struct mhp_range high = {
			MODEL_PAGES - (i + 1) * MODEL_STEP, MODEL_STEP
		};

		model_shrink(model, &low);
		model_check(model);
		model_shrink(model, &high);
		model_check(model);
	}
	KUNIT_EXPECT_TRUE(test, mhp_range_empty(&model->span));
}

/* Boot memory begins and ends within a step, which may be the same one. */
static void span_keeps_part_of_a_step(struct kunit *test)
{
	struct model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	const struct mhp_range boot = { 3, 3 }, high = { 64, 16 };
	const struct mhp_range low = { 0, 8 };

	KUNIT_ASSERT_NOT_NULL(test, model);
	model->test = test;
	model_grow(model, &boot);
	model_grow(model, &high);
	KUNIT_EXPECT_EQ(test, model->span.start_pfn, 3UL);
	KUNIT_EXPECT_EQ(test, mhp_range_end(&model->span), 80UL);

	/* The step that has boot memory stays up to the end of that memory. */
	model_shrink(model, &high);
	KUNIT_EXPECT_EQ(test, model->span.start_pfn, 3UL);
	KUNIT_EXPECT_EQ(test, mhp_range_end(&model->span), 8UL);

	model_shrink(model, &low);
	KUNIT_EXPECT_TRUE(test, mhp_range_empty(&model->span));
}

static bool nobody(unsigned long pfn, void *arg)
{
	return false;
}

/* All steps belong to the owner; must be called with the first page of a step. */
static bool all_steps(unsigned long pfn, void *arg)
{
	return pfn % MODEL_STEP == 0;
}

static void shrink_one(struct kunit *test, const char *what,
		       struct mhp_range span, const struct mhp_range *gone,
		       mhp_span_owned_t owned, const struct mhp_range *want)
{
	mhp_span_shrink(&span, gone, MODEL_STEP, owned, NULL);
	KUNIT_EXPECT_EQ_MSG(test, span.start_pfn, want->start_pfn, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, span.nr_pages, want->nr_pages, "%s", what);
}

/* Including cases that do not occur with correct callers. */
static void span_shrink_cases(struct kunit *test)
{
	static const struct {
		const char *what;
		struct mhp_range span, gone, rest, none;
	} cases[] = {
		/*				       if all is owned, if none */
		{ "start",	{ 16, 32 }, { 16, 8 }, { 24, 24 }, {} },
		{ "end",	{ 16, 32 }, { 40, 8 }, { 16, 24 }, {} },
		{ "middle",	{ 16, 32 }, { 24, 8 }, { 16, 32 }, { 16, 32 } },
		{ "all",	{ 16, 32 }, { 16, 32 }, {}, {} },
		{ "more",	{ 16, 32 }, { 8, 48 }, {}, {} },
		{ "start, more", { 16, 32 }, { 0, 24 }, { 24, 24 }, {} },
		{ "end, more",	{ 16, 32 }, { 40, 80 }, { 16, 24 }, {} },
		{ "below",	{ 16, 32 }, { 8, 8 }, { 16, 32 }, { 16, 32 } },
		{ "above",	{ 16, 32 }, { 48, 8 }, { 16, 32 }, { 16, 32 } },
		{ "nothing",	{ 16, 32 }, { 16, 0 }, { 16, 32 }, { 16, 32 } },
		{ "of nothing",	{}, { 16, 8 }, {}, {} },
		{ "zero",	{ 0, 16 }, { 0, 8 }, { 8, 8 }, {} },
		{ "odd start",	{ 3, 29 }, { 3, 2 }, { 8, 24 }, {} },
		{ "odd end",	{ 3, 29 }, { 30, 2 }, { 3, 27 }, {} },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		shrink_one(test, cases[i].what, cases[i].span, &cases[i].gone,
			   all_steps, &cases[i].rest);
		shrink_one(test, cases[i].what, cases[i].span, &cases[i].gone,
			   nobody, &cases[i].none);
	}
}

static void span_grow_is_the_union(struct kunit *test)
{
	struct mhp_range a = {}, b = {}, want, span;
	unsigned long end;

	do {
		want = mhp_range_empty(&a) ? b : a;
		if (!mhp_range_empty(&a) && !mhp_range_empty(&b)) {
			end = max(mhp_range_end(&a), mhp_range_end(&b));
			want.start_pfn = min(a.start_pfn, b.start_pfn);
			want.nr_pages = end - want.start_pfn;
		}
		span = a;
		mhp_span_grow(&span, &b);
		KUNIT_EXPECT_EQ(test, span.nr_pages, want.nr_pages);
		if (!mhp_range_empty(&want))
			KUNIT_EXPECT_EQ(test, span.start_pfn, want.start_pfn);
	} while (mhp_kunit_next(&a, 6UL) || mhp_kunit_next(&b, 6UL));
}

static struct kunit_case span_cases[] = {
	KUNIT_CASE(span_grow_is_the_union),
	KUNIT_CASE(span_shrink_cases),
	KUNIT_CASE(span_keeps_part_of_a_step),
	KUNIT_CASE(span_shrinks_to_nothing),
	KUNIT_CASE(span_follows_any_sequence),
	{}
};

static struct kunit_suite span_suite = {
	.name = "mhp_span",
	.test_cases = span_cases,
};

kunit_test_suite(span_suite);
