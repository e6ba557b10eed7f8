// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes: they come online with their first memory and go offline with their last.
 *
 * Owns the bit of a node in node_online_map, and its struct pglist_data while the node is
 * offline. The caller passes the functions that make and remove the device of a node. Called
 * with device_hotplug_lock held and, to bring a node online, with mem_hotplug_lock held for
 * write. The invariant: an online node has zone lists and a device.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/cpu.h>
#include <linux/memory.h>
#include <linux/mm.h>
#include <linux/percpu.h>

#include "mhp.h"
#include "../internal.h"

static int mhp_node_init_stats(struct pglist_data *pgdat)
{
	struct per_cpu_nodestat __percpu *stats;

	if (pgdat->per_cpu_nodestats != &boot_nodestats)
		return 0;
	stats = alloc_percpu(struct per_cpu_nodestat);
	if (!stats)
		return -ENOMEM;
	pgdat->per_cpu_nodestats = stats;
	return 0;
}

/*
 * Adds what CPUs have counted to the counters of the node and of all nodes, as CPUs do this only
 * for nodes that are online. Without memory and offline, the node is counted by nobody any more.
 */
static void mhp_node_fold_stats(struct pglist_data *pgdat)
{
	enum node_stat_item i;
	int cpu;

	if (pgdat->per_cpu_nodestats == &boot_nodestats)
		return;
	for_each_possible_cpu(cpu) {
		s8 *diff = per_cpu_ptr(pgdat->per_cpu_nodestats, cpu)->vm_node_stat_diff;

		for (i = 0; i < NR_VM_NODE_STAT_ITEMS; i++) {
			/* refresh_cpu_vm_stats() may still be at this node. */
			s8 n = xchg(&diff[i], 0);

			if (n)
				node_page_state_add(n, pgdat, i);
		}
	}
}

/* Initializes an empty zone as at boot. It keeps what CPUs have of it: see setup_zone_pageset(). */
static void mhp_zone_init(struct zone *zone, enum zone_type i, int nid)
{
	struct per_cpu_zonestat __percpu *zonestats = zone->per_cpu_zonestats;
	struct per_cpu_pages __percpu *pageset = zone->per_cpu_pageset;

	zone->present_pages = 0;
	zone_init_internals(zone, i, nid, 0);
	zone->per_cpu_zonestats = zonestats;
	zone->per_cpu_pageset = pageset;
}

/* Initializes the node as at boot, with empty zones. */
static int mhp_node_init_data(int nid)
{
	struct pglist_data *pgdat = NODE_DATA(nid);
	enum zone_type i;

	if (mhp_node_init_stats(pgdat))
		return -ENOMEM;
	pgdat_init_internals(pgdat);
	pgdat->kswapd_highest_zoneidx = 0;
	pgdat->kswapd_order = 0;
	pgdat->node_present_pages = 0;
	pgdat->node_start_pfn = 0;
	pgdat->nr_zones = 0;
	for (i = 0; i < MAX_NR_ZONES; i++)
		mhp_zone_init(pgdat->node_zones + i, i, nid);
	/* As the node is not online yet, this builds only the zone lists of the node itself. */
	build_all_zonelists(pgdat);
	return 0;
}

/*
 * Number of pages of each node that are present and offline. They belong to no zone, so they
 * are not in the span of the node. Changed with device_hotplug_lock held and mem_hotplug_lock held
 * for write; readers hold one of them.
 */
static unsigned long mhp_node_offline_pages[MAX_NUMNODES];

/**
 * mhp_node_count_offline() - count pages of a node that are present and offline
 * @nid: the node
 * @pages: number of pages that became offline; negative if they are not offline any more
 *
 * Context: Process context. mem_hotplug_lock held for write.
 */
void mhp_node_count_offline(int nid, long pages)
{
	mhp_assert_write_locked();
	mhp_node_offline_pages[nid] += pages;
}

/**
 * mhp_node_up() - bring a node online, unless it is online
 * @nid: a possible node
 * @devices: functions that create and remove the device of a node
 * @is_new: set to true if the node was offline, otherwise to false
 *
 * Context: Process context. May sleep. device_hotplug_lock held, mem_hotplug_lock held for
 * write.
 * Return: 0; -ENOMEM or an error of the driver core, and then the node stays offline.
 */
int mhp_node_up(int nid, const struct mhp_device_ops *devices, bool *is_new)
{
	int ret;

	mhp_assert_write_locked();
	*is_new = false;
	if (node_online(nid))
		return 0;

	ret = mhp_node_init_data(nid);
	if (ret)
		return ret;
	node_set_online(nid);
	ret = devices->node_up(nid);
	if (ret) {
		node_set_offline(nid);
		return ret;
	}
	*is_new = true;
	return 0;
}

static bool mhp_node_has_cpu(int nid)
{
	int cpu;

	for_each_present_cpu(cpu)
		if (cpu_to_node(cpu) == nid)
			return true;
	return false;
}

/**
 * mhp_node_down() - take a node offline if it has neither memory nor CPUs
 * @nid: the node; nothing happens if it still has memory or CPUs
 * @devices: functions that create and remove the device of a node
 *
 * Context: Process context. May sleep. device_hotplug_lock held.
 */
void mhp_node_down(int nid, const struct mhp_device_ops *devices)
{
	if (nid == NUMA_NO_NODE || !node_online(nid))
		return;
	if (NODE_DATA(nid)->node_spanned_pages || mhp_node_offline_pages[nid] ||
	    mhp_node_has_cpu(nid))
		return;
	node_set_offline(nid);
	mhp_node_fold_stats(NODE_DATA(nid));
	devices->node_down(nid);
}

/**
 * mhp_node_online() - bring a node online for one of its CPUs
 * @nid: the node
 * @devices: functions that create and remove the device of a node
 *
 * Context: Process context. May sleep. device_hotplug_lock held. Takes mem_hotplug_lock.
 * Return: 0, also if the node is online already; otherwise an error of mhp_node_up().
 */
int mhp_node_online(int nid, const struct mhp_device_ops *devices)
{
	bool is_new;
	int ret;

	if (node_online(nid))
		return 0;
	mem_hotplug_begin();
	ret = mhp_node_up(nid, devices, &is_new);
	mem_hotplug_done();
	return ret;
}

/**
 * mhp_node_offline() - take a node offline after its last CPU was removed
 * @nid: the node; nothing happens if it still has memory or CPUs
 * @devices: functions that create and remove the device of a node
 *
 * Context: Process context. May sleep. device_hotplug_lock held.
 */
void mhp_node_offline(int nid, const struct mhp_device_ops *devices)
{
	mhp_node_down(nid, devices);
}
