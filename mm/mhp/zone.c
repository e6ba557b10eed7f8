// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages a zone and a node have: their spans, their counters, and the
 * struct page of a range that comes or goes.
 *
 * Owns zone_start_pfn, spanned_pages, present_pages and contiguous of a zone and
 * their like of a node, once the system runs. Calls the boot code that writes
 * struct pages. mem_hotplug_lock is held for write throughout. The invariant: a
 * span starts and ends with memory that is online, or about to be.
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

static struct mhp_range zone_span(const struct zone *zone)
{
	return (struct mhp_range){ zone->zone_start_pfn, zone->spanned_pages };
}

static void zone_set_span(struct zone *zone, const struct mhp_range *span)
{
	unsigned long flags;

	zone_span_writelock(zone, &flags);
	zone->zone_start_pfn = span->start_pfn;
	zone->spanned_pages = span->nr_pages;
	zone_span_writeunlock(zone, &flags);
}

/* The span of a node is that of all its zones. */
static void node_update_span(struct pglist_data *pgdat)
{
	struct mhp_range span = {}, zone;
	unsigned long flags;
	int i;

	for (i = 0; i < MAX_NR_ZONES; i++) {
		zone = zone_span(pgdat->node_zones + i);
		if (!mhp_range_empty(&zone))
			mhp_span_grow(&span, &zone);
	}
	pgdat_resize_lock(pgdat, &flags);
	pgdat->node_start_pfn = span.start_pfn;
	pgdat->node_spanned_pages = span.nr_pages;
	pgdat_resize_unlock(pgdat, &flags);
}

/* Only online pages count: others may have no struct page that can be read. */
static bool zone_owns(unsigned long pfn, void *arg)
{
	struct page *page = pfn_to_online_page(pfn);

	return page && page_zone(page) == arg;
}

/*
 * A zone is contiguous when each pageblock that its span touches is its own; then nobody
 * who walks over it has to check. So two numbers tell, and no walk: the pageblocks of the
 * span, and those which are the zone's own.
 */

static unsigned long nr_pageblocks(const struct mhp_range *range)
{
	return (pageblock_align(mhp_range_end(range)) -
		pageblock_start_pfn(range->start_pfn)) >> pageblock_order;
}

static void count_pageblocks(struct zone *zone)
{
	const struct mhp_range span = zone_span(zone);
	unsigned long pfn, next, own = 0;

	for (pfn = span.start_pfn; pfn < mhp_range_end(&span); pfn = next) {
		next = min(pageblock_end_pfn(pfn), mhp_range_end(&span));
		own += !!__pageblock_pfn_to_page(pfn, next, zone);
		cond_resched();
	}
	zone->own_pageblocks = own;
}

/**
 * mhp_zone_begin() - get to know a zone that is about to change
 * @zone: the zone
 *
 * Counts the pageblocks of one that the kernel booted with, the first time.
 *
 * Context: May sleep. mem_hotplug_lock held for write.
 */
void mhp_zone_begin(struct zone *zone)
{
	mhp_assert_write_locked();
	/* Before, not every struct page may have been initialized. */
	if (system_state >= SYSTEM_RUNNING && populated_zone(zone) && !zone->own_pageblocks)
		count_pageblocks(zone);
}

/**
 * mhp_zone_end() - a zone has changed: is it contiguous
 * @zone: the zone
 *
 * Context: May sleep. mem_hotplug_lock held for write.
 */
void mhp_zone_end(struct zone *zone)
{
	const struct mhp_range span = zone_span(zone);

	mhp_assert_write_locked();
	if (zone->own_pageblocks)
		zone->contiguous = zone->own_pageblocks == nr_pageblocks(&span);
	else if (populated_zone(zone))
		set_zone_contiguous(zone);
}

/*
 * In a section which ZONE_DEVICE shares with other memory, pfn_to_online_page()
 * has to look twice.
 */
#ifdef CONFIG_ZONE_DEVICE
static void taint_edges(const struct mhp_range *range)
{
	if (!IS_ALIGNED(range->start_pfn, PAGES_PER_SECTION))
		__pfn_to_section(range->start_pfn)->section_mem_map |=
			SECTION_TAINT_ZONE_DEVICE;
	if (!IS_ALIGNED(mhp_range_end(range), PAGES_PER_SECTION))
		__pfn_to_section(mhp_range_end(range))->section_mem_map |=
			SECTION_TAINT_ZONE_DEVICE;
}
#else
static void taint_edges(const struct mhp_range *range)
{
}
#endif

