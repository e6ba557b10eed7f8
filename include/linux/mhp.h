/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interface between the layers of memory hotplug: drivers/base/, which knows memory blocks,
 * calls mm/memory_hotplug.c, which knows pages, zones and nodes.
 *
 *	mhp_add()	ABSENT to OFFLINE	mhp_online()	OFFLINE to ONLINE
 *	mhp_remove()	OFFLINE to ABSENT	mhp_offline()	ONLINE to OFFLINE
 *					mhp_lose()	ONLINE to OFFLINE, without asking
 *
 * drivers/base/ passes *pieces* of memory by value, and callbacks for the few things that only
 * drivers/base/ can do. mm/ never calls drivers/base/ directly, and never sees a memory block.
 * All other code uses <linux/memory_hotplug.h> and <linux/memory.h>, and of this file only
 * mhp_wait_awake(), mhp_driver_limit(), and struct mhp_policy, mhp_progress and memory_group.
 */
#ifndef _LINUX_MHP_H
#define _LINUX_MHP_H

#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/memory_hotplug.h>
#include <linux/mhp_reason.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct memory_group_dir;
struct mhp_record;

/**
 * struct memory_group - the memory of one device
 * @memory_blocks: list of the blocks that are present; used by drivers/base/
 * @nid: the node of all blocks
 * @mgid: the ID of the group
 * @owner: name of the driver that added the memory; "" if it was not set
 * @dir: directory in sysfs; NULL if there was no memory for it; used by drivers/base/
 * @rcu: for freeing the group
 * @dynamic_groups: entry in the list of dynamic groups; used by mm/
 * @is_dynamic: the device grows and shrinks in units
 * @present_movable_pages: number of pages that are online in ZONE_MOVABLE; used by mm/
 * @present_kernel_pages: number of pages that are online in kernel zones; used by mm/
 * @s: members of static groups
 * @s.max_pages: number of pages of the whole device
 * @d: members of dynamic groups
 * @d.unit_pages: number of pages of a unit, whose blocks belong in one zone
 *
 * Protected by device_hotplug_lock. Readers can also use RCU.
 */
struct memory_group {
	struct list_head memory_blocks;
	int nid, mgid;
	char owner[24];
	struct memory_group_dir *dir;
	struct rcu_head rcu;
	struct list_head dynamic_groups;
	bool is_dynamic;
	unsigned long present_movable_pages;
	unsigned long present_kernel_pages;
	union {
		struct {
			unsigned long max_pages;
		} s;
		struct {
			unsigned long unit_pages;
		} d;
	};
};

/* The signals that end an offline. */
enum mhp_signals {
	/* Any pending signal: for writers of sysfs files. */
	MHP_SIGNALS_ANY,
	/* Only fatal signals. */
	MHP_SIGNALS_FATAL,
	/* No signals: for kernel threads, and drivers that cannot keep the memory. */
	MHP_SIGNALS_NONE,
};

/**
 * struct mhp_progress - the progress of an offline
 * @begin: the beginning of the request, in jiffies
 * @pages: number of pages of the request
 * @left: number of pages in use after the last pass; 0 before the first pass
 * @moved: number of pages that have been moved
 * @failed: number of failed attempts to move a page
 * @passes: number of passes over the request, or over parts of it
 * @cancel: the offline has to end
 *
 * Written by the request only, except @cancel, which any task may set. Readers need no lock, as
 * each member is a single value.
 */
struct mhp_progress {
	unsigned long begin;
	unsigned long pages;
	unsigned long left;
	unsigned long moved;
	unsigned long failed;
	unsigned int passes;
	bool cancel;
};

/**
 * struct mhp_policy - how long an offline may take, and what interrupts it
 * @timeout_ms: time limit in milliseconds for up to 16 GiB, more for more; 0: no limit
 * @strict: @timeout_ms does not grow with the amount of memory to move
 * @signals: the signals that end the offline
 * @claimed: the caller has claimed the blocks with memory_ranges_claim()
 * @removes: the caller removes the memory afterwards
 * @progress: updated by the offline, zero on entry; NULL if the caller does not need it
 */
