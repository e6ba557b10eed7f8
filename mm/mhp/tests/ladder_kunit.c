// SPDX-License-Identifier: GPL-2.0
/*
 * The step runner, with steps and hooks that log their calls:
 *
 *	<  >	the hooks before and after a step
 *	+n -n	step n was called once, up or down
 *	+na -na	step n was called for run a, and so on
 *	!	the step failed; without a step, a fault was injected instead of it
 *	'	the call was made while the runner walked back
 */
#include "mhp_kunit.h"

#include "../ladder.c"

#define NR_STEPS	4
#define MAX_RUNS	3

struct mhp_run {
	struct mhp_run *prev, *next;
	char name;
	unsigned int done;	/* a bit for each step */
};

/* A request with some runs, or with none: then its steps are done once. */
struct fake_request {
	struct mhp_request req;
	struct mhp_result res;
	struct mhp_run runs[MAX_RUNS];
	unsigned int done;
};

struct mhp_run *mhp_run_after(const struct mhp_run *run)
{
	return run->next;
}

struct mhp_run *mhp_run_before(const struct mhp_run *run)
{
	return run->prev;
}

enum fault { FAULT_NONE, FAULT_STEP, FAULT_INJECTED, FAULT_UNWINDING };

/* State that hooks and steps share, as the hooks do not get the request. */
static struct {
	struct kunit *test;
	const struct mhp_ladder *ladder;
	enum fault fault;
	unsigned int at;	/* the step that fails */
	char at_run;		/* and the run it fails for; 0: whichever comes first */
	bool says_why;		/* and records a reason of its own */
	unsigned int now;	/* the step that runs */
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

static bool fake_fails(const struct mhp_request *req, const struct mhp_run *run)
{
	if (req->unwinding)
		return fake.fault == FAULT_UNWINDING;
	if (run && fake.at_run && run->name != fake.at_run)
		return false;
	return fake.at == fake.now && (fake.fault == FAULT_STEP ||
				       fake.fault == FAULT_UNWINDING);
}

/* A step is done once and undone once, for each run. */
static int fake_step(struct mhp_request *req, struct mhp_run *run, bool up)
{
	struct fake_request *fr = (struct fake_request *)req;
	const char call[] = { up ? '+' : '-', '0' + fake.now, run ? run->name : '\0', '\0' };
	unsigned int *done = run ? &run->done : &fr->done;

	KUNIT_EXPECT_EQ(fake.test, !!(*done & BIT(fake.now)), !up);
	fake_log(call);
	if (fake_fails(req, run)) {
		fake_log("!");
		if (fake.says_why)
			mhp_refuse(req->result, -EBUSY, MHP_WHY_PINNED, fake.now);
		return -EBUSY;
	}
	*done ^= BIT(fake.now);
	return 0;
}

static int fake_up(struct mhp_request *req, struct mhp_run *run)
{
	return fake_step(req, run, true);
}

static int fake_down(struct mhp_request *req, struct mhp_run *run)
{
	return fake_step(req, run, false);
}

static const struct mhp_step fake_steps[] = {
	{ "zero", fake_up, fake_down, .once = true },
	{ "one", fake_up, fake_down, .once = true },
	{ "two", fake_up, fake_down, .once = true },
	{ "three", fake_up, fake_down, .once = true },
};

static const struct mhp_ladder fake_ladder = { "fake", fake_steps, NR_STEPS };

/* At the bottom no step is done, at the top all steps are. */
static unsigned int fake_start(enum mhp_direction dir, unsigned int nr_steps)
{
	return dir == MHP_UP ? 0 : BIT(nr_steps) - 1;
}

static void fake_runs(struct fake_request *fr, unsigned int nr, unsigned int done)
{
	unsigned int i;

	memset(fr, 0, sizeof(*fr));
	fr->res = MHP_RESULT_OK;
	fr->req.result = &fr->res;
	fr->done = done;
	for (i = 0; i < nr; i++) {
		fr->runs[i].name = 'a' + i;
		fr->runs[i].done = done;
		fr->runs[i].prev = i ? &fr->runs[i - 1] : NULL;
		fr->runs[i].next = i + 1 < nr ? &fr->runs[i + 1] : NULL;
	}
	if (nr) {
		fr->req.first = &fr->runs[0];
		fr->req.last = &fr->runs[nr - 1];
	}
}

static int fake_walk_runs(struct kunit *test, const struct mhp_ladder *ladder,
			  enum mhp_direction dir, struct fake_request *fr, unsigned int nr)
{
	int err;

	fake.test = test;
	fake.ladder = ladder;
	fake.log[0] = '\0';
	fake_runs(fr, nr, fake_start(dir, ladder->nr_steps));
	err = dir == MHP_UP ? mhp_climb(ladder, &fr->req) : mhp_descend(ladder, &fr->req);
	KUNIT_EXPECT_FALSE(test, fr->req.unwinding);
	return err;
}

static int fake_walk(struct kunit *test, const struct mhp_ladder *ladder,
		     enum mhp_direction dir, struct fake_request *fr)
{
	return fake_walk_runs(test, ladder, dir, fr, 0);
}

static void fake_fault(enum fault fault, unsigned int at)
{
	fake.fault = fault;
	fake.at = at;
	fake.at_run = 0;
	fake.says_why = false;
}

static void walks_through(struct kunit *test, enum mhp_direction dir,
			  const char *log)
{
	struct fake_request op;

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
	struct fake_request op;

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
	struct fake_request op;
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
		{ "both", fake_up, fake_down, .once = true },
		{ "neither", NULL, NULL },
		{ "last", fake_up, fake_down, .once = true },
	};
	static const struct mhp_ladder gaps = { "gaps", steps, 3 };
	struct fake_request op;

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
	struct fake_request op;

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
	struct fake_request op;

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
	struct fake_request op;

