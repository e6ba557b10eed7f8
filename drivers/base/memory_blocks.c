// SPDX-License-Identifier: GPL-2.0
/*
 * Requests for memory blocks: one block, or all blocks of several ranges, go online or offline
 * as one.
 *
 * Owns the state of blocks, their zone and the kind of zone that they keep, the claims on
 * them, and the records of their last requests. mm/memory_hotplug.c gets their memory as pieces,
 * by value, and does the work.
 *
 * Locks, outermost first:
 *
 * device_hotplug_lock	held while blocks are added, removed or change their state. A writer
 *			of a sysfs file breaks the active protection of its file before it
 *			waits for the lock, as a removal holds the lock and waits for users
 *			of the file.
 * request_lock		around the device locks of a request, which lockdep cannot count
 * device locks		of all blocks of a request, ascending, while it changes them: for
 *			callers that look at one block without device_hotplug_lock
 * mem_hotplug_lock	taken by mm
 * progress_lock	mem->progress; held for a short time only
 *
 * The first three are dropped while the pages of blocks are moved. Meanwhile the state of the
 * blocks excludes other requests.
 *
 * Invariant: while the device lock of a block is free, dev->offline is true exactly when the
 * state is MEM_OFFLINE.
 */
#define pr_fmt(fmt) "memory: " fmt

#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/jiffies.h>
#include <linux/kexec.h>
#include <linux/kobject.h>
#include <linux/memory.h>
#include <linux/mhp.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/range.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>
#include <linux/wait.h>

#include "memory_attrs.h"
#include "memory_blocks.h"

/**
 * struct block_batch - the blocks of a request
 * @nr: number of blocks
 * @blocks: the blocks, ascending
 */
struct block_batch {
	unsigned int nr;
	struct memory_block *blocks[] __counted_by(nr);
};

/**
 * struct block_request - a request to change the state of blocks
 * @change: the request for mm
 * @blocks: the blocks, ascending
 * @nr: number of blocks
 * @one: the piece of a request for one block, so that nothing has to be allocated
 * @progress: used if the caller does not need the progress
 */
struct block_request {
	struct mhp_change change;
	struct memory_block **blocks;
	unsigned int nr;
	struct mhp_piece one;
	struct mhp_progress progress;
};

/* ---- Locks and states --------------------------------------------------- */

/* For requests that wait until a block is not going online or offline any more. */
static DECLARE_WAIT_QUEUE_HEAD(blocks_settled);

/* A request has more device locks than lockdep can count, so they nest in this map. */
static DEFINE_MUTEX(request_lock);

/* Wakes pollers of "state". */
static void memory_block_state_changed(struct memory_block *mem)
{
	sysfs_notify(&mem->dev.kobj, NULL, "state");
}

static void memory_blocks_lock(struct memory_block **blocks, unsigned int nr)
{
	lockdep_assert_device_hotplug_held();

	mutex_lock(&request_lock);
	for (unsigned int i = 0; i < nr; i++)
		mutex_lock_nest_lock(&blocks[i]->dev.mutex, &request_lock);
}

static void memory_blocks_unlock(struct memory_block **blocks, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		device_unlock(&blocks[i]->dev);
	mutex_unlock(&request_lock);
}

/*
 * After a success, does what device_online() and device_offline() do. After a failure the state
 * is the previous one, but pollers are woken, as they may have seen another one in between.
 */
static void memory_blocks_announce(struct memory_block **blocks, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct device *dev = &blocks[i]->dev;
		bool offline = blocks[i]->state == MEM_OFFLINE;

		if (dev->offline != offline) {
			kobject_uevent(&dev->kobj, offline ? KOBJ_OFFLINE : KOBJ_ONLINE);
			dev->offline = offline;
		}
		memory_block_state_changed(blocks[i]);
		cond_resched();
	}
}

/* Ends a request: announces the states of its blocks, and lets other requests have them. */
static void memory_blocks_settle(struct memory_block **blocks, unsigned int nr)
{
	memory_blocks_announce(blocks, nr);
	memory_blocks_unlock(blocks, nr);
	wake_up_all(&blocks_settled);
}

static void memory_blocks_set_state(struct block_request *req, unsigned long state)
{
	for (unsigned int i = 0; i < req->nr; i++)
		WRITE_ONCE(req->blocks[i]->state, state);
}

static bool memory_block_has_poison(const struct memory_block *mem)
{
#ifdef CONFIG_MEMORY_FAILURE
	return atomic_long_read(&mem->nr_hwpoison);
#else
	return false;
#endif
}

/* ---- Progress and cancel ------------------------------------------------- */

static DEFINE_SPINLOCK(progress_lock);

static void memory_blocks_set_progress(struct block_request *req, struct mhp_progress *progress)
{
	spin_lock(&progress_lock);
	for (unsigned int i = 0; i < req->nr; i++)
		req->blocks[i]->progress = progress;
	spin_unlock(&progress_lock);
}

