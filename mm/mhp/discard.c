// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that has gone without asking: what it held is lost, and nobody may use it.
 *
 * Owns nothing. Calls rmap and the page cache, as mm/memory-failure.c does for a page.
 * mem_hotplug_lock is held for write and the run is isolated, so what is given up here is
 * not used again. It does not wait: what is locked or held by somebody stays, isolated.
 *
 *	clean page cache	is dropped, and read again from its file when needed
 *	dirty page cache	is dropped, its file has lost data: EIO from fsync()
 *	memory of programs	is unmapped, an access gets SIGBUS
 *	memory of the kernel	stays; nothing can be done about it
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/backing-dev.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/swap.h>

#include "mhp.h"

#ifdef CONFIG_MEMORY_FAILURE

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
	bool dirty = folio_test_dirty(folio) || folio_test_writeback(folio);

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
static void unmap(struct folio *folio)
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

/* The folio is one page, locked and referenced. */
static void discard_locked(struct folio *folio)
{
	struct page *page = folio_page(folio, 0);

	/* Poisoned first: then an entry that led here becomes one that leads to SIGBUS. */
	poison(page);
	if (folio_mapped(folio))
		unmap(folio);
	if (!folio_mapped(folio) && drop_from_file(folio))
		unpoison(page);
}

/* Gives up what a page holds, if that can be done at once. */
static void discard(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	struct folio *folio = page_folio(page);

	if (PageHWPoison(page))
		return;
	if (folio_test_hugetlb(folio)) {
		memory_failure(pfn, 0);
		return;
	}
	if (!folio_try_get(folio))
		return;
	if (page_folio(page) == folio && folio_test_lru(folio) && folio_trylock(folio)) {
		/* Lock and reference are those of this page then. */
		if (folio_test_large(folio))
			split_huge_page(page);
		folio = page_folio(page);
		if (!folio_test_large(folio))
			discard_locked(folio);
		folio_unlock(folio);
	}
	folio_put(folio);
}

#else

static void discard(unsigned long pfn)
{
}

#endif /* CONFIG_MEMORY_FAILURE */

/**
 * mhp_discard() - give up what a run holds
 * @run: isolated pages, which cannot be read any more
 * @poisoned: gets the number of pages whose users have lost data
 *
 * Context: May sleep. mem_hotplug_lock held for write.
 * Return: pages that are still in use.
 */
unsigned long mhp_discard(struct mhp_run *run, unsigned long *poisoned)
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
			if (page_ref_count(compound_head(page)))
				discard(pfn);
			*poisoned += PageHWPoison(page);
			used += !PageHWPoison(page) && page_ref_count(compound_head(page));
		}
		pfn += nr;
		cond_resched();
	}
	/* What was dropped is on its way through lists of CPUs. */
	drain_all_pages(run->zone);
	return used;
}
