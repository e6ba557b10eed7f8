/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Internals of memory hotplug. mm/memory_hotplug.c has the terms, the requests and their steps. The
 * files of this directory are the mechanisms that it calls, and call nothing above themselves.
 *
 *	range.h request.c span.c policy.c ladder.c reason.c	pure: see pure.h
 *	params.c	parameters, addresses at which memory can be added, the block size
 *	runs.c		combines the pieces of a request into runs
 *	choice.c	chooses the zone in which memory comes online
 *	section.c	sections: their memmap and their online flags
 *	walk.c		walks over struct pages, for which offline and remove wait
 *	zone.c		spans and counters of zones and nodes, struct pages of a range
 *	memmap.c	memmap that lies in the memory it describes
 *	callbacks.c	callbacks of drivers for pages that come online
 *	isolate.c	gives pages to the page allocator, and isolates them
 *	evacuate.c	moves all pages in use out of an isolated run
 *	shift.c		moves the common kind of page in groups
 *	writeout.c	writes out dirty pages that cannot be migrated dirty
 *	movable.c	classifies pages: movable, unmovable, pinned ...
 *	look.c		queries about ranges
 *	room.c		room for the pages that requests have to move
 *	report.c	results of requests: records, counters
 *	balance.c	balance of kernel zones and ZONE_MOVABLE
 *	drain.c		LRU batches of other CPUs, and how long to wait for them
 *	discard.c	discards the contents of memory that disappeared
 *	node.c		brings nodes online and offline
 *	notify.c	the notifier chain
 *	sleep.c		stops moving pages for suspend and hibernation
 *	fault.c		traces and injected faults around each step
 */
#ifndef _MM_MHP_MHP_H
#define _MM_MHP_MHP_H

#include <linux/ktime.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mhp.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/pagevec.h>
#include <linux/rwsem.h>

#include "ladder.h"
#include "policy.h"
#include "range.h"
#include "reason.h"
#include "../internal.h"

extern struct rw_semaphore mem_hotplug_lock;

struct mhp_limits;

static inline void mhp_assert_write_locked(void)
{
	lockdep_assert_held_write(&mem_hotplug_lock);
}

/**
 * struct mhp_run - adjacent memory of a request, for which each step is done once
 * @prev: the previous run of the request, or NULL
 * @next: the next run of the request, or NULL
 * @all: all pages of the run
 * @altmap: the altmap of a block that holds its own memmap, or NULL
 * @group: the memory group of the run, or NULL
 * @pages: @all without the pages that hold the memmap
 * @zone: the zone of @pages
 * @share: @all among the pages of the request on the same node
 * @note: the data for notifiers
 * @types: migrate type of each pageblock of @pages before it was isolated
 * @unmanaged: number of pages that a driver keeps, and that are not managed
 * @used: number of pages in use, according to the last pass
 * @fresh: online: the pages were initialized as free pages, and are on no list yet
 * @heard_offline: offline: MEM_OFFLINE has been sent
 *
 * The members from @pages on are for the upper ladder, where a run has one zone.
 */
struct mhp_run {
	struct mhp_run *prev, *next;
	struct mhp_range all;
	struct vmem_altmap *altmap;
	struct memory_group *group;

	struct mhp_range pages;
	struct zone *zone;
	struct mhp_share share;
	struct memory_notify note;
	u8 *types;
	unsigned long unmanaged;
	unsigned long used;
	bool fresh;
	bool heard_offline;
};

#define mhp_for_each_run(run, req) \
	for (run = (req)->first; run; run = (run)->next)

/* params.c */
enum mhp_memmap_mode {
	MHP_MEMMAP_ELSEWHERE,
	MHP_MEMMAP_WHERE_IT_FITS,	/* in the memory, if it fills whole pageblocks */
	MHP_MEMMAP_FORCED,		/* in the memory, padded to whole pageblocks */
};

