// SPDX-License-Identifier: GPL-2.0
/*
 * The choice of a zone for memory that comes online: collects numbers of zones and groups for
 * policy.c, which only computes.
 *
 * Owns the list of dynamic groups, whose kernel memory counts for the policy auto-movable.
 * Readers use RCU; drivers/base/ changes the list with its lock of groups held.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/cleanup.h>
#include <linux/memmap_walk.h>
#include <linux/memory.h>
#include <linux/minmax.h>
#include <linux/mmzone.h>
#include <linux/rculist.h>

#include "mhp.h"
#include "policy.h"

static LIST_HEAD(dynamic_groups);

/**
 * mhp_group_join() - make a group known to the policy auto-movable
 * @group: a new group, which is initialized completely
 *
 * Context: Any. The caller serializes changes of groups.
 */
void mhp_group_join(struct memory_group *group)
{
	if (group->is_dynamic)
		list_add_tail_rcu(&group->dynamic_groups, &dynamic_groups);
}

/**
 * mhp_group_leave() - remove a group without memory from the policy auto-movable
 * @group: the group, which the caller frees by RCU
 *
 * Context: Any. The caller serializes changes of groups.
 */
void mhp_group_leave(struct memory_group *group)
{
	if (group->is_dynamic)
		list_del_rcu(&group->dynamic_groups);
}

static struct mhp_range mhp_zone_span_of(const struct zone *zone)
{
	return (struct mhp_range){ zone->zone_start_pfn, zone->spanned_pages };
}

/* The kernel zone below ZONE_NORMAL whose span the range overlaps, otherwise ZONE_NORMAL. */
static struct zone *mhp_kernel_zone(int nid, const struct mhp_range *range)
{
	struct zone *zones = NODE_DATA(nid)->node_zones;
	int i;

	for (i = 0; i < ZONE_NORMAL; i++) {
		struct mhp_range span = mhp_zone_span_of(zones + i);

		if (mhp_range_overlaps(&span, range))
			return zones + i;
	}
	return zones + ZONE_NORMAL;
}

static void mhp_count_zone(struct mhp_ratio_view *view, const struct zone *zone)
{
	if (zone_idx(zone) == ZONE_MOVABLE) {
		view->movable += zone->present_pages;
		return;
	}
	view->kernel_early += zone->present_early_pages;
#ifdef CONFIG_CMA
	/* CMA can only be used for movable pages. */
	view->movable += zone->cma_pages;
	view->kernel_early -= zone->cma_pages;
#endif
}

static void mhp_count_group(struct mhp_ratio_view *view, const struct memory_group *group)
{
	/* The group counts by the kernel memory that it requires, not in the sum of all zones. */
	view->movable -= min(view->movable, group->present_movable_pages);
	view->req_kernel_early += mhp_group_req_kernel(group->present_kernel_pages,
						       group->present_movable_pages,
						       mhp_auto_movable_ratio());
}

/* Adds all dynamic groups of a node, or of all nodes, except @excluded. */
static void mhp_count_groups(struct mhp_ratio_view *view, int nid,
			     const struct memory_group *excluded)
{
	const struct memory_group *group;

	guard(rcu)();
	list_for_each_entry_rcu(group, &dynamic_groups, dynamic_groups)
		if (group != excluded && (nid == NUMA_NO_NODE || nid == group->nid))
			mhp_count_group(view, group);
}

static struct mhp_ratio_view mhp_ratio_view_of(int nid, struct memory_group *group)
{
	struct mhp_ratio_view view = {};
	struct zone *zone;

	for_each_populated_zone(zone)
		if (nid == NUMA_NO_NODE || zone_to_nid(zone) == nid)
			mhp_count_zone(&view, zone);
	mhp_count_groups(&view, nid, group);
	return view;
}

static struct mhp_group_view mhp_group_view_of(const struct memory_group *group, unsigned long pfn)
{
	struct mhp_group_view view = {};
	unsigned long start, end;
	struct page *page;

