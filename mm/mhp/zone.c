// SPDX-License-Identifier: GPL-2.0
/*
 * Zones and nodes: their spans and counters, and the struct pages of a range that is added to a
 * zone or removed from it.
 *
 * Owns zone_start_pfn, spanned_pages, present_pages and contiguous of a zone, and the
 * corresponding fields of a node, after boot. Calls the boot code that writes struct pages.
 * mem_hotplug_lock is held for write. The invariant: a span begins and ends with memory that is
 * online, or is coming online.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/page-isolation.h>
#include <linux/sizes.h>
#include <linux/swap.h>
#include <linux/workqueue.h>

#include "mhp.h"
#include "span.h"
#include "../internal.h"

static struct mhp_range mhp_zone_span(const struct zone *zone)
{
	return (struct mhp_range){ zone->zone_start_pfn, zone->spanned_pages };
}

static void mhp_zone_set_span(struct zone *zone, const struct mhp_range *span)
{
	unsigned long flags;

	zone_span_writelock(zone, &flags);
	zone->zone_start_pfn = span->start_pfn;
	zone->spanned_pages = span->nr_pages;
	zone_span_writeunlock(zone, &flags);
}

/* The span of a node covers the spans of its zones. */
static void mhp_node_update_span(struct pglist_data *pgdat)
{
	struct mhp_range span = {}, zone;
	unsigned long flags;
	int i;

	for (i = 0; i < MAX_NR_ZONES; i++) {
		zone = mhp_zone_span(pgdat->node_zones + i);
		if (!mhp_range_empty(&zone))
			mhp_span_grow(&span, &zone);
	}
	pgdat_resize_lock(pgdat, &flags);
	pgdat->node_start_pfn = span.start_pfn;
	pgdat->node_spanned_pages = span.nr_pages;
	pgdat_resize_unlock(pgdat, &flags);
}

/* Only online pages count, as others may have no struct page that can be read. */
static bool mhp_zone_owns(unsigned long pfn, void *arg)
{
	struct page *page = pfn_to_online_page(pfn);

	return page && page_zone(page) == arg;
}

/*
 * A zone is contiguous if each pageblock of its span belongs to the zone as a whole; then walks
 * over the zone need not check that. It follows from two numbers, without a walk: the number of
 * pageblocks in the span, and the number of those that belong to the zone.
 */

static unsigned long mhp_nr_pageblocks(const struct mhp_range *range)
{
	return (pageblock_align(mhp_range_end(range)) -
		pageblock_start_pfn(range->start_pfn)) >> pageblock_order;
}

static void mhp_zone_count_pageblocks(struct zone *zone)
{
	const struct mhp_range span = mhp_zone_span(zone);
	unsigned long pfn, next, own = 0;

	for (pfn = span.start_pfn; pfn < mhp_range_end(&span); pfn = next) {
		next = min(pageblock_end_pfn(pfn), mhp_range_end(&span));
		own += !!__pageblock_pfn_to_page(pfn, next, zone);
		cond_resched();
	}
	zone->own_pageblocks = own;
}

/**
 * mhp_zone_begin() - prepare the change of a zone
 * @zone: the zone
 *
 * For a zone from boot, counts its pageblocks before the first change.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 */
void mhp_zone_begin(struct zone *zone)
{
	mhp_assert_write_locked();
	/* During boot, some struct pages may not have been initialized yet. */
	if (system_state >= SYSTEM_RUNNING && populated_zone(zone) && !zone->own_pageblocks)
		mhp_zone_count_pageblocks(zone);
}

/**
 * mhp_zone_end() - update whether a zone is contiguous after it has changed
 * @zone: the zone
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 */
void mhp_zone_end(struct zone *zone)
{
	const struct mhp_range span = mhp_zone_span(zone);

	mhp_assert_write_locked();
	if (zone->own_pageblocks)
		zone->contiguous = zone->own_pageblocks == mhp_nr_pageblocks(&span);
	else if (populated_zone(zone))
		set_zone_contiguous(zone);
}

/*
 * In a section that ZONE_DEVICE shares with other memory, pfn_to_online_page() has to check the
 * pagemap of each page frame.
 */
#ifdef CONFIG_ZONE_DEVICE
static void mhp_taint_edge_sections(const struct mhp_range *range)
{
	if (!IS_ALIGNED(range->start_pfn, PAGES_PER_SECTION))
		__pfn_to_section(range->start_pfn)->section_mem_map |=
			SECTION_TAINT_ZONE_DEVICE;
	if (!IS_ALIGNED(mhp_range_end(range), PAGES_PER_SECTION))
		__pfn_to_section(mhp_range_end(range))->section_mem_map |=
			SECTION_TAINT_ZONE_DEVICE;
}
#else
static void mhp_taint_edge_sections(const struct mhp_range *range)
{
}
#endif

