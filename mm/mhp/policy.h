/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The choice of a zone for memory that is brought online without a wanted zone, and other
 * computations. Pure arithmetic with numbers that the caller read from zones and groups.
 */
#ifndef _MM_MHP_POLICY_H
#define _MM_MHP_POLICY_H

#include "range.h"

enum mhp_online_policy {
	MHP_POLICY_CONTIG_ZONES,	/* the zone whose span the range is in */
	MHP_POLICY_AUTO_MOVABLE,	/* movable while the ratio to kernel memory allows */
};

/**
 * struct mhp_contig_view - the input of the policy contig-zones
 * @kernel: span of the node's kernel zone next to the range
 * @movable: span of the node's ZONE_MOVABLE
 * @movable_node: the boot option of that name
 */
struct mhp_contig_view {
	struct mhp_range kernel, movable;
	bool movable_node;
};

/**
 * struct mhp_ratio_view - the input of the policy auto-movable, for one node or all nodes
 * @kernel_early: pages in kernel zones that were present at boot, without CMA
 * @movable: pages of ZONE_MOVABLE and CMA, without those of other dynamic groups; includes those
 *	that the same request brings there, except in the DIMM or unit of the range
 * @req_kernel_early: early kernel pages that other dynamic groups require for their pages in
 *	ZONE_MOVABLE
 *
 * Other dynamic groups count in @req_kernel_early only. If they counted in @movable as well,
 * each would use up the ratio twice.
 */
struct mhp_ratio_view {
	unsigned long kernel_early, movable, req_kernel_early;
};

/**
 * struct mhp_group_view - the memory group of the range
 * @present: false if the range has no group; all other members are zero then
 * @dynamic: true for a device that grows and shrinks in units (virtio-mem), false for a DIMM
 * @size: number of pages of the device or, in a dynamic group, of a unit
 * @kernel_pages: number of pages that are online in kernel zones
 * @movable_pages: number of pages that are online in ZONE_MOVABLE
 * @unit_kernel: in a dynamic group, @kernel_pages of the unit of the range
 * @unit_movable: in a dynamic group, @movable_pages of the unit of the range
 */
struct mhp_group_view {
	bool present, dynamic;
	unsigned long size, kernel_pages, movable_pages;
	unsigned long unit_kernel, unit_movable;
};

/**
 * struct mhp_share - what a run of a request adds to its node, or removes from it
 * @prev: the share of the run before it, or NULL
 * @nid: the node
 * @normal: the pages are in a zone up to ZONE_NORMAL
 * @pages: number of pages
 * @others: number of pages of the same node in the runs before it
 * @others_normal: the part of @others that is in zones up to ZONE_NORMAL
 */
struct mhp_share {
	const struct mhp_share *prev;
	int nid;
	bool normal;
	unsigned long pages, others, others_normal;
};

bool mhp_contig_movable(const struct mhp_range *range,
			const struct mhp_contig_view *view);
unsigned long mhp_group_req_kernel(unsigned long kernel_pages,
				   unsigned long movable_pages, unsigned int ratio);
bool mhp_auto_movable(unsigned long nr_pages, unsigned int ratio,
		      const struct mhp_group_view *group,
		      const struct mhp_ratio_view *system,
		      const struct mhp_ratio_view *node);
unsigned int mhp_movable_ratio(unsigned long kernel_pages, unsigned long movable_pages);
unsigned int mhp_score(unsigned long free, unsigned long movable, unsigned long pinned);
bool mhp_is_burden(unsigned long pages, unsigned long room, unsigned long managed);
bool mhp_kernel_can_spare(unsigned long pages, unsigned long room, unsigned long keep);
unsigned long mhp_bookkeeping_pages(unsigned long long bytes, unsigned long nr_blocks);
unsigned int mhp_time_limit(unsigned int ms, unsigned long long bytes);
void mhp_share_count_others(struct mhp_share *share);
bool mhp_room_left(unsigned long room, unsigned long own, unsigned long used,
		   unsigned long reserve);

#endif /* _MM_MHP_POLICY_H */
