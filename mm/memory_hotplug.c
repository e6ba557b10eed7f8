// SPDX-License-Identifier: GPL-2.0
/*
 * Memory hotplug: adding and removing physical memory, bringing it online and
 * taking it offline, while the kernel runs.
 *
 * A range of memory climbs a ladder. Each rung is a step with a name, a way up
 * and a way down:
 *
 *	ABSENT   resource   the range is claimed in /proc/iomem
 *	   |     memblock   and in memblock, where that is kept
 *	   |     node       its node is online
 *	  add    sections   it is mapped and has a memmap
 *	   |     blocks     it has devices: memoryXXX
 *	   v     firmware   and an entry in /sys/firmware/memmap
 *	OFFLINE  prepare    its provider makes it accessible
 *	   |     memmap     a memmap that lies in it belongs to its zone
 *	online   zone       its pages belong to a zone, isolated
 *	   |     notify     subsystems have made ready for it
 *	   |     pages      the page allocator has its pages, still isolated
 *	   v     publish    anybody can allocate them
 *	ONLINE
 *
 * Offline and remove come down the same way. When a step fails, the runner
 * (mhp/ladder.c) walks back over the steps that were done, so a failed request
 * leaves what was there: a failed offline is online again, in the same zone.
 *
 * Words: a *section* is the unit of the memmap, a *block* (one or more sections)
 * the unit of user space, a *run* neighbouring blocks of a request that share a
 * zone. A *span* reaches from the first to the last page of a zone or node,
 * holes included; *present* pages are there, *managed* ones are the allocator's.
 *
 * A request is checked completely before its first step, covers any number of
 * blocks, and succeeds as a whole or not at all. Its end is a struct mhp_result,
 * which says what failed, where and why.
 *
 * Locks, outermost first:
 *	device_hotplug_lock	one request at a time; groups; which blocks exist
 *	device_lock(block)	the state of a block
 *	cpu_hotplug_lock	for read: per-CPU data of zones and nodes
 *	mem_hotplug_lock	for write: zones, nodes, sections, memmap
 *				for read (get_online_mems()): none of them changes
 *
 * While an offline moves pages it holds none of them, unless its caller needs them: the
 * state of its blocks, going-offline, keeps everybody else away from these, and other
 * requests go on. What it knew of its zones and nodes it looks up again afterwards.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/mm.h>
#include <linux/compaction.h>
#include <linux/cpu.h>
#include <linux/crash_core.h>
#include <linux/export.h>
#include <linux/firmware-map.h>
#include <linux/ioport.h>
#include <linux/jiffies.h>
#include <linux/kexec.h>
#include <linux/memblock.h>
#include <linux/memory.h>
#include <linux/memremap.h>
#include <linux/moduleparam.h>
#include <linux/node.h>
#include <linux/range.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/writeback.h>

#include "internal.h"
#include "shuffle.h"
#include "mhp/mhp.h"
#include "mhp/order.h"
#include "mhp/policy.h"
#include "mhp/request.h"

/* ---- Parameters ------------------------------------------------------- */

enum memmap_mode {
	MEMMAP_ELSEWHERE,
	MEMMAP_ON_MEMORY,	/* where it fills whole pageblocks */
	MEMMAP_ON_MEMORY_FORCE,	/* padded to whole pageblocks */
};

static enum memmap_mode memmap_mode __ro_after_init;

static int memmap_mode_set(const char *val, const struct kernel_param *kp)
{
	bool on;

	if (sysfs_streq(val, "force")) {
		memmap_mode = MEMMAP_ON_MEMORY_FORCE;
		return 0;
	}
	if (mhp_parse_bool(val, &on)) {
		pr_warn("memmap_on_memory: '%s' is none of N, Y, force\n", val);
		return -EINVAL;
	}
	memmap_mode = on ? MEMMAP_ON_MEMORY : MEMMAP_ELSEWHERE;
	return 0;
}

static int memmap_mode_get(char *buffer, const struct kernel_param *kp)
{
	static const char * const names[] = { "N", "Y", "force" };

	return sysfs_emit(buffer, "%s\n", names[memmap_mode]);
}

static const struct kernel_param_ops memmap_mode_ops __maybe_unused = {
	.set = memmap_mode_set,
	.get = memmap_mode_get,
};

#ifdef CONFIG_MHP_MEMMAP_ON_MEMORY
module_param_cb(memmap_on_memory, &memmap_mode_ops, NULL, 0444);
MODULE_PARM_DESC(memmap_on_memory,
		 "Let the memmap of added memory lie in it: N, Y, or force (padded)");
#endif

static enum mhp_online_policy online_policy __read_mostly;

static const char * const online_policy_names[] = {
	[MHP_POLICY_CONTIG_ZONES] = "contig-zones",
	[MHP_POLICY_AUTO_MOVABLE] = "auto-movable",
};

static int online_policy_set(const char *val, const struct kernel_param *kp)
{
	int policy = sysfs_match_string(online_policy_names, val);

	if (policy < 0) {
		pr_warn("online_policy: '%s' is no policy\n", val);
		return policy;
	}
	WRITE_ONCE(online_policy, policy);
	return 0;
}

static int online_policy_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", online_policy_names[READ_ONCE(online_policy)]);
}

static const struct kernel_param_ops online_policy_ops = {
	.set = online_policy_set,
	.get = online_policy_get,
};

module_param_cb(online_policy, &online_policy_ops, NULL, 0644);
MODULE_PARM_DESC(online_policy, "Zone of memory that is brought online by just \"online\"");

static unsigned int auto_movable_ratio __read_mostly = 301;
module_param(auto_movable_ratio, uint, 0644);
MODULE_PARM_DESC(auto_movable_ratio, "auto-movable: at most this many percent of kernel memory");

#ifdef CONFIG_NUMA
static bool auto_movable_numa_aware __read_mostly = true;
module_param(auto_movable_numa_aware, bool, 0644);
MODULE_PARM_DESC(auto_movable_numa_aware, "auto-movable: also on each node");
#else
#define auto_movable_numa_aware false
#endif

static unsigned int offline_timeout_ms __read_mostly = 120 * MSEC_PER_SEC;
module_param(offline_timeout_ms, uint, 0644);
MODULE_PARM_DESC(offline_timeout_ms, "How long an offline by user space may take, 0: no limit");

static bool offline_viability __read_mostly = true;
module_param(offline_viability, bool, 0644);
MODULE_PARM_DESC(offline_viability, "Refuse an offline that would leave too little memory");

static bool removable_compat __read_mostly;
module_param(removable_compat, bool, 0644);
MODULE_PARM_DESC(removable_compat, "Let every block say that it is removable");

/* Set by the boot option movable_node: hotpluggable memory is for movable pages. */
bool movable_node_enabled;

static int __init cmdline_parse_movable_node(char *p)
{
	movable_node_enabled = true;
	return 0;
}
early_param("movable_node", cmdline_parse_movable_node);

/* End of memory by the boot option mem=. */
u64 max_mem_size = U64_MAX;

static const char * const online_types[] = {
	[MMOP_ONLINE_KERNEL]	= "online_kernel",
	[MMOP_ONLINE_MOVABLE]	= "online_movable",
	[MMOP_ONLINE]		= "online",
	[MMOP_OFFLINE]		= "offline",
};

static enum mmop default_online_type =
	IS_ENABLED(CONFIG_MHP_DEFAULT_ONLINE_TYPE_ONLINE_AUTO) ? MMOP_ONLINE :
	IS_ENABLED(CONFIG_MHP_DEFAULT_ONLINE_TYPE_ONLINE_KERNEL) ? MMOP_ONLINE_KERNEL :
	IS_ENABLED(CONFIG_MHP_DEFAULT_ONLINE_TYPE_ONLINE_MOVABLE) ? MMOP_ONLINE_MOVABLE :
	MMOP_OFFLINE;

/**
 * mhp_online_type_from_str() - the online type of a word
 * @str: offline, online, online_kernel or online_movable; a newline may follow
 *
 * Return: of enum mmop, or -EINVAL.
 */
int mhp_online_type_from_str(const char *str)
{
	return sysfs_match_string(online_types, str);
}

/**
 * mhp_get_default_online_type() - what happens to memory that is added
 *
 * Return: MMOP_OFFLINE where user space is to bring it online.
 */
enum mmop mhp_get_default_online_type(void)
{
	return READ_ONCE(default_online_type);
}
EXPORT_SYMBOL_GPL(mhp_get_default_online_type);

/**
 * mhp_set_default_online_type() - decide what happens to memory that is added
 * @online_type: for all that is added from now on
 */
void mhp_set_default_online_type(enum mmop online_type)
{
	WRITE_ONCE(default_online_type, online_type);
}
EXPORT_SYMBOL_GPL(mhp_set_default_online_type);

static int __init setup_memhp_default_state(char *str)
{
	int type = mhp_online_type_from_str(str);

	if (type < 0)
		pr_warn("memhp_default_state: '%s' is no state, it stays '%s'\n", str,
			online_types[default_online_type]);
	else
		default_online_type = type;
	return 1;
}
__setup("memhp_default_state=", setup_memhp_default_state);

/* ---- Locks ------------------------------------------------------------ */

DECLARE_RWSEM(mem_hotplug_lock);

/**
 * get_online_mems() - let no memory come or go
 *
 * Context: May sleep, as long as a request takes. Not to be nested.
 */
void get_online_mems(void)
{
	down_read(&mem_hotplug_lock);
}

/**
 * put_online_mems() - memory may come and go again
 */
void put_online_mems(void)
{
	up_read(&mem_hotplug_lock);
}

/**
 * mem_hotplug_begin() - start to change zones, nodes and sections
 *
 * Context: May sleep. CPUs do not come or go until mem_hotplug_done().
 */
void mem_hotplug_begin(void)
{
	cpus_read_lock();
	down_write(&mem_hotplug_lock);
}

/**
 * mem_hotplug_done() - zones, nodes and sections are consistent again
 */
void mem_hotplug_done(void)
{
	up_write(&mem_hotplug_lock);
	cpus_read_unlock();
}

/* ---- Where memory can be ---------------------------------------------- */

/**
 * arch_get_mappable_range() - which physical addresses the direct map can hold
 *
 * Return: the range, inclusive; architectures with a smaller one have their own.
 */
struct range __weak arch_get_mappable_range(void)
{
	return (struct range){ .start = 0, .end = U64_MAX };
}

/**
 * mhp_get_pluggable_range() - which physical addresses memory can be added at
 * @need_mapping: it is to be in the direct map
 *
 * Return: the range in bytes, inclusive.
 */
