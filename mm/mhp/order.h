/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a user writes to "request", "query" and where yes or no is asked: words become
 * numbers, or -EINVAL.
 * Whether there is such memory is for others to say.
 */
#ifndef _MM_MHP_ORDER_H
#define _MM_MHP_ORDER_H

#include "pure.h"

/* In the order of enum mmop. */
enum mhp_order_verb {
	MHP_ORDER_OFFLINE,
	MHP_ORDER_ONLINE,
	MHP_ORDER_ONLINE_KERNEL,
	MHP_ORDER_ONLINE_MOVABLE,
};

/**
 * struct mhp_order - one request
 * @verb: what is to be done
 * @size: bytes, whose place does not matter; 0: @start and @last tell
 * @start: physical address of the first byte
 * @last: and of the last one
 * @node: with @size: only of this node; -1: of any
 * @zone: with @size: only of zones with this name; "": of any
 * @best_effort: do what can be done; else all or nothing
 * @timed: @timeout_ms was given
 * @timeout_ms: how long it may take, 0: no limit
 */
struct mhp_order {
	enum mhp_order_verb verb;
	u64 size;
	u64 start, last;
	int node;
	char zone[16];
	bool best_effort;
	bool timed;
	unsigned int timeout_ms;
};

int mhp_parse_bool(const char *text, bool *value);
int mhp_parse_range(const char *text, u64 block_bytes, u64 *start, u64 *last);
int mhp_parse_order(const char *text, u64 block_bytes, struct mhp_order *order);

#endif /* _MM_MHP_ORDER_H */