static void mhp_zone_grow(struct zone *zone, const struct mhp_range *range)
{
	struct mhp_range span = mhp_zone_span(zone);

	mhp_assert_write_locked();
	clear_zone_contiguous(zone);
	if (zone_is_empty(zone))
		init_currently_empty_zone(zone, range->start_pfn, range->nr_pages);
	mhp_span_grow(&span, range);
	mhp_zone_set_span(zone, &span);
	mhp_node_update_span(zone->zone_pgdat);
}

/**
 * mhp_fill_memmap() - copy one struct page into many
 * @first: the first struct page to write to
 * @pattern: the contents
 * @nr: number of struct pages
 *
 * An architecture that can bypass the caches has its own function: the struct pages of a block
 * are as large as a cache, and most of them are not read soon.
 *
 * Context: Any.
 */
void __weak mhp_fill_memmap(struct page *first, const struct page *pattern, unsigned long nr)
{
	while (nr--)
		*first++ = *pattern;
}

/* There is one helper for so much memory, whose memmap is 16 MiB. */
#define FILL_CHUNK	(SZ_1G >> PAGE_SHIFT)
/* More helpers would be limited by memory bandwidth. */
#define FILL_HELPERS	15U

/**
 * struct filling - struct pages that are being written; protected by mem_hotplug_lock
 * @pattern: the contents
 * @next: the first page frame that is left; CPUs take one section at a time
 * @end: behind the last page frame
 * @helpers: work items for other CPUs
 */
static struct filling {
	struct page pattern;
	atomic_long_t next;
	unsigned long end;
	struct work_struct helpers[FILL_HELPERS];
} filling;

/* The only field in which the struct pages of a zone differ; see __init_single_page(). */
static void mhp_fill_addresses(unsigned long pfn, unsigned long end)
{
#ifdef WANT_PAGE_VIRTUAL
	for (; pfn < end; pfn++)
		set_page_address(pfn_to_page(pfn), __va(PFN_PHYS(pfn)));
#endif
}

static void mhp_fill_range(unsigned long pfn, unsigned long end)
{
	unsigned long next;

	for (; pfn < end; pfn = next) {
		next = min(pageblock_end_pfn(pfn), end);
		mhp_fill_memmap(pfn_to_page(pfn), &filling.pattern, next - pfn);
		mhp_fill_addresses(pfn, next);
		set_pageblock_migratetype(pfn_to_page(pfn), MIGRATE_MOVABLE);
		cond_resched();
	}
}

static void mhp_fill_work(struct work_struct *unused)
{
	unsigned long pfn;

	for (;;) {
		pfn = atomic_long_fetch_add(PAGES_PER_SECTION, &filling.next);
		if (pfn >= filling.end)
			return;
		mhp_fill_range(pfn, min(pfn + PAGES_PER_SECTION, filling.end));
	}
}

/*
 * A helper needs a worker, which may have to be forked with memory that this request is about to
 * add. So helpers that have not begun are cancelled, and not waited for.
 */
static void mhp_fill_in_parallel(const struct mhp_range *range)
{
	unsigned int nr = min3(range->nr_pages / FILL_CHUNK, num_online_cpus() - 1UL,
			       (unsigned long)FILL_HELPERS);
	unsigned int i;

	atomic_long_set(&filling.next, range->start_pfn);
	filling.end = mhp_range_end(range);
	for (i = 0; i < nr; i++) {
		INIT_WORK(filling.helpers + i, mhp_fill_work);
		queue_work(system_unbound_wq, filling.helpers + i);
	}
	mhp_fill_work(NULL);
	for (i = 0; i < nr; i++)
		if (!cancel_work(filling.helpers + i))
			flush_work(filling.helpers + i);
}

/**
 * mhp_zone_add_free() - add page frames to a zone, as free pages that are on no list
 * @zone: the zone
 * @range: the page frames; their memmap exists and is not in use
 *
 * Does what move_pfn_range_to_zone() does, but writes each struct page only once, in the state
 * of a page of the page allocator. To be free, pages only have to be added to a free list, with
 * the mark of the first page of a chunk. Several CPUs write large ranges.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 */
