// SPDX-License-Identifier: GPL-2.0
/*
 * Decodes the numbers that callers pass into ranges. Uses only its arguments, and needs no
 * lock.
 *
 * Invariant: the range is written only after every check has passed. Such a range is not empty,
 * does not wrap around, is aligned, and lies within the limits, so that the functions which get
 * it need not check it again.
 */
#include "request.h"

static bool mhp_whole_blocks(u64 start, u64 size, u64 block_bytes)
{
	u64 end;

	return size && !((start | size) & (block_bytes - 1)) &&
	       !check_add_overflow(start, size, &end);
}

/**
 * mhp_decode_blocks() - decode a range of whole memory blocks
 * @start: physical address
 * @size: in bytes
 * @lim: the limits of this machine; only the block size is used
 * @range: written on success
 * @res: set to the reason of a refusal
 *
 * Context: Any.
 * Return: 0; -EINVAL if the range is empty, is not aligned to blocks, or wraps around.
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
 * mhp_decode_add() - decode a range of memory blocks that is added to a node
 * @nid: node number
 * @start: physical address
 * @size: in bytes
 * @lim: the limits of this machine
 * @range: written on success
 * @res: set to the reason of a refusal, and to the first page outside the limits
 *
 * Context: Any.
 * Return: 0; -EINVAL if the node number is invalid, or if the range is empty, is not aligned to
 * blocks, or wraps around; -E2BIG if the range lies beyond mem= or outside the addresses at
 * which memory can be plugged.
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
 * mhp_decode_pages() - decode a range of pages for which sections are added
 * @start_pfn: the first page frame number
 * @nr_pages: number of pages
 * @by_subsection: the range has to be aligned to sub-sections only, as the memmap is virtually
 *                 contiguous
 * @lim: the limits of this machine
 * @range: written on success
 * @res: set to the reason of a refusal, and to the first page outside the limits
 *
 * The lower limit and mem= apply to memory blocks only: device memory may lie outside.
 *
 * Context: Any.
 * Return: 0; -EINVAL if the range is empty, misaligned or wraps around; -E2BIG if it lies
 * beyond the highest address at which memory can be plugged.
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
