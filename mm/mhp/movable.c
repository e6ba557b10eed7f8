// SPDX-License-Identifier: GPL-2.0
/*
 * Classifies the pages of a range: could the range go offline, is there room for its pages
 * elsewhere, and which page kept it from going offline.
 *
 * Owns nothing, changes nothing and takes no locks: pages can change while they are read,
 * and the results may be out of date when a function returns. Page flags are therefore read
 * as numbers, as the page flag functions would assert that a head page is still a head page.
 * This file takes a reference only to look at the file of an unevictable page, and only if that
 * succeeds at once.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/cleanup.h>
#include <linux/hugetlb.h>
#include <linux/memmap_walk.h>
#include <linux/page-flags.h>
#include <linux/page-isolation.h>
#include <linux/page_owner.h>
#include <linux/pagemap.h>
#include <linux/preempt.h>
#include <linux/secretmem.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "mhp.h"
#include "policy.h"
#include "../internal.h"

/**
 * struct mhp_page_view - what was read about a page a moment ago
 * @folio: the folio that the page belonged to
 * @flags: flags of the folio
 * @nr: number of pages of the folio
 * @refs: reference count of the folio
 * @mapped: number of mappings of the folio
 */
struct mhp_page_view {
	struct folio *folio;
	unsigned long flags;
	unsigned long nr;
	int refs, mapped;
};

/* The head page that a tail page refers to; @page itself if that is no plausible head. */
static struct folio *mhp_view_head(struct page *page)
{
	unsigned long head = READ_ONCE(page->compound_head), distance;

	distance = (unsigned long)page - (head - 1);
	if (!(head & 1) || distance % sizeof(struct page) ||
	    distance >= MAX_FOLIO_NR_PAGES * sizeof(struct page))
		return (struct folio *)page;
	return (struct folio *)(head - 1);
}

/* Reads the raw fields; the folio may be split or freed. Implausible sizes count as one page. */
static struct mhp_page_view mhp_page_look(struct page *page)
{
	struct mhp_page_view s = { .folio = mhp_view_head(page), .nr = 1 };
	unsigned int order;

	s.flags = READ_ONCE(s.folio->flags);
	s.refs = atomic_read(&s.folio->_refcount);
	s.mapped = max(atomic_read(&s.folio->_mapcount) + 1, 0);
	if (!(s.flags & BIT(PG_head)))
		return s;
	order = READ_ONCE(s.folio->_flags_1) & 0xff;
	if (order < BITS_PER_LONG / 2)
		s.nr = 1UL << order;
	s.mapped = max(atomic_read(&s.folio->_large_mapcount) + 1, 0);
	return s;
}

/*
 * Does the page hold the memmap of its block, which goes offline together with the block? It has
 * no other flag and no type. The swap cache, file systems and Xen use the same bit of others.
 */
static bool mhp_page_holds_memmap(const struct page *page)
{
	return (READ_ONCE(page->flags) & PAGEFLAGS_MASK) == BIT(PG_vmemmap_self_hosted) &&
	       !page_has_type(page);
}

static bool mhp_view_is_lru(const struct mhp_page_view *s)
{
	return s->flags & BIT(PG_lru);
}

static unsigned long mhp_view_mapping_flags(const struct mhp_page_view *s)
{
	return (unsigned long)READ_ONCE(s->folio->mapping) & PAGE_MAPPING_FLAGS;
}

static bool mhp_view_is_anon(const struct mhp_page_view *s)
{
	return mhp_view_mapping_flags(s) & PAGE_MAPPING_ANON;
}

/* A page of a driver that implements migration, such as a balloon or zsmalloc. */
static bool mhp_view_is_driver(const struct mhp_page_view *s)
{
	return !mhp_view_is_lru(s) && mhp_view_mapping_flags(s) == PAGE_MAPPING_MOVABLE;
}

static bool mhp_view_is_hugetlb(const struct mhp_page_view *s)
{
	return s->flags & BIT(PG_head) && folio_test_hugetlb(s->folio);
}

/* A slab, a page table and so on: memory of the kernel, with other fields in struct page. */
static bool mhp_view_is_typed(const struct mhp_page_view *s)
{
	return page_has_type(&s->folio->page) && !mhp_view_is_hugetlb(s);
}

