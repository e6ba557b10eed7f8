// SPDX-License-Identifier: GPL-2.0
/*
 * The choice between a kernel zone and ZONE_MOVABLE for memory that is brought
 * online without a word about it. This file owns the two policies; all numbers
 * come from the caller, who holds the locks that keep them still.
 *
 * Invariant: no input overflows. In doubt, memory goes to the kernel zone: it
 * can serve every allocation, while too much ZONE_MOVABLE starves the kernel.
 */
#include "policy.h"

/* @pages * @mul / @div, exact; ULONG_MAX where that is more. @div is not 0. */
static unsigned long mhp_scale(unsigned long pages, unsigned int mul,
			       unsigned int div)
{
	unsigned long whole, part = pages % div * mul / div;

	if (check_mul_overflow(pages / div, (unsigned long)mul, &whole) ||
	    check_add_overflow(whole, part, &whole))
		return ULONG_MAX;
	return whole;
}

static unsigned long mhp_minus(unsigned long a, unsigned long b)
{
	return a > b ? a - b : 0;
}

/**
 * mhp_contig_movable() - contig-zones: does the range go to ZONE_MOVABLE
 * @range: the pages to bring online
 * @view: the spans of the two zones in question
 *
 * A range that lies in the span of one zone only, in part or in whole, goes to
 * that zone. Next to a span is outside of it: memory at the edge between the
 * zones is as good for the one as for the other, and so is memory in both or in
 * none; there the boot option decides.
 *
 * Context: Any; spans may change unless the caller prevents it.
 * Return: true for ZONE_MOVABLE, false for the kernel zone.
 */
bool mhp_contig_movable(const struct mhp_range *range,
			const struct mhp_contig_view *view)
{
	bool in_kernel = mhp_range_overlaps(range, &view->kernel);
	bool in_movable = mhp_range_overlaps(range, &view->movable);

	if (in_kernel != in_movable)
		return in_movable;
	return view->movable_node;
}

/**
 * mhp_group_req_kernel() - what a dynamic group needs of early kernel memory
 * @kernel_pages: the group's pages in kernel zones
 * @movable_pages: the group's pages in ZONE_MOVABLE
 * @ratio: movable pages that 100 kernel pages allow
 *
 * Context: Any.
 * Return: Pages of kernel memory that @movable_pages stand on beyond the
 * group's own; 0 if @ratio is 0, which allows no movable memory to begin with.
 */
unsigned long mhp_group_req_kernel(unsigned long kernel_pages,
				   unsigned long movable_pages,
				   unsigned int ratio)
{
	if (!ratio)
		return 0;
	return mhp_minus(mhp_scale(movable_pages, 100, ratio), kernel_pages);
}

/* What leaves together must not be mixed: one kernel page decides for all. */
static bool mhp_group_bound_to_kernel(const struct mhp_group_view *group)
{
	return group->dynamic ? group->unit_kernel : group->kernel_pages;
}

/* What leaves together comes together: all that is not yet online has to fit. */
static unsigned long mhp_group_remaining(const struct mhp_group_view *group)
{
	return mhp_minus(group->size, group->dynamic ? group->unit_movable :
						       group->movable_pages);
}

static bool mhp_ratio_allows(unsigned long nr_pages, unsigned int ratio,
			     const struct mhp_ratio_view *view,
			     unsigned long own_kernel)
{
	unsigned long kernel, movable;

	/* Others live on early memory alone, never on this group's own. */
	kernel = mhp_minus(view->kernel_early, view->req_kernel_early);
	if (check_add_overflow(kernel, own_kernel, &kernel))
		kernel = ULONG_MAX;
	if (check_add_overflow(view->movable, nr_pages, &movable))
		return false;
	return movable <= mhp_scale(kernel, ratio, 100);
}

/**
 * mhp_auto_movable() - auto-movable: does the range go to ZONE_MOVABLE
 * @nr_pages: pages of the range
 * @ratio: movable pages that 100 kernel pages allow; 0 allows none
 * @group: the memory group of the range
 * @system: the numbers of all nodes
 * @node: the numbers of the range's node, NULL where only the system counts
 *
 * Kernel memory allows for movable memory if it has been there since boot,
 * because that stays; what a device brought may leave with the device, and
 * counts only for the rest of the same dynamic group.
 *
 * Context: Any; the numbers may change unless the caller prevents it.
 * Return: true for ZONE_MOVABLE, false for the kernel zone.
 */
bool mhp_auto_movable(unsigned long nr_pages, unsigned int ratio,
		      const struct mhp_group_view *group,
		      const struct mhp_ratio_view *system,
		      const struct mhp_ratio_view *node)
{
	unsigned long own_kernel = 0;

	if (!ratio)
		return false;
	if (group->present) {
		if (mhp_group_bound_to_kernel(group))
			return false;
		nr_pages = max(nr_pages, mhp_group_remaining(group));
		own_kernel = group->dynamic ? group->kernel_pages : 0;
	}
	return mhp_ratio_allows(nr_pages, ratio, system, own_kernel) &&
	       (!node || mhp_ratio_allows(nr_pages, ratio, node, own_kernel));
}

