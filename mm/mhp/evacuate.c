// SPDX-License-Identifier: GPL-2.0
/*
 * Evacuation: moves all pages in use of an isolated run to other memory.
 *
 * Owns the pages on its lists only. Calls shift.c for the pages that shift.c can move, and page
 * migration for all others; writeout.c for those that cannot be migrated dirty. No lock is
 * needed: the blocks are in the state going-offline, which excludes other requests, and the run
 * is isolated, so that pages which are freed stay free. The evacuation ends when the run is
 * empty, when a page cannot be moved, at the deadline, after a signal that the policy allows,
 * after a cancel, or after some seconds without progress. In all cases every page is back on the
 * list it came from.
 *
 * Nothing here waits for a page: a device or a server that does not answer can keep a page
 * locked or under writeback for ever. Pages are locked by trylock, page migration is asked not
 * to block, and allocations do not call file systems. A page that is busy is left to a later
 * pass, and only the sleep between two passes gives it time.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/gfp.h>
#include <linux/hugetlb.h>
#include <linux/jiffies.h>
#include <linux/memcontrol.h>
#include <linux/migrate.h>
#include <linux/mm_inline.h>
#include <linux/page-isolation.h>
#include <linux/nodemask.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/writeback.h>
#include <trace/events/memory_hotplug.h>

#include "broken.h"
#include "mhp.h"
#include "../internal.h"

/* Longer than short references last (I/O, fork, reclaim), and shorter than users wait. */
#define MHP_STALL_MS	4000
#define MHP_STALL_PASSES 20
#define MHP_GIVE_UP_MS	5000
/* At the deadline, a page that was in the way for this time is reported as the reason. */
#define MHP_BLAME_MS	1000
/* How often flushers are woken while pages are left that have to be written before. */
#define MHP_FLUSH_MS	1000
/* Without __GFP_HARDWALL: the cpuset of the caller does not limit the pages of other programs. */
#define MHP_TARGET_GFP	(GFP_KERNEL | __GFP_MOVABLE | __GFP_NOWARN)
/* References to a poisoned page that is left: the caller's, and that of memory_failure(). */
#define MHP_BROKEN_REFS	2
/* Base pages that are moved in one batch. */
#define MHP_BATCH	512UL
/* Pages that the allocator takes, and clears with init_on_alloc, with preemption off. */
#define MHP_BULK	32UL

/**
 * struct mhp_evacuation - the state of the evacuation of a run
 * @run: the run
 * @patience: how long the caller waits, and what interrupts it
 * @progress: progress of the whole request
 * @res: set to the reason of a failure
 * @list: isolated folios for page migration
 * @small: folios that can be shifted, still on the LRU
 * @common: folios that can be shifted, off the LRU
 * @shift: workspace for shifting; NULL: all folios go to @list
 * @batch: number of base pages on @list, @small and @common
 * @singles: number of small folios on these
 * @homes: preallocated pages to move small folios to
 * @drained: the free pages of the run have been drained from the lists of CPUs
 * @unwritten: some of @left have data that their file system has to write
 * @flushed: the time at which flushers were woken last, in jiffies
 * @left: number of pages in use that could not be moved in this pass
 * @least: the minimum of @left so far
 * @gained: the time at which @least was reached, in jiffies
 * @took: the duration of the last pass, in jiffies
 * @stuck: the first page that could not be moved in this pass, and the reason
 * @suspect: the same of the previous pass
 * @seen: number of consecutive passes in which @suspect was that page
 * @held: number of these passes in which that page was pinned or had unexpected references
 */
struct mhp_evacuation {
	struct mhp_run *run;
	const struct mhp_patience *patience;
	struct mhp_progress *progress;
	struct mhp_result *res;
	struct list_head list;
	struct folio_batch small;
	struct list_head common;
	struct mhp_shift *shift;
	unsigned long batch, singles;
	struct list_head homes;
	bool drained, unwritten;
	unsigned long flushed;
	unsigned long left, least;
	unsigned long gained, took;
	struct mhp_result stuck, suspect;
	unsigned int seen, held;
};

