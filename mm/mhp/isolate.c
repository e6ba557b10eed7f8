// SPDX-License-Identifier: GPL-2.0
/*
 * Gives the pages of a run to the page allocator, and takes them from it.
 *
 *	new pages -> expose -> unisolate	a run comes online
 *	isolate -> (evacuate) -> withdraw	a run goes offline
 *	isolate -> unisolate			a run stays online after a failed offline
 *
 * Owns the migrate type of the pageblocks of a run that is going online or offline, and adjusts
 * the managed pages. Calls mm/page_isolation.c. mem_hotplug_lock is held for write. The
 * invariant: between isolate and unisolate nothing is allocated from the run, and afterwards
 * every pageblock has the type that it had before.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/delay.h>
#include <linux/hugetlb.h>
#include <linux/jiffies.h>
#include <linux/kasan.h>
#include <linux/page-isolation.h>
#include <linux/page_owner.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include "mhp.h"
#include "../internal.h"
#include "../page_reporting.h"

static void mhp_count_isolated(struct zone *zone, const struct mhp_range *pages, long sign)
{
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	zone->nr_isolate_pageblock += sign * (long)(pages->nr_pages >> pageblock_order);
	spin_unlock_irqrestore(&zone->lock, flags);
}

/* Pageblocks that go offline are not reserved for atomic allocations any more. */
static void mhp_unreserve(struct zone *zone, unsigned long pageblocks)
{
	unsigned long reserved = zone->nr_reserved_highatomic;

	lockdep_assert_held(&zone->lock);
	zone->nr_reserved_highatomic -= min(reserved, pageblocks << pageblock_order);
}

/*
 * Some debug features and architectures have to see each page that is freed. Then new pages
 * have to be freed chunk by chunk as well.
 */
static bool mhp_freeing_is_watched(const struct mhp_range *range)
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
 * mhp_new_pages() - add the pages of a run that comes online to its zone
 * @run: the run; @run->fresh is set
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 */
void mhp_new_pages(struct mhp_run *run)
{
	run->fresh = !mhp_freeing_is_watched(&run->pages) && mhp_callbacks_know_ranges();
	if (run->fresh)
		mhp_zone_add_free(run->zone, &run->pages);
	else
		move_pfn_range_to_zone(run->zone, run->pages.start_pfn, run->pages.nr_pages,
				       NULL, MIGRATE_ISOLATE);
}

/* The order of the largest chunk that can begin at @pfn and ends at or before @end. */
static unsigned int mhp_chunk_order(unsigned long pfn, unsigned long end)
{
	return min_t(unsigned int, __ffs(pfn | BIT(MAX_PAGE_ORDER)), ilog2(end - pfn));
}

/* Passes all pages through the callbacks to the page allocator; their pageblocks are isolated. */
static void mhp_expose_by_chunk(struct mhp_run *run)
{
	unsigned long pfn = run->pages.start_pfn, end = mhp_range_end(&run->pages);
	unsigned int order;

	mhp_count_isolated(run->zone, &run->pages, 1);
	mhp_hand_on_begin();
	for (; pfn < end; pfn += 1UL << order) {
		order = mhp_chunk_order(pfn, end);
		generic_online_page(pfn_to_page(pfn), order);
		cond_resched();
	}
	mhp_hand_on_end();
}

/* KASAN reports accesses to pages that have not been allocated. */
static void mhp_kasan_poison_fresh(const struct mhp_range *pages)
{
	unsigned long pfn = pages->start_pfn, end = mhp_range_end(pages);
	unsigned int order;

	for (; kasan_enabled() && pfn < end; pfn += 1UL << order) {
		order = mhp_chunk_order(pfn, end);
		kasan_poison_pages(pfn_to_page(pfn), order, false);
		cond_resched();
	}
}

/**
 * mhp_expose() - make new pages managed, but do not let them be found or allocated yet
 * @run: the run
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 */
void mhp_expose(struct mhp_run *run)
{
	const struct mhp_range *pages = &run->pages;

	mhp_assert_write_locked();
	/* Drivers can only be asked after they were notified of MEM_GOING_ONLINE. */
	if (run->fresh && !mhp_callbacks_pass(pages)) {
		run->fresh = false;
		memmap_init_range(pages->nr_pages, zone_to_nid(run->zone), zone_idx(run->zone),
				  pages->start_pfn, 0, MEMINIT_HOTPLUG, NULL, MIGRATE_ISOLATE);
	}
	if (run->fresh) {
		mhp_kasan_poison_fresh(pages);
		adjust_managed_page_count(pfn_to_page(pages->start_pfn), pages->nr_pages);
	} else {
		mhp_expose_by_chunk(run);
	}
}

