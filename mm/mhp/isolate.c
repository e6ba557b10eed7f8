// SPDX-License-Identifier: GPL-2.0
/*
 * Pages in and out of the allocator's reach.
 *
 *	new pages -> expose -> unisolate	a run comes online
 *	isolate -> (evacuate) -> withdraw	a run goes offline
 *	isolate -> unisolate			it stays online after all
 *
 * Owns the migrate type of the pageblocks of a run that is on its way, and the
 * managed pages it brings or takes. Calls mm/page_isolation.c. mem_hotplug_lock
 * is held for write. The invariant: between isolate and unisolate nothing is
 * allocated from the run, and afterwards every pageblock has the type it had.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/hugetlb.h>
#include <linux/kasan.h>
#include <linux/page-isolation.h>
#include <linux/page_owner.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include "mhp.h"
#include "../internal.h"
#include "../page_reporting.h"

static void count_isolated(struct zone *zone, const struct mhp_range *pages, long sign)
{
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	zone->nr_isolate_pageblock += sign * (long)(pages->nr_pages >> pageblock_order);
	spin_unlock_irqrestore(&zone->lock, flags);
}

/*
 * Does something keep records of each page that is freed, or do something to it? Then new
 * pages have to be freed one chunk after the other as well.
 */
static bool freeing_is_watched(const struct mhp_range *range)
{
	if (IS_ENABLED(CONFIG_KMSAN) || IS_ENABLED(CONFIG_KASAN_SW_TAGS) ||
	    IS_ENABLED(CONFIG_KASAN_HW_TAGS) || IS_ENABLED(CONFIG_PAGE_TABLE_CHECK))
		return true;
	/* A macro of asm/page.h: s390 and some powerpc tell the hypervisor. */
#ifdef HAVE_ARCH_FREE_PAGE
	return true;
#endif
#ifdef CONFIG_PAGE_OWNER
	if (static_branch_unlikely(&page_owner_inited))
		return true;
#endif
	return debug_pagealloc_enabled() || page_poisoning_enabled() || want_init_on_free() ||
	       range_contains_unaccepted_memory(mhp_range_phys(range), mhp_range_bytes(range));
}

/**
 * mhp_new_pages() - give the pages of a run that comes online to its zone
 * @run: the pages; @run->fresh is set
 *
 * Context: May sleep. mem_hotplug_lock held for write.
 */
void mhp_new_pages(struct mhp_run *run)
{
	run->fresh = !freeing_is_watched(&run->pages) && mhp_callbacks_know_ranges();
	if (run->fresh)
		mhp_zone_add_free(run->zone, &run->pages);
	else
		move_pfn_range_to_zone(run->zone, run->pages.start_pfn, run->pages.nr_pages,
				       NULL, MIGRATE_ISOLATE);
}

/* The biggest chunk of the allocator that fits between @pfn, where it starts, and @end. */
static unsigned int chunk_order(unsigned long pfn, unsigned long end)
{
	return min_t(unsigned int, __ffs(pfn | BIT(MAX_PAGE_ORDER)), ilog2(end - pfn));
}

/* By each callback to the allocator, isolated. */
static void expose_by_chunk(struct mhp_run *run)
{
	unsigned long pfn = run->pages.start_pfn, end = mhp_range_end(&run->pages);
	unsigned int order;

	count_isolated(run->zone, &run->pages, 1);
	mhp_hand_on_begin();
	for (; pfn < end; pfn += 1UL << order) {
		order = chunk_order(pfn, end);
		generic_online_page(pfn_to_page(pfn), order);
		cond_resched();
	}
	mhp_hand_on_end();
}

/* For KASAN: whoever touches one has not allocated it. */
static void poison_fresh(const struct mhp_range *pages)
{
	unsigned long pfn = pages->start_pfn, end = mhp_range_end(pages);
	unsigned int order;

	for (; kasan_enabled() && pfn < end; pfn += 1UL << order) {
		order = chunk_order(pfn, end);
		kasan_poison_pages(pfn_to_page(pfn), order, false);
		cond_resched();
	}
}

/**
 * mhp_expose() - count new pages as the allocator's, still out of its reach, mark them online
 * @run: the pages
 *
 * Context: May sleep. mem_hotplug_lock held for write.
 */
