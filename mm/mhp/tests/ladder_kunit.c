// SPDX-License-Identifier: GPL-2.0
/*
 * The step runner, with steps and hooks that log their calls:
 *
 *	<  >	the hooks before and after a step
 *	+n -n	step n was called, up or down
 *	!	the step failed; without a step, a fault was injected instead of it
 *	'	the call was made while the runner walked back
 */
#include "mhp_kunit.h"

#include "../ladder.c"

#define NR_STEPS	4

struct mhp_op {
	struct mhp_result res;
	bool unwinding;
	unsigned int done;	/* bitmap of steps */
};

enum fault { FAULT_NONE, FAULT_STEP, FAULT_INJECTED, FAULT_UNWINDING };

/* State that hooks and steps share, as the hooks do not get the op. */
static struct {
	struct kunit *test;
	const struct mhp_ladder *ladder;
	enum fault fault;
	unsigned int at;	/* the step that fails */
	bool says_why;		/* the failing step records a reason */
	unsigned int now;	/* the step that is running */
	char log[128];
} fake;

static void fake_log(const char *what)
{
	size_t len = strlen(fake.log);

	snprintf(fake.log + len, sizeof(fake.log) - len, "%s", what);
}

int mhp_step_enter(const struct mhp_ladder *ladder, const struct mhp_step *step,
		   enum mhp_direction dir, bool unwinding, enum mhp_reason *why)
{
	KUNIT_EXPECT_PTR_EQ(fake.test, ladder, fake.ladder);
	fake.now = step - ladder->steps;
	fake_log("<");
	if (unwinding)
		return fake.fault == FAULT_UNWINDING ? -EIO : 0;
	if (fake.fault != FAULT_INJECTED || fake.at != fake.now)
		return 0;
	fake_log("!");
	return -ENOMEM;
}

void mhp_step_exit(const struct mhp_ladder *ladder, const struct mhp_step *step,
		   enum mhp_direction dir, bool unwinding, int err)
{
	KUNIT_EXPECT_EQ(fake.test, (unsigned int)(step - ladder->steps),
			fake.now);
	fake_log(unwinding ? "'>" : ">");
}

static bool fake_fails(const struct mhp_op *op)
{
	if (op->unwinding)
		return fake.fault == FAULT_UNWINDING;
	return fake.at == fake.now && (fake.fault == FAULT_STEP ||
				       fake.fault == FAULT_UNWINDING);
}

/* Each step must be done once and undone once. */
static int fake_step(struct mhp_op *op, bool up)
{
	const char call[] = { up ? '+' : '-', '0' + fake.now, '\0' };

	KUNIT_EXPECT_EQ(fake.test, !!(op->done & BIT(fake.now)), !up);
	fake_log(call);
	if (fake_fails(op)) {
		fake_log("!");
		if (fake.says_why)
			mhp_refuse(&op->res, -EBUSY, MHP_WHY_PINNED, fake.now);
		return -EBUSY;
	}
	op->done ^= BIT(fake.now);
	return 0;
}

static int fake_up(struct mhp_op *op)
{
	return fake_step(op, true);
}

static int fake_down(struct mhp_op *op)
{
	return fake_step(op, false);
}

static const struct mhp_step fake_steps[] = {
	{ "zero", fake_up, fake_down },
	{ "one", fake_up, fake_down },
	{ "two", fake_up, fake_down },
	{ "three", fake_up, fake_down },
};

static const struct mhp_ladder fake_ladder = { "fake", fake_steps, NR_STEPS };

/* At the bottom no step is done, at the top all steps are. */
static unsigned int fake_start(enum mhp_direction dir, unsigned int nr_steps)
{
	return dir == MHP_UP ? 0 : BIT(nr_steps) - 1;
}

static int fake_walk(struct kunit *test, const struct mhp_ladder *ladder,
		     enum mhp_direction dir, struct mhp_op *op)
{
	int err;

	fake.test = test;
	fake.ladder = ladder;
	fake.log[0] = '\0';
	op->res = MHP_RESULT_OK;
	op->done = fake_start(dir, ladder->nr_steps);
	op->unwinding = false;
	if (dir == MHP_UP)
		err = mhp_climb(ladder, op, &op->res, &op->unwinding);
	else
		err = mhp_descend(ladder, op, &op->res, &op->unwinding);
	KUNIT_EXPECT_FALSE(test, op->unwinding);
	return err;
}

static void fake_fault(enum fault fault, unsigned int at)
{
	fake.fault = fault;
	fake.at = at;
	fake.says_why = false;
}

