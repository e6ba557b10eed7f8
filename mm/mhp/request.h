/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Decoding: the numbers of a caller become a range that needs no further checks, or an error
 * code with a reason. Decoding comes before any change.
 */
#ifndef _MM_MHP_REQUEST_H
#define _MM_MHP_REQUEST_H

#include "range.h"
#include "reason.h"

/**
 * struct mhp_limits - the limits of this machine
 * @block_bytes: size of a memory block in bytes, a power of two
 * @section_pages: size of a section in pages
 * @subsection_pages: granularity of ZONE_DEVICE ranges in pages
 * @first: lowest physical address at which memory can be plugged
 * @last: highest physical address at which memory can be plugged
 * @max_bytes: the limit of mem= in bytes, U64_MAX if there is none
 * @nr_nodes: all node numbers are below this one
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
