// SPDX-License-Identifier: GPL-2.0
/*
 * The choice between a kernel zone and ZONE_MOVABLE for memory that is brought online without
 * a wanted zone, and other computations with sizes of memory. Owns the two online policies.
 * All numbers come from the caller, which holds the locks that keep them stable.
 *
 * Invariant: no input overflows. In doubt, memory goes to the kernel zone: that can serve
 * every allocation, while too much ZONE_MOVABLE starves the kernel.
 */
#include "policy.h"

/* Returns @pages * @mul / @div without overflow, or ULONG_MAX if that is larger. */
static unsigned long mhp_scale(unsigned long pages, unsigned int mul,
			       unsigned int div)
{
	unsigned long whole, part = pages % div * mul / div;

	if (check_mul_overflow(pages / div, (unsigned long)mul, &whole) ||
	    check_add_overflow(whole, part, &whole))
		return ULONG_MAX;
	return whole;
}

static unsigned long mhp_sub_or_zero(unsigned long a, unsigned long b)
{
	return a > b ? a - b : 0;
}

/**
 * mhp_contig_movable() - choose a zone by the policy contig-zones
 * @range: the pages to bring online
 * @view: the spans of the two zones
 *
 * A range that overlaps the span of only one of the zones goes to that zone. A range that
 * overlaps both spans or none is as good for the one zone as for the other, also if it is
 * adjacent to a span; then the boot option movable_node decides.
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
 * mhp_group_req_kernel() - compute how much early kernel memory a dynamic group requires
 * @kernel_pages: the group's pages in kernel zones
 * @movable_pages: the group's pages in ZONE_MOVABLE
 * @ratio: movable pages that are allowed for 100 kernel pages
 *
 * Context: Any.
 * Return: the number of kernel pages that @movable_pages require in addition to the group's
 * own; 0 if @ratio is 0, which allows no movable memory at all.
 */
unsigned long mhp_group_req_kernel(unsigned long kernel_pages,
				   unsigned long movable_pages,
				   unsigned int ratio)
{
	if (!ratio)
		return 0;
	return mhp_sub_or_zero(mhp_scale(movable_pages, 100, ratio), kernel_pages);
}

/* A unit is removed as a whole, so one kernel page in it makes all of it unmovable. */
static bool mhp_group_bound_to_kernel(const struct mhp_group_view *group)
{
	return group->dynamic ? group->unit_kernel : group->kernel_pages;
}

/* A unit goes to one zone as a whole, so all of it that is not online yet has to fit. */
static unsigned long mhp_group_remaining(const struct mhp_group_view *group)
{
	return mhp_sub_or_zero(group->size, group->dynamic ? group->unit_movable :
							     group->movable_pages);
}

static bool mhp_ratio_allows(unsigned long nr_pages, unsigned int ratio,
			     const struct mhp_ratio_view *view,
			     unsigned long own_kernel)
{
	unsigned long kernel, movable;

	/* Other groups require early memory, never the kernel memory of this group. */
	kernel = mhp_sub_or_zero(view->kernel_early, view->req_kernel_early);
	if (check_add_overflow(kernel, own_kernel, &kernel))
		kernel = ULONG_MAX;
	if (check_add_overflow(view->movable, nr_pages, &movable))
		return false;
	return movable <= mhp_scale(kernel, ratio, 100);
}

/**
 * mhp_auto_movable() - choose a zone by the policy auto-movable
 * @nr_pages: number of pages of the range, and of those in the same DIMM or unit that the same
 *	request brings to ZONE_MOVABLE
 * @ratio: movable pages that are allowed for 100 kernel pages; 0 allows none
 * @group: the memory group of the range
 * @system: the numbers of all nodes
 * @node: the numbers of the node of the range; NULL if only the system counts
 *
 * Movable memory is allowed in proportion to kernel memory that was present at boot, as that
 * is not removed. Kernel memory that a device added may be removed together with the device,
 * and counts only for memory of the same dynamic group.
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
 * mhp_movable_ratio() - compute the ratio of ZONE_MOVABLE to kernel memory
 * @kernel_pages: number of pages in kernel zones
 * @movable_pages: number of pages in ZONE_MOVABLE
 *
 * Context: Any.
 * Return: movable pages for 100 kernel pages; UINT_MAX if there is no kernel memory, or if the
 * ratio is larger than that.
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
 * mhp_score() - rate how easily memory without unmovable pages goes offline
 * @free: number of pages that are not in use
 * @movable: number of pages that have to be moved
 * @pinned: number of pages that are pinned, maybe only for a short time
 *
 * Context: Any.
 * Return: 100 if all pages are free, otherwise less, down to 1; at most 10 if a page is pinned.
 */