	if (!group)
		return view;
	view.present = true;
	view.dynamic = group->is_dynamic;
	view.size = group->is_dynamic ? group->d.unit_pages : group->s.max_pages;
	view.kernel_pages = group->present_kernel_pages;
	view.movable_pages = group->present_movable_pages;
	if (!group->is_dynamic)
		return view;

	start = ALIGN_DOWN(pfn, view.size);
	end = start + view.size;
	for (pfn = start; pfn < end; pfn += PAGES_PER_SECTION) {
		/* Readers of valid_zones hold no lock that keeps the other blocks of the unit. */
		guard(memmap_walk)();
		page = pfn_to_online_page(pfn);
		if (page && is_zone_movable_page(page))
			view.unit_movable += PAGES_PER_SECTION;
		else if (page)
			view.unit_kernel += PAGES_PER_SECTION;
	}
	return view;
}

static bool mhp_auto_wants_movable(int nid, struct memory_group *group,
				   const struct mhp_range *range,
				   const struct mhp_pending *pending)
{
	const bool numa_aware = mhp_auto_movable_numa_aware();
	struct mhp_ratio_view system, node;
	struct mhp_group_view gv;

	system = mhp_ratio_view_of(NUMA_NO_NODE, group);
	system.movable += pending->others;
	if (numa_aware) {
		node = mhp_ratio_view_of(nid, group);
		node.movable += pending->node_others;
	}
	gv = mhp_group_view_of(group, range->start_pfn);
	return mhp_auto_movable(range->nr_pages + pending->own, mhp_auto_movable_ratio(), &gv,
				&system, numa_aware ? &node : NULL);
}

static bool mhp_policy_wants_movable(int nid, struct memory_group *group,
				     const struct mhp_range *range,
				     const struct mhp_pending *pending)
{
	if (mhp_online_policy() == MHP_POLICY_CONTIG_ZONES) {
		const struct mhp_contig_view view = {
			.kernel = mhp_zone_span_of(mhp_kernel_zone(nid, range)),
			.movable = mhp_zone_span_of(NODE_DATA(nid)->node_zones + ZONE_MOVABLE),
			.movable_node = movable_node_is_enabled(),
		};

		return mhp_contig_movable(range, &view);
	}
	return mhp_auto_wants_movable(nid, group, range, pending);
}

/**
 * mhp_choose_zone() - choose the zone in which memory comes online
 * @type: the kind of zone that is wanted; with MMOP_ONLINE the policy chooses
 * @nid: the node of the memory
 * @group: its memory group, or NULL
 * @range: its pages
 * @pending: pages that the same request brings to ZONE_MOVABLE already
 *
 * Context: Process context. Without device_hotplug_lock the answer may be out of date.
 * Return: the zone.
 */
struct zone *mhp_choose_zone(enum mmop type, int nid, struct memory_group *group,
			     const struct mhp_range *range, const struct mhp_pending *pending)
{
	bool to_movable;

	if (type == MMOP_ONLINE_KERNEL)
		to_movable = false;
	else if (type == MMOP_ONLINE_MOVABLE)
		to_movable = true;
	else
		to_movable = mhp_policy_wants_movable(nid, group, range, pending);

	return to_movable ? NODE_DATA(nid)->node_zones + ZONE_MOVABLE : mhp_kernel_zone(nid, range);
}

/**
 * zone_for_pfn_range() - find the zone in which memory would come online
 * @online_type: the kind of zone that is wanted; with MMOP_ONLINE the policy chooses
 * @nid: the node of the memory
 * @group: its memory group, or NULL
 * @start_pfn: first page frame
 * @nr_pages: number of page frames
 *
 * Context: Process context. Without device_hotplug_lock the answer may be out of date.
 * Return: the zone.
 */
struct zone *zone_for_pfn_range(enum mmop online_type, int nid, struct memory_group *group,
				unsigned long start_pfn, unsigned long nr_pages)
{
	const struct mhp_range range = { start_pfn, nr_pages };
	const struct mhp_pending pending = {};

	return mhp_choose_zone(online_type, nid, group, &range, &pending);
}
