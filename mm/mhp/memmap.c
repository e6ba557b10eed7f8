// SPDX-License-Identifier: GPL-2.0
/*
 * memmap on memory: the struct pages of a block lie in its own first pages, so
 * adding memory needs none of what is there already.
 *
 * Owns the decision, the sizing, the altmap of a block and the pages that hold the memmap.
 * mem_hotplug_lock is held for write for what touches a zone. The invariant:
 * while a block is online, the pages with its memmap belong to its zone, are
 * present, not managed, and marked PageVmemmapSelfHosted.
 *
 *	| memmap of the block | pages for the allocator          |
 *	`- altmap of N pages -'                                   `- end of the block
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/export.h>
#include <linux/kasan.h>
#include <linux/memremap.h>
#include <linux/mmzone.h>
#include <linux/slab.h>

#include "mhp.h"
#include "policy.h"
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

/* ---- Whether ---------------------------------------------------------- */

#ifndef arch_supports_memmap_on_memory
static bool arch_supports_memmap_on_memory(unsigned long vmemmap_size)
{
	/* The memmap is mapped by whole huge pages, all of which lie in the block. */
	return IS_ALIGNED(vmemmap_size, PMD_SIZE);
}
#endif

/* Can a block set @reserve pages aside for its memmap? The rest is whole pageblocks. */
static bool mhp_block_can_host(unsigned long reserve)
{
	unsigned long block_pages = memory_block_size_bytes() >> PAGE_SHIFT;
	unsigned long bytes = block_pages * sizeof(struct page);

	return IS_ENABLED(CONFIG_MHP_MEMMAP_ON_MEMORY) && PAGE_ALIGNED(bytes) &&
	       arch_supports_memmap_on_memory(bytes) && pageblock_aligned(reserve) &&
	       reserve < block_pages;
}

/* What to set aside: no more than needed, unless only padding makes pageblocks of it. */
static unsigned long mhp_memmap_reserve(bool padded)
{
	unsigned long pages = mhp_memmap_pages(memory_block_size_bytes());

	return padded ? pageblock_align(pages) : pages;
}

/**
 * mhp_supports_memmap_on_memory() - does the memmap of memory lie in it where that is asked for
 *
 * For MHP_MEMMAP_ON_MEMORY; MHP_MEMMAP_OWN and MHP_MEMMAP_FALLBACK do not depend on it.
 *
 * Return: true where the parameter memmap_on_memory and the block size allow it.
 */
bool mhp_supports_memmap_on_memory(void)
{
	return mhp_memmap_mode() != MHP_MEMMAP_ELSEWHERE &&
	       mhp_block_can_host(mhp_memmap_reserve(mhp_memmap_mode() == MHP_MEMMAP_FORCED));
}
EXPORT_SYMBOL_GPL(mhp_supports_memmap_on_memory);

static struct mhp_altmap *mhp_altmap_alloc(const struct mhp_range *block,
					   unsigned long memmap_pages, bool inaccessible)
{
	const struct vmem_altmap altmap = {
		.base_pfn = block->start_pfn,
		.end_pfn = mhp_range_end(block) - 1,
		.free = memmap_pages,
		.inaccessible = inaccessible,
	};
	struct mhp_altmap *own = kzalloc(sizeof(*own), MHP_GFP);

	/* Some of its members are constant. */
	if (own)
		memcpy(&own->altmap, &altmap, sizeof(altmap));
	return own;
}

/* Each block of a range hosts its own memmap, with @reserve pages for it. */
static int mhp_host_memmap(const struct mhp_range *range, unsigned long reserve, mhp_t flags,
			   struct list_head *altmaps, struct mhp_result *res)
{
	const unsigned long pages = PHYS_PFN(memory_block_size_bytes());
	struct mhp_range block = { range->start_pfn, pages };
	struct mhp_altmap *own;

	for (; block.start_pfn < mhp_range_end(range); block.start_pfn += pages) {
		own = mhp_altmap_alloc(&block, reserve, flags & MHP_OFFLINE_INACCESSIBLE);
		if (!own)
			return mhp_refuse(res, -ENOMEM, MHP_WHY_NOMEM, range->start_pfn);
		list_add_tail(&own->list, altmaps);
	}
	return 0;
}

/**
 * mhp_free_altmaps() - forget the altmaps of absent memory
 * @altmaps: the list, empty afterwards
 */
void mhp_free_altmaps(struct list_head *altmaps)
{
	struct mhp_altmap *own, *next;

	list_for_each_entry_safe(own, next, altmaps, list)
		kfree(own);
	INIT_LIST_HEAD(altmaps);
}

/**
 * mhp_memmap_may_fall_back() - may new memory host its memmap for want of room elsewhere
 * @flags: MHP_* of the request
 * @altmaps: of the request; not empty where the memory hosts its memmap already
 *
 * Return: true where the caller allows it and a block is large enough.
 */
bool mhp_memmap_may_fall_back(mhp_t flags, const struct list_head *altmaps)
{
	return (flags & MHP_MEMMAP_FALLBACK) && list_empty(altmaps) &&
	       mhp_block_can_host(mhp_memmap_reserve(true));
}