static void mhp_evacuate_note_stuck(struct mhp_evacuation *e, enum mhp_reason why,
				    unsigned long pfn)
{
	mhp_refuse(&e->stuck, -EBUSY, why, pfn);
}

/* Counts how often the same page could not be moved, and how often it was held then. */
static void mhp_evacuate_check_suspect(struct mhp_evacuation *e)
{
	if (e->stuck.pfn != e->suspect.pfn) {
		e->seen = 0;
		e->held = 0;
	}
	e->suspect = e->stuck;
	if (e->stuck.pfn == MHP_NO_PFN)
		return;
	e->seen++;
	e->held += mhp_page_held(e->stuck.pfn);
}

/* Fails because of the suspect. It is pinned if it was held in most of the passes. */
static int mhp_evacuate_fail(struct mhp_evacuation *e)
{
	enum mhp_reason why = e->suspect.why;

	if (why == MHP_WHY_BUSY_PAGE && e->held > e->seen / 2)
		why = MHP_WHY_PINNED;
	return mhp_refuse(e->res, -EBUSY, why, e->suspect.pfn);
}

/* Has the same page been in the way for many passes, without any progress for @ms? */
static bool mhp_evacuate_stalled(const struct mhp_evacuation *e, unsigned int ms)
{
	return e->seen >= MHP_STALL_PASSES &&
	       time_after_eq(jiffies, e->gained + msecs_to_jiffies(ms));
}

/* Does the request have to end? At the deadline, the reason is a page that was in the way. */
static int mhp_evacuate_check_patience(struct mhp_evacuation *e)
{
	if (mhp_check_awake(e->res))
		return e->res->err;
	if (mhp_patience_ends(e->patience) == MHP_WHY_DEADLINE &&
	    mhp_evacuate_stalled(e, MHP_BLAME_MS))
		return mhp_evacuate_fail(e);
	return mhp_lose_patience(e->patience, e->suspect.pfn, e->res);
}

/*
 * Sleeps between two passes, so that references can be dropped; longer without progress, and not
 * shorter than the last pass took: writeback of a large run may take minutes.
 */
static void mhp_evacuate_sleep(const struct mhp_evacuation *e)
{
	unsigned long ticks = clamp(max((jiffies - e->gained) / 16, e->took), 1UL, HZ / 20UL);

	if (e->patience->policy->signals == MHP_SIGNALS_ANY)
		schedule_timeout_interruptible(ticks);
	else if (e->patience->policy->signals == MHP_SIGNALS_FATAL)
		schedule_timeout_killable(ticks);
	else
		schedule_timeout_idle(ticks);
}

/* Not every release of 6.12 has folio_contain_hwpoisoned_page(). */
static bool mhp_folio_has_poison(struct folio *folio)
{
	return folio_test_hwpoison(folio) ||
	       (folio_test_large(folio) && folio_test_has_hwpoisoned(folio));
}

/* After a split, the parts of a huge page that are not poisoned can be moved. */
static void mhp_split_poisoned(struct folio *folio, struct page *page)
{
	if (!folio_test_lru(folio) || !folio_trylock(folio))
		return;
	/* In any case, lock and reference belong to the folio of @page now. */
	split_huge_page(page);
	unlock_page(page);
}

static unsigned long mhp_first_poisoned(struct folio *folio)
{
	unsigned long n;

	for (n = 0; n < folio_nr_pages(folio); n++)
		if (PageHWPoison(folio_page(folio, n)))
			return folio_pfn(folio) + n;
	return folio_pfn(folio);
}

/* Like mm/memory-failure.c: the page stays where it is, and reclaim does not find it. */
static bool mhp_take_poisoned_off_lru(struct folio *folio)
{
	if (!folio_test_lru(folio))
		return true;
	if (!folio_isolate_lru(folio))
		return false;
	folio_clear_active(folio);
	folio_clear_unevictable(folio);
	mem_cgroup_uncharge(folio);
	folio_put(folio);
	return true;
}

/*
 * A poisoned page is not moved, and its struct page may be removed. So nothing may refer to it
 * any more: it is unmapped, after which accesses get SIGBUS, and a file in tmpfs gets an error
 * entry instead. The folio is locked. Returns false if it still has other references.
 */
