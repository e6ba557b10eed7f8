// SPDX-License-Identifier: GPL-2.0
/*
 * Memory hotplug: adding and removing physical memory, bringing it online and
 * taking it offline, while the kernel runs.
 *
 * A range of memory climbs a ladder. Each rung is a step with a name, a way up
 * and a way down:
 *
 *	ABSENT   resource   the range is claimed in /proc/iomem
 *	   |     memblock   it is in memblock, if the architecture keeps that
 *	   |     node       its node is online
 *	  add    sections   it is mapped and has a memmap
 *	   |     blocks     it has devices: memoryXXX
 *	   |     walks      downwards, no walk reads its struct pages any more
 *	   v     firmware   it has an entry in /sys/firmware/memmap
 *	OFFLINE  prepare    its driver makes it accessible
 *	   |     memmap     a memmap that lies in it belongs to its zone
 *	online   zone       its pages belong to a zone, isolated
 *	   |     notify     subsystems are prepared for it
 *	   |     pages      the page allocator has its pages, still isolated
 *	   |     evacuate   its pages can be found and used; downwards, they are emptied
 *	   v     publish    the page allocator allocates them
 *	ONLINE
 *
 * Offline and remove go through the same steps in the opposite order. When a step
 * fails, the runner (mhp/ladder.c) undoes the steps before it, so that a failed
 * request changes nothing: after a failed offline the memory is online again, in the
 * same zone.
 *
 * Terms: a *request* is one call of mhp_add(), mhp_online(), mhp_offline(), mhp_lose() or
 * mhp_remove(), which drivers/base/ makes. A *section* is the unit of the memmap, a *block* (one or
 * more sections) the unit of user space, a *piece* the memory of a block as drivers/base/ passes it
 * to mm. A *run* is adjacent memory of a request for which each step is done once: pieces with the
 * same zone and group, or blocks that are added or removed. A *group* has the blocks of one device.
 * An *altmap* puts the memmap of a block into the block itself. A *span* reaches from the first to
 * the last page of a zone or node, holes included; *present* pages exist, *managed* pages belong to
 * the page allocator. A *walk* is code that reads struct pages without a reference (mhp/walk.c).
 *
 * A request is checked completely before its first step, covers any number of
 * pieces, and succeeds as a whole or not at all. Its result is a struct mhp_result,
 * which says what failed, where and why.
 *
 * Locks, outermost first:
 *	device_hotplug_lock	one request at a time; groups; which blocks exist
 *	device_lock(block)	the state of a block
 *	cpu_hotplug_lock	for read: per-CPU data of zones and nodes
 *	mem_hotplug_lock	for write: zones, nodes, sections, memmap
 *				for read (get_online_mems()): none of them changes
 *
 * The first two belong to drivers/base/, which calls this file and is not called by it.
 * An offline releases all four while it moves pages, unless its caller needs them: the state
 * going-offline keeps other requests away from its blocks, while requests for other memory
 * continue. Afterwards, the offline reads the state of its zones and nodes again.
 *
 * The file has the locks, the lower ladder (add), the upper ladder (online), and the requests.
 * Documentation/mm/memory-hotplug/design.rst describes the rest.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/mm.h>
#include <linux/compaction.h>
#include <linux/cpu.h>
#include <linux/crash_core.h>
#include <linux/firmware-map.h>
#include <linux/ioport.h>
#include <linux/jiffies.h>
#include <linux/kcore.h>
#include <linux/memblock.h>
#include <linux/memory.h>
#include <linux/memremap.h>
#include <linux/mhp.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/writeback.h>

#include "internal.h"
#include "shuffle.h"
#include "mhp/mhp.h"
#include "mhp/policy.h"
#include "mhp/request.h"

/* ---- Locks ------------------------------------------------------------ */

DECLARE_RWSEM(mem_hotplug_lock);

/**
 * get_online_mems() - keep memory from being added, removed, brought online or taken offline
 *
 * Context: Process context. May sleep for as long as a request takes. Must not be nested.
 */
void get_online_mems(void)
{
	down_read(&mem_hotplug_lock);
}

/**
 * put_online_mems() - end what get_online_mems() began
 *
 * Context: Process context, in the task that called get_online_mems().
 */
void put_online_mems(void)
{
	up_read(&mem_hotplug_lock);
}

/**
 * mem_hotplug_begin() - start to change zones, nodes and sections
 *
 * Context: Process context. May sleep. No CPU is added or removed until mem_hotplug_done().
 */
void mem_hotplug_begin(void)
{
	cpus_read_lock();
	down_write(&mem_hotplug_lock);
}

/**
 * mem_hotplug_done() - end the change of zones, nodes and sections
 *
 * Context: Process context, in the task that called mem_hotplug_begin().
 */
void mem_hotplug_done(void)
{
	up_write(&mem_hotplug_lock);
	cpus_read_unlock();
}

/* ---- The lower ladder: ABSENT to OFFLINE ------------------------------ */

/**
 * struct mhp_lower - a request for the lower ladder
 * @req: its runs and result
 * @extent: the request as the caller described it
 * @range: all of its pages
 * @gap: the run of the memory without an altmap, or before the first altmap
 * @res: the resource in /proc/iomem
 * @driver_managed: the memory is managed by a driver, and unknown to the firmware map
 * @node_new: this request brought the node online
 * @no_memmap: the memmap could not be allocated
 * @begin: the beginning of the request
 */
struct mhp_lower {
	struct mhp_request req;
	struct mhp_extent *extent;
	struct mhp_range range;
	struct mhp_run gap;
	struct resource *res;
	bool driver_managed;
	bool node_new;
	bool no_memmap;
	ktime_t begin;
};

static struct mhp_lower *to_lower(struct mhp_request *req)
{
	return container_of(req, struct mhp_lower, req);
}

