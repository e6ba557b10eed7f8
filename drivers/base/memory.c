// SPDX-License-Identifier: GPL-2.0
/*
 * Memory blocks as devices: /sys/devices/system/memory.
 *
 * A thin view. It owns the devices memoryXXX with their attributes and events,
 * the table that finds them, and the memory groups. What they tell about pages and
 * failures is in memory_attrs.c, requests for many of them are in memory_request.c. It
 * parses what users write and asks mm/memory_hotplug.c, which does the work and alone changes the
 * state, the zone and the kept type of a block. Zones are only shown here,
 * altmaps only stored.
 *
 * Locks, outermost first:
 *
 * device_hotplug_lock	held while blocks come, go or change their state. A writer
 *			of sysfs waits for it with the protection of the file broken: a
 *			removal, which holds it, waits for those whose file is protected.
 * device locks		of all blocks of a request, ascending, while it changes them: for
 *			those who look at one block without device_hotplug_lock
 * mem_hotplug_lock	taken by the core. When memory is added, the core holds it
 *			already and the locks of new devices come after it; with
 *			device_hotplug_lock that is safe.
 * memory_groups_lock	groups that come and go
 * memory_blocks' own	the table of blocks; interrupts are off, as pages are
 *			poisoned under locks that interrupts take
 *
 * Both first ones are dropped while the pages of blocks move: see memory_blocks_yield().
 *
 * Blocks and groups are freed by RCU. What everybody may read takes none of these locks:
 * a request would have to wait for whoever reads.
 *
 * Invariant: a block in the table is a registered device. Where nobody holds its
 * lock, dev->offline is true exactly when the state is MEM_OFFLINE.
 */
#define pr_fmt(fmt) "memory: " fmt

#include <linux/acpi.h>
#include <linux/capability.h>
#include <linux/cleanup.h>
#include <linux/crash_core.h>
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kexec.h>
#include <linux/kobject.h>
#include <linux/jiffies.h>
#include <linux/kstrtox.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/memblock.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/node.h>
#include <linux/numa.h>
#include <linux/overflow.h>
#include <linux/range.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "memory_attrs.h"
#include "../../mm/mhp/order.h"

/*
 * Numbers
 *
 * The id of a block is its physical address divided by the size of blocks.
 */

static unsigned int block_shift __ro_after_init = SECTION_SIZE_BITS;

static u64 block_bytes(void)
{
	return 1ULL << block_shift;
}

static unsigned long block_sections(void)
{
	return 1UL << (block_shift - SECTION_SIZE_BITS);
}

static unsigned long id_to_pfn(unsigned long id)
{
	return id << (block_shift - PAGE_SHIFT);
}

static unsigned long pfn_to_id(unsigned long pfn)
{
	return pfn >> (block_shift - PAGE_SHIFT);
}

static unsigned long block_id(const struct memory_block *mem)
{
	return pfn_to_id(block_pfn(mem));
}

/**
 * memory_block_size_bytes() - the size of every memory block
 *
 * An architecture may bring its own. A power of two, not less than a section,
 * and the same for the whole boot.
 *
 * Context: Any.
 * Return: bytes.
 */
unsigned long __weak memory_block_size_bytes(void)
{
	return MIN_MEMORY_BLOCK_SIZE;
}
EXPORT_SYMBOL_GPL(memory_block_size_bytes);

/**
 * arch_get_memory_phys_device() - the number of the hardware unit which holds a block
 * @start_pfn: first page frame number of the block
 *
 * An architecture that knows such units brings its own; s390 does.
 *
 * Context: Process context. Reading "phys_device" calls it.
 * Return: the number, 0 where there are no numbers.
 */
int __weak arch_get_memory_phys_device(unsigned long start_pfn)
{
	return 0;
}

/*
 * The table of blocks
 */

static DEFINE_XARRAY_FLAGS(memory_blocks, XA_FLAGS_LOCK_IRQ);

/* The first block from *@id to @last, referenced, and its id; NULL if none. */
static struct memory_block *get_block_from(unsigned long *id, unsigned long last)
{
	struct memory_block *mem;

	xa_lock_irq(&memory_blocks);
	mem = xa_find(&memory_blocks, id, last, XA_PRESENT);
	if (mem)
		get_device(&mem->dev);
	xa_unlock_irq(&memory_blocks);
	return mem;
}

/**
 * find_memory_block() - the block which a section belongs to
 * @section_nr: number of the section
 *
 * Context: Process context, no locks needed. The reference keeps the structure,
 * device_hotplug_lock keeps the block from being removed.
 * Return: the block, referenced: the caller drops it with put_device(). NULL if
 * there is none.
 */
struct memory_block *find_memory_block(unsigned long section_nr)
{
	unsigned long id = pfn_to_id(section_nr_to_pfn(section_nr));

	return get_block_from(&id, id);
}

/* Calls @func for each block from id @first to @last until one returns non-zero. */
static int walk_ids(unsigned long first, unsigned long last,
		    walk_memory_blocks_func_t func, void *arg)
{
	struct memory_block *mem;
	unsigned long id = first;
	int ret = 0;

	while (!ret && (mem = get_block_from(&id, last))) {
		ret = func(mem, arg);
		put_device(&mem->dev);
		if (id++ == last)
			break;
	}
	return ret;
}

/**
 * walk_memory_blocks() - call a function for each block that overlaps a range
 * @start: physical address of the first byte
 * @size: bytes; 0 is the empty range
 * @arg: handed to @func
 * @func: called in ascending order, with the block referenced; what it returns
 *	other than 0 ends the walk
 *
 * Addresses without a block are skipped.
 *
 * Context: Process context. Whoever needs the blocks to stay holds
 * device_hotplug_lock; at boot nobody else is there yet.
 * Return: what @func returned last, 0 where it was not called.
 */
int walk_memory_blocks(unsigned long start, unsigned long size, void *arg,
		       walk_memory_blocks_func_t func)
{
	if (!size)
		return 0;
	return walk_ids(start >> block_shift, (start + size - 1) >> block_shift,
			func, arg);
}

/**
 * for_each_memory_block() - call a function for each block there is
 * @arg: handed to @func
 * @func: as for walk_memory_blocks()
 *
 * Context: As for walk_memory_blocks().
 * Return: what @func returned last, 0 where it was not called.
 */
int for_each_memory_block(void *arg, walk_memory_blocks_func_t func)
{
	return walk_ids(0, ULONG_MAX, func, arg);
}

#ifdef CONFIG_MEMORY_FAILURE
static void count_poison(unsigned long pfn, long pages)
{
	struct memory_block *mem;
	unsigned long flags;

	xa_lock_irqsave(&memory_blocks, flags);
	mem = xa_load(&memory_blocks, pfn_to_id(pfn));
	if (mem)
		atomic_long_add(pages, &mem->nr_hwpoison);
	xa_unlock_irqrestore(&memory_blocks, flags);
}

