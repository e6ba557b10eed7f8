// SPDX-License-Identifier: GPL-2.0
/*
 * memmap on memory: the struct pages of a block lie in its own first pages, so
 * adding memory needs none of what is there already.
 *
 * Owns the sizing, the altmap of a block and the pages that hold the memmap.
 * mem_hotplug_lock is held for write for what touches a zone. The invariant:
 * while a block is online, the pages with its memmap belong to its zone, are
 * present, not managed, and marked PageVmemmapSelfHosted.
 *
 *	| memmap of the block | pages for the allocator          |
 *	`- altmap of N pages -'                                   `- end of the block
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/kasan.h>
#include <linux/memremap.h>
#include <linux/mmzone.h>
#include <linux/slab.h>

#include "mhp.h"
#include "../internal.h"

/**
 * mhp_memmap_pages() - how many pages the memmap of a block needs
 * @block_bytes: size of the block
 *
 * Return: number of pages, before any padding.
 */
unsigned long mhp_memmap_pages(unsigned long block_bytes)
{
	return PFN_UP((block_bytes >> PAGE_SHIFT) * sizeof(struct page));
}

/**
 * mhp_altmap_alloc() - an altmap at the start of a block
 * @block: the pages of the block
 * @memmap_pages: how many of its pages to set aside
 * @inaccessible: nobody may touch the memory until PREPARE_ONLINE
 *
 * Context: May sleep.
 * Return: what arch_add_memory() takes and create_memory_block_devices() keeps,
 * NULL where there is no memory. To be freed with kfree().
 */
struct mhp_altmap *mhp_altmap_alloc(const struct mhp_range *block,
				    unsigned long memmap_pages, bool inaccessible)
{
	const struct mhp_altmap own = {
		.altmap = {
			.base_pfn = block->start_pfn,
			.end_pfn = mhp_range_end(block) - 1,
			.free = memmap_pages,
			.inaccessible = inaccessible,
		},
	};

	return kmemdup(&own, sizeof(own), MHP_GFP);
}

static struct mhp_range own_memmap(const struct mhp_run *run)
{
	return (struct mhp_range){ run->all.start_pfn,
				   run->all.nr_pages - run->pages.nr_pages };
}

/* The sections which hold nothing but memmap: no page of theirs comes online later. */
static unsigned long whole_sections_end(const struct mhp_range *memmap)
{
	return SECTION_ALIGN_DOWN(mhp_range_end(memmap));
}

/**
 * mhp_memmap_online() - give the pages with the memmap to the zone
 * @run: one block with its memmap in itself; others are left alone
 *
 * Context: mem_hotplug_lock held for write.
 * Return: 0 or -ENOMEM (KASAN shadow).
 */
int mhp_memmap_online(struct mhp_run *run)
{
	const struct mhp_range memmap = own_memmap(run);
	unsigned long pfn, end = mhp_range_end(&memmap);
	struct vmem_altmap *altmap = run->blocks[0]->altmap;
	int ret;

	if (mhp_range_empty(&memmap))
		return 0;
	ret = kasan_add_zero_shadow(__va(mhp_range_phys(&memmap)), mhp_range_bytes(&memmap));
	if (ret)
		return ret;
	/* It could not be written while the memory was not to be touched. */
	if (altmap->inaccessible)
		page_init_poison(pfn_to_page(run->all.start_pfn),
				 sizeof(struct page) * run->all.nr_pages);

	move_pfn_range_to_zone(run->zone, memmap.start_pfn, memmap.nr_pages, NULL,
			       MIGRATE_UNMOVABLE);
	for (pfn = memmap.start_pfn; pfn < end; pfn++) {
		__ClearPageOffline(pfn_to_page(pfn));
		SetPageVmemmapSelfHosted(pfn_to_page(pfn));
	}
	if (whole_sections_end(&memmap) > memmap.start_pfn)
		online_mem_sections(memmap.start_pfn, whole_sections_end(&memmap));
	return 0;
}

/**
 * mhp_memmap_offline() - take the pages with the memmap out of the zone
 * @run: one block with its memmap in itself; others are left alone
 *
 * Context: mem_hotplug_lock held for write.
 */
void mhp_memmap_offline(struct mhp_run *run)
{
	const struct mhp_range memmap = own_memmap(run);

	if (mhp_range_empty(&memmap))
		return;
	if (whole_sections_end(&memmap) > memmap.start_pfn)
		offline_mem_sections(memmap.start_pfn, whole_sections_end(&memmap));
	remove_pfn_range_from_zone(run->zone, memmap.start_pfn, memmap.nr_pages);
	kasan_remove_zero_shadow(__va(mhp_range_phys(&memmap)), mhp_range_bytes(&memmap));
}
