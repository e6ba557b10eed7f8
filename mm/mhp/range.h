/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ranges of page frames. A range is built and checked once, from the numbers that a user, the
 * firmware or a driver passed. The functions below take ranges, not pairs of numbers.
 */
#ifndef _MM_MHP_RANGE_H
#define _MM_MHP_RANGE_H

#include "pure.h"

/**
 * struct mhp_range - a contiguous range of page frames
 * @start_pfn: the first page frame number
 * @nr_pages: number of pages; 0 for the empty range
 */
struct mhp_range {
	unsigned long start_pfn;
	unsigned long nr_pages;
};

static inline unsigned long mhp_range_end(const struct mhp_range *r)
{
	return r->start_pfn + r->nr_pages;
}

static inline bool mhp_range_empty(const struct mhp_range *r)
{
	return !r->nr_pages;
}

/* An empty range overlaps nothing, even if it lies within the other range. */
static inline bool mhp_range_overlaps(const struct mhp_range *a,
				      const struct mhp_range *b)
{
	return max(a->start_pfn, b->start_pfn) <
	       min(mhp_range_end(a), mhp_range_end(b));
}

static inline bool mhp_range_contains(const struct mhp_range *outer,
				      const struct mhp_range *inner)
{
	return inner->start_pfn >= outer->start_pfn &&
	       mhp_range_end(inner) <= mhp_range_end(outer);
}

/* Are both ends a multiple of @pages, a power of two? */
static inline bool mhp_range_aligned(const struct mhp_range *r,
				     unsigned long pages)
{
	return !((r->start_pfn | r->nr_pages) & (pages - 1));
}

static inline u64 mhp_range_phys(const struct mhp_range *r)
{
	return (u64)r->start_pfn << PAGE_SHIFT;
}

static inline u64 mhp_range_bytes(const struct mhp_range *r)
{
	return (u64)r->nr_pages << PAGE_SHIFT;
}

#endif /* _MM_MHP_RANGE_H */