static void grow_zone(struct zone *zone, const struct mhp_range *range)
{
	struct mhp_range span = zone_span(zone);

	mhp_assert_write_locked();
	clear_zone_contiguous(zone);
	if (zone_is_empty(zone))
		init_currently_empty_zone(zone, range->start_pfn, range->nr_pages);
	mhp_span_grow(&span, range);
	zone_set_span(zone, &span);
	node_update_span(zone->zone_pgdat);
}

/**
 * mhp_fill_memmap() - write the same into many struct pages
 * @first: the first of them
 * @pattern: what to write
 * @nr: how many
 *
 * An architecture which can write past the caches has its own: the struct pages of a block
 * are as big as a cache, and most of them are not read for long.
 */
void __weak mhp_fill_memmap(struct page *first, const struct page *pattern, unsigned long nr)
{
	while (nr--)
		*first++ = *pattern;
}

/* For one more CPU it must be worth its while: the memmap of this much is 16 MiB. */
#define FILL_CHUNK	(SZ_1G >> PAGE_SHIFT)
/* Memory is not faster for more. */
#define FILL_HELPERS	15U

/**
 * struct filling - struct pages that are being written; mem_hotplug_lock
 * @pattern: what to write
 * @next: page frames from here on are left; a section is taken at a time
 * @end: behind the last
 * @helpers: other CPUs, if they come
 */
static struct filling {
	struct page pattern;
	atomic_long_t next;
	unsigned long end;
	struct work_struct helpers[FILL_HELPERS];
} filling;

/* All that struct pages of a zone do not have in common. See __init_single_page(). */
static void fill_addresses(unsigned long pfn, unsigned long end)
{
#ifdef WANT_PAGE_VIRTUAL
	for (; pfn < end; pfn++)
		set_page_address(pfn_to_page(pfn), __va(PFN_PHYS(pfn)));
#endif
}

static void fill_some(unsigned long pfn, unsigned long end)
{
	unsigned long next;

	for (; pfn < end; pfn = next) {
		next = min(pageblock_end_pfn(pfn), end);
		mhp_fill_memmap(pfn_to_page(pfn), &filling.pattern, next - pfn);
		fill_addresses(pfn, next);
		set_pageblock_migratetype(pfn_to_page(pfn), MIGRATE_MOVABLE);
		cond_resched();
	}
}

static void fill_what_is_left(struct work_struct *unused)
{
	unsigned long pfn;

	for (;;) {
		pfn = atomic_long_fetch_add(PAGES_PER_SECTION, &filling.next);
		if (pfn >= filling.end)
			return;
		fill_some(pfn, min(pfn + PAGES_PER_SECTION, filling.end));
	}
}

/*
 * Helpers need a worker, which may have to be forked first, with memory that is to come with
 * this very request. So nobody waits for one that has not begun.
 */
static void fill(const struct mhp_range *range)
{
	unsigned int nr = min3(range->nr_pages / FILL_CHUNK, num_online_cpus() - 1UL,
			       (unsigned long)FILL_HELPERS);
	unsigned int i;

	atomic_long_set(&filling.next, range->start_pfn);
	filling.end = mhp_range_end(range);
	for (i = 0; i < nr; i++) {
		INIT_WORK(filling.helpers + i, fill_what_is_left);
		queue_work(system_unbound_wq, filling.helpers + i);
	}
	fill_what_is_left(NULL);
	for (i = 0; i < nr; i++)
		if (!cancel_work(filling.helpers + i))
			flush_work(filling.helpers + i);
}

/**
 * mhp_zone_add_free() - give page frames to a zone, as free pages that are on no list
 * @zone: the zone
 * @range: the page frames; their memmap exists and nobody uses it
 *
 * As move_pfn_range_to_zone(), but each struct page is written once, as it is to be in the
 * allocator: but for the list they only lack the mark of the first page of a chunk. By
 * several CPUs, where it is many.
 *
 * Context: May sleep. mem_hotplug_lock held for write.
 */