/**
 * memblk_nr_poison_inc() - a page has been poisoned
 * @pfn: its page frame number
 *
 * Does nothing where the page belongs to no block.
 *
 * Context: Any but NMI.
 */
void memblk_nr_poison_inc(unsigned long pfn)
{
	count_poison(pfn, 1);
}

/**
 * memblk_nr_poison_sub() - pages are no longer poisoned
 * @pfn: the page frame number of one of them, all are in the same block
 * @i: how many pages
 *
 * Context: Any but NMI.
 */
void memblk_nr_poison_sub(unsigned long pfn, long i)
{
	count_poison(pfn, -i);
}

/* Pages that are no longer there are no longer broken ones of this system. */
static void forget_poison(struct memory_block *mem)
{
	num_poisoned_pages_sub(-1UL, atomic_long_read(&mem->nr_hwpoison));
}
#else
static void forget_poison(struct memory_block *mem)
{
}
#endif /* CONFIG_MEMORY_FAILURE */

/*
 * Groups
 */

static DEFINE_MUTEX(memory_groups_lock);
static DEFINE_XARRAY_ALLOC(memory_groups);

static int group_register(const struct memory_group *template)
{
	u32 mgid;
	int err;

	if (!node_possible(template->nid))
		return -EINVAL;

	struct memory_group *group __free(kfree) =
		kmemdup(template, sizeof(*template), GFP_KERNEL);
	if (!group)
		return -ENOMEM;
	INIT_LIST_HEAD(&group->memory_blocks);

	guard(mutex)(&memory_groups_lock);
	err = xa_alloc(&memory_groups, &mgid, group, xa_limit_31b, GFP_KERNEL);
	if (err)
		return err;
	group->mgid = mgid;
	group->dir = memory_group_dir_add(group);
	return no_free_ptr(group)->mgid;
}

/**
 * memory_group_register_static() - a device whose memory stays as it is, like a DIMM
 * @nid: the node of all its memory
 * @max_pages: pages of the whole device, at least 1
 *
 * Context: Process context, no locks needed. May sleep.
 * Return: the number of the group, for add_memory() with %MHP_NID_IS_MGID; -EINVAL if
 * the node is not possible or there are no pages, -ENOMEM, -EBUSY when numbers ran out.
 */
int memory_group_register_static(int nid, unsigned long max_pages)
{
	if (!max_pages)
		return -EINVAL;
	return group_register(&(struct memory_group) {
		.nid = nid,
		.s.max_pages = max_pages,
	});
}
EXPORT_SYMBOL_GPL(memory_group_register_static);

/**
 * memory_group_register_dynamic() - a device that grows and shrinks, like virtio-mem
 * @nid: the node of all its memory
 * @unit_pages: pages in which it grows and shrinks: a power of two, not less than a block
 *
 * Context: Process context, no locks needed. May sleep.
 * Return: as memory_group_register_static(); -EINVAL also for a bad unit.
 */
int memory_group_register_dynamic(int nid, unsigned long unit_pages)
{
	if (!is_power_of_2(unit_pages) ||
	    unit_pages < PHYS_PFN(memory_block_size_bytes()))
		return -EINVAL;
	return group_register(&(struct memory_group) {
		.nid = nid,
		.is_dynamic = true,
		.d.unit_pages = unit_pages,
	});
}
EXPORT_SYMBOL_GPL(memory_group_register_dynamic);

/**
 * memory_group_unregister() - forget a group whose memory has been removed
 * @mgid: the number of the group
 *
 * Context: Process context, no locks needed. May sleep. The caller is the one who
 * registered the group, and adds nothing to it any more.
 * Return: 0; -EINVAL if there is no such group, -EBUSY while it has blocks.
 */
int memory_group_unregister(int mgid)
{
	struct memory_group *group;

	guard(mutex)(&memory_groups_lock);
	group = memory_group_find_by_id(mgid);
	if (!group || !list_empty(&group->memory_blocks))
		return group ? -EBUSY : -EINVAL;
	memory_group_dir_remove(group->dir);
	xa_erase(&memory_groups, mgid);
	kfree_rcu(group, rcu);
	return 0;
}
EXPORT_SYMBOL_GPL(memory_group_unregister);

/**
 * memory_group_find_by_id() - the group with a number
 * @mgid: the number; may be anything
 *
 * Context: Any. The group stays as long as whoever registered it wants.
 * Return: the group, NULL if there is none.
 */
struct memory_group *memory_group_find_by_id(int mgid)
{
	return mgid < 0 ? NULL : xa_load(&memory_groups, mgid);
}

/**
 * memory_group_set_owner() - say who brings the memory of a group
 * @group: the group
 * @owner: a word; what is said first remains
 *
 * Context: device_hotplug_lock held, or nobody knows the group yet.
 */
void memory_group_set_owner(struct memory_group *group, const char *owner)
{
	if (*group->owner || !*owner)
		return;
	strscpy(group->owner + 1, owner + 1, sizeof(group->owner) - 1);
	/* Readers take no lock: the word is there before its first letter is. */
	smp_store_release(&group->owner[0], *owner);
}

/**
 * memory_group_next_block() - go through the blocks of a group
 * @group: the group, which stays
 * @nr: the number of the first block that it may be; gets that of the one that is found
 * @zone: gets the zone in which that is online, or NULL
 *
 * Context: Process context, no locks needed. May sleep.
 * Return: false where there are no more.
 */
bool memory_group_next_block(const struct memory_group *group, unsigned long *nr,
			     const struct zone **zone)
{
	const struct memory_block *mem;

	for (;; ++*nr) {
		scoped_guard(rcu) {
			mem = xa_find(&memory_blocks, nr, ULONG_MAX, XA_PRESENT);
			if (!mem)
				return false;
			if (READ_ONCE(mem->group) == group) {
				*zone = READ_ONCE(mem->zone);
				return true;
			}
		}
		cond_resched();
	}
}

/**
 * walk_dynamic_memory_groups() - call a function for each dynamic group
 * @nid: only groups of this node, %NUMA_NO_NODE: of all nodes
 * @func: what it returns other than 0 ends the walk; must not sleep
 * @excluded: skip this group, may be NULL
 * @arg: handed to @func
 *
 * Context: Process context, no locks needed. Counters of the groups change under
 * device_hotplug_lock; without it they are a guess.
 * Return: what @func returned last, 0 where it was not called.
 */
int walk_dynamic_memory_groups(int nid, walk_memory_groups_func_t func,
			       struct memory_group *excluded, void *arg)
{
	struct memory_group *group;
	unsigned long mgid;
	int ret;