static void walks_through(struct kunit *test, enum mhp_direction dir,
			  const char *log)
{
	struct mhp_op op;

	fake_fault(FAULT_NONE, 0);
	KUNIT_EXPECT_EQ(test, fake_walk(test, &fake_ladder, dir, &op), 0);
	KUNIT_EXPECT_STREQ(test, fake.log, log);
	KUNIT_EXPECT_EQ(test, op.res.err, 0);
	KUNIT_EXPECT_EQ(test, op.res.why, MHP_WHY_NONE);
	KUNIT_EXPECT_TRUE(test, !op.res.step);
}

static void ladder_climbs(struct kunit *test)
{
	walks_through(test, MHP_UP, "<+0><+1><+2><+3>");
}

static void ladder_descends(struct kunit *test)
{
	walks_through(test, MHP_DOWN, "<-3><-2><-1><-0>");
}

static void ladder_of_no_steps(struct kunit *test)
{
	static const struct mhp_ladder none = { .name = "none" };
	struct mhp_op op;

	fake_fault(FAULT_STEP, 0);
	KUNIT_EXPECT_EQ(test, fake_walk(test, &none, MHP_UP, &op), 0);
	KUNIT_EXPECT_EQ(test, fake_walk(test, &none, MHP_DOWN, &op), 0);
	KUNIT_EXPECT_STREQ(test, fake.log, "");
}

/* Every fault at every step in both directions, and the calls that have to follow. */
static const struct {
	enum mhp_direction dir;
	enum fault fault;
	unsigned int at;
	const char *log;
} walks_back[] = {
	{ MHP_UP, FAULT_STEP, 0, "<+0!>" },
	{ MHP_UP, FAULT_STEP, 1, "<+0><+1!><-0'>" },
	{ MHP_UP, FAULT_STEP, 2, "<+0><+1><+2!><-1'><-0'>" },
	{ MHP_UP, FAULT_STEP, 3, "<+0><+1><+2><+3!><-2'><-1'><-0'>" },

	{ MHP_UP, FAULT_INJECTED, 0, "<!>" },
	{ MHP_UP, FAULT_INJECTED, 1, "<+0><!><-0'>" },
	{ MHP_UP, FAULT_INJECTED, 2, "<+0><+1><!><-1'><-0'>" },
	{ MHP_UP, FAULT_INJECTED, 3, "<+0><+1><+2><!><-2'><-1'><-0'>" },

	{ MHP_DOWN, FAULT_STEP, 3, "<-3!>" },
	{ MHP_DOWN, FAULT_STEP, 2, "<-3><-2!><+3'>" },
	{ MHP_DOWN, FAULT_STEP, 1, "<-3><-2><-1!><+2'><+3'>" },
	{ MHP_DOWN, FAULT_STEP, 0, "<-3><-2><-1><-0!><+1'><+2'><+3'>" },

	{ MHP_DOWN, FAULT_INJECTED, 3, "<!>" },
	{ MHP_DOWN, FAULT_INJECTED, 2, "<-3><!><+3'>" },
	{ MHP_DOWN, FAULT_INJECTED, 1, "<-3><-2><!><+2'><+3'>" },
	{ MHP_DOWN, FAULT_INJECTED, 0, "<-3><-2><-1><!><+1'><+2'><+3'>" },
};

static void ladder_walks_back(struct kunit *test)
{
	enum mhp_reason why;
	struct mhp_op op;
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(walks_back); i++) {
		bool injected = walks_back[i].fault == FAULT_INJECTED;

		err = injected ? -ENOMEM : -EBUSY;
		why = injected ? MHP_WHY_INJECTED : MHP_WHY_INTERNAL;
		fake_fault(walks_back[i].fault, walks_back[i].at);
		KUNIT_EXPECT_EQ(test, err, fake_walk(test, &fake_ladder,
						     walks_back[i].dir, &op));
		KUNIT_EXPECT_STREQ(test, fake.log, walks_back[i].log);
		KUNIT_EXPECT_EQ(test, op.done, fake_start(walks_back[i].dir,
							  NR_STEPS));
		KUNIT_EXPECT_EQ(test, op.res.err, err);
		KUNIT_EXPECT_EQ(test, op.res.why, why);
		KUNIT_EXPECT_EQ(test, op.res.pfn, MHP_NO_PFN);
		KUNIT_EXPECT_STREQ(test, op.res.step,
				   fake_steps[walks_back[i].at].name);
	}
}

