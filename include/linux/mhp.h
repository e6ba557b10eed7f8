/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory hotplug between its layers: what drivers/base/, which knows memory blocks, asks of
 * mm/memory_hotplug.c, which knows pages, zones and nodes.
 *
 *	mhp_add()	ABSENT to OFFLINE	mhp_online()	OFFLINE to ONLINE
 *	mhp_remove()	OFFLINE to ABSENT	mhp_offline()	ONLINE to OFFLINE
 *					mhp_lose()	ONLINE to OFFLINE, without asking
 *
 * drivers/base/ hands over *pieces* of memory by value, and callbacks for the few things
 * that only it can do. mm/ never calls drivers/base/ by name, and never sees a memory block.
 * Everybody else uses <linux/memory_hotplug.h> and <linux/memory.h>.
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
 * struct memory_group - memory that comes and goes as one device
 * @memory_blocks: the blocks that are present; of drivers/base/
 * @nid: the node of all of them
 * @mgid: the number of the group
 * @owner: the name of the driver that brought the memory, "" where the driver did not say
 * @dir: its directory in sysfs, NULL where there was no memory for that; of drivers/base/
 * @rcu: delays the end of the group until its readers have finished
 * @dynamic_groups: in the list of dynamic groups; of mm/
 * @is_dynamic: the device grows and shrinks in units instead of staying as it is
 * @present_movable_pages: pages online in ZONE_MOVABLE; of mm/
 * @present_kernel_pages: pages online in a kernel zone; of mm/
 * @s: static groups
 * @s.max_pages: pages of the whole device
 * @d: dynamic groups
 * @d.unit_pages: pages of a unit, whose blocks belong in one zone
 *
 * Changed under device_hotplug_lock. Readers may use RCU instead.
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

/* Which signals end an offline. */
enum mhp_signals {
	/* Any signal that is pending: writers of sysfs files rely on it. */
	MHP_SIGNALS_ANY,
	/* Only signals that kill. */
	MHP_SIGNALS_FATAL,
	/* None: kernel threads, and drivers which cannot keep the memory. */
	MHP_SIGNALS_NONE,
};

/**
 * struct mhp_progress - how far an offline has come
 * @begin: when it began, in jiffies
 * @pages: pages of the request
 * @left: pages that are still in use, as the last pass counted them; 0 before the first pass
 * @moved: pages that have moved away
 * @failed: attempts to move a page that failed
 * @passes: passes over the request, or over a part of it
 * @cancel: somebody wants the offline to end
 *
 * Written by the request alone, but for @cancel, which anybody may set. Readers need no lock:
 * each member is a value of its own.
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
 * struct mhp_policy - how long and how hard the caller wants memory to be emptied
 * @timeout_ms: give up after this many milliseconds, or more where a lot has to move; 0: never
 * @strict: @timeout_ms does not grow with the number of pages that have to move
 * @signals: which signals end the offline
 * @claimed: the caller has claimed the blocks by memory_ranges_claim()
 * @removes: the caller removes the memory next
 * @progress: where to count, zero on entry; NULL where the caller does not look
 */
struct mhp_policy {
	unsigned int timeout_ms;
	bool strict;
	enum mhp_signals signals;
	bool claimed;
	bool removes;
	struct mhp_progress *progress;
};

/* What was asked for, where requests are counted and reported. */
enum mhp_verb {
	MHP_VERB_ADD,
	MHP_VERB_ONLINE,
	MHP_VERB_OFFLINE,
	MHP_VERB_REMOVE,
	/* Nobody asked: the hardware took the memory away. */
	MHP_VERB_LOSE,
	MHP_NR_VERBS
};

