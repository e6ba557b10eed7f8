// SPDX-License-Identifier: GPL-2.0
/*
 * Sections of memory that is added and removed: their memmap, and the flags which say that a
 * section is present, and that it is online.
 *
 * Owns ms->usage and the flags in ms->section_mem_map of added sections. Calls the vmemmap code
 * of the architecture. mem_hotplug_lock is held for write. Readers (pfn_valid(),
 * pfn_to_online_page()) take no lock: ms->usage is written before the flag that makes readers
 * use it, and freed by RCU. The memmap is freed after the end of every walk (walk.c) that may
 * have found it.
 *
 * A sub-section, 2 MiB, is the unit of ZONE_DEVICE ranges; System RAM is added in whole
 * sections. The memmap of adjacent sections is virtually contiguous, so that a range of
 * sections is unmapped with one TLB flush.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/mm.h>
#include <linux/memremap.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include "mhp.h"
#include "request.h"
#include "../internal.h"

/* The part of @range in the section of @pfn. */
static struct mhp_range mhp_section_part(const struct mhp_range *range, unsigned long pfn)
{
	unsigned long end = min(mhp_range_end(range), SECTION_ALIGN_UP(pfn + 1));

	return (struct mhp_range){ .start_pfn = pfn, .nr_pages = end - pfn };
}

#define for_each_section_part(part, range)					\
	for (part = mhp_section_part(range, (range)->start_pfn);		\
	     part.start_pfn < mhp_range_end(range);				\
	     part = mhp_section_part(range, mhp_range_end(&part)))

static void mhp_section_subsection_bits(const struct mhp_range *part, unsigned int *first,
					unsigned int *nr)
{
	*first = subsection_map_index(part->start_pfn);
	*nr = DIV_ROUND_UP(part->nr_pages, PAGES_PER_SUBSECTION);
}

/*
 * The number of pages that the memmap of @part needs. If a device uses compound pages
 * (@pgmap->vmemmap_shift), each of these needs only two: the first page of its memmap, and one
 * that is mapped for all others. They are allocated with the section in which the compound page
 * begins.
 */
static long mhp_section_memmap_pages(const struct mhp_range *part, struct vmem_altmap *altmap,
				     struct dev_pagemap *pgmap)
{
	unsigned long pages = DIV_ROUND_UP(part->nr_pages * sizeof(struct page), PAGE_SIZE);
	unsigned long compound;

	if (!vmemmap_can_optimize(altmap, pgmap))
		return pages;
	compound = pgmap_vmemmap_nr(pgmap);
	if (compound <= part->nr_pages)
		return part->nr_pages / compound * VMEMMAP_RESERVE_NR;
	return IS_ALIGNED(part->start_pfn, compound) ? VMEMMAP_RESERVE_NR : 0;
}

static void mhp_section_memmap_count(const struct mhp_range *part, struct vmem_altmap *altmap,
				     struct dev_pagemap *pgmap, int sign)
{
	long pages = sign * mhp_section_memmap_pages(part, altmap, pgmap);

	if (mhp_section_early(part->start_pfn))
		memmap_boot_pages_add(pages);
	else
		memmap_pages_add(pages);
}

/**
 * mhp_section_early() - test whether a section was present at boot
 * @pfn: a page frame of the section
 *
 * Context: Any.
 * Return: true for boot memory, whose memmap came from memblock.
 */
bool mhp_section_early(unsigned long pfn)
{
	return early_section(__pfn_to_section(pfn));
}

static bool mhp_section_has_any(const struct mem_section *ms, const struct mhp_range *part)
{
	unsigned int first, nr;

	if (!ms || !ms->usage)
		return false;
	mhp_section_subsection_bits(part, &first, &nr);
	return find_next_bit(ms->usage->subsection_map, first + nr, first) < first + nr;
}

/**
 * mhp_sections_present() - test whether any memory of a range has a memmap
 * @range: whole sub-sections
 *
 * Context: Process context. mem_hotplug_lock held.
 * Return: true if a part of the range is present, as System RAM or as memory of a device.
 */
bool mhp_sections_present(const struct mhp_range *range)
{
	struct mhp_range part;

	for_each_section_part(part, range)
		if (mhp_section_has_any(__pfn_to_section(part.start_pfn), &part))
			return true;
	return false;
}

