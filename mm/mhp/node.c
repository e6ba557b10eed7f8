// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes that come with their first memory and go with their last.
 *
 * Owns the node's entry in node_online_map and its struct pglist_data while it
 * is not there. Calls the node devices. Called with device_hotplug_lock and, for
 * bringing one up, mem_hotplug_lock for write. The invariant: a node that is
 * online has zone lists and a device.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/cpu.h>
#include <linux/export.h>
#include <linux/memory.h>
#include <linux/node.h>
#include <linux/percpu.h>

#include "mhp.h"
#include "../internal.h"

static int init_node_stats(struct pglist_data *pgdat)
{
	struct per_cpu_nodestat __percpu *stats;
	int cpu;

	if (pgdat->per_cpu_nodestats == &boot_nodestats) {
		stats = alloc_percpu(struct per_cpu_nodestat);
		if (!stats)
			return -ENOMEM;
		pgdat->per_cpu_nodestats = stats;
	}
	for_each_online_cpu(cpu)
		memset(per_cpu_ptr(pgdat->per_cpu_nodestats, cpu), 0,
		       sizeof(*pgdat->per_cpu_nodestats));
	return 0;
}

/* As at boot, but with zones that have nothing yet. */
static int init_node_data(int nid)
{
	struct pglist_data *pgdat = NODE_DATA(nid);
	enum zone_type i;

	if (init_node_stats(pgdat))
		return -ENOMEM;
	pgdat_init_internals(pgdat);
	pgdat->kswapd_highest_zoneidx = 0;
	pgdat->kswapd_order = 0;
	pgdat->node_present_pages = 0;
	pgdat->node_start_pfn = 0;
	pgdat->nr_zones = 0;
	for (i = 0; i < MAX_NR_ZONES; i++) {
		struct zone *zone = pgdat->node_zones + i;

		zone->present_pages = 0;
		zone_init_internals(zone, i, nid, 0);
	}
	/* While it is not online only its own lists are built. */
	build_all_zonelists(pgdat);
	return 0;
}

/**
 * mhp_node_up() - make sure that a node is online
 * @nid: a possible node
 * @is_new: set where it was not
 *
 * Context: device_hotplug_lock, and mem_hotplug_lock for write.
 * Return: 0, -ENOMEM, or what the driver core says; then it is as before.
 */
int mhp_node_up(int nid, bool *is_new)
{
	int ret;

	mhp_assert_write_locked();
	*is_new = false;
	if (node_online(nid))
		return 0;

	ret = init_node_data(nid);
	if (ret)
		return ret;
	node_set_online(nid);
	ret = __register_one_node(nid);
	if (ret) {
		node_set_offline(nid);
		return ret;
	}
	*is_new = true;
	return 0;
}

static int block_is_of_node(struct memory_block *mem, void *arg)
{
	return mem->nid == *(int *)arg;
}

static bool node_has_cpu(int nid)
{
	int cpu;

	for_each_present_cpu(cpu)
		if (cpu_to_node(cpu) == nid)
			return true;
	return false;
}

/**
 * mhp_node_down() - take a node offline that has neither memory nor CPUs
 * @nid: the node; where it still has something, nothing happens
 *
 * Context: device_hotplug_lock.
 */
void mhp_node_down(int nid)
{
	if (nid == NUMA_NO_NODE || !node_online(nid))
		return;
	if (NODE_DATA(nid)->node_spanned_pages || node_has_cpu(nid))
		return;
	/* Offline blocks have no zone, so the spans do not tell of them. */
	if (for_each_memory_block(&nid, block_is_of_node))
		return;
	node_set_offline(nid);
	unregister_one_node(nid);
}

/**
 * try_online_node() - bring a node online, for a CPU of it
 * @nid: the node
 *
 * Context: May sleep. device_hotplug_lock held.
 * Return: 0, also where it is online already, or an error as of mhp_node_up().
 */
int try_online_node(int nid)
{
	bool is_new;
	int ret;

	if (node_online(nid))
		return 0;
	mem_hotplug_begin();
	ret = mhp_node_up(nid, &is_new);
	mem_hotplug_done();
	return ret;
}

#ifdef CONFIG_MEMORY_HOTREMOVE
/**
 * try_offline_node() - take a node offline after its last CPU or memory has gone
 * @nid: the node
 *
 * Context: May sleep. device_hotplug_lock held.
 */
void try_offline_node(int nid)
{
	mhp_node_down(nid);
}
EXPORT_SYMBOL(try_offline_node);
#endif