/* Cancels the request that takes a block offline; its blocks stay online. */
static void memory_block_cancel(struct memory_block *mem)
{
	spin_lock(&progress_lock);
	if (mem->progress)
		WRITE_ONCE(mem->progress->cancel, true);
	spin_unlock(&progress_lock);
}

/* ---- From blocks to pieces ------------------------------------------------ */

static struct mhp_piece memory_block_piece(const struct memory_block *mem, enum mmop type)
{
	return (struct mhp_piece){
		.start_pfn = block_pfn(mem),
		.nr_pages = block_pages(),
		.nid = mem->nid,
		.type = type,
		.zone = mem->zone,
		.group = mem->group,
		.altmap = mem->altmap,
	};
}

static int memory_blocks_make_pieces(struct block_request *req, enum mmop type, bool restore)
{
	struct mhp_change *change = &req->change;

	change->pieces = &req->one;
	if (req->nr > 1)
		change->pieces = kvmalloc_array(req->nr, sizeof(*change->pieces), MHP_GFP);
	if (!change->pieces)
		return mhp_refuse(change->result, -ENOMEM, MHP_WHY_NOMEM,
				  block_pfn(req->blocks[0]));
	change->nr_pieces = req->nr;
	for (unsigned int i = 0; i < req->nr; i++)
		change->pieces[i] = memory_block_piece(req->blocks[i],
						       restore ? req->blocks[i]->kept_type : type);
	return 0;
}

static void memory_blocks_free_pieces(struct block_request *req)
{
	if (req->change.pieces != &req->one)
		kvfree(req->change.pieces);
}

/* Sets the record of the last request for each block. */
static int memory_blocks_end(struct block_request *req, int err)
{
	for (unsigned int i = 0; i < req->nr; i++)
		mhp_record_set(&req->blocks[i]->last_error, req->change.record);
	mhp_record_put(req->change.record);
	return err;
}

/* Reports a request that was refused before it was passed to mm. */
static int memory_blocks_refused(struct block_request *req, enum mhp_verb verb)
{
	u64 first = PFN_PHYS(block_pfn(req->blocks[0]));
	u64 last = PFN_PHYS(block_pfn(req->blocks[req->nr - 1]));
	struct mhp_result *res = req->change.result;
	int err = res->err;

	req->change.record = mhp_report_refusal(verb, first,
						last + memory_block_size_bytes() - first, res);
	return memory_blocks_end(req, err);
}

static int memory_block_refuse(struct memory_block *mem, enum mhp_verb verb, int err,
			       enum mhp_reason why, struct mhp_result *res)
{
	struct block_request req = { .change.result = res, .blocks = &mem, .nr = 1 };

	mhp_refuse(res, err, why, block_pfn(mem));
	memory_blocks_refused(&req, verb);
	return err;
}

/* ---- Online --------------------------------------------------------------- */

/* Refuses a block that is not online or offline, or that another request has claimed. */
static int memory_block_may_change(const struct memory_block *mem, bool claimed,
				   struct mhp_result *res)
{
	unsigned long pfn = block_pfn(mem);

	if (mem->claimed && !claimed)
		return mhp_refuse(res, -EBUSY, MHP_WHY_EJECTING, pfn);
	if (mem->state == MEM_LOST)
		return mhp_refuse(res, -EHWPOISON, MHP_WHY_LOST, pfn);
	if (mem->state != MEM_ONLINE && mem->state != MEM_OFFLINE)
		return mhp_refuse(res, -EBUSY, MHP_WHY_BUSY, pfn);
	return 0;
}

static int memory_block_may_go_online(const struct memory_block *mem, struct mhp_result *res)
{
	unsigned long pfn = block_pfn(mem);
	int err = memory_block_may_change(mem, false, res);

	if (err)
		return err;
	if (mem->state == MEM_ONLINE)
		return mhp_refuse(res, -EINVAL, MHP_WHY_ALREADY, pfn);
	if (memory_block_has_poison(mem))
		return mhp_refuse(res, -EHWPOISON, MHP_WHY_HWPOISON, pfn);
	return 0;
}

static void memory_blocks_remember_zone(struct block_request *req)
{
	for (unsigned int i = 0; i < req->nr; i++) {
		struct zone *zone = req->change.pieces[i].zone;

		WRITE_ONCE(req->blocks[i]->zone, zone);
		WRITE_ONCE(req->blocks[i]->kept_type, zone_idx(zone) == ZONE_MOVABLE ?
						      MMOP_ONLINE_MOVABLE : MMOP_ONLINE_KERNEL);
	}
}

