/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The step runner. A ladder is a table of named steps. A request climbs it from the first step
 * to the last, or descends it from the last to the first, and does each step for each of its
 * runs, or once. When a step fails, the runner goes back and undoes exactly what was done.
 */
#ifndef _MM_MHP_LADDER_H
#define _MM_MHP_LADDER_H

#include "pure.h"
#include "reason.h"

struct mhp_run;

/**
 * struct mhp_request - a request, as the runner sees it
 * @first: the first run
 * @last: the last run
 * @result: the result
 * @unwinding: true while the runner goes back
 *
 * Requests of both ladders embed this structure.
 */
struct mhp_request {
	struct mhp_run *first, *last;
	struct mhp_result *result;
	bool unwinding;
};

/**
 * struct mhp_step - one step of a ladder
 * @name: short, unique in its ladder; appears in traces, results and fault injection
 * @up: does the step for a run; a failure leaves nothing done; NULL if there is nothing to do
 * @down: undoes the step for a run; a failure leaves it done; NULL if there is nothing to undo
 * @once: the step is done once for the whole request, and @run is NULL
 *
 * While the runner goes back, req->unwinding is set and no function may fail.
 */
struct mhp_step {
	const char *name;
	int (*up)(struct mhp_request *req, struct mhp_run *run);
	int (*down)(struct mhp_request *req, struct mhp_run *run);
	bool once;
};

/**
 * struct mhp_ladder - the steps between two states
 * @name: name of the ladder, for traces and fault injection
 * @steps: table of the steps, the lowest first
 * @nr_steps: number of steps
 */
struct mhp_ladder {
	const char *name;
	const struct mhp_step *steps;
	unsigned int nr_steps;
};

enum mhp_direction { MHP_UP, MHP_DOWN };

int mhp_climb(const struct mhp_ladder *ladder, struct mhp_request *req);
int mhp_descend(const struct mhp_ladder *ladder, struct mhp_request *req);

/* The environment of the runner has these functions: the runs before and after a run. */
struct mhp_run *mhp_run_after(const struct mhp_run *run);
struct mhp_run *mhp_run_before(const struct mhp_run *run);

/*
 * The environment also has the hooks around steps: for the kernel, traces and fault injection
 * (fault.c); for the user-space tests, a log and faults. If the first function returns an error,
 * the step fails without being called, for the reason in @why.
 */
int mhp_step_enter(const struct mhp_ladder *ladder, const struct mhp_step *step,
		   enum mhp_direction dir, bool unwinding, enum mhp_reason *why);
void mhp_step_exit(const struct mhp_ladder *ladder, const struct mhp_step *step,
		   enum mhp_direction dir, bool unwinding, int err);

#endif /* _MM_MHP_LADDER_H */