struct mhp_policy {
	unsigned int timeout_ms;
	bool strict;
	enum mhp_signals signals;
	bool claimed;
	bool removes;
	struct mhp_progress *progress;
};

/* The kinds of requests, for counters and reports. */
enum mhp_verb {
	MHP_VERB_ADD,
	MHP_VERB_ONLINE,
	MHP_VERB_OFFLINE,
	MHP_VERB_REMOVE,
	/* No request: the memory disappeared. */
	MHP_VERB_LOSE,
	MHP_NR_VERBS
};

/**
 * struct mhp_piece - the memory of one block, as mm sees it
 * @start_pfn: first page frame
 * @nr_pages: number of page frames
 * @nid: the node; NUMA_NO_NODE if the pages belong to several
 * @type: online: the kind of zone that is wanted
 * @zone: online: set to the zone that was chosen; offline: the zone of all pages, or NULL if
 *	there are several
 * @group: the memory group, or NULL
 * @altmap: the altmap of a block that holds its own memmap, or NULL
 */
struct mhp_piece {
	unsigned long start_pfn;
	unsigned long nr_pages;
	int nid;
	enum mmop type;
	struct zone *zone;
	struct memory_group *group;
	struct vmem_altmap *altmap;
};

/**
 * struct mhp_change - a request for the upper ladder: online, offline, lose
 * @pieces: the memory, ascending
 * @nr_pieces: number of pieces, at least one
 * @policy: offline: how long it may take, and what interrupts it
 * @progress: offline: updated by the request
 * @yield: offline: drops the locks of the caller while pages are moved; NULL to keep them
 * @resume: offline: takes the locks of the caller again; NULL if @yield is NULL
 * @result: the result, %MHP_RESULT_OK on entry
 * @record: set to the record of a failure for mhp_record_set(), which the caller drops with
 *	mhp_record_put(); NULL if the request succeeded
 *
 * Callers embed this structure in their own, so that @yield and @resume can use that.
 */
struct mhp_change {
	struct mhp_piece *pieces;
	unsigned int nr_pieces;
	const struct mhp_policy *policy;
	struct mhp_progress *progress;
	void (*yield)(struct mhp_change *change);
	void (*resume)(struct mhp_change *change);
	struct mhp_result *result;
	struct mhp_record *record;
};

/**
 * struct mhp_device_ops - functions for the devices of memory and nodes, for the lower ladder
 * @make: creates the devices of offline memory of @group on node @nid, and links them to the
 *	node: either all of them or none. The altmap belongs to mm
 * @remove: removes the devices of a range; cannot fail
 * @node_up: creates the device of a node; returns 0 or an error
 * @node_down: removes the device of a node
 *
 * Addresses and sizes are in bytes, and multiples of the block size. Called with
 * mem_hotplug_lock held for write.
 */
struct mhp_device_ops {
	int (*make)(u64 start, u64 size, int nid, struct vmem_altmap *altmap,
		    struct memory_group *group);
	void (*remove)(u64 start, u64 size);
	int (*node_up)(int nid);
	void (*node_down)(int nid);
};

/**
 * struct mhp_extent - a request for the lower ladder: add, remove
 * @start: physical address, a multiple of the block size
 * @size: in bytes, a multiple of the block size
 * @nid: the node
 * @group: the memory group of the blocks, or NULL
 * @flags: add: MHP_* flags; MHP_NID_IS_MGID and MHP_STAY_OFFLINE are for the caller only
 * @res: add: a resource that the caller has claimed; NULL: the request claims one
 * @res_name: add: the name of the resource that the request claims
 * @driver_managed: the memory is known to a driver only, not to the firmware
 * @certain: remove: the removal must not fail because of walks, and waits without a deadline
 * @altmaps: remove: altmaps of the blocks that hold their own memmap, ascending; filled by
 *	mhp_extent_add_altmap()
 * @devices: functions that create and remove devices
 * @result: the result, %MHP_RESULT_OK on entry
 * @record: as in &struct mhp_change
 */