struct range mhp_get_pluggable_range(bool need_mapping)
{
	struct range range = { .start = 0, .end = PHYSMEM_END };
	struct range mappable = arch_get_mappable_range();

	if (need_mapping) {
		range.start = max(range.start, mappable.start);
		range.end = min(range.end, mappable.end);
	}
	return range;
}
EXPORT_SYMBOL_GPL(mhp_get_pluggable_range);

/**
 * mhp_range_allowed() - can this range be addressed
 * @start: physical address
 * @size: bytes
 * @need_mapping: it is to be in the direct map
 *
 * Return: true, or false with a message.
 */
bool mhp_range_allowed(u64 start, u64 size, bool need_mapping)
{
	struct range range = mhp_get_pluggable_range(need_mapping);
	u64 end = start + size;

	if (start < end && start >= range.start && end - 1 <= range.end)
		return true;
	/* Firmware may ask for the same again and again. */
	pr_warn_ratelimited("[mem %#010llx-%#010llx] is outside [%#010llx-%#010llx]\n", start,
			    end - 1, range.start, range.end);
	return false;
}

static struct mhp_limits limits(void)
{
	struct range range = mhp_get_pluggable_range(true);

	return (struct mhp_limits){
		.block_bytes = memory_block_size_bytes(),
		.section_pages = PAGES_PER_SECTION,
		.subsection_pages = PAGES_PER_SUBSECTION,
		.first = range.start,
		.last = range.end,
		/* What is plugged into a running machine is not what mem= is about. */
		.max_bytes = system_state < SYSTEM_RUNNING ? max_mem_size : U64_MAX,
		.nr_nodes = MAX_NUMNODES,
	};
}

/* ---- memmap on memory: when ------------------------------------------- */

#ifndef arch_supports_memmap_on_memory
static bool arch_supports_memmap_on_memory(unsigned long vmemmap_size)
{
	/* The memmap is mapped by whole huge pages, all of which lie in the block. */
	return IS_ALIGNED(vmemmap_size, PMD_SIZE);
}
#endif

/* Can a block set @reserve pages aside for its memmap? The rest is whole pageblocks. */
static bool block_can_host(unsigned long reserve)
{
	unsigned long block_pages = memory_block_size_bytes() >> PAGE_SHIFT;
	unsigned long bytes = block_pages * sizeof(struct page);

	return IS_ENABLED(CONFIG_MHP_MEMMAP_ON_MEMORY) && PAGE_ALIGNED(bytes) &&
	       arch_supports_memmap_on_memory(bytes) && pageblock_aligned(reserve) &&
	       reserve < block_pages;
}

/* What to set aside: no more than needed, unless only padding makes pageblocks of it. */
static unsigned long memmap_reserve(bool padded)
{
	unsigned long pages = mhp_memmap_pages(memory_block_size_bytes());

	return padded ? pageblock_align(pages) : pages;
}

/**
 * mhp_supports_memmap_on_memory() - does the memmap of memory lie in it where that is asked for
 *
 * For MHP_MEMMAP_ON_MEMORY; MHP_MEMMAP_OWN and MHP_MEMMAP_FALLBACK do not depend on it.
 *
 * Return: true where the parameter memmap_on_memory and the block size allow it.
 */
bool mhp_supports_memmap_on_memory(void)
{
	return memmap_mode != MEMMAP_ELSEWHERE &&
	       block_can_host(memmap_reserve(memmap_mode == MEMMAP_ON_MEMORY_FORCE));
}
EXPORT_SYMBOL_GPL(mhp_supports_memmap_on_memory);

/* Should the new memory host its memmap, lest too little be left for the kernel to run on? */
static bool memmap_is_a_burden(const struct mhp_range *range)
{
	unsigned long managed, room = mhp_kernel_room(&managed);

	return mhp_is_burden(mhp_memmap_pages(mhp_range_bytes(range)), room, managed);
}

/* ---- Requests --------------------------------------------------------- */

/**
 * struct mhp_op - a request on its way
 * @range: add, remove: the pages
 * @nid: add, remove: their node, once it is known
 * @group: add: the memory group of the blocks, or NULL
 * @flags: add: MHP_*
 * @res: add: the claim in /proc/iomem; the request's own where @res_own
 * @res_own: the request makes @res
 * @res_name: its name
 * @driver_managed: only a driver knows of the memory, firmware does not
 * @node_new: add: the node came with this request
 * @altmaps: add, remove: of the blocks whose memmap lies in them, ascending. The request owns
 *	them unless the memory is present with its blocks.
 * @no_memmap: add: there was no memory for the memmap
 * @blocks: online, offline: the blocks, ascending
 * @nr_blocks: how many
 * @runs: these, as runs
 * @nr_runs: how many
 * @policy: offline: the caller's patience
 * @patience: offline: the same, with its end
 * @progress: offline: how far it has come
 * @under_way: offline: in the list of those which move pages
 * @need: offline: pages that may have to move, until they are counted
 * @from_kernel: offline: pages of a kernel zone are among them
 * @heard_offline: offline: callbacks have heard MEM_OFFLINE
 * @lost: offline: the memory is not there any more, what it held is given up
 * @may_discard: that can be done, as memory failure does not do it
 * @certain: remove: the caller goes on whatever the result, so it takes what it takes
 * @unwinding: set by the runner while it walks back
 * @begin: when it began
 * @result: how it ends
 */
struct mhp_op {
	struct mhp_range range;
	int nid;
	struct memory_group *group;
	mhp_t flags;
	struct resource *res;
	bool res_own;
	const char *res_name;
	bool driver_managed;
	bool node_new;
	struct list_head altmaps;
	bool no_memmap;

	struct memory_block **blocks;
	unsigned int nr_blocks;
	struct mhp_run *runs;
	unsigned int nr_runs;
	const struct mhp_policy *policy;
	struct mhp_patience patience;
	struct mhp_progress *progress;
	struct list_head under_way;
	unsigned long need;
	bool from_kernel;
	bool heard_offline;
	bool lost;
	bool may_discard;

	bool certain;
	bool unwinding;
	ktime_t begin;
	struct mhp_result *result;
};

static int refuse(struct mhp_op *op, int err, enum mhp_reason why)
{
	return mhp_refuse(op->result, err, why, op->range.start_pfn);
}

static struct mhp_range block_range(const struct memory_block *mem)
{
	return (struct mhp_range){ section_nr_to_pfn(mem->start_section_nr),
				   memory_block_size_bytes() >> PAGE_SHIFT };
}

static int tell_block(struct memory_block *mem, void *record)
{
	mhp_record_for(mem, record);
	return 0;
}

/* What everybody gets to know of the end of a request; not under any lock of mm. */
static void report(enum mhp_verb verb, struct mhp_op *op)
{
	const struct mhp_ending end = {
		.verb = verb,
		.range = &op->range,
		.result = op->result,
		.begin = op->begin,
		.passes = op->progress ? op->progress->passes : 0,
		.left = op->progress ? op->progress->left : 0,
	};
	struct mhp_record *record = mhp_report(&end);
	unsigned int i;

	for (i = 0; i < op->nr_blocks; i++)
		mhp_record_for(op->blocks[i], record);
	if (verb == MHP_VERB_REMOVE && record)
		walk_memory_blocks(mhp_range_phys(&op->range), mhp_range_bytes(&op->range),
				   record, tell_block);
	mhp_record_put(record);
}

/**
 * mhp_report_refusal() - a request for a block was refused before it got here
 * @verb: what was asked for
 * @mem: the block
 * @res: why
 */
void mhp_report_refusal(enum mhp_verb verb, struct memory_block *mem, struct mhp_result *res)
{
	struct mhp_op op = {
		.result = res, .blocks = &mem, .nr_blocks = 1, .begin = ktime_get(),
		.range = block_range(mem),
	};

	report(verb, &op);
}

/* ---- The lower ladder: ABSENT to OFFLINE ------------------------------ */

/* By somebody who uses it, or who has only a part of it: what is all in one claim may nest. */
static bool is_claimed(const struct mhp_range *range)
{
	u64 start = mhp_range_phys(range), size = mhp_range_bytes(range);

	return region_intersects(start, size, IORESOURCE_MEM | IORESOURCE_BUSY,
				 IORES_DESC_NONE) != REGION_DISJOINT ||
	       region_intersects(start, size, IORESOURCE_MEM, IORES_DESC_NONE) == REGION_MIXED;
}

static int resource_up(struct mhp_op *op)
{
	unsigned long flags = IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY;

	if (!op->res_own)
		return 0;
	if (op->driver_managed)
		flags |= IORESOURCE_SYSRAM_DRIVER_MANAGED;
	op->res = __request_region(&iomem_resource, mhp_range_phys(&op->range),
				   mhp_range_bytes(&op->range), op->res_name, flags);
	if (op->res)
		return 0;
	/* It does not say why. */
	if (is_claimed(&op->range))
		return refuse(op, -EEXIST, MHP_WHY_RESOURCE);
	return refuse(op, -ENOMEM, MHP_WHY_NOMEM);
}

/* The claim may have been merged with those of its neighbours. */
static void release_claim(const struct mhp_range *range)
{
#ifdef CONFIG_MEMORY_HOTREMOVE
	release_mem_region_adjustable(mhp_range_phys(range), mhp_range_bytes(range));
#endif
}

static int resource_down(struct mhp_op *op)
{
	if (!op->unwinding) {
		release_claim(&op->range);
	} else if (op->res_own) {
		release_resource(op->res);
		kfree(op->res);
	}
	return 0;
}

static int memblock_up(struct mhp_op *op)
{
	int ret;

	if (!IS_ENABLED(CONFIG_ARCH_KEEP_MEMBLOCK))
		return 0;
	ret = memblock_add_node(mhp_range_phys(&op->range), mhp_range_bytes(&op->range), op->nid,
				op->driver_managed ? MEMBLOCK_DRIVER_MANAGED : MEMBLOCK_NONE);
	return ret ? refuse(op, ret, MHP_WHY_NOMEM) : 0;
}

static int memblock_down(struct mhp_op *op)
{
	if (IS_ENABLED(CONFIG_ARCH_KEEP_MEMBLOCK))
		memblock_remove(mhp_range_phys(&op->range), mhp_range_bytes(&op->range));
	return 0;
}

static int node_up(struct mhp_op *op)
{
	int ret = mhp_node_up(op->nid, &op->node_new);

	return ret ? refuse(op, ret, MHP_WHY_NODE) : 0;
}

static int node_down(struct mhp_op *op)
{
	/* A failed add takes back only the node that it brought itself. */
	if (!op->unwinding || op->node_new)
		mhp_node_down(op->nid);
	return 0;
}