/* The references that are accounted for: page tables, page cache, swap cache, buffers. */
static int mhp_view_expected_refs(const struct mhp_page_view *s)
{
	int refs = s->mapped;

	if (mhp_view_is_typed(s))
		return 1;
	if (!mhp_view_is_anon(s) && READ_ONCE(s->folio->mapping))
		refs += s->nr;
	if (s->flags & BIT(PG_swapbacked) && s->flags & BIT(PG_swapcache))
		refs += s->nr;
	if (s->flags & (BIT(PG_private) | BIT(PG_private_2)))
		refs++;
	return refs;
}

static bool mhp_view_is_dma_pinned(const struct mhp_page_view *s)
{
	if (s->flags & BIT(PG_head))
		return atomic_read(&s->folio->_pincount) > 0;
	return s->refs >= GUP_PIN_COUNTING_BIAS;
}

/* Memory of programs or files: on the LRU, or in the batch of a CPU for the LRU. */
static bool mhp_view_is_user(const struct mhp_page_view *s)
{
	if (mhp_view_is_typed(s))
		return false;
	return mhp_view_is_lru(s) || mhp_view_is_anon(s) ||
	       (READ_ONCE(s->folio->mapping) && !mhp_view_is_driver(s));
}

/* Is there a pin, or a reference that is not accounted for, other than for I/O? */
static bool mhp_view_is_held(const struct mhp_page_view *s)
{
	if (!mhp_view_is_user(s) && !mhp_view_is_hugetlb(s))
		return false;
	if (mhp_view_is_dma_pinned(s))
		return true;
	if (mhp_view_is_hugetlb(s) || s->flags & (BIT(PG_locked) | BIT(PG_writeback)))
		return false;
	/* A page that is not on the LRU has the reference of the batch that will add it. */
	return s->refs > mhp_view_expected_refs(s) + !mhp_view_is_lru(s);
}

static bool mhp_view_hugetlb_can_move(const struct mhp_page_view *s)
{
	struct hstate *h = size_to_hstate(s->nr << PAGE_SHIFT);

	return h && hugepage_migration_supported(h);
}

/**
 * mhp_inaccessible() - test whether a folio belongs to a file the kernel may not read
 * @folio: a folio with a reference of the caller
 *
 * Such files, guest_memfd and secret memory, cannot be copied, so their pages do not move.
 *
 * Context: Any. Takes no lock, so that the result does not depend on other readers.
 * Return: true for a page of such a file.
 */
bool mhp_inaccessible(struct folio *folio)
{
	struct address_space *mapping;

	/* All such files say that their pages cannot be evicted. */
	if (!folio_test_unevictable(folio))
		return false;
	/* The file may be truncated meanwhile; inodes are freed by RCU. */
	guard(rcu)();
	mapping = READ_ONCE(folio->mapping);
	if (!mapping || (unsigned long)mapping & PAGE_MAPPING_FLAGS)
		return false;
	return mapping_inaccessible(mapping) || secretmem_mapping(mapping);
}

static bool mhp_view_is_inaccessible(const struct mhp_page_view *s)
{
	bool ret;

	if (!(s->flags & BIT(PG_unevictable)) || mhp_view_is_anon(s) || !folio_try_get(s->folio))
		return false;
	ret = mhp_inaccessible(s->folio);
	folio_put(s->folio);
	return ret;
}

/*
 * True for a poisoned page that the kernel still uses. An order-0 page without a type does not
 * count, as its reference may be that of memory_failure().
 */
static bool mhp_view_is_poisoned_kernel(const struct mhp_page_view *s)
{
	if (mhp_view_is_hugetlb(s) || mhp_view_is_user(s) || mhp_view_is_driver(s) ||
	    PageOffline(&s->folio->page))
		return false;
	return s->refs && (s->flags & BIT(PG_head) || mhp_view_is_typed(s));
}

/*
 * Memory of programs or files that is not on the LRU: in the batch of a CPU, or isolated for a
 * moment, as by reclaim. Pages of the kernel have a type, no mapping, or no content to read.
 */
static bool mhp_view_is_between_lists(const struct mhp_page_view *s)
{
	if (mhp_view_is_lru(s) || !mhp_view_is_user(s))
		return false;
	return mhp_view_is_anon(s) ? s->mapped : s->flags & (BIT(PG_uptodate) | BIT(PG_locked));
}