/* Claims the sub-sections of @part; allocates the usage map if the section has none. */
static int mhp_section_claim(struct mem_section *ms, const struct mhp_range *part)
{
	struct mem_section_usage *usage = ms->usage;
	unsigned int first, nr;

	if (mhp_section_has_any(ms, part))
		return -EEXIST;
	if (!usage) {
		usage = kzalloc(mem_section_usage_size(), MHP_GFP);
		if (!usage)
			return -ENOMEM;
	}
	mhp_section_subsection_bits(part, &first, &nr);
	bitmap_set(usage->subsection_map, first, nr);
	ms->usage = usage;
	return 0;
}

/* Releases the sub-sections of @part; returns true if the section has no others. */
static bool mhp_section_release(struct mem_section *ms, const struct mhp_range *part)
{
	unsigned int first, nr;

	mhp_section_subsection_bits(part, &first, &nr);
	bitmap_clear(ms->usage->subsection_map, first, nr);
	return bitmap_empty(ms->usage->subsection_map, SUBSECTIONS_PER_SECTION);
}

static void mhp_section_set_flag(struct mem_section *ms, unsigned long flag)
{
	WRITE_ONCE(ms->section_mem_map, ms->section_mem_map | flag);
}

static void mhp_section_clear_flag(struct mem_section *ms, unsigned long flag)
{
	WRITE_ONCE(ms->section_mem_map, ms->section_mem_map & ~flag);
}

/* Frees the usage map of a section that pfn_valid() does not find any more. */
static void mhp_section_free_usage(struct mem_section *ms)
{
	struct mem_section_usage *usage = ms->usage;

	/* The usage map of an early section is part of a bigger boot allocation. */
	if (!PageReserved(virt_to_page(usage))) {
		WRITE_ONCE(ms->usage, NULL);
		kfree_rcu(usage, rcu);
	}
}

static int mhp_section_add(int nid, const struct mhp_range *part,
			   struct vmem_altmap *altmap, struct dev_pagemap *pgmap)
{
	unsigned long nr = pfn_to_section_nr(part->start_pfn);
	struct mem_section *ms;
	struct page *memmap;
	bool fresh;
	int ret;

	ret = sparse_index_init(nr, nid);
	if (ret)
		return ret;
	ms = __nr_to_section(nr);
	fresh = !valid_section(ms);
	ret = mhp_section_claim(ms, part);
	if (ret)
		return ret;

	/* The memmap of an early section is complete, however much memory it has. */
	if (part->nr_pages < PAGES_PER_SECTION && early_section(ms))
		return 0;

	memmap = __populate_section_memmap(part->start_pfn, part->nr_pages, nid,
					   altmap, pgmap);
	if (!memmap) {
		if (mhp_section_release(ms, part) && fresh)
			mhp_section_free_usage(ms);
		/* Free the part of the memmap that was populated before memory ran out. */
		vmemmap_free((unsigned long)pfn_to_page(part->start_pfn),
			     (unsigned long)pfn_to_page(mhp_range_end(part)), altmap);
		return -ENOMEM;
	}
	/* Stale contents must not look like a page in use; see PagePoisoned(). */
	if (!altmap || !altmap->inaccessible)
		page_init_poison(memmap, sizeof(struct page) * part->nr_pages);

	if (fresh) {
		set_section_nid(nr, nid);
		__section_mark_present(ms, nr);
		sparse_init_one_section(ms, nr, pfn_to_page(section_nr_to_pfn(nr)),
					ms->usage, 0);
	}
	mhp_section_memmap_count(part, altmap, pgmap, 1);
	return 0;
}

static void mhp_section_memmap_unmap(const struct mhp_range *range, struct vmem_altmap *altmap)
{
	if (!mhp_range_empty(range))
		vmemmap_free((unsigned long)pfn_to_page(range->start_pfn),
			     (unsigned long)pfn_to_page(mhp_range_end(range)), altmap);
}

/* Hides @part from pfn_valid(); returns true if pfn_valid() found it before. */
static bool mhp_section_hide(const struct mhp_range *part)
{
	struct mem_section *ms = __pfn_to_section(part->start_pfn);
	bool found = valid_section(ms);

	if (mhp_section_release(ms, part))
		mhp_section_clear_flag(ms, SECTION_HAS_MEM_MAP);
	return found;
}

/* Ends the accounting of a hidden @part; returns true if its memmap is to be unmapped. */
static bool mhp_section_remove(const struct mhp_range *part, struct vmem_altmap *altmap,
			       struct dev_pagemap *pgmap)
{
	struct mem_section *ms = __pfn_to_section(part->start_pfn);
	bool empty = !valid_section(ms);