/* Called with the device locks of the blocks held. */
static int memory_blocks_change_to_online(struct block_request *req, enum mmop type, bool restore)
{
	static const struct mhp_policy no_policy;
	int err = 0;

	for (unsigned int i = 0; i < req->nr && !err; i++)
		err = memory_block_may_go_online(req->blocks[i], req->change.result);
	if (!err)
		err = memory_blocks_make_pieces(req, type, restore);
	if (err)
		return memory_blocks_refused(req, MHP_VERB_ONLINE);

	req->change.policy = &no_policy;
	req->change.progress = &req->progress;
	memory_blocks_set_state(req, MEM_GOING_ONLINE);
	err = mhp_online(&req->change);
	if (!err)
		memory_blocks_remember_zone(req);
	memory_blocks_set_state(req, err ? MEM_OFFLINE : MEM_ONLINE);
	memory_blocks_free_pieces(req);
	return memory_blocks_end(req, err);
}

/* With @restore each block comes online in the kind of zone that it had; @type is not used. */
static int memory_blocks_bring_online(struct memory_block **blocks, unsigned int nr,
				      enum mmop type, bool restore, struct mhp_result *res)
{
	struct block_request req = { .change.result = res, .blocks = blocks, .nr = nr };
	int err;

	memory_blocks_lock(blocks, nr);
	err = memory_blocks_change_to_online(&req, type, restore);
	memory_blocks_settle(blocks, nr);
	return err;
}

/* ---- Offline --------------------------------------------------------------- */

static int memory_block_may_go_offline(const struct memory_block *mem, bool claimed,
				       struct mhp_result *res)
{
	int err = memory_block_may_change(mem, claimed, res);

	if (!err && mem->state == MEM_OFFLINE)
		err = mhp_refuse(res, -EINVAL, MHP_WHY_ALREADY, block_pfn(mem));
	return err;
}

/*
 * Drops the locks while pages are moved. Meanwhile the state of the blocks excludes other
 * requests, which do not change or remove a block that is going offline; only the loss of its
 * memory changes its state.
 */
static void memory_blocks_yield(struct mhp_change *change)
{
	struct block_request *req = container_of(change, struct block_request, change);

	for (unsigned int i = 0; i < req->nr; i++) {
		memory_block_state_changed(req->blocks[i]);
		cond_resched();
	}
	memory_blocks_unlock(req->blocks, req->nr);
	unlock_device_hotplug();
}

static void memory_blocks_resume(struct mhp_change *change)
{
	struct block_request *req = container_of(change, struct block_request, change);

	lock_device_hotplug();
	memory_blocks_lock(req->blocks, req->nr);
}

#ifdef CONFIG_MEMORY_HOTREMOVE
/* Called with the device lock of the block held. */
static void memory_block_change_to_lost(struct block_request *req)
{
	static const struct mhp_policy policy = { .signals = MHP_SIGNALS_NONE };
	int err;

	if (!req->blocks[0]->zone) {
		mhp_refuse(req->change.result, -EINVAL, MHP_WHY_MULTI_ZONE,
			   block_pfn(req->blocks[0]));
		memory_blocks_refused(req, MHP_VERB_LOSE);
		return;
	}
	memory_blocks_make_pieces(req, MMOP_OFFLINE, false);
	req->change.policy = &policy;
	req->change.progress = &req->progress;
	memory_blocks_set_state(req, MEM_GOING_OFFLINE);
	err = mhp_lose(&req->change);
	if (!err)
		WRITE_ONCE(req->blocks[0]->zone, NULL);
	/* A failure before the first step has changed nothing. */
	if (err && !req->change.result->step)
		memory_blocks_set_state(req, MEM_ONLINE);
	else
		memory_blocks_set_state(req, err ? MEM_LOST : MEM_OFFLINE);
	memory_blocks_end(req, err);
}

/*
 * Blocks whose memory has disappeared while it was going offline, see memory_block_lose(). Their
 * device does not remove them any more, so that they stay, even if no page is in use.
 */
static void memory_blocks_lose_absent(struct block_request *req)
{
	for (unsigned int i = 0; i < req->nr; i++) {
		struct memory_block *mem = req->blocks[i];
		struct mhp_result res = MHP_RESULT_OK;
		struct block_request one = { .change.result = &res, .blocks = &mem, .nr = 1 };

		if (mem->state != MEM_LOST || !mem->zone)
			continue;
		memory_block_change_to_lost(&one);
		WRITE_ONCE(mem->state, MEM_LOST);
	}
}
#else
static void memory_blocks_lose_absent(struct block_request *req)
{
}
#endif

static void memory_blocks_end_offline(struct block_request *req, int err)
{
	for (unsigned int i = 0; i < req->nr; i++) {
		struct memory_block *mem = req->blocks[i];

		if (!err)
			WRITE_ONCE(mem->zone, NULL);
		if (mem->state != MEM_LOST)
			WRITE_ONCE(mem->state, err ? MEM_ONLINE : MEM_OFFLINE);
	}
}

