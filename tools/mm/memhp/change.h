/* SPDX-License-Identifier: GPL-2.0 */
/* A request to take memory offline or to bring it online, and its progress. */
#ifndef MEMHP_CHANGE_H
#define MEMHP_CHANGE_H

#include "blocks.h"
#include "handle.h"

struct change {
	bool offline;
	const char *word;	/* the word that is written to a block */
	const char *goal;	/* the state that the block then has */
	struct selection range;	/* candidates, in the order in which they are tried */
	unsigned int wanted, done;	/* blocks */
	bool any;		/* for a SIZE: other blocks can be used as well */
	bool cancelled;		/* by a signal */
	bool abandoned;		/* by a second signal: the outcome is not known */
	bool late;		/* the time limit has passed */
	bool has_bar;		/* the terminal shows progress */
	bool told;		/* the user was told why it failed */
	double begin;		/* seconds of now() */
	double limit;		/* seconds, 0: none */
	u64 moved, left;	/* pages, if the kernel reports them */
	char reason[128];	/* of a failure of the whole request, otherwise empty */
};

double now(void);
bool take_reason(char *reason, size_t size, const struct pairs *p);
void note_success(struct change *c, struct block *b);
void note_failure(struct change *c, struct block *b);

/* progress.c */
void draw_progress(struct change *c);
void clear_progress(struct change *c);

/* change_blocks.c: changes one block after the other, by their files in sysfs */
void choose_any_blocks(struct change *c, const char *text);
void change_by_blocks(struct change *c);

/* change_handle.c: changes all blocks with one request to /dev/memory_hotplug */
void change_by_handle(struct change *c, struct handle *h);

#endif /* MEMHP_CHANGE_H */