/* The hooks are called also for a step that has no function in that direction. */
static void ladder_steps_over_nothing(struct kunit *test)
{
	static const struct mhp_step steps[] = {
		{ "both", fake_up, fake_down },
		{ "neither", NULL, NULL },
		{ "last", fake_up, fake_down },
	};
	static const struct mhp_ladder gaps = { "gaps", steps, 3 };
	struct mhp_op op;

	fake_fault(FAULT_STEP, 2);
	KUNIT_EXPECT_EQ(test, fake_walk(test, &gaps, MHP_UP, &op), -EBUSY);
	KUNIT_EXPECT_STREQ(test, fake.log, "<+0><><+2!><'><-0'>");

	fake_fault(FAULT_STEP, 0);
	KUNIT_EXPECT_EQ(test, fake_walk(test, &gaps, MHP_DOWN, &op), -EBUSY);
	KUNIT_EXPECT_STREQ(test, fake.log, "<-2><><-0!><'><+2'>");

	fake_fault(FAULT_INJECTED, 1);
	KUNIT_EXPECT_EQ(test, fake_walk(test, &gaps, MHP_UP, &op), -ENOMEM);
	KUNIT_EXPECT_STREQ(test, fake.log, "<+0><!><-0'>");
}

static void ladder_walks_back_all_the_way(struct kunit *test)
{
	struct mhp_op op;

	fake_fault(FAULT_UNWINDING, 3);
	KUNIT_EXPECT_EQ(test, fake_walk(test, &fake_ladder, MHP_UP, &op),
			-EBUSY);
	KUNIT_EXPECT_STREQ(test, fake.log,
			   "<+0><+1><+2><+3!><-2!'><-1!'><-0!'>");
	KUNIT_EXPECT_STREQ(test, op.res.step, "three");
	KUNIT_EXPECT_EQ(test, op.res.err, -EBUSY);
}

static void ladder_keeps_the_reason_of_a_step(struct kunit *test)
{
	struct mhp_op op;

	fake_fault(FAULT_STEP, 2);
	fake.says_why = true;
	fake_walk(test, &fake_ladder, MHP_UP, &op);
	KUNIT_EXPECT_EQ(test, op.res.err, -EBUSY);
	KUNIT_EXPECT_EQ(test, op.res.why, MHP_WHY_PINNED);
	KUNIT_EXPECT_EQ(test, op.res.pfn, 2UL);
	KUNIT_EXPECT_STREQ(test, op.res.step, "two");
}

static void ladder_keeps_an_earlier_failure(struct kunit *test)
{
	struct mhp_result res = MHP_RESULT_OK;
	struct mhp_op op = {};

	mhp_refuse(&res, -E2BIG, MHP_WHY_ADDRESS, 9);
	fake_fault(FAULT_STEP, 0);
	fake.test = test;
	fake.ladder = &fake_ladder;
	fake.log[0] = '\0';
	KUNIT_EXPECT_EQ(test, mhp_climb(&fake_ladder, &op, &res, &op.unwinding),
			-EBUSY);
	KUNIT_EXPECT_EQ(test, res.err, -E2BIG);
	KUNIT_EXPECT_EQ(test, res.why, MHP_WHY_ADDRESS);
	KUNIT_EXPECT_EQ(test, res.pfn, 9UL);
	KUNIT_EXPECT_TRUE(test, !res.step);
}

/* If a step climbs a ladder of its own, the result has the name of the inner step. */
static int nested_up(struct mhp_op *op)
{
	op->res.step = "inner";
	return mhp_refuse(&op->res, -EIO, MHP_WHY_DEVICE, 5);
}

static void ladder_keeps_the_innermost_step(struct kunit *test)
{
	static const struct mhp_step steps[] = { { "outer", nested_up, NULL } };
	static const struct mhp_ladder nested = { "nested", steps, 1 };
	struct mhp_op op;

	fake_fault(FAULT_NONE, 0);
	KUNIT_EXPECT_EQ(test, fake_walk(test, &nested, MHP_UP, &op), -EIO);
	KUNIT_EXPECT_STREQ(test, op.res.step, "inner");
	KUNIT_EXPECT_EQ(test, op.res.why, MHP_WHY_DEVICE);
}

static struct kunit_case ladder_cases[] = {
	KUNIT_CASE(ladder_climbs),
	KUNIT_CASE(ladder_descends),
	KUNIT_CASE(ladder_of_no_steps),
	KUNIT_CASE(ladder_walks_back),
	KUNIT_CASE(ladder_steps_over_nothing),
	KUNIT_CASE(ladder_walks_back_all_the_way),
	KUNIT_CASE(ladder_keeps_the_reason_of_a_step),
	KUNIT_CASE(ladder_keeps_an_earlier_failure),
	KUNIT_CASE(ladder_keeps_the_innermost_step),
	{}
};

static struct kunit_suite ladder_suite = {
	.name = "mhp_ladder",
	.test_cases = ladder_cases,
};

kunit_test_suite(ladder_suite);