	if (early_section(ms) && !empty)
		return false;
	mhp_section_memmap_count(part, altmap, pgmap, -1);
	if (empty) {
		mhp_section_free_usage(ms);
		ms->section_mem_map = 0;
	}
	return true;
}

#ifdef CONFIG_MEMORY_HOTREMOVE
/**
 * mhp_hide_sections() - hide the struct pages of a range that is about to be removed
 * @range: whole sections, which are offline
 * @certain: the removal cannot be undone, so wait for walks without a deadline
 *
 * Called before __remove_pages(), once for a whole request.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 * Return: true; false if walks did not end in time, and the struct pages are not hidden.
 */
bool mhp_hide_sections(const struct mhp_range *range, bool certain)
{
	struct mhp_range part;

	for_each_section_part(part, range)
		mhp_section_clear_flag(__pfn_to_section(part.start_pfn), SECTION_HAS_MEM_MAP);
	if (certain)
		mhp_wait_for_all_walks();
	if (certain || mhp_wait_for_walks(jiffies + MHP_WALK_PATIENCE))
		return true;
	mhp_show_sections(range);
	return false;
}

/**
 * mhp_show_sections() - undo mhp_hide_sections()
 * @range: whole sections, as for mhp_hide_sections()
 *
 * Context: Process context. mem_hotplug_lock held for write.
 */
void mhp_show_sections(const struct mhp_range *range)
{
	struct mhp_range part;

	for_each_section_part(part, range)
		mhp_section_set_flag(__pfn_to_section(part.start_pfn), SECTION_HAS_MEM_MAP);
}
#endif

/**
 * __add_pages() - add the sections and the memmap of a range of page frames
 * @nid: node of the range
 * @start_pfn: first page frame, aligned to a section, for ZONE_DEVICE to a sub-section
 * @nr_pages: number of page frames, with the same alignment
 * @params: the altmap for the memmap, and the device that owns the range
 *
 * Called by arch_add_memory() and, for memory that is not mapped, directly.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 * Return: 0; -EINVAL if the range is misaligned or the altmap lies elsewhere; -E2BIG if the
 * range cannot be addressed; -EEXIST if a part of it has a memmap already; -ENOMEM. After an
 * error nothing has been added.
 */
int __add_pages(int nid, unsigned long start_pfn, unsigned long nr_pages,
		struct mhp_params *params)
{
	const struct mhp_limits lim = {
		.section_pages = PAGES_PER_SECTION,
		.subsection_pages = PAGES_PER_SUBSECTION,
		.last = PHYSMEM_END,
	};
	struct mhp_result res = MHP_RESULT_OK;
	struct vmem_altmap *altmap = params->altmap;
	struct mhp_range range, part, done;
	int ret;

	ret = mhp_decode_pages(start_pfn, nr_pages, true, &lim, &range, &res);
	if (ret)
		return ret;
	if (altmap) {
		if (altmap->base_pfn != start_pfn ||
		    vmem_altmap_offset(altmap) > nr_pages)
			return -EINVAL;
		altmap->alloc = 0;
	}

	for_each_section_part(part, &range) {
		ret = mhp_section_add(nid, &part, altmap, params->pgmap);
		if (ret)
			break;
		cond_resched();
	}
	if (ret) {
		done = (struct mhp_range){ start_pfn, part.start_pfn - start_pfn };
		if (!mhp_range_empty(&done))
			__remove_pages(done.start_pfn, done.nr_pages, altmap,
				       params->pgmap);
		return ret;
	}
	vmemmap_populate_print_last();
	return 0;
}

/**
 * __remove_pages() - remove the sections and the memmap of a range of page frames
 * @start_pfn: first page frame
 * @nr_pages: number of page frames, with the alignment of __add_pages()
 * @altmap: the altmap that was passed to __add_pages()
 * @pgmap: the device that owns the range, NULL for System RAM
 *
 * The memory must not be in use: it is offline, or its device has released it. Walks over its
 * struct pages (memmap_walk_begin()) are waited for.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 */
void __remove_pages(unsigned long start_pfn, unsigned long nr_pages,
		    struct vmem_altmap *altmap, struct dev_pagemap *pgmap)
{
	const struct mhp_range range = { start_pfn, nr_pages };
	struct mhp_range part, gone = { start_pfn, 0 };
	bool found = false;

	for_each_section_part(part, &range)
		found |= mhp_section_hide(&part);
	if (found)
		mhp_wait_for_all_walks();