static bool mhp_release_poisoned(struct folio *folio, unsigned long pfn)
{
	if (folio_mapped(folio) && unmap_poisoned_folio(folio, pfn, false))
		return false;
	if (folio_test_swapcache(folio))
		return false;
	if (folio_mapping(folio) && !shmem_forget_broken(folio))
		return false;
	return mhp_take_poisoned_off_lru(folio) && folio_ref_count(folio) <= MHP_BROKEN_REFS;
}

/* A poisoned huge page of a deleted file is freed, and later dissolved like other free ones. */
static bool mhp_release_poisoned_hugetlb(struct folio *folio, unsigned long pfn,
					 unsigned long *broken)
{
	if (folio_mapped(folio))
		unmap_poisoned_folio(folio, pfn, false);
	return memory_failure_free_huge(folio, broken) && folio_ref_count(folio) == 1;
}

/* Handles @nr pages from @pfn on of a folio that has a poisoned page. */
static void mhp_evacuate_poisoned(struct mhp_evacuation *e, struct folio *folio, unsigned long pfn,
				  unsigned long nr)
{
	unsigned long broken = pfn;
	bool released = false;

	if (folio_test_hugetlb(folio)) {
		broken = folio_pfn(folio);
		if (folio_trylock(folio)) {
			released = mhp_release_poisoned_hugetlb(folio, pfn, &broken);
			folio_unlock(folio);
		}
	} else if (folio_test_large(folio)) {
		broken = mhp_first_poisoned(folio);
	} else if (!folio_test_slab(folio) && !folio_test_pgtable(folio) &&
		   folio_trylock(folio)) {
		released = mhp_release_poisoned(folio, pfn);
		folio_unlock(folio);
	}
	if (released)
		return;
	mhp_evacuate_note_stuck(e, MHP_WHY_HWPOISON, broken);
	e->left += nr;
}

/* All nodes with memory except @nid. */
static nodemask_t mhp_other_nodes(int nid)
{
	nodemask_t others = node_states[N_MEMORY];

	node_clear(nid, others);
	return others;
}

/* Allocates targets for a batch, without reclaim; mhp_get_target() allocates the rest. */
static void mhp_evacuate_alloc_targets(struct mhp_evacuation *e)
{
	gfp_t gfp = MHP_TARGET_GFP & ~__GFP_DIRECT_RECLAIM;
	struct zone *zone = e->run->zone;
	nodemask_t others = mhp_other_nodes(zone_to_nid(zone));
	unsigned long left = e->singles, nr;

	/* Otherwise a target could be a free page of the run itself. */
	if (!e->drained)
		drain_all_pages(zone);
	e->drained = true;
	/* Only pages of ZONE_MOVABLE may move to ZONE_MOVABLE. */
	if (zone_idx(zone) == ZONE_MOVABLE)
		gfp |= __GFP_HIGHMEM;
	if (nodes_empty(others))
		others = node_states[N_MEMORY];
	while (left) {
		nr = __alloc_pages_bulk(gfp, zone_to_nid(zone), &others, min(left, MHP_BULK),
					&e->homes, NULL);
		if (!nr)
			break;
		left -= nr;
		cond_resched();
	}
}

static void mhp_evacuate_free_targets(struct mhp_evacuation *e)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &e->homes, lru)
		__free_page(page);
	INIT_LIST_HEAD(&e->homes);
}

/* Like alloc_migration_target(), but regardless of cpusets: see MHP_TARGET_GFP. */
static struct folio *mhp_alloc_target(struct folio *src, nodemask_t *nodes)
{
	gfp_t gfp = MHP_TARGET_GFP | __GFP_RETRY_MAYFAIL;
	int nid = folio_nid(src);

