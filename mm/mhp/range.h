/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one way to say "these pages". A range is built once, at the edge, from
 * what a user, firmware or a driver said, and is checked there; below that
 * nobody passes a bare pair of numbers.
 */
#ifndef _MM_MHP_RANGE_H
#define _MM_MHP_RANGE_H

#include "pure.h"

/**
 * struct mhp_range - a run of page frames
 * @start_pfn: the first page frame number
 * @nr_pages: how many pages; 0 is the empty range
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

/* An empty range overlaps nothing, also where it lies within the other. */
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

/* Both ends on a multiple of @pages, a power of two. */
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