/**
 * mhp_is_between_lists() - test whether a page goes to the LRU by itself
 * @page: a page in use, which may be freed meanwhile
 *
 * Such a page does not keep its block online: the evacuation has the batches of CPUs drained, and
 * tries again.
 *
 * Context: Any. Takes no lock and no reference.
 * Return: true for a page of a program or a file that is not on the LRU.
 */
bool mhp_is_between_lists(struct page *page)
{
	struct mhp_page_view s = mhp_page_look(page);

	return mhp_view_is_between_lists(&s);
}

/* In ZONE_MOVABLE a page of unknown kind is movable: it is between two lists. */
static bool mhp_page_never_moves(struct page *page, const struct mhp_page_view *s)
{
	if (mhp_view_is_hugetlb(s))
		return !mhp_view_hugetlb_can_move(s);
	if (mhp_view_is_inaccessible(s))
		return true;
	return !mhp_view_is_lru(s) && !mhp_view_is_driver(s) && !mhp_view_is_between_lists(s) &&
	       !is_zone_movable_page(page);
}

static const char *mhp_view_lru_kind(const struct mhp_page_view *s)
{
	if (mhp_view_is_anon(s))
		return "anon";
	if (mhp_view_is_inaccessible(s))
		return "inaccessible";
	return s->flags & BIT(PG_swapbacked) ? "shmem" : "file";
}

/* The "kind" that is shown to users. */
static const char *mhp_page_kind(struct page *page, const struct mhp_page_view *s)
{
	if (is_migrate_cma_page(page))
		return "cma";
	if (s->flags & BIT(PG_reserved))
		return "reserved";
	if (PageHWPoison(page))
		return "poisoned";
	if (PageBuddy(page))
		return "free";
	if (mhp_view_is_hugetlb(s))
		return "hugetlb";
	if (PageOffline(page))
		return mhp_view_is_driver(s) ? "balloon" : "offline";
	if (mhp_view_is_driver(s))
		return "driver";
	if (mhp_view_is_lru(s))
		return mhp_view_lru_kind(s);
	if (folio_test_slab(s->folio))
		return "slab";
	if (PageTable(page))
		return "page-table";
	if (!s->refs)
		return "free";
	/* A page of user space that is not on the LRU at the moment. */
	if (mhp_view_is_anon(s) || s->mapped)
		return "anon";
	return READ_ONCE(s->folio->mapping) ? "file" : "kernel";
}

/* ---- Census ---------------------------------------------------------------- */

static void mhp_census_note_blocker(struct mhp_census *c, bool hopeless, unsigned long pfn,
				    const char *kind)
{
	/* Keep the first blocker, unless a hopeless one follows. */
	if (c->kind && (c->hopeless || !hopeless))
		return;
	c->hopeless = hopeless;
	c->blocker = pfn;
	c->kind = kind;
}

static void mhp_census_count_unmovable(struct mhp_census *c, unsigned long pfn, unsigned long nr,
				       const char *kind)
{
	c->unmovable += nr;
	mhp_census_note_blocker(c, true, pfn, kind);
}

static void mhp_census_count_used(struct mhp_census *c, struct page *page, unsigned long pfn,
				  const struct mhp_page_view *s, unsigned long nr)
{
	bool stays = mhp_page_never_moves(page, s);

	if (mhp_view_is_held(s) && !(stays && mhp_view_is_hugetlb(s))) {
		c->pinned += nr;
		mhp_census_note_blocker(c, false, pfn, "pinned");
	} else if (stays) {
		mhp_census_count_unmovable(c, pfn, nr, mhp_page_kind(page, s));
	} else if (mhp_view_is_hugetlb(s)) {
		c->hugetlb += nr;
	} else {
		c->movable += nr;
	}
}