	guard(rcu)();
	xa_for_each(&memory_groups, mgid, group) {
		if (!group->is_dynamic || group == excluded)
			continue;
		if (nid != NUMA_NO_NODE && nid != group->nid)
			continue;
		ret = func(group, arg);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Requests: one block, or all of a range, go online or offline as one
 */

struct block_batch {
	unsigned int nr;
	struct memory_block *blocks[] __counted_by(nr);
};

/* For who waits until a block is no longer on its way. */
static DECLARE_WAIT_QUEUE_HEAD(settled);

/* "state" can be polled. */
static void state_changed(struct memory_block *mem)
{
	sysfs_notify(&mem->dev.kobj, NULL, "state");
}

/* A request has more device locks than lockdep can count. They nest in this one. */
static DEFINE_MUTEX(request_lock);

static void begin_request(struct memory_block **blocks, unsigned int nr)
{
	lockdep_assert_device_hotplug_held();

	mutex_lock(&request_lock);
	for (unsigned int i = 0; i < nr; i++)
		mutex_lock_nest_lock(&blocks[i]->dev.mutex, &request_lock);
}

static void unlock_blocks(struct memory_block **blocks, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		device_unlock(&blocks[i]->dev);
	mutex_unlock(&request_lock);
}

/*
 * Where it went well, does what device_online() and device_offline() do then. Where not, the
 * state is what it was: but who polls it may have seen it on its way.
 */
static int end_request(struct memory_block **blocks, unsigned int nr, int err)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct device *dev = &blocks[i]->dev;
		bool offline = blocks[i]->state == MEM_OFFLINE;

		if (dev->offline != offline) {
			kobject_uevent(&dev->kobj, offline ? KOBJ_OFFLINE : KOBJ_ONLINE);
			dev->offline = offline;
		}
		state_changed(blocks[i]);
	}
	unlock_blocks(blocks, nr);
	wake_up_all(&settled);
	return err;
}

/**
 * memory_blocks_yield() - let others work while the pages of these blocks move
 * @blocks: blocks that are going offline, by memory_blocks_offline() or its like
 * @nr: how many
 *
 * What is left is their state: nobody removes or changes a block that is on its way.
 *
 * Context: Process context. Drops device_hotplug_lock and the device locks of the blocks.
 */
void memory_blocks_yield(struct memory_block **blocks, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		state_changed(blocks[i]);
	unlock_blocks(blocks, nr);
	unlock_device_hotplug();
}

/**
 * memory_blocks_resume() - nobody else works any more
 * @blocks: as for memory_blocks_yield()
 * @nr: how many
 *
 * Context: Process context. May sleep. Takes device_hotplug_lock and the device locks of
 * the blocks.
 */
void memory_blocks_resume(struct memory_block **blocks, unsigned int nr)
{
	lock_device_hotplug();
	begin_request(blocks, nr);
}

static int bring_online(struct memory_block **blocks, unsigned int nr,
			enum mmop type, struct mhp_result *res)
{
	int err;

	begin_request(blocks, nr);
	err = mhp_online_blocks(blocks, nr, type, res);
	return end_request(blocks, nr, err);
}

static int bring_back(struct memory_block **blocks, unsigned int nr, struct mhp_result *res)
{
	int err;

	begin_request(blocks, nr);
	err = mhp_restore_blocks(blocks, nr, res);
	return end_request(blocks, nr, err);
}

static int take_offline(struct memory_block **blocks, unsigned int nr,
			const struct mhp_policy *policy, struct mhp_result *res)
{
	int err;

	for (unsigned int i = 0; i < nr; i++) {
		if (!blocks[i]->dev.offline_disabled)
			continue;
		err = mhp_refuse(res, -EPERM, MHP_WHY_DISABLED, block_pfn(blocks[i]));
		mhp_report_refusal(MHP_VERB_OFFLINE, blocks[i], res);
		return err;
	}

	begin_request(blocks, nr);
	err = mhp_offline_blocks(blocks, nr, policy, res);
	return end_request(blocks, nr, err);
}

/* How many blocks there are from @first on without a gap, up to @nr. */
static unsigned long count_blocks(unsigned long first, unsigned long nr)
{
	struct memory_block *mem;
	unsigned long id, found = 0;

	xa_for_each_range(&memory_blocks, id, mem, first, first + nr - 1) {
		if (id != first + found)
			break;
		found++;
	}
	return found;
}

static bool is_online(const struct memory_block *mem)
{
	return !mem->dev.offline;
}

static bool is_offline(const struct memory_block *mem)
{
	return mem->dev.offline;
}

static bool was_claimed_online(const struct memory_block *mem)
{
	return mem->dev.offline && mem->claimed_online;
}

/* A range of bytes; empty where the size is 0. */
static struct range bytes(u64 start, u64 size)
{
	return (struct range){ .start = start, .end = start + size - 1 };
}

static unsigned long range_blocks(const struct range *range)
{
	return (range->end - range->start + 1) >> block_shift;
}

/* Whole blocks, all of which are there? */
static int check_range(const struct range *range, struct mhp_result *res)
{
	unsigned long found, first = range->start >> block_shift, nr = range_blocks(range);

	if (!nr || range->end < range->start ||
	    !IS_ALIGNED(range->start | (range->end + 1), block_bytes()))
		return mhp_refuse(res, -EINVAL, MHP_WHY_RANGE, PHYS_PFN(range->start));

	found = count_blocks(first, nr);
	if (found < nr)
		return mhp_refuse(res, -EINVAL, MHP_WHY_ABSENT, id_to_pfn(first + found));
	return 0;
}

/*
 * Those blocks of the ranges, which ascend, for which @wanted holds. The blocks stay, as
 * the caller holds device_hotplug_lock.
 */
static struct block_batch *collect(const struct range *ranges, unsigned int nr_ranges,
				   struct mhp_result *res,
				   bool (*wanted)(const struct memory_block *mem))
{
	struct block_batch *batch;
	struct memory_block *mem;
	unsigned long id, nr = 0;
	int err;

	lockdep_assert_device_hotplug_held();

	for (unsigned int i = 0; i < nr_ranges; i++) {
		err = check_range(ranges + i, res);
		if (err)
			return ERR_PTR(err);
		nr += range_blocks(ranges + i);
	}

	batch = kvmalloc(struct_size(batch, blocks, nr), MHP_GFP);
	if (!batch)
		return ERR_PTR(mhp_refuse(res, -ENOMEM, MHP_WHY_NOMEM, PHYS_PFN(ranges->start)));

	batch->nr = 0;
	for (unsigned int i = 0; i < nr_ranges; i++)
		xa_for_each_range(&memory_blocks, id, mem, ranges[i].start >> block_shift,
				  ranges[i].end >> block_shift)
			if (wanted(mem))
				batch->blocks[batch->nr++] = mem;
	return batch;
}

/**
 * memory_ranges_online() - bring all blocks of several ranges online
 * @ranges: physical addresses of whole blocks, the end included; ascending
 * @nr: how many ranges
 * @type: in which kind of zone; not %MMOP_OFFLINE
 * @res: begins as %MHP_RESULT_OK; tells the reason of a failure
 *
 * Blocks that are online stay where they are. The others go online together or
 * not at all, each with its event.
 *
 * Context: Process context, device_hotplug_lock held. May sleep.
 * Return: 0; -EINVAL for a bad range or type, or where a block is missing;
 * -ENOMEM; the errors of mhp_online_blocks().
 */