enum mhp_memmap_mode mhp_memmap_mode(void);
enum mhp_online_policy mhp_online_policy(void);
unsigned int mhp_auto_movable_ratio(void);
bool mhp_auto_movable_numa_aware(void);
bool mhp_checks_viability(void);
struct mhp_limits mhp_machine_limits(void);

/**
 * struct mhp_pending - pages that the same request brings to ZONE_MOVABLE before a range
 * @own: pages of the same static group, or of the same unit of a dynamic group
 * @others: all other pages
 * @node_others: the part of @others on the node of the range
 */
struct mhp_pending {
	unsigned long own, others, node_others;
};

/* choice.c */
struct zone *mhp_choose_zone(enum mmop type, int nid, struct memory_group *group,
			     const struct mhp_range *range, const struct mhp_pending *pending);

/*
 * Returns the number of pages of the free buddy that begins at @page, or 0 if there is none.
 * Takes no lock. Implausible sizes count as one page.
 */
static inline unsigned long mhp_pages_if_free(struct page *page)
{
	unsigned int order;

	if (!PageBuddy(page))
		return 0;
	order = buddy_order_unsafe(page);
	return order <= MAX_PAGE_ORDER ? 1UL << order : 1;
}

/* Pieces end at the end of a block, so that large requests are processed block by block. */
static inline unsigned long mhp_piece_end(const struct mhp_range *range, unsigned long pfn)
{
	return min(ALIGN(pfn + 1, memory_block_size_bytes() >> PAGE_SHIFT), mhp_range_end(range));
}

/**
 * struct mhp_patience - how long a caller waits, and what interrupts the wait
 * @policy: the signals that interrupt, and whether there is a deadline
 * @deadline: the deadline in jiffies, if the policy has a timeout
 * @progress: progress of the request, whose cancel flag interrupts; or NULL
 */
struct mhp_patience {
	const struct mhp_policy *policy;
	unsigned long deadline;
	const struct mhp_progress *progress;
};

/* drain.c */
void mhp_drain_lru(const struct mhp_patience *patience);
void mhp_drain_lru_for_reader(void);
enum mhp_reason mhp_patience_ends(const struct mhp_patience *patience);
int mhp_lose_patience(const struct mhp_patience *patience, unsigned long pfn,
		      struct mhp_result *res);

/* The longest wait for walks over struct pages, in jiffies. */
#define MHP_WALK_PATIENCE	(10 * HZ)

/* section.c */
bool mhp_section_early(unsigned long pfn);
bool mhp_sections_present(const struct mhp_range *range);
#ifdef CONFIG_MEMORY_HOTREMOVE
bool mhp_hide_sections(const struct mhp_range *range, bool certain);
void mhp_show_sections(const struct mhp_range *range);

/* walk.c */
bool mhp_wait_for_walks(unsigned long deadline);
void mhp_wait_for_all_walks(void);
#else
static inline bool mhp_hide_sections(const struct mhp_range *range, bool certain)
{
	return true;
}

static inline void mhp_show_sections(const struct mhp_range *range)
{
}

static inline bool mhp_wait_for_walks(unsigned long deadline)
{
	return true;
}

static inline void mhp_wait_for_all_walks(void)
{
}
#endif

/* zone.c */
void mhp_zone_begin(struct zone *zone);
void mhp_zone_end(struct zone *zone);
void mhp_zone_add_free(struct zone *zone, const struct mhp_range *range);
void mhp_account_present(struct zone *zone, struct memory_group *group,
			 const struct mhp_range *range, long sign);
void mhp_zones_changed(struct zone *zone, bool populated_before, bool last);

/**
 * struct mhp_altmap - the altmap of a block that holds its own memmap
 * @altmap: the altmap, as other code sees it
 * @list: entry in the list of a request that adds or removes the block
 * @run: the run of the block in such a request
 * @gap: the run of the memory without altmap that follows the block
 */