/**
 * mhp_movable_ratio() - how much ZONE_MOVABLE stands on how much kernel memory
 * @kernel_pages: of kernel zones
 * @movable_pages: of ZONE_MOVABLE
 *
 * Context: Any.
 * Return: movable pages for 100 kernel pages; UINT_MAX where there are too many to say.
 */
unsigned int mhp_movable_ratio(unsigned long kernel_pages, unsigned long movable_pages)
{
	unsigned long ratio;

	if (!kernel_pages)
		return movable_pages ? UINT_MAX : 0;
	ratio = mhp_scale(movable_pages, 100, 1);
	if (ratio == ULONG_MAX)
		return UINT_MAX;
	return min(ratio / kernel_pages, (unsigned long)UINT_MAX);
}

/**
 * mhp_score() - how easily memory goes offline in which nothing is known not to move
 * @free: pages not in use
 * @movable: pages that have to move
 * @pinned: pages that somebody holds, maybe not for long
 *
 * Context: Any.
 * Return: 100 where all of it is free, else less, down to 1; at most 10 where a page is pinned.
 */
unsigned int mhp_score(unsigned long free, unsigned long movable, unsigned long pinned)
{
	unsigned long all = free + movable + pinned;
	unsigned int best = pinned ? 9 : 99;

	if (free == all)
		return 100;
	/* So that pages times 99 fit. */
	for (; all > ULONG_MAX / 128; all /= 2)
		free /= 2;
	return 1 + free * best / all;
}

/**
 * mhp_room_left() - can so many pages be elsewhere
 * @room: pages that could be had, anywhere
 * @own: of these, pages that go themselves
 * @used: pages that need another place
 * @reserve: what must remain
 *
 * Context: Any.
 * Return: true where there is room.
 */
bool mhp_room_left(unsigned long room, unsigned long own, unsigned long used,
		   unsigned long reserve)
{
	unsigned long need;

	if (check_add_overflow(used, reserve, &need))
		return false;
	return mhp_minus(room, own) >= need;
}

/* More than this need not be kept, however large the machine. */
#define MHP_KEEP_MAX	((256UL << 20) >> PAGE_SHIFT)

/**
 * mhp_is_burden() - would a memmap that lies elsewhere leave the kernel too little
 * @pages: of the memmap
 * @room: pages of kernel zones that could be had
 * @managed: all pages of kernel zones
 *
 * The kernel keeps half of what it has left, and a quarter of all, or 256 MiB.
 *
 * Context: Any.
 * Return: true where the new memory should hold it.
 */
bool mhp_is_burden(unsigned long pages, unsigned long room, unsigned long managed)
{
	return pages > room / 2 || mhp_minus(room, pages) < min(managed / 4, MHP_KEEP_MAX);
}

/**
 * mhp_kernel_can_spare() - can the kernel do without so many pages
 * @pages: to be allocated, in small pieces
 * @room: pages of kernel zones that could be had
 * @keep: pages that should be left, as long as that is not more than 64 MiB
 *
 * Context: Any.
 * Return: false where somebody would be killed for want of them, or soon after.
 */
bool mhp_kernel_can_spare(unsigned long pages, unsigned long room, unsigned long keep)
{
	return pages <= room && room - pages >= min(keep, MHP_KEEP_MAX / 4);
}

/**
 * mhp_bookkeeping_pages() - what memory that is added needs besides its memmap
 * @bytes: of it
 * @nr_blocks: of it
 *
 * Context: Any.
 * Return: pages, rather more than less: page tables of two maps, and a page for each block.
 */
unsigned long mhp_bookkeeping_pages(unsigned long long bytes, unsigned long nr_blocks)
{
	return nr_blocks + 2 * (unsigned long)(bytes >> 30) + 8;
}

/* So much moves within the limit at 137 MiB/s, slower than any swap that is worth its name. */
#define MHP_LIMIT_BYTES	(16ULL << 30)

/**
 * mhp_time_limit() - how long a request may take
 * @ms: the limit of the caller, in milliseconds; 0: none
 * @bytes: that have to move, or have moved
 *
 * Context: Any.
 * Return: @ms for up to 16 GiB, for more in proportion.
 */
unsigned int mhp_time_limit(unsigned int ms, unsigned long long bytes)
{
	unsigned long long whole = bytes / MHP_LIMIT_BYTES, rest = bytes % MHP_LIMIT_BYTES;
	unsigned long long limit = ms * whole + ms * (rest >> 10) / (MHP_LIMIT_BYTES >> 10);

	/* UINT_MAX is seven weeks. */
	if (!whole)
		return ms;
	return limit > UINT_MAX ? UINT_MAX : limit;
}