	for_each_section_part(part, &range) {
		bool early = mhp_section_early(part.start_pfn);

		cond_resched();
		if (!mhp_section_remove(&part, altmap, pgmap)) {
			mhp_section_memmap_unmap(&gone, altmap);
			gone = (struct mhp_range){ mhp_range_end(&part), 0 };
		} else if (early) {
			/* The memmap of a whole early section, which came from memblock. */
			mhp_section_memmap_unmap(&gone, altmap);
			part.start_pfn = SECTION_ALIGN_DOWN(part.start_pfn);
			part.nr_pages = PAGES_PER_SECTION;
			mhp_section_memmap_unmap(&part, NULL);
			gone = (struct mhp_range){ mhp_range_end(&part), 0 };
		} else {
			gone.nr_pages += part.nr_pages;
		}
	}
	mhp_section_memmap_unmap(&gone, altmap);
}

static void mhp_section_mark(unsigned long start_pfn, unsigned long end_pfn, bool online)
{
	unsigned long nr;

	for (nr = pfn_to_section_nr(start_pfn); nr <= pfn_to_section_nr(end_pfn - 1); nr++) {
		struct mem_section *ms = __nr_to_section(nr);

		if (!valid_section(ms))
			continue;
		if (online)
			mhp_section_set_flag(ms, SECTION_IS_ONLINE);
		else
			mhp_section_clear_flag(ms, SECTION_IS_ONLINE);
	}
}

/**
 * online_mem_sections() - mark sections online for pfn_to_online_page()
 * @start_pfn: first page frame; its whole section is marked
 * @end_pfn: behind the last page frame
 *
 * Context: Any. The caller excludes other changes of the sections.
 */
void online_mem_sections(unsigned long start_pfn, unsigned long end_pfn)
{
	mhp_section_mark(start_pfn, end_pfn, true);
}

/**
 * offline_mem_sections() - mark sections offline for pfn_to_online_page()
 * @start_pfn: first page frame; its whole section is marked
 * @end_pfn: behind the last page frame
 *
 * Context: Any. The caller excludes other changes of the sections.
 */
void offline_mem_sections(unsigned long start_pfn, unsigned long end_pfn)
{
	mhp_section_mark(start_pfn, end_pfn, false);
}

/* RCU keeps the usage map of a section that is being removed. */
static bool mhp_section_subsection_exists(struct mem_section *ms, unsigned long pfn)
{
	guard(rcu)();

	return pfn_section_valid(ms, pfn);
}

/**
 * pfn_to_online_page() - find the struct page of an online page frame
 * @pfn: any number
 *
 * Only the struct page of online memory is initialized. ZONE_DEVICE pages are never online; in
 * a section that System RAM shares with a device, the pagemap of the frame decides.
 *
 * Context: Any. The page may go offline, and its struct page be freed, at any time, unless the
 * caller has a reference to the page, holds mem_hotplug_lock, or has called memmap_walk_begin().
 * Return: the page; NULL if the frame is absent, offline, or belongs to a device.
 */
struct page *pfn_to_online_page(unsigned long pfn)
{
	struct mem_section *ms = NULL;
	struct dev_pagemap *pgmap;

	if (pfn_to_section_nr(pfn) < NR_MEM_SECTIONS)
		ms = __pfn_to_section(pfn);
	if (!online_section(ms) || !mhp_section_subsection_exists(ms, pfn))
		return NULL;
	if (IS_ENABLED(CONFIG_HAVE_ARCH_PFN_VALID) && !pfn_valid(pfn))
		return NULL;
	mhp_delay_walk(pfn);
	if (!online_device_section(ms))
		return pfn_to_page(pfn);

	pgmap = get_dev_pagemap(pfn, NULL);
	put_dev_pagemap(pgmap);
	return pgmap ? NULL : pfn_to_page(pfn);
}
EXPORT_SYMBOL_GPL(pfn_to_online_page);

/**
 * sparse_decode_mem_map() - decode the address of the memmap of a section
 * @coded_mem_map: as stored in struct mem_section
 * @pnum: number of the section
 *
 * Context: Any.
 * Return: the struct page of the first page frame of the section.
 */
struct page *sparse_decode_mem_map(unsigned long coded_mem_map, unsigned long pnum)
{
	struct page *map = (struct page *)(coded_mem_map & SECTION_MAP_MASK);

	return map + section_nr_to_pfn(pnum);
}
