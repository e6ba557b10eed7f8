// SPDX-License-Identifier: GPL-2.0
/*
 * The step runner. Owns the order in which steps are done and undone for the runs of a request,
 * and calls the steps and the hooks of its environment. Takes no lock: the steps are called with
 * the locks of the caller.
 *
 * Invariant: when mhp_climb() or mhp_descend() returns, either every step was done for every run,
 * or everything that was done has been undone, in reverse order, and nothing else was called. Both
 * are the same function with another numbering of the steps.
 */
#include "ladder.h"

static enum mhp_direction mhp_opposite(enum mhp_direction dir)
{
	return dir == MHP_UP ? MHP_DOWN : MHP_UP;
}

static const struct mhp_step *mhp_nth_step(const struct mhp_ladder *ladder,
					   enum mhp_direction dir, unsigned int n)
{
	return &ladder->steps[dir == MHP_UP ? n : ladder->nr_steps - 1 - n];
}

static int mhp_step_call(const struct mhp_step *step, enum mhp_direction dir,
			 struct mhp_request *req, struct mhp_run *run)
{
	int (*call)(struct mhp_request *req, struct mhp_run *run) =
		dir == MHP_UP ? step->up : step->down;

	return call ? call(req, run) : 0;
}

/* Undoes a step for @run and the runs before it, which must not fail. */
static void mhp_undo_runs(const struct mhp_step *step, enum mhp_direction back,
			  struct mhp_request *req, struct mhp_run *run)
{
	req->unwinding = true;
	for (; run; run = mhp_run_before(run))
		mhp_step_call(step, back, req, run);
	req->unwinding = false;
}

static int mhp_do_runs(const struct mhp_step *step, enum mhp_direction dir,
		       struct mhp_request *req)
{
	struct mhp_run *run;
	int err;

	if (step->once)
		return mhp_step_call(step, dir, req, NULL);

	for (run = req->first; run; run = mhp_run_after(run)) {
		err = mhp_step_call(step, dir, req, run);
		if (err) {
			mhp_undo_runs(step, mhp_opposite(dir), req, mhp_run_before(run));
			return err;
		}
	}
	return 0;
}

static int mhp_step_do(const struct mhp_ladder *ladder, const struct mhp_step *step,
		       enum mhp_direction dir, struct mhp_request *req)
{
	/* A result that has an error already keeps the step of that error. */
	const bool first = !req->result->err;
	enum mhp_reason why = MHP_WHY_INJECTED;
	int err;

	err = mhp_step_enter(ladder, step, dir, false, &why);
	if (!err) {
		why = MHP_WHY_INTERNAL;
		err = mhp_do_runs(step, dir, req);
	}
	mhp_step_exit(ladder, step, dir, false, err);

	if (err && first) {
		mhp_refuse(req->result, err, why, MHP_NO_PFN);
		if (!req->result->step)
			req->result->step = step->name;
	}
	return err;
}

static void mhp_step_undo(const struct mhp_ladder *ladder, const struct mhp_step *step,
			  enum mhp_direction back, struct mhp_request *req)
{
	enum mhp_reason why;
	int err = 0;

	mhp_step_enter(ladder, step, back, true, &why);
	if (step->once) {
		req->unwinding = true;
		err = mhp_step_call(step, back, req, NULL);
		req->unwinding = false;
	} else {
		mhp_undo_runs(step, back, req, req->last);
	}
	mhp_step_exit(ladder, step, back, true, err);
}

static int mhp_walk(const struct mhp_ladder *ladder, enum mhp_direction dir,
		    struct mhp_request *req)
{
	unsigned int done;
	int err;

	for (done = 0; done < ladder->nr_steps; done++) {
		err = mhp_step_do(ladder, mhp_nth_step(ladder, dir, done), dir, req);
		if (err)
			goto walk_back;
	}
	return 0;

walk_back:
	while (done--)
		mhp_step_undo(ladder, mhp_nth_step(ladder, dir, done), mhp_opposite(dir), req);
	return err;
}

/**
 * mhp_climb() - do the steps of a ladder from the lowest to the highest
 * @ladder: the steps
 * @req: the request, which is passed to each step; req->result is set to the first failure, with
 *	the name of the step, and with %MHP_WHY_INTERNAL if the step did not record a reason
 *
 * A step is done for the runs in ascending order, and undone in descending order. The hooks of
 * the environment are called around every step, even if the step has no function in that
 * direction, so that a fault can be injected between any two steps.
 *
 * Context: Process context. May sleep. The steps require the locks of the caller.
 * Return: 0 if every step was done; otherwise the error of the step that failed, after
 * everything that was done has been undone.
 */
int mhp_climb(const struct mhp_ladder *ladder, struct mhp_request *req)
{
	return mhp_walk(ladder, MHP_UP, req);
}

/**
 * mhp_descend() - undo the steps of a ladder from the highest to the lowest
 * @ladder: the steps
 * @req: as for mhp_climb()
 *
 * Context: As for mhp_climb().
 * Return: 0 if every step was undone; otherwise the error of the step that failed, after
 * everything that was undone has been done again.
 */
int mhp_descend(const struct mhp_ladder *ladder, struct mhp_request *req)
{
	return mhp_walk(ladder, MHP_DOWN, req);
}
