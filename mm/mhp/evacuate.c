// SPDX-License-Identifier: GPL-2.0
/*
 * Emptying an isolated run: every page in use moves to memory elsewhere.
 *
 * Owns nothing but the pages on its lists. Calls shift.c for what it can move, and
 * migration for the rest. No lock is needed: the blocks are going-offline, so nobody else
 * changes them, and the run is isolated, so what is freed stays free. It ends: with an
 * empty run, with a page that cannot move, at the caller's deadline, by a signal that the
 * caller lets through, when it is cancelled, or when the same page has not moved in many
 * passes. Whatever the end, every page is on its own list again.
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
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <trace/events/memory_hotplug.h>

#include "broken.h"
#include "mhp.h"
#include "../internal.h"

/* Longer than short references last (I/O, fork, reclaim), shorter than patience. */
#define MHP_STALL_MS	4000
#define MHP_STALL_PASSES 20
#define MHP_GIVE_UP_MS	5000
/* Where time is up as well, less is enough to blame a page. */
#define MHP_BLAME_MS	1000
/*
 * Not GFP_USER: where the pages of all programs may be is no matter of the cpuset of the
 * one that asks for the offline.
 */
#define MHP_TARGET_GFP	(GFP_KERNEL | __GFP_MOVABLE | __GFP_NOWARN)
/* References to a broken page that stays behind: the caller's, and that of memory_failure(). */
#define MHP_BROKEN_REFS	2
/* Base pages that are moved in one go. */
#define MHP_BATCH	512UL

/**
 * struct mhp_evacuation - the state of one run being emptied
 * @run: the pages
 * @patience: the caller's
 * @progress: of the whole request
 * @res: gets the reason for giving up
 * @list: folios that are about to move
 * @small: folios that can be shifted, still on the LRU
 * @common: the same, off the LRU
 * @shift: room for these; without it all pages go by way of @list
 * @batch: base pages on all of these
 * @singles: how many of them are single pages
 * @homes: new pages for these
 * @drained: free pages of the run are not in lists of CPUs any more
 * @left: pages in use that this pass has met and not moved
 * @least: the smallest @left so far
 * @gained: when @least last became smaller, in jiffies
 * @stuck: the first page that did not go in this pass, and why
 * @suspect: the same in the last pass
 * @seen: in so many passes in a row it was that page
 * @held: and in so many of these somebody seemed to hold it
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
	bool drained;
	unsigned long left, least;
	unsigned long gained;
	struct mhp_result stuck, suspect;
	unsigned int seen, held;
};

static void note_stuck(struct mhp_evacuation *e, enum mhp_reason why, unsigned long pfn)
{
	mhp_refuse(&e->stuck, -EBUSY, why, pfn);
}

/* Was it the same page again? Then see whether somebody holds it. */
static void judge(struct mhp_evacuation *e)
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

/* It is this page's fault. That it was held at most looks is no chance. */
static int blame(struct mhp_evacuation *e)
{
	enum mhp_reason why = e->suspect.why;

	if (why == MHP_WHY_BUSY_PAGE && e->held > e->seen / 2)
		why = MHP_WHY_PINNED;
	return mhp_refuse(e->res, -EBUSY, why, e->suspect.pfn);
}

/* Has nothing moved for so long, with the same page in the way? */
static bool stalled(const struct mhp_evacuation *e, unsigned int ms)
{
	return e->seen >= MHP_STALL_PASSES &&
	       time_after_eq(jiffies, e->gained + msecs_to_jiffies(ms));
}

/* Is the caller's patience at an end? For want of time the page is to blame that was in the way. */
static int check_patience(struct mhp_evacuation *e)
{
	if (mhp_check_awake(e->res))
		return e->res->err;
	if (mhp_patience_ends(e->patience) == MHP_WHY_DEADLINE && stalled(e, MHP_BLAME_MS))
		return blame(e);
	return mhp_lose_patience(e->patience, e->suspect.pfn, e->res);
}

