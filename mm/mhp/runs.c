// SPDX-License-Identifier: GPL-2.0
/*
 * Combines the pieces of a request into runs: adjacent memory for which each step is done once.
 *
 * Owns the order of runs in a request. Changes no memory and takes no lock: the locks of the
 * callers keep zones and groups stable.
 */
#include <linux/align.h>
#include <linux/memremap.h>
#include <linux/mmzone.h>
#include <linux/slab.h>

#include "mhp.h"

/**
 * mhp_run_after() - get the next run of a request
 * @run: a run
 *
 * Context: Any.
 * Return: the run at the next higher addresses, or NULL.
 */
struct mhp_run *mhp_run_after(const struct mhp_run *run)
{
	return run->next;
}

/**
 * mhp_run_before() - get the previous run of a request
 * @run: a run
 *
 * Context: Any.
 * Return: the run at the next lower addresses, or NULL.
 */
struct mhp_run *mhp_run_before(const struct mhp_run *run)
{
	return run->prev;
}

static void mhp_append_run(struct mhp_request *req, struct mhp_run *run)
{
	run->prev = req->last;
	run->next = NULL;
	if (req->last)
		req->last->next = run;
	else
		req->first = run;
	req->last = run;
}

/* ---- The lower ladder --------------------------------------------------- */

static void mhp_append_gap(struct mhp_request *req, struct mhp_run *gap, unsigned long start_pfn,
			   unsigned long end_pfn)
{
	if (start_pfn == end_pfn)
		return;
	*gap = (struct mhp_run){ .all = { start_pfn, end_pfn - start_pfn } };
	mhp_append_run(req, gap);
}

/**
 * mhp_runs_of_extent() - make the runs of a request that adds or removes memory
 * @req: the request, to which the runs are added
 * @range: all of its memory
 * @altmaps: the altmaps of blocks that hold their own memmap, ascending
 * @gap: workspace for the memory without altmap before the first of these
 *
 * A block with an altmap is a run of its own, as it is mapped together with its memmap. The
 * memory between two such blocks is one run. This allocates nothing, as a removal must not fail
 * for lack of memory.
 *
 * Context: Any.
 */
void mhp_runs_of_extent(struct mhp_request *req, const struct mhp_range *range,
			struct list_head *altmaps, struct mhp_run *gap)
{
	unsigned long pfn = range->start_pfn;
	struct mhp_altmap *own;

	req->first = NULL;
	req->last = NULL;
	list_for_each_entry(own, altmaps, list) {
		const unsigned long start = own->altmap.base_pfn, end = own->altmap.end_pfn + 1;

		mhp_append_gap(req, gap, pfn, start);
		own->run = (struct mhp_run){
			.all = { start, end - start },
			.altmap = &own->altmap,
		};
		mhp_append_run(req, &own->run);
		gap = &own->gap;
		pfn = end;
	}
	mhp_append_gap(req, gap, pfn, mhp_range_end(range));
}

/* ---- The upper ladder --------------------------------------------------- */

/*
 * Can a piece be appended to a run? A block that holds its own memmap is always a run of its
 * own, as its pages are not adjacent to others. A run of a dynamic group is at most one unit.
 * Pages from boot are counted separately, by the first section of a run.
 */
static bool mhp_piece_joins(const struct mhp_run *run, const struct mhp_piece *piece)
{
	const struct memory_group *group = run->group;

	if (mhp_range_end(&run->all) != piece->start_pfn || run->zone != piece->zone)
		return false;
	if (piece->group != group || piece->altmap || run->altmap)
		return false;
	if (mhp_section_early(piece->start_pfn) != mhp_section_early(run->all.start_pfn))
		return false;
	return !group || !group->is_dynamic ||
	       !IS_ALIGNED(piece->start_pfn, group->d.unit_pages);
}

/* A DIMM, or a unit of a dynamic group, is in one zone as a whole. */
static bool mhp_pieces_share_unit(const struct mhp_piece *a, const struct mhp_piece *b)
{
	const struct memory_group *group = a->group;

	if (!group || group != b->group)
		return false;
	return !group->is_dynamic || ALIGN_DOWN(a->start_pfn, group->d.unit_pages) ==
				     ALIGN_DOWN(b->start_pfn, group->d.unit_pages);
}

static struct mhp_pending mhp_count_pending(const struct mhp_piece *first,
					    const struct mhp_piece *piece)
{
	struct mhp_pending pending = {};
	const struct mhp_piece *other;

	for (other = first; other < piece; other++) {
		if (zone_idx(other->zone) != ZONE_MOVABLE)
			continue;
		if (mhp_pieces_share_unit(other, piece)) {
			pending.own += other->nr_pages;
			continue;
		}
		pending.others += other->nr_pages;
		if (other->nid == piece->nid)
			pending.node_others += other->nr_pages;
	}
	return pending;
}

/*
 * Goes on to @piece, which follows pieces whose zone is known. A request can have thousands of
 * pieces, but of few devices, so that all of them are counted only where a device ends.
 */
static void mhp_pending_advance(struct mhp_pending *pending, const struct mhp_piece *first,
				const struct mhp_piece *piece)
{
	const struct mhp_piece *last = piece == first ? NULL : piece - 1;

	if (!last || piece->group != last->group || piece->nid != last->nid) {
		*pending = mhp_count_pending(first, piece);
		return;
	}
	if (zone_idx(last->zone) == ZONE_MOVABLE)
		pending->own += last->nr_pages;
	if (mhp_pieces_share_unit(last, piece))
		return;
	pending->others += pending->own;
	pending->node_others += pending->own;
	pending->own = 0;
}

static void mhp_start_run(struct mhp_run *run, const struct mhp_piece *piece)
{
	unsigned long memmap = piece->altmap ? piece->altmap->free : 0;

	*run = (struct mhp_run){
		.all = { piece->start_pfn, piece->nr_pages },
		.altmap = piece->altmap,
		.group = piece->group,
		.pages = { piece->start_pfn + memmap, piece->nr_pages - memmap },
		.zone = piece->zone,
	};
}

/**
 * mhp_runs_of_pieces() - make the runs of a request that brings memory online or offline
 * @req: the request, to which the runs are added
 * @pieces: its memory, ascending
 * @nr: number of pieces
 * @online: the memory comes online: piece->zone is chosen according to piece->type
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write, or device_hotplug_lock
 * held.
 * Return: the array of runs, to be freed with kvfree(); NULL if there is no memory.
 */
struct mhp_run *mhp_runs_of_pieces(struct mhp_request *req, struct mhp_piece *pieces,
				   unsigned int nr, bool online)
{
	struct mhp_run *runs = kvmalloc_array(nr, sizeof(*runs), MHP_GFP), *next = runs;
	struct mhp_pending pending;
	unsigned int i;

	req->first = NULL;
	req->last = NULL;
	if (!runs)
		return NULL;

	for (i = 0; i < nr; i++) {
		struct mhp_piece *piece = pieces + i;
		const struct mhp_range range = { piece->start_pfn, piece->nr_pages };

		if (online) {
			mhp_pending_advance(&pending, pieces, piece);
			piece->zone = mhp_choose_zone(piece->type, piece->nid, piece->group,
						      &range, &pending);
		}
		if (req->last && mhp_piece_joins(req->last, piece)) {
			req->last->all.nr_pages += piece->nr_pages;
			req->last->pages.nr_pages += piece->nr_pages;
			continue;
		}
		mhp_start_run(next, piece);
		mhp_append_run(req, next++);
	}
	return runs;
}
