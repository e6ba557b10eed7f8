/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Common definitions of the suites, which each of them includes first. The
 * suites are built twice: as a module, and in user space with a replacement
 * for <kunit/test.h> (tools/testing/memory_hotplug).
 *
 * A suite includes the source file that it tests, with the functions renamed.
 * So nothing has to be exported for tests, the step runner calls hooks of the
 * tests, which can fail, and built-in suites do not conflict with the original
 * functions.
 */
#ifndef _MM_MHP_TESTS_MHP_KUNIT_H
#define _MM_MHP_TESTS_MHP_KUNIT_H

#define mhp_auto_movable	mhp_kunit_auto_movable
#define mhp_climb		mhp_kunit_climb
#define mhp_contig_movable	mhp_kunit_contig_movable
#define mhp_decode_add		mhp_kunit_decode_add
#define mhp_decode_blocks	mhp_kunit_decode_blocks
#define mhp_decode_pages	mhp_kunit_decode_pages
#define mhp_descend		mhp_kunit_descend
#define mhp_group_req_kernel	mhp_kunit_group_req_kernel
#define mhp_movable_ratio	mhp_kunit_movable_ratio
#define mhp_reason_name		mhp_kunit_reason_name
#define mhp_reason_text		mhp_kunit_reason_text
#define mhp_run_after		mhp_kunit_run_after
#define mhp_run_before		mhp_kunit_run_before
#define mhp_room_left		mhp_kunit_room_left
#define mhp_score		mhp_kunit_score
#define mhp_share_count_others	mhp_kunit_share_count_others
#define mhp_span_grow		mhp_kunit_span_grow
#define mhp_span_shrink		mhp_kunit_span_shrink
#define mhp_step_enter		mhp_kunit_step_enter
#define mhp_step_exit		mhp_kunit_step_exit

#include <kunit/test.h>

#include "../range.h"

/*
 * Goes to the next of all ranges within the first @max pages, including empty
 * ones. After the last range it sets { 0, 0 } and returns false, so that calls
 * joined by || go through all combinations, like the wheels of an odometer.
 */
static inline bool mhp_kunit_next(struct mhp_range *r, unsigned long max)
{
	if (r->start_pfn + r->nr_pages < max) {
		r->nr_pages++;
		return true;
	}
	r->nr_pages = 0;
	if (r->start_pfn < max) {
		r->start_pfn++;
		return true;
	}
	r->start_pfn = 0;
	return false;
}

/* Returns the number of pages that two ranges share, counted one by one. */
static inline unsigned long mhp_kunit_shared(const struct mhp_range *a,
					     const struct mhp_range *b)
{
	unsigned long i, shared = 0;

	for (i = 0; i < a->nr_pages; i++) {
		unsigned long pfn = a->start_pfn + i;

		shared += pfn >= b->start_pfn &&
			  pfn - b->start_pfn < b->nr_pages;
	}
	return shared;
}

/* Returns the same sequence of numbers in every run, so that failures can be reproduced. */
static inline u32 mhp_kunit_random(u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

#endif /* _MM_MHP_TESTS_MHP_KUNIT_H */
