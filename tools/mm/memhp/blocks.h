/* SPDX-License-Identifier: GPL-2.0 */
/* The memory blocks of the machine, as sysfs shows them, and the blocks that a RANGE names. */
#ifndef MEMHP_BLOCKS_H
#define MEMHP_BLOCKS_H

#include "counts.h"

/* The result of a request for one block. */
enum outcome { UNTOUCHED, CHANGED, FAILED, TAKEN_BACK, STUCK };

struct block {
	unsigned long nr;
	int node;		/* NONE: no node, or several */
	int group;		/* NONE: no group */
	char state[20];
	char zones[64];		/* online: its zone; offline: the zones that it can have */
	bool removable;
	struct counts counts;	/* valid after count_blocks() */
	enum outcome outcome;
	char reason[128];	/* of a failure, otherwise empty */
};

/* All blocks by number. They are valid after find_blocks(). */
extern struct block *blocks;
extern unsigned int nr_blocks;
extern u64 block_size;		/* bytes */
extern u64 page_size;		/* bytes */

void find_blocks(void);
struct block *find_block(unsigned long nr);
bool read_state(struct block *b);

bool block_is(const struct block *b, const char *state);
bool block_is_up(const struct block *b);
bool block_is_movable(const struct block *b);
u64 block_address(const struct block *b);
u64 block_pfn(const struct block *b);
u64 pages_per_block(void);
int compare_blocks(const void *a, const void *b);

/* Some of the blocks. */
struct selection {
	unsigned int nr;
	bool scattered;		/* there are gaps between the blocks */
	struct block **blocks;
};

void select_block(struct selection *s, struct block *b);
struct selection select_range(const char *text);
char *list_blocks(struct block **list, unsigned int nr);
struct counts sum_counts(struct block **run, unsigned int nr);

#endif /* MEMHP_BLOCKS_H */