int memory_ranges_online(const struct range *ranges, unsigned int nr, enum mmop type,
			 struct mhp_result *res)
{
	struct block_batch *batch __free(kvfree) = collect(ranges, nr, res, is_offline);

	if (IS_ERR(batch))
		return PTR_ERR(batch);
	if (type == MMOP_OFFLINE)
		return mhp_refuse(res, -EINVAL, MHP_WHY_INTERNAL, PHYS_PFN(ranges->start));
	return batch->nr ? bring_online(batch->blocks, batch->nr, type, res) : 0;
}

/**
 * memory_blocks_online() - bring all blocks of a range online
 * @start: physical address, a multiple of the block size
 * @size: bytes, a multiple of the block size, not 0
 * @type: in which kind of zone; not %MMOP_OFFLINE
 * @res: begins as %MHP_RESULT_OK; tells the reason of a failure
 *
 * Context: As for memory_ranges_online().
 * Return: as memory_ranges_online().
 */
int memory_blocks_online(u64 start, u64 size, enum mmop type, struct mhp_result *res)
{
	const struct range range = bytes(start, size);

	return memory_ranges_online(&range, 1, type, res);
}

/* Before anything moves: a kernel that is to lie in memory which goes could not be started. */
static int check_kexec(const struct range *ranges, unsigned int nr, struct mhp_result *res)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (kexec_uses_memory(ranges[i].start, range_len(ranges + i)))
			return mhp_refuse(res, -EBUSY, MHP_WHY_KEXEC, PHYS_PFN(ranges[i].start));
	return 0;
}

/**
 * memory_ranges_offline() - take all blocks of several ranges offline
 * @ranges: physical addresses of whole blocks, the end included; ascending
 * @nr: how many ranges
 * @policy: how long and how hard to try
 * @res: begins as %MHP_RESULT_OK; tells the reason of a failure
 *
 * Blocks that are offline already are fine. The others go offline together or
 * not at all, each with its event.
 *
 * Context: Process context, device_hotplug_lock held; unless @policy keeps locks, it is
 * dropped while pages move, and taken again. May sleep.
 * Return: 0; -EINVAL for a bad range, or where a block is missing; -EPERM if a
 * device does not allow it; -EBUSY if the memory is to be removed and a kernel that kexec has
 * loaded is to lie there; -ENOMEM; the errors of mhp_offline_blocks().
 */
int memory_ranges_offline(const struct range *ranges, unsigned int nr,
			  const struct mhp_policy *policy, struct mhp_result *res)
{
	struct block_batch *batch __free(kvfree) = collect(ranges, nr, res, is_online);
	int err;

	if (IS_ERR(batch))
		return PTR_ERR(batch);
	err = policy->removes ? check_kexec(ranges, nr, res) : 0;
	if (err)
		return err;
	return batch->nr ? take_offline(batch->blocks, batch->nr, policy, res) : 0;
}

/**
 * memory_blocks_offline() - take all blocks of a range offline
 * @start: physical address, a multiple of the block size
 * @size: bytes, a multiple of the block size, not 0
 * @policy: how long and how hard to try
 * @res: begins as %MHP_RESULT_OK; tells the reason of a failure
 *
 * Context: As for memory_ranges_offline().
 * Return: as memory_ranges_offline().
 */
int memory_blocks_offline(u64 start, u64 size, const struct mhp_policy *policy,
			  struct mhp_result *res)
{
	const struct range range = bytes(start, size);

	return memory_ranges_offline(&range, 1, policy, res);
}

static int restore(const struct range *ranges, unsigned int nr,
		   bool (*wanted)(const struct memory_block *mem))
{
	struct mhp_result res = MHP_RESULT_OK;
	struct block_batch *batch __free(kvfree) = collect(ranges, nr, &res, wanted);

	if (IS_ERR(batch))
		return PTR_ERR(batch);
	return batch->nr ? bring_back(batch->blocks, batch->nr, &res) : 0;
}

#ifdef CONFIG_MEMORY_HOTREMOVE
static int lose_block(struct memory_block *mem, void *arg)
{
	struct mhp_result res = MHP_RESULT_OK;
	int err;

	if (mem->state != MEM_ONLINE)
		return 0;
	begin_request(&mem, 1);
	err = mhp_lose_block(mem, &res);
	end_request(&mem, 1, err);
	return 0;
}

/**
 * memory_blocks_lose() - the memory of a range has gone without asking
 * @start: physical address
 * @size: bytes
 *
 * Each block that was online is offline afterwards, or lost: see mhp_lose_block().
 *
 * Context: Process context, device_hotplug_lock held. May sleep.
 */
void memory_blocks_lose(u64 start, u64 size)
{
	lockdep_assert_device_hotplug_held();
	walk_memory_blocks(start, size, NULL, lose_block);
}
#endif

static bool is_any(const struct memory_block *mem)
{
	return true;
}

/**
 * memory_ranges_claim() - keep everybody else from changing the state of blocks
 * @ranges: physical addresses of whole blocks, the end included; ascending
 * @nr: how many ranges
 * @res: begins as %MHP_RESULT_OK; tells the reason of a failure
 *
 * For who takes a device away in several steps. Until memory_ranges_release() a request
 * for one of the blocks is refused with -EBUSY, unless its policy says that it has the
 * claim. Removing the blocks ends it as well.
 *
 * Context: Process context, device_hotplug_lock held.
 * Return: 0; -EBUSY where a block is claimed or on its way; -EINVAL for a bad range, or
 * where a block is missing; -ENOMEM.
 */
int memory_ranges_claim(const struct range *ranges, unsigned int nr, struct mhp_result *res)
{
	struct block_batch *batch __free(kvfree) = collect(ranges, nr, res, is_any);

	if (IS_ERR(batch))
		return PTR_ERR(batch);
	for (unsigned int i = 0; i < batch->nr; i++) {
		const struct memory_block *mem = batch->blocks[i];

		if (mem->claimed)
			return mhp_refuse(res, -EBUSY, MHP_WHY_EJECTING, block_pfn(mem));
		if (mem->state != MEM_ONLINE && mem->state != MEM_OFFLINE)
			return mhp_refuse(res, -EBUSY, MHP_WHY_BUSY, block_pfn(mem));
	}
	for (unsigned int i = 0; i < batch->nr; i++) {
		batch->blocks[i]->claimed = true;
		batch->blocks[i]->claimed_online = is_online(batch->blocks[i]);
	}
	return 0;
}

/**
 * memory_ranges_release() - give back what was claimed
 * @ranges: as for memory_ranges_claim()
 * @nr: how many ranges
 *
 * What was online when it was claimed and is offline now comes online again where it was,
 * together or not at all.
 *
 * Context: Process context, device_hotplug_lock held. May sleep.
 * Return: 0; -ENOMEM; the errors of mhp_restore_blocks().
 */