static int mhp_lower_refuse(struct mhp_lower *lower, int err, enum mhp_reason why)
{
	return mhp_refuse(lower->req.result, err, why, lower->range.start_pfn);
}

/* resource */

/* @overlap: the part of the range that a resource has */
static int mhp_resource_is_smaller(struct resource *overlap, void *range)
{
	return resource_size(overlap) < mhp_range_bytes(range);
}

/* A resource can be nested in one that has the whole range, unless that is busy. */
static bool mhp_range_is_claimed(struct mhp_range *range)
{
	u64 start = mhp_range_phys(range), size = mhp_range_bytes(range);

	return region_intersects(start, size, IORESOURCE_MEM | IORESOURCE_BUSY,
				 IORES_DESC_NONE) != REGION_DISJOINT ||
	       walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_MEM, start, start + size - 1, range,
				   mhp_resource_is_smaller) > 0;
}

static int mhp_resource_up(struct mhp_request *req, struct mhp_run *run)
{
	struct mhp_lower *lower = to_lower(req);
	unsigned long flags = IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY;

	lower->res = lower->extent->res;
	if (lower->res)
		return 0;
	if (lower->driver_managed)
		flags |= IORESOURCE_SYSRAM_DRIVER_MANAGED;
	lower->res = __request_region(&iomem_resource, mhp_range_phys(&lower->range),
				      mhp_range_bytes(&lower->range), lower->extent->res_name,
				      flags);
	if (lower->res)
		return 0;
	/* __request_region() does not return an error code. */
	if (mhp_range_is_claimed(&lower->range))
		return mhp_lower_refuse(lower, -EEXIST, MHP_WHY_RESOURCE);
	return mhp_lower_refuse(lower, -ENOMEM, MHP_WHY_NOMEM);
}

/* The resource may have been merged with adjacent ones. */
static void mhp_release_claim(const struct mhp_range *range)
{
#ifdef CONFIG_MEMORY_HOTREMOVE
	release_mem_region_adjustable(mhp_range_phys(range), mhp_range_bytes(range));
#endif
}

static int mhp_resource_down(struct mhp_request *req, struct mhp_run *run)
{
	struct mhp_lower *lower = to_lower(req);

	if (!req->unwinding) {
		mhp_release_claim(&lower->range);
	} else if (!lower->extent->res) {
		release_resource(lower->res);
		kfree(lower->res);
	}
	return 0;
}

/* memblock */
static int mhp_memblock_up(struct mhp_request *req, struct mhp_run *run)
{
	struct mhp_lower *lower = to_lower(req);
	int ret;

	if (!IS_ENABLED(CONFIG_ARCH_KEEP_MEMBLOCK))
		return 0;
	ret = memblock_add_node(mhp_range_phys(&lower->range), mhp_range_bytes(&lower->range),
				lower->extent->nid,
				lower->driver_managed ? MEMBLOCK_DRIVER_MANAGED : MEMBLOCK_NONE);
	return ret ? mhp_lower_refuse(lower, ret, MHP_WHY_NOMEM) : 0;
}

static int mhp_memblock_down(struct mhp_request *req, struct mhp_run *run)
{
	struct mhp_lower *lower = to_lower(req);

	if (IS_ENABLED(CONFIG_ARCH_KEEP_MEMBLOCK))
		memblock_remove(mhp_range_phys(&lower->range), mhp_range_bytes(&lower->range));
	return 0;
}

/* node */
static int mhp_node_step_up(struct mhp_request *req, struct mhp_run *run)
{
	struct mhp_lower *lower = to_lower(req);
	int nid = lower->extent->nid;
	int ret;

	ret = mhp_node_up(nid, lower->extent->devices, &lower->node_new);
	if (ret)
		return mhp_lower_refuse(lower, ret, MHP_WHY_NODE);
	mhp_node_count_offline(nid, lower->range.nr_pages);
	return 0;
}

static int mhp_node_step_down(struct mhp_request *req, struct mhp_run *run)
{
	struct mhp_lower *lower = to_lower(req);
	int nid = lower->extent->nid;

	mhp_node_count_offline(nid, -(long)lower->range.nr_pages);
	/* A failed add takes the node offline only if it brought it online. */
	if (!req->unwinding || lower->node_new)
		mhp_node_down(nid, lower->extent->devices);
	return 0;
}

/* sections */

/*
 * How much is mapped at once. When memory is removed, x86-64 splits a leaf of the direct map that
 * has other memory as well. Other architectures clear the whole leaf, so there none may span two
 * blocks, which can be removed one by one.
 */
static u64 mhp_mapping_unit(const struct mhp_run *run)
{
	if (IS_ENABLED(CONFIG_X86_64))
		return mhp_range_bytes(&run->all);
	return memory_block_size_bytes();
}

static int mhp_add_sections(const struct mhp_run *run, int nid, struct mhp_params *params)
{
	const u64 start = mhp_range_phys(&run->all), end = start + mhp_range_bytes(&run->all);
	const u64 unit = mhp_mapping_unit(run);
	int ret = 0;
	u64 at;

	for (at = start; at < end; at += unit) {
		ret = arch_add_memory(nid, at, unit, params);
		if (ret)
			break;
	}
	if (ret && at > start)
		arch_remove_memory(start, at - start, params->altmap, NULL);
	return ret;
}

static int mhp_sections_up(struct mhp_request *req, struct mhp_run *run)
{
	struct mhp_lower *lower = to_lower(req);
	struct mhp_params params = {
		.altmap = run->altmap,
		.pgprot = pgprot_mhp(PAGE_KERNEL),
	};
	int ret;

	ret = mhp_add_sections(run, lower->extent->nid, &params);
	switch (ret) {
	case 0:
		return 0;
	case -ENOMEM:
		lower->no_memmap = true;
		return mhp_lower_refuse(lower, ret, MHP_WHY_NOMEM);
	default:
		return mhp_lower_refuse(lower, ret, MHP_WHY_MAPPING);
	}
}

