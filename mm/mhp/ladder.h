/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The step runner. A ladder is a table of named steps. A request climbs it from the bottom or
 * descends it from the top, and does each step for each of its runs, or once. When a step
 * fails, the runner walks back over exactly what was done, and nothing else.
 */
#ifndef _MM_MHP_LADDER_H
#define _MM_MHP_LADDER_H

#include "pure.h"
#include "reason.h"

struct mhp_run;

/**
 * struct mhp_request - what the runner needs to know of a request
 * @first: its first run
 * @last: its last run
 * @result: how it ends
 * @unwinding: set while the runner walks back
 *
 * Requests of both ladders embed it.
 */
struct mhp_request {
	struct mhp_run *first, *last;
	struct mhp_result *result;
	bool unwinding;
};

/**
 * struct mhp_step - one rung
 * @name: short, unique in its ladder; appears in traces, results and fault injection
 * @up: does the step for a run, or leaves nothing behind; NULL where going up needs nothing
 * @down: undoes the step for a run, or leaves it done; NULL where going down needs nothing
 * @once: the step is done once for all of the request: @up and @down get no run
 *
 * While the runner walks back, req->unwinding is set and neither may fail.
 */
struct mhp_step {
	const char *name;
	int (*up)(struct mhp_request *req, struct mhp_run *run);
	int (*down)(struct mhp_request *req, struct mhp_run *run);
	bool once;
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

int mhp_climb(const struct mhp_ladder *ladder, struct mhp_request *req);
int mhp_descend(const struct mhp_ladder *ladder, struct mhp_request *req);

/*
 * From the environment of the runner: the neighbours of a run in its request, NULL at either
 * end.
 */
struct mhp_run *mhp_run_after(const struct mhp_run *run);
struct mhp_run *mhp_run_before(const struct mhp_run *run);

/*
 * Also from the environment: the kernel traces and injects faults here (fault.c), the
 * user-space tests count and fail what they like. A non-zero return of the first function
 * fails the step before it is called, for the reason in @why.
 */
int mhp_step_enter(const struct mhp_ladder *ladder, const struct mhp_step *step,
		   enum mhp_direction dir, bool unwinding, enum mhp_reason *why);
void mhp_step_exit(const struct mhp_ladder *ladder, const struct mhp_step *step,
		   enum mhp_direction dir, bool unwinding, int err);

#endif /* _MM_MHP_LADDER_H */
