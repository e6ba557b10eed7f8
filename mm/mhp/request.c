// SPDX-License-Identifier: GPL-2.0
/*
 * Decoding. It owns the step from the numbers a caller gave to a range, looks
 * at its arguments only, and needs no lock.
 *
 * Invariant: the range is written when every check has passed and not before;
 * such a range is not empty, does not wrap, is aligned, and lies within the
 * limits, so that nobody below has to check again.
 */
#include "request.h"

static bool mhp_whole_blocks(u64 start, u64 size, u64 block_bytes)
{
	u64 end;

	return size && !((start | size) & (block_bytes - 1)) &&
	       !check_add_overflow(start, size, &end);
}

/**
 * mhp_decode_blocks() - a run of whole memory blocks
 * @start: physical address in bytes
 * @size: in bytes
 * @lim: what this machine accepts; the block size is looked at
 * @range: written on success
 * @res: takes the reason of a refusal
 *
 * Context: Any.
 * Return: 0, or -EINVAL when the blocks are none, not whole or wrap around.
 */
int mhp_decode_blocks(u64 start, u64 size, const struct mhp_limits *lim,
		      struct mhp_range *range, struct mhp_result *res)
{
	if (!mhp_whole_blocks(start, size, lim->block_bytes))
		return mhp_refuse(res, -EINVAL, MHP_WHY_RANGE, PHYS_PFN(start));

	range->start_pfn = PHYS_PFN(start);
	range->nr_pages = PHYS_PFN(size);
	return 0;
}

/**
 * mhp_decode_add() - a run of memory blocks to add to a node
 * @nid: node number
 * @start: physical address in bytes
 * @size: in bytes
 * @lim: what this machine accepts
 * @range: written on success
 * @res: takes the reason of a refusal, and the first page that is out of reach
 *
 * Context: Any.
 * Return: 0; -EINVAL when the node cannot exist or the blocks are none, not
 * whole or wrap around; -E2BIG when they lie beyond mem= or outside the
 * addresses that can be plugged.
 */
int mhp_decode_add(int nid, u64 start, u64 size, const struct mhp_limits *lim,
		   struct mhp_range *range, struct mhp_result *res)
{
	struct mhp_range blocks;
	int err;

	if (nid < 0 || nid >= lim->nr_nodes)
		return mhp_refuse(res, -EINVAL, MHP_WHY_NODE, MHP_NO_PFN);

	err = mhp_decode_blocks(start, size, lim, &blocks, res);
	if (err)
		return err;

	if (start + size > lim->max_bytes)
		return mhp_refuse(res, -E2BIG, MHP_WHY_ADDRESS,
				  PHYS_PFN(max(start, lim->max_bytes)));
	if (start < lim->first)
		return mhp_refuse(res, -E2BIG, MHP_WHY_ADDRESS,
				  PHYS_PFN(start));
	if (start + size - 1 > lim->last)
		return mhp_refuse(res, -E2BIG, MHP_WHY_ADDRESS,
				  PHYS_PFN(max(start, lim->last + 1)));

	*range = blocks;
	return 0;
}

/**
 * mhp_decode_pages() - pages that a driver wants sections for
 * @start_pfn: the first page frame number
 * @nr_pages: how many pages
 * @by_subsection: parts of a section will do, as where the memory map is
 *                 virtually contiguous
 * @lim: what this machine accepts
 * @range: written on success
 * @res: takes the reason of a refusal, and the first page that is out of reach
 *
 * The lower limit and mem= are for memory blocks: device memory may lie below
 * and beyond.
 *
 * Context: Any.
 * Return: 0; -EINVAL when the pages are none, unaligned or wrap around; -E2BIG
 * when they lie beyond the highest address that can be plugged.
 */
int mhp_decode_pages(unsigned long start_pfn, unsigned long nr_pages,
		     bool by_subsection, const struct mhp_limits *lim,
		     struct mhp_range *range, struct mhp_result *res)
{
	const struct mhp_range pages = { start_pfn, nr_pages };
	unsigned long grain, end_pfn, last_pfn = PHYS_PFN(lim->last);

	grain = by_subsection ? lim->subsection_pages : lim->section_pages;
	if (mhp_range_empty(&pages) || !mhp_range_aligned(&pages, grain) ||
	    check_add_overflow(start_pfn, nr_pages, &end_pfn))
		return mhp_refuse(res, -EINVAL, MHP_WHY_RANGE, start_pfn);
	if (end_pfn - 1 > last_pfn)
		return mhp_refuse(res, -E2BIG, MHP_WHY_ADDRESS,
				  max(start_pfn, last_pfn + 1));

	*range = pages;
	return 0;
}