static int mhp_sections_down(struct mhp_request *req, struct mhp_run *run)
{
	arch_remove_memory(mhp_range_phys(&run->all), mhp_range_bytes(&run->all), run->altmap,
			   NULL);
	return 0;
}

/* blocks */
static int mhp_blocks_up(struct mhp_request *req, struct mhp_run *run)
{
	struct mhp_lower *lower = to_lower(req);
	const struct mhp_extent *extent = lower->extent;
	int ret;

	ret = extent->devices->make(mhp_range_phys(&run->all), mhp_range_bytes(&run->all),
				    extent->nid, run->altmap, extent->group);
	if (!ret)
		return 0;
	/* Waits for walks once; undoing the step sections would wait for each run. */
	mhp_hide_sections(&lower->range, true);
	return mhp_lower_refuse(lower, ret, ret == -ENOMEM ? MHP_WHY_NOMEM : MHP_WHY_DEVICE);
}

static int mhp_blocks_down(struct mhp_request *req, struct mhp_run *run)
{
	to_lower(req)->extent->devices->remove(mhp_range_phys(&run->all),
					       mhp_range_bytes(&run->all));
	return 0;
}

/*
 * walks: once for the whole request, as waiting for walks over struct pages takes time. This is the
 * only step of a remove that can fail, and it is above all steps that need memory to be done again.
 */
static int mhp_walks_up(struct mhp_request *req, struct mhp_run *run)
{
	/* Walks have found new sections since these were made. */
	if (req->unwinding)
		mhp_show_sections(&to_lower(req)->range);
	return 0;
}

static int mhp_walks_down(struct mhp_request *req, struct mhp_run *run)
{
	struct mhp_lower *lower = to_lower(req);

	/* Undoing a failed add cannot fail. */
	if (!mhp_hide_sections(&lower->range, req->unwinding || lower->extent->certain))
		return mhp_lower_refuse(lower, -EBUSY, MHP_WHY_DEADLINE);
	return 0;
}

/*
 * firmware: the list of memory that a kernel started by kexec may use. A missing entry does no harm
 * here, so that the step cannot fail.
 */
static int mhp_firmware_up(struct mhp_request *req, struct mhp_run *run)
{
	struct mhp_lower *lower = to_lower(req);
	u64 start = mhp_range_phys(&lower->range);

	if (!lower->driver_managed)
		firmware_map_add_hotplug(start, start + mhp_range_bytes(&lower->range),
					 "System RAM");
	return 0;
}

static int mhp_firmware_down(struct mhp_request *req, struct mhp_run *run)
{
	struct mhp_lower *lower = to_lower(req);
	u64 start = mhp_range_phys(&lower->range);

	/* Memory without an entry is driver-managed, which undoing a failed remove has to know. */
	lower->driver_managed = firmware_map_remove(start, start + mhp_range_bytes(&lower->range),
						    "System RAM");
	return 0;
}

static const struct mhp_step lower_steps[] = {
	{ "resource",	mhp_resource_up,	mhp_resource_down,	.once = true },
	{ "memblock",	mhp_memblock_up,	mhp_memblock_down,	.once = true },
	{ "node",	mhp_node_step_up,	mhp_node_step_down,	.once = true },
	{ "sections",	mhp_sections_up,	mhp_sections_down },
	{ "blocks",	mhp_blocks_up,		mhp_blocks_down },
	{ "walks",	mhp_walks_up,		mhp_walks_down,		.once = true },
	{ "firmware",	mhp_firmware_up,	mhp_firmware_down,	.once = true },
};

static const struct mhp_ladder lower_ladder = {
	"add", lower_steps, ARRAY_SIZE(lower_steps),
};

/* ---- The upper ladder: OFFLINE to ONLINE ------------------------------ */

/**
 * struct mhp_upper - a request for the upper ladder
 * @req: its runs and result
 * @change: the request as the caller described it
 * @range: from its first to its last page
 * @patience: how long it may wait, and what ends the wait
 * @room: the claim on free memory to which its pages are moved; empty if no page is moved
 * @lost: the memory has disappeared without an eject: its contents are given up
 * @may_discard: its contents can be discarded, as mf_mutex excludes memory failure
 * @begin: the beginning of the request
 */
struct mhp_upper {
	struct mhp_request req;
	struct mhp_change *change;
	struct mhp_range range;
	struct mhp_patience patience;
	struct mhp_room_claim room;
	bool lost;
	bool may_discard;
	ktime_t begin;
};

static struct mhp_upper *to_upper(struct mhp_request *req)
{
	return container_of(req, struct mhp_upper, req);
}

/* The runner goes from the first run to the last, and undoes in the opposite order. */
static struct mhp_run *mhp_next_run(const struct mhp_request *req, const struct mhp_run *run)
{
	return req->unwinding ? run->prev : run->next;
}

static void mhp_tell_run(struct mhp_request *req, struct mhp_run *run,
			 enum memory_block_state what)
{
	/* If the memory is removed next, crash_memory_removed() is the last notification. */
	run->note.more = mhp_next_run(req, run) ||
			 (what == MEM_OFFLINE && to_upper(req)->patience.policy->removes);
	mhp_notify_tell(what, &run->note);
	run->note.more = false;
}

static int mhp_ask_run(struct mhp_request *req, struct mhp_run *run,
		       enum memory_block_state ask, enum memory_block_state cancel)
{
	return mhp_notify_ask(ask, cancel, &run->note, req->result);
}

/* Returns the number of present pages of the node or, if @normal, of its zones to ZONE_NORMAL. */
static unsigned long mhp_node_present(int nid, bool normal)
{
	struct pglist_data *pgdat = NODE_DATA(nid);
	unsigned long pages = 0;
	int i;

	if (!normal)
		return pgdat->node_present_pages;
	for (i = 0; i <= ZONE_NORMAL; i++)
		pages += pgdat->node_zones[i].present_pages;
	return pages;
}

