// SPDX-License-Identifier: GPL-2.0
/*
 * The balance of kernel zones and ZONE_MOVABLE. Page tables, slabs and the memmap can only be
 * allocated from kernel zones: with too little of these, the system runs out of memory while
 * most of its memory is free.
 *
 * Owns the limit of the ratio, and whether a warning was given. Reads counters without a
 * lock.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/cpuset.h>
#include <linux/gfp.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/moduleparam.h>
#include <linux/nodemask.h>
#include <linux/printk.h>
#include <linux/sprintf.h>
#include <linux/vmstat.h>

#include "mhp.h"
#include "policy.h"

/* All parameters of memory hotplug have this prefix, in whichever file they are. */
#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX	"memory_hotplug."

static unsigned int movable_ratio_limit __read_mostly = 400;
module_param(movable_ratio_limit, uint, 0644);
MODULE_PARM_DESC(movable_ratio_limit,
		 "Warn where ZONE_MOVABLE is more than so many percent of kernel memory, 0: never");

/**
 * struct balance - sizes of kernel zones and of ZONE_MOVABLE, in pages
 * @kernel: managed pages of kernel zones
 * @movable: managed pages of ZONE_MOVABLE
 * @kernel_free: free pages of kernel zones
 */
struct balance {
	unsigned long kernel, movable, kernel_free;
};

/* The balance of a node, or of all nodes for NUMA_NO_NODE. */
static struct balance mhp_node_balance(int nid)
{
	struct balance b = {};
	struct zone *zone;

	for_each_populated_zone(zone) {
		if (nid != NUMA_NO_NODE && zone_to_nid(zone) != nid)
			continue;
		if (zone_idx(zone) == ZONE_MOVABLE) {
			b.movable += zone_managed_pages(zone);
			continue;
		}
		b.kernel += zone_managed_pages(zone);
		b.kernel_free += zone_page_state(zone, NR_FREE_PAGES);
	}
	return b;
}

/**
 * mhp_movable_ratio_line() - format the ratio of ZONE_MOVABLE to kernel memory for sysfs
 * @nid: the node; %NUMA_NO_NODE for all nodes together
 * @line: buffer for the line
 * @size: size of @line in bytes; 100 are enough
 *
 * Context: Any.
 * Return: true; false if the node has no memory, and nothing was written.
 */
bool mhp_movable_ratio_line(int nid, char *line, size_t size)
{
	char who[16] = "all", percent[16] = "none";
	unsigned int ratio;
	struct balance b;

	if (nid != NUMA_NO_NODE && !node_state(nid, N_MEMORY))
		return false;
	b = mhp_node_balance(nid);
	ratio = mhp_movable_ratio(b.kernel, b.movable);
	if (nid != NUMA_NO_NODE)
		snprintf(who, sizeof(who), "node%d", nid);
	if (ratio != UINT_MAX)
		snprintf(percent, sizeof(percent), "%u", ratio);
	snprintf(line, size, "%s kernel=%lu movable=%lu ratio=%s\n", who, b.kernel, b.movable,
		 percent);
	return true;
}

/* Pages that the kernel could allocate from a zone: free pages and page cache. */
static unsigned long mhp_zone_kernel_room(struct zone *zone)
{
	unsigned long free = zone_page_state(zone, NR_FREE_PAGES);
	unsigned long keep = high_wmark_pages(zone) + zone->lowmem_reserve[ZONE_NORMAL];
	unsigned long cache = zone_page_state(zone, NR_ZONE_ACTIVE_FILE) +
			      zone_page_state(zone, NR_ZONE_INACTIVE_FILE);

#ifdef CONFIG_CMA
	free -= min(free, zone_page_state(zone, NR_FREE_CMA_PAGES));
#endif
	return free - min(free, keep) + cache - min(cache / 2, low_wmark_pages(zone));
}

/**
 * mhp_kernel_room() - estimate how many pages the kernel could still allocate for itself
 * @managed: set to the number of managed pages in kernel zones
 *
 * Counts free pages and reclaimable pages above the watermarks, on the nodes from which GFP_KERNEL
 * allocates for the caller: if it is in a cpuset, these can be more than the nodes of the cpuset.
 * ZONE_MOVABLE does not count, as a memmap, page tables and devices cannot be allocated from it.
 *
 * Context: Process context.
 * Return: number of pages.
 */
unsigned long mhp_kernel_room(unsigned long *managed)
{
	unsigned long room = 0, slab = 0;
	struct zone *zone;
	int nid;

	*managed = 0;
	for_each_populated_zone(zone) {
		if (zone_idx(zone) > ZONE_NORMAL || !cpuset_zone_allowed(zone, GFP_KERNEL))
			continue;
		*managed += zone_managed_pages(zone);
		room += mhp_zone_kernel_room(zone);
	}
	for_each_node_state(nid, N_MEMORY)
		if (cpuset_zone_allowed(NODE_DATA(nid)->node_zones, GFP_KERNEL))
			slab += node_page_state_pages(NODE_DATA(nid), NR_SLAB_RECLAIMABLE_B);
	return room + slab / 2;
}

/**
 * mhp_check_balance() - warn if there is too little kernel memory
 *
 * Warns once, and again only after the ratio was below the limit in between.
 *
 * Context: Process context. device_hotplug_lock held.
 */
void mhp_check_balance(void)
{
	const struct balance b = mhp_node_balance(NUMA_NO_NODE);
	unsigned int limit = READ_ONCE(movable_ratio_limit);
	unsigned int ratio = mhp_movable_ratio(b.kernel, b.movable);
	static bool warned;
	bool over = limit && ratio > limit;

	if (over && !warned)
		pr_warn("ZONE_MOVABLE is %u%% of kernel memory, more than %u%%: the kernel may run out of memory while most is free; bring memory online as online_kernel\n",
			ratio, limit);
	warned = over;
}

/**
 * mhp_show_mem() - add the balance of zones to the report of show_mem()
 *
 * Context: Any.
 */
void mhp_show_mem(void)
{
	const struct balance b = mhp_node_balance(NUMA_NO_NODE);

	if (b.movable)
		pr_warn("%lu pages kernel zones, of these %lu free; %lu pages ZONE_MOVABLE (%u%%)\n",
			b.kernel, b.kernel_free, b.movable,
			mhp_movable_ratio(b.kernel, b.movable));
}