int memory_ranges_release(const struct range *ranges, unsigned int nr)
{
	struct memory_block *mem;
	unsigned long id;
	int err;

	for (unsigned int i = 0; i < nr; i++)
		xa_for_each_range(&memory_blocks, id, mem, ranges[i].start >> block_shift,
				  ranges[i].end >> block_shift)
			mem->claimed = false;
	err = restore(ranges, nr, was_claimed_online);
	for (unsigned int i = 0; i < nr; i++)
		xa_for_each_range(&memory_blocks, id, mem, ranges[i].start >> block_shift,
				  ranges[i].end >> block_shift)
			mem->claimed_online = false;
	return err;
}

/*
 * The bus: what the driver core asks for
 */

static struct mhp_policy user_policy(void)
{
#ifdef CONFIG_MEMORY_HOTREMOVE
	return mhp_user_policy();
#else
	return (struct mhp_policy) { };
#endif
}

/* From device_online(), which holds the device lock and announces the change. */
static int block_online(struct device *dev)
{
	struct memory_block *mem = to_memory_block(dev);
	struct mhp_result res = MHP_RESULT_OK;
	int err = mhp_online_blocks(&mem, 1, MMOP_ONLINE, &res);

	state_changed(mem);
	return err;
}

/* From device_offline(), likewise: its locks are the caller's. */
static int block_offline(struct device *dev)
{
	struct memory_block *mem = to_memory_block(dev);
	struct mhp_policy policy = user_policy();
	struct mhp_result res = MHP_RESULT_OK;
	int err;

	policy.keep_locks = true;
	err = mhp_offline_blocks(&mem, 1, &policy, &res);
	state_changed(mem);
	return err;
}

/* An online block, asked to be online: 1, but for another kind of zone. */
static int already_online(const struct memory_block *mem, enum mmop type)
{
	return type > MMOP_ONLINE && type != READ_ONCE(mem->kept_type) ? -EINVAL : 1;
}

/* Called with device_hotplug_lock held. 1 tells that it is in this state already. */
static int change_state(struct memory_block *mem, enum mmop type, struct mhp_policy *policy)
{
	struct mhp_result res = MHP_RESULT_OK;
	bool offline = type == MMOP_OFFLINE;

	if (offline == mem->dev.offline && !mem->claimed && mem->state != MEM_LOST)
		return offline ? 1 : already_online(mem, type);
	if (!offline)
		return bring_online(&mem, 1, type, &res);
	return take_offline(&mem, 1, policy, &res);
}

/* A block that is going offline is to stay online. */
static int cancel_offline(struct memory_block *mem, enum mmop type)
{
	mhp_cancel_offline(mem);
	if (wait_event_interruptible(settled, READ_ONCE(mem->state) != MEM_GOING_OFFLINE))
		return -EINTR;
	if (READ_ONCE(mem->state) != MEM_ONLINE)
		return -EBUSY;
	return min(already_online(mem, type), 0);
}

static int refuse_user(struct memory_block *mem, enum mmop type, int err, enum mhp_reason why)
{
	struct mhp_result res = MHP_RESULT_OK;

	mhp_refuse(&res, err, why, block_pfn(mem));
	mhp_report_refusal(type == MMOP_OFFLINE ? MHP_VERB_OFFLINE : MHP_VERB_ONLINE, mem, &res);
	return err;
}

/* The time of an offline includes that of the wait for the lock. */
static int lock_for_request(struct memory_block *mem, enum mmop type, struct mhp_policy *policy)
{
	unsigned long begin = jiffies;
	unsigned int waited;
	int err;

	*policy = user_policy();
	err = memory_lock_for_user(begin, type == MMOP_OFFLINE ? policy->timeout_ms : 0);
	if (err == -ETIMEDOUT)
		return refuse_user(mem, type, -EBUSY, MHP_WHY_DEADLINE);
	if (err)
		return refuse_user(mem, type, err, MHP_WHY_SIGNAL);
	if (xa_load(&memory_blocks, block_id(mem)) != mem) {
		unlock_device_hotplug();
		return -ENODEV;
	}
	waited = jiffies_to_msecs(jiffies - begin);
	if (policy->timeout_ms)
		policy->timeout_ms -= min(waited, policy->timeout_ms - 1);
	return 0;
}

/* Called with device_hotplug_lock held, which is given back. */
static int fulfil_locked(struct memory_block *mem, enum mmop type, struct mhp_policy *policy,
			 bool must_change)
{
	int ret;

	if (type != MMOP_OFFLINE && mem->state == MEM_GOING_OFFLINE && !mem->claimed) {
		unlock_device_hotplug();
		return cancel_offline(mem, type);
	}
	ret = change_state(mem, type, policy);
	if (ret > 0)
		ret = must_change ? refuse_user(mem, type, -EINVAL, MHP_WHY_ALREADY) : 0;
	unlock_device_hotplug();
	return ret;
}

/*
 * What a user writes to an attribute of a block. The writer does not keep the attribute
 * from being removed: he waits for device_hotplug_lock, and who removes it has that lock.
 * What he has is a reference of the block, until the protection is restored.
 */
static int user_request(struct memory_block *mem, const struct attribute *attr,
			enum mmop type, bool must_change)
{
	struct mhp_policy policy;
	struct kernfs_node *kn;
	int ret;

	kn = sysfs_break_active_protection(&mem->dev.kobj, attr);
	if (!kn)
		return -ENODEV;
	ret = lock_for_request(mem, type, &policy);
	if (!ret)
		ret = fulfil_locked(mem, type, &policy, must_change);
	/* The block may end here. */
	sysfs_unbreak_active_protection(kn);
	return ret;
}

/*
 * A write to "online". A word that names a kind of zone means what it says, the
 * rest is a boolean. A request that is fulfilled already succeeds.
 */
static ssize_t block_set_online(struct device *dev, const char *buf, size_t count)
{
	static const struct attribute attr = { .name = "online" };
	int ret, type = mhp_online_type_from_str(buf);
	bool on;

	if (type < 0) {
		ret = mhp_parse_bool(buf, &on);
		if (ret)
			return ret;
		type = on ? MMOP_ONLINE : MMOP_OFFLINE;
	}

	return user_request(to_memory_block(dev), &attr, type, false) ?: count;
}

static int link_to_node(struct device *dev)
{
	int nid = READ_ONCE(to_memory_block(dev)->nid), err;

	if (!IS_ENABLED(CONFIG_NUMA) || nid == NUMA_NO_NODE)
		return 0;
	err = sysfs_create_link_nowarn(&dev->kobj, &node_devices[nid]->dev.kobj,
				       dev_name(&node_devices[nid]->dev));
	return err == -EEXIST ? 0 : err;
}

static const struct bus_type memory_subsys = {
	.dev_name = "memory",
	.name = "memory",
	.offline = block_offline,
	.online = block_online,
	.set_online = block_set_online,
	.populate = link_to_node,
};

