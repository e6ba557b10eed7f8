// SPDX-License-Identifier: GPL-2.0
/*
 * Queries about a range of memory: could it go offline, and what would an offline meet?
 *
 * Changes nothing. movable.c classifies pages; this file has the functions for whole ranges.
 */
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/mmzone.h>

#include "mhp.h"

#ifdef CONFIG_MEMORY_HOTREMOVE

static int mhp_count_ram(unsigned long start_pfn, unsigned long nr_pages, void *arg)
{
	*(unsigned long *)arg += nr_pages;
	return 0;
}

/**
 * mhp_range_has_holes() - test whether a range has holes
 * @start_pfn: first page frame
 * @nr_pages: number of page frames
 *
 * The struct pages of a hole are not initialized as memory.
 *
 * Context: Process context. May sleep.
 * Return: true if a part of the range is not System RAM.
 */
bool mhp_range_has_holes(unsigned long start_pfn, unsigned long nr_pages)
{
	unsigned long ram = 0;

	walk_system_ram_range(start_pfn, nr_pages, &ram, mhp_count_ram);
	return ram != nr_pages;
}

/**
 * mhp_range_stays() - test whether a range has memory that never goes offline
 * @start_pfn: first page frame, aligned to a section
 * @nr_pages: number of page frames, in whole sections
 *
 * For an architecture that cannot do without any of the memory that was there at boot.
 *
 * Context: Any. The caller keeps the range from being removed.
 * Return: true if a part of the range is such memory.
 */
bool mhp_range_stays(unsigned long start_pfn, unsigned long nr_pages)
{
	unsigned long pfn;

	if (!IS_ENABLED(CONFIG_MHP_BOOT_MEMORY_STAYS))
		return false;
	for (pfn = start_pfn; pfn < start_pfn + nr_pages; pfn += PAGES_PER_SECTION)
		if (early_section(__pfn_to_section(pfn)))
			return true;
	return false;
}

/* Takes no lock. Holes within a section that is present have reserved pages. */
static bool mhp_has_absent_sections(const struct mhp_range *range)
{
	unsigned long pfn;

	for (pfn = range->start_pfn; pfn < mhp_range_end(range); pfn += PAGES_PER_SECTION)
		if (!pfn_in_present_section(pfn))
			return true;
	return false;
}

/**
 * mhp_range_removable() - test whether an online range could go offline
 * @start_pfn: first page frame, aligned to a section
 * @nr_pages: number of page frames, in whole sections
 *
 * Stops at the first page that cannot be moved. Takes no lock, as any user may call it at any
 * time, and requests would have to wait for the reader. The answer may be out of date at once.
 *
 * Context: Process context. May sleep.
 * Return: false if there is a page that cannot be moved, or memory that stays.
 */
bool mhp_range_removable(unsigned long start_pfn, unsigned long nr_pages)
{
	const struct mhp_range range = { start_pfn, nr_pages };

	return !mhp_has_absent_sections(&range) && !mhp_range_stays(start_pfn, nr_pages) &&
	       mhp_looks_movable(&range);
}

#endif /* CONFIG_MEMORY_HOTREMOVE */

/**
 * mhp_take_census() - count the pages of a range by how they would go offline
 * @start_pfn: first page frame
 * @nr_pages: number of page frames, which are online
 * @census: the counts are added to it
 *
 * Context: Process context. May sleep. The caller keeps the range online by the device lock of
 * its block.
 */
void mhp_take_census(unsigned long start_pfn, unsigned long nr_pages,
		     struct mhp_census *census)
{
	const struct mhp_range range = { start_pfn, nr_pages };

	if (!IS_ENABLED(CONFIG_MEMORY_HOTREMOVE))
		census->hopeless = true;
	mhp_count_range(&range, census);
}