static struct mhp_range nth_block(const struct mhp_op *op, unsigned long n)
{
	unsigned long pages = memory_block_size_bytes() >> PAGE_SHIFT;

	return (struct mhp_range){ op->range.start_pfn + n * pages, pages };
}

static unsigned long nr_blocks(const struct mhp_op *op)
{
	return op->range.nr_pages / (memory_block_size_bytes() >> PAGE_SHIFT);
}

static int map_piece(struct mhp_op *op, const struct mhp_range *piece,
		     struct vmem_altmap *altmap)
{
	struct mhp_params params = {
		.altmap = altmap,
		.pgprot = pgprot_mhp(PAGE_KERNEL),
	};

	return arch_add_memory(op->nid, mhp_range_phys(piece), mhp_range_bytes(piece), &params);
}

static void unmap_piece(const struct mhp_range *piece, struct vmem_altmap *altmap)
{
	arch_remove_memory(mhp_range_phys(piece), mhp_range_bytes(piece), altmap, NULL);
}

static struct mhp_altmap *first_altmap(const struct mhp_op *op)
{
	return list_first_entry(&op->altmaps, struct mhp_altmap, list);
}

/* That of @block, or NULL; *@next is that of the next block which has one. */
static struct vmem_altmap *take_altmap(const struct mhp_op *op, const struct mhp_range *block,
				       struct mhp_altmap **next)
{
	struct mhp_altmap *own = *next;

	if (list_entry_is_head(own, &op->altmaps, list) ||
	    own->altmap.base_pfn != block->start_pfn)
		return NULL;
	*next = list_next_entry(own, list);
	return &own->altmap;
}

/* Takes the first @nr blocks out, each with its own altmap or without. */
static void unmap_blocks(struct mhp_op *op, unsigned long nr)
{
	struct mhp_altmap *next = first_altmap(op);
	unsigned long n;

	for (n = 0; n < nr; n++) {
		struct mhp_range block = nth_block(op, n);

		unmap_piece(&block, take_altmap(op, &block, &next));
	}
}

static int map_blocks(struct mhp_op *op)
{
	struct mhp_altmap *next = first_altmap(op);
	unsigned long n;
	int ret;

	for (n = 0; n < nr_blocks(op); n++) {
		struct mhp_range block = nth_block(op, n);

		ret = map_piece(op, &block, take_altmap(op, &block, &next));
		if (ret) {
			unmap_blocks(op, n);
			return ret;
		}
	}
	return 0;
}

static int sections_up(struct mhp_op *op)
{
	int ret;

	ret = list_empty(&op->altmaps) ? map_piece(op, &op->range, NULL) : map_blocks(op);
	switch (ret) {
	case 0:
		return 0;
	case -EEXIST:
		return refuse(op, ret, MHP_WHY_EXISTS);
	case -ENOMEM:
		op->no_memmap = true;
		return refuse(op, ret, MHP_WHY_NOMEM);
	default:
		return refuse(op, ret, MHP_WHY_MAPPING);
	}
}

static int sections_down(struct mhp_op *op)
{
	if (!op->unwinding && !mhp_hide_sections(&op->range, op->certain))
		return refuse(op, -EBUSY, MHP_WHY_DEADLINE);
	if (list_empty(&op->altmaps))
		unmap_piece(&op->range, NULL);
	else
		unmap_blocks(op, nr_blocks(op));
	return 0;
}

static int create_blocks(struct mhp_op *op)
{
	struct mhp_range done = { op->range.start_pfn, 0 }, block;
	struct mhp_altmap *next = first_altmap(op);
	unsigned long n;
	int ret = 0;

	if (list_empty(&op->altmaps))
		return create_memory_block_devices(mhp_range_phys(&op->range),
						   mhp_range_bytes(&op->range), NULL, op->group);
	for (n = 0; n < nr_blocks(op); n++) {
		block = nth_block(op, n);
		ret = create_memory_block_devices(mhp_range_phys(&block), mhp_range_bytes(&block),
						  take_altmap(op, &block, &next), op->group);
		if (ret)
			break;
		done.nr_pages += block.nr_pages;
	}
	if (ret && !mhp_range_empty(&done))
		remove_memory_block_devices(mhp_range_phys(&done), mhp_range_bytes(&done));
	return ret;
}

static int blocks_up(struct mhp_op *op)
{
	u64 start = mhp_range_phys(&op->range), size = mhp_range_bytes(&op->range);
	int ret;

	ret = create_blocks(op);
	if (!ret) {
		ret = memory_blocks_link_node(start, size, op->nid);
		if (ret)
			remove_memory_block_devices(start, size);
	}
	return ret ? refuse(op, ret, ret == -ENOMEM ? MHP_WHY_NOMEM : MHP_WHY_DEVICE) : 0;
}

static int blocks_down(struct mhp_op *op)
{
	remove_memory_block_devices(mhp_range_phys(&op->range), mhp_range_bytes(&op->range));
	return 0;
}

/* Only what a next kernel may find by itself; informative, so it cannot fail the add. */
static int firmware_up(struct mhp_op *op)
{
	u64 start = mhp_range_phys(&op->range);

	if (!op->driver_managed)
		firmware_map_add_hotplug(start, start + mhp_range_bytes(&op->range), "System RAM");
	return 0;
}

static int firmware_down(struct mhp_op *op)
{
	u64 start = mhp_range_phys(&op->range);

	/* What is not listed was brought by a driver; should this remove fail, it is again. */
	op->driver_managed = firmware_map_remove(start, start + mhp_range_bytes(&op->range),
						 "System RAM");
	return 0;
}

static const struct mhp_step add_steps[] = {
	{ "resource",	resource_up,	resource_down },
	{ "memblock",	memblock_up,	memblock_down },
	{ "node",	node_up,	node_down },
	{ "sections",	sections_up,	sections_down },
	{ "blocks",	blocks_up,	blocks_down },
	{ "firmware",	firmware_up,	firmware_down },
};

static const struct mhp_ladder add_ladder = {
	"add", add_steps, ARRAY_SIZE(add_steps),
};

/* ---- The upper ladder: OFFLINE to ONLINE ------------------------------ */

#define for_each_run(run, op) \
	for (run = (op)->runs; run < (op)->runs + (op)->nr_runs; run++)

/* Does a step for each run; where one fails, undoes it for those before it. */
static int each_run(struct mhp_op *op, int (*todo)(struct mhp_op *op, struct mhp_run *run),
		    void (*undo)(struct mhp_op *op, struct mhp_run *run))
{
	struct mhp_run *run;
	int ret = 0;

	for_each_run(run, op) {
		ret = todo(op, run);
		if (ret)
			break;
	}
	while (ret && run-- > op->runs)
		undo(op, run);
	return ret;
}

static void tell(struct mhp_op *op, enum memory_block_state what)
{
	struct mhp_run *run;

	/* Where the memory is removed next, crash_memory_removed() comes last. */
	for_each_run(run, op) {
		run->note.more = run + 1 < op->runs + op->nr_runs ||
				 (what == MEM_OFFLINE && op->policy && op->policy->removes);
		mhp_notify_tell(what, &run->note);
		run->note.more = false;
	}
}

/* Present pages of the node, or of its zones up to ZONE_NORMAL. */
static unsigned long present_pages(int nid, bool normal)
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

/* Pages that other runs of the request bring to, or take from, the same node. */
static unsigned long pages_of_others(const struct mhp_op *op, const struct mhp_run *before,
				     bool normal)
{
	int nid = zone_to_nid(before->zone);
	unsigned long pages = 0;
	struct mhp_run *run;

	for (run = op->runs; run < before; run++)
		if (zone_to_nid(run->zone) == nid &&
		    (!normal || zone_idx(run->zone) <= ZONE_NORMAL))
			pages += run->all.nr_pages;
	return pages;
}

/* Does the node get its first, or lose its last, memory with this run? */
static int status_change(const struct mhp_op *op, const struct mhp_run *run, bool normal,
			 bool online)
{
	int nid = zone_to_nid(run->zone);
	unsigned long before = present_pages(nid, normal);
	unsigned long others = pages_of_others(op, run, normal);

	if (normal && zone_idx(run->zone) > ZONE_NORMAL)
		return NUMA_NO_NODE;
	if (online)
		return before + others ? NUMA_NO_NODE : nid;
	return before == others + run->all.nr_pages ? nid : NUMA_NO_NODE;
}

static void fill_notes(struct mhp_op *op, bool online)
{
	struct mhp_run *run;

	for_each_run(run, op)
		run->note = (struct memory_notify){
			.altmap_start_pfn = run->all.start_pfn,
			.altmap_nr_pages = run->all.nr_pages - run->pages.nr_pages,
			.start_pfn = run->pages.start_pfn,
			.nr_pages = run->pages.nr_pages,
			.status_change_nid_normal = status_change(op, run, true, online),
			.status_change_nid = status_change(op, run, false, online),
		};
}

/* prepare */
static int run_prepare(struct mhp_op *op, struct mhp_run *run)
{
	return mhp_notify_ask(MEM_PREPARE_ONLINE, MEM_FINISH_OFFLINE, &run->note, op->result);
}

static void run_finish(struct mhp_op *op, struct mhp_run *run)
{
	mhp_notify_tell(MEM_FINISH_OFFLINE, &run->note);
}

static int prepare_up(struct mhp_op *op)
{
	return each_run(op, run_prepare, run_finish);
}

static int prepare_down(struct mhp_op *op)
{
	tell(op, MEM_FINISH_OFFLINE);
	return 0;
}

/* memmap */
static int run_memmap_online(struct mhp_op *op, struct mhp_run *run)
{
	int ret = mhp_memmap_online(run);

	return ret ? mhp_refuse(op->result, ret, MHP_WHY_NOMEM, run->all.start_pfn) : 0;
}

static void run_memmap_offline(struct mhp_op *op, struct mhp_run *run)
{
	mhp_memmap_offline(run);
}

static int memmap_up(struct mhp_op *op)
{
	return each_run(op, run_memmap_online, run_memmap_offline);
}

static int memmap_down(struct mhp_op *op)
{
	struct mhp_run *run;

	for_each_run(run, op)
		mhp_memmap_offline(run);
	return 0;
}

/* zone */
static int zone_up(struct mhp_op *op)
{
	struct mhp_run *run;

	for_each_run(run, op)
		mhp_new_pages(run);
	return 0;
}

static int zone_down(struct mhp_op *op)
{
	struct mhp_run *run;

	for_each_run(run, op)
		remove_pfn_range_from_zone(run->zone, run->pages.start_pfn, run->pages.nr_pages);
	return 0;
}

