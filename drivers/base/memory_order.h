/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What users write to /dev/memory_hotplug, and where they are asked yes or no: words
 * become numbers, or -EINVAL. Whether the memory exists is for others to say.
 */
#ifndef _DRIVERS_BASE_MEMORY_ORDER_H
#define _DRIVERS_BASE_MEMORY_ORDER_H

#include <linux/array_size.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include <linux/types.h>

/* The verbs that change memory come first, in the order of enum mmop. */
enum memory_verb {
	MEMORY_VERB_OFFLINE,
	MEMORY_VERB_ONLINE,
	MEMORY_VERB_ONLINE_KERNEL,
	MEMORY_VERB_ONLINE_MOVABLE,
	MEMORY_VERB_QUERY,
	MEMORY_VERB_WHY,
	MEMORY_VERB_CANCEL,
};

/**
 * struct memory_place - memory that a user named: the blocks of a group, or a range
 * @is_group: @group names it, else @start and @last
 * @group: the number of the group
 * @start: physical address of the first byte
 * @last: physical address of the last byte
 */
struct memory_place {
	bool is_group;
	unsigned int group;
	u64 start, last;
};

/**
 * struct memory_order - one request of a user
 * @verb: what is to be done
 * @places: what it is about, for memory_order_next_place(): a part of the text that was
 *	parsed; NULL where @size says how much
 * @nr_places: how many places that is
 * @size: bytes, of any blocks that fit; 0: @places tells
 * @node: with @size: only of this node; -1: of any
 * @zone: with @size: only of zones with this name; "": of any
 * @best_effort: do what can be done; else all or nothing
 * @timed: @timeout_ms was given
 * @timeout_ms: how long it may take, 0: no limit
 */
struct memory_order {
	enum memory_verb verb;
	const char *places;
	unsigned int nr_places;
	u64 size;
	int node;
	char zone[16];
	bool best_effort;
	bool timed;
	unsigned int timeout_ms;
};

int memory_parse_bool(const char *text, bool *value);
int memory_parse_order(const char *text, u64 block_bytes, struct memory_order *order);
bool memory_order_next_place(const char **places, u64 block_bytes, struct memory_place *place);
const char *memory_verb_name(enum memory_verb verb);

#endif /* _DRIVERS_BASE_MEMORY_ORDER_H */