/**
 * mhp_memmap_fall_back() - let new memory host its memmap for want of room elsewhere
 * @range: the memory
 * @flags: MHP_* of the request
 * @altmaps: gets an altmap for each block
 * @res: gets the reason
 *
 * Return: 0 or -ENOMEM.
 */
int mhp_memmap_fall_back(const struct mhp_range *range, mhp_t flags,
			 struct list_head *altmaps, struct mhp_result *res)
{
	unsigned long managed, room = mhp_kernel_room(&managed);

	pr_info_ratelimited("[mem %#010llx-%#010llx] hosts its own memmap of %llu MiB, as %lu of %lu MiB are left for the kernel\n",
			    mhp_range_phys(range),
			    mhp_range_phys(range) + mhp_range_bytes(range) - 1,
			    PFN_PHYS(mhp_memmap_pages(mhp_range_bytes(range))) >> 20,
			    room >> (20 - PAGE_SHIFT), managed >> (20 - PAGE_SHIFT));
	return mhp_host_memmap(range, mhp_memmap_reserve(true), flags, altmaps, res);
}

/* Would a memmap elsewhere leave too little for the kernel to run on? */
static bool mhp_memmap_is_a_burden(const struct mhp_range *range)
{
	unsigned long managed, room = mhp_kernel_room(&managed);

	return mhp_is_burden(mhp_memmap_pages(mhp_range_bytes(range)), room, managed);
}

/**
 * mhp_place_memmap() - decide where the memmap of new memory is to lie
 * @range: the memory, of whole blocks
 * @flags: MHP_* of the request
 * @altmaps: gets an altmap for each block, where it is to lie in the memory itself
 * @res: gets the reason
 *
 * It lies in the memory itself by request, by parameter, or because there is too little room
 * elsewhere.
 *
 * Context: May sleep.
 * Return: 0; -EINVAL where it must lie there and does not fit, -ENOMEM.
 */
int mhp_place_memmap(const struct mhp_range *range, mhp_t flags, struct list_head *altmaps,
		     struct mhp_result *res)
{
	const bool forced = mhp_memmap_mode() == MHP_MEMMAP_FORCED;

	if (flags & MHP_MEMMAP_OWN) {
		if (!mhp_block_can_host(mhp_memmap_reserve(true)))
			return mhp_refuse(res, -EINVAL, MHP_WHY_MEMMAP, range->start_pfn);
		return mhp_host_memmap(range, mhp_memmap_reserve(true), flags, altmaps, res);
	}
	if ((flags & MHP_MEMMAP_ON_MEMORY) && mhp_supports_memmap_on_memory())
		return mhp_host_memmap(range, mhp_memmap_reserve(forced), flags, altmaps, res);
	if (mhp_memmap_may_fall_back(flags, altmaps) && mhp_memmap_is_a_burden(range))
		return mhp_memmap_fall_back(range, flags, altmaps, res);
	return 0;
}

/**
 * mhp_check_kernel_room() - is there memory for what describes new memory
 * @range: the new memory
 * @hosts_memmap: its memmap lies in itself
 * @res: gets the reason
 *
 * Small allocations do not fail but have programs killed. So before the first of them: is
 * there room for page tables, for devices, and for a memmap that lies elsewhere?
 *
 * Context: May sleep.
 * Return: 0 or -ENOMEM.
 */
int mhp_check_kernel_room(const struct mhp_range *range, bool hosts_memmap,
			  struct mhp_result *res)
{
	unsigned long nr_blocks = range->nr_pages / PHYS_PFN(memory_block_size_bytes());
	unsigned long need = mhp_bookkeeping_pages(mhp_range_bytes(range), nr_blocks);
	unsigned long managed, room = mhp_kernel_room(&managed);
	/* Memory that hosts its memmap may be what helps. */
	unsigned long keep = managed / 64;

	if (!hosts_memmap) {
		need += mhp_memmap_pages(mhp_range_bytes(range));
		keep = managed / 16;
	}
	if (mhp_kernel_can_spare(need, room, keep))
		return 0;
	pr_warn_ratelimited("[mem %#010llx-%#010llx] needs %lu KiB of kernel memory, of which %lu of %lu MiB are left\n",
			    mhp_range_phys(range),
			    mhp_range_phys(range) + mhp_range_bytes(range) - 1,
			    need << (PAGE_SHIFT - 10), room >> (20 - PAGE_SHIFT),
			    managed >> (20 - PAGE_SHIFT));
	return mhp_refuse(res, -ENOMEM, MHP_WHY_NOMEM, range->start_pfn);
}

/* ---- How -------------------------------------------------------------- */

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
		int ret;

	if (mhp_range_empty(&memmap))
		return 0;
	ret = kasan_add_zero_shadow(__va(mhp_range_phys(&memmap)), mhp_range_bytes(&memmap));
	if (ret)
		return ret;
	/* It could not be written while the memory was not to be touched. */
	if (run->altmap->inaccessible)
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