/*
 * Attributes of a block
 */

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const char *word = "unknown";

	switch (READ_ONCE(to_memory_block(dev)->state)) {
	case MEM_OFFLINE:
		word = "offline";
		break;
	case MEM_GOING_ONLINE:
		word = "going-online";
		break;
	case MEM_ONLINE:
		word = "online";
		break;
	case MEM_GOING_OFFLINE:
		word = "going-offline";
		break;
	case MEM_LOST:
		word = "lost";
		break;
	}
	return sysfs_emit(buf, "%s\n", word);
}

static ssize_t state_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	int type = mhp_online_type_from_str(buf);

	if (type < 0)
		return -EINVAL;
	/* Old ABI: here it is an error to ask twice. */
	return user_request(to_memory_block(dev), &attr->attr, type, true) ?: count;
}
static DEVICE_ATTR_RW(state);

/* The id of the block, as in its name. */
static ssize_t phys_index_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%08lx\n", block_id(to_memory_block(dev)));
}
static DEVICE_ATTR_RO(phys_index);

/* The number of its last section: the same where a block is one section. */
static ssize_t end_phys_index_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	unsigned long first = to_memory_block(dev)->start_section_nr;

	return sysfs_emit(buf, "%08lx\n", first + block_sections() - 1);
}
static DEVICE_ATTR_RO(end_phys_index);

/* The number of the DIMM; firmware_node leads to it. */
static int phys_device(struct device *dev)
{
#ifdef CONFIG_ACPI
	const struct acpi_device *adev = ACPI_COMPANION(dev);

	if (adev)
		return adev->pnp.instance_no;
#endif
	return arch_get_memory_phys_device(block_pfn(to_memory_block(dev)));
}

static ssize_t phys_device_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", phys_device(dev));
}
static DEVICE_ATTR_RO(phys_device);

static ssize_t removable_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", mhp_block_removable(to_memory_block(dev)));
}
static DEVICE_ATTR_RO(removable);

#ifdef CONFIG_MEMORY_HOTREMOVE
/* Zones an offline block can go to: first where "online" puts it, then the others. */
static ssize_t emit_allowed_zones(const struct memory_block *mem, char *buf)
{
	struct zone *zone, *first = NULL;
	int len = 0;

	for (enum mmop type = MMOP_ONLINE; type <= MMOP_ONLINE_MOVABLE; type++) {
		zone = zone_for_pfn_range(type, mem->nid, READ_ONCE(mem->group), block_pfn(mem),
					  block_pages());
		if (zone == first)
			continue;
		len += sysfs_emit_at(buf, len, first ? " %s" : "%s", zone->name);
		if (!first)
			first = zone;
	}
	return len + sysfs_emit_at(buf, len, "\n");
}

/*
 * Takes no locks: nobody should wait here for a block to go offline. Zones are
 * never freed. A new block has no node until it is linked to it.
 */
static ssize_t valid_zones_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct memory_block *mem = to_memory_block(dev);
	const struct zone *zone;

	if (READ_ONCE(mem->state) == MEM_OFFLINE && READ_ONCE(mem->nid) != NUMA_NO_NODE)
		return emit_allowed_zones(mem, buf);
	zone = READ_ONCE(mem->zone);
	return sysfs_emit(buf, "%s\n", zone ? zone->name : "none");
}
static DEVICE_ATTR_RO(valid_zones);
#endif /* CONFIG_MEMORY_HOTREMOVE */

static struct attribute *block_attrs[] = {
	&dev_attr_state.attr,
#ifdef CONFIG_MEMORY_HOTREMOVE
	&dev_attr_valid_zones.attr,
#endif
	&dev_attr_removable.attr,
	&dev_attr_phys_index.attr,
	&dev_attr_end_phys_index.attr,
	&dev_attr_phys_device.attr,
	NULL
};

static const struct attribute_group block_group = {
	.attrs = block_attrs,
};

static const struct attribute_group *block_groups[] = {
	&block_group,
	&memory_block_report_group,
	NULL
};

/*
 * Attributes of the root. Clients list it by prefix: no name may contain "memory".
 */

static ssize_t block_size_bytes_show(struct device *dev, struct device_attribute *attr,
				     char *buf)
{
	return sysfs_emit(buf, "%llx\n", block_bytes());
}
static DEVICE_ATTR_RO(block_size_bytes);

static const char * const online_words[] = {
	[MMOP_ONLINE_MOVABLE] = "online_movable",
	[MMOP_ONLINE_KERNEL] = "online_kernel",
	[MMOP_ONLINE] = "online",
	[MMOP_OFFLINE] = "offline",
};

static ssize_t auto_online_blocks_show(struct device *dev, struct device_attribute *attr,
				       char *buf)
{
	return sysfs_emit(buf, "%s\n", online_words[mhp_get_default_online_type()]);
}

static ssize_t auto_online_blocks_store(struct device *dev, struct device_attribute *attr,
					const char *buf, size_t count)
{
	int type = mhp_online_type_from_str(buf);

	if (type < 0)
		return -EINVAL;
	mhp_set_default_online_type(type);
	return count;
}
static DEVICE_ATTR_RW(auto_online_blocks);

#ifdef CONFIG_ARCH_MEMORY_PROBE
/* An address, or "ADDRESS memmap_on_memory": the block is to hold its own memmap. */
static int parse_probe(const char *buf, u64 *addr, mhp_t *flags)
{
	size_t len = strcspn(buf, " ");
	char text[32];

	*flags = MHP_MEMMAP_FALLBACK;
	if (buf[len]) {
		if (!sysfs_streq(buf + len + 1, "memmap_on_memory"))
			return -EINVAL;
		*flags = MHP_MEMMAP_OWN;
	}
	if (len >= sizeof(text))
		return -EINVAL;
	strscpy(text, buf, len + 1);
	return kstrtou64(text, 0, addr);
}

/* Adds the block at a physical address that no firmware told about. */
static ssize_t probe_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	mhp_t flags;
	u64 addr;
	int err;

	err = parse_probe(buf, &addr, &flags);
	if (err)
		return err;
	if (!IS_ALIGNED(addr, block_bytes()))
		return -EINVAL;

	/* This file is never removed. */
	err = memory_lock_for_user(jiffies, 0);
	if (err)
		return err;
	err = __add_memory(memory_add_physaddr_to_nid(addr), addr, block_bytes(), flags);
	unlock_device_hotplug();
	return err ?: count;
}
static DEVICE_ATTR_WO(probe);
#endif /* CONFIG_ARCH_MEMORY_PROBE */

#ifdef CONFIG_MEMORY_FAILURE
/* The page at the physical address in @buf, for those who may break memory. */
static int parse_victim(const char *buf, unsigned long *pfn)
{
	u64 addr;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (kstrtou64(buf, 0, &addr))
		return -EINVAL;
	*pfn = addr >> PAGE_SHIFT;
	return 0;
}

