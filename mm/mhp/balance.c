// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel memory against ZONE_MOVABLE. The kernel can put page tables, slabs and the memmap
 * only into the first; with too little of it, memory runs out while most of it is free.
 *
 * Owns the limit, and whether it has been warned of. Reads counters without a lock.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/cpuset.h>
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

/* Of memory_hotplug, wherever it is defined. */
#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX	"memory_hotplug."

static unsigned int movable_ratio_limit __read_mostly = 400;
module_param(movable_ratio_limit, uint, 0644);
MODULE_PARM_DESC(movable_ratio_limit,
		 "Warn where ZONE_MOVABLE is more than so many percent of kernel memory, 0: never");

/**
 * struct balance - kernel zones against ZONE_MOVABLE, in pages
 * @kernel: managed pages of kernel zones
 * @movable: of ZONE_MOVABLE
 * @kernel_free: free ones of kernel zones
 */
struct balance {
	unsigned long kernel, movable, kernel_free;
};

/* @nid: NUMA_NO_NODE: of all nodes */
static struct balance balance_of(int nid)
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
 * mhp_movable_ratio_line() - how much ZONE_MOVABLE stands on how much kernel memory
 * @nid: on this node; %NUMA_NO_NODE: on all of them
 * @line: gets a line for sysfs
 * @size: bytes of room in @line; 100 are enough
 *
 * Context: Any.
 * Return: false where the node has no memory.
 */
bool mhp_movable_ratio_line(int nid, char *line, size_t size)
{
	char who[16] = "all", percent[16] = "none";
	unsigned int ratio;
	struct balance b;

	if (nid != NUMA_NO_NODE && !node_state(nid, N_MEMORY))
		return false;
	b = balance_of(nid);
	ratio = mhp_movable_ratio(b.kernel, b.movable);
	if (nid != NUMA_NO_NODE)
		snprintf(who, sizeof(who), "node%d", nid);
	if (ratio != UINT_MAX)
		snprintf(percent, sizeof(percent), "%u", ratio);
	snprintf(line, size, "%s kernel=%lu movable=%lu ratio=%s\n", who, b.kernel, b.movable,
		 percent);
	return true;
}

/* What could be had of a kernel zone: free, or page cache that can be dropped. */
static unsigned long zone_kernel_room(struct zone *zone)
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
 * mhp_kernel_room() - what the kernel could still allocate for itself
 * @managed: gets all pages of kernel zones
 *
 * Without hurting anybody, and on the nodes that the caller may allocate from. What is free in
 * ZONE_MOVABLE is of no use for a memmap, for page tables or for devices.
 *
 * Context: Any task.
 * Return: pages, an estimate.
 */
unsigned long mhp_kernel_room(unsigned long *managed)
{
	unsigned long room = 0, slab = 0;
	struct zone *zone;
	int nid;

	*managed = 0;
	for_each_populated_zone(zone) {
		if (zone_idx(zone) > ZONE_NORMAL ||
		    !node_isset(zone_to_nid(zone), cpuset_current_mems_allowed))
			continue;
		*managed += zone_managed_pages(zone);
		room += zone_kernel_room(zone);
	}
	for_each_node_mask(nid, cpuset_current_mems_allowed)
		if (node_state(nid, N_MEMORY))
			slab += node_page_state_pages(NODE_DATA(nid), NR_SLAB_RECLAIMABLE_B);
	return room + slab / 2;
}

/**
 * mhp_check_balance() - warn once where there is too little kernel memory by now
 *
 * And once more when it has been better meanwhile.
 *
 * Context: device_hotplug_lock held.
 */
void mhp_check_balance(void)
{
	const struct balance b = balance_of(NUMA_NO_NODE);
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
 * mhp_show_mem() - a line for the report of who has run out of memory
 *
 * Context: Any.
 */
void mhp_show_mem(void)
{
	const struct balance b = balance_of(NUMA_NO_NODE);

	if (b.movable)
		pr_warn("%lu pages kernel zones, of these %lu free; %lu pages ZONE_MOVABLE (%u%%)\n",
			b.kernel, b.kernel_free, b.movable,
			mhp_movable_ratio(b.kernel, b.movable));
}