/* Counts a page and, up to @end, the other pages of its folio. Returns the number of pages. */
static unsigned long mhp_census_count_page(struct mhp_census *c, unsigned long pfn,
					   unsigned long end)
{
	struct page *page = pfn_to_page(pfn);
	unsigned long nr = mhp_pages_if_free(page), behind;
	struct mhp_page_view s;

	if (nr) {
		nr = min(nr, end - pfn);
		c->free += nr;
		return nr;
	}
	if (mhp_page_holds_memmap(page))
		return 1;
	if (PageReserved(page)) {
		mhp_census_count_unmovable(c, pfn, 1, "reserved");
		return 1;
	}
	s = mhp_page_look(page);
	behind = pfn - folio_pfn(s.folio);
	nr = behind < s.nr ? min(s.nr - behind, end - pfn) : 1;
	if (PageHWPoison(page)) {
		c->poisoned++;
		if (mhp_view_is_poisoned_kernel(&s))
			mhp_census_note_blocker(c, true, pfn, "poisoned");
		return 1;
	}
	if (!s.refs)
		c->free += nr;		/* on the list of a CPU, or a free huge page */
	else if (PageOffline(page))
		c->movable += nr;	/* MEM_GOING_OFFLINE asks its driver */
	else
		mhp_census_count_used(c, page, pfn, &s, nr);
	return nr;
}

/* Counts the pages of a pageblock from @pfn on. */
static void mhp_census_count_pageblock(struct mhp_census *c, unsigned long pfn, unsigned long end)
{
	if (is_migrate_cma_page(pfn_to_page(pfn))) {
		mhp_census_count_unmovable(c, pfn, end - pfn, "cma");
		return;
	}
	while (pfn < end)
		pfn += mhp_census_count_page(c, pfn, end);
}

static void mhp_census_count_range(struct mhp_census *c, const struct mhp_range *range)
{
	unsigned long pfn, next;

	for (pfn = range->start_pfn; pfn < mhp_range_end(range); pfn = next) {
		next = min(pageblock_end_pfn(pfn), mhp_range_end(range));
		if (pfn_to_online_page(pfn))
			mhp_census_count_pageblock(c, pfn, next);
		cond_resched();
	}
}

/**
 * mhp_count_range() - count the pages of a range by how they would go offline
 * @range: the pages; pages that are not online do not count
 * @census: the counts are added to it
 *
 * Context: Process context. May sleep. The caller keeps the range online, as for
 * mhp_first_unmovable().
 */
void mhp_count_range(const struct mhp_range *range, struct mhp_census *census)
{
	struct mhp_census c = *census;

	mhp_census_count_range(&c, range);
	/* Batches of CPUs hold references, on an idle CPU for long: drain them and count again. */
	if (c.pinned != census->pinned) {
		mhp_drain_lru_for_reader();
		c = *census;
		mhp_census_count_range(&c, range);
	}
	*census = c;
}

/**
 * mhp_census_score() - rate how easily a range would go offline
 * @census: the census of its pages
 *
 * Context: Any.
 * Return: from 0, the range cannot go offline, to 100, all of it is free.
 */
unsigned int mhp_census_score(const struct mhp_census *census)
{
	const struct mhp_census *c = census;

	if (c->hopeless)
		return 0;
	return mhp_score(c->free + c->poisoned, c->movable + c->hugetlb, c->pinned);
}

/* ---- Look before isolating ------------------------------------------------ */

static bool mhp_flags_poisoned(unsigned long flags)
{
#ifdef CONFIG_MEMORY_FAILURE
	return flags & BIT(PG_hwpoison);
#else
	return false;
#endif
}

/* How many pages, from this one on, move with it and need no check of their own. */
static unsigned long mhp_view_pages_from(struct page *page, const struct mhp_page_view *s)
{
	unsigned long behind = page_to_pfn(page) - folio_pfn(s->folio);

	if (!mhp_view_is_lru(s) && !mhp_view_is_hugetlb(s))
		return 1;
	return behind < s->nr ? s->nr - behind : 1;
}

/*
 * Does this page keep its block from going offline? If not, *@skip is the number of pages that
 * need no further check. Page flags are read as numbers, as the block may go offline meanwhile.
 */
static bool mhp_page_is_unmovable(struct page *page, unsigned long *skip)
{
	unsigned long flags = READ_ONCE(page->flags);
	struct mhp_page_view s;

	if (mhp_page_holds_memmap(page))
		return false;
	if (flags & BIT(PG_reserved))
		return true;
	*skip = mhp_pages_if_free(page) ?: 1;
	if (*skip > 1)
		return false;
	s = mhp_page_look(page);
	if (mhp_flags_poisoned(flags))
		return mhp_view_is_poisoned_kernel(&s);
	if (s.refs && !PageOffline(page) && mhp_page_never_moves(page, &s))
		return true;
	*skip = mhp_view_pages_from(page, &s);
	return false;
}

