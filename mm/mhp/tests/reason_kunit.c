// SPDX-License-Identifier: GPL-2.0
/* Names are ABI: programs compare them, and scripts split lines at blanks. */
#include "mhp_kunit.h"

#include "../reason.c"

static void reason_name_is_one_word(struct kunit *test)
{
	unsigned int why;

	for (why = 0; why < MHP_WHY_COUNT; why++) {
		const char *name = mhp_reason_name(why);

		KUNIT_EXPECT_GT_MSG(test, strlen(name), (size_t)0, "%u", why);
		KUNIT_EXPECT_EQ_MSG(test, strlen(name),
				    strspn(name, "abcdefghijklmnopqrstuvwxyz-"),
				    "%s", name);
	}
}

static void reason_names_differ(struct kunit *test)
{
	unsigned int a, b;

	for (a = 0; a < MHP_WHY_COUNT; a++)
		for (b = 0; b < a; b++)
			KUNIT_EXPECT_STRNEQ(test, mhp_reason_name(a),
					    mhp_reason_name(b));
}

static void reason_text_is_a_phrase(struct kunit *test)
{
	unsigned int why;

	for (why = 0; why < MHP_WHY_COUNT; why++) {
		const char *text = mhp_reason_text(why);
		size_t len = strlen(text);

		KUNIT_EXPECT_TRUE_MSG(test, !!strchr(text, ' '), "%s", text);
		KUNIT_EXPECT_TRUE_MSG(test, len && text[len - 1] != '.', "%s",
				      text);
		KUNIT_EXPECT_TRUE_MSG(test, !strchr(text, '\n'), "%s", text);
	}
}

static void reason_survives_any_number(struct kunit *test)
{
	static const unsigned int bad[] = {
		MHP_WHY_COUNT, MHP_WHY_COUNT + 1, INT_MAX, (unsigned int)-1
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_STREQ(test, mhp_reason_name(bad[i]), "unknown");
		KUNIT_EXPECT_STREQ(test, mhp_reason_text(bad[i]),
				   "the reason is unknown");
	}
}

static void reason_first_cause_stays(struct kunit *test)
{
	struct mhp_result res = MHP_RESULT_OK;

	KUNIT_EXPECT_EQ(test, res.err, 0);
	KUNIT_EXPECT_EQ(test, res.why, MHP_WHY_NONE);
	KUNIT_EXPECT_EQ(test, res.pfn, MHP_NO_PFN);

	KUNIT_EXPECT_EQ(test, mhp_refuse(&res, -EBUSY, MHP_WHY_PINNED, 7),
			-EBUSY);
	KUNIT_EXPECT_EQ(test, mhp_refuse(&res, -EIO, MHP_WHY_INTERNAL, 8),
			-EIO);
	KUNIT_EXPECT_EQ(test, res.err, -EBUSY);
	KUNIT_EXPECT_EQ(test, res.why, MHP_WHY_PINNED);
	KUNIT_EXPECT_EQ(test, res.pfn, 7UL);
}

static struct kunit_case reason_cases[] = {
	KUNIT_CASE(reason_name_is_one_word),
	KUNIT_CASE(reason_names_differ),
	KUNIT_CASE(reason_text_is_a_phrase),
	KUNIT_CASE(reason_survives_any_number),
	KUNIT_CASE(reason_first_cause_stays),
	{}
};

static struct kunit_suite reason_suite = {
	.name = "mhp_reason",
	.test_cases = reason_cases,
};

kunit_test_suite(reason_suite);