void mhp_zone_add_free(struct zone *zone, const struct mhp_range *range)
{
	struct page *pattern = &filling.pattern;

	grow_zone(zone, range);
	highest_memmap_pfn = max(highest_memmap_pfn, mhp_range_end(range) - 1);

	__init_single_page(pattern, range->start_pfn, zone_idx(zone), zone_to_nid(zone));
	set_page_count(pattern, 0);
	memset(&pattern->lru, 0, sizeof(pattern->lru));
	fill(range);
}

/**
 * move_pfn_range_to_zone() - give page frames to a zone
 * @zone: the zone
 * @start_pfn: first page frame; its memmap exists and nobody uses it
 * @nr_pages: how many
 * @altmap: ZONE_DEVICE: the part of the memmap that it holds is initialized here, the rest later
 * @migratetype: of its pageblocks; MIGRATE_ISOLATE keeps the allocator away
 *
 * Afterwards the pages are within the span, belong to the zone and are marked
 * PageOffline. They are not present yet and not online.
 *
 * Context: mem_hotplug_lock held for write.
 */
void move_pfn_range_to_zone(struct zone *zone, unsigned long start_pfn,
			    unsigned long nr_pages, struct vmem_altmap *altmap,
			    int migratetype)
{
	const struct mhp_range range = { start_pfn, nr_pages };

	grow_zone(zone, &range);
	if (zone_is_zone_device(zone))
		taint_edges(&range);
	memmap_init_range(nr_pages, zone_to_nid(zone), zone_idx(zone), start_pfn,
			  0, MEMINIT_HOTPLUG, altmap, migratetype);
}

/**
 * remove_pfn_range_from_zone() - take page frames out of a zone
 * @zone: the zone that has them
 * @start_pfn: first page frame, not online any more
 * @nr_pages: how many
 *
 * Their struct pages are poisoned: who still looks at one is found out.
 *
 * Context: mem_hotplug_lock held for write.
 */
void remove_pfn_range_from_zone(struct zone *zone, unsigned long start_pfn,
				unsigned long nr_pages)
{
	const struct mhp_range range = { start_pfn, nr_pages };
	struct mhp_range span = zone_span(zone);
	unsigned long pfn, chunk;

	mhp_assert_write_locked();
	for (pfn = start_pfn; pfn < mhp_range_end(&range); pfn += chunk) {
		chunk = min(mhp_range_end(&range), SECTION_ALIGN_UP(pfn + 1)) - pfn;
		page_init_poison(pfn_to_page(pfn), sizeof(struct page) * chunk);
		cond_resched();
	}
	/* Device pages are never online, so nothing tells where such a zone ends. */
	if (zone_is_zone_device(zone))
		return;

	clear_zone_contiguous(zone);
	mhp_span_shrink(&span, &range, PAGES_PER_SUBSECTION, zone_owns, zone);
	zone_set_span(zone, &span);
	node_update_span(zone->zone_pgdat);
	mhp_zone_end(zone);
}

/**
 * mhp_account_present() - count pages that are there, whoever manages them
 * @zone: the zone of all of them
 * @group: their memory group, or NULL
 * @range: the pages
 * @sign: 1 they come, -1 they go
 *
 * Context: mem_hotplug_lock held for write, device_hotplug_lock for the group.
 */
void mhp_account_present(struct zone *zone, struct memory_group *group,
			 const struct mhp_range *range, long sign)
{
	long pages = sign * (long)range->nr_pages;

	mhp_assert_write_locked();
	/* Zero may also mean that they have not been counted yet. */
	if (zone->own_pageblocks || !populated_zone(zone))
		zone->own_pageblocks += sign * (long)nr_pageblocks(range);
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
 * mhp_zones_changed() - let the rest of mm know that a zone has other memory now
 * @zone: the zone
 * @populated_before: whether it had any before
 *
 * Zone lists where the zone became populated or empty, watermarks always.
 *
 * Context: mem_hotplug_lock held for write.
 */
void mhp_zones_changed(struct zone *zone, bool populated_before)
{
	mhp_assert_write_locked();
	if (populated_before != populated_zone(zone))
		build_all_zonelists(NULL);
	init_per_zone_wmark_min();
}