static void mhp_set_share(struct mhp_run *run)
{
	run->share = (struct mhp_share){
		.prev = run->prev ? &run->prev->share : NULL,
		.nid = zone_to_nid(run->zone),
		.normal = zone_idx(run->zone) <= ZONE_NORMAL,
		.pages = run->all.nr_pages,
	};
	mhp_share_count_others(&run->share);
}

/* Returns the node if it gets its first, or loses its last, memory with this run. */
static int mhp_status_change(const struct mhp_run *run, bool normal, bool online)
{
	const struct mhp_share *share = &run->share;
	unsigned long before = mhp_node_present(share->nid, normal);
	unsigned long others = normal ? share->others_normal : share->others;

	if (normal && !share->normal)
		return NUMA_NO_NODE;
	if (online)
		return before + others ? NUMA_NO_NODE : share->nid;
	return before == others + share->pages ? share->nid : NUMA_NO_NODE;
}

static void mhp_fill_notes(struct mhp_request *req, bool online)
{
	struct mhp_run *run;

	mhp_for_each_run(run, req) {
		mhp_set_share(run);
		run->note = (struct memory_notify){
			.altmap_start_pfn = run->all.start_pfn,
			.altmap_nr_pages = run->all.nr_pages - run->pages.nr_pages,
			.start_pfn = run->pages.start_pfn,
			.nr_pages = run->pages.nr_pages,
			.status_change_nid_normal = mhp_status_change(run, true, online),
			.status_change_nid = mhp_status_change(run, false, online),
		};
		cond_resched();
	}
}

/* prepare */
static int mhp_prepare_up(struct mhp_request *req, struct mhp_run *run)
{
	return mhp_ask_run(req, run, MEM_PREPARE_ONLINE, MEM_FINISH_OFFLINE);
}

static int mhp_prepare_down(struct mhp_request *req, struct mhp_run *run)
{
	mhp_tell_run(req, run, MEM_FINISH_OFFLINE);
	return 0;
}

/* memmap */
static int mhp_memmap_up(struct mhp_request *req, struct mhp_run *run)
{
	int ret = mhp_memmap_online(run);

	return ret ? mhp_refuse(req->result, ret, MHP_WHY_NOMEM, run->all.start_pfn) : 0;
}

static int mhp_memmap_down(struct mhp_request *req, struct mhp_run *run)
{
	mhp_memmap_offline(run);
	return 0;
}

/* zone */
static int mhp_zone_up(struct mhp_request *req, struct mhp_run *run)
{
	mhp_new_pages(run);
	return 0;
}

static int mhp_zone_down(struct mhp_request *req, struct mhp_run *run)
{
	remove_pfn_range_from_zone(run->zone, run->pages.start_pfn, run->pages.nr_pages);
	return 0;
}

/* notify */
static int mhp_notify_up(struct mhp_request *req, struct mhp_run *run)
{
	if (!req->unwinding)
		return mhp_ask_run(req, run, MEM_GOING_ONLINE, MEM_CANCEL_ONLINE);
	/* Undoing an offline that failed at a later step: a callback cannot refuse that. */
	mhp_tell_run(req, run, MEM_GOING_ONLINE);
	return 0;
}

static int mhp_notify_down(struct mhp_request *req, struct mhp_run *run)
{
	mhp_tell_run(req, run, req->unwinding ? MEM_CANCEL_ONLINE : MEM_OFFLINE);
	run->heard_offline = !req->unwinding;
	return 0;
}

/* pages */
static void mhp_node_gains_memory(const struct memory_notify *note)
{
	if (note->status_change_nid_normal >= 0)
		node_set_state(note->status_change_nid_normal, N_NORMAL_MEMORY);
	if (note->status_change_nid >= 0)
		node_set_state(note->status_change_nid, N_MEMORY);
}

/* The thread has to end even if real-time tasks occupy all CPUs of its node. */
static void mhp_let_run_anywhere(struct task_struct *thread)
{
	if (thread)
		set_cpus_allowed_ptr(thread, cpu_possible_mask);
}

static struct task_struct *mhp_kcompactd(int nid)
{
#ifdef CONFIG_COMPACTION
	return NODE_DATA(nid)->kcompactd;
#else
	return NULL;
#endif
}

static void mhp_node_loses_memory(const struct memory_notify *note)
{
	if (note->status_change_nid_normal >= 0)
		node_clear_state(note->status_change_nid_normal, N_NORMAL_MEMORY);
	if (note->status_change_nid >= 0) {
		node_clear_state(note->status_change_nid, N_MEMORY);
		mhp_let_run_anywhere(mhp_kcompactd(note->status_change_nid));
		mhp_let_run_anywhere(NODE_DATA(note->status_change_nid)->kswapd);
		kcompactd_stop(note->status_change_nid);
		kswapd_stop(note->status_change_nid);
		/* Reclaimers that waited for kswapd find that the node has no memory. */
		wake_up_all(&NODE_DATA(note->status_change_nid)->pfmemalloc_wait);
	}
}

static int mhp_pages_up(struct mhp_request *req, struct mhp_run *run)
{
	bool populated = populated_zone(run->zone);

	/* Undoing an offline cannot fail: the zone can do without lists of CPUs of its own. */
	if (!populated && !setup_zone_pageset(run->zone) && !req->unwinding)
		return mhp_refuse(req->result, -ENOMEM, MHP_WHY_NOMEM, run->all.start_pfn);
	mhp_expose(run);
	mhp_account_present(run->zone, run->group, &run->all, 1);
	mhp_node_count_offline(zone_to_nid(run->zone), -(long)run->all.nr_pages);
	mhp_node_gains_memory(&run->note);
	mhp_zones_changed(run->zone, populated, !mhp_next_run(req, run));
	return 0;
}