void mhp_zone_add_free(struct zone *zone, const struct mhp_range *range)
{
	struct page *pattern = &filling.pattern;

	mhp_zone_grow(zone, range);
	highest_memmap_pfn = max(highest_memmap_pfn, mhp_range_end(range) - 1);

	__init_single_page(pattern, range->start_pfn, zone_idx(zone), zone_to_nid(zone));
	set_page_count(pattern, 0);
	memset(&pattern->lru, 0, sizeof(pattern->lru));
	mhp_fill_in_parallel(range);
}

/**
 * move_pfn_range_to_zone() - add page frames to a zone
 * @zone: the zone
 * @start_pfn: first page frame; the memmap of the range exists and is not in use
 * @nr_pages: number of page frames
 * @altmap: for ZONE_DEVICE: the memmap of the pages in it is initialized, the rest later
 * @migratetype: migrate type of the pageblocks; MIGRATE_ISOLATE prevents allocations
 *
 * Afterwards the pages are in the span, belong to the zone and are marked PageOffline. They are
 * not present yet and not online.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 */
void move_pfn_range_to_zone(struct zone *zone, unsigned long start_pfn,
			    unsigned long nr_pages, struct vmem_altmap *altmap,
			    int migratetype)
{
	const struct mhp_range range = { start_pfn, nr_pages };

	mhp_zone_grow(zone, &range);
	if (zone_is_zone_device(zone))
		mhp_taint_edge_sections(&range);
	memmap_init_range(nr_pages, zone_to_nid(zone), zone_idx(zone), start_pfn,
			  0, MEMINIT_HOTPLUG, altmap, migratetype);
}

/**
 * remove_pfn_range_from_zone() - remove page frames from a zone
 * @zone: the zone
 * @start_pfn: first page frame; the range is offline
 * @nr_pages: number of page frames
 *
 * Poisons the struct pages, so that later users of them are detected.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 */
void remove_pfn_range_from_zone(struct zone *zone, unsigned long start_pfn,
				unsigned long nr_pages)
{
	const struct mhp_range range = { start_pfn, nr_pages };
	struct mhp_range span = mhp_zone_span(zone);
	unsigned long pfn, chunk;

	mhp_assert_write_locked();
	for (pfn = start_pfn; pfn < mhp_range_end(&range); pfn += chunk) {
		chunk = min(mhp_range_end(&range), SECTION_ALIGN_UP(pfn + 1)) - pfn;
		page_init_poison(pfn_to_page(pfn), sizeof(struct page) * chunk);
		cond_resched();
	}
	/* Device pages are never online, so the new end of the span cannot be found. */
	if (zone_is_zone_device(zone))
		return;

	clear_zone_contiguous(zone);
	mhp_span_shrink(&span, &range, PAGES_PER_SUBSECTION, mhp_zone_owns, zone);
	mhp_zone_set_span(zone, &span);
	mhp_node_update_span(zone->zone_pgdat);
	mhp_zone_end(zone);
}

/**
 * mhp_account_present() - count present pages, managed or not
 * @zone: the zone of the pages
 * @group: the memory group of the pages, or NULL
 * @range: the pages
 * @sign: 1 for pages that come online, -1 for pages that go offline
 *
 * Context: Process context. mem_hotplug_lock held for write, device_hotplug_lock held for @group.
 */
void mhp_account_present(struct zone *zone, struct memory_group *group,
			 const struct mhp_range *range, long sign)
{
	long pages = sign * (long)range->nr_pages;

	mhp_assert_write_locked();
	/* Zero can also mean that the pageblocks have not been counted yet. */
	if (zone->own_pageblocks || !populated_zone(zone))
		zone->own_pageblocks += sign * (long)mhp_nr_pageblocks(range);
	if (mhp_section_early(range->start_pfn))
		zone->present_early_pages += pages;
	zone->present_pages += pages;
	zone->zone_pgdat->node_present_pages += pages;

	if (group && zone_idx(zone) == ZONE_MOVABLE)
		group->present_movable_pages += pages;
	else if (group)
		group->present_kernel_pages += pages;
}

/**
 * mhp_zones_changed() - update zone lists and watermarks after a zone has changed
 * @zone: the zone
 * @populated_before: whether the zone had memory before
 * @last: no other run of the request follows; watermarks are only computed then, as this takes
 *	long on a machine with many zones and CPUs
 *
 * Zone lists are rebuilt only if the zone became populated or empty. A node that loses its last
 * memory must have been removed from N_MEMORY before, or it stays in the fallback lists.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 */
void mhp_zones_changed(struct zone *zone, bool populated_before, bool last)
{
	mhp_assert_write_locked();
	if (populated_before != populated_zone(zone))
		build_all_zonelists(NULL);
	if (last)
		init_per_zone_wmark_min();
}