/* notify */
static int run_going_online(struct mhp_op *op, struct mhp_run *run)
{
	return mhp_notify_ask(MEM_GOING_ONLINE, MEM_CANCEL_ONLINE, &run->note, op->result);
}

static void run_cancel_online(struct mhp_op *op, struct mhp_run *run)
{
	mhp_notify_tell(MEM_CANCEL_ONLINE, &run->note);
}

static int notify_up(struct mhp_op *op)
{
	/* An offline that failed later is taken back: nobody can refuse that. */
	if (op->unwinding) {
		tell(op, MEM_GOING_ONLINE);
		return 0;
	}
	return each_run(op, run_going_online, run_cancel_online);
}

static int notify_down(struct mhp_op *op)
{
	tell(op, op->unwinding ? MEM_CANCEL_ONLINE : MEM_OFFLINE);
	op->heard_offline = !op->unwinding;
	return 0;
}

/* pages */
static void node_gains_memory(const struct memory_notify *note)
{
	if (note->status_change_nid_normal >= 0)
		node_set_state(note->status_change_nid_normal, N_NORMAL_MEMORY);
	if (note->status_change_nid >= 0)
		node_set_state(note->status_change_nid, N_MEMORY);
}

/* It must get to its end also where a real-time program keeps the CPUs of its node. */
static void let_run_anywhere(struct task_struct *thread)
{
	if (thread)
		set_cpus_allowed_ptr(thread, cpu_possible_mask);
}

static void node_loses_memory(const struct memory_notify *note)
{
	if (note->status_change_nid_normal >= 0)
		node_clear_state(note->status_change_nid_normal, N_NORMAL_MEMORY);
	if (note->status_change_nid >= 0) {
		node_clear_state(note->status_change_nid, N_MEMORY);
		let_run_anywhere(NODE_DATA(note->status_change_nid)->kcompactd);
		let_run_anywhere(NODE_DATA(note->status_change_nid)->kswapd);
		kcompactd_stop(note->status_change_nid);
		kswapd_stop(note->status_change_nid);
	}
}

static int pages_up(struct mhp_op *op)
{
	struct mhp_run *run;

	for_each_run(run, op) {
		bool populated = populated_zone(run->zone);

		if (!populated)
			setup_zone_pageset(run->zone);
		mhp_expose(run);
		mhp_account_present(run->zone, run->blocks[0]->group, &run->all, 1);
		node_gains_memory(&run->note);
		mhp_zones_changed(run->zone, populated);
	}
	return 0;
}

static int run_evacuate(struct mhp_op *op, struct mhp_run *run)
{
	int ret = mhp_evacuate(run, &op->patience, op->progress, op->result);

	/* While the page is still there. */
	if (ret)
		mhp_explain(op->result);
	return ret;
}

static void run_stay(struct mhp_op *op, struct mhp_run *run)
{
	/* Pages that have moved away stay where they are. */
}

/* The more there is to move, the longer it may take; what does not move ends it earlier. */
static void set_deadline(struct mhp_op *op)
{
	const struct mhp_progress *p = op->progress;
	unsigned int ms = op->policy->timeout_ms;

	if (!op->policy->strict)
		ms = mhp_time_limit(ms, PFN_PHYS(p->moved + p->left));
	op->patience.deadline = p->begin + msecs_to_jiffies(ms);
}

static int evacuate(struct mhp_op *op)
{
	unsigned long used = 0;
	struct mhp_run *run;
	int ret;

	ret = mhp_moving_begin(op->result);
	if (ret)
		return ret;
	for_each_run(run, op)
		used += mhp_count_used(run);
	WRITE_ONCE(op->progress->left, used);
	WRITE_ONCE(op->need, 0);
	set_deadline(op);
	ret = each_run(op, run_evacuate, run_stay);
	mhp_moving_end();
	return ret;
}

/* The blocks are going-offline and isolated, which is all that moving needs. */
static int evacuate_unlocked(struct mhp_op *op)
{
	int ret;

	mem_hotplug_done();
	memory_blocks_yield(op->blocks, op->nr_blocks);
	ret = evacuate(op);
	memory_blocks_resume(op->blocks, op->nr_blocks);
	mem_hotplug_begin();

	/* A node may have got other memory meanwhile. */
	fill_notes(op, false);
	return ret ?: mhp_check_awake(op->result);
}

static bool has_poison(const struct memory_block *mem)
{
#ifdef CONFIG_MEMORY_FAILURE
	return atomic_long_read(&mem->nr_hwpoison);
#else
	return false;
#endif
}

/* Page tables still say of a poisoned page where it was: it must keep its struct page. */
static int run_check_gone(struct mhp_op *op, struct mhp_run *run)
{
	if (has_poison(run->blocks[0]))
		return mhp_refuse(op->result, -EHWPOISON, MHP_WHY_LOST, run->all.start_pfn);
	return mhp_check_empty(run, op->result);
}

static void mark_online(struct mhp_op *op, bool online)
{
	struct mhp_run *run;

	for_each_run(run, op) {
		if (online)
			online_mem_sections(run->all.start_pfn, mhp_range_end(&run->all));
		else
			offline_mem_sections(run->all.start_pfn, mhp_range_end(&run->all));
	}
}

/* What has been taken by somebody who had begun to look for free pages comes back soon. */
static int check_kept(struct mhp_op *op, bool again)
{
	struct mhp_run *run;

	for_each_run(run, op) {
		unsigned long pfn = mhp_first_kept(run);

		if (pfn != MHP_NO_PFN)
			return again ? -EAGAIN :
			       mhp_refuse(op->result, -EBUSY, MHP_WHY_BUSY_PAGE, pfn);
	}
	return 0;
}

/* The caller's patience counts, and nobody looks at pages for as long as this. */
static unsigned long walk_deadline(const struct mhp_op *op)
{
	unsigned long last = jiffies + MHP_WALK_PATIENCE;

	if (op->policy && op->policy->timeout_ms && time_before(op->patience.deadline, last))
		return op->patience.deadline;
	return last;
}

/*
 * From here on nobody finds the pages who looks for some that are online, and those who
 * have found them are waited for: afterwards notifiers free what belongs to the pages, and
 * struct pages may go. What a page has been taken for meanwhile is seen then.
 */
static int hide_pages(struct mhp_op *op, bool again)
{
	int ret = 0;

	mark_online(op, false);
	if (op->unwinding)
		mhp_wait_for_all_walks();
	else if (!mhp_wait_for_walks(walk_deadline(op)))
		ret = mhp_refuse(op->result, -EBUSY, MHP_WHY_DEADLINE, op->runs->all.start_pfn);
	else if (!op->lost)
		ret = check_kept(op, again);
	if (ret)
		mark_online(op, true);
	return ret;
}

static int empty_pages(struct mhp_op *op)
{
	/* Fresh pages that were never un-isolated are all free. */
	if (op->unwinding)
		return 0;
	if (op->lost)
		return each_run(op, run_check_gone, run_stay);
	return op->policy->keep_locks ? evacuate(op) : evacuate_unlocked(op);
}

static int pages_down(struct mhp_op *op)
{
	unsigned long until = 0;
	struct mhp_run *run;
	int ret;

	do {
		ret = empty_pages(op);
		until = until ?: walk_deadline(op);
		if (!ret)
			ret = hide_pages(op, time_before(jiffies, until));
	} while (ret == -EAGAIN);
	if (ret)
		return ret;

	for_each_run(run, op) {
		mhp_withdraw(run);
		mhp_account_present(run->zone, run->blocks[0]->group, &run->all, -1);
		if (!populated_zone(run->zone))
			zone_pcp_reset(run->zone);
		/* First, or the node would be in the zone lists that are built now. */
		node_loses_memory(&run->note);
		mhp_zones_changed(run->zone, true);
	}
	writeback_set_ratelimit();
	return 0;
}

/* publish */
static void stay_online(struct mhp_op *op, struct mhp_run *run)
{
	if (!op->lost)
		mhp_unisolate(run);
	if (!op->heard_offline)
		mhp_notify_tell(MEM_CANCEL_OFFLINE, &run->note);
}

static int publish_up(struct mhp_op *op)
{
	struct mhp_run *run;

	for_each_run(run, op) {
		if (op->unwinding) {
			stay_online(op, run);
		} else {
			mhp_unisolate(run);
			shuffle_zone(run->zone);
		}
		mhp_zone_end(run->zone);
		kswapd_run(zone_to_nid(run->zone));
		kcompactd_run(zone_to_nid(run->zone));
	}
	writeback_set_ratelimit();
	/* Those who heard that it is offline hear that it is not. */
	if (!op->unwinding || op->heard_offline)
		tell(op, MEM_ONLINE);
	return 0;
}

/* Gone whatever anybody thinks of it: said before subsystems are asked. */
static int run_lose(struct mhp_op *op, struct mhp_run *run)
{
	unsigned long used, poisoned;

	mhp_isolate_lost(run);
	used = mhp_discard(run, op->may_discard, &poisoned);
	pr_err("[mem %#010llx-%#010llx] has gone while it was online: %lu pages of data lost, %lu in use\n",
	       mhp_range_phys(&run->all),
	       mhp_range_phys(&run->all) + mhp_range_bytes(&run->all) - 1, poisoned, used);
	return mhp_notify_ask(MEM_GOING_OFFLINE, MEM_CANCEL_OFFLINE, &run->note, op->result);
}

static int run_going_offline(struct mhp_op *op, struct mhp_run *run)
{
	int ret;

	if (op->lost)
		return run_lose(op, run);

	ret = mhp_isolate(run, &op->patience, op->result);
	if (ret) {
		mhp_explain(op->result);
		return ret;
	}
	ret = mhp_notify_ask(MEM_GOING_OFFLINE, MEM_CANCEL_OFFLINE, &run->note, op->result);
	if (ret)
		mhp_unisolate(run);
	return ret;
}

static int publish_down(struct mhp_op *op)
{
	return each_run(op, run_going_offline, stay_online);
}

static const struct mhp_step online_steps[] = {
	{ "prepare",	prepare_up,	prepare_down },
	{ "memmap",	memmap_up,	memmap_down },
	{ "zone",	zone_up,	zone_down },
	{ "notify",	notify_up,	notify_down },
	{ "pages",	pages_up,	pages_down },
	{ "publish",	publish_up,	publish_down },
};

static const struct mhp_ladder online_ladder = {
	"online", online_steps, ARRAY_SIZE(online_steps),
};

/* ---- Which zone ------------------------------------------------------- */

static struct mhp_range span_of(const struct zone *zone)
{
	return (struct mhp_range){ zone->zone_start_pfn, zone->spanned_pages };
}

