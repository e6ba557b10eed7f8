// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that has gone without asking: what it held is lost, and nobody may use it.
 *
 * Owns nothing. Does for all pages of a run what mm/memory-failure.c does for one, with three
 * differences. It only tries: a folio that is locked, under writeback or held by somebody
 * stays as it is, isolated. It is quiet: the caller says in one line what was lost. And
 * vm.memory_failure_recovery is for errors that surprise the kernel, not for what firmware says.
 *
 * mf_mutex is held, so that nobody handles a failure of the same page. memory failure takes it
 * before mem_hotplug_lock, and so does mhp_discard_begin().
 *
 *	clean page cache	is dropped, and read again from its file when needed
 *	dirty page cache	is dropped, its file has lost data: EIO from fsync()
 *	memory of programs	is unmapped, an access gets SIGBUS
 *	free huge pages		are dissolved
 *	memory of the kernel	stays; nothing can be done about it
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

/* Somebody else may handle a failure of a page, and wait for I/O meanwhile. */
#define MHP_DISCARD_WAIT_MS	5000

/**
 * mhp_discard_begin() - keep memory failure from what is about to be discarded
 *
 * Context: May sleep, for some seconds at most. device_hotplug_lock held, mem_hotplug_lock
 * not.
 * Return: true until mhp_discard_end(); false where memory failure is at work for long. Then
 * nothing can be discarded.
 */
bool mhp_discard_begin(void)
{
	unsigned long end = jiffies + msecs_to_jiffies(MHP_DISCARD_WAIT_MS);
	/* Of all blocks of a device only the first waits. Under device_hotplug_lock. */
	static bool in_vain;

	while (!memory_failure_trylock()) {
		if (in_vain || time_after(jiffies, end)) {
			in_vain = true;
			return false;
		}
		fsleep(10 * USEC_PER_MSEC);
	}
	in_vain = false;
	return true;
}

/**
 * mhp_discard_end() - the end of what mhp_discard_begin() began
 */
void mhp_discard_end(void)
{
	memory_failure_unlock();
}

static void poison(struct page *page)
{
	if (!TestSetPageHWPoison(page))
		num_poisoned_pages_inc(page_to_pfn(page));
}

static void unpoison(struct page *page)
{
	ClearPageHWPoison(page);
	num_poisoned_pages_sub(page_to_pfn(page), 1);
}

/* True where the file does not know the page any more, and has not lost anything. */
static bool drop_from_file(struct folio *folio)
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

/* Of what has lost data, an access is to fail from now on. */
static void unmap_discarded(struct folio *folio)
{
	struct address_space *mapping = folio_mapping(folio);
	enum ttu_flags ttu = TTU_IGNORE_MLOCK | TTU_SYNC;
	bool clean = mapping && mapping_can_writeback(mapping) && !folio_test_dirty(folio);

	/* What programs have written may be known to their page tables only. */
	if (clean && folio_mkclean(folio)) {
		folio_set_dirty(folio);
		clean = false;
	}
	if (!clean && !folio_test_swapcache(folio))
		ttu |= TTU_HWPOISON;
	try_to_unmap(folio, ttu);
}

/* The folio is one page, locked and referenced, and under no I/O. */
static void discard_locked(struct folio *folio)
{
	struct page *page = folio_page(folio, 0);

	/* Poisoned first: then an entry that led here becomes one that leads to SIGBUS. */
	poison(page);
	if (folio_mapped(folio))
		unmap_discarded(folio);
	if (!folio_mapped(folio) && drop_from_file(folio))
		unpoison(page);
}

/* Gives up what the folio of a page on the LRU holds; locked and referenced. */
static void discard_lru(struct folio *folio, struct page *page)
{
	/* Lock and reference are those of this page then. */
	if (folio_test_large(folio))
		split_huge_page(page);
	folio = page_folio(page);
	/* Who waits for the end of writeback would find the folio in no file. */
	if (!folio_test_large(folio) && !folio_test_writeback(folio))
		discard_locked(folio);
	folio_unlock(folio);
}

/* True where the reference must stay, as memory_failure() keeps its own. */
static bool discard_huge(struct folio *folio)
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

/* Gives up what a page holds, if that can be done at once. */
static void discard_page(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (PageHWPoison(page) || folio_test_hwpoison(folio))
		return;
	if (!folio_try_get(folio)) {
		/* Bringing back its memmap could wait for CPU hotplug, which is locked. */
		if (folio_test_hugetlb(folio) && !folio_test_hugetlb_vmemmap_optimized(folio))
			dissolve_free_hugetlb_folio(folio);
		return;
	}
	if (page_folio(page) != folio) {
		folio_put(folio);
		return;
	}
	if (folio_test_hugetlb(folio)) {
		if (discard_huge(folio))
			return;
	} else if (folio_test_lru(folio) && folio_trylock(folio)) {
		discard_lru(folio, page);
		folio = page_folio(page);
	}
	folio_put(folio);
}

#else

static void discard_page(struct page *page)
{
}

#endif /* CONFIG_MEMORY_FAILURE */

/* A page that was in use; all of a huge page is broken as a whole. */
static void count_discarded(struct page *page, unsigned long *poisoned, unsigned long *used)
{
	struct folio *folio = page_folio(page);

	if (PageHWPoison(page) || (folio_test_hugetlb(folio) && folio_test_hwpoison(folio)))
		(*poisoned)++;
	else if (folio_ref_count(folio))
		(*used)++;
}

/**
 * mhp_discard() - give up what a run holds
 * @run: isolated pages, which cannot be read any more
 * @may_discard: mhp_discard_begin() returned true; else the pages are only counted
 * @poisoned: gets the number of pages whose users have lost data
 *
 * Context: May sleep. mem_hotplug_lock held for write.
 * Return: pages that are still in use.
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
				discard_page(page);
			count_discarded(page, poisoned, &used);
		}
		pfn += nr;
		cond_resched();
	}
	/* What was dropped is on its way through lists of CPUs. */
	drain_all_pages(run->zone);
	return used;
}