/* A small page on the LRU that is not unevictable: the common case, which needs one load. */
static bool mhp_page_is_small_lru(const struct page *page)
{
	const unsigned long mask = BIT(PG_lru) | BIT(PG_head) | BIT(PG_reserved) |
				   BIT(PG_unevictable);

	return (READ_ONCE(page->flags) & mask) == BIT(PG_lru);
}

/*
 * Checks pages up to @end, or up to the end of a free buddy that begins before @end. Returns
 * true if *@page is unmovable; else *@page is the first page that was not checked.
 */
static bool mhp_find_unmovable(struct page **page, const struct page *end)
{
	unsigned long skip;

	for (; *page < end; *page += skip) {
		skip = 1;
		if (!mhp_page_is_small_lru(*page) && mhp_page_is_unmovable(*page, &skip))
			return true;
	}
	return false;
}

/**
 * mhp_first_unmovable() - find a page that keeps a range from going offline
 * @range: pages that are online
 *
 * Takes no lock and no references, so the answer may be out of date. In ZONE_MOVABLE, a page
 * that is between two lists counts as movable.
 *
 * Context: Process context. May sleep. The caller keeps the range online: it holds
 * mem_hotplug_lock, or the device locks of the blocks.
 * Return: the first page frame that cannot be moved, or %MHP_NO_PFN.
 */
unsigned long mhp_first_unmovable(const struct mhp_range *range)
{
	unsigned long pfn, next;

	for (pfn = range->start_pfn; pfn < mhp_range_end(range); pfn = next) {
		struct page *page = pfn_to_online_page(pfn);

		next = min(pageblock_end_pfn(pfn), mhp_range_end(range));
		cond_resched();
		if (!page)
			continue;
		if (is_migrate_cma_page(page))
			return pfn;
		if (mhp_find_unmovable(&page, page + (next - pfn)))
			return page_to_pfn(page);
		next = page_to_pfn(page);
	}
	return MHP_NO_PFN;
}

/*
 * Nothing that cannot be moved is allocated in ZONE_MOVABLE. Only pages that were there at
 * boot, or that are poisoned, may be unmovable.
 */
static bool mhp_pageblock_is_all_movable(struct page *page, unsigned long pfn)
{
#ifdef CONFIG_MEMORY_FAILURE
	if (atomic_long_read(&num_poisoned_pages))
		return false;
#endif
	return is_zone_movable_page(page) && !mhp_section_early(pfn);
}

/* Checks only pageblocks of the kernel, or only those of movable pages, as @of_kernel says. */
static bool mhp_pageblock_has_unmovable(unsigned long pfn, unsigned long end, bool of_kernel)
{
	struct page *page;

	guard(memmap_walk)();
	page = pfn_to_online_page(pfn);
	if (!page || (get_pageblock_migratetype(page) != MIGRATE_MOVABLE) != of_kernel)
		return false;
	if (is_migrate_cma_page(page))
		return true;
	return !mhp_pageblock_is_all_movable(page, pfn) &&
	       mhp_find_unmovable(&page, page + (end - pfn));
}

/*
 * The walk is not preempted, as an offline or a removal waits for its end. On PREEMPT_RT it can
 * be, as the last folio_put() takes locks that sleep there.
 */
static bool mhp_pageblock_is_unmovable(unsigned long pfn, unsigned long end, bool of_kernel)
{
	bool ret;

	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		preempt_disable();
	ret = mhp_pageblock_has_unmovable(pfn, end, of_kernel);
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		preempt_enable();
	return ret;
}

static bool mhp_pageblocks_look_movable(const struct mhp_range *range, bool of_kernel)
{
	unsigned long pfn, next;

	for (pfn = range->start_pfn; pfn < mhp_range_end(range); pfn = next) {
		next = min(pageblock_end_pfn(pfn), mhp_range_end(range));
		if (mhp_pageblock_is_unmovable(pfn, next, of_kernel))
			return false;
		cond_resched();
	}
	return true;
}

