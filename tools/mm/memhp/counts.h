/* SPDX-License-Identifier: GPL-2.0 */
/* What the pages of a range are, counted. Pure: functions of their arguments only. */
#ifndef MEMHP_COUNTS_H
#define MEMHP_COUNTS_H

#include "text.h"

enum page_class { FREE, MOVABLE, UNMOVABLE, PINNED, HUGETLB, POISONED, NR_CLASSES };

extern const char * const class_names[NR_CLASSES];

/* Who has counted, the more trustworthy the later. */
enum source { NOBODY, ESTIMATE, KERNEL };

struct counts {
	enum source source;
	u64 pages[NR_CLASSES];
	bool blocked;
	u64 blocker;		/* page frame, where @blocked */
	char kind[32];		/* of the blocker, else "none" */
	unsigned int score;	/* 0: does not go offline .. 100: nothing has to move */
};

#define NO_PAGES(who)	((struct counts){ .source = (who), .kind = "none", .score = 100 })

struct counts parse_counts(const struct pairs *p);
u64 total_pages(const struct counts *c);
void estimate_page(struct counts *c, u64 pfn, u64 flags, bool movable_zone, u64 weight);
void estimate_score(struct counts *c);
void add_counts(struct counts *sum, const struct counts *c);

#endif /* MEMHP_COUNTS_H */