/* Called with the device locks of the blocks held. */
static int memory_blocks_change_to_offline(struct block_request *req,
					   const struct mhp_policy *policy)
{
	int err = 0;

	for (unsigned int i = 0; i < req->nr && !err; i++)
		err = memory_block_may_go_offline(req->blocks[i], policy->claimed,
						  req->change.result);
	if (!err)
		err = memory_blocks_make_pieces(req, MMOP_OFFLINE, false);
	if (err)
		return memory_blocks_refused(req, MHP_VERB_OFFLINE);

	req->change.policy = policy;
	req->change.progress = policy->progress ?: &req->progress;
	memory_blocks_set_state(req, MEM_GOING_OFFLINE);
	memory_blocks_set_progress(req, req->change.progress);
	err = mhp_offline(&req->change);
	memory_blocks_set_progress(req, NULL);
	memory_blocks_end_offline(req, err);
	memory_blocks_free_pieces(req);
	memory_blocks_end(req, err);
	memory_blocks_lose_absent(req);
	return err;
}

static int memory_blocks_take_offline(struct memory_block **blocks, unsigned int nr,
				      const struct mhp_policy *policy, struct mhp_result *res)
{
	struct block_request req = {
		.change = {
			.yield = memory_blocks_yield,
			.resume = memory_blocks_resume,
			.result = res,
		},
		.blocks = blocks,
		.nr = nr,
	};
	int err;

	for (unsigned int i = 0; i < nr; i++)
		if (blocks[i]->dev.offline_disabled)
			return memory_block_refuse(blocks[i], MHP_VERB_OFFLINE, -EPERM,
						   MHP_WHY_DISABLED, res);

	memory_blocks_lock(blocks, nr);
	err = memory_blocks_change_to_offline(&req, policy);
	memory_blocks_settle(blocks, nr);
	return err;
}

static struct mhp_policy memory_user_policy(void)
{
#ifdef CONFIG_MEMORY_HOTREMOVE
	return mhp_user_policy();
#else
	return (struct mhp_policy) { };
#endif
}

/* ---- For the driver core ---------------------------------------------------- */

/**
 * memory_block_bring_online() - bring a block online for device_online()
 * @mem: the block
 *
 * Context: Process context. May sleep. device_hotplug_lock and the device lock held by
 * device_online(), which sends the uevent.
 * Return: 0; an error as for memory_ranges_online().
 */
int memory_block_bring_online(struct memory_block *mem)
{
	struct mhp_result res = MHP_RESULT_OK;
	struct block_request req = { .change.result = &res, .blocks = &mem, .nr = 1 };
	int err = memory_blocks_change_to_online(&req, MMOP_ONLINE, false);

	memory_block_state_changed(mem);
	return err;
}

/**
 * memory_block_take_offline() - take a block offline for device_offline()
 * @mem: the block
 *
 * Keeps the locks while pages are moved, as they belong to the caller.
 *
 * Context: Process context. May sleep. device_hotplug_lock and the device lock held by
 * device_offline(), which sends the uevent.
 * Return: 0; an error as for memory_ranges_offline().
 */
int memory_block_take_offline(struct memory_block *mem)
{
	struct mhp_result res = MHP_RESULT_OK;
	struct block_request req = { .change.result = &res, .blocks = &mem, .nr = 1 };
	const struct mhp_policy policy = memory_user_policy();
	int err = memory_blocks_change_to_offline(&req, &policy);

	memory_block_state_changed(mem);
	wake_up_all(&blocks_settled);
	return err;
}

/* ---- All blocks of several ranges -------------------------------------------- */

static bool memory_block_is_online(const struct memory_block *mem)
{
	return !mem->dev.offline;
}

static bool memory_block_is_offline(const struct memory_block *mem)
{
	return mem->dev.offline;
}

static bool memory_block_was_claimed_online(const struct memory_block *mem)
{
	return mem->dev.offline && mem->claimed_online;
}

static bool memory_block_is_any(const struct memory_block *mem)
{
	return true;
}

/* Makes a range of bytes, which is empty if @size is 0. */
static struct range memory_bytes(u64 start, u64 size)
{
	return (struct range){ .start = start, .end = start + size - 1 };
}

static unsigned long memory_range_blocks(const struct range *range)
{
	return div64_u64(range->end - range->start + 1, memory_block_size_bytes());
}

static int memory_check_range(const struct range *range, struct mhp_result *res)
{
	if (range->end < range->start || !memory_range_blocks(range) ||
	    !IS_ALIGNED(range->start | (range->end + 1), memory_block_size_bytes()))
		return mhp_refuse(res, -EINVAL, MHP_WHY_RANGE, PHYS_PFN(range->start));
	return 0;
}

/**
 * struct block_search - the search for the blocks of a request
 * @batch: the blocks that are wanted
 * @wanted: returns true for a block that is wanted
 * @next_pfn: the page frame at which the next block of the range has to begin
 */
