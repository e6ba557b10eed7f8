// SPDX-License-Identifier: GPL-2.0
/*
 * The step runner. It owns the order in which steps are done and undone, and
 * calls the steps and the two hooks of its environment. It takes no lock: the
 * steps run under whatever the caller of a request holds.
 *
 * Invariant: after a walk either every step was done, or the steps that were
 * done have been undone, the last one first, and no other step was called.
 * Up and down are the same walk; only the numbering of the steps differs.
 */
#include "ladder.h"

static const struct mhp_step *mhp_nth_step(const struct mhp_ladder *ladder,
					   enum mhp_direction dir,
					   unsigned int n)
{
	return &ladder->steps[dir == MHP_UP ? n : ladder->nr_steps - 1 - n];
}

static int mhp_step_call(const struct mhp_step *step, enum mhp_direction dir,
			 struct mhp_op *op)
{
	int (*call)(struct mhp_op *op) = dir == MHP_UP ? step->up : step->down;

	return call ? call(op) : 0;
}

static int mhp_step_do(const struct mhp_ladder *ladder,
		       const struct mhp_step *step, enum mhp_direction dir,
		       struct mhp_op *op, struct mhp_result *res)
{
	/* An error from before is not this step's: it keeps its own origin. */
	const bool first = !res->err;
	enum mhp_reason why = MHP_WHY_INJECTED;
	int err;

	err = mhp_step_enter(ladder, step, dir, false, &why);
	if (!err) {
		why = MHP_WHY_INTERNAL;
		err = mhp_step_call(step, dir, op);
	}
	mhp_step_exit(ladder, step, dir, false, err);

	if (err && first) {
		mhp_refuse(res, err, why, MHP_NO_PFN);
		if (!res->step)
			res->step = step->name;
	}
	return err;
}

/* Here nothing may fail, so that there is nothing to do about an error. */
static void mhp_step_undo(const struct mhp_ladder *ladder,
			  const struct mhp_step *step, enum mhp_direction dir,
			  struct mhp_op *op)
{
	enum mhp_reason why;

	mhp_step_enter(ladder, step, dir, true, &why);
	mhp_step_exit(ladder, step, dir, true, mhp_step_call(step, dir, op));
}

static int mhp_walk(const struct mhp_ladder *ladder, enum mhp_direction dir,
		    struct mhp_op *op, struct mhp_result *res, bool *unwinding)
{
	enum mhp_direction back = dir == MHP_UP ? MHP_DOWN : MHP_UP;
	unsigned int done;
	int err = 0;

	for (done = 0; done < ladder->nr_steps; done++) {
		err = mhp_step_do(ladder, mhp_nth_step(ladder, dir, done), dir,
				  op, res);
		if (err)
			break;
	}
	if (!err)
		return 0;

	*unwinding = true;
	while (done--)
		mhp_step_undo(ladder, mhp_nth_step(ladder, dir, done), back,
			      op);
	*unwinding = false;
	return err;
}

/**
 * mhp_climb() - do the steps of a ladder from the lowest to the highest
 * @ladder: the steps
 * @op: handed to each step
 * @res: takes the first failure: what the step recorded, else its error code
 *       with %MHP_WHY_INTERNAL; and the name of the step
 * @unwinding: set while the runner walks back, clear afterwards; the steps see
 *             it through @op
 *
 * The hooks of the environment are called around every step, also where going
 * up needs nothing, so that a fault can be injected between any two steps.
 *
 * Context: That of the steps.
 * Return: 0 when every step was done; else what the failing step returned,
 * after the steps below it were undone.
 */
int mhp_climb(const struct mhp_ladder *ladder, struct mhp_op *op,
	      struct mhp_result *res, bool *unwinding)
{
	return mhp_walk(ladder, MHP_UP, op, res, unwinding);
}

/**
 * mhp_descend() - undo the steps of a ladder from the highest to the lowest
 * @ladder: the steps
 * @op: handed to each step
 * @res: takes the first failure, as in mhp_climb()
 * @unwinding: set while the runner walks back up, clear afterwards
 *
 * Context: That of the steps.
 * Return: 0 when every step was undone; else what the failing step returned,
 * after the steps above it were done again.
 */
int mhp_descend(const struct mhp_ladder *ladder, struct mhp_op *op,
		struct mhp_result *res, bool *unwinding)
{
	return mhp_walk(ladder, MHP_DOWN, op, res, unwinding);
}