	if (folio_test_hugetlb(src)) {
		struct hstate *h = folio_hstate(src);

		gfp = htlb_modify_alloc_mask(h, gfp) & ~__GFP_HARDWALL;
		return alloc_hugetlb_folio_nodemask(h, nid, nodes, gfp,
						    htlb_allow_alloc_fallback(MR_MEMORY_HOTPLUG));
	}
	if (folio_test_large(src))
		gfp = (gfp & ~__GFP_RECLAIM) | (GFP_TRANSHUGE & ~__GFP_HARDWALL);
	/* Only pages of ZONE_MOVABLE may move to ZONE_MOVABLE. */
	if (folio_zonenum(src) == ZONE_MOVABLE)
		gfp |= __GFP_HIGHMEM;
	else
		gfp &= ~__GFP_HIGHMEM;
	return __folio_alloc(gfp, folio_order(src), nid, nodes);
}

/*
 * Prefers other nodes, as the rest of the node often goes offline next, and a page should not
 * be moved from block to block. But the same node is better than a failure.
 */
static struct folio *mhp_get_target(struct folio *src, unsigned long private)
{
	struct mhp_evacuation *e = (struct mhp_evacuation *)private;
	nodemask_t others = mhp_other_nodes(folio_nid(src));
	struct folio *dst = NULL;

	if (!folio_test_large(src) && !list_empty(&e->homes)) {
		dst = list_first_entry(&e->homes, struct folio, lru);
		list_del(&dst->lru);
		return dst;
	}
	if (!nodes_empty(others))
		dst = mhp_alloc_target(src, &others);
	return dst ?: mhp_alloc_target(src, &node_states[N_MEMORY]);
}

/* Updates the number of pages of the run in use; readers see the sum of all runs. */
static void mhp_evacuate_set_used(struct mhp_evacuation *e, unsigned long used)
{
	WRITE_ONCE(e->progress->left, e->progress->left + used - e->run->used);
	e->run->used = used;
}

/* Folios that are not on the LRU now are left to a later pass. */
static void mhp_evacuate_isolate_small(struct mhp_evacuation *e)
{
	struct folio *folio;

	mhp_shift_isolate(&e->small, &e->common);
	while ((folio = folio_batch_next(&e->small))) {
		mhp_evacuate_note_stuck(e, MHP_WHY_UNMOVABLE, folio_pfn(folio));
		e->left++;
		e->batch--;
		e->singles--;
		folio_put(folio);
	}
	folio_batch_init(&e->small);
}

/* Shifts the common kind of page; folios that could not be shifted go to page migration. */
static unsigned long mhp_evacuate_shift(struct mhp_evacuation *e)
{
	unsigned long moved;
	struct folio *folio;

	moved = mhp_shift(e->shift, &e->common, &e->homes);
	list_for_each_entry(folio, &e->common, lru)
		node_stat_add_folio(folio, NR_ISOLATED_ANON + folio_is_file_lru(folio));
	list_splice_tail_init(&e->common, &e->list);
	return moved;
}

/* Counts the folios that could not be migrated, and puts them back. */
static void mhp_evacuate_put_back(struct mhp_evacuation *e, enum mhp_reason why)
{
	struct folio *folio;

	list_for_each_entry(folio, &e->list, lru) {
		mhp_evacuate_note_stuck(e, why, folio_pfn(folio));
		e->left += folio_nr_pages(folio);
		e->unwritten |= mhp_write_out(folio);
	}
	putback_movable_pages(&e->list);
}

static void mhp_evacuate_batch(struct mhp_evacuation *e)
{
	struct mhp_progress *p = e->progress;
	unsigned int migrated = 0;
	unsigned long moved = 0;
	int ret = 0;

	mhp_evacuate_isolate_small(e);
	if (!e->batch)
		return;
	mhp_evacuate_alloc_targets(e);
	if (!list_empty(&e->common))
		moved = mhp_evacuate_shift(e);
	/* Any other mode waits: for folio locks, writeback, buffers. The passes retry instead. */
	if (!list_empty(&e->list))
		ret = migrate_pages(&e->list, mhp_get_target, NULL, (unsigned long)e,
				    MIGRATE_ASYNC, MR_MEMORY_HOTPLUG, &migrated);
	mhp_evacuate_free_targets(e);
	moved += migrated;
	WRITE_ONCE(p->moved, p->moved + moved);
	WRITE_ONCE(p->failed, p->failed + e->batch - min(e->batch, moved));
	mhp_evacuate_set_used(e, e->run->used - min(e->run->used, moved));
	if (ret)
		mhp_evacuate_put_back(e, ret == -ENOMEM ? MHP_WHY_NO_TARGET : MHP_WHY_BUSY_PAGE);
	e->batch = 0;
	e->singles = 0;
}