/**
 * mhp_looks_movable() - test without locks whether a range could go offline
 * @range: the pages
 *
 * Stops at the first page that decides. Checks pageblocks of the kernel first, as most blocks
 * that cannot go offline have unmovable pages there.
 *
 * Context: Process context. May sleep. No locks needed: the range may go offline, or be
 * removed, meanwhile.
 * Return: false if there is a page that cannot be moved.
 */
bool mhp_looks_movable(const struct mhp_range *range)
{
	return mhp_pageblocks_look_movable(range, true) &&
	       mhp_pageblocks_look_movable(range, false);
}

/* ---- Is there room? ------------------------------------------------------ */

/* Pages that could be allocated from a zone: free pages and page cache. */
static unsigned long mhp_zone_room(struct zone *zone)
{
	return zone_page_state(zone, NR_FREE_PAGES) +
	       zone_page_state(zone, NR_ZONE_INACTIVE_FILE) +
	       zone_page_state(zone, NR_ZONE_ACTIVE_FILE);
}

/*
 * Returns the pages that could be allocated from all zones; *@reserve is what must stay free of
 * them after @pages have gone offline. ZONE_MOVABLE counts only if @movable is set, as pages of
 * a kernel zone do not move there.
 */
static unsigned long mhp_total_room(bool movable, unsigned long pages, unsigned long *reserve)
{
	unsigned long room = get_nr_swap_pages() +
			     global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B);
	unsigned long total = totalram_pages(), high = 0;
	struct zone *zone;

	for_each_populated_zone(zone) {
		if (!movable && zone_idx(zone) == ZONE_MOVABLE)
			continue;
		room += mhp_zone_room(zone);
		high += high_wmark_pages(zone);
	}
	/* The watermarks shrink in proportion to the memory. */
	*reserve = mult_frac(high, total - min(pages, total), total);
	return room;
}

/*
 * The part of the room that other requests will use. Their pages of ZONE_MOVABLE move within
 * ZONE_MOVABLE first, which is no room for a request with memory of a kernel zone.
 */
static unsigned long mhp_promised_room(bool movable, const struct mhp_room *promised)
{
	unsigned long own = 0;
	struct zone *zone;

	for_each_populated_zone(zone)
		if (!movable && zone_idx(zone) == ZONE_MOVABLE)
			own += mhp_zone_room(zone);
	return promised->kernel + promised->movable - min(promised->movable, own);
}

#ifdef CONFIG_HUGETLB_PAGE

/* Free and used huge pages of a range, in base pages, by hstate. */
struct huge_count {
	unsigned long free[HUGE_MAX_HSTATE], used[HUGE_MAX_HSTATE];
};

/* Counts the huge page at @pfn, if there is one. Returns the number of pages to skip. */
static unsigned long mhp_count_hugetlb_page(struct huge_count *c, unsigned long pfn,
					    unsigned long end)
{
	struct page *page = pfn_to_page(pfn);
	unsigned long nr = mhp_pages_if_free(page), behind;
	struct hstate *h;
	struct mhp_page_view s;

	if (nr)
		return nr;
	s = mhp_page_look(page);
	behind = pfn - folio_pfn(s.folio);
	if (s.nr <= behind || !mhp_view_is_hugetlb(&s))
		return 1;
	nr = min(s.nr - behind, end - pfn);
	h = size_to_hstate(s.nr << PAGE_SHIFT);
	if (h && s.refs)
		c->used[hstate_index(h)] += nr;
	else if (h)
		c->free[hstate_index(h)] += nr;
	return nr;
}

static void mhp_count_hugetlb(struct huge_count *c, const struct mhp_range *range)
{
	unsigned long pfn = range->start_pfn, end = mhp_range_end(range), next;

	while (pfn < end) {
		next = min(SECTION_ALIGN_UP(pfn + 1), end);
		while (pfn < next)
			pfn += mhp_count_hugetlb_page(c, pfn, end);
		cond_resched();
	}
}

/*
 * The census counted huge pages as ordinary pages in @own and @used. But a free huge page is
 * not available to other allocations, and a used one moves to a free one of its size.
 */