/* Gives who holds pages a moment, more of it the longer nothing moves. */
static void rest(const struct mhp_evacuation *e)
{
	unsigned long ticks = clamp((jiffies - e->gained) / 16, 1UL, HZ / 20UL);

	if (e->patience->policy->signals == MHP_SIGNALS_ANY)
		schedule_timeout_interruptible(ticks);
	else if (e->patience->policy->signals == MHP_SIGNALS_FATAL)
		schedule_timeout_killable(ticks);
	else
		schedule_timeout_idle(ticks);
}

/* Is a page of it broken? Not every release of 6.12 has folio_contain_hwpoisoned_page(). */
static bool contains_broken(struct folio *folio)
{
	return folio_test_hwpoison(folio) ||
	       (folio_test_large(folio) && folio_test_has_hwpoisoned(folio));
}

/* Of a huge page with a broken part the other parts can move. */
static void split_broken(struct folio *folio, struct page *page)
{
	if (!folio_test_lru(folio) || !folio_trylock(folio))
		return;
	/* Split or not, lock and reference are those of the folio of this page. */
	split_huge_page(page);
	unlock_page(page);
}

static unsigned long first_broken(struct folio *folio)
{
	unsigned long n;

	for (n = 0; n < folio_nr_pages(folio); n++)
		if (PageHWPoison(folio_page(folio, n)))
			return folio_pfn(folio) + n;
	return folio_pfn(folio);
}

/* As mm/memory-failure.c does: the page may stay, and nobody else comes across it. */
static bool take_broken_off_lru(struct folio *folio)
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
 * A broken page stays behind, and its struct page may be removed with it. So whoever could
 * look at that loses it: a program that maps the page gets a SIGBUS later, a file in tmpfs
 * remembers that it was broken. The folio is locked. False where somebody still has it.
 */
static bool release_broken(struct folio *folio, unsigned long pfn)
{
	if (folio_mapped(folio) && unmap_poisoned_folio(folio, pfn, false))
		return false;
	if (folio_test_swapcache(folio))
		return false;
	if (folio_mapping(folio) && !shmem_forget_broken(folio))
		return false;
	return take_broken_off_lru(folio) && folio_ref_count(folio) <= MHP_BROKEN_REFS;
}

/* A broken huge page that no file has any more is freed, and dissolved as other free ones. */
static bool release_broken_huge(struct folio *folio, unsigned long pfn, unsigned long *broken)
{
	if (folio_mapped(folio))
		unmap_poisoned_folio(folio, pfn, false);
	return memory_failure_free_huge(folio, broken) && folio_ref_count(folio) == 1;
}

/* Of the folio @nr pages are in question, from @pfn on. */
static void visit_broken(struct mhp_evacuation *e, struct folio *folio, unsigned long pfn,
			 unsigned long nr)
{
	unsigned long broken = pfn;
	bool released = false;

	if (folio_test_hugetlb(folio)) {
		broken = folio_pfn(folio);
		if (folio_trylock(folio)) {
			released = release_broken_huge(folio, pfn, &broken);
			folio_unlock(folio);
		}
	} else if (folio_test_large(folio)) {
		broken = first_broken(folio);
	} else if (!folio_test_slab(folio) && !folio_test_pgtable(folio) &&
		   folio_trylock(folio)) {
		released = release_broken(folio, pfn);
		folio_unlock(folio);
	}
	if (released)
		return;
	note_stuck(e, MHP_WHY_HWPOISON, broken);
	e->left += nr;
}

/* The nodes that have memory, but for the one that loses it. */
static nodemask_t other_nodes(int nid)
{
	nodemask_t others = node_states[N_MEMORY];

	node_clear(nid, others);
	return others;
}

/* What can be had at once, in one go; who finds none left asks for his own. */
static void find_homes(struct mhp_evacuation *e)
{
	gfp_t gfp = MHP_TARGET_GFP & ~__GFP_DIRECT_RECLAIM;
	struct zone *zone = e->run->zone;
	nodemask_t others = other_nodes(zone_to_nid(zone));

	/* Lest pages move to others of the same run. */
	if (!e->drained)
		drain_all_pages(zone);
	e->drained = true;
	/* What must not be in ZONE_MOVABLE must not come there either. */
	if (zone_idx(zone) == ZONE_MOVABLE)
		gfp |= __GFP_HIGHMEM;
	if (nodes_empty(others))
		others = node_states[N_MEMORY];
	__alloc_pages_bulk(gfp, zone_to_nid(zone), &others, e->singles, &e->homes, NULL);
}

