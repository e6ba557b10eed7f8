// SPDX-License-Identifier: GPL-2.0
/*
 * Counts of the pages of a range, from a line of the kernel or estimated from the flags of the
 * pages. This file is pure: it is also built into the tests and the fuzzer of
 * tools/testing/memory_hotplug.
 */
#include <stdio.h>
#include <string.h>
#include <linux/kernel-page-flags.h>

#include "counts.h"

const char * const class_names[NR_CLASSES] = {
	"free", "movable", "unmovable", "pinned", "hugetlb", "poisoned"
};

/* Returns the sum of all classes. */
u64 total_pages(const struct counts *c)
{
	u64 sum = 0;

	for (int i = 0; i < NR_CLASSES; i++)
		sum += c->pages[i];
	return sum;
}

/* Parses the counts in a line of the kernel; the source is NOBODY if the line has none. */
struct counts parse_counts(const struct pairs *p)
{
	struct counts c = {};

	if (!pair_value(p, "free") || !pair_value(p, "movable"))
		return c;
	c.source = KERNEL;
	for (int i = 0; i < NR_CLASSES; i++)
		c.pages[i] = pair_number(p, class_names[i]);
	c.score = pair_number(p, "score");
	c.blocked = pair_value(p, "blocker") && parse_number(pair_value(p, "blocker"), &c.blocker);
	snprintf(c.kind, sizeof(c.kind), "%.31s", pair_value(p, "kind") ?: "none");
	return c;
}

#define KPF(flag)	(1ULL << KPF_##flag)
#define KPF_RESERVED	32	/* not in the header, as it may change */

/* The class of a page is that of the first entry that has one of its flags. */
static const struct kind {
	u64 flags;
	int class;		/* NONE: there is no page */
	const char *name;	/* of a page that keeps a block online */
} kinds[] = {
	{ KPF(NOPAGE), NONE, "hole" },
	{ KPF(HWPOISON), POISONED, NULL },
	{ KPF(BUDDY), FREE, NULL },
	{ KPF(HUGE), HUGETLB, NULL },
	{ KPF(SLAB), UNMOVABLE, "slab" },
	{ KPF(PGTABLE), UNMOVABLE, "page-table" },
	{ KPF(ZERO_PAGE) | KPF(RESERVED), UNMOVABLE, "reserved" },
	{ KPF(OFFLINE), MOVABLE, NULL },
	{ KPF(LRU) | KPF(ANON) | KPF(MMAP) | KPF(SWAPBACKED) | KPF(UNEVICTABLE) | KPF(THP),
	  MOVABLE, NULL },
	{ ~0ULL, UNMOVABLE, "kernel" },
};

/* A page without flags is on the free list of a CPU, or belongs to the kernel. */
static const struct kind on_cpu_list = { 0, FREE, NULL };
static const struct kind of_kernel = { 0, UNMOVABLE, "kernel" };

static const struct kind *kind_of_flags(u64 flags, bool movable_zone)
{
	const struct kind *kind = kinds;

	/* In the movable zone, the kernel does not allocate pages for itself. */
	if (!flags)
		return movable_zone ? &on_cpu_list : &of_kernel;
	while (!(kind->flags & flags))
		kind++;
	return kind;
}

/* Counts a page with these flags of /proc/kpageflags as @weight pages. */
void estimate_page(struct counts *c, u64 pfn, u64 flags, bool movable_zone, u64 weight)
{
	const struct kind *kind = kind_of_flags(flags, movable_zone);

	if (kind->class != NONE)
		c->pages[kind->class] += weight;
	if (!kind->name || c->blocked)
		return;
	c->blocked = true;
	c->blocker = pfn;
	snprintf(c->kind, sizeof(c->kind), "%s", kind->name);
}

/* Computes the score after all pages have been counted. */
void estimate_score(struct counts *c)
{
	u64 all = total_pages(c);

	c->score = c->blocked ? 0 : all ? 1 + 99 * c->pages[FREE] / all : 100;
}

/* Adds the counts @c of memory with higher addresses than that of @sum. */
void add_counts(struct counts *sum, const struct counts *c)
{
	for (int i = 0; i < NR_CLASSES; i++)
		sum->pages[i] += c->pages[i];
	if (c->source < sum->source)
		sum->source = c->source;
	/* Only the first blocker is kept. */
	if (sum->score && !c->score) {
		sum->blocked = c->blocked;
		sum->blocker = c->blocker;
		memcpy(sum->kind, c->kind, sizeof(sum->kind));
	}
	/* The score of a range is that of its worst part. */
	if (c->score < sum->score)
		sum->score = c->score;
}