/**
 * struct mhp_piece - memory of one block, as mm sees it
 * @start_pfn: first page frame
 * @nr_pages: how many
 * @nid: its node; NUMA_NO_NODE where the pages belong to several
 * @type: online: the kind of zone that is wanted
 * @zone: offline: the zone of all its pages, NULL where there are several; online: set to the
 *	zone that was chosen
 * @group: its memory group, or NULL
 * @altmap: where its memmap lies in itself, else NULL
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
 * @nr_pieces: how many, at least one
 * @policy: offline: how long and how hard to try
 * @progress: offline: where to count
 * @yield: offline: the caller lets go of its locks while pages move; NULL: it keeps them
 * @resume: offline: the caller takes its locks again; NULL where @yield is
 * @result: how the request ended; MHP_RESULT_OK on entry
 * @record: set at the end: how it failed, for mhp_record_set(); the caller drops it with
 *	mhp_record_put(). NULL where all is well.
 *
 * Callers embed it: @yield and @resume find what they need around it.
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
 * struct mhp_device_ops - the devices of memory and nodes, for the lower ladder
 * @make: make the devices of offline memory of @group on node @nid, and link them to the
 *	node; the altmap stays with mm. All of them or none.
 * @remove: remove the devices of a range; cannot fail
 * @node_up: make the device of a node; 0 or an error
 * @node_down: remove the device of a node
 *
 * Addresses and sizes in bytes, of whole blocks. Called with mem_hotplug_lock held for write.
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
 * @start: physical address of the first byte, of a block
 * @size: bytes, of whole blocks
 * @nid: the node
 * @group: the memory group of the blocks, or NULL
 * @flags: add: MHP_*; MHP_NID_IS_MGID and MHP_STAY_OFFLINE are for the caller alone
 * @res: add: the caller's claim in /proc/iomem; NULL: the request makes one
 * @res_name: add: the name of the claim, where the request makes it
 * @driver_managed: only a driver knows of the memory, firmware does not
 * @certain: remove: the caller goes on whatever the result, so the request waits for as long
 *	as it has to
 * @altmaps: remove: those of the blocks whose memmap lies in themselves, by
 *	mhp_extent_add_altmap(), ascending
 * @devices: how devices are made and removed
 * @result: how the request ended; MHP_RESULT_OK on entry
 * @record: as in struct mhp_change
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
 * struct mhp_census - what the pages of a range are, for a caller that may want to take it
 *	offline
 * @free: pages not in use
 * @movable: pages in use that can move
 * @unmovable: pages in use that cannot move
 * @pinned: pages that could move, but have references that keep them
 * @hugetlb: pages of huge pages that can move
 * @poisoned: broken pages; they stay behind
 * @blocker: the first page that cannot move, else the first that is pinned, or %MHP_NO_PFN
 * @kind: what that page is, or why the whole block never goes offline; NULL: nothing is in the
 *	way
 * @hopeless: something cannot move
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

/* How requests ended: mm/mhp/report.c */
struct mhp_record *mhp_report_refusal(enum mhp_verb verb, u64 start, u64 size,
				      struct mhp_result *res);
void mhp_record_set(struct mhp_record **slot, struct mhp_record *record);
void mhp_record_put(struct mhp_record *record);
int mhp_record_show(struct mhp_record **slot, char *buf);

/* Looking before asking: mm/mhp/look.c */
#ifdef CONFIG_MEMORY_HOTREMOVE
bool mhp_range_removable(unsigned long start_pfn, unsigned long nr_pages);
bool mhp_range_has_holes(unsigned long start_pfn, unsigned long nr_pages);
#else
static inline bool mhp_range_removable(unsigned long start_pfn, unsigned long nr_pages)
{
	return false;
}

static inline bool mhp_range_has_holes(unsigned long start_pfn, unsigned long nr_pages)
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

/* Groups, as the choice of a zone sees them: mm/mhp/choice.c */
void mhp_group_join(struct memory_group *group);
void mhp_group_leave(struct memory_group *group);

/* System sleep: mm/mhp/sleep.c */
void mhp_wait_awake(void);

#endif /* _LINUX_MHP_H */