void mhp_expose(struct mhp_run *run)
{
	const struct mhp_range *pages = &run->pages;

	mhp_assert_write_locked();
	/* Only now drivers may be asked: they have been notified, and hold their locks. */
	if (run->fresh && !mhp_callbacks_pass(pages)) {
		run->fresh = false;
		memmap_init_range(pages->nr_pages, zone_to_nid(run->zone), zone_idx(run->zone),
				  pages->start_pfn, 0, MEMINIT_HOTPLUG, NULL, MIGRATE_ISOLATE);
	}
	if (run->fresh) {
		poison_fresh(pages);
		adjust_managed_page_count(pfn_to_page(pages->start_pfn), pages->nr_pages);
	} else {
		expose_by_chunk(run);
	}
	online_mem_sections(pages->start_pfn, mhp_range_end(pages));
}

#ifdef CONFIG_MEMORY_FAILURE

/* Where no page of the system is broken, nobody needs to look at each. */
static bool mhp_any_page_broken(void)
{
	return atomic_long_read(&num_poisoned_pages);
}

static void withhold_page(struct page *page)
{
	if (PageHWPoison(page) && is_free_buddy_page(page) && take_page_off_buddy(page))
		page_ref_inc(page);
}

#else

static bool mhp_any_page_broken(void)
{
	return false;
}

static void withhold_page(struct page *page)
{
}

#endif /* CONFIG_MEMORY_FAILURE */

/**
 * mhp_first_broken() - look for a page that hardware has found broken
 * @run: pages that have struct pages
 *
 * Context: May sleep.
 * Return: the first page frame of a broken page, or %MHP_NO_PFN.
 */
unsigned long mhp_first_broken(const struct mhp_run *run)
{
	unsigned long pfn;

	if (!mhp_any_page_broken())
		return MHP_NO_PFN;
	for (pfn = run->pages.start_pfn; pfn < mhp_range_end(&run->pages); pfn++) {
		if (PageHWPoison(pfn_to_page(pfn)))
			return pfn;
		if (pageblock_aligned(pfn))
			cond_resched();
	}
	return MHP_NO_PFN;
}

/**
 * mhp_withhold_broken() - let nobody allocate broken pages that are among free ones
 * @run: pages that are free, or were made so
 *
 * memory_failure() does that to a page it finds free. What it found in a huge page, or before
 * the pages were on a list, comes to a list with the pages around it.
 *
 * Context: May sleep.
 */
void mhp_withhold_broken(const struct mhp_run *run)
{
	unsigned long pfn;

	if (!mhp_any_page_broken())
		return;
	for (pfn = run->pages.start_pfn; pfn < mhp_range_end(&run->pages); pfn++) {
		withhold_page(pfn_to_page(pfn));
		if (pageblock_aligned(pfn))
			cond_resched();
	}
}

/* The order of the biggest chunk at @pfn without a broken page; -1 where that is broken. */
static int sound_order(unsigned long pfn, unsigned int order)
{
	unsigned long n;

	for (n = 0; n < 1UL << order; n++)
		if (PageHWPoison(pfn_to_page(pfn + n)))
			return n ? ilog2(n) : -1;
	return order;
}

/* As list_some(), where a broken page is known of: it stays out. */
static void list_sound(struct zone *zone, unsigned long pfn, unsigned long end)
{
	unsigned long flags;
	int order;

	spin_lock_irqsave(&zone->lock, flags);
	for (; pfn < end; pfn += 1UL << max(order, 0)) {
		struct page *page = pfn_to_page(pfn);

		order = sound_order(pfn, chunk_order(pfn, end));
		if (order >= 0)
			__putback_isolated_page(page, order, get_pageblock_migratetype(page));
	}
	spin_unlock_irqrestore(&zone->lock, flags);
}

/* Puts new pages into the free lists. */
static void list_some(struct zone *zone, unsigned long pfn, unsigned long end)
{
	unsigned long flags;
	unsigned int order;

	spin_lock_irqsave(&zone->lock, flags);
	for (; pfn < end; pfn += 1UL << order) {
		struct page *page = pfn_to_page(pfn);

		order = chunk_order(pfn, end);
		__putback_isolated_page(page, order, get_pageblock_migratetype(page));
	}
	spin_unlock_irqrestore(&zone->lock, flags);
}

static void list_fresh(struct mhp_run *run)
{
	unsigned long pfn = run->pages.start_pfn, end = mhp_range_end(&run->pages), next;

	for (; pfn < end; pfn = next) {
		next = min(end, SECTION_ALIGN_UP(pfn + 1));
		if (mhp_any_page_broken())
			list_sound(run->zone, pfn, next);
		else
			list_some(run->zone, pfn, next);
		cond_resched();
	}
	/* What memory_failure() was at meanwhile, and had not counted. */
	mhp_withhold_broken(run);
	count_vm_events(PGFREE, run->pages.nr_pages);
	page_reporting_notify_free(MAX_PAGE_ORDER);
	run->fresh = false;
}