struct mhp_altmap {
	struct vmem_altmap altmap;
	struct list_head list;
	struct mhp_run run, gap;
};

static inline struct mhp_altmap *to_mhp_altmap(struct vmem_altmap *altmap)
{
	return container_of(altmap, struct mhp_altmap, altmap);
}

/* runs.c */
void mhp_runs_of_extent(struct mhp_request *req, const struct mhp_range *range,
			struct list_head *altmaps, struct mhp_run *gap);
struct mhp_run *mhp_runs_of_pieces(struct mhp_request *req, struct mhp_piece *pieces,
				   unsigned int nr, bool online);

/* memmap.c */
unsigned long mhp_memmap_pages(unsigned long block_bytes);
void mhp_free_altmaps(struct list_head *altmaps);
int mhp_place_memmap(const struct mhp_range *range, mhp_t flags, struct list_head *altmaps,
		     struct mhp_result *res);
bool mhp_memmap_may_fall_back(mhp_t flags, const struct list_head *altmaps);
int mhp_memmap_fall_back(const struct mhp_range *range, mhp_t flags,
			 struct list_head *altmaps, struct mhp_result *res);
int mhp_memmap_online(struct mhp_run *run);
void mhp_memmap_offline(struct mhp_run *run);

/* callbacks.c */
bool mhp_callbacks_know_ranges(void);
bool mhp_callbacks_pass(const struct mhp_range *range);
void mhp_hand_on_begin(void);
void mhp_hand_on_end(void);

/* isolate.c */
void mhp_new_pages(struct mhp_run *run);
void mhp_expose(struct mhp_run *run);
int mhp_isolate(struct mhp_run *run, const struct mhp_patience *patience,
		struct mhp_result *res);
bool mhp_isolate_lost(struct mhp_run *run);
void mhp_unisolate(struct mhp_run *run);
unsigned long mhp_first_kept(const struct mhp_run *run);
void mhp_withdraw(struct mhp_run *run);
void mhp_withhold_broken(const struct mhp_run *run);
unsigned long mhp_first_broken(const struct mhp_run *run);

/* evacuate.c */
#ifdef CONFIG_MEMORY_HOTREMOVE
unsigned long mhp_count_used(struct mhp_run *run);
int mhp_evacuate(struct mhp_run *run, const struct mhp_patience *patience,
		 struct mhp_progress *progress, struct mhp_result *res);
int mhp_check_empty(struct mhp_run *run, struct mhp_result *res);
#else
static inline unsigned long mhp_count_used(struct mhp_run *run)
{
	return 0;
}

static inline int mhp_evacuate(struct mhp_run *run, const struct mhp_patience *patience,
			       struct mhp_progress *progress, struct mhp_result *res)
{
	return -EBUSY;
}

static inline int mhp_check_empty(struct mhp_run *run, struct mhp_result *res)
{
	return -EBUSY;
}
#endif

/* shift.c */
#define MHP_SHIFT_GROUP	64

/**
 * struct mhp_shift_move - a page that is being moved
 * @src: the old page, locked
 * @dst: the new page, if it has moved
 * @addr: the address at which it is mapped
 * @pte: the page table entry that mapped it
 */
struct mhp_shift_move {
	struct folio *src, *dst;
	unsigned long addr;
	pte_t pte;
};

/**
 * struct mhp_shift - a group of pages of one anon_vma and one memcg
 * @moves: the pages
 * @nr: number of pages
 * @left: number of pages that have not moved
 * @homes: pages to move to
 */
struct mhp_shift {
	struct mhp_shift_move moves[MHP_SHIFT_GROUP];
	unsigned int nr, left;
	struct list_head *homes;
};

bool mhp_shift_fits(struct folio *folio);
void mhp_shift_isolate(struct folio_batch *got, struct list_head *list);
unsigned long mhp_shift(struct mhp_shift *s, struct list_head *list, struct list_head *homes);

