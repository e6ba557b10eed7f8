/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parser for requests that users write to /dev/memory_hotplug, and for booleans in sysfs.
 * It does not check whether the memory exists.
 */
#ifndef _DRIVERS_BASE_MEMORY_ORDER_H
#define _DRIVERS_BASE_MEMORY_ORDER_H

#include <linux/array_size.h>
#include <linux/build_bug.h>
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
 * @is_group: true for the group @group, false for the range from @start to @last
 * @group: the ID of the group
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
 * @verb: what to do
 * @places: the places, for memory_order_next_place(): a part of the text that was parsed; NULL
 *	if @size is given
 * @nr_places: number of places
 * @size: number of bytes, for which the kernel chooses the blocks; 0 if @places is given
 * @node: with @size: the node of the blocks, or -1 for any node
 * @zone: with @size: the name of the zone of the blocks, or "" for any zone
 * @best_effort: change as many of the blocks as possible; otherwise all or none
 * @timed: @timeout_ms was given
 * @timeout_ms: time limit in milliseconds, 0 for no limit
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
