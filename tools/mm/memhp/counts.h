/* SPDX-License-Identifier: GPL-2.0 */
/* Counts of the pages of a range by their class. Pure: the functions use only their arguments. */
#ifndef MEMHP_COUNTS_H
#define MEMHP_COUNTS_H

#include "text.h"

enum page_class { FREE, MOVABLE, UNMOVABLE, PINNED, HUGETLB, POISONED, NR_CLASSES };

extern const char * const class_names[NR_CLASSES];

/* The source of the counts. A later one is more reliable. */
enum source { NOBODY, ESTIMATE, KERNEL };

struct counts {
	enum source source;
	u64 pages[NR_CLASSES];
	bool blocked;
	u64 blocker;		/* page frame, if @blocked is set */
	char kind[32];		/* of the blocker, otherwise "none" */
	unsigned int score;	/* 0: cannot go offline; 100: all pages are free */
};

#define NO_PAGES(who)	((struct counts){ .source = (who), .kind = "none", .score = 100 })

struct counts parse_counts(const struct pairs *p);
u64 total_pages(const struct counts *c);
void estimate_page(struct counts *c, u64 pfn, u64 flags, bool movable_zone, u64 weight);
void estimate_score(struct counts *c);
void add_counts(struct counts *sum, const struct counts *c);

#endif /* MEMHP_COUNTS_H */
