/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which zone does memory go to that is brought online without a word about it?
 * Pure arithmetic over numbers that the caller took from zones and groups.
 */
#ifndef _MM_MHP_POLICY_H
#define _MM_MHP_POLICY_H

#include "range.h"

enum mhp_online_policy {
	MHP_POLICY_CONTIG_ZONES,	/* stay with the zone that is already there */
	MHP_POLICY_AUTO_MOVABLE,	/* movable while the ratio to kernel memory allows */
};

/**
 * struct mhp_contig_view - what contig-zones looks at
 * @kernel: span of the node's kernel zone next to the range
 * @movable: span of the node's ZONE_MOVABLE
 * @movable_node: the boot option of that name
 */
struct mhp_contig_view {
	struct mhp_range kernel, movable;
	bool movable_node;
};

/**
 * struct mhp_ratio_view - what auto-movable looks at, in pages, of one node or of all
 * @kernel_early: kernel zones' memory present since boot, CMA not counted
 * @movable: ZONE_MOVABLE and CMA, without the movable part of other dynamic groups
 * @req_kernel_early: early kernel memory which other dynamic groups need for their movable part
 *
 * Other dynamic groups are in @req_kernel_early alone: in @movable as well, each
 * would use up the ratio twice.
 */
struct mhp_ratio_view {
	unsigned long kernel_early, movable, req_kernel_early;
};

/**
 * struct mhp_group_view - the memory group of the range
 * @present: false where there is none; the rest is then zero
 * @dynamic: grows and shrinks in units (virtio-mem), else one device (DIMM)
 * @size: static: pages of the whole device; dynamic: pages of a unit
 * @kernel_pages: online in kernel zones
 * @movable_pages: online in ZONE_MOVABLE
 * @unit_kernel: dynamic: pages of the range's unit online in kernel zones
 * @unit_movable: dynamic: pages of the range's unit online in ZONE_MOVABLE
 */
struct mhp_group_view {
	bool present, dynamic;
	unsigned long size, kernel_pages, movable_pages;
	unsigned long unit_kernel, unit_movable;
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
bool mhp_room_left(unsigned long room, unsigned long own, unsigned long used,
		   unsigned long reserve);

#endif /* _MM_MHP_POLICY_H */
