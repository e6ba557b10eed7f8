/* SPDX-License-Identifier: GPL-2.0 */
/* Pages in /proc/kpageflags, /proc/kpagecount and page_owner. */
#ifndef MEMHP_PAGE_H
#define MEMHP_PAGE_H

#include "counts.h"

struct page {
	bool known;		/* @flags and @mapped are valid */
	bool has_owners;	/* the kernel records who allocates pages */
	u64 flags, mapped;
	char flag_text[512];
	char owner[LINE_SIZE];	/* the text of page_owner, otherwise empty */
};

struct page read_page(u64 pfn);
bool estimate_counts(u64 pfn, u64 end, bool movable_zone, unsigned int every, struct counts *c);

#endif /* MEMHP_PAGE_H */