static int mhp_pages_down(struct mhp_request *req, struct mhp_run *run)
{
	mhp_withdraw(run);
	mhp_account_present(run->zone, run->group, &run->all, -1);
	mhp_node_count_offline(zone_to_nid(run->zone), run->all.nr_pages);
	if (!populated_zone(run->zone))
		zone_pcp_reset(run->zone);
	/* Before the zone lists are built, which would contain the node otherwise. */
	mhp_node_loses_memory(&run->note);
	mhp_zones_changed(run->zone, true, !mhp_next_run(req, run));
	return 0;
}

/* evacuate: once for the whole request, as the step releases locks and waits for walks */

/* The limit grows with the memory to move; pages that cannot be moved end the attempt earlier. */
static void mhp_set_deadline(struct mhp_upper *upper)
{
	const struct mhp_progress *p = upper->change->progress;
	const struct mhp_policy *policy = upper->patience.policy;
	unsigned int ms = policy->timeout_ms;

	if (!policy->strict)
		ms = mhp_time_limit(ms, PFN_PHYS(p->moved + p->left));
	upper->patience.deadline = p->begin + msecs_to_jiffies(ms);
}

static int mhp_evacuate_runs(struct mhp_upper *upper)
{
	struct mhp_request *req = &upper->req;
	unsigned long used = 0;
	struct mhp_run *run;
	int ret;

	ret = mhp_moving_begin(req->result);
	if (ret)
		return ret;
	mhp_for_each_run(run, req)
		used += mhp_count_used(run);
	WRITE_ONCE(upper->change->progress->left, used);
	WRITE_ONCE(upper->room.need, 0);
	mhp_set_deadline(upper);
	mhp_for_each_run(run, req) {
		ret = mhp_evacuate(run, &upper->patience, upper->change->progress, req->result);
		if (ret)
			break;
	}
	/* The page that caused the failure is described now, as it may be freed later. */
	if (ret)
		mhp_explain(req->result);
	mhp_moving_end();
	return ret;
}

/* Moving pages needs no lock, as the blocks are going-offline and their pages isolated. */
static int mhp_evacuate_unlocked(struct mhp_upper *upper)
{
	struct mhp_change *change = upper->change;
	int ret;

	mem_hotplug_done();
	change->yield(change);
	ret = mhp_evacuate_runs(upper);
	change->resume(change);
	mem_hotplug_begin();

	/* Other memory of the node may have been brought online or taken offline meanwhile. */
	mhp_fill_notes(&upper->req, false);
	return ret ?: mhp_check_awake(upper->req.result);
}

/* Page tables may still refer to a poisoned page, which therefore has to keep its struct page. */
static int mhp_check_lost(struct mhp_request *req)
{
	struct mhp_run *run;
	int ret;

	mhp_for_each_run(run, req) {
		if (mhp_first_broken(run) != MHP_NO_PFN)
			return mhp_refuse(req->result, -EHWPOISON, MHP_WHY_LOST,
					  run->all.start_pfn);
		ret = mhp_check_empty(run, req->result);
		if (ret)
			return ret;
	}
	return 0;
}

static int mhp_empty_runs(struct mhp_upper *upper)
{
	/* New pages that have been isolated all the time are free. */
	if (upper->req.unwinding)
		return 0;
	if (upper->lost)
		return mhp_check_lost(&upper->req);
	return upper->change->yield ? mhp_evacuate_unlocked(upper) : mhp_evacuate_runs(upper);
}

static void mhp_mark_online(struct mhp_request *req, bool online)
{
	struct mhp_run *run;

	mhp_for_each_run(run, req) {
		if (online)
			online_mem_sections(run->all.start_pfn, mhp_range_end(&run->all));
		else
			offline_mem_sections(run->all.start_pfn, mhp_range_end(&run->all));
	}
}

/* A walk that had begun before may have taken a free page, and will return it soon. */
static int mhp_check_kept(struct mhp_request *req, bool again)
{
	struct mhp_run *run;

	mhp_for_each_run(run, req) {
		unsigned long pfn = mhp_first_kept(run);

		if (pfn != MHP_NO_PFN)
			return again ? -EAGAIN :
			       mhp_refuse(req->result, -EBUSY, MHP_WHY_BUSY_PAGE, pfn);
	}
	return 0;
}

/* The earlier of the deadline of the request, and a limit that no walk should reach. */
static unsigned long mhp_walk_deadline(const struct mhp_upper *upper)
{
	unsigned long last = jiffies + MHP_WALK_PATIENCE;

	if (upper->patience.policy->timeout_ms && time_before(upper->patience.deadline, last))
		return upper->patience.deadline;
	return last;
}

/*
 * Hides the pages from walks over online pages and waits for the walks that may have found them:
 * the callbacks that follow free data that belongs to the pages, and struct pages may be freed.
 * Then checks that no walk has kept a page.
 */
static int mhp_hide_runs(struct mhp_upper *upper, bool again)
{
	struct mhp_request *req = &upper->req;
	int ret = 0;

	mhp_mark_online(req, false);
	if (req->unwinding)
		mhp_wait_for_all_walks();
	else if (!mhp_wait_for_walks(mhp_walk_deadline(upper)))
		ret = mhp_refuse(req->result, -EBUSY, MHP_WHY_DEADLINE,
				 req->first->all.start_pfn);
	else
		ret = mhp_check_kept(req, again && !upper->lost);
	if (ret)
		mhp_mark_online(req, true);
	return ret;
}

static int mhp_evacuate_up(struct mhp_request *req, struct mhp_run *run)
{
	mhp_mark_online(req, true);
	return 0;
}

static int mhp_evacuate_down(struct mhp_request *req, struct mhp_run *run)
{
	struct mhp_upper *upper = to_upper(req);
	unsigned long until = 0;
	int ret;

	do {
		ret = mhp_empty_runs(upper);
		until = until ?: mhp_walk_deadline(upper);
		if (!ret)
			ret = mhp_hide_runs(upper, time_before(jiffies, until));
	} while (ret == -EAGAIN);
	return ret;
}

