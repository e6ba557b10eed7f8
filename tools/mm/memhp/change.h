/* SPDX-License-Identifier: GPL-2.0 */
/* A request to take memory offline or online, and how it is fulfilled. */
#ifndef MEMHP_CHANGE_H
#define MEMHP_CHANGE_H

#include <sys/types.h>

#include "blocks.h"
#include "sysfs.h"

struct change {
	bool offline;
	const char *word;	/* what is written to a block */
	const char *goal;	/* the state that the block then has */
	struct selection range;	/* candidates, in the order in which they are tried */
	unsigned int wanted, done;	/* blocks */
	bool may_skip;		/* a SIZE: any blocks will do, not just these */
	bool cancelled;		/* by a signal */
	bool late;		/* the time is up */
	bool has_bar;		/* the terminal shows progress */
	double begin;		/* seconds of now() */
	double limit;		/* seconds, 0: none */
	double cancel_begin;	/* of the write that goes on */
};

double now(void);
void __printf(1, 2) print_verbose(const char *format, ...);
bool take_reason(struct block *b, const struct pairs *p);
void note_failure(const struct change *c, struct block *b);

/* progress.c */
void draw_progress(struct change *c);
void clear_progress(struct change *c);

/* change_blocks.c: one block after the other, by their files in sysfs */
void hold_signals(void);
pid_t start_write(int fd, const char *text);
int attend_write(struct change *c, pid_t writer, bool may_cancel);
void change_by_blocks(struct change *c);

/* change_request.c: all blocks at once, where the kernel takes such requests */
bool change_by_request(struct change *c);

#endif /* MEMHP_CHANGE_H */