unsigned int mhp_score(unsigned long free, unsigned long movable, unsigned long pinned)
{
	unsigned long all = free + movable + pinned;
	unsigned int best = pinned ? 9 : 99;

	if (free == all)
		return 100;
	/* Scale down, so that the product below does not overflow. */
	for (; all > ULONG_MAX / 128; all /= 2)
		free /= 2;
	return 1 + free * best / all;
}

/**
 * mhp_room_left() - test whether pages fit into the rest of memory
 * @room: number of pages that could be allocated, in all of memory
 * @own: the part of @room in the memory that goes offline
 * @used: number of pages that have to be moved
 * @reserve: number of pages that must stay free
 *
 * Context: Any.
 * Return: true if they fit.
 */
bool mhp_room_left(unsigned long room, unsigned long own, unsigned long used,
		   unsigned long reserve)
{
	unsigned long need;

	if (check_add_overflow(used, reserve, &need))
		return false;
	return mhp_sub_or_zero(room, own) >= need;
}

/* Pages that the kernel should keep at most, however large the machine is. */
#define MHP_KEEP_MAX	((256UL << 20) >> PAGE_SHIFT)

/**
 * mhp_is_burden() - test whether a memmap is too large for the existing kernel memory
 * @pages: number of pages of the memmap
 * @room: number of pages that could be allocated from kernel zones
 * @managed: number of managed pages in kernel zones
 *
 * At least half of @room has to remain, and a quarter of @managed or 256 MiB, whichever is less.
 *
 * Context: Any.
 * Return: true if the memmap should lie in the new memory instead.
 */
bool mhp_is_burden(unsigned long pages, unsigned long room, unsigned long managed)
{
	return pages > room / 2 || mhp_sub_or_zero(room, pages) < min(managed / 4, MHP_KEEP_MAX);
}

/**
 * mhp_kernel_can_spare() - test whether pages can be allocated without an OOM kill
 * @pages: number of pages to allocate, in small pieces
 * @room: number of pages that could be allocated from kernel zones
 * @keep: number of pages that should be left; at most 64 MiB of it count
 *
 * Context: Any.
 * Return: false if the allocation would, immediately or soon, invoke the OOM killer.
 */
bool mhp_kernel_can_spare(unsigned long pages, unsigned long room, unsigned long keep)
{
	return pages <= room && room - pages >= min(keep, MHP_KEEP_MAX / 4);
}

/**
 * mhp_bookkeeping_pages() - estimate what added memory needs in addition to its memmap
 * @bytes: size of the memory in bytes
 * @nr_blocks: its number of memory blocks
 *
 * Context: Any.
 * Return: number of pages, rounded up generously: page tables of direct map and vmemmap, and
 * one page for each block.
 */
unsigned long mhp_bookkeeping_pages(unsigned long long bytes, unsigned long nr_blocks)
{
	return nr_blocks + 2 * (unsigned long)(bytes >> 30) + 8;
}

/* The time limit is for this size: 120 s correspond to 137 MiB/s, slower than usable swap. */
#define MHP_LIMIT_BYTES	(16ULL << 30)

/**
 * mhp_time_limit() - compute how long a request may take
 * @ms: the limit of the caller in milliseconds; 0 for no limit
 * @bytes: number of bytes that have to be moved, or have been moved
 *
 * Context: Any.
 * Return: the limit in milliseconds: @ms for up to 16 GiB, and more in proportion.
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

/**
 * mhp_share_count_others() - sum up the shares of a node before a share
 * @share: its others are set; those of the shares before it have been set
 *
 * A request can have thousands of runs, nearly always on one node. So this continues with the sums
 * of the last share of the same node, and looks only at those behind it.
 *
 * Context: Any.
 */
void mhp_share_count_others(struct mhp_share *share)
{
	const struct mhp_share *last = share->prev;

	while (last && last->nid != share->nid)
		last = last->prev;
	share->others = last ? last->others + last->pages : 0;
	share->others_normal = last ? last->others_normal + (last->normal ? last->pages : 0) : 0;
}