/* publish */
static int mhp_publish_up(struct mhp_request *req, struct mhp_run *run)
{
	if (!to_upper(req)->lost)
		mhp_unisolate(run);
	/* Once for all runs of a zone, as this walks over the whole zone. */
	if (!req->unwinding && !(run->next && run->next->zone == run->zone))
		shuffle_zone(run->zone);
	mhp_zone_end(run->zone);
	kswapd_run(zone_to_nid(run->zone));
	kcompactd_run(zone_to_nid(run->zone));
	/* MEM_ONLINE follows MEM_OFFLINE; otherwise the callbacks only heard MEM_GOING_OFFLINE. */
	if (!req->unwinding || run->heard_offline)
		mhp_tell_run(req, run, MEM_ONLINE);
	else
		mhp_tell_run(req, run, MEM_CANCEL_OFFLINE);
	return 0;
}

/* The memory is lost even if a callback refuses, so that the loss is logged first. */
static int mhp_lose_run(struct mhp_upper *upper, struct mhp_run *run)
{
	const bool alone = mhp_isolate_lost(run);
	unsigned long used, poisoned;

	used = mhp_discard(run, upper->may_discard, &poisoned);
	pr_err("[mem %#010llx-%#010llx] has gone while it was online: %lu pages of data lost, %lu in use\n",
	       mhp_range_phys(&run->all),
	       mhp_range_phys(&run->all) + mhp_range_bytes(&run->all) - 1, poisoned, used);
	/* What has isolated pages of the run has no references to them. */
	if (!alone)
		return mhp_refuse(upper->req.result, -EBUSY, MHP_WHY_ISOLATE_RACE,
				  run->all.start_pfn);
	return mhp_ask_run(&upper->req, run, MEM_GOING_OFFLINE, MEM_CANCEL_OFFLINE);
}

static int mhp_publish_down(struct mhp_request *req, struct mhp_run *run)
{
	struct mhp_upper *upper = to_upper(req);
	int ret;

	if (upper->lost)
		return mhp_lose_run(upper, run);

	ret = mhp_isolate(run, &upper->patience, req->result);
	if (ret) {
		mhp_explain(req->result);
		return ret;
	}
	ret = mhp_ask_run(req, run, MEM_GOING_OFFLINE, MEM_CANCEL_OFFLINE);
	if (ret)
		mhp_unisolate(run);
	return ret;
}

static const struct mhp_step upper_steps[] = {
	{ "prepare",	mhp_prepare_up,		mhp_prepare_down },
	{ "memmap",	mhp_memmap_up,		mhp_memmap_down },
	{ "zone",	mhp_zone_up,		mhp_zone_down },
	{ "notify",	mhp_notify_up,		mhp_notify_down },
	{ "pages",	mhp_pages_up,		mhp_pages_down },
	{ "evacuate",	mhp_evacuate_up,	mhp_evacuate_down,	.once = true },
	{ "publish",	mhp_publish_up,		mhp_publish_down },
};

static const struct mhp_ladder upper_ladder = {
	"online", upper_steps, ARRAY_SIZE(upper_steps),
};

/* ---- Add --------------------------------------------------------------- */

static void mhp_lower_report(struct mhp_lower *lower, enum mhp_verb verb)
{
	struct mhp_extent *extent = lower->extent;

	/* A range that could not be decoded is reported as the caller passed it. */
	if (mhp_range_empty(&lower->range))
		lower->range = (struct mhp_range){ PHYS_PFN(extent->start),
						   PHYS_PFN(extent->size) };
	extent->record = mhp_report(&(struct mhp_ending){
		.verb = verb,
		.range = &lower->range,
		.result = extent->result,
		.begin = lower->begin,
	});
}

static int mhp_decode_extent(struct mhp_lower *lower)
{
	const struct mhp_limits limits = mhp_machine_limits();
	struct mhp_extent *extent = lower->extent;
	int ret;

	ret = mhp_decode_add(extent->nid, extent->start, extent->size, &limits, &lower->range,
			     extent->result);
	if (ret)
		return ret;
	if (!node_possible(extent->nid))
		return mhp_lower_refuse(lower, -EINVAL, MHP_WHY_NODE);
	return mhp_place_memmap(&lower->range, extent->flags, &extent->altmaps, extent->result);
}

static int mhp_climb_lower(struct mhp_lower *lower)
{
	int ret;

	mhp_runs_of_extent(&lower->req, &lower->range, &lower->extent->altmaps, &lower->gap);
	mem_hotplug_begin();
	/* To undo the steps would unmap memory that is in use. */
	if (mhp_sections_present(&lower->range))
		ret = mhp_lower_refuse(lower, -EEXIST, MHP_WHY_EXISTS);
	else
		ret = mhp_climb(&lower_ladder, &lower->req);
	mem_hotplug_done();
	return ret;
}

/* If the memmap cannot be allocated from other memory, the new memory may have to hold it. */
static int mhp_climb_or_fall_back(struct mhp_lower *lower)
{
	struct mhp_extent *extent = lower->extent;
	int ret;

	ret = mhp_climb_lower(lower);
	if (!ret || !lower->no_memmap ||
	    !mhp_memmap_may_fall_back(extent->flags, &extent->altmaps))
		return ret;

	*extent->result = MHP_RESULT_OK;
	ret = mhp_memmap_fall_back(&lower->range, extent->flags, &extent->altmaps,
				   extent->result);
	return ret ?: mhp_climb_lower(lower);
}

/**
 * mhp_add() - add memory: from ABSENT to OFFLINE
 * @extent: the memory, its node and group, and the functions that make its devices
 *
 * Context: Process context, may sleep. device_hotplug_lock held. Takes mem_hotplug_lock.
 * Return: 0; -EINVAL if the range does not consist of whole blocks, or the node is impossible;
 * -E2BIG if the range cannot be addressed; -EEXIST if memory is present in it, or it conflicts
 * with another resource; -ENOMEM; or the error of the mapping or of a device. After an error, the
 * memory is absent as before.
 */