#ifdef CONFIG_MEMORY_FAILURE

/* If the system has no poisoned pages, the pages of a run need not be checked one by one. */
static bool mhp_any_page_broken(void)
{
	return atomic_long_read(&num_poisoned_pages);
}

static void mhp_withhold_page(struct page *page)
{
	if (PageHWPoison(page) && is_free_buddy_page(page) && take_page_off_buddy(page))
		page_ref_inc(page);
}

#else

static bool mhp_any_page_broken(void)
{
	return false;
}

static void mhp_withhold_page(struct page *page)
{
}

#endif /* CONFIG_MEMORY_FAILURE */

/**
 * mhp_first_broken() - find a poisoned page of a run
 * @run: the run, whose struct pages are initialized
 *
 * Context: Process context. May sleep.
 * Return: the first page frame with a poisoned page, or %MHP_NO_PFN.
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
 * mhp_withhold_broken() - take poisoned pages off the free lists
 * @run: the run; its pages are free, or have just been added to the free lists
 *
 * memory_failure() itself does this to a page that is free. A page that was poisoned as a part
 * of a huge page, or before it was on a free list, is added to a free list with its neighbours.
 *
 * Context: Process context. May sleep.
 */
void mhp_withhold_broken(const struct mhp_run *run)
{
	unsigned long pfn;

	if (!mhp_any_page_broken())
		return;
	for (pfn = run->pages.start_pfn; pfn < mhp_range_end(&run->pages); pfn++) {
		mhp_withhold_page(pfn_to_page(pfn));
		if (pageblock_aligned(pfn))
			cond_resched();
	}
}

/* The order of the largest chunk at @pfn without a poisoned page; -1 if @pfn is poisoned. */
static int mhp_unpoisoned_order(unsigned long pfn, unsigned int order)
{
	unsigned long n;

	for (n = 0; n < 1UL << order; n++)
		if (PageHWPoison(pfn_to_page(pfn + n)))
			return n ? ilog2(n) : -1;
	return order;
}

/* Adds new pages to the free lists, except poisoned ones. */
static void mhp_list_unpoisoned(struct zone *zone, unsigned long pfn, unsigned long end)
{
	unsigned long flags;
	int order;

	spin_lock_irqsave(&zone->lock, flags);
	for (; pfn < end; pfn += 1UL << max(order, 0)) {
		struct page *page = pfn_to_page(pfn);

		order = mhp_unpoisoned_order(pfn, mhp_chunk_order(pfn, end));
		if (order >= 0)
			__putback_isolated_page(page, order, get_pageblock_migratetype(page));
	}
	spin_unlock_irqrestore(&zone->lock, flags);
}

/* Adds new pages to the free lists. */
static void mhp_list_pages(struct zone *zone, unsigned long pfn, unsigned long end)
{
	unsigned long flags;
	unsigned int order;

	spin_lock_irqsave(&zone->lock, flags);
	for (; pfn < end; pfn += 1UL << order) {
		struct page *page = pfn_to_page(pfn);

		order = mhp_chunk_order(pfn, end);
		__putback_isolated_page(page, order, get_pageblock_migratetype(page));
	}
	spin_unlock_irqrestore(&zone->lock, flags);
}

static void mhp_list_fresh(struct mhp_run *run)
{
	unsigned long pfn = run->pages.start_pfn, end = mhp_range_end(&run->pages), next;

	for (; pfn < end; pfn = next) {
		next = min(end, SECTION_ALIGN_UP(pfn + 1));
		if (mhp_any_page_broken())
			mhp_list_unpoisoned(run->zone, pfn, next);
		else
			mhp_list_pages(run->zone, pfn, next);
		cond_resched();
	}
	/* A page may have been poisoned meanwhile, and not have been counted at that time. */
	mhp_withhold_broken(run);
	count_vm_events(PGFREE, run->pages.nr_pages);
	page_reporting_notify_free(MAX_PAGE_ORDER);
	run->fresh = false;
}