struct block_search {
	struct block_batch *batch;
	bool (*wanted)(const struct memory_block *mem);
	unsigned long next_pfn;
};

static int memory_block_gather(struct memory_block *mem, void *arg)
{
	struct block_search *search = arg;

	if (block_pfn(mem) != search->next_pfn)
		return -EINVAL;
	search->next_pfn += block_pages();
	if (search->wanted(mem))
		search->batch->blocks[search->batch->nr++] = mem;
	cond_resched();
	return 0;
}

/* Every block of the range has to be present, including blocks that are not wanted. */
static int memory_range_gather(struct block_search *search, const struct range *range,
			       struct mhp_result *res)
{
	search->next_pfn = PHYS_PFN(range->start);
	walk_memory_blocks(range->start, range_len(range), search, memory_block_gather);
	if (search->next_pfn != PHYS_PFN(range->end + 1))
		return mhp_refuse(res, -EINVAL, MHP_WHY_ABSENT, search->next_pfn);
	return 0;
}

/*
 * Collects the blocks of ascending ranges for which @wanted returns true. The caller holds
 * device_hotplug_lock, which keeps the blocks from being removed.
 */
static struct block_batch *memory_ranges_gather(const struct range *ranges, unsigned int nr_ranges,
						struct mhp_result *res,
						bool (*wanted)(const struct memory_block *mem))
{
	struct block_search search = { .wanted = wanted };
	unsigned long nr = 0;
	int err = 0;

	lockdep_assert_device_hotplug_held();

	for (unsigned int i = 0; i < nr_ranges; i++) {
		err = memory_check_range(ranges + i, res);
		if (err)
			return ERR_PTR(err);
		nr += memory_range_blocks(ranges + i);
	}

	search.batch = kvmalloc(struct_size(search.batch, blocks, nr), MHP_GFP);
	if (!search.batch)
		return ERR_PTR(mhp_refuse(res, -ENOMEM, MHP_WHY_NOMEM, PHYS_PFN(ranges->start)));

	search.batch->nr = 0;
	for (unsigned int i = 0; i < nr_ranges && !err; i++)
		err = memory_range_gather(&search, ranges + i, res);
	if (err) {
		kvfree(search.batch);
		return ERR_PTR(err);
	}
	return search.batch;
}

/**
 * memory_ranges_online() - bring all blocks of several ranges online
 * @ranges: physical addresses of whole blocks, the end included; ascending
 * @nr: number of ranges
 * @type: the kind of zone; not %MMOP_OFFLINE
 * @res: initialized to %MHP_RESULT_OK; set to the reason of a failure
 *
 * Blocks that are online stay in their zone. Either all other blocks come online, with a uevent
 * each, or none.
 *
 * Context: Process context. May sleep. device_hotplug_lock held.
 * Return: 0; -EINVAL for an invalid range or type, or if a block is missing or belongs to
 * several nodes; -EBUSY if a block is claimed, or going online or offline; -EHWPOISON if a block
 * has poisoned pages; -ENOMEM; the errors of mhp_online().
 */
int memory_ranges_online(const struct range *ranges, unsigned int nr, enum mmop type,
			 struct mhp_result *res)
{
	struct block_batch *batch __free(kvfree) =
		memory_ranges_gather(ranges, nr, res, memory_block_is_offline);

	if (IS_ERR(batch))
		return PTR_ERR(batch);
	if (type == MMOP_OFFLINE)
		return mhp_refuse(res, -EINVAL, MHP_WHY_INTERNAL, PHYS_PFN(ranges->start));
	return batch->nr ? memory_blocks_bring_online(batch->blocks, batch->nr, type, false, res) :
			   0;
}

/**
 * memory_blocks_online() - bring all blocks of a range online
 * @start: physical address, a multiple of the block size
 * @size: in bytes, a multiple of the block size, not 0
 * @type: the kind of zone; not %MMOP_OFFLINE
 * @res: initialized to %MHP_RESULT_OK; set to the reason of a failure
 *
 * Context: As for memory_ranges_online().
 * Return: as for memory_ranges_online().
 */
int memory_blocks_online(u64 start, u64 size, enum mmop type, struct mhp_result *res)
{
	const struct range range = memory_bytes(start, size);

	return memory_ranges_online(&range, 1, type, res);
}

/* A kernel that kexec has loaded could not be booted if the memory it needs is removed. */
static int memory_ranges_check_kexec(const struct range *ranges, unsigned int nr,
				     struct mhp_result *res)
{
	for (unsigned int i = 0; i < nr; i++)
		if (kexec_uses_memory(ranges[i].start, range_len(ranges + i)))
			return mhp_refuse(res, -EBUSY, MHP_WHY_KEXEC, PHYS_PFN(ranges[i].start));
	return 0;
}