static void mhp_correct_for_hugetlb(const struct mhp_request *req, unsigned long *own,
				    unsigned long *used)
{
	const struct mhp_run *run;
	struct huge_count c = {};
	struct hstate *h;
	unsigned int i;

	mhp_for_each_run(run, req)
		mhp_count_hugetlb(&c, &run->pages);
	for_each_hstate(h) {
		unsigned long spare = READ_ONCE(h->free_huge_pages);

		i = hstate_index(h);
		spare -= min(spare, READ_ONCE(h->resv_huge_pages));
		spare *= pages_per_huge_page(h);
		spare -= min(spare, c.free[i]);
		*own -= min(*own, c.free[i]);
		*used -= min(*used, min(spare, c.used[i]));
	}
}

#else

static void mhp_correct_for_hugetlb(const struct mhp_request *req, unsigned long *own,
				    unsigned long *used)
{
}

#endif /* CONFIG_HUGETLB_PAGE */

/**
 * mhp_has_room() - test whether the pages of a request fit into the rest of memory
 * @req: the request; its runs are online, not isolated yet
 * @promised: the room that other requests will use
 * @need: if there is room, set to the number of pages that these runs may use of it
 *
 * This is an optimistic estimate: reclaimable slabs and swap count in full.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 * Return: false if too little memory would be left.
 */
bool mhp_has_room(const struct mhp_request *req, const struct mhp_room *promised,
		  unsigned long *need)
{
	unsigned long room, reserve, taken, pages = 0, own = 0, used = 0;
	const struct mhp_run *run;
	bool movable = false;

	mhp_for_each_run(run, req) {
		pages += run->pages.nr_pages;
		movable |= zone_idx(run->zone) == ZONE_MOVABLE;
	}
	/* Without a census: each page of the runs is either free, so no room, or needs room. */
	taken = mhp_promised_room(movable, promised);
	room = mhp_total_room(movable, pages, &reserve);
	*need = pages;
	if (mhp_room_left(room, pages, taken, reserve))
		return true;

	/* Some may be neither, such as the pages that virtio-mem has unplugged: count them. */
	mhp_for_each_run(run, req) {
		struct mhp_census c = MHP_CENSUS_EMPTY;

		mhp_census_count_range(&c, &run->pages);
		own += c.free;
		used += c.movable + c.hugetlb + c.pinned;
	}
	mhp_correct_for_hugetlb(req, &own, &used);
	/* The census has free pages on lists of CPUs, which NR_FREE_PAGES does not have. */
	drain_all_pages(NULL);
	room = mhp_total_room(movable, pages, &reserve);
	*need = used;
	return mhp_room_left(room, own, used + taken, reserve);
}

/* ---- Say why ------------------------------------------------------------- */

/**
 * mhp_page_held() - test whether a page is pinned or has unexpected references
 * @pfn: an online page that does not move
 *
 * The answer is that of one moment. Callers ask several times, and trust equal answers.
 *
 * Context: Any. The caller keeps the page online.
 * Return: true if the page has references that are not accounted for, or is pinned for DMA.
 */
bool mhp_page_held(unsigned long pfn)
{
	const struct mhp_page_view s = mhp_page_look(pfn_to_page(pfn));

	return mhp_view_is_held(&s);
}

static char *mhp_page_detail(struct page *page, const struct mhp_page_view *s)
{
	unsigned long flags = s->flags;
	char owner[320];

	if (!page_owner_describe(page, owner, sizeof(owner)))
		owner[0] = '\0';
	return kasprintf(MHP_GFP,
			 "%d references of which %d are expected, mapped %d times, %lu pages, flags %pGp%s%s",
			 s->refs, mhp_view_expected_refs(s), s->mapped, s->nr, &flags,
			 *owner ? ", allocated by " : "", owner);
}

/**
 * mhp_explain() - describe the page that a request failed at
 * @res: the failure; @res->kind and @res->detail are set
 *
 * Context: Process context. May sleep. The caller keeps the page online.
 */
void mhp_explain(struct mhp_result *res)
{
	struct page *page;
	struct mhp_page_view s;

	if (res->pfn == MHP_NO_PFN || res->detail || res->why == MHP_WHY_NOTIFIER)
		return;
	page = pfn_to_online_page(res->pfn);
	if (!page)
		return;
	s = mhp_page_look(page);
	res->kind = mhp_page_kind(page, &s);
	res->detail = mhp_page_detail(page, &s);
}
