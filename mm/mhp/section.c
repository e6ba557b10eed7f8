// SPDX-License-Identifier: GPL-2.0
/*
 * Sections of memory that is added and removed: the memmap that describes them
 * and the marks that say which of them exist and which are online.
 *
 * Owns ms->usage and the flags in ms->section_mem_map of added sections. Calls
 * the vmemmap code of the architecture. mem_hotplug_lock is held for write;
 * readers (pfn_valid(), pfn_to_online_page()) take no lock: what they follow is
 * written before the flag that leads to it and freed a grace period after. The
 * memmap itself is freed when every walk (walk.c) that may have found it is over.
 *
 * A sub-section, 2 MiB, is the unit of ZONE_DEVICE ranges; System RAM comes in
 * whole sections. The memmap of neighbouring sections is one stretch of virtual
 * memory, so a range is unmapped in one piece, with one TLB flush.
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
static struct mhp_range in_section(const struct mhp_range *range, unsigned long pfn)
{
	unsigned long end = min(mhp_range_end(range), SECTION_ALIGN_UP(pfn + 1));

	return (struct mhp_range){ .start_pfn = pfn, .nr_pages = end - pfn };
}

#define for_each_section_part(part, range)					\
	for (part = in_section(range, (range)->start_pfn);			\
	     part.start_pfn < mhp_range_end(range);				\
	     part = in_section(range, mhp_range_end(&part)))

static void subsection_bits(const struct mhp_range *part, unsigned int *first,
			    unsigned int *nr)
{
	*first = subsection_map_index(part->start_pfn);
	*nr = DIV_ROUND_UP(part->nr_pages, PAGES_PER_SUBSECTION);
}

/*
 * Pages that the memmap of @part takes. Where the device uses pages of @pgmap->vmemmap_shift
 * only two are made for each of these: its first, and one which stands for all others. They are
 * made with the section that the device's page begins in.
 */