/* The kernel zone that has memory around the range already, else ZONE_NORMAL. */
static struct zone *kernel_zone(int nid, const struct mhp_range *range)
{
	struct zone *zones = NODE_DATA(nid)->node_zones;
	int i;

	for (i = 0; i < ZONE_NORMAL; i++) {
		struct mhp_range span = span_of(zones + i);

		if (mhp_range_overlaps(&span, range))
			return zones + i;
	}
	return zones + ZONE_NORMAL;
}

static void count_zone(struct mhp_ratio_view *view, const struct zone *zone)
{
	if (zone_idx(zone) == ZONE_MOVABLE) {
		view->movable += zone->present_pages;
		return;
	}
	view->kernel_early += zone->present_early_pages;
#ifdef CONFIG_CMA
	/* Of CMA only movable pages can make use. */
	view->movable += zone->cma_pages;
	view->kernel_early -= zone->cma_pages;
#endif
}

static int count_group(struct memory_group *group, void *arg)
{
	struct mhp_ratio_view *view = arg;

	/* Its movable part shows in what it requires, not in the sum of all zones. */
	view->movable -= min(view->movable, group->present_movable_pages);
	view->req_kernel_early += mhp_group_req_kernel(group->present_kernel_pages,
						       group->present_movable_pages,
						       READ_ONCE(auto_movable_ratio));
	return 0;
}

static struct mhp_ratio_view ratio_view(int nid, struct memory_group *group)
{
	struct mhp_ratio_view view = {};
	struct zone *zone;

	for_each_populated_zone(zone)
		if (nid == NUMA_NO_NODE || zone_to_nid(zone) == nid)
			count_zone(&view, zone);
	walk_dynamic_memory_groups(nid, count_group, group, &view);
	return view;
}

static struct mhp_group_view group_view(const struct memory_group *group, unsigned long pfn)
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
		page = pfn_to_online_page(pfn);
		if (page && is_zone_movable_page(page))
			view.unit_movable += PAGES_PER_SECTION;
		else if (page)
			view.unit_kernel += PAGES_PER_SECTION;
	}
	return view;
}

/* @movable: pages that the same request brings to ZONE_MOVABLE already. */
static bool policy_wants_movable(int nid, struct memory_group *group,
				 const struct mhp_range *range, unsigned long movable)
{
	struct mhp_ratio_view system, node;
	struct mhp_group_view gv;

	if (READ_ONCE(online_policy) == MHP_POLICY_CONTIG_ZONES) {
		const struct mhp_contig_view view = {
			.kernel = span_of(kernel_zone(nid, range)),
			.movable = span_of(NODE_DATA(nid)->node_zones + ZONE_MOVABLE),
			.movable_node = movable_node_is_enabled(),
		};

		return mhp_contig_movable(range, &view);
	}
	system = ratio_view(NUMA_NO_NODE, group);
	if (auto_movable_numa_aware)
		node = ratio_view(nid, group);
	gv = group_view(group, range->start_pfn);
	return mhp_auto_movable(range->nr_pages + movable, READ_ONCE(auto_movable_ratio), &gv,
				&system, auto_movable_numa_aware ? &node : NULL);
}

static struct zone *choose_zone(enum mmop type, int nid, struct memory_group *group,
				const struct mhp_range *range, unsigned long movable)
{
	bool to_movable;

	if (type == MMOP_ONLINE_KERNEL)
		to_movable = false;
	else if (type == MMOP_ONLINE_MOVABLE)
		to_movable = true;
	else
		to_movable = policy_wants_movable(nid, group, range, movable);

	return to_movable ? NODE_DATA(nid)->node_zones + ZONE_MOVABLE : kernel_zone(nid, range);
}

/**
 * zone_for_pfn_range() - the zone that memory would come online in
 * @online_type: as asked for; MMOP_ONLINE leaves it to the policy
 * @nid: its node
 * @group: its memory group, or NULL
 * @start_pfn: first page frame
 * @nr_pages: how many
 *
 * Context: device_hotplug_lock, or the answer may be out of date.
 * Return: the zone.
 */
struct zone *zone_for_pfn_range(enum mmop online_type, int nid, struct memory_group *group,
				unsigned long start_pfn, unsigned long nr_pages)
{
	const struct mhp_range range = { start_pfn, nr_pages };

	return choose_zone(online_type, nid, group, &range, 0);
}

/* ---- From blocks to runs ---------------------------------------------- */

/*
 * Can a block join a run? Not with a memmap of its own, as its pages do not touch
 * the neighbour's; and a dynamic group hears of one unit at a time.
 */
static bool joins(const struct mhp_run *run, const struct memory_block *mem,
		  const struct mhp_range *range, const struct zone *zone)
{
	const struct memory_block *first = run->blocks[0];
	const struct memory_group *group = first->group;

	if (mhp_range_end(&run->all) != range->start_pfn || run->zone != zone)
		return false;
	if (mem->group != group || mem->altmap || first->altmap)
		return false;
	return !group || !group->is_dynamic ||
	       !IS_ALIGNED(range->start_pfn, group->d.unit_pages);
}

static void start_run(struct mhp_run *run, struct memory_block **mem,
		      const struct mhp_range *range, struct zone *zone)
{
	unsigned long memmap = mem[0]->altmap ? mem[0]->altmap->free : 0;

	*run = (struct mhp_run){
		.blocks = mem,
		.nr_blocks = 1,
		.all = *range,
		.pages = { range->start_pfn + memmap, range->nr_pages - memmap },
		.zone = zone,
	};
}

static struct zone *wanted_zone(const struct memory_block *mem, const struct mhp_range *range,
				enum mmop type, unsigned long movable)
{
	if (type == MMOP_OFFLINE)
		return mem->zone;
	return choose_zone(type, mem->nid, mem->group, range, movable);
}

/* @type: what to online as; MMOP_OFFLINE: the blocks are online and say so themselves. */
static int make_runs(struct mhp_op *op, enum mmop type, bool restore)
{
	struct memory_block **blocks = op->blocks;
	unsigned int i, nr = op->nr_blocks;
	struct mhp_run *run = NULL;
	unsigned long movable = 0;

	op->nr_runs = 0;
	op->runs = kvcalloc(nr, sizeof(*op->runs), MHP_GFP);
	if (!op->runs)
		return refuse(op, -ENOMEM, MHP_WHY_NOMEM);

	for (i = 0; i < nr; i++) {
		struct mhp_range range = block_range(blocks[i]);
		struct zone *zone = wanted_zone(blocks[i], &range,
						restore ? blocks[i]->kept_type : type, movable);

		if (zone_idx(zone) == ZONE_MOVABLE)
			movable += range.nr_pages;
		if (run && joins(run, blocks[i], &range, zone)) {
			run->nr_blocks++;
			run->all.nr_pages += range.nr_pages;
			run->pages.nr_pages += range.nr_pages;
			continue;
		}
		run = op->runs + op->nr_runs++;
		start_run(run, blocks + i, &range, zone);
	}
	return 0;
}

static struct mhp_range blocks_range(struct memory_block **blocks, unsigned int nr)
{
	struct mhp_range first = block_range(blocks[0]), last = block_range(blocks[nr - 1]);

	return (struct mhp_range){ first.start_pfn, mhp_range_end(&last) - first.start_pfn };
}

static void begin_zones(struct mhp_op *op)
{
	struct mhp_run *run;

	for_each_run(run, op)
		mhp_zone_begin(run->zone);
}

static void set_state(struct memory_block **blocks, unsigned int nr, unsigned long state)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		WRITE_ONCE(blocks[i]->state, state);
}

/* ---- Online ----------------------------------------------------------- */

static int decode_online(struct memory_block **blocks, unsigned int nr, struct mhp_result *res)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		unsigned long pfn = section_nr_to_pfn(blocks[i]->start_section_nr);

		if (blocks[i]->claimed)
			return mhp_refuse(res, -EBUSY, MHP_WHY_EJECTING, pfn);
		if (blocks[i]->state == MEM_LOST)
			return mhp_refuse(res, -EHWPOISON, MHP_WHY_LOST, pfn);
		if (blocks[i]->state == MEM_ONLINE)
			return mhp_refuse(res, -EINVAL, MHP_WHY_ALREADY, pfn);
		if (blocks[i]->state != MEM_OFFLINE)
			return mhp_refuse(res, -EBUSY, MHP_WHY_BUSY, pfn);
		if (blocks[i]->nid == NUMA_NO_NODE)
			return mhp_refuse(res, -EINVAL, MHP_WHY_MULTI_ZONE, pfn);
		if (has_poison(blocks[i]))
			return mhp_refuse(res, -EHWPOISON, MHP_WHY_HWPOISON, pfn);
	}
	return 0;
}

static void remember_zone(struct mhp_op *op)
{
	struct mhp_run *run;
	unsigned int i;

	for_each_run(run, op) {
		for (i = 0; i < run->nr_blocks; i++) {
			struct memory_block *mem = run->blocks[i];

			WRITE_ONCE(mem->zone, run->zone);
			mem->kept_type = zone_idx(run->zone) == ZONE_MOVABLE ?
					 MMOP_ONLINE_MOVABLE : MMOP_ONLINE_KERNEL;
		}
	}
}

static int climb_to_online(struct mhp_op *op, enum mmop type, bool restore)
{
	int ret;

	set_state(op->blocks, op->nr_blocks, MEM_GOING_ONLINE);
	mem_hotplug_begin();
	ret = make_runs(op, type, restore);
	if (!ret) {
		begin_zones(op);
		fill_notes(op, true);
		ret = mhp_climb(&online_ladder, op, op->result, &op->unwinding);
	}
	if (!ret)
		remember_zone(op);
	mem_hotplug_done();
	kvfree(op->runs);
	set_state(op->blocks, op->nr_blocks, ret ? MEM_OFFLINE : MEM_ONLINE);
	return ret;
}

static int online_blocks(struct memory_block **blocks, unsigned int nr, enum mmop type,
			 bool restore, struct mhp_result *res)
{
	struct mhp_op op = {
		.result = res, .blocks = blocks, .nr_blocks = nr, .begin = ktime_get(),
	};
	int ret;

	op.range = blocks_range(blocks, nr);
	ret = decode_online(blocks, nr, res);
	if (!ret)
		ret = climb_to_online(&op, type, restore);
	if (!ret)
		mhp_check_balance();
	report(MHP_VERB_ONLINE, &op);
	return ret;
}

/**
 * mhp_online_blocks() - bring blocks online
 * @blocks: the blocks, ascending
 * @nr_blocks: how many, at least one
 * @type: MMOP_ONLINE and its like
 * @res: gets the reason when it fails; MHP_RESULT_OK on entry
 *
 * Context: May sleep. device_hotplug_lock and the device lock of each block held.
 * Return: 0; -EINVAL a block is online already or belongs to several nodes; -EBUSY it is
 * on its way; -EHWPOISON it has poisoned pages; -ENOMEM; or what a notifier said. After
 * an error all of them are offline as before.
 */