/**
 * memory_ranges_offline() - take all blocks of several ranges offline
 * @ranges: physical addresses of whole blocks, the end included; ascending
 * @nr: number of ranges
 * @policy: how long the offline may take, and what interrupts it
 * @res: initialized to %MHP_RESULT_OK; set to the reason of a failure
 *
 * Blocks that are offline already are skipped. Either all other blocks go offline, with a
 * uevent each, or none.
 *
 * Context: Process context. May sleep. device_hotplug_lock held; it is dropped while pages are
 * moved, and taken again.
 * Return: 0; -EINVAL for an invalid range, or if a block is missing; -EPERM if a device does not
 * allow its memory to go offline; -EBUSY if a block is claimed, or going online or offline, or
 * if the memory is about to be removed and a kernel that kexec has loaded needs it; -EHWPOISON
 * if a block is lost; -ENOMEM; the errors of mhp_offline().
 */
int memory_ranges_offline(const struct range *ranges, unsigned int nr,
			  const struct mhp_policy *policy, struct mhp_result *res)
{
	struct block_batch *batch __free(kvfree) =
		memory_ranges_gather(ranges, nr, res, memory_block_is_online);
	int err;

	if (IS_ERR(batch))
		return PTR_ERR(batch);
	err = policy->removes ? memory_ranges_check_kexec(ranges, nr, res) : 0;
	if (err)
		return err;
	return batch->nr ? memory_blocks_take_offline(batch->blocks, batch->nr, policy, res) : 0;
}

/**
 * memory_blocks_offline() - take all blocks of a range offline
 * @start: physical address, a multiple of the block size
 * @size: in bytes, a multiple of the block size, not 0
 * @policy: how long the offline may take, and what interrupts it
 * @res: initialized to %MHP_RESULT_OK; set to the reason of a failure
 *
 * Context: As for memory_ranges_offline().
 * Return: as for memory_ranges_offline().
 */
int memory_blocks_offline(u64 start, u64 size, const struct mhp_policy *policy,
			  struct mhp_result *res)
{
	const struct range range = memory_bytes(start, size);

	return memory_ranges_offline(&range, 1, policy, res);
}

#ifdef CONFIG_MEMORY_HOTREMOVE
static int memory_block_lose(struct memory_block *mem, void *arg)
{
	struct mhp_result res = MHP_RESULT_OK;
	struct block_request req = { .change.result = &res, .blocks = &mem, .nr = 1 };

	if (mem->state != MEM_ONLINE && mem->state != MEM_GOING_OFFLINE)
		return 0;
	memory_blocks_lock(&mem, 1);
	if (mem->state == MEM_ONLINE) {
		memory_block_change_to_lost(&req);
	} else {
		/* The request, which has dropped its locks, does the rest. */
		WRITE_ONCE(mem->state, MEM_LOST);
		memory_block_cancel(mem);
	}
	memory_blocks_settle(&mem, 1);
	return 0;
}

/**
 * memory_blocks_lose() - handle memory that has disappeared without an eject
 * @start: physical address, a multiple of the block size
 * @size: in bytes, a multiple of the block size, not 0
 *
 * Each block that was online is offline afterwards, or lost: see mhp_lose(). A block that a
 * request takes offline is lost, and the request is cancelled. A block with holes or of several
 * zones stays online.
 *
 * Context: Process context. May sleep. device_hotplug_lock held.
 */
void memory_blocks_lose(u64 start, u64 size)
{
	lockdep_assert_device_hotplug_held();
	walk_memory_blocks(start, size, NULL, memory_block_lose);
}
#endif

/* ---- Claims ------------------------------------------------------------------- */

/**
 * memory_ranges_claim() - exclude other requests from changing the state of blocks
 * @ranges: physical addresses of whole blocks, the end included; ascending
 * @nr: number of ranges
 * @res: initialized to %MHP_RESULT_OK; set to the reason of a failure
 *
 * For callers that remove a device in several steps. Until memory_ranges_release(), requests for
 * one of the blocks are refused with -EBUSY, unless their policy has @claimed set. Removing the
 * blocks ends the claim as well.
 *
 * Context: Process context. May sleep. device_hotplug_lock held.
 * Return: 0; -EBUSY if a block is claimed already, or is going online or offline; -EHWPOISON if a
 * block is lost; -EINVAL for an invalid range, or if a block is missing; -ENOMEM.
 */
int memory_ranges_claim(const struct range *ranges, unsigned int nr, struct mhp_result *res)
{
	struct block_batch *batch __free(kvfree) =
		memory_ranges_gather(ranges, nr, res, memory_block_is_any);
	int err = 0;

	if (IS_ERR(batch))
		return PTR_ERR(batch);
	for (unsigned int i = 0; i < batch->nr && !err; i++)
		err = memory_block_may_change(batch->blocks[i], false, res);
	if (err)
		return err;
	for (unsigned int i = 0; i < batch->nr; i++) {
		batch->blocks[i]->claimed = true;
		batch->blocks[i]->claimed_online = memory_block_is_online(batch->blocks[i]);
	}
	return 0;
}