/* writeout.c */
bool mhp_write_out(struct folio *folio);

/* discard.c */
#if defined(CONFIG_MEMORY_HOTREMOVE) && defined(CONFIG_MEMORY_FAILURE)
bool mhp_discard_begin(void);
void mhp_discard_end(void);
#else
static inline bool mhp_discard_begin(void)
{
	return false;
}

static inline void mhp_discard_end(void)
{
}
#endif

#ifdef CONFIG_MEMORY_HOTREMOVE
unsigned long mhp_discard(struct mhp_run *run, bool may_discard, unsigned long *poisoned);
#else
static inline unsigned long mhp_discard(struct mhp_run *run, bool may_discard,
					unsigned long *poisoned)
{
	*poisoned = 0;
	return 0;
}
#endif

/* sleep.c */
int mhp_check_awake(struct mhp_result *res);
int mhp_moving_begin(struct mhp_result *res);
void mhp_moving_end(void);

/**
 * struct mhp_room - numbers of pages that running requests still have to move
 * @kernel: pages of requests with memory of kernel zones
 * @movable: pages of requests with memory of ZONE_MOVABLE only
 */
struct mhp_room {
	unsigned long kernel, movable;
};

/**
 * struct mhp_room_claim - the room that an offline needs for its pages
 * @list: entry in the list of offlines that move pages; empty without a claim
 * @need: estimated number of pages to move; 0 when @progress has the exact number
 * @from_kernel: the request has memory of kernel zones
 * @progress: progress of the offline
 */
struct mhp_room_claim {
	struct list_head list;
	unsigned long need;
	bool from_kernel;
	const struct mhp_progress *progress;
};

/* room.c */
int mhp_claim_room(struct mhp_room_claim *claim, struct mhp_request *req,
		   const struct mhp_progress *progress);
void mhp_release_room(struct mhp_room_claim *claim);

/* movable.c */
unsigned long mhp_first_unmovable(const struct mhp_range *range);
bool mhp_looks_movable(const struct mhp_range *range);
void mhp_count_range(const struct mhp_range *range, struct mhp_census *census);
bool mhp_has_room(const struct mhp_request *req, const struct mhp_room *promised,
		  unsigned long *need);
bool mhp_page_held(unsigned long pfn);
bool mhp_inaccessible(struct folio *folio);
void mhp_explain(struct mhp_result *res);

/* balance.c */
void mhp_check_balance(void);
unsigned long mhp_kernel_room(unsigned long *managed);

/**
 * struct mhp_ending - the end of a request, for reports
 * @verb: the kind of the request
 * @range: the pages of the request
 * @result: the result; its details are freed
 * @begin: when the request began
 * @passes: number of passes over the pages, if pages were moved
 * @left: number of pages that were still in use at the end
 */
struct mhp_ending {
	enum mhp_verb verb;
	const struct mhp_range *range;
	struct mhp_result *result;
	ktime_t begin;
	unsigned int passes;
	unsigned long left;
};

/* report.c */
struct mhp_record *mhp_report(const struct mhp_ending *end);
struct dentry *mhp_debugfs_dir(void);

/* fault.c */
#ifdef CONFIG_MHP_FAULT_INJECTION
void mhp_delay_walk(unsigned long pfn);
#else
static inline void mhp_delay_walk(unsigned long pfn)
{
}
#endif

/* node.c */
int mhp_node_up(int nid, const struct mhp_device_ops *devices, bool *is_new);
void mhp_node_down(int nid, const struct mhp_device_ops *devices);
void mhp_node_count_offline(int nid, long pages);

/* notify.c */
int mhp_notify_ask(enum memory_block_state ask, enum memory_block_state cancel,
		   struct memory_notify *note, struct mhp_result *res);
void mhp_notify_tell(enum memory_block_state what, struct memory_notify *note);

#endif /* _MM_MHP_MHP_H */