static void release_homes(struct mhp_evacuation *e)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &e->homes, lru)
		__free_page(page);
	INIT_LIST_HEAD(&e->homes);
}

/* As alloc_migration_target(), but that no cpuset has a say: see MHP_TARGET_GFP. */
static struct folio *alloc_target(struct folio *src, nodemask_t *nodes)
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
	/* What must not be in ZONE_MOVABLE must not come there either. */
	if (folio_zonenum(src) == ZONE_MOVABLE)
		gfp |= __GFP_HIGHMEM;
	else
		gfp &= ~__GFP_HIGHMEM;
	return __folio_alloc(gfp, folio_order(src), nid, nodes);
}

/*
 * Elsewhere first: more of the node often goes offline next, and a page should not
 * move from block to block. But rather that than not at all.
 */
static struct folio *new_home(struct folio *src, unsigned long private)
{
	struct mhp_evacuation *e = (struct mhp_evacuation *)private;
	nodemask_t others = other_nodes(folio_nid(src));
	struct folio *dst = NULL;

	if (!folio_test_large(src) && !list_empty(&e->homes)) {
		dst = list_first_entry(&e->homes, struct folio, lru);
		list_del(&dst->lru);
		return dst;
	}
	if (!nodes_empty(others))
		dst = alloc_target(src, &others);
	return dst ?: alloc_target(src, &node_states[N_MEMORY]);
}

/* So many pages of the run are in use; readers see the sum over all runs. */
static void note_used(struct mhp_evacuation *e, unsigned long used)
{
	WRITE_ONCE(e->progress->left, e->progress->left + used - e->run->used);
	e->run->used = used;
}

/* What is not on the LRU is on its way somewhere. */
static void isolate_small(struct mhp_evacuation *e)
{
	struct folio *folio;

	mhp_shift_isolate(&e->small, &e->common);
	while ((folio = folio_batch_next(&e->small))) {
		note_stuck(e, MHP_WHY_UNMOVABLE, folio_pfn(folio));
		e->left++;
		e->batch--;
		e->singles--;
		folio_put(folio);
	}
	folio_batch_init(&e->small);
}

/* Moves what can be shifted; the rest goes the way of all pages. */
static unsigned long shift_common(struct mhp_evacuation *e)
{
	unsigned long moved;
	struct folio *folio;

	moved = mhp_shift(e->shift, &e->common, &e->homes);
	list_for_each_entry(folio, &e->common, lru)
		node_stat_add_folio(folio, NR_ISOLATED_ANON + folio_is_file_lru(folio));
	list_splice_tail_init(&e->common, &e->list);
	return moved;
}

static void move_batch(struct mhp_evacuation *e)
{
	struct mhp_progress *p = e->progress;
	unsigned int migrated = 0;
	unsigned long moved = 0;
	struct folio *folio;
	int ret = 0;

	isolate_small(e);
	if (!e->batch)
		return;
	find_homes(e);
	if (!list_empty(&e->common))
		moved = shift_common(e);
	if (!list_empty(&e->list))
		ret = migrate_pages(&e->list, new_home, NULL, (unsigned long)e, MIGRATE_SYNC,
				    MR_MEMORY_HOTPLUG, &migrated);
	release_homes(e);
	moved += migrated;
	WRITE_ONCE(p->moved, p->moved + moved);
	WRITE_ONCE(p->failed, p->failed + e->batch - min(e->batch, moved));
	note_used(e, e->run->used - min(e->run->used, moved));
	if (ret) {
		list_for_each_entry(folio, &e->list, lru) {
			note_stuck(e, ret == -ENOMEM ? MHP_WHY_NO_TARGET : MHP_WHY_BUSY_PAGE,
				   folio_pfn(folio));
			e->left += folio_nr_pages(folio);
		}
		putback_movable_pages(&e->list);
	}
	e->batch = 0;
	e->singles = 0;
}