struct mhp_extent {
	u64 start, size;
	int nid;
	struct memory_group *group;
	mhp_t flags;
	struct resource *res;
	const char *res_name;
	bool driver_managed;
	bool certain;
	struct list_head altmaps;
	const struct mhp_device_ops *devices;
	struct mhp_result *result;
	struct mhp_record *record;
};

/**
 * struct mhp_census - numbers of pages of a range, by how they would go offline
 * @free: pages that are not in use
 * @movable: pages in use that can be moved
 * @unmovable: pages in use that cannot be moved
 * @pinned: pages that could be moved, but are pinned or have unexpected references
 * @hugetlb: pages of huge pages that can be moved
 * @poisoned: poisoned pages, which are not moved
 * @blocker: the first page that cannot be moved, or else the first pinned page, or %MHP_NO_PFN
 * @kind: the kind of that page, or why the block can never go offline; NULL if there is none
 * @hopeless: there is a page that cannot be moved
 */
struct mhp_census {
	unsigned long free;
	unsigned long movable;
	unsigned long unmovable;
	unsigned long pinned;
	unsigned long hugetlb;
	unsigned long poisoned;
	unsigned long blocker;
	const char *kind;
	bool hopeless;
};

#define MHP_CENSUS_EMPTY	((struct mhp_census){ .blocker = MHP_NO_PFN })

/* The verbs: mm/memory_hotplug.c */
int mhp_add(struct mhp_extent *extent);
int mhp_online(struct mhp_change *change);
#ifdef CONFIG_MEMORY_HOTREMOVE
int mhp_remove(struct mhp_extent *extent);
void mhp_extent_add_altmap(struct mhp_extent *extent, struct vmem_altmap *altmap);
int mhp_offline(struct mhp_change *change);
int mhp_lose(struct mhp_change *change);
#else
static inline int mhp_offline(struct mhp_change *change)
{
	return -EINVAL;
}
#endif

/* Nodes for CPUs: mm/mhp/node.c */
int mhp_node_online(int nid, const struct mhp_device_ops *devices);
void mhp_node_offline(int nid, const struct mhp_device_ops *devices);

/* Results of requests: mm/mhp/report.c */
struct mhp_record *mhp_report_refusal(enum mhp_verb verb, u64 start, u64 size,
				      struct mhp_result *res);
void mhp_record_set(struct mhp_record **slot, struct mhp_record *record);
void mhp_record_put(struct mhp_record *record);
int mhp_record_show(struct mhp_record **slot, char *buf);

/* Queries: mm/mhp/look.c */
#ifdef CONFIG_MEMORY_HOTREMOVE
bool mhp_range_removable(unsigned long start_pfn, unsigned long nr_pages);
bool mhp_range_has_holes(unsigned long start_pfn, unsigned long nr_pages);
bool mhp_range_stays(unsigned long start_pfn, unsigned long nr_pages);
#else
static inline bool mhp_range_removable(unsigned long start_pfn, unsigned long nr_pages)
{
	return false;
}

static inline bool mhp_range_has_holes(unsigned long start_pfn, unsigned long nr_pages)
{
	return true;
}

static inline bool mhp_range_stays(unsigned long start_pfn, unsigned long nr_pages)
{
	return true;
}
#endif
void mhp_take_census(unsigned long start_pfn, unsigned long nr_pages,
		     struct mhp_census *census);
unsigned int mhp_census_score(const struct mhp_census *census);
bool mhp_movable_ratio_line(int nid, char *line, size_t size);

/* Parameters: mm/mhp/params.c */
struct mhp_policy mhp_user_policy(void);
unsigned int mhp_user_limit(u64 bytes);
unsigned int mhp_driver_limit(void);
void mhp_choose_block_size(void);
bool mhp_removable_compat(void);

/* Groups, for the choice of a zone: mm/mhp/choice.c */
void mhp_group_join(struct memory_group *group);
void mhp_group_leave(struct memory_group *group);

/* System sleep: mm/mhp/sleep.c */
void mhp_wait_awake(void);

#endif /* _LINUX_MHP_H */
