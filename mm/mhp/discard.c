// SPDX-License-Identifier: GPL-2.0
/*
 * Discards the contents of memory that disappeared while it was in use (surprise removal). The
 * data is lost, and the pages must not be used any more.
 *
 * Owns nothing. Does for all pages of a run what mm/memory-failure.c does for a single page,
 * with three differences. It does not wait: a folio that is locked, under writeback or
 * referenced stays as it is, isolated. It does not log each page: the caller reports in one
 * line how much was lost. And it ignores vm.memory_failure_recovery, which is about memory
 * errors, not about a removal that the firmware reports.
 *
 * mf_mutex is held, so that no failure of the same page is handled at the same time. It is
 * taken before mem_hotplug_lock, which others need while memory failure waits for I/O.
 *
 *	clean page cache	is dropped, and read again from its file when needed
 *	dirty page cache	is dropped; fsync() of its file fails with EIO
 *	memory of programs	is unmapped; an access gets SIGBUS
 *	free huge pages		are dissolved
 *	memory of the kernel	stays, as nothing can replace it
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/backing-dev.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/swap.h>

#include "broken.h"
#include "mhp.h"

#ifdef CONFIG_MEMORY_FAILURE

/* Memory failure may hold mf_mutex while it waits for I/O. */
#define MHP_DISCARD_WAIT_MS	5000

/**
 * mhp_discard_begin() - exclude memory failure before pages are discarded
 *
 * Context: Process context. May sleep for up to five seconds. device_hotplug_lock held,
 * mem_hotplug_lock not held. Takes mf_mutex until mhp_discard_end().
 * Return: true; false if mf_mutex could not be taken in time, and nothing can be discarded.
 */
bool mhp_discard_begin(void)
{
	unsigned long end = jiffies + msecs_to_jiffies(MHP_DISCARD_WAIT_MS);
	/* Only the first block of a device waits. Protected by device_hotplug_lock. */
	static bool still_busy;

	while (!memory_failure_trylock()) {
		if (still_busy || time_after(jiffies, end)) {
			still_busy = true;
			return false;
		}
		fsleep(10 * USEC_PER_MSEC);
	}
	still_busy = false;
	return true;
}

/**
 * mhp_discard_end() - allow memory failure again after mhp_discard_begin()
 *
 * Context: Process context. Releases mf_mutex.
 */
void mhp_discard_end(void)
{
	memory_failure_unlock();
}

static void mhp_discard_poison(struct page *page)
{
	if (!TestSetPageHWPoison(page))
		num_poisoned_pages_inc(page_to_pfn(page));
}

static void mhp_discard_unpoison(struct page *page)
{
	ClearPageHWPoison(page);
	num_poisoned_pages_sub(page_to_pfn(page), 1);
}

/* Returns true if the folio was clean and is not in the page cache any more. */
static bool mhp_discard_from_file(struct folio *folio)
{
	struct address_space *mapping = folio_mapping(folio);
	bool dirty = folio_test_dirty(folio);

	if (!mapping || folio_test_swapbacked(folio))
		return false;
	if (dirty)
		mapping_set_error(mapping, -EIO);
	if (mapping->a_ops->error_remove_folio)
		mapping->a_ops->error_remove_folio(mapping, folio);
	else
		mapping_evict_folio(mapping, folio);
	return !dirty && !folio_test_dirty(folio) && !folio->mapping;
}

/* Accesses to data that is lost get SIGBUS; clean page cache is read from its file again. */
static void mhp_discard_unmap(struct folio *folio)
{
	struct address_space *mapping = folio_mapping(folio);
	enum ttu_flags ttu = TTU_IGNORE_MLOCK | TTU_SYNC;
	bool clean = mapping && mapping_can_writeback(mapping) && !folio_test_dirty(folio);

	/* Page tables may have dirty bits that the folio does not have yet. */
	if (clean && folio_mkclean(folio)) {
		folio_set_dirty(folio);
		clean = false;
	}
	if (!clean && !folio_test_swapcache(folio))
		ttu |= TTU_HWPOISON;
	try_to_unmap(folio, ttu);
}