/*
 * Puts the folio of a page on a list. Returns the number of pages that were handled; 0 if the
 * evacuation has to fail, with the reason in the result.
 */
static unsigned long mhp_evacuate_folio(struct mhp_evacuation *e, unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	struct folio *folio = page_folio(page);
	unsigned long nr = 1;

	if (!folio_try_get(folio))
		return 1;	/* The page is free, or being freed. */
	if (page_folio(page) != folio)
		goto out;

	if (mhp_folio_has_poison(folio) && folio_test_large(folio) && !folio_test_hugetlb(folio)) {
		mhp_split_poisoned(folio, page);
		folio = page_folio(page);
	}
	nr = folio_nr_pages(folio) - folio_page_idx(folio, page);
	if (PageHWPoison(page) || mhp_folio_has_poison(folio)) {
		mhp_evacuate_poisoned(e, folio, pfn, nr);
	} else if (mhp_inaccessible(folio)) {
		nr = 0;
		mhp_refuse(e->res, -EBUSY, MHP_WHY_UNMOVABLE, pfn);
	} else if (folio_test_locked(folio) || folio_test_writeback(folio)) {
		/* Migration would fail, after it has allocated a target. */
		mhp_evacuate_note_stuck(e, MHP_WHY_BUSY_PAGE, pfn);
		e->left += nr;
	} else if (e->shift && mhp_shift_fits(folio)) {
		e->batch++;
		e->singles++;
		if (!folio_batch_add(&e->small, folio))
			mhp_evacuate_isolate_small(e);
		return nr;	/* The batch has the reference now. */
	} else if (isolate_folio_to_list(folio, &e->list)) {
		e->batch += folio_nr_pages(folio);
		e->singles += !folio_test_large(folio);
	} else {
		/* The page is between two lists, or belongs to the kernel. */
		mhp_evacuate_note_stuck(e, MHP_WHY_UNMOVABLE, pfn);
		e->left += nr;
	}
out:
	folio_put(folio);
	return nr;
}

/* Handles one page, and returns the same as mhp_evacuate_folio(). */
static unsigned long mhp_evacuate_page(struct mhp_evacuation *e, unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	unsigned long nr = mhp_pages_if_free(page);

	if (nr)
		return nr;
	if (!page_ref_count(compound_head(page)))
		return 1;	/* A free huge page, a tail page, or released by its driver. */
	/* Pages of a balloon can be moved; any other driver has not released its page. */
	if (PageOffline(page) && !__PageMovable(page)) {
		mhp_refuse(e->res, -EBUSY, MHP_WHY_UNMOVABLE, pfn);
		return 0;
	}
	return mhp_evacuate_folio(e, pfn);
}

/* Goes through the run once, and moves its pages in use in batches. */
static int mhp_evacuate_pass(struct mhp_evacuation *e)
{
	unsigned long pfn = e->run->pages.start_pfn, end = mhp_range_end(&e->run->pages);
	unsigned long look = pfn + PAGES_PER_SECTION, nr;
	int ret = 0;

	e->left = 0;
	e->unwritten = false;
	e->stuck = MHP_RESULT_OK;
	while (!ret && pfn < end) {
		nr = mhp_evacuate_page(e, pfn);
		pfn += nr;
		if (!nr) {
			ret = e->res->err;
		} else if (e->batch >= MHP_BATCH) {
			mhp_evacuate_batch(e);
			ret = mhp_evacuate_check_patience(e);
		} else if (pfn >= look && pfn < end) {
			/* Busy pages fill no batch, and there may be very many of them. */
			ret = mhp_evacuate_check_patience(e);
			look = pfn + PAGES_PER_SECTION;
		}
		cond_resched();
	}
	mhp_evacuate_batch(e);
	if (!ret)
		mhp_evacuate_set_used(e, e->left);
	WRITE_ONCE(e->progress->passes, e->progress->passes + 1);
	trace_mhp_offline_pass(e->run->pages.start_pfn, e->run->pages.nr_pages,
			       e->progress->passes, e->progress->moved, e->left,
			       e->progress->failed);
	return ret;
}