static int memory_block_unclaim(struct memory_block *mem, void *arg)
{
	mem->claimed = false;
	return 0;
}

static int memory_block_forget_claim(struct memory_block *mem, void *arg)
{
	mem->claimed_online = false;
	return 0;
}

static int memory_ranges_restore(const struct range *ranges, unsigned int nr)
{
	struct mhp_result res = MHP_RESULT_OK;
	struct block_batch *batch __free(kvfree) =
		memory_ranges_gather(ranges, nr, &res, memory_block_was_claimed_online);

	if (IS_ERR(batch))
		return PTR_ERR(batch);
	return batch->nr ? memory_blocks_bring_online(batch->blocks, batch->nr, MMOP_ONLINE, true,
						      &res) : 0;
}

/**
 * memory_ranges_release() - end a claim
 * @ranges: as for memory_ranges_claim()
 * @nr: number of ranges
 *
 * Blocks that were online when they were claimed, and are offline now, come online again in the
 * kind of zone that they had: either all of them or none.
 *
 * Context: Process context. May sleep. device_hotplug_lock held.
 * Return: 0; -ENOMEM; the errors of memory_ranges_online().
 */
int memory_ranges_release(const struct range *ranges, unsigned int nr)
{
	int err;

	for (unsigned int i = 0; i < nr; i++)
		walk_memory_blocks(ranges[i].start, range_len(ranges + i), NULL,
				   memory_block_unclaim);
	err = memory_ranges_restore(ranges, nr);
	for (unsigned int i = 0; i < nr; i++)
		walk_memory_blocks(ranges[i].start, range_len(ranges + i), NULL,
				   memory_block_forget_claim);
	return err;
}

/* ---- One block, for a user ------------------------------------------------------ */

/* Returns 1 if an online block is to come online, unless in another kind of zone. */
static int memory_block_online_already(const struct memory_block *mem, enum mmop type)
{
	return type > MMOP_ONLINE && type != READ_ONCE(mem->kept_type) ? -EINVAL : 1;
}

/* Called with device_hotplug_lock held. Returns 1 if the block is in this state already. */
static int memory_block_change_state(struct memory_block *mem, enum mmop type,
				     struct mhp_policy *policy)
{
	struct mhp_result res = MHP_RESULT_OK;
	bool offline = type == MMOP_OFFLINE;

	if (offline == mem->dev.offline && !mem->claimed && mem->state != MEM_LOST)
		return offline ? 1 : memory_block_online_already(mem, type);
	if (!offline)
		return memory_blocks_bring_online(&mem, 1, type, false, &res);
	return memory_blocks_take_offline(&mem, 1, policy, &res);
}

/* Waits for the end of an offline that was cancelled. An eject may follow, which is not. */
static int memory_block_stay_online(struct memory_block *mem, enum mmop type)
{
	if (wait_event_interruptible(blocks_settled,
				     READ_ONCE(mem->state) != MEM_GOING_OFFLINE ||
				     READ_ONCE(mem->claimed)))
		return -EINTR;
	if (READ_ONCE(mem->state) != MEM_ONLINE)
		return -EBUSY;
	return min(memory_block_online_already(mem, type), 0);
}

static int memory_block_refuse_user(struct memory_block *mem, enum mmop type, int err,
				    enum mhp_reason why)
{
	struct mhp_result res = MHP_RESULT_OK;

	return memory_block_refuse(mem, type == MMOP_OFFLINE ? MHP_VERB_OFFLINE : MHP_VERB_ONLINE,
				   err, why, &res);
}

static bool memory_block_is_present(const struct memory_block *mem)
{
	struct memory_block *found = find_memory_block(mem->start_section_nr);

	if (found)
		put_device(&found->dev);
	return found == mem;
}

/* The time limit of an offline includes the wait for the lock. */
static int memory_block_lock_for_user(struct memory_block *mem, enum mmop type,
				      struct mhp_policy *policy)
{
	unsigned long begin = jiffies;
	unsigned int waited;
	int err;

	*policy = memory_user_policy();
	err = memory_lock_for_user(begin, type == MMOP_OFFLINE ? policy->timeout_ms : 0);
	if (err == -ETIMEDOUT)
		return memory_block_refuse_user(mem, type, -EBUSY, MHP_WHY_DEADLINE);
	if (err)
		return memory_block_refuse_user(mem, type, err, MHP_WHY_SIGNAL);
	if (!memory_block_is_present(mem)) {
		unlock_device_hotplug();
		return -ENODEV;
	}
	waited = jiffies_to_msecs(jiffies - begin);
	if (policy->timeout_ms)
		policy->timeout_ms -= min(waited, policy->timeout_ms - 1);
	return 0;
}