	fake_runs(&op, 0, 0);
	mhp_refuse(&op.res, -E2BIG, MHP_WHY_ADDRESS, 9);
	fake_fault(FAULT_STEP, 0);
	fake.test = test;
	fake.ladder = &fake_ladder;
	fake.log[0] = '\0';
	KUNIT_EXPECT_EQ(test, mhp_climb(&fake_ladder, &op.req), -EBUSY);
	KUNIT_EXPECT_EQ(test, op.res.err, -E2BIG);
	KUNIT_EXPECT_EQ(test, op.res.why, MHP_WHY_ADDRESS);
	KUNIT_EXPECT_EQ(test, op.res.pfn, 9UL);
	KUNIT_EXPECT_TRUE(test, !op.res.step);
}

/* Where a step climbs a ladder of its own, the inner step is the one to name. */
static int nested_up(struct mhp_request *req, struct mhp_run *run)
{
	req->result->step = "inner";
	return mhp_refuse(req->result, -EIO, MHP_WHY_DEVICE, 5);
}

static void ladder_keeps_the_innermost_step(struct kunit *test)
{
	static const struct mhp_step steps[] = { { "outer", nested_up, NULL, .once = true } };
	static const struct mhp_ladder nested = { "nested", steps, 1 };
	struct fake_request op;

	fake_fault(FAULT_NONE, 0);
	KUNIT_EXPECT_EQ(test, fake_walk(test, &nested, MHP_UP, &op), -EIO);
	KUNIT_EXPECT_STREQ(test, op.res.step, "inner");
	KUNIT_EXPECT_EQ(test, op.res.why, MHP_WHY_DEVICE);
}

/* Steps for runs, with one in the middle that is done once for all of them. */
static const struct mhp_step run_steps[] = {
	{ "zero", fake_up, fake_down },
	{ "one", fake_up, fake_down, .once = true },
	{ "two", fake_up, fake_down },
};

static const struct mhp_ladder run_ladder = { "runs", run_steps, 3 };

static void ladder_goes_over_runs(struct kunit *test)
{
	struct fake_request op;

	fake_fault(FAULT_NONE, 0);
	KUNIT_EXPECT_EQ(test, fake_walk_runs(test, &run_ladder, MHP_UP, &op, 3), 0);
	KUNIT_EXPECT_STREQ(test, fake.log, "<+0a+0b+0c><+1><+2a+2b+2c>");
	KUNIT_EXPECT_EQ(test, fake_walk_runs(test, &run_ladder, MHP_DOWN, &op, 2), 0);
	KUNIT_EXPECT_STREQ(test, fake.log, "<-2a-2b><-1><-0a-0b>");
	KUNIT_EXPECT_EQ(test, fake_walk_runs(test, &run_ladder, MHP_UP, &op, 1), 0);
	KUNIT_EXPECT_STREQ(test, fake.log, "<+0a><+1><+2a>");
}

/* A step that fails for a run is undone for the runs before it, the last of them first. */
static const struct {
	enum mhp_direction dir;
	unsigned int at;
	char at_run;
	const char *log;
} runs_back[] = {
	{ MHP_UP, 0, 'a', "<+0a!>" },
	{ MHP_UP, 0, 'b', "<+0a+0b!-0a>" },
	{ MHP_UP, 0, 'c', "<+0a+0b+0c!-0b-0a>" },
	{ MHP_UP, 1, 0, "<+0a+0b+0c><+1!><-0c-0b-0a'>" },
	{ MHP_UP, 2, 'a', "<+0a+0b+0c><+1><+2a!><-1'><-0c-0b-0a'>" },
	{ MHP_UP, 2, 'c', "<+0a+0b+0c><+1><+2a+2b+2c!-2b-2a><-1'><-0c-0b-0a'>" },
	{ MHP_DOWN, 2, 'b', "<-2a-2b!+2a>" },
	{ MHP_DOWN, 0, 'b', "<-2a-2b-2c><-1><-0a-0b!+0a><+1'><+2c+2b+2a'>" },
};

static void ladder_walks_back_over_runs(struct kunit *test)
{
	struct fake_request op;
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(runs_back); i++) {
		unsigned int start = fake_start(runs_back[i].dir, run_ladder.nr_steps);

		fake_fault(FAULT_STEP, runs_back[i].at);
		fake.at_run = runs_back[i].at_run;
		KUNIT_EXPECT_EQ(test, -EBUSY, fake_walk_runs(test, &run_ladder,
							     runs_back[i].dir, &op, 3));
		KUNIT_EXPECT_STREQ(test, fake.log, runs_back[i].log);
		KUNIT_EXPECT_EQ(test, op.done, start);
		for (n = 0; n < MAX_RUNS; n++)
			KUNIT_EXPECT_EQ(test, op.runs[n].done, start);
		KUNIT_EXPECT_STREQ(test, op.res.step, run_steps[runs_back[i].at].name);
	}
}

static struct kunit_case ladder_cases[] = {
	KUNIT_CASE(ladder_goes_over_runs),
	KUNIT_CASE(ladder_walks_back_over_runs),
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