/* The first page of an emptied range that is in use; the first page of all if there is none. */
static unsigned long mhp_first_in_use(const struct mhp_range *pages)
{
	unsigned long pfn = pages->start_pfn, nr;

	for (; pfn < mhp_range_end(pages); pfn += nr) {
		struct page *page = pfn_to_page(pfn);

		nr = mhp_pages_if_free(page);
		if (nr)
			continue;
		nr = 1;
		if (!PageHWPoison(page) && (!PageOffline(page) || page_count(page)))
			return pfn;
	}
	return pages->start_pfn;
}

/* The reason is the poison if the page belongs to a poisoned huge page. */
static enum mhp_reason mhp_why_in_use(unsigned long pfn, enum mhp_reason why)
{
	return PageHWPoison(compound_head(pfn_to_page(pfn))) ? MHP_WHY_HWPOISON : why;
}

static int mhp_dissolve_piece(const struct mhp_range *piece)
{
	return dissolve_free_hugetlb_folios(piece->start_pfn, mhp_range_end(piece));
}

static int mhp_test_piece(const struct mhp_range *piece)
{
	return test_pages_isolated(piece->start_pfn, mhp_range_end(piece), MEMORY_OFFLINE);
}

/* Calls @todo block by block. After an error, *@pfn is the page that was in the way. */
static int mhp_each_piece(const struct mhp_range *pages, int (*todo)(const struct mhp_range *piece),
			  unsigned long *pfn)
{
	unsigned long next;
	int ret;

	for (*pfn = pages->start_pfn; *pfn < mhp_range_end(pages); *pfn = next) {
		struct mhp_range piece = { .start_pfn = *pfn };

		next = mhp_piece_end(pages, *pfn);
		piece.nr_pages = next - *pfn;
		ret = todo(&piece);
		if (ret) {
			*pfn = mhp_first_in_use(&piece);
			return ret;
		}
		cond_resched();
	}
	return 0;
}

/* Called when there are no pages left to move: dissolves huge pages, tests that all is free. */
static int mhp_evacuate_test_free(struct mhp_evacuation *e)
{
	const struct mhp_range *pages = &e->run->pages;
	unsigned long pfn;
	int ret;

	ret = mhp_each_piece(pages, mhp_dissolve_piece, &pfn);
	if (ret)
		return mhp_refuse(e->res, ret, mhp_why_in_use(pfn, MHP_WHY_HUGETLB), pfn);
	/* A huge page that was dissolved may have had a poisoned page. */
	mhp_withhold_broken(e->run);
	ret = mhp_each_piece(pages, mhp_test_piece, &pfn);
	if (ret)
		mhp_evacuate_note_stuck(e, mhp_why_in_use(pfn, MHP_WHY_UNMOVABLE), pfn);
	return ret;
}

/*
 * Fails after a time without progress. If it was not always the same page that could not be
 * moved, that time is a little longer.
 */
static int mhp_evacuate_check_stall(struct mhp_evacuation *e)
{
	if (e->left < e->least) {
		e->least = e->left;
		e->gained = jiffies;
	}
	mhp_evacuate_check_suspect(e);
	if (!mhp_evacuate_stalled(e, MHP_STALL_MS) &&
	    time_before(jiffies, e->gained + msecs_to_jiffies(MHP_GIVE_UP_MS)))
		return 0;
	return mhp_evacuate_fail(e);
}

/**
 * mhp_count_used() - count the pages in use of a run
 * @run: the isolated run; @run->used is set
 *
 * Context: Process context. May sleep. No lock needed.
 * Return: the number of pages in use.
 */
unsigned long mhp_count_used(struct mhp_run *run)
{
	unsigned long pfn = run->pages.start_pfn, used = 0;

	while (pfn < mhp_range_end(&run->pages)) {
		struct page *page = pfn_to_page(pfn);
		unsigned long nr = mhp_pages_if_free(page);

		if (!nr) {
			nr = 1;
			used += !!page_ref_count(compound_head(page));
		}
		pfn += nr;
		if (pageblock_aligned(pfn))
			cond_resched();
	}
	run->used = used;
	return used;
}