/*
 * Puts the folio of a page on the list; returns how many pages were dealt with, or 0 and the
 * reason is in the result.
 */
static unsigned long take_folio(struct mhp_evacuation *e, unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	struct folio *folio = page_folio(page);
	unsigned long nr = 1;

	if (!folio_try_get(folio))
		return 1;	/* free by now, or about to be */
	if (page_folio(page) != folio)
		goto out;

	if (contains_broken(folio) && folio_test_large(folio) && !folio_test_hugetlb(folio)) {
		split_broken(folio, page);
		folio = page_folio(page);
	}
	nr = folio_nr_pages(folio) - folio_page_idx(folio, page);
	if (PageHWPoison(page) || contains_broken(folio)) {
		visit_broken(e, folio, pfn, nr);
	} else if (mhp_inaccessible(folio)) {
		nr = 0;
		mhp_refuse(e->res, -EBUSY, MHP_WHY_UNMOVABLE, pfn);
	} else if (folio_test_locked(folio) || folio_test_writeback(folio)) {
		/* Migration would wait for I/O, with no end where a device does not answer. */
		note_stuck(e, MHP_WHY_BUSY_PAGE, pfn);
		e->left += nr;
	} else if (e->shift && mhp_shift_fits(folio)) {
		e->batch++;
		e->singles++;
		if (!folio_batch_add(&e->small, folio))
			isolate_small(e);
		return nr;	/* the reference goes with it */
	} else if (isolate_folio_to_list(folio, &e->list)) {
		e->batch += folio_nr_pages(folio);
		e->singles += !folio_test_large(folio);
	} else {
		/* On its way somewhere, or a page of the kernel. */
		note_stuck(e, MHP_WHY_UNMOVABLE, pfn);
		e->left += nr;
	}
out:
	folio_put(folio);
	return nr;
}

/* Looks at one page; returns how many were dealt with, or 0 and the reason is in the result. */
static unsigned long visit(struct mhp_evacuation *e, unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	unsigned long nr = mhp_pages_if_free(page);

	if (nr)
		return nr;
	if (!page_ref_count(compound_head(page)))
		return 1;	/* free huge page, tail, or given up by its driver */
	/* A balloon's can be moved; of others the driver has not let go. */
	if (PageOffline(page) && !__PageMovable(page)) {
		mhp_refuse(e->res, -EBUSY, MHP_WHY_UNMOVABLE, pfn);
		return 0;
	}
	return take_folio(e, pfn);
}

/* Once through the run. */
static int pass(struct mhp_evacuation *e)
{
	unsigned long pfn = e->run->pages.start_pfn, nr;
	int ret = 0;

	e->left = 0;
	e->stuck = MHP_RESULT_OK;
	while (!ret && pfn < mhp_range_end(&e->run->pages)) {
		nr = visit(e, pfn);
		pfn += nr;
		if (!nr) {
			ret = e->res->err;
		} else if (e->batch >= MHP_BATCH) {
			move_batch(e);
			ret = check_patience(e);
		}
		cond_resched();
	}
	move_batch(e);
	if (!ret)
		note_used(e, e->left);
	WRITE_ONCE(e->progress->passes, e->progress->passes + 1);
	trace_mhp_offline_pass(e->run->pages.start_pfn, e->run->pages.nr_pages,
			       e->progress->passes, e->progress->moved, e->left,
			       e->progress->failed);
	return ret;
}

/* The first page that keeps an emptied range from being free; else the first of all. */
static unsigned long first_in_use(const struct mhp_range *pages)
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

/* It is part of a huge page that is broken, or what else it is. */
static enum mhp_reason why_in_use(unsigned long pfn, enum mhp_reason why)
{
	return PageHWPoison(compound_head(pfn_to_page(pfn))) ? MHP_WHY_HWPOISON : why;
}