int mhp_add(struct mhp_extent *extent)
{
	struct mhp_lower lower = {
		.req.result = extent->result,
		.extent = extent,
		.driver_managed = extent->driver_managed,
		.begin = ktime_get(),
	};
	int ret;

	INIT_LIST_HEAD(&extent->altmaps);
	ret = mhp_decode_extent(&lower);
	if (!ret)
		ret = mhp_climb_or_fall_back(&lower);
	if (ret)
		mhp_free_altmaps(&extent->altmaps);
	mhp_lower_report(&lower, MHP_VERB_ADD);
	if (!ret && (extent->flags & MHP_MERGE_RESOURCE))
		merge_system_ram_resource(lower.res);
	return ret;
}

/* ---- Online ------------------------------------------------------------ */

static void mhp_upper_report(struct mhp_upper *upper, enum mhp_verb verb)
{
	const struct mhp_progress *progress = upper->change->progress;

	upper->change->record = mhp_report(&(struct mhp_ending){
		.verb = verb,
		.range = &upper->range,
		.result = upper->change->result,
		.begin = upper->begin,
		.passes = progress->passes,
		.left = progress->left,
	});
}

static unsigned long mhp_pieces_pages(const struct mhp_change *change)
{
	unsigned long pages = 0;
	unsigned int i;

	for (i = 0; i < change->nr_pieces; i++)
		pages += change->pieces[i].nr_pages;
	return pages;
}

static struct mhp_range mhp_pieces_range(const struct mhp_change *change)
{
	const struct mhp_piece *first = change->pieces;
	const struct mhp_piece *last = first + change->nr_pieces - 1;

	return (struct mhp_range){ first->start_pfn,
				   last->start_pfn + last->nr_pages - first->start_pfn };
}

static void mhp_upper_init(struct mhp_upper *upper, struct mhp_change *change)
{
	*upper = (struct mhp_upper){
		.req.result = change->result,
		.change = change,
		.range = mhp_pieces_range(change),
		.patience = {
			.policy = change->policy,
			.progress = change->progress,
		},
		.room.list = LIST_HEAD_INIT(upper->room.list),
		.begin = ktime_get(),
	};
	change->progress->begin = jiffies;
	change->progress->pages = mhp_pieces_pages(change);
	upper->patience.deadline = change->progress->begin +
				   msecs_to_jiffies(change->policy->timeout_ms);
}

static void mhp_begin_zones(struct mhp_request *req)
{
	struct mhp_run *run;

	mhp_for_each_run(run, req)
		mhp_zone_begin(run->zone);
}

static int mhp_decode_online(const struct mhp_change *change)
{
	unsigned int i;

	for (i = 0; i < change->nr_pieces; i++)
		if (change->pieces[i].nid == NUMA_NO_NODE)
			return mhp_refuse(change->result, -EINVAL, MHP_WHY_MULTI_ZONE,
					  change->pieces[i].start_pfn);
	return 0;
}

static int mhp_climb_upper(struct mhp_upper *upper)
{
	struct mhp_change *change = upper->change;
	struct mhp_run *runs;
	int ret;

	mem_hotplug_begin();
	runs = mhp_runs_of_pieces(&upper->req, change->pieces, change->nr_pieces, true);
	if (runs) {
		mhp_begin_zones(&upper->req);
		mhp_fill_notes(&upper->req, true);
		ret = mhp_climb(&upper_ladder, &upper->req);
		writeback_set_ratelimit();
	} else {
		ret = mhp_refuse(change->result, -ENOMEM, MHP_WHY_NOMEM, upper->range.start_pfn);
	}
	mem_hotplug_done();
	kvfree(runs);
	return ret;
}

/**
 * mhp_online() - bring memory online: from OFFLINE to ONLINE
 * @change: the memory; piece->type is the kind of zone that is wanted, piece->zone is set to
 *	the zone that was chosen
 *
 * Context: Process context, may sleep. device_hotplug_lock and the device lock of each block
 * held. Takes mem_hotplug_lock.
 * Return: 0; -EINVAL if a piece belongs to several nodes; -ENOMEM; or the error of a notifier.
 * After an error, all of the memory is offline as before.
 */
int mhp_online(struct mhp_change *change)
{
	struct mhp_upper upper;
	int ret;

	mhp_upper_init(&upper, change);
	ret = mhp_decode_online(change);
	if (!ret)
		ret = mhp_climb_upper(&upper);
	if (!ret)
		mhp_check_balance();
	mhp_upper_report(&upper, MHP_VERB_ONLINE);
	return ret;
}

/* ---- Offline ------------------------------------------------------------ */

#ifdef CONFIG_MEMORY_HOTREMOVE

static int mhp_decode_offline(const struct mhp_change *change)
{
	unsigned int i;

	for (i = 0; i < change->nr_pieces; i++) {
		const struct mhp_piece *piece = change->pieces + i;

		if (mhp_range_has_holes(piece->start_pfn, piece->nr_pages))
			return mhp_refuse(change->result, -EINVAL, MHP_WHY_HOLES,
					  piece->start_pfn);
		if (!piece->zone)
			return mhp_refuse(change->result, -EINVAL, MHP_WHY_MULTI_ZONE,
					  piece->start_pfn);
		if (mhp_range_stays(piece->start_pfn, piece->nr_pages))
			return mhp_refuse(change->result, -EPERM, MHP_WHY_BOOT_MEMORY,
					  piece->start_pfn);
	}
	return 0;
}

