/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The step runner. A ladder is a table of named steps; a request climbs it from
 * the bottom or descends it from the top. When a step fails, the runner walks
 * back over exactly the steps that were done, and nothing else.
 */
#ifndef _MM_MHP_LADDER_H
#define _MM_MHP_LADDER_H

#include "pure.h"
#include "reason.h"

struct mhp_op;

/**
 * struct mhp_step - one rung
 * @name: short, unique in its ladder; appears in traces, results and fault injection
 * @up: does the step, or leaves nothing behind; NULL where going up needs nothing
 * @down: undoes the step, or leaves it done; NULL where going down needs nothing
 *
 * While the runner walks back, op->unwinding is set and neither may fail.
 */
struct mhp_step {
	const char *name;
	int (*up)(struct mhp_op *op);
	int (*down)(struct mhp_op *op);
};

/**
 * struct mhp_ladder - the steps between two states, lowest first
 * @name: of the ladder, for traces and fault injection
 * @steps: the table
 * @nr_steps: how many
 */
struct mhp_ladder {
	const char *name;
	const struct mhp_step *steps;
	unsigned int nr_steps;
};

enum mhp_direction { MHP_UP, MHP_DOWN };

int mhp_climb(const struct mhp_ladder *ladder, struct mhp_op *op,
	      struct mhp_result *res, bool *unwinding);
int mhp_descend(const struct mhp_ladder *ladder, struct mhp_op *op,
		struct mhp_result *res, bool *unwinding);

/*
 * From the environment of the runner: the kernel traces and injects faults here
 * (fault.c), the user-space tests count and fail what they like. A non-zero
 * return of the first fails the step before it is called, for the reason in @why.
 */
int mhp_step_enter(const struct mhp_ladder *ladder, const struct mhp_step *step,
		   enum mhp_direction dir, bool unwinding, enum mhp_reason *why);
void mhp_step_exit(const struct mhp_ladder *ladder, const struct mhp_step *step,
		   enum mhp_direction dir, bool unwinding, int err);

#endif /* _MM_MHP_LADDER_H */