/* What the type of a pageblock was, or is to be. */
static u8 type_of(const struct mhp_run *run, unsigned long pfn)
{
	if (!run->types)
		return MIGRATE_MOVABLE;
	return run->types[(pfn - run->pages.start_pfn) >> pageblock_order];
}

/* Where the pageblocks of the type of @pfn end, or its block. */
static unsigned long same_type_end(const struct mhp_run *run, unsigned long pfn)
{
	unsigned long end = mhp_piece_end(&run->pages, pfn);
	u8 type = type_of(run, pfn);

	do
		pfn += pageblock_nr_pages;
	while (pfn < end && type_of(run, pfn) == type);
	return pfn;
}

/* Gives the pageblocks from the start of the run up to @end back. */
static void unisolate_to(struct mhp_run *run, unsigned long end)
{
	unsigned long pfn, next;

	for (pfn = run->pages.start_pfn; pfn < end; pfn = next) {
		next = min(same_type_end(run, pfn), end);
		undo_isolate_page_range(pfn, next, type_of(run, pfn));
		cond_resched();
	}
}

static int remember_types(struct mhp_run *run, struct mhp_result *res)
{
	unsigned long pfn, n = 0;

	run->types = kvmalloc_array(run->pages.nr_pages >> pageblock_order,
				    sizeof(*run->types), MHP_GFP);
	if (!run->types)
		return mhp_refuse(res, -ENOMEM, MHP_WHY_NOMEM, MHP_NO_PFN);

	for (pfn = run->pages.start_pfn; pfn < mhp_range_end(&run->pages);
	     pfn += pageblock_nr_pages) {
		int type = get_pageblock_migratetype(pfn_to_page(pfn));

		if (is_migrate_isolate(type))
			return mhp_refuse(res, -EBUSY, MHP_WHY_ISOLATE_RACE, pfn);
		/* CMA must find its pages where it left them. */
		if (is_migrate_cma(type))
			return mhp_refuse(res, -EBUSY, MHP_WHY_UNMOVABLE, pfn);
		run->types[n++] = type;
		cond_resched();
	}
	return 0;
}

/*
 * Before anything is changed. Pages on their way to the LRU look as those of the kernel do:
 * where one is met they are sent there first. In ZONE_MOVABLE isolation itself looks for the
 * little that does not move.
 */
static unsigned long look_for_unmovable(const struct mhp_run *run,
					const struct mhp_patience *patience)
{
	unsigned long pfn;

	if (zone_idx(run->zone) == ZONE_MOVABLE)
		return MHP_NO_PFN;
	pfn = mhp_first_unmovable(&run->pages);
	if (pfn == MHP_NO_PFN || PageReserved(pfn_to_page(pfn)))
		return pfn;
	mhp_drain_lru(patience);
	return mhp_first_unmovable(&run->pages);
}

/**
 * mhp_isolate() - let nothing be allocated from a run that is online
 * @run: the pages; @run->types is filled, and freed by mhp_unisolate() or mhp_withdraw()
 * @patience: how long to wait for other CPUs
 * @res: gets the reason
 *
 * Pages that are freed from now on stay isolated, but for some that are already
 * on their way to a pcp list: mhp_evacuate() meets those.
 *
 * Context: mem_hotplug_lock held for write.
 * Return: 0, -ENOMEM, -EINTR, -ECANCELED, or -EBUSY where a page cannot move, somebody else
 * has isolated it, or time is up; then everything is as before.
 */
int mhp_isolate(struct mhp_run *run, const struct mhp_patience *patience,
		struct mhp_result *res)
{
	unsigned long pfn, next, blocker;
	int ret;

	mhp_assert_write_locked();
	blocker = look_for_unmovable(run, patience);
	if (blocker != MHP_NO_PFN)
		return mhp_refuse(res, -EBUSY, MHP_WHY_UNMOVABLE, blocker);
	ret = remember_types(run, res);
	if (ret)
		goto out_free;
	for (pfn = run->pages.start_pfn; pfn < mhp_range_end(&run->pages); pfn = next) {
		next = same_type_end(run, pfn);
		ret = start_isolate_page_range(pfn, next, type_of(run, pfn),
					       MEMORY_OFFLINE, GFP_KERNEL);
		if (ret)
			goto out_undo;
		cond_resched();
	}
	/* What is free in lists of CPUs must not become the kernel's; movable it may become. */
	if (zone_idx(run->zone) != ZONE_MOVABLE)
		drain_all_pages(run->zone);
	return 0;

out_undo:
	unisolate_to(run, pfn);
	blocker = mhp_first_unmovable(&run->pages);
	if (blocker == MHP_NO_PFN)
		mhp_refuse(res, -EBUSY, MHP_WHY_ISOLATE_RACE, pfn);
	else
		mhp_refuse(res, -EBUSY, MHP_WHY_UNMOVABLE, blocker);
out_free:
	kvfree(run->types);
	run->types = NULL;
	return ret;
}