/* The folio is small, locked, referenced, and not under writeback. */
static void mhp_discard_locked_folio(struct folio *folio)
{
	struct page *page = folio_page(folio, 0);

	/* Poison first, so that unmapping replaces page table entries by hwpoison entries. */
	mhp_discard_poison(page);
	if (folio_mapped(folio))
		mhp_discard_unmap(folio);
	if (!folio_mapped(folio) && mhp_discard_from_file(folio))
		mhp_discard_unpoison(page);
}

/* Discards the contents of a folio of the LRU, which is locked and referenced. Unlocks it. */
static void mhp_discard_lru_folio(struct folio *folio, struct page *page)
{
	/* After a split, lock and reference belong to the folio of @page. */
	if (folio_test_large(folio))
		split_huge_page(page);
	folio = page_folio(page);
	/* A folio under writeback must stay in the page cache until writeback ends. */
	if (!folio_test_large(folio) && !folio_test_writeback(folio))
		mhp_discard_locked_folio(folio);
	folio_unlock(folio);
}

/* Returns true if the reference must be kept, as memory_failure() keeps one as well. */
static bool mhp_discard_hugetlb(struct folio *folio)
{
	bool lost = false;

	if (!folio_trylock(folio))
		return false;
	if (folio_test_hugetlb(folio))
		lost = memory_failure_lose_huge(folio);
	if (lost && folio_mapped(folio))
		unmap_poisoned_folio(folio, folio_pfn(folio), true);
	folio_unlock(folio);
	return lost;
}

/* Discards the contents of a page, if that is possible without waiting. */
static void mhp_discard_page(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (PageHWPoison(page) || folio_test_hwpoison(folio))
		return;
	if (!folio_try_get(folio)) {
		/* Restoring an optimized vmemmap allocates memory, and waits for RCU. */
		if (folio_test_hugetlb(folio) && !folio_test_hugetlb_vmemmap_optimized(folio))
			dissolve_free_hugetlb_folio(folio);
		return;
	}
	if (page_folio(page) != folio) {
		folio_put(folio);
		return;
	}
	if (folio_test_hugetlb(folio)) {
		if (mhp_discard_hugetlb(folio))
			return;
	} else if (folio_test_lru(folio) && folio_trylock(folio)) {
		mhp_discard_lru_folio(folio, page);
		folio = page_folio(page);
	}
	folio_put(folio);
}

#else

static void mhp_discard_page(struct page *page)
{
}

#endif /* CONFIG_MEMORY_FAILURE */

/* All pages of a poisoned huge page count as poisoned. */
static void mhp_discard_count_page(struct page *page, unsigned long *poisoned, unsigned long *used)
{
	struct folio *folio = page_folio(page);

	if (PageHWPoison(page) || (folio_test_hugetlb(folio) && folio_test_hwpoison(folio)))
		(*poisoned)++;
	else if (folio_ref_count(folio))
		(*used)++;
}

/**
 * mhp_discard() - discard the contents of a run
 * @run: isolated pages, which cannot be read any more
 * @may_discard: mhp_discard_begin() returned true; otherwise the pages are only counted
 * @poisoned: set to the number of pages whose users have lost data
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 * Return: the number of pages that are still in use.
 */
unsigned long mhp_discard(struct mhp_run *run, bool may_discard, unsigned long *poisoned)
{
	static const struct mhp_policy policy = { .signals = MHP_SIGNALS_NONE };
	const struct mhp_patience patience = { .policy = &policy };
	unsigned long pfn = run->pages.start_pfn, used = 0, nr;
	struct page *page;

	mhp_assert_write_locked();
	*poisoned = 0;
	mhp_drain_lru(&patience);
	while (pfn < mhp_range_end(&run->pages)) {
		page = pfn_to_page(pfn);
		nr = mhp_pages_if_free(page);
		if (!nr) {
			nr = 1;
			if (may_discard)
				mhp_discard_page(page);
			mhp_discard_count_page(page, poisoned, &used);
		}
		pfn += nr;
		cond_resched();
	}
	/* Pages that were dropped may be on the free lists of CPUs. */
	drain_all_pages(run->zone);
	return used;
}