/* The migrate type that a pageblock had, or that a new one gets. */
static u8 mhp_pageblock_type(const struct mhp_run *run, unsigned long pfn)
{
	if (!run->types)
		return MIGRATE_MOVABLE;
	return run->types[(pfn - run->pages.start_pfn) >> pageblock_order];
}

/* The end of the pageblocks with the type of @pfn, but not beyond the end of its block. */
static unsigned long mhp_same_type_end(const struct mhp_run *run, unsigned long pfn)
{
	unsigned long end = mhp_piece_end(&run->pages, pfn);
	u8 type = mhp_pageblock_type(run, pfn);

	do
		pfn += pageblock_nr_pages;
	while (pfn < end && mhp_pageblock_type(run, pfn) == type);
	return pfn;
}

/* Ends the isolation of the pageblocks from the start of the run up to @end. */
static void mhp_unisolate_to(struct mhp_run *run, unsigned long end)
{
	unsigned long pfn, next;

	for (pfn = run->pages.start_pfn; pfn < end; pfn = next) {
		next = min(mhp_same_type_end(run, pfn), end);
		undo_isolate_page_range(pfn, next, mhp_pageblock_type(run, pfn));
		cond_resched();
	}
}

static int mhp_save_types(struct mhp_run *run, struct mhp_result *res)
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
		/* The pages of a CMA area must not leave it. */
		if (is_migrate_cma(type))
			return mhp_refuse(res, -EBUSY, MHP_WHY_UNMOVABLE, pfn);
		run->types[n++] = type;
		cond_resched();
	}
	return 0;
}

/*
 * Called before anything is changed. Pages in LRU batches cannot be distinguished from pages of
 * the kernel, so the batches are drained if there is an unmovable page. In ZONE_MOVABLE the
 * isolation itself finds the few pages that cannot be moved.
 */
