// SPDX-License-Identifier: GPL-2.0
/*
 * memmap on memory: the memmap of a block lies in the first pages of the block itself, so that
 * adding the block does not take existing memory. The altmap of the block (struct vmem_altmap)
 * describes these pages.
 *
 * Owns the decision, the size of the memmap, the altmap of a block and the pages that hold the
 * memmap. mem_hotplug_lock is held for write where a zone is changed. The invariant: while a
 * block is online, the pages with its memmap belong to its zone, are present, not managed, and
 * marked PageVmemmapSelfHosted.
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
 * mhp_memmap_pages() - compute how many pages the memmap of a block needs
 * @block_bytes: size of the block in bytes
 *
 * Context: Any.
 * Return: the number of pages, without padding.
 */
unsigned long mhp_memmap_pages(unsigned long block_bytes)
{
	return PFN_UP((block_bytes >> PAGE_SHIFT) * sizeof(struct page));
}

/* ---- The decision ------------------------------------------------------ */

#ifndef arch_supports_memmap_on_memory
static bool arch_supports_memmap_on_memory(unsigned long vmemmap_size)
{
	/* The memmap has to be mapped by whole huge pages of the block. */
	return IS_ALIGNED(vmemmap_size, PMD_SIZE);
}
#endif

/* Can a block reserve @reserve pages for its memmap, and have whole pageblocks left? */
static bool mhp_block_can_host(unsigned long reserve)
{
	unsigned long block_pages = memory_block_size_bytes() >> PAGE_SHIFT;
	unsigned long bytes = block_pages * sizeof(struct page);

	return IS_ENABLED(CONFIG_MHP_MEMMAP_ON_MEMORY) && PAGE_ALIGNED(bytes) &&
	       arch_supports_memmap_on_memory(bytes) && pageblock_aligned(reserve) &&
	       reserve < block_pages;
}

/* The number of pages to reserve: as many as needed, or padded to whole pageblocks. */
static unsigned long mhp_memmap_reserve(bool padded)
{
	unsigned long pages = mhp_memmap_pages(memory_block_size_bytes());

	return padded ? pageblock_align(pages) : pages;
}

/**
 * mhp_supports_memmap_on_memory() - test whether MHP_MEMMAP_ON_MEMORY has an effect
 *
 * MHP_MEMMAP_OWN and MHP_MEMMAP_FALLBACK do not depend on it.
 *
 * Context: Any.
 * Return: true if the parameter memmap_on_memory and the block size allow a memmap in the
 * memory itself.
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

	/* memcpy(), as some members are constant. */
	if (own)
		memcpy(&own->altmap, &altmap, sizeof(altmap));
	return own;
}

/*
 * Small allocations do not fail, but invoke the OOM killer. So this tests before the first of
 * them whether there is kernel memory to add a range: for page tables, devices, altmaps, and a
 * memmap in existing memory.
 */
static int mhp_check_kernel_room(const struct mhp_range *range, bool hosts_memmap,
				 struct mhp_result *res)
{
	unsigned long nr_blocks = range->nr_pages / PHYS_PFN(memory_block_size_bytes());
	unsigned long need = mhp_bookkeeping_pages(mhp_range_bytes(range), nr_blocks);
	unsigned long managed, room = mhp_kernel_room(&managed);
	/* Memory that holds its own memmap may relieve the shortage, so less has to be kept. */
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

/* Makes an altmap of @reserve pages for each block of a range. */
static int mhp_host_memmap(const struct mhp_range *range, unsigned long reserve, mhp_t flags,
			   struct list_head *altmaps, struct mhp_result *res)
{
	const unsigned long pages = PHYS_PFN(memory_block_size_bytes());
	struct mhp_range block = { range->start_pfn, pages };
	struct mhp_altmap *own;
	int err;