/* Called with device_hotplug_lock held, and releases it. */
static int memory_block_fulfil(struct memory_block *mem, enum mmop type,
			       struct mhp_policy *policy, bool must_change)
{
	int ret;

	if (type != MMOP_OFFLINE && mem->state == MEM_GOING_OFFLINE && !mem->claimed) {
		/* The offline cannot end before the lock is released, nor another one begin. */
		memory_block_cancel(mem);
		unlock_device_hotplug();
		return memory_block_stay_online(mem, type);
	}
	ret = memory_block_change_state(mem, type, policy);
	if (ret > 0)
		ret = must_change ?
		      memory_block_refuse_user(mem, type, -EINVAL, MHP_WHY_ALREADY) : 0;
	unlock_device_hotplug();
	return ret;
}

/**
 * memory_block_user_request() - fulfil a write to an attribute of a block
 * @mem: the block
 * @attr: the attribute
 * @type: the state that is wanted
 * @must_change: fail if the block is in this state already
 *
 * The writer waits for device_hotplug_lock, which a task that removes the attribute holds. So the
 * active protection of the attribute is broken, and a reference keeps the block until the
 * protection is restored.
 *
 * Context: Process context, in a write to the attribute. May sleep until pages have moved. Takes
 * device_hotplug_lock.
 * Return: 0; -ENODEV if the block was removed; -EINTR after a signal; -EBUSY if the time limit
 * was reached; the errors of memory_ranges_online() and memory_ranges_offline().
 */
int memory_block_user_request(struct memory_block *mem, const struct attribute *attr,
			      enum mmop type, bool must_change)
{
	struct mhp_policy policy;
	struct kernfs_node *kn;
	int ret;

	kn = sysfs_break_active_protection(&mem->dev.kobj, attr);
	if (!kn)
		return -ENODEV;
	ret = memory_block_lock_for_user(mem, type, &policy);
	if (!ret)
		ret = memory_block_fulfil(mem, type, &policy, must_change);
	/* The block may be freed here. */
	sysfs_unbreak_active_protection(kn);
	return ret;
}

/* ---- Queries ------------------------------------------------------------------------ */

/**
 * memory_block_removable() - test whether a block could go offline
 * @mem: the block
 *
 * Changes nothing. The answer may be out of date at once. Takes no lock, as requests would have
 * to wait for the reader.
 *
 * Context: Process context. May sleep. The caller reads a file of the block, which keeps it.
 * Return: false if the block has a page that cannot be moved, or can never go offline.
 */
bool memory_block_removable(const struct memory_block *mem)
{
	unsigned long state = READ_ONCE(mem->state);

	if (!IS_ENABLED(CONFIG_MEMORY_HOTREMOVE))
		return false;
	if (mhp_removable_compat())
		return true;
	if (mem->dev.offline_disabled || state == MEM_LOST)
		return false;
	if (state != MEM_ONLINE)
		return true;
	return READ_ONCE(mem->zone) && mhp_range_removable(block_pfn(mem), block_pages());
}

/* The reason why the block can never go offline, or NULL. */
static const char *memory_block_obstacle(const struct memory_block *mem)
{
	if (!IS_ENABLED(CONFIG_MEMORY_HOTREMOVE))
		return NULL;
	if (mem->state == MEM_LOST)
		return mhp_reason_name(MHP_WHY_LOST);
	if (mem->dev.offline_disabled)
		return mhp_reason_name(MHP_WHY_DISABLED);
	if (mhp_range_has_holes(block_pfn(mem), block_pages()))
		return mhp_reason_name(MHP_WHY_HOLES);
	if (!mem->zone)
		return mhp_reason_name(MHP_WHY_MULTI_ZONE);
	if (mhp_range_stays(block_pfn(mem), block_pages()))
		return mhp_reason_name(MHP_WHY_BOOT_MEMORY);
	return NULL;
}

/**
 * memory_block_census() - count the pages of a block by how they would go offline
 * @mem: the block
 * @start_pfn: first page to count
 * @nr_pages: number of pages, all of which are in the block
 * @census: the counts are added to it
 *
 * Changes nothing. The pages of a block that is offline do not count.
 *
 * Context: Process context. May sleep. The device lock of the block held, which keeps its state.
 */
void memory_block_census(struct memory_block *mem, unsigned long start_pfn,
			 unsigned long nr_pages, struct mhp_census *census)
{
	const char *obstacle;

	if (mem->state == MEM_OFFLINE)
		return;
	obstacle = memory_block_obstacle(mem);
	if (obstacle && !census->hopeless) {
		census->hopeless = true;
		census->blocker = MHP_NO_PFN;
		census->kind = obstacle;
	}
	mhp_take_census(start_pfn, nr_pages, census);
}