int mhp_online_blocks(struct memory_block **blocks, unsigned int nr_blocks, enum mmop type,
		      struct mhp_result *res)
{
	return online_blocks(blocks, nr_blocks, type, false, res);
}

/**
 * mhp_restore_blocks() - bring blocks online in the kind of zone they had before
 * @blocks: blocks that have been online, ascending
 * @nr_blocks: how many, at least one
 * @res: gets the reason when it fails; MHP_RESULT_OK on entry
 *
 * Context: As for mhp_online_blocks().
 * Return: as mhp_online_blocks().
 */
int mhp_restore_blocks(struct memory_block **blocks, unsigned int nr_blocks,
		       struct mhp_result *res)
{
	return online_blocks(blocks, nr_blocks, MMOP_ONLINE, true, res);
}

/* ---- Offline ---------------------------------------------------------- */

#ifdef CONFIG_MEMORY_HOTREMOVE

/**
 * mhp_user_policy() - the patience of user space that takes a block offline
 *
 * Return: any signal ends it, and the parameter offline_timeout_ms.
 */
struct mhp_policy mhp_user_policy(void)
{
	return (struct mhp_policy){
		.timeout_ms = READ_ONCE(offline_timeout_ms),
		.signals = MHP_SIGNALS_ANY,
	};
}

/**
 * mhp_user_limit() - how long a request of user space may try one thing after the other
 * @bytes: all that it is about
 *
 * Return: milliseconds; 0: no limit.
 */
unsigned int mhp_user_limit(u64 bytes)
{
	return mhp_time_limit(READ_ONCE(offline_timeout_ms), bytes);
}

static int count_ram(unsigned long start_pfn, unsigned long nr_pages, void *arg)
{
	*(unsigned long *)arg += nr_pages;
	return 0;
}

/* A hole has a struct page that nobody initialized as memory. */
static bool has_holes(const struct mhp_range *range)
{
	unsigned long ram = 0;

	walk_system_ram_range(range->start_pfn, range->nr_pages, &ram, count_ram);
	return ram != range->nr_pages;
}

static int decode_offline(struct memory_block **blocks, unsigned int nr, bool claimed,
			  struct mhp_result *res)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		const struct mhp_range range = block_range(blocks[i]);

		if (blocks[i]->claimed && !claimed)
			return mhp_refuse(res, -EBUSY, MHP_WHY_EJECTING, range.start_pfn);
		if (blocks[i]->state == MEM_LOST)
			return mhp_refuse(res, -EHWPOISON, MHP_WHY_LOST, range.start_pfn);
		if (blocks[i]->state == MEM_OFFLINE)
			return mhp_refuse(res, -EINVAL, MHP_WHY_ALREADY, range.start_pfn);
		if (blocks[i]->state != MEM_ONLINE)
			return mhp_refuse(res, -EBUSY, MHP_WHY_BUSY, range.start_pfn);
		if (has_holes(&range))
			return mhp_refuse(res, -EINVAL, MHP_WHY_HOLES, range.start_pfn);
		if (!blocks[i]->zone)
			return mhp_refuse(res, -EINVAL, MHP_WHY_MULTI_ZONE, range.start_pfn);
	}
	return 0;
}

/* Who reads the progress of a block, or cancels, finds it here; the last goes with the state. */
static DEFINE_SPINLOCK(progress_lock);
/* Requests that move pages; by progress_lock. */
static LIST_HEAD(ops_under_way);

/* The room that other requests were told they have, and have not filled yet. */
static struct mhp_room promised_room(void)
{
	struct mhp_room promised = {};
	struct mhp_op *other;

	spin_lock(&progress_lock);
	list_for_each_entry(other, &ops_under_way, under_way) {
		unsigned long need = READ_ONCE(other->need) ?: READ_ONCE(other->progress->left);

		if (other->from_kernel)
			promised.kernel += need;
		else
			promised.movable += need;
	}
	spin_unlock(&progress_lock);
	return promised;
}

/*
 * What is in the blocks must fit elsewhere, beside what others are moving there: else all
 * other memory is emptied first, for nothing. From here on it is counted for the next.
 */
static int take_room(struct mhp_op *op)
{
	const struct mhp_room promised = promised_room();
	unsigned long need = 0;
	struct mhp_run *run;

	if (READ_ONCE(offline_viability) &&
	    !mhp_has_room(op->runs, op->nr_runs, &promised, &need))
		return refuse(op, -EBUSY, MHP_WHY_NO_ROOM);

	for_each_run(run, op)
		op->from_kernel |= zone_idx(run->zone) != ZONE_MOVABLE;
	WRITE_ONCE(op->need, need);
	spin_lock(&progress_lock);
	list_add(&op->under_way, &ops_under_way);
	spin_unlock(&progress_lock);
	return 0;
}

static void release_room(struct mhp_op *op)
{
	spin_lock(&progress_lock);
	list_del_init(&op->under_way);
	spin_unlock(&progress_lock);
}

static void set_progress(struct mhp_op *op, struct mhp_progress *progress)
{
	unsigned int i;

	spin_lock(&progress_lock);
	for (i = 0; i < op->nr_blocks; i++)
		op->blocks[i]->progress = progress;
	spin_unlock(&progress_lock);
}

/**
 * mhp_cancel_offline() - let a block stay online that is going offline
 * @mem: the block
 *
 * The request ends soon, with everything online that it was about to take.
 *
 * Context: Any that is not atomic in an interrupt. No lock needed.
 * Return: false where it is not going offline.
 */
bool mhp_cancel_offline(struct memory_block *mem)
{
	bool going;

	spin_lock(&progress_lock);
	going = mem->progress;
	if (going)
		WRITE_ONCE(mem->progress->cancel, true);
	spin_unlock(&progress_lock);
	return going;
}

/**
 * mhp_read_progress() - how far an offline has come
 * @mem: a block
 * @progress: is filled in
 *
 * Context: Any that is not atomic in an interrupt. No lock needed.
 * Return: false where the block is not going offline.
 */
bool mhp_read_progress(struct memory_block *mem, struct mhp_progress *progress)
{
	bool going;

	spin_lock(&progress_lock);
	going = mem->progress;
	if (going)
		*progress = *mem->progress;
	spin_unlock(&progress_lock);
	return going;
}

static void forget_zone(struct memory_block **blocks, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		WRITE_ONCE(blocks[i]->zone, NULL);
}

/* Until all are offline they are on their way, so that nobody else touches those that are. */
static int descend_to_offline(struct mhp_op *op)
{
	int ret;

	set_state(op->blocks, op->nr_blocks, MEM_GOING_OFFLINE);
	set_progress(op, op->progress);
	mem_hotplug_begin();
	ret = make_runs(op, MMOP_OFFLINE, false) ?: take_room(op);
	if (!ret) {
		begin_zones(op);
		fill_notes(op, false);
		ret = mhp_descend(&online_ladder, op, op->result, &op->unwinding);
	}
	mem_hotplug_done();
	release_room(op);
	kvfree(op->runs);
	set_progress(op, NULL);
	if (!ret)
		forget_zone(op->blocks, op->nr_blocks);
	set_state(op->blocks, op->nr_blocks, ret ? MEM_ONLINE : MEM_OFFLINE);
	return ret;
}

/**
 * mhp_offline_blocks() - take blocks offline
 * @blocks: the blocks, ascending
 * @nr_blocks: how many, at least one
 * @policy: how long it may take, which signals end it
 * @res: gets the reason when it fails; MHP_RESULT_OK on entry
 *
 * What is in use moves elsewhere. All of the blocks are closed to allocation first, so
 * a page moves once.
 *
 * Context: May sleep, as long as @policy says. device_hotplug_lock and the device lock of
 * each block held; unless @policy keeps them, they are dropped while pages move, and taken
 * again.
 * Return: 0; -EINVAL a block is offline already, has holes, or spans zones or nodes; -EBUSY
 * it is on its way or claimed, a page cannot move or does not, there is no room for them,
 * time is up, or the system sleeps; -EINTR a signal; -ECANCELED by mhp_cancel_offline();
 * -ENOMEM; or what a notifier said. After an error all of them are online as before.
 */
int mhp_offline_blocks(struct memory_block **blocks, unsigned int nr_blocks,
		       const struct mhp_policy *policy, struct mhp_result *res)
{
	struct mhp_progress own = {};
	struct mhp_op op = {
		.result = res,
		.policy = policy,
		.blocks = blocks,
		.nr_blocks = nr_blocks,
		.progress = policy->progress ?: &own,
		.under_way = LIST_HEAD_INIT(op.under_way),
		.begin = ktime_get(),
	};
	int ret;

	op.range = blocks_range(blocks, nr_blocks);
	op.progress->begin = jiffies;
	op.patience = (struct mhp_patience){
		.policy = policy,
		.deadline = op.progress->begin + msecs_to_jiffies(policy->timeout_ms),
		.progress = op.progress,
	};
	op.progress->pages = nr_blocks * block_range(blocks[0]).nr_pages;
	ret = decode_offline(blocks, nr_blocks, policy->claimed, res);
	if (!ret)
		ret = descend_to_offline(&op);
	report(MHP_VERB_OFFLINE, &op);
	return ret;
}

/**
 * mhp_lose_block() - the memory of a block has gone without asking
 * @mem: the block, online
 * @res: gets the reason where the block remains; MHP_RESULT_OK on entry
 *
 * Nothing is allocated from it any more, and what it held is given up: see
 * mm/mhp/discard.c. Where nobody has a trace of it, it is offline afterwards and can be
 * removed. Else it remains, and is lost for good.
 *
 * Context: May sleep; of others it waits for memory failure only, and for 5 seconds at most.
 * device_hotplug_lock and the device lock of the block held.
 * Return: 0; -EBUSY, -EHWPOISON, -ENOMEM, or what a notifier said: it remains; -EINVAL it is
 * not online, or in no zone of its own.
 */