	err = mhp_check_kernel_room(range, true, res);
	if (err)
		return err;
	for (; block.start_pfn < mhp_range_end(range); block.start_pfn += pages) {
		own = mhp_altmap_alloc(&block, reserve, flags & MHP_OFFLINE_INACCESSIBLE);
		if (!own)
			return mhp_refuse(res, -ENOMEM, MHP_WHY_NOMEM, range->start_pfn);
		list_add_tail(&own->list, altmaps);
	}
	return 0;
}

/**
 * mhp_free_altmaps() - free the altmaps of absent memory
 * @altmaps: the list, which is empty afterwards
 *
 * Context: Process context.
 */
void mhp_free_altmaps(struct list_head *altmaps)
{
	struct mhp_altmap *own, *next;

	list_for_each_entry_safe(own, next, altmaps, list)
		kfree(own);
	INIT_LIST_HEAD(altmaps);
}

/**
 * mhp_memmap_may_fall_back() - test whether memory may hold its memmap if there is no other room
 * @flags: MHP_* flags of the request
 * @altmaps: altmaps of the request; not empty if the memory holds its memmap already
 *
 * Context: Any.
 * Return: true if the caller allows it and a block is large enough.
 */
bool mhp_memmap_may_fall_back(mhp_t flags, const struct list_head *altmaps)
{
	return (flags & MHP_MEMMAP_FALLBACK) && list_empty(altmaps) &&
	       mhp_block_can_host(mhp_memmap_reserve(true));
}

/**
 * mhp_memmap_fall_back() - let memory hold its memmap, as there is no other room
 * @range: the memory
 * @flags: MHP_* flags of the request
 * @altmaps: an altmap for each block is added to it
 * @res: set to the reason of a failure
 *
 * Context: Process context. May sleep.
 * Return: 0; -ENOMEM.
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

/* Would a memmap in existing memory leave too little kernel memory? */
static bool mhp_memmap_is_a_burden(const struct mhp_range *range)
{
	unsigned long managed, room = mhp_kernel_room(&managed);

	return mhp_is_burden(mhp_memmap_pages(mhp_range_bytes(range)), room, managed);
}

/**
 * mhp_place_memmap() - decide where the memmap of added memory lies
 * @range: the memory, in whole blocks
 * @flags: MHP_* flags of the request
 * @altmaps: if the memmap lies in the memory itself, an altmap for each block is added to it
 * @res: set to the reason of a failure
 *
 * The memmap lies in the memory itself on request, because of the parameter, or if there is too
 * little room elsewhere.
 *
 * Context: Process context. May sleep.
 * Return: 0; -EINVAL if the memmap must lie in the memory and does not fit; -ENOMEM.
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
	return mhp_check_kernel_room(range, false, res);
}

/* ---- The pages that hold the memmap ------------------------------------- */

static struct mhp_range mhp_own_memmap(const struct mhp_run *run)
{
	return (struct mhp_range){ run->all.start_pfn,
				   run->all.nr_pages - run->pages.nr_pages };
}

/* The end of the sections that hold only memmap, whose other pages never come online. */
static unsigned long mhp_whole_sections_end(const struct mhp_range *memmap)
{
	return SECTION_ALIGN_DOWN(mhp_range_end(memmap));
}

/**
 * mhp_memmap_online() - add the pages that hold the memmap of a block to its zone
 * @run: one block that holds its own memmap; nothing is done for other runs
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 * Return: 0; -ENOMEM if there is no memory for the shadow of KASAN.
 */
int mhp_memmap_online(struct mhp_run *run)
{
	const struct mhp_range memmap = mhp_own_memmap(run);
	unsigned long pfn, end = mhp_range_end(&memmap);
	int ret;

	if (mhp_range_empty(&memmap))
		return 0;
	ret = kasan_add_zero_shadow(__va(mhp_range_phys(&memmap)), mhp_range_bytes(&memmap));
	if (ret)
		return ret;
	/* The memmap could not be written before, as the memory was inaccessible. */
	if (run->altmap->inaccessible)
		page_init_poison(pfn_to_page(run->all.start_pfn),
				 sizeof(struct page) * run->all.nr_pages);

	move_pfn_range_to_zone(run->zone, memmap.start_pfn, memmap.nr_pages, NULL,
			       MIGRATE_UNMOVABLE);
	for (pfn = memmap.start_pfn; pfn < end; pfn++) {
		__ClearPageOffline(pfn_to_page(pfn));
		SetPageVmemmapSelfHosted(pfn_to_page(pfn));
	}
	if (mhp_whole_sections_end(&memmap) > memmap.start_pfn)
		online_mem_sections(memmap.start_pfn, mhp_whole_sections_end(&memmap));
	return 0;
}

/**
 * mhp_memmap_offline() - remove the pages that hold the memmap of a block from its zone
 * @run: one block that holds its own memmap; nothing is done for other runs
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 */
void mhp_memmap_offline(struct mhp_run *run)
{
	const struct mhp_range memmap = mhp_own_memmap(run);

	if (mhp_range_empty(&memmap))
		return;
	if (mhp_whole_sections_end(&memmap) > memmap.start_pfn)
		offline_mem_sections(memmap.start_pfn, mhp_whole_sections_end(&memmap));
	remove_pfn_range_from_zone(run->zone, memmap.start_pfn, memmap.nr_pages);
	kasan_remove_zero_shadow(__va(mhp_range_phys(&memmap)), mhp_range_bytes(&memmap));
}