static unsigned long mhp_look_for_unmovable(const struct mhp_run *run,
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
 * mhp_isolate() - isolate an online run, so that its pages are not allocated any more
 * @run: the run; @run->types is allocated, and freed by mhp_unisolate() or mhp_withdraw()
 * @patience: how long to wait for other CPUs, and what interrupts the wait
 * @res: set to the reason of a failure
 *
 * Pages that are freed from now on stay isolated, except a few that are about to be added to a
 * per-CPU list. mhp_evacuate() handles those.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 * Return: 0; -ENOMEM; -EBUSY if a page cannot be moved or is isolated already. After an error
 * nothing is isolated.
 */
int mhp_isolate(struct mhp_run *run, const struct mhp_patience *patience,
		struct mhp_result *res)
{
	unsigned long pfn, next, blocker;
	int ret;

	mhp_assert_write_locked();
	blocker = mhp_look_for_unmovable(run, patience);
	if (blocker != MHP_NO_PFN)
		return mhp_refuse(res, -EBUSY, MHP_WHY_UNMOVABLE, blocker);
	ret = mhp_save_types(run, res);
	if (ret)
		goto out_free;
	for (pfn = run->pages.start_pfn; pfn < mhp_range_end(&run->pages); pfn = next) {
		next = mhp_same_type_end(run, pfn);
		ret = start_isolate_page_range(pfn, next, mhp_pageblock_type(run, pfn),
					       MEMORY_OFFLINE, GFP_KERNEL);
		if (ret)
			goto out_undo;
		cond_resched();
	}
	/* Free pages on lists of CPUs must not become kernel memory; movable pages are harmless. */
	if (zone_idx(run->zone) != ZONE_MOVABLE)
		drain_all_pages(run->zone);
	return 0;

out_undo:
	mhp_unisolate_to(run, pfn);
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

/* How long alloc_contig_range() may go on to use the struct pages of memory that has gone. */
#define MHP_OTHERS_MS	1000

/* Returns false if something else has isolated the pageblock. */
static bool mhp_isolate_lost_pageblock(struct zone *zone, struct page *page)
{
	unsigned long flags;
	bool ours, reserved;

	spin_lock_irqsave(&zone->lock, flags);
	ours = !is_migrate_isolate_page(page);
	reserved = is_migrate_highatomic(get_pageblock_migratetype(page));
	if (ours && move_freepages_block_isolate(zone, page, MIGRATE_ISOLATE)) {
		zone->nr_isolate_pageblock++;
		mhp_unreserve(zone, reserved);
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	return ours;
}

/**
 * mhp_isolate_lost() - isolate a run whose memory has disappeared
 * @run: the run; its pages stay isolated, whatever they hold
 *
 * What something else has isolated, such as alloc_contig_range(), is isolated when that has ended.
 *
 * Context: Process context. May sleep, for one second at most. mem_hotplug_lock held for write.
 * Return: true; false if something else goes on to use struct pages of the run.
 */
bool mhp_isolate_lost(struct mhp_run *run)
{
	unsigned long pfn, end = jiffies + msecs_to_jiffies(MHP_OTHERS_MS);
	struct zone *zone = run->zone;
	bool alone = true;

	mhp_assert_write_locked();
	for (pfn = run->pages.start_pfn; pfn < mhp_range_end(&run->pages);
	     pfn += pageblock_nr_pages) {
		while (!mhp_isolate_lost_pageblock(zone, pfn_to_page(pfn))) {
			alone = time_before(jiffies, end);
			if (!alone)
				break;
			fsleep(USEC_PER_MSEC);
		}
		cond_resched();
	}
	drain_all_pages(zone);
	return alone;
}

/**
 * mhp_unisolate() - let the pages of a run be allocated
 * @run: the run; pageblocks that were online get their previous type, new ones are movable
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 */
void mhp_unisolate(struct mhp_run *run)
{
	mhp_assert_write_locked();
	if (run->fresh)
		mhp_list_fresh(run);
	else
		mhp_unisolate_to(run, mhp_range_end(&run->pages));
	kvfree(run->types);
	run->types = NULL;
}

/* Takes free pages from @pfn on off the free lists; returns the next page frame to handle. */
static unsigned long mhp_withdraw_pages(struct mhp_run *run, unsigned long pfn,
					unsigned long end)
{
	struct zone *zone = run->zone;
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	while (pfn < end) {
		struct page *page = pfn_to_page(pfn);
		unsigned int order;

		if (!PageBuddy(page)) {
			/* A page that is poisoned or kept by a driver is on no free list. */
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

/* Skips pages that do not keep the block online; returns @pfn if that page does. */
static unsigned long mhp_skip_withdrawable(struct zone *zone, unsigned long pfn, unsigned long end)
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
 * mhp_first_kept() - find a page that keeps an isolated and emptied run from going offline
 * @run: the run; its sections are marked offline, and all walks have ended
 *
 * A walk that had begun before the run was isolated may have taken free pages off the free
 * lists, as compaction does. Such a page is neither in use nor free.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 * Return: the first page frame that is neither free, nor poisoned, nor released by its driver;
 * %MHP_NO_PFN if there is none.
 */
unsigned long mhp_first_kept(const struct mhp_run *run)
{
	unsigned long pfn = run->pages.start_pfn, end = mhp_range_end(&run->pages);
	unsigned long next;

	mhp_assert_write_locked();
	for (; pfn < end; pfn = next) {
		next = mhp_skip_withdrawable(run->zone, pfn, end);
		if (next == pfn)
			return pfn;
		cond_resched();
	}
	return MHP_NO_PFN;
}

static void mhp_withdraw_reserved(const struct mhp_run *run)
{
	unsigned long n, flags, reserved = 0;

	/* mhp_isolate_lost() does not keep the types. */
	if (!run->types)
		return;
	for (n = 0; n < run->pages.nr_pages >> pageblock_order; n++)
		reserved += is_migrate_highatomic(run->types[n]);
	spin_lock_irqsave(&run->zone->lock, flags);
	mhp_unreserve(run->zone, reserved);
	spin_unlock_irqrestore(&run->zone->lock, flags);
}

/**
 * mhp_withdraw() - take the pages of an isolated and emptied run from the page allocator
 * @run: the run; its sections are marked offline; @run->unmanaged is set
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 */
void mhp_withdraw(struct mhp_run *run)
{
	unsigned long pfn = run->pages.start_pfn, end = mhp_range_end(&run->pages);

	mhp_assert_write_locked();
	run->unmanaged = 0;
	while (pfn < end && !run->fresh) {
		pfn = mhp_withdraw_pages(run, pfn, min(end, pfn + MAX_ORDER_NR_PAGES));
		cond_resched();
	}
	if (!run->fresh)
		mhp_count_isolated(run->zone, &run->pages, -1);
	adjust_managed_page_count(pfn_to_page(run->pages.start_pfn),
				  -(long)(run->pages.nr_pages - run->unmanaged));
	mhp_withdraw_reserved(run);
	kvfree(run->types);
	run->types = NULL;
}
