// SPDX-License-Identifier: GPL-2.0
/*
 * Looking before asking: what a range of memory would meet if it were to go offline.
 *
 * Changes nothing. movable.c knows the pages; here the range as a whole is judged.
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
 * mhp_range_has_holes() - is a part of a range no memory
 * @start_pfn: first page frame
 * @nr_pages: how many
 *
 * A hole has a struct page that nobody initialized as memory.
 *
 * Context: May sleep.
 * Return: true where some of it is not System RAM.
 */
bool mhp_range_has_holes(unsigned long start_pfn, unsigned long nr_pages)
{
	unsigned long ram = 0;

	walk_system_ram_range(start_pfn, nr_pages, &ram, mhp_count_ram);
	return ram != nr_pages;
}

/* Takes no lock: in a section that is present, pages of holes are reserved. */
static bool mhp_has_absent_sections(const struct mhp_range *range)
{
	unsigned long pfn;

	for (pfn = range->start_pfn; pfn < mhp_range_end(range); pfn += PAGES_PER_SECTION)
		if (!pfn_in_present_section(pfn))
			return true;
	return false;
}

/**
 * mhp_range_removable() - could a range that is online go offline
 * @start_pfn: first page frame, of a section
 * @nr_pages: how many, of whole sections
 *
 * Stops at the first page that decides. Takes no lock, as anybody may ask at any time, and a
 * request would have to wait for the reader; by the time somebody tries, the answer may be
 * another.
 *
 * Context: May sleep.
 * Return: false where something in the range is known not to move.
 */
bool mhp_range_removable(unsigned long start_pfn, unsigned long nr_pages)
{
	const struct mhp_range range = { start_pfn, nr_pages };

	return !mhp_has_absent_sections(&range) && mhp_looks_movable(&range);
}

#endif /* CONFIG_MEMORY_HOTREMOVE */

/**
 * mhp_take_census() - count what the pages of a range are
 * @start_pfn: first page frame
 * @nr_pages: how many; they are online
 * @census: is added to
 *
 * Context: May sleep. The range stays online meanwhile: by the device lock of its block.
 */
void mhp_take_census(unsigned long start_pfn, unsigned long nr_pages,
		     struct mhp_census *census)
{
	const struct mhp_range range = { start_pfn, nr_pages };

	if (!IS_ENABLED(CONFIG_MEMORY_HOTREMOVE))
		census->hopeless = true;
	mhp_count_range(&range, census);
}