static long memmap_pages(const struct mhp_range *part, struct vmem_altmap *altmap,
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

static void memmap_count(const struct mhp_range *part, struct vmem_altmap *altmap,
			 struct dev_pagemap *pgmap, int sign)
{
	long pages = sign * memmap_pages(part, altmap, pgmap);

	if (mhp_section_early(part->start_pfn))
		memmap_boot_pages_add(pages);
	else
		memmap_pages_add(pages);
}

/**
 * mhp_section_early() - was this section there at boot
 * @pfn: a page frame of it
 *
 * Return: true for memory that the kernel booted with, whose memmap came from memblock.
 */
bool mhp_section_early(unsigned long pfn)
{
	return early_section(__pfn_to_section(pfn));
}

/* Claims the sub-sections of @part; makes the section's usage map if it has none. */
static int section_claim(struct mem_section *ms, const struct mhp_range *part)
{
	struct mem_section_usage *usage = ms->usage;
	unsigned int first, nr;

	subsection_bits(part, &first, &nr);
	if (!usage) {
		usage = kzalloc(mem_section_usage_size(), MHP_GFP);
		if (!usage)
			return -ENOMEM;
	} else if (find_next_bit(usage->subsection_map, first + nr, first) < first + nr) {
		return -EEXIST;
	}
	bitmap_set(usage->subsection_map, first, nr);
	ms->usage = usage;
	return 0;
}

/* Gives the sub-sections back; true when none is left in the section. */
static bool section_release(struct mem_section *ms, const struct mhp_range *part)
{
	unsigned int first, nr;

	subsection_bits(part, &first, &nr);
	bitmap_clear(ms->usage->subsection_map, first, nr);
	return bitmap_empty(ms->usage->subsection_map, SUBSECTIONS_PER_SECTION);
}

static void set_flag(struct mem_section *ms, unsigned long flag)
{
	WRITE_ONCE(ms->section_mem_map, ms->section_mem_map | flag);
}

static void clear_flag(struct mem_section *ms, unsigned long flag)
{
	WRITE_ONCE(ms->section_mem_map, ms->section_mem_map & ~flag);
}

/* For a section that pfn_valid() does not find any more. */
static void section_forget(struct mem_section *ms)
{
	struct mem_section_usage *usage = ms->usage;

	/* The usage map of an early section is part of a bigger boot allocation. */
	if (!PageReserved(virt_to_page(usage))) {
		WRITE_ONCE(ms->usage, NULL);
		kfree_rcu(usage, rcu);
	}
}

static int section_add(int nid, const struct mhp_range *part,
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
	ret = section_claim(ms, part);
	if (ret)
		return ret;

	/* An early section has its whole memmap, whatever it has of memory. */
	if (part->nr_pages < PAGES_PER_SECTION && early_section(ms))
		return 0;

	memmap = __populate_section_memmap(part->start_pfn, part->nr_pages, nid,
					   altmap, pgmap);
	if (!memmap) {
		if (section_release(ms, part) && fresh)
			section_forget(ms);
		/* What was populated before memory ran out. */
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
	memmap_count(part, altmap, pgmap, 1);
	return 0;
}

static void memmap_unmap(const struct mhp_range *range, struct vmem_altmap *altmap)
{
	if (!mhp_range_empty(range))
		vmemmap_free((unsigned long)pfn_to_page(range->start_pfn),
			     (unsigned long)pfn_to_page(mhp_range_end(range)), altmap);
}

/* From here on pfn_valid() does not find @part; true where it did before. */
static bool section_hide(const struct mhp_range *part)
{
	struct mem_section *ms = __pfn_to_section(part->start_pfn);
	bool found = valid_section(ms);

	if (section_release(ms, part))
		clear_flag(ms, SECTION_HAS_MEM_MAP);
	return found;
}

/* Takes a hidden @part out of the books; true when its memmap has to be unmapped now. */
static bool section_remove(const struct mhp_range *part, struct vmem_altmap *altmap,
			   struct dev_pagemap *pgmap)
{
	struct mem_section *ms = __pfn_to_section(part->start_pfn);
	bool empty = !valid_section(ms);

	if (early_section(ms) && !empty)
		return false;
	memmap_count(part, altmap, pgmap, -1);
	if (empty) {
		section_forget(ms);
		ms->section_mem_map = 0;
	}
	return true;
}

#ifdef CONFIG_MEMORY_HOTREMOVE
/**
 * mhp_hide_sections() - let nobody find the struct pages of a range that is to be removed
 * @range: whole sections, which are offline
 * @certain: there is no way back, so it takes what it takes
 *
 * Before __remove_pages(), once for all of a request.
 *
 * Context: May sleep. mem_hotplug_lock held for write.
 * Return: true; false when it took too long, and then they can be found again.
 */
bool mhp_hide_sections(const struct mhp_range *range, bool certain)
{
	struct mhp_range part;

	for_each_section_part(part, range)
		clear_flag(__pfn_to_section(part.start_pfn), SECTION_HAS_MEM_MAP);
	if (certain)
		mhp_wait_for_all_walks();
	if (certain || mhp_wait_for_walks(jiffies + MHP_WALK_PATIENCE))
		return true;
	for_each_section_part(part, range)
		set_flag(__pfn_to_section(part.start_pfn), SECTION_HAS_MEM_MAP);
	return false;
}
#endif

/**
 * __add_pages() - describe new page frames: sections and memmap
 * @nid: their node
 * @start_pfn: the first; on a section, for ZONE_DEVICE on a sub-section
 * @nr_pages: how many, with the same alignment
 * @params: where the memmap comes from, who owns the range
 *
 * Reached by arch_add_memory() and, for memory that is not mapped, directly.
 *
 * Context: mem_hotplug_lock held for write.
 * Return: 0; -EINVAL misaligned, or the altmap lies elsewhere; -E2BIG beyond what
 * can be addressed; -EEXIST a part is described already; -ENOMEM. After an error
 * nothing of the range is left behind.
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
		ret = section_add(nid, &part, altmap, params->pgmap);
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
 * __remove_pages() - forget page frames
 * @start_pfn: the first
 * @nr_pages: how many; the alignment is that of __add_pages()
 * @altmap: where the memmap came from, the one given to __add_pages()
 * @pgmap: the device that owns the range, NULL for System RAM
 *
 * Nobody uses the memory any more: it is offline, or the device is gone. Whoever only
 * looks at struct pages of it (memmap_walk_begin()) is waited for.
 *
 * Context: May sleep. mem_hotplug_lock held for write.
 */
void __remove_pages(unsigned long start_pfn, unsigned long nr_pages,
		    struct vmem_altmap *altmap, struct dev_pagemap *pgmap)
{
	const struct mhp_range range = { start_pfn, nr_pages };
	struct mhp_range part, gone = { start_pfn, 0 };
	bool found = false;

	for_each_section_part(part, &range)
		found |= section_hide(&part);
	if (found)
		mhp_wait_for_all_walks();

	for_each_section_part(part, &range) {
		bool early = mhp_section_early(part.start_pfn);

		cond_resched();
		if (!section_remove(&part, altmap, pgmap)) {
			memmap_unmap(&gone, altmap);
			gone = (struct mhp_range){ mhp_range_end(&part), 0 };
		} else if (early) {
			/* All of its memmap, which came from memblock. */
			memmap_unmap(&gone, altmap);
			part.start_pfn = SECTION_ALIGN_DOWN(part.start_pfn);
			part.nr_pages = PAGES_PER_SECTION;
			memmap_unmap(&part, NULL);
			gone = (struct mhp_range){ mhp_range_end(&part), 0 };
		} else {
			gone.nr_pages += part.nr_pages;
		}
	}
	memmap_unmap(&gone, altmap);
}

static void section_mark(unsigned long start_pfn, unsigned long end_pfn, bool online)
{
	unsigned long nr;

	for (nr = pfn_to_section_nr(start_pfn); nr <= pfn_to_section_nr(end_pfn - 1); nr++) {
		struct mem_section *ms = __nr_to_section(nr);

		if (!valid_section(ms))
			continue;
		if (online)
			set_flag(ms, SECTION_IS_ONLINE);
		else
			clear_flag(ms, SECTION_IS_ONLINE);
	}
}

/**
 * online_mem_sections() - let pfn_to_online_page() find the pages of these sections
 * @start_pfn: first page frame; its whole section is marked
 * @end_pfn: behind the last
 */
void online_mem_sections(unsigned long start_pfn, unsigned long end_pfn)
{
	section_mark(start_pfn, end_pfn, true);
}

/**
 * offline_mem_sections() - hide the pages of these sections from pfn_to_online_page()
 * @start_pfn: first page frame; its whole section is marked
 * @end_pfn: behind the last
 */
void offline_mem_sections(unsigned long start_pfn, unsigned long end_pfn)
{
	section_mark(start_pfn, end_pfn, false);
}

/* Also in a section that is removed meanwhile. */
static bool subsection_exists(struct mem_section *ms, unsigned long pfn)
{
	guard(rcu)();

	return pfn_section_valid(ms, pfn);
}

/**
 * pfn_to_online_page() - the struct page of a frame whose contents can be trusted
 * @pfn: any number
 *
 * ZONE_DEVICE pages are never online; in a section which they share with System
 * RAM only the device of a frame tells the two apart.
 *
 * Context: Any. The page may go offline, and its struct page away, at once: whoever looks at
 * it has a reference, mem_hotplug_lock, or has called memmap_walk_begin() before this.
 * Return: the page, or NULL for frames which do not exist, are offline or of a device.
 */
struct page *pfn_to_online_page(unsigned long pfn)
{
	struct mem_section *ms = NULL;
	struct dev_pagemap *pgmap;

	if (pfn_to_section_nr(pfn) < NR_MEM_SECTIONS)
		ms = __pfn_to_section(pfn);
	if (!online_section(ms) || !subsection_exists(ms, pfn))
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
 * sparse_decode_mem_map() - where the memmap of a section starts
 * @coded_mem_map: as stored in struct mem_section
 * @pnum: number of the section
 *
 * Return: struct page of the first frame of the section.
 */
struct page *sparse_decode_mem_map(unsigned long coded_mem_map, unsigned long pnum)
{
	struct page *map = (struct page *)(coded_mem_map & SECTION_MAP_MASK);

	return map + section_nr_to_pfn(pnum);
}