static ssize_t soft_offline_page_store(struct device *dev, struct device_attribute *attr,
				       const char *buf, size_t count)
{
	unsigned long pfn;
	int err = parse_victim(buf, &pfn);

	if (!err)
		err = soft_offline_page(pfn, 0);
	return err ?: count;
}
static DEVICE_ATTR_WO(soft_offline_page);

static ssize_t hard_offline_page_store(struct device *dev, struct device_attribute *attr,
				       const char *buf, size_t count)
{
	unsigned long pfn;
	int err = parse_victim(buf, &pfn);

	if (!err)
		err = memory_failure(pfn, MF_SW_SIMULATED);
	/* Such a page is skipped: not what the writer can help. */
	if (err == -EOPNOTSUPP)
		return count;
	return err ?: count;
}
static DEVICE_ATTR_WO(hard_offline_page);
#endif /* CONFIG_MEMORY_FAILURE */

#ifdef CONFIG_CRASH_HOTPLUG
/* 1: the kernel itself tells the crash kernel; user space need not load it again. */
static ssize_t crash_hotplug_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", crash_check_hotplug_support());
}
static DEVICE_ATTR_RO(crash_hotplug);
#endif

static struct attribute *root_attrs[] = {
	&dev_attr_auto_online_blocks.attr,
	&dev_attr_block_size_bytes.attr,
#ifdef CONFIG_ARCH_MEMORY_PROBE
	&dev_attr_probe.attr,
#endif
#ifdef CONFIG_CRASH_HOTPLUG
	&dev_attr_crash_hotplug.attr,
#endif
#ifdef CONFIG_MEMORY_FAILURE
	&dev_attr_hard_offline_page.attr,
	&dev_attr_soft_offline_page.attr,
#endif
	NULL
};

static const struct attribute_group root_group = {
	.attrs = root_attrs,
};

static const struct attribute_group *root_groups[] = {
	&root_group,
	&memory_root_report_group,
	NULL
};

/*
 * Life of a block
 */

static void block_release(struct device *dev)
{
	mhp_forget_last_error(to_memory_block(dev));
	kfree_rcu(to_memory_block(dev), rcu);
}

/* A block that nobody knows yet; put_device() frees it. Offline, without a node. */
static struct memory_block *block_alloc(unsigned long id)
{
	struct memory_block *mem = kzalloc(sizeof(*mem), GFP_KERNEL);

	if (!mem)
		return NULL;

	mem->start_section_nr = pfn_to_section_nr(id_to_pfn(id));
	mem->state = MEM_OFFLINE;
	mem->kept_type = MMOP_OFFLINE;
	mem->nid = IS_ENABLED(CONFIG_NUMA) ? NUMA_NO_NODE : 0;
	INIT_LIST_HEAD(&mem->group_next);

	device_initialize(&mem->dev);
	mem->dev.bus = &memory_subsys;
	mem->dev.id = id;
	mem->dev.groups = block_groups;
	mem->dev.release = block_release;
	return mem;
}

/*
 * Makes the block known, to the table and to user space. Its place in the table
 * is reserved first: after the device exists nothing fails any more. Takes over
 * the caller's reference.
 */
static int block_register(struct memory_block *mem)
{
	unsigned long id = block_id(mem);
	int err;

	mem->dev.offline = mem->state == MEM_OFFLINE;
	err = xa_insert_irq(&memory_blocks, id, NULL, GFP_KERNEL);
	if (err) {
		put_device(&mem->dev);
		return err == -EBUSY ? -EEXIST : err;
	}

	err = device_add(&mem->dev);
	if (err) {
		xa_erase_irq(&memory_blocks, id);
		put_device(&mem->dev);
		return err;
	}

	xa_store_irq(&memory_blocks, id, mem, GFP_KERNEL);
	return 0;
}

/*
 * The reverse, and gives the reference back. Readers of sysfs have left afterwards.
 * The altmap and the group stay with their owners.
 */
static void block_unregister(struct memory_block *mem)
{
	forget_poison(mem);
	mem->altmap = NULL;
	list_del_init(&mem->group_next);
	xa_erase_irq(&memory_blocks, block_id(mem));
	WRITE_ONCE(mem->group, NULL);
	device_unregister(&mem->dev);
}

/* Unregisters those blocks that are there. Links to nodes must be gone. */
static void unregister_ids(unsigned long first, unsigned long nr)
{
	struct memory_block *mem;
	unsigned long id;

	if (!nr)
		return;
	xa_for_each_range(&memory_blocks, id, mem, first, first + nr - 1) {
		unregister_memory_block_under_nodes(mem);
		block_unregister(mem);
	}
}

static int add_new_block(unsigned long id, struct vmem_altmap *altmap,
			 struct memory_group *group)
{
	struct memory_block *mem = block_alloc(id);
	int err;

	if (!mem)
		return -ENOMEM;

	mem->altmap = altmap;
	mem->group = group;
	err = block_register(mem);
	if (!err && group)
		list_add_tail(&mem->group_next, &group->memory_blocks);
	return err;
}

/**
 * create_memory_block_devices() - make the blocks of added memory
 * @start: physical address, a multiple of the block size
 * @size: bytes, a multiple of the block size
 * @altmap: where the memmap lies in the blocks themselves, else NULL; remains the
 *	caller's, who frees it after the blocks are removed
 * @group: the group they belong to, or NULL
 *
 * The blocks are offline. All of them are made or none. User space hears of each
 * at once, but cannot do anything with it before device_hotplug_lock is free.
 *
 * Context: Process context, device_hotplug_lock held. May sleep.
 * Return: 0; -EINVAL if the range is not of whole blocks, -EEXIST if there is such a
 * block, -ENOMEM, the errors of device_add().
 */
int create_memory_block_devices(unsigned long start, unsigned long size,
				struct vmem_altmap *altmap,
				struct memory_group *group)
{
	unsigned long first = start >> block_shift, nr = size >> block_shift;
	int err;

	lockdep_assert_device_hotplug_held();
	if (!IS_ALIGNED(start | size, block_bytes()))
		return -EINVAL;

	for (unsigned long made = 0; made < nr; made++) {
		err = add_new_block(first + made, altmap, group);
		if (err) {
			unregister_ids(first, made);
			return err;
		}
	}
	return 0;
}

/**
 * remove_memory_block_devices() - the blocks of a range are no more
 * @start: physical address, a multiple of the block size
 * @size: bytes, a multiple of the block size
 *
 * Takes them from their nodes and groups as well. All are offline. Addresses without
 * a block are skipped. The memmap must still be there, as readers of sysfs may look
 * at it until this returns; mem->altmap is forgotten, not freed.
 *
 * Context: Process context, device_hotplug_lock held. May sleep.
 */
void remove_memory_block_devices(unsigned long start, unsigned long size)
{
	lockdep_assert_device_hotplug_held();
	if (WARN_ON_ONCE(!IS_ALIGNED(start | size, block_bytes())))
		return;
	unregister_ids(start >> block_shift, size >> block_shift);
}