/**
 * mhp_check_empty() - check again that a run has no pages in use
 * @run: the isolated run
 * @res: set to the reason of a failure
 *
 * For callers that have dropped locks since mhp_evacuate().
 *
 * Context: Process context. May sleep. No lock needed.
 * Return: 0; -EBUSY if a page is in use.
 */
int mhp_check_empty(struct mhp_run *run, struct mhp_result *res)
{
	unsigned long pfn;
	int ret = mhp_each_piece(&run->pages, mhp_test_piece, &pfn);

	return ret ? mhp_refuse(res, ret, MHP_WHY_ISOLATE_RACE, pfn) : 0;
}

/*
 * Flushers write dirty data when it is 30 seconds old, and the evacuation gives up before that. So
 * data that keeps a page where it is (NFS, a large dirty folio of XFS that has to be split) is
 * written now. Nothing waits for the flushers here.
 */
static void mhp_evacuate_flush(struct mhp_evacuation *e)
{
	if (!e->unwritten || time_before(jiffies, e->flushed + msecs_to_jiffies(MHP_FLUSH_MS)))
		return;
	e->flushed = jiffies;
	wakeup_flusher_threads(WB_REASON_VMSCAN);
}

/* Makes passes until the run is empty or the evacuation has to end. */
static int mhp_evacuate_passes(struct mhp_evacuation *e)
{
	unsigned long begin;
	unsigned int passes;
	int ret;

	for (passes = 0;; passes++) {
		begin = jiffies;
		ret = mhp_evacuate_pass(e);
		if (ret)
			return ret;
		e->took = jiffies - begin;
		if (!e->left) {
			ret = mhp_evacuate_test_free(e);
			if (!ret || e->res->err)
				return ret;
		}
		ret = mhp_evacuate_check_stall(e) ?: mhp_evacuate_check_patience(e);
		if (ret)
			return ret;
		mhp_evacuate_flush(e);
		/* Pages that could not be moved may be in the batch of another CPU. */
		if (e->left)
			mhp_drain_lru(e->patience);
		drain_all_pages(e->run->zone);
		if (passes)
			mhp_evacuate_sleep(e);
	}
}

/**
 * mhp_evacuate() - move all pages in use out of an isolated run
 * @run: the run
 * @patience: how long the caller waits, and what interrupts it
 * @progress: progress of the whole request, which is updated
 * @res: set to the reason of a failure
 *
 * Context: Process context. May sleep for as long as @patience allows. No lock needed.
 * Return: 0 if all pages are free, poisoned, or released by their drivers; -EBUSY if a page
 * could not be moved, or at the deadline; -EINTR after a signal; -ECANCELED after a cancel;
 * -ENOMEM if a free huge page could not be dissolved.
 */
int mhp_evacuate(struct mhp_run *run, const struct mhp_patience *patience,
		 struct mhp_progress *progress, struct mhp_result *res)
{
	/* Reclaim and splits would call file systems, which wait for their devices and servers. */
	unsigned int nofs = memalloc_nofs_save();
	struct mhp_shift *shift __free(kfree) = kmalloc(sizeof(*shift), MHP_GFP);
	struct mhp_evacuation e = {
		.run = run,
		.patience = patience,
		.progress = progress,
		.res = res,
		.list = LIST_HEAD_INIT(e.list),
		.common = LIST_HEAD_INIT(e.common),
		.shift = shift,
		.homes = LIST_HEAD_INIT(e.homes),
		.least = ULONG_MAX,
		.flushed = jiffies,
		.gained = jiffies,
		.stuck = MHP_RESULT_OK,
		.suspect = MHP_RESULT_OK,
	};
	int ret;

	folio_batch_init(&e.small);
	/* Other CPUs are drained only if the first pass finds that necessary. */
	lru_add_drain();
	ret = mhp_evacuate_passes(&e);
	memalloc_nofs_restore(nofs);
	return ret;
}