int mhp_lose_block(struct memory_block *mem, struct mhp_result *res)
{
	struct mhp_op op = {
		.result = res, .blocks = &mem, .nr_blocks = 1, .lost = true, .begin = ktime_get(),
	};
	int ret;

	op.range = block_range(mem);
	if (mem->state != MEM_ONLINE || !mem->zone)
		return refuse(&op, -EINVAL, MHP_WHY_MULTI_ZONE);

	op.may_discard = mhp_discard_begin();
	mem_hotplug_begin();
	ret = make_runs(&op, MMOP_OFFLINE, false);
	if (!ret) {
		begin_zones(&op);
		fill_notes(&op, false);
		set_state(&mem, 1, MEM_GOING_OFFLINE);
		ret = mhp_descend(&online_ladder, &op, res, &op.unwinding);
		if (!ret)
			forget_zone(&mem, 1);
		set_state(&mem, 1, ret ? MEM_LOST : MEM_OFFLINE);
	}
	mem_hotplug_done();
	if (op.may_discard)
		mhp_discard_end();
	kvfree(op.runs);
	report(MHP_VERB_LOSE, &op);
	return ret;
}

/* Without a lock: of a section that is there, pages of holes are reserved. */
static bool has_absent_sections(const struct mhp_range *range)
{
	unsigned long pfn;

	for (pfn = range->start_pfn; pfn < mhp_range_end(range); pfn += PAGES_PER_SECTION)
		if (!pfn_in_present_section(pfn))
			return true;
	return false;
}

/**
 * mhp_block_removable() - could this block go offline
 * @mem: the block
 *
 * Looks, and changes nothing; by the time somebody tries the answer may be another. Takes
 * no lock, as anybody may ask at any time: a request would have to wait for him.
 *
 * Context: May sleep. The block stays meanwhile: the caller is a reader of its files.
 * Return: false where something in the block is known not to move.
 */
bool mhp_block_removable(struct memory_block *mem)
{
	const struct mhp_range range = block_range(mem);
	unsigned long state = READ_ONCE(mem->state);

	if (READ_ONCE(removable_compat))
		return true;
	if (mem->dev.offline_disabled || state == MEM_LOST)
		return false;
	if (state != MEM_ONLINE)
		return true;
	return READ_ONCE(mem->zone) && !has_absent_sections(&range) &&
	       mhp_looks_movable(&range);
}

/**
 * mhp_take_census() - what the pages of a block are, for who wants to take it offline
 * @mem: the block
 * @start_pfn: first page of interest
 * @nr_pages: how many, all in the block
 * @census: is added to
 *
 * Looks, and changes nothing. A block that is offline has no pages to count.
 *
 * Context: May sleep. The device lock of the block held: so it stays as it is.
 */
void mhp_take_census(struct memory_block *mem, unsigned long start_pfn,
		     unsigned long nr_pages, struct mhp_census *census)
{
	const struct mhp_range range = { start_pfn, nr_pages }, block = block_range(mem);
	const char *never = NULL;

	if (mem->state == MEM_OFFLINE)
		return;
	if (mem->state == MEM_LOST)
		never = mhp_reason_name(MHP_WHY_LOST);
	else if (mem->dev.offline_disabled)
		never = mhp_reason_name(MHP_WHY_DISABLED);
	else if (has_holes(&block))
		never = mhp_reason_name(MHP_WHY_HOLES);
	else if (!mem->zone)
		never = mhp_reason_name(MHP_WHY_MULTI_ZONE);
	if (never && !census->hopeless) {
		census->hopeless = true;
		census->blocker = MHP_NO_PFN;
		census->kind = never;
	}
	mhp_count_range(&range, census);
}

#else

bool mhp_read_progress(struct memory_block *mem, struct mhp_progress *progress)
{
	return false;
}

void mhp_take_census(struct memory_block *mem, unsigned long start_pfn,
		     unsigned long nr_pages, struct mhp_census *census)
{
	const struct mhp_range range = { start_pfn, nr_pages };

	census->hopeless = true;
	mhp_count_range(&range, census);
}

#endif /* CONFIG_MEMORY_HOTREMOVE */

/* ---- Add -------------------------------------------------------------- */

static int find_group(struct mhp_op *op, int nid)
{
	op->nid = nid;
	if (!(op->flags & MHP_NID_IS_MGID))
		return 0;
	op->group = memory_group_find_by_id(nid);
	if (!op->group)
		return mhp_refuse(op->result, -EINVAL, MHP_WHY_GROUP, MHP_NO_PFN);
	op->nid = op->group->nid;
	return 0;
}

/* Each block of the request hosts its own memmap, with @reserve pages for it. */
static int host_memmap(struct mhp_op *op, unsigned long reserve)
{
	struct mhp_altmap *own;
	unsigned long n;

	for (n = 0; n < nr_blocks(op); n++) {
		struct mhp_range block = nth_block(op, n);

		own = mhp_altmap_alloc(&block, reserve, op->flags & MHP_OFFLINE_INACCESSIBLE);
		if (!own)
			return refuse(op, -ENOMEM, MHP_WHY_NOMEM);
		list_add_tail(&own->list, &op->altmaps);
	}
	return 0;
}

/* The memory is absent: so are its altmaps. */
static void free_altmaps(struct mhp_op *op)
{
	struct mhp_altmap *own, *next;

	list_for_each_entry_safe(own, next, &op->altmaps, list)
		kfree(own);
}

/* May the new memory host its memmap because there is no room for it elsewhere? */
static bool may_fall_back(const struct mhp_op *op)
{
	return (op->flags & MHP_MEMMAP_FALLBACK) && list_empty(&op->altmaps) &&
	       block_can_host(memmap_reserve(true));
}

static int fall_back(struct mhp_op *op)
{
	unsigned long managed, room = mhp_kernel_room(&managed);

	pr_info("[mem %#010llx-%#010llx] hosts its own memmap of %llu MiB, as %lu of %lu MiB are left for the kernel\n",
		mhp_range_phys(&op->range),
		mhp_range_phys(&op->range) + mhp_range_bytes(&op->range) - 1,
		PFN_PHYS(mhp_memmap_pages(mhp_range_bytes(&op->range))) >> 20,
		room >> (20 - PAGE_SHIFT), managed >> (20 - PAGE_SHIFT));
	return host_memmap(op, memmap_reserve(true));
}

/* Where is the memmap to lie: by request, by parameter, or because it must. */
static int decide_memmap(struct mhp_op *op)
{
	if (op->flags & MHP_MEMMAP_OWN) {
		if (!block_can_host(memmap_reserve(true)))
			return refuse(op, -EINVAL, MHP_WHY_MEMMAP);
		return host_memmap(op, memmap_reserve(true));
	}
	if ((op->flags & MHP_MEMMAP_ON_MEMORY) && mhp_supports_memmap_on_memory())
		return host_memmap(op, memmap_reserve(memmap_mode == MEMMAP_ON_MEMORY_FORCE));
	return may_fall_back(op) && memmap_is_a_burden(&op->range) ? fall_back(op) : 0;
}

/*
 * Small allocations do not fail but have programs killed. So before the first of them: is
 * there room for page tables, for devices, and for a memmap that lies elsewhere?
 */
static int check_kernel_room(struct mhp_op *op)
{
	unsigned long need = mhp_bookkeeping_pages(mhp_range_bytes(&op->range), nr_blocks(op));
	unsigned long managed, room = mhp_kernel_room(&managed);

	unsigned long keep = managed / 64;

	/* Memory that hosts its memmap may be what helps. */
	if (list_empty(&op->altmaps)) {
		need += mhp_memmap_pages(mhp_range_bytes(&op->range));
		keep = managed / 16;
	}
	if (mhp_kernel_can_spare(need, room, keep))
		return 0;
	pr_warn_ratelimited("[mem %#010llx-%#010llx] needs %lu KiB of kernel memory, of which %lu of %lu MiB are left\n",
			    mhp_range_phys(&op->range),
			    mhp_range_phys(&op->range) + mhp_range_bytes(&op->range) - 1,
			    need << (PAGE_SHIFT - 10), room >> (20 - PAGE_SHIFT),
			    managed >> (20 - PAGE_SHIFT));
	return refuse(op, -ENOMEM, MHP_WHY_NOMEM);
}

static int decode_add(struct mhp_op *op, int nid, u64 start, u64 size)
{
	const struct mhp_limits lim = limits();
	int ret;

	ret = find_group(op, nid);
	if (!ret)
		ret = mhp_decode_add(op->nid, start, size, &lim, &op->range, op->result);
	if (ret)
		return ret;
	if (!node_possible(op->nid))
		return refuse(op, -EINVAL, MHP_WHY_NODE);
	return decide_memmap(op) ?: check_kernel_room(op);
}

static int bring_online(struct memory_block *mem, void *arg)
{
	struct mhp_result res = MHP_RESULT_OK;
	const struct mhp_range range = block_range(mem);

	/* One that fails says so itself, and does not keep the others offline. */
	memory_blocks_online(mhp_range_phys(&range), mhp_range_bytes(&range), *(enum mmop *)arg,
			     &res);
	return 0;
}

/**
 * mhp_auto_online() - bring added memory online, where that is the default
 * @start: physical address
 * @size: bytes
 *
 * All of it at once, with one rebuild of everything; else as many blocks as will.
 *
 * For who added it with MHP_STAY_OFFLINE. A block that fails says so in the log.
 *
 * Context: May sleep. device_hotplug_lock held.
 */
void mhp_auto_online(u64 start, u64 size)
{
	enum mmop type = mhp_get_default_online_type();
	struct mhp_result res = MHP_RESULT_OK;

	if (type == MMOP_OFFLINE || !memory_blocks_online(start, size, type, &res))
		return;
	if (size > memory_block_size_bytes())
		walk_memory_blocks(start, size, &type, bring_online);
}

static int climb_to_offline(struct mhp_op *op)
{
	int ret;

	mem_hotplug_begin();
	ret = mhp_climb(&add_ladder, op, op->result, &op->unwinding);
	mem_hotplug_done();
	if (!ret || !op->no_memmap || !may_fall_back(op))
		return ret;

	*op->result = MHP_RESULT_OK;
	ret = fall_back(op);
	if (ret)
		return ret;
	mem_hotplug_begin();
	ret = mhp_climb(&add_ladder, op, op->result, &op->unwinding);
	mem_hotplug_done();
	return ret;
}

/* What the driver calls it: "System RAM (name)". */
static void note_owner(struct memory_group *group, const char *name)
{
	const char *open = name ? strchr(name, '(') : NULL;
	char owner[sizeof(group->owner)];

	if (!group || !open)
		return;
	strscpy(owner, open + 1);
	strreplace(owner, ')', '\0');
	memory_group_set_owner(group, owner);
}