static int mhp_descend_upper(struct mhp_upper *upper)
{
	struct mhp_change *change = upper->change;
	struct mhp_run *runs;
	int ret = 0;

	mem_hotplug_begin();
	runs = mhp_runs_of_pieces(&upper->req, change->pieces, change->nr_pieces, false);
	if (!runs)
		ret = mhp_refuse(change->result, -ENOMEM, MHP_WHY_NOMEM, upper->range.start_pfn);
	else if (!upper->lost)
		ret = mhp_claim_room(&upper->room, &upper->req, change->progress);
	if (!ret) {
		mhp_begin_zones(&upper->req);
		mhp_fill_notes(&upper->req, false);
		ret = mhp_descend(&upper_ladder, &upper->req);
		writeback_set_ratelimit();
	}
	mem_hotplug_done();
	mhp_release_room(&upper->room);
	kvfree(runs);
	return ret;
}

/**
 * mhp_offline() - take memory offline: from ONLINE to OFFLINE
 * @change: the memory; piece->zone is its zone
 *
 * Moves the pages that are in use to other memory. All of the memory is isolated first, so that
 * a page is moved only once.
 *
 * Context: Process context, may sleep for as long as @change->policy allows.
 * device_hotplug_lock and the device lock of each block held; change->yield and change->resume
 * release and take them while pages are moved. Takes mem_hotplug_lock.
 * Return: 0; -EINVAL if a piece has holes, or several zones or nodes; -EPERM for boot memory that
 * the architecture keeps; -EBUSY if a page cannot be moved, there is no room for it, the time limit
 * was reached, or the system goes to sleep; -EINTR after a signal; -ECANCELED after
 * progress->cancel was set; -ENOMEM; or the error of a notifier. After an error, all of the memory
 * is online as before.
 */
int mhp_offline(struct mhp_change *change)
{
	struct mhp_upper upper;
	int ret;

	mhp_upper_init(&upper, change);
	ret = mhp_decode_offline(change) ?: mhp_descend_upper(&upper);
	mhp_upper_report(&upper, MHP_VERB_OFFLINE);
	return ret;
}

/* Without struct pages in its holes, a block cannot be isolated. */
static int mhp_decode_lose(const struct mhp_change *change)
{
	const struct mhp_piece *piece = change->pieces;

	if (mhp_range_has_holes(piece->start_pfn, piece->nr_pages))
		return mhp_refuse(change->result, -EINVAL, MHP_WHY_HOLES, piece->start_pfn);
	if (!piece->zone)
		return mhp_refuse(change->result, -EINVAL, MHP_WHY_MULTI_ZONE, piece->start_pfn);
	return 0;
}

/**
 * mhp_lose() - give up memory that has disappeared without an eject: from ONLINE to OFFLINE
 * @change: the memory; one piece, piece->zone is its zone
 *
 * Pages of the memory are not allocated any more, and its contents are discarded: see
 * mm/mhp/discard.c. If nothing refers to the memory any more, it is offline afterwards and can
 * be removed. Otherwise it stays present, but cannot be used again.
 *
 * Context: Process context, may sleep; waits for nothing but memory failure, for at most 5 seconds,
 * for others to end their isolation, for at most one, and for notifiers, of which ksmd takes at
 * most 10. device_hotplug_lock and the device lock of the block held. Takes mem_hotplug_lock.
 * Return: 0; -EBUSY, -EHWPOISON, -ENOMEM, or the error of a notifier if the memory stays
 * present; -EINVAL if the block has holes or several zones, and is online as before.
 */
int mhp_lose(struct mhp_change *change)
{
	struct mhp_upper upper;
	int ret;

	mhp_upper_init(&upper, change);
	upper.lost = true;
	ret = mhp_decode_lose(change);
	if (!ret) {
		upper.may_discard = mhp_discard_begin();
		ret = mhp_descend_upper(&upper);
		if (upper.may_discard)
			mhp_discard_end();
	}
	mhp_upper_report(&upper, MHP_VERB_LOSE);
	return ret;
}

/* ---- Remove ------------------------------------------------------------- */

/**
 * mhp_extent_add_altmap() - add the altmap of a block to a request to remove it
 * @extent: the request; extent->altmaps has to be initialized
 * @altmap: the altmap, which mhp_add() made; callers add them in ascending order
 *
 * Context: Any. Changes only @extent and the list entry of @altmap.
 */
void mhp_extent_add_altmap(struct mhp_extent *extent, struct vmem_altmap *altmap)
{
	list_add_tail(&to_mhp_altmap(altmap)->list, &extent->altmaps);
}

/**
 * mhp_remove() - remove memory that is offline: from OFFLINE to ABSENT
 * @extent: the memory, its node, group and altmaps, and the functions that remove its devices
 *
 * Does not depend on any allocation of memory.
 *
 * Context: Process context, may sleep. device_hotplug_lock held. Takes mem_hotplug_lock.
 * Return: 0; -EINVAL if the range does not consist of whole blocks; -EBUSY if a walk over its
 * struct pages does not end. After an error, the memory is offline as before.
 */
int mhp_remove(struct mhp_extent *extent)
{
	const struct mhp_limits limits = mhp_machine_limits();
	struct mhp_lower lower = {
		.req.result = extent->result,
		.extent = extent,
		.begin = ktime_get(),
	};
	int ret;

	ret = mhp_decode_blocks(extent->start, extent->size, &limits, &lower.range,
				extent->result);
	if (!ret) {
		mhp_runs_of_extent(&lower.req, &lower.range, &extent->altmaps, &lower.gap);
		mem_hotplug_begin();
		ret = mhp_descend(&lower_ladder, &lower.req);
		mem_hotplug_done();
	}
	if (!ret) {
		mhp_free_altmaps(&extent->altmaps);
		kcore_memory_removed();
		crash_memory_removed(extent->start, extent->size);
	}
	mhp_lower_report(&lower, MHP_VERB_REMOVE);
	return ret;
}

#endif /* CONFIG_MEMORY_HOTREMOVE */
