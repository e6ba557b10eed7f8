/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Decoding: what a caller said becomes a range that needs no further checks, or
 * an error code with a reason. Nothing is touched before this is through.
 */
#ifndef _MM_MHP_REQUEST_H
#define _MM_MHP_REQUEST_H

#include "range.h"
#include "reason.h"

/**
 * struct mhp_limits - what this machine accepts
 * @block_bytes: size of a memory block, a power of two
 * @section_pages: pages of a section
 * @subsection_pages: granularity of ZONE_DEVICE ranges
 * @first: lowest physical address that can be plugged
 * @last: highest physical address that can be plugged, inclusive
 * @max_bytes: end of memory by mem=, U64_MAX where there is no such limit
 * @nr_nodes: node numbers are below this
 */
struct mhp_limits {
	u64 block_bytes;
	unsigned long section_pages;
	unsigned long subsection_pages;
	u64 first, last;
	u64 max_bytes;
	int nr_nodes;
};

int mhp_decode_blocks(u64 start, u64 size, const struct mhp_limits *lim,
		      struct mhp_range *range, struct mhp_result *res);
int mhp_decode_add(int nid, u64 start, u64 size, const struct mhp_limits *lim,
		   struct mhp_range *range, struct mhp_result *res);
int mhp_decode_pages(unsigned long start_pfn, unsigned long nr_pages,
		     bool by_subsection, const struct mhp_limits *lim,
		     struct mhp_range *range, struct mhp_result *res);

#endif /* _MM_MHP_REQUEST_H */
