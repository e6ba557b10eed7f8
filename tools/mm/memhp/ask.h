/* SPDX-License-Identifier: GPL-2.0 */
/* The contents of blocks, and the results of their last requests. */
#ifndef MEMHP_ASK_H
#define MEMHP_ASK_H

#include "blocks.h"

/* How the last request for a block ended. */
enum ending { NOT_TOLD, NOT_TO_US, WELL, BADLY };

struct counts count_blocks(struct block **list, unsigned int nr);
void count_all_blocks(void);
enum ending ask_why(struct block *b, struct pairs *failure);
enum ending read_last_error(const struct block *b, struct pairs *failure);

#endif /* MEMHP_ASK_H */