static int dissolve_piece(const struct mhp_range *piece)
{
	return dissolve_free_hugetlb_folios(piece->start_pfn, mhp_range_end(piece));
}

static int test_piece(const struct mhp_range *piece)
{
	return test_pages_isolated(piece->start_pfn, mhp_range_end(piece), MEMORY_OFFLINE);
}

/* Does this for a block at a time. After an error *@pfn is what was in the way. */
static int each_piece(const struct mhp_range *pages, int (*todo)(const struct mhp_range *piece),
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
			*pfn = first_in_use(&piece);
			return ret;
		}
		cond_resched();
	}
	return 0;
}

/* Nothing is left that moves: is everything free? */
static int settle(struct mhp_evacuation *e)
{
	const struct mhp_range *pages = &e->run->pages;
	unsigned long pfn;
	int ret;

	ret = each_piece(pages, dissolve_piece, &pfn);
	if (ret)
		return mhp_refuse(e->res, ret, why_in_use(pfn, MHP_WHY_HUGETLB), pfn);
	/* A huge page that was dissolved may have had a broken page. */
	mhp_withhold_broken(e->run);
	ret = each_piece(pages, test_piece, &pfn);
	if (ret)
		note_stuck(e, why_in_use(pfn, MHP_WHY_UNMOVABLE), pfn);
	return ret;
}

/*
 * Nothing has moved for long: say what holds it up. Where each time it is another page, it
 * may take a little longer.
 */
static int check_stall(struct mhp_evacuation *e)
{
	if (e->left < e->least) {
		e->least = e->left;
		e->gained = jiffies;
	}
	judge(e);
	if (!stalled(e, MHP_STALL_MS) &&
	    time_before(jiffies, e->gained + msecs_to_jiffies(MHP_GIVE_UP_MS)))
		return 0;
	return blame(e);
}

/**
 * mhp_count_used() - how much there is to do
 * @run: isolated pages; @run->used is set
 *
 * Context: May sleep. No lock needed.
 * Return: pages in use.
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
 * mhp_check_empty() - is nothing in use in a run that was empty
 * @run: isolated pages
 * @res: gets the reason
 *
 * For who has dropped locks since.
 *
 * Context: May sleep.
 * Return: 0 or -EBUSY.
 */
int mhp_check_empty(struct mhp_run *run, struct mhp_result *res)
{
	unsigned long pfn;
	int ret = each_piece(&run->pages, test_piece, &pfn);

	return ret ? mhp_refuse(res, ret, MHP_WHY_ISOLATE_RACE, pfn) : 0;
}

/**
 * mhp_evacuate() - move everything out of an isolated run
 * @run: the pages
 * @patience: how long, and which signals end it
 * @progress: of the whole request
 * @res: gets the reason
 *
 * Context: May sleep, for as long as the policy says. No lock needed.
 * Return: 0 when all pages are free, poisoned, or given up by the driver that holds
 * them; -EBUSY a page does not go, or the deadline passed; -EINTR a signal; -ECANCELED;
 * -ENOMEM a free huge page could not be split.
 */
int mhp_evacuate(struct mhp_run *run, const struct mhp_patience *patience,
		 struct mhp_progress *progress, struct mhp_result *res)
{
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
		.gained = jiffies,
		.stuck = MHP_RESULT_OK,
		.suspect = MHP_RESULT_OK,
	};
	unsigned int passes;
	int ret;

	folio_batch_init(&e.small);
	/* Draining every CPU is for those who need it: later. */
	lru_add_drain();
	for (passes = 0;; passes++) {
		ret = pass(&e);
		if (ret)
			return ret;
		if (!e.left) {
			ret = settle(&e);
			if (!ret || res->err)
				return ret;
		}
		ret = check_stall(&e) ?: check_patience(&e);
		if (ret)
			return ret;
		/* What did not go may sit in a cache of another CPU. */
		if (e.left)
			mhp_drain_lru(patience);
		drain_all_pages(run->zone);
		if (passes)
			rest(&e);
	}
}