static int add_memory_range(struct mhp_op *op, int nid, u64 start, u64 size)
{
	int ret;

	op->begin = ktime_get();
	INIT_LIST_HEAD(&op->altmaps);
	ret = decode_add(op, nid, start, size);
	if (!ret)
		ret = climb_to_offline(op);
	if (ret)
		free_altmaps(op);
	if (mhp_range_empty(&op->range))
		op->range = (struct mhp_range){ PHYS_PFN(start), PHYS_PFN(size) };
	report(MHP_VERB_ADD, op);
	if (ret)
		return ret;

	if (op->driver_managed)
		note_owner(op->group, op->res->name);
	if (op->flags & MHP_MERGE_RESOURCE)
		merge_system_ram_resource(op->res);
	if (!(op->flags & MHP_STAY_OFFLINE))
		mhp_auto_online(mhp_range_phys(&op->range), mhp_range_bytes(&op->range));
	return 0;
}

/**
 * add_memory_resource() - add memory that its caller has claimed already
 * @nid: its node, or with MHP_NID_IS_MGID its memory group
 * @res: the claim, of whole memory blocks; with MHP_MERGE_RESOURCE not to be used afterwards
 * @mhp_flags: MHP_*
 *
 * Afterwards the memory is offline, or online where that is the default.
 *
 * Context: May sleep. device_hotplug_lock held.
 * Return: 0; -EINVAL not whole blocks, or no such node or group; -E2BIG cannot be addressed;
 * -EEXIST it is there already; -ENOMEM. After an error nothing of it is there.
 */
int add_memory_resource(int nid, struct resource *res, mhp_t mhp_flags)
{
	struct mhp_result result = MHP_RESULT_OK;
	struct mhp_op op = {
		.flags = mhp_flags,
		.result = &result,
		.res = res,
		.driver_managed = res->flags & IORESOURCE_SYSRAM_DRIVER_MANAGED,
	};

	return add_memory_range(&op, nid, res->start, resource_size(res));
}

static int add_named(int nid, u64 start, u64 size, const char *name, mhp_t mhp_flags)
{
	struct mhp_result result = MHP_RESULT_OK;
	struct mhp_op op = {
		.flags = mhp_flags,
		.result = &result,
		.res_own = true,
		.res_name = name,
		.driver_managed = strcmp(name, "System RAM"),
	};

	return add_memory_range(&op, nid, start, size);
}

/**
 * __add_memory() - add memory, as System RAM
 * @nid: its node, or with MHP_NID_IS_MGID its memory group
 * @start: physical address, of a memory block
 * @size: bytes, of whole memory blocks
 * @mhp_flags: MHP_*
 *
 * Context: May sleep. device_hotplug_lock held.
 * Return: as add_memory_resource(); -EEXIST also where something else claims the range.
 */
int __add_memory(int nid, u64 start, u64 size, mhp_t mhp_flags)
{
	return add_named(nid, start, size, "System RAM", mhp_flags);
}

/**
 * add_memory() - add memory, as System RAM
 * @nid: its node, or with MHP_NID_IS_MGID its memory group
 * @start: physical address, of a memory block
 * @size: bytes, of whole memory blocks
 * @mhp_flags: MHP_*
 *
 * Context: May sleep. Takes device_hotplug_lock.
 * Return: as __add_memory().
 */
int add_memory(int nid, u64 start, u64 size, mhp_t mhp_flags)
{
	int ret;

	lock_device_hotplug();
	ret = __add_memory(nid, start, size, mhp_flags);
	unlock_device_hotplug();
	return ret;
}
EXPORT_SYMBOL_GPL(add_memory);

/**
 * add_memory_driver_managed() - add memory that only its driver can find again
 * @nid: its node, or with MHP_NID_IS_MGID its memory group
 * @start: physical address, of a memory block
 * @size: bytes, of whole memory blocks
 * @resource_name: "System RAM (name of the driver)"; must stay valid while the memory is there
 * @mhp_flags: MHP_*
 *
 * Such memory is not in /sys/firmware/memmap, and kexec keeps images out of it.
 *
 * Context: May sleep. Takes device_hotplug_lock.
 * Return: as __add_memory(); -EINVAL also for another kind of name.
 */
int add_memory_driver_managed(int nid, u64 start, u64 size, const char *resource_name,
			      mhp_t mhp_flags)
{
	static const char prefix[] = "System RAM (";
	int ret;

	if (!resource_name || strncmp(resource_name, prefix, sizeof(prefix) - 1) ||
	    resource_name[strlen(resource_name) - 1] != ')')
		return -EINVAL;

	lock_device_hotplug();
	ret = add_named(nid, start, size, resource_name, mhp_flags);
	unlock_device_hotplug();
	return ret;
}
EXPORT_SYMBOL_GPL(add_memory_driver_managed);

/* ---- Remove ----------------------------------------------------------- */

#ifdef CONFIG_MEMORY_HOTREMOVE

/**
 * struct remove_check - what is to be known of blocks before they go
 * @op: the request
 * @nr: blocks seen
 */
struct remove_check {
	struct mhp_op *op;
	unsigned long nr;
};

static int check_block(struct memory_block *mem, void *arg)
{
	struct remove_check *check = arg;
	struct mhp_op *op = check->op;
	unsigned long pfn = section_nr_to_pfn(mem->start_section_nr);

	if (mem->state != MEM_OFFLINE)
		return mhp_refuse(op->result, -EBUSY,
				  mem->state == MEM_LOST ? MHP_WHY_LOST : MHP_WHY_ONLINE, pfn);
	op->nid = mem->nid;
	check->nr++;
	return 0;
}

static int collect_altmap(struct memory_block *mem, void *arg)
{
	struct mhp_op *op = arg;

	if (mem->altmap)
		list_add_tail(&to_mhp_altmap(mem->altmap)->list, &op->altmaps);
	return 0;
}

static int decode_remove(struct mhp_op *op, u64 start, u64 size)
{
	struct remove_check check = { .op = op };
	const struct mhp_limits lim = limits();
	int ret;

	ret = mhp_decode_blocks(start, size, &lim, &op->range, op->result);
	if (ret)
		return ret;
	ret = walk_memory_blocks(start, size, &check, check_block);
	if (ret)
		return ret;
	if (check.nr != nr_blocks(op))
		return refuse(op, -EINVAL, MHP_WHY_ABSENT);
	return walk_memory_blocks(start, size, op, collect_altmap);
}

/* Called with device_hotplug_lock held; all blocks have to be offline. */
static int remove_memory_range(u64 start, u64 size, bool certain)
{
	struct mhp_result result = MHP_RESULT_OK;
	struct mhp_op op = {
		.nid = NUMA_NO_NODE,
		.certain = certain,
		.result = &result,
		.begin = ktime_get(),
		.altmaps = LIST_HEAD_INIT(op.altmaps),
	};
	int ret;

	ret = decode_remove(&op, start, size);
	if (!ret && !certain && kexec_uses_memory(start, size))
		ret = refuse(&op, -EBUSY, MHP_WHY_KEXEC);
	if (!ret) {
		mem_hotplug_begin();
		ret = mhp_descend(&add_ladder, &op, &result, &op.unwinding);
		mem_hotplug_done();
	}
	if (!ret) {
		free_altmaps(&op);
		kexec_memory_removed(start, size);
		crash_memory_removed(start, size);
	}
	if (mhp_range_empty(&op.range))
		op.range = (struct mhp_range){ PHYS_PFN(start), PHYS_PFN(size) };
	report(MHP_VERB_REMOVE, &op);
	return ret;
}

/**
 * __remove_memory() - remove memory that is offline
 * @start: physical address
 * @size: bytes
 *
 * Where a block is still online the memory stays, with a line in the log: there is
 * nobody left to give an error to. A kernel that kexec has loaded there is unloaded.
 *
 * Context: May sleep. device_hotplug_lock held.
 */
void __remove_memory(u64 start, u64 size)
{
	remove_memory_range(start, size, true);
}

/**
 * remove_memory() - remove memory that is offline
 * @start: physical address
 * @size: bytes
 *
 * Context: May sleep. Takes device_hotplug_lock.
 * Return: 0; -EBUSY a block is not offline, a kernel that kexec has loaded is to lie there, or
 * somebody keeps looking at its struct pages; -EINVAL not whole blocks, or not all of them
 * present.
 * After an error the memory is there as before.
 */
int remove_memory(u64 start, u64 size)
{
	int ret;

	lock_device_hotplug();
	ret = remove_memory_range(start, size, false);
	unlock_device_hotplug();
	return ret;
}
EXPORT_SYMBOL_GPL(remove_memory);

/* Nobody else changes the blocks until they are removed, or all as they were before. */
static int offline_and_remove(u64 start, u64 size, const struct mhp_policy *policy)
{
	const struct range range = { .start = start, .end = start + size - 1 };
	struct mhp_result result = MHP_RESULT_OK;
	int ret, err;

	lock_device_hotplug();
	ret = memory_ranges_claim(&range, 1, &result);
	if (ret)
		goto unlock;
	ret = memory_blocks_offline(start, size, policy, &result) ?:
	      remove_memory_range(start, size, false);
	if (ret) {
		err = memory_ranges_release(&range, 1);
		if (err)
			pr_err("[mem %#010llx-%#010llx] cannot be restored (%d)\n", range.start,
			       range.end, err);
	}
unlock:
	unlock_device_hotplug();
	return ret;
}

/**
 * offline_and_remove_memory() - take memory offline and remove it, all of it or nothing
 * @start: physical address, of a memory block
 * @size: bytes, of whole memory blocks
 *
 * Context: May sleep. Takes device_hotplug_lock.
 * Return: 0, or an error as of mhp_offline_blocks() or remove_memory(); then every block is
 * in the state and in the kind of zone it had.
 */
int offline_and_remove_memory(u64 start, u64 size)
{
	/* A driver that is going away is often that of a task which is being killed. */
	const struct mhp_policy policy = {
		.timeout_ms = READ_ONCE(offline_timeout_ms),
		.signals = MHP_SIGNALS_NONE,
		.removes = true,
		.claimed = true,
	};

	return offline_and_remove(start, size, &policy);
}
EXPORT_SYMBOL_GPL(offline_and_remove_memory);

/**
 * try_offline_and_remove_memory() - the same, where there is something else to try
 * @start: physical address, of a memory block
 * @size: bytes, of whole memory blocks
 *
 * Gives up after half a second.
 *
 * Context: May sleep. Takes device_hotplug_lock.
 * Return: as offline_and_remove_memory().
 */
int try_offline_and_remove_memory(u64 start, u64 size)
{
	const struct mhp_policy policy = {
		.timeout_ms = MSEC_PER_SEC / 2,
		.strict = true,
		.signals = MHP_SIGNALS_NONE,
		.removes = true,
		.claimed = true,
	};

	return offline_and_remove(start, size, &policy);
}
EXPORT_SYMBOL_GPL(try_offline_and_remove_memory);

#endif /* CONFIG_MEMORY_HOTREMOVE */