/* What fails half-way goes when the block is unregistered. */
static int link_both_ways(struct memory_block *mem, void *arg)
{
	struct device *node = arg;
	int err;

	WRITE_ONCE(mem->nid, node->id);
	err = sysfs_create_link(&node->kobj, &mem->dev.kobj, dev_name(&mem->dev));
	if (!err && device_is_populated(&mem->dev))
		err = link_to_node(&mem->dev);
	return err;
}

/**
 * memory_blocks_link_node() - link the blocks of added memory and their node both ways
 * @start: physical address, a multiple of the block size
 * @size: bytes, a multiple of the block size
 * @nid: the node, which is online
 *
 * Afterwards the blocks know their node. That from a block to its node is made when
 * somebody looks at the block. The links go with the blocks.
 *
 * Context: Process context, device_hotplug_lock held. May sleep.
 * Return: 0; -ENOMEM, or what else sysfs says.
 */
int memory_blocks_link_node(u64 start, u64 size, int nid)
{
	lockdep_assert_device_hotplug_held();
	if (!IS_ENABLED(CONFIG_NUMA))
		return 0;
	/* register_memory_blocks_under_node() does not tell whether it could. */
	return walk_memory_blocks(start, size, &node_devices[nid]->dev, link_both_ways);
}

#ifdef CONFIG_NUMA
/**
 * memory_block_add_nid() - a block has memory of a node
 * @mem: the block
 * @nid: the node, to which node.c is about to link it
 * @context: %MEMINIT_EARLY: there may be other nodes; %MEMINIT_HOTPLUG: it is the only one
 *
 * Context: Process context; at boot, or with device_hotplug_lock held.
 */
void memory_block_add_nid(struct memory_block *mem, int nid,
			  enum meminit_context context)
{
	if (context == MEMINIT_HOTPLUG) {
		lockdep_assert_device_hotplug_held();
		WRITE_ONCE(mem->nid, nid);
		return;
	}
	/* memory_dev_init() knows already. Another node can only mean several. */
	if (mem->nid != nid) {
		mem->nid = NUMA_NO_NODE;
		mem->zone = NULL;
	}
}
#endif

/*
 * Blocks that are there at boot
 */

/*
 * Zones' spans overlap in this block: see where its pages really belong. Pages
 * of holes count too, with the zone they were initialized for.
 */
static void __init look_at_pages(struct memory_block *mem)
{
	unsigned long pfn = block_pfn(mem), end = pfn + block_pages();
	bool one_zone = true, one_node = true;
	struct zone *zone, *first = NULL;

	while (pfn < end && one_node) {
		if (!pfn_in_present_section(pfn)) {
			pfn = round_up(pfn + 1, PAGES_PER_SECTION);
			continue;
		}
		zone = page_zone(pfn_to_page(pfn++));
		if (!first)
			first = zone;
		if (zone == first)
			continue;
		one_zone = false;
		one_node = zone_to_nid(zone) == zone_to_nid(first);
	}

	mem->zone = one_zone ? first : NULL;
	mem->nid = one_node && first ? zone_to_nid(first) : NUMA_NO_NODE;
}

/* Sets the zone, node and kind of a boot block. Mostly one zone's span covers it. */
static void __init find_home(struct memory_block *mem)
{
	unsigned int candidates = 0;
	struct zone *zone;

	for_each_populated_zone(zone) {
		if (!zone_intersects(zone, block_pfn(mem), block_pages()))
			continue;
		mem->zone = zone;
		mem->nid = zone_to_nid(zone);
		candidates++;
	}
	if (candidates > 1)
		look_at_pages(mem);

	mem->kept_type = MMOP_ONLINE_KERNEL;
	if (mem->zone && zone_idx(mem->zone) == ZONE_MOVABLE)
		mem->kept_type = MMOP_ONLINE_MOVABLE;
}

static int __init add_boot_block(unsigned long id)
{
	struct memory_block *mem = block_alloc(id);

	if (!mem)
		return -ENOMEM;
	mem->state = MEM_ONLINE;
	find_home(mem);
	return block_register(mem);
}

/*
 * The boot option memory_block_size=
 */

static u64 wanted_block_bytes __initdata;

static int __init parse_block_size(char *text)
{
	char *end;

	wanted_block_bytes = memparse(text, &end);
	if (*end || !wanted_block_bytes) {
		pr_warn("memory_block_size=%s is no size\n", text);
		wanted_block_bytes = 0;
	}
	return 0;
}
early_param("memory_block_size", parse_block_size);

/* Not where there is nothing to choose; x86 brings its own. */
int __init __weak set_memory_block_size_order(unsigned int order)
{
	return -EOPNOTSUPP;
}

/* Before anybody has asked for the size. */
static void __init choose_block_size(void)
{
	const char *refusal;

	if (!wanted_block_bytes)
		return;
	/* The last block would have a hole, and could not go offline. */
	if (!is_power_of_2(wanted_block_bytes) || wanted_block_bytes < MIN_MEMORY_BLOCK_SIZE)
		refusal = "no power of two, or less than a section";
	else if (!IS_ALIGNED(PFN_PHYS(SECTION_ALIGN_UP(max_pfn)), wanted_block_bytes))
		refusal = "memory does not end with such a block";
	else if (set_memory_block_size_order(ilog2(wanted_block_bytes)) ||
		 memory_block_size_bytes() != wanted_block_bytes)
		refusal = "this machine does not have such blocks";
	else
		return;
	pr_warn("memory_block_size=%#llx: %s; it is %#lx\n", wanted_block_bytes, refusal,
		memory_block_size_bytes());
}

static void __init show_groups(void)
{
	struct device *root = bus_get_dev_root(&memory_subsys);

	if (!root)
		return;
	memory_group_dirs_init(root);
	put_device(root);
}

/**
 * memory_dev_init() - register the memory subsystem and the blocks there are at boot
 *
 * A block for which there is no device is only reported: it stays online for good.
 *
 * Context: Early boot, before the nodes; one thread, the memmap is complete.
 */
void __init memory_dev_init(void)
{
	unsigned long section = -1UL, size, id;
	int err;

	choose_block_size();
	size = memory_block_size_bytes();
	if (!is_power_of_2(size) || size < MIN_MEMORY_BLOCK_SIZE)
		panic("memory: blocks cannot be %#lx bytes\n", size);
	block_shift = ilog2(size);

	err = subsys_system_register(&memory_subsys, root_groups);
	if (err)
		panic("memory: no subsystem: %d\n", err);
	show_groups();

	while ((section = next_present_section_nr(section)) != -1UL) {
		id = pfn_to_id(section_nr_to_pfn(section));
		err = add_boot_block(id);
		if (err)
			pr_err("memory%lu: no device: %d\n", id, err);
		/* The first of the next block's comes next. */
		section |= block_sections() - 1;
		cond_resched();
	}
}