/**
 * mhp_isolate_lost() - let nothing be allocated any more from memory that has gone
 * @run: the pages, whatever is in them; they stay isolated for good
 *
 * Context: May sleep. mem_hotplug_lock held for write.
 */
void mhp_isolate_lost(struct mhp_run *run)
{
	struct zone *zone = run->zone;
	unsigned long pfn, flags;

	mhp_assert_write_locked();
	for (pfn = run->pages.start_pfn; pfn < mhp_range_end(&run->pages);
	     pfn += pageblock_nr_pages) {
		struct page *page = pfn_to_page(pfn);

		spin_lock_irqsave(&zone->lock, flags);
		if (!is_migrate_isolate_page(page) &&
		    move_freepages_block_isolate(zone, page, MIGRATE_ISOLATE))
			zone->nr_isolate_pageblock++;
		spin_unlock_irqrestore(&zone->lock, flags);
		cond_resched();
	}
	drain_all_pages(zone);
}

/**
 * mhp_unisolate() - let the allocator use a run
 * @run: isolated pages; those that were online get their former types, new ones are movable
 *
 * Context: mem_hotplug_lock held for write.
 */
void mhp_unisolate(struct mhp_run *run)
{
	mhp_assert_write_locked();
	if (run->fresh)
		list_fresh(run);
	else
		unisolate_to(run, mhp_range_end(&run->pages));
	kvfree(run->types);
	run->types = NULL;
}

/* Takes what is free from @pfn on out of the free lists; returns where to go on. */
static unsigned long withdraw_some(struct mhp_run *run, unsigned long pfn,
				   unsigned long end)
{
	struct zone *zone = run->zone;
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	while (pfn < end) {
		struct page *page = pfn_to_page(pfn);
		unsigned int order;

		if (!PageBuddy(page)) {
			/* Poisoned, or a driver keeps it: in no free list. */
			if (PageOffline(page))
				run->unmanaged++;
			pfn++;
			continue;
		}
		order = buddy_order(page);
		__isolate_free_page(page, order);
		pfn += 1UL << order;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	return pfn;
}

/* Passes some pages that go with their block; returns where to go on, or @pfn if it does not. */
static unsigned long skip_withdrawable(struct zone *zone, unsigned long pfn, unsigned long end)
{
	unsigned int left = pageblock_nr_pages;
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	while (pfn < end && left--) {
		struct page *page = pfn_to_page(pfn);

		if (PageBuddy(page))
			pfn += 1UL << buddy_order(page);
		else if (PageHWPoison(page) || (PageOffline(page) && !page_count(page)))
			pfn++;
		else
			break;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	return pfn;
}

/**
 * mhp_first_kept() - what keeps an isolated run that was empty from going
 * @run: the pages; no longer online, and nobody looks at them any more
 *
 * A walk that had begun before they were isolated may have taken free ones, as
 * compaction does: these are not in use, and not free either.
 *
 * Context: May sleep. mem_hotplug_lock held for write.
 * Return: the first page frame that is not free, poisoned or a driver's, or %MHP_NO_PFN.
 */
unsigned long mhp_first_kept(const struct mhp_run *run)
{
	unsigned long pfn = run->pages.start_pfn, end = mhp_range_end(&run->pages);
	unsigned long next;

	mhp_assert_write_locked();
	for (; pfn < end; pfn = next) {
		next = skip_withdrawable(run->zone, pfn, end);
		if (next == pfn)
			return pfn;
		cond_resched();
	}
	return MHP_NO_PFN;
}

/**
 * mhp_withdraw() - take an isolated run that is empty from the allocator for good
 * @run: the pages, not online any more; @run->unmanaged is set
 *
 * Context: mem_hotplug_lock held for write.
 */
void mhp_withdraw(struct mhp_run *run)
{
	unsigned long pfn = run->pages.start_pfn, end = mhp_range_end(&run->pages);

	mhp_assert_write_locked();
	run->unmanaged = 0;
	while (pfn < end && !run->fresh) {
		pfn = withdraw_some(run, pfn, min(end, pfn + MAX_ORDER_NR_PAGES));
		cond_resched();
	}
	if (!run->fresh)
		count_isolated(run->zone, &run->pages, -1);
	adjust_managed_page_count(pfn_to_page(run->pages.start_pfn),
				  -(long)(run->pages.nr_pages - run->unmanaged));
	kvfree(run->types);
	run->types = NULL;
}
