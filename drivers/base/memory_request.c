// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of users for many memory blocks: the choice of blocks, attempts, and the answer.
 *
 * If the user names blocks, either all of them change their state or none; if the user names a
 * size, the kernel chooses the blocks. An attempt is made for all blocks at once, so that no page
 * is moved twice. If it fails at one block, the next attempt is made without that block: with
 * another block instead of it, or with fewer blocks (best-effort).
 *
 * Owns the request and its answer, which belong to one open file (memory_handle.c). A request
 * runs in a thread of its own, which holds no lock when it begins. It waits for
 * device_hotplug_lock once and only then looks at the blocks, so that they stay as they are
 * found; attempts drop that lock while pages move. Questions (query, why) take the lock of one
 * block at a time. memory_request_cancel() ends each wait of the thread.
 */
#define pr_fmt(fmt) "memory: " fmt

#include <linux/bsearch.h>
#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/freezer.h>
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mhp.h>
#include <linux/mm.h>
#include <linux/range.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "memory_attrs.h"
#include "memory_blocks.h"
#include "memory_request.h"

/* The result for a block. */
enum memory_fate {
	FATE_WAITING,
	FATE_CHOSEN,		/* for the next attempt */
	FATE_DONE,
	FATE_FAILED,
};

/**
 * struct memory_candidate - a block that a request may change
 * @mem: the block, with a reference, while the request runs
 * @nr: the ID of the block
 * @score: how easily the block goes offline
 * @fate: the result for the block
 * @res: the reason, if @fate is %FATE_FAILED
 */
struct memory_candidate {
	struct memory_block *mem;
	unsigned long nr;
	unsigned int score;
	enum memory_fate fate;
	struct mhp_result res;
};

/**
 * struct memory_answer - the answer of a query for a block
 * @nr: the ID of the block
 * @census: the census of its pages, as far as they are in the places of the query
 */
struct memory_answer {
	unsigned long nr;
	struct mhp_census census;
};

/**
 * struct memory_request - one request
 * @order: the parsed request
 * @text: the text that the user wrote, to which @order refers
 * @ranges: the places of @order that are blocks or addresses: ascending, without overlaps, the
 *	ends included
 * @nr_ranges: number of ranges
 * @groups: the places of @order that are groups, ascending
 * @nr_groups: number of groups
 * @max: capacity of each of the arrays below
 * @nr: number of blocks in @candidates or @answers
 * @candidates: blocks that may be changed, in the order of the attempts; or NULL
 * @chosen: the blocks of an attempt, or NULL
 * @answers: the answers of a query, or NULL
 * @sum: the sum of @answers
 * @last_error: the record of the last request for the block, for "why"; or NULL
 * @wanted: number of blocks to change, or to count
 * @done: number of blocks that were changed, or counted
 * @found: number of blocks that exist in @ranges, including those that need no change
 * @in_groups: number of blocks that exist in @groups only
 * @res: the result of the last attempt
 * @begin: the beginning of the request, in jiffies
 * @ms: duration of the request in milliseconds
 * @lock: protects the members below
 * @waiter: the thread of the request, while it waits and can be woken
 * @cancelled: the request was cancelled
 * @before: the sum of the progress of earlier attempts
 * @progress: progress of the running attempt
 */
struct memory_request {
	struct memory_order order;
	char *text;
	struct range *ranges;
	unsigned int nr_ranges;
	unsigned int *groups;
	unsigned int nr_groups;
	unsigned long max, nr;
	struct memory_candidate *candidates;
	struct range *chosen;
	struct memory_answer *answers;
	struct mhp_census sum;
	char *last_error;
	unsigned long wanted, done, found, in_groups;
	struct mhp_result res;
	unsigned long begin;
	unsigned int ms;
	spinlock_t lock;	/* protects the members below */
	struct task_struct *waiter;
	bool cancelled;
	struct mhp_progress before, progress;
};

static bool is_offline_request(const struct memory_request *req)
{
	return req->order.verb == MEMORY_VERB_OFFLINE;
}

static enum mmop request_online_type(const struct memory_request *req)
{
	return (enum mmop)req->order.verb;
}

/**
 * memory_request_changes_memory() - test whether a request changes memory
 * @req: the request
 *
 * Context: Any.
 * Return: true if it takes blocks offline or brings them online; false for a query.
 */
bool memory_request_changes_memory(const struct memory_request *req)
{
	return req->order.verb < MEMORY_VERB_QUERY;
}

static int request_refuse(struct memory_request *req, int err, enum mhp_reason why)
{
	req->res = MHP_RESULT_OK;
	return mhp_refuse(&req->res, err, why, MHP_NO_PFN);
}

/* ---- Cancelling -------------------------------------------------------- */

/*
 * Until request_end_wait(), an interruptible wait of this thread fails if the request is
 * cancelled, or has been cancelled already.
 */
static void request_begin_wait(struct memory_request *req)
{
	spin_lock_irq(&req->lock);
	req->waiter = current;
	if (req->cancelled)
		set_notify_signal(current);
	spin_unlock_irq(&req->lock);
}

/* Returns 0 if the request continues. */
static int request_end_wait(struct memory_request *req)
{
	bool cancelled;

	spin_lock_irq(&req->lock);
	req->waiter = NULL;
	cancelled = req->cancelled;
	spin_unlock_irq(&req->lock);
	/* A kernel thread does not return to user space, where the flag would be cleared. */
	clear_notify_signal();
	return cancelled ? request_refuse(req, -ECANCELED, MHP_WHY_CANCELLED) : 0;
}

/**
 * memory_request_cancel() - cancel a request
 * @req: the request
 *
 * The request ends soon, and the running attempt is undone. Attempts that have succeeded are
 * not undone.
 *
 * Context: Process context. Takes an interrupt-safe spinlock.
 */
void memory_request_cancel(struct memory_request *req)
{
	spin_lock_irq(&req->lock);
	req->cancelled = true;
	WRITE_ONCE(req->progress.cancel, true);
	if (req->waiter)
		set_notify_signal(req->waiter);
	spin_unlock_irq(&req->lock);
}

/* ---- Places -------------------------------------------------------------- */

static int compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return 0;
}

static int compare_groups(const void *a, const void *b)
{
	const unsigned int *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Merges ranges that overlap or are adjacent. */
static void request_merge_ranges(struct memory_request *req)
{
	struct range *last = req->ranges;
	unsigned int i;

	if (!req->nr_ranges)
		return;
	sort(req->ranges, req->nr_ranges, sizeof(*req->ranges), compare_ranges, NULL);
	for (i = 1; i < req->nr_ranges; i++) {
		const struct range *range = req->ranges + i;

		if (last->end == U64_MAX || range->start <= last->end + 1)
			last->end = max(last->end, range->end);
		else
			*++last = *range;
	}
	req->nr_ranges = last - req->ranges + 1;
}

static int request_read_places(struct memory_request *req)
{
	const char *next = req->order.places;
	unsigned int nr = req->order.nr_places;
	struct memory_place place;

	req->ranges = kvcalloc(nr, sizeof(*req->ranges), MHP_GFP | __GFP_ACCOUNT);
	req->groups = kvcalloc(nr, sizeof(*req->groups), MHP_GFP | __GFP_ACCOUNT);
	if (!req->ranges || !req->groups)
		return -ENOMEM;
	while (memory_order_next_place(&next, memory_block_size_bytes(), &place)) {
		if (place.is_group)
			req->groups[req->nr_groups++] = place.group;
		else
			req->ranges[req->nr_ranges++] = (struct range){ place.start, place.last };
	}
	request_merge_ranges(req);
	sort(req->groups, req->nr_groups, sizeof(*req->groups), compare_groups, NULL);
	return 0;
}

/* Returns the first range that does not end before an address; NULL if all do. */
static const struct range *request_range_from(const struct memory_request *req, u64 address)
{
	unsigned int low = 0, high = req->nr_ranges;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (req->ranges[middle].end < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < req->nr_ranges ? req->ranges + low : NULL;
}

static u64 block_start(const struct memory_block *mem)
{
	return PFN_PHYS(block_pfn(mem));
}

static u64 block_last(const struct memory_block *mem)
{
	return block_start(mem) + memory_block_size_bytes() - 1;
}

static bool is_in_ranges(const struct memory_request *req, const struct memory_block *mem)
{
	const struct range *range = request_range_from(req, block_start(mem));

	return range && range->start <= block_last(mem);
}

static bool is_in_groups(const struct memory_request *req, const struct memory_block *mem)
{
	const struct memory_group *group;
	unsigned int mgid;

	if (!req->nr_groups)
		return false;
	scoped_guard(rcu) {
		group = READ_ONCE(mem->group);
		if (!group)
			return false;
		mgid = group->mgid;
	}
	return bsearch(&mgid, req->groups, req->nr_groups, sizeof(mgid), compare_groups);
}

/* Calls @func for all blocks of the places, and possibly for others. */
static int request_walk_blocks(struct memory_request *req, walk_memory_blocks_func_t func,
			       void *arg)
{
	u64 start, last;

	if (req->order.size || req->nr_groups)
		return for_each_memory_block(arg, func);
	start = req->ranges[0].start;
	last = req->ranges[req->nr_ranges - 1].end;
	/* The size of a range with all addresses would be 0. */
	return walk_memory_blocks(start, min(last - start, (u64)LONG_MAX) + 1, arg, func);
}

/* ---- Candidates ---------------------------------------------------------- */

static bool is_in_wanted_zone(const struct memory_request *req, const struct memory_block *mem)
{
	const struct zone *zone = READ_ONCE(mem->zone);

	if (!*req->order.zone)
		return true;
	if (!is_offline_request(req))
		zone = zone_for_pfn_range(request_online_type(req), mem->nid, mem->group,
					  block_pfn(mem), block_pages());
	return zone && !strcasecmp(zone->name, req->order.zone);
}

/* Can a request for a size choose this block? */
static bool is_suitable_block(const struct memory_request *req, const struct memory_block *mem)
{
	int nid = READ_ONCE(mem->nid);

	if (nid == NUMA_NO_NODE || mem->claimed)
		return false;
	if (req->order.node >= 0 && nid != req->order.node)
		return false;
	return is_in_wanted_zone(req, mem);
}

/*
 * Counts the pages of a part of a block, whose state does not change meanwhile. The wait for the
 * lock of the block is short: its owners release it before they wait for pages to move, or for
 * readers to leave.
 */
static int request_take_census(struct memory_request *req, struct memory_block *mem,
			       u64 start, u64 last, struct mhp_census *census)
{
	unsigned long pfn, nr;
	int err;

	start = max(start, block_start(mem));
	last = min(last, block_last(mem));
	pfn = PHYS_PFN(start);
	nr = PHYS_PFN(last) - pfn + 1;
	do {
		request_begin_wait(req);
		err = device_lock_interruptible(&mem->dev);
		if (!err) {
			memory_block_census(mem, pfn, nr, census);
			device_unlock(&mem->dev);
		}
	} while (!request_end_wait(req) && err);
	return req->res.err;
}

static void request_add_candidate(struct memory_request *req, struct memory_block *mem,
				  unsigned int score)
{
	/* A block that was added after the arrays were allocated is not part of this request. */
	if (req->nr == req->max)
		return;
	get_device(&mem->dev);
	req->candidates[req->nr++] = (struct memory_candidate){
		.mem = mem, .nr = block_number(mem), .score = score, .res = MHP_RESULT_OK,
	};
}

static void request_put_candidates(struct memory_request *req)
{
	unsigned long i;

	for (i = 0; i < req->nr; i++) {
		put_device(&req->candidates[i].mem->dev);
		req->candidates[i].mem = NULL;
	}
}

/*
 * An attempt drops device_hotplug_lock. Meanwhile a block may be removed, and that of another
 * device, of another node or group, may come at the same address.
 */
static bool request_candidate_stays(const struct memory_candidate *c)
{
	struct memory_block *found = find_memory_block(c->mem->start_section_nr);

	if (found)
		put_device(&found->dev);
	return found == c->mem;
}

/*
 * The time limit of the whole request in milliseconds, or 0 for no limit. Without timeout= the
 * limit grows with the amount of memory that is known so far.
 */
static unsigned int request_time_limit(const struct memory_request *req)
{
	if (req->order.timed)
		return req->order.timeout_ms;
#ifdef CONFIG_MEMORY_HOTREMOVE
	if (is_offline_request(req))
		return mhp_user_limit((u64)req->wanted * memory_block_size_bytes());
#endif
	return 0;
}

static bool request_is_late(const struct memory_request *req)
{
	unsigned int limit = request_time_limit(req);

	return limit && jiffies_to_msecs(jiffies - req->begin) >= limit;
}

/* For a request for a size: adds a block that can be changed to the candidates. */
static int request_consider_any_block(struct memory_block *mem, void *arg)
{
	struct memory_request *req = arg;
	unsigned long before = is_offline_request(req) ? MEM_ONLINE : MEM_OFFLINE;
	struct mhp_census census = MHP_CENSUS_EMPTY;
	unsigned int score = 100;
	int err;

	if (READ_ONCE(mem->state) != before || !is_suitable_block(req, mem))
		return 0;
	if (request_is_late(req))
		return request_refuse(req, -EBUSY, MHP_WHY_DEADLINE);
	if (is_offline_request(req)) {
		err = request_take_census(req, mem, 0, U64_MAX, &census);
		if (err)
			return err;
		score = mhp_census_score(&census);
	}
	if (score)
		request_add_candidate(req, mem, score);
	return 0;
}

/* For a request for places: adds a block that is not in the wanted state to the candidates. */
static int request_consider_named_block(struct memory_block *mem, void *arg)
{
	struct memory_request *req = arg;
	unsigned long after = is_offline_request(req) ? MEM_OFFLINE : MEM_ONLINE;

	if (is_in_ranges(req, mem))
		req->found++;
	else if (is_in_groups(req, mem))
		req->in_groups++;
	else
		return 0;
	if (READ_ONCE(mem->state) != after) {
		request_add_candidate(req, mem, 100);
		return 0;
	}
	if (request_online_type(req) <= MMOP_ONLINE || req->order.best_effort ||
	    request_online_type(req) == READ_ONCE(mem->kept_type))
		return 0;
	/* The block is online in another kind of zone. */
	request_refuse(req, -EINVAL, MHP_WHY_ALREADY);
	req->res.pfn = block_pfn(mem);
	return -EINVAL;
}

static int count_block(struct memory_block *mem, void *arg)
{
	++*(unsigned long *)arg;
	return 0;
}

/* Sorts by score, the best first; blocks with the same score by address, the last first. */
static int compare_candidates(const void *a, const void *b)
{
	const struct memory_candidate *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->nr > y->nr ? -1 : 1;
}

/* Returns the number of blocks in the ranges, or 0 if the ranges do not have whole blocks. */
static unsigned long request_count_named_blocks(const struct memory_request *req)
{
	u64 size = memory_block_size_bytes();
	unsigned long blocks = 0;
	unsigned int i;

	for (i = 0; i < req->nr_ranges; i++) {
		const struct range *range = req->ranges + i;

		if (range->start & (size - 1) || (range->end + 1) & (size - 1))
			return 0;
		blocks += div64_u64(range->end, size) - div64_u64(range->start, size) + 1;
	}
	return blocks;
}

static bool request_groups_exist(const struct memory_request *req)
{
	unsigned int i;

	for (i = 0; i < req->nr_groups; i++)
		if (!memory_group_find_by_id(req->groups[i]))
			return false;
	return true;
}

/* All blocks that are named have to exist or, with best-effort, at least one. */
static int request_check_named_blocks(struct memory_request *req)
{
	unsigned long named = request_count_named_blocks(req);

	if (req->nr_ranges && !named)
		return request_refuse(req, -EINVAL, MHP_WHY_RANGE);
	if (!req->found && !req->in_groups)
		return request_refuse(req, -EINVAL, MHP_WHY_ABSENT);
	if (!req->order.best_effort && (req->found != named || !request_groups_exist(req)))
		return request_refuse(req, -EINVAL, MHP_WHY_ABSENT);
	req->wanted = req->nr;
	return 0;
}

static int request_check_size(struct memory_request *req)
{
	req->wanted = div64_u64(req->order.size, memory_block_size_bytes());
	if (is_offline_request(req))
		sort(req->candidates, req->nr, sizeof(*req->candidates), compare_candidates,
		     NULL);
	if (!req->order.best_effort && req->nr < req->wanted)
		return request_refuse(req, -EBUSY, MHP_WHY_ABSENT);
	return 0;
}

static int request_find_candidates(struct memory_request *req)
{
	int err;

	if (req->order.size)
		return request_walk_blocks(req, request_consider_any_block, req) ?:
		       request_check_size(req);
	err = request_walk_blocks(req, request_consider_named_block, req);
	return err ?: request_check_named_blocks(req);
}

/* ---- Attempts ---------------------------------------------------------- */

/*
 * Chooses candidates for the blocks that are still missing. Returns their number of ranges, or 0
 * if there are not enough candidates.
 */
static unsigned int request_choose_blocks(struct memory_request *req)
{
	u64 size = memory_block_size_bytes();
	unsigned long missing = req->wanted - req->done, i;
	unsigned int nr = 0;

	for (i = 0; i < req->nr && missing; i++) {
		struct memory_candidate *c = req->candidates + i;

		if (c->fate != FATE_WAITING)
			continue;
		if (!request_candidate_stays(c)) {
			c->fate = FATE_FAILED;
			mhp_refuse(&c->res, -EINVAL, MHP_WHY_ABSENT, block_pfn(c->mem));
			continue;
		}
		c->fate = FATE_CHOSEN;
		req->chosen[nr++] = (struct range){ c->nr * size, c->nr * size + size - 1 };
		missing--;
	}
	if (missing && nr && !req->order.best_effort)
		return 0;
	sort(req->chosen, nr, sizeof(*req->chosen), compare_ranges, NULL);
	return nr;
}

/* Sets the result for all blocks that were chosen. */
static void request_set_fate_of_chosen(struct memory_request *req, enum memory_fate fate)
{
	unsigned long i;

	for (i = 0; i < req->nr; i++) {
		if (req->candidates[i].fate != FATE_CHOSEN)
			continue;
		req->candidates[i].fate = fate;
		req->done += fate == FATE_DONE;
	}
}

/* Returns the block at which the attempt failed, or NULL. */
static struct memory_candidate *request_find_culprit(struct memory_request *req)
{
	unsigned long i, nr = req->res.pfn / block_pages();

	if (req->res.pfn == MHP_NO_PFN)
		return NULL;
	for (i = 0; i < req->nr; i++)
		if (req->candidates[i].nr == nr && req->candidates[i].fate == FATE_CHOSEN)
			return req->candidates + i;
	return NULL;
}

/* Can another attempt succeed without the block at which this one failed? */
static bool request_is_worth_another_attempt(const struct memory_request *req)
{
	if (!req->order.size && !req->order.best_effort)
		return false;
	switch (req->res.why) {
	case MHP_WHY_SIGNAL:
	case MHP_WHY_CANCELLED:
	case MHP_WHY_SLEEP:
	case MHP_WHY_DEADLINE:
	case MHP_WHY_NOMEM:
		return false;
	case MHP_WHY_NO_ROOM:
		return req->order.best_effort;
	default:
		return true;
	}
}

/* Sets the time limit of an attempt; returns false if that of the request was reached. */
static bool request_fill_policy(struct memory_request *req, struct mhp_policy *policy)
{
	unsigned int elapsed = jiffies_to_msecs(jiffies - req->begin);

#ifdef CONFIG_MEMORY_HOTREMOVE
	*policy = mhp_user_policy();
#else
	*policy = (struct mhp_policy){};
#endif
	/* The thread gets no signals. A cancel is noticed by way of the progress. */
	policy->signals = MHP_SIGNALS_NONE;
	policy->progress = &req->progress;
	policy->strict = req->order.timed;
	policy->timeout_ms = request_time_limit(req);
	if (!policy->timeout_ms)
		return true;
	if (elapsed >= policy->timeout_ms)
		return false;
	policy->timeout_ms -= elapsed;
	return true;
}

/* The progress of each attempt begins with zero; readers add that of earlier attempts. */
static void request_restart_progress(struct memory_request *req)
{
	spin_lock_irq(&req->lock);
	req->before.moved += req->progress.moved;
	req->before.failed += req->progress.failed;
	req->before.passes += req->progress.passes;
	req->progress = (struct mhp_progress){ .cancel = req->cancelled };
	spin_unlock_irq(&req->lock);
}

static int request_attempt(struct memory_request *req, unsigned int nr_ranges)
{
	struct mhp_policy policy;

	req->res = MHP_RESULT_OK;
	request_restart_progress(req);
	if (req->progress.cancel)
		return request_refuse(req, -ECANCELED, MHP_WHY_CANCELLED);
	if (!request_fill_policy(req, &policy))
		return request_refuse(req, -EBUSY, MHP_WHY_DEADLINE);
	if (is_offline_request(req))
		return memory_ranges_offline(req->chosen, nr_ranges, &policy, &req->res);
	return memory_ranges_online(req->chosen, nr_ranges, request_online_type(req), &req->res);
}

/* Excludes the block at which an attempt failed; returns false if the request has to end. */
static bool request_set_culprit_aside(struct memory_request *req)
{
	struct memory_candidate *c = request_find_culprit(req);
	bool again = c && request_is_worth_another_attempt(req);

	if (c) {
		c->fate = FATE_FAILED;
		c->res = req->res;
	}
	request_set_fate_of_chosen(req, FATE_WAITING);
	return again;
}

/*
 * Less than wanted was done, although the last attempt succeeded: the first failure says why. If
 * there is none, there were too few blocks.
 */
static void request_recall_failure(struct memory_request *req)
{
	unsigned long i;

	for (i = 0; i < req->nr && !req->res.err; i++)
		if (req->candidates[i].fate == FATE_FAILED)
			req->res = req->candidates[i].res;
	if (!req->res.err)
		request_refuse(req, -EBUSY, MHP_WHY_ABSENT);
}

static void request_fulfil(struct memory_request *req)
{
	unsigned int nr;

	while (req->done < req->wanted) {
		nr = request_choose_blocks(req);
		if (!nr) {
			request_set_fate_of_chosen(req, FATE_WAITING);
			request_recall_failure(req);
			break;
		}
		if (!request_attempt(req, nr))
			request_set_fate_of_chosen(req, FATE_DONE);
		else if (!request_set_culprit_aside(req))
			break;
	}
}

/*
 * Takes device_hotplug_lock. The system may go to sleep while the thread waits for the lock. The
 * request does not begin before the system is awake again.
 */
static int request_lock_hotplug(struct memory_request *req)
{
	int err;

	for (;;) {
		current->flags |= PF_NOFREEZE;
		request_begin_wait(req);
		err = memory_lock_for_user(req->begin, request_time_limit(req));
		if (request_end_wait(req)) {
			if (!err)
				unlock_device_hotplug();
			return req->res.err;
		}
		current->flags &= ~PF_NOFREEZE;
		if (err == -ETIMEDOUT)
			return request_refuse(req, -EBUSY, MHP_WHY_DEADLINE);
		if (!err && !freezing(current))
			return 0;
		if (!err)
			unlock_device_hotplug();
		try_to_freeze();
	}
}

static void request_change_memory(struct memory_request *req)
{
	if (request_lock_hotplug(req))
		return;
	if (!request_find_candidates(req))
		request_fulfil(req);
	unlock_device_hotplug();
	request_put_candidates(req);
}

/* ---- Queries ------------------------------------------------------------- */

static int request_count_all_of_block(struct memory_request *req, struct memory_block *mem,
				      struct mhp_census *census)
{
	const struct range *range;
	int err = 0;

	if (is_in_groups(req, mem))
		return request_take_census(req, mem, 0, U64_MAX, census);
	range = request_range_from(req, block_start(mem));
	for (; !err && range && range < req->ranges + req->nr_ranges; range++) {
		if (range->start > block_last(mem))
			break;
		err = request_take_census(req, mem, range->start, range->end, census);
	}
	return err;
}

static void census_add(struct mhp_census *sum, const struct mhp_census *c)
{
	sum->free += c->free;
	sum->movable += c->movable;
	sum->unmovable += c->unmovable;
	sum->pinned += c->pinned;
	sum->hugetlb += c->hugetlb;
	sum->poisoned += c->poisoned;
	/* Keep the first blocker, unless a hopeless one follows. */
	if (c->kind && (!sum->kind || (c->hopeless && !sum->hopeless))) {
		sum->blocker = c->blocker;
		sum->kind = c->kind;
	}
	sum->hopeless |= c->hopeless;
}

static int request_ask_block(struct memory_block *mem, void *arg)
{
	struct memory_request *req = arg;
	struct memory_answer *answer = req->answers + req->nr;
	int err;

	if (req->nr == req->max || (!is_in_ranges(req, mem) && !is_in_groups(req, mem)))
		return 0;
	try_to_freeze();
	if (req->last_error)
		mhp_record_show(&mem->last_error, req->last_error);
	*answer = (struct memory_answer){
		.nr = block_number(mem),
		.census = MHP_CENSUS_EMPTY,
	};
	req->wanted++;
	err = request_count_all_of_block(req, mem, &answer->census);
	if (err)
		return err;
	census_add(&req->sum, &answer->census);
	req->nr++;
	req->done++;
	return 0;
}

static void request_answer_question(struct memory_request *req)
{
	req->sum = MHP_CENSUS_EMPTY;
	if (request_walk_blocks(req, request_ask_block, req))
		return;
	if (req->order.verb == MEMORY_VERB_WHY && !req->done)
		request_refuse(req, -EINVAL, MHP_WHY_ABSENT);
}

/* ---- Creating and running requests --------------------------------------- */

/* The name of a zone that no node can have is an error, not a zone without blocks. */
static bool is_zone_name(const char *name)
{
	const struct zone *zones = first_online_pgdat()->node_zones;

	for (unsigned int i = 0; i < MAX_NR_ZONES; i++)
		if (!strcasecmp(zones[i].name, name))
			return true;
	return false;
}

static int request_alloc_arrays(struct memory_request *req)
{
	gfp_t gfp = MHP_GFP | __GFP_ACCOUNT;

	request_walk_blocks(req, count_block, &req->max);
	if (!req->max)
		return 0;
	if (memory_request_changes_memory(req)) {
		req->candidates = kvcalloc(req->max, sizeof(*req->candidates), gfp);
		req->chosen = kvcalloc(req->max, sizeof(*req->chosen), gfp);
		return req->candidates && req->chosen ? 0 : -ENOMEM;
	}
	req->answers = kvcalloc(req->max, sizeof(*req->answers), gfp);
	return req->answers ? 0 : -ENOMEM;
}

static int request_alloc(struct memory_request *req)
{
	int err = 0;

	if (*req->order.zone && !is_zone_name(req->order.zone))
		return -EINVAL;
	if (req->order.places)
		err = request_read_places(req);
	if (err)
		return err;
	if (req->order.verb == MEMORY_VERB_WHY) {
		/* A whole page, as sysfs_emit() requires it. */
		req->last_error = kzalloc(PAGE_SIZE, MHP_GFP | __GFP_ACCOUNT);
		if (!req->last_error)
			return -ENOMEM;
	}
	return request_alloc_arrays(req);
}

/**
 * memory_request_create() - allocate a request
 * @order: the parsed request, which is no cancel
 * @text: the text to which @order refers, from kvmalloc(); it is freed with the request, and
 *	after an error
 *
 * Allocates all memory that the request needs, charged to the caller.
 *
 * Context: Process context. May sleep.
 * Return: the request, to be freed with memory_request_free(); -EINVAL if there is no such zone;
 * -ENOMEM.
 */
struct memory_request *memory_request_create(const struct memory_order *order, char *text)
{
	struct memory_request *req;
	int err;

	req = kzalloc(sizeof(*req), GFP_KERNEL_ACCOUNT);
	if (!req) {
		kvfree(text);
		return ERR_PTR(-ENOMEM);
	}
	req->text = text;
	req->order = *order;
	req->res = MHP_RESULT_OK;
	req->begin = jiffies;
	spin_lock_init(&req->lock);
	err = request_alloc(req);
	if (err) {
		memory_request_free(req);
		return ERR_PTR(err);
	}
	return req;
}

/**
 * memory_request_free() - free a request
 * @req: the request, which is not running
 *
 * Context: Process context. May sleep.
 */
void memory_request_free(struct memory_request *req)
{
	kvfree(req->text);
	kvfree(req->ranges);
	kvfree(req->groups);
	kvfree(req->candidates);
	kvfree(req->chosen);
	kvfree(req->answers);
	kfree(req->last_error);
	kfree(req);
}

/**
 * memory_request_run() - run a request
 * @req: the request, which is run once
 *
 * Context: Process context, in a freezable kernel thread that holds no locks. May sleep for as
 * long as the request takes.
 */
void memory_request_run(struct memory_request *req)
{
	if (memory_request_changes_memory(req))
		request_change_memory(req);
	else
		request_answer_question(req);
	req->ms = jiffies_to_msecs(jiffies - req->begin);
}

/* ---- The answer -------------------------------------------------------- */

/**
 * memory_request_progress() - get the progress of a request
 * @req: the request, which may be running
 * @progress: the progress that the reader has seen; set to the present progress
 *
 * Context: Any. Takes an interrupt-safe spinlock.
 * Return: true if the progress has changed.
 */
bool memory_request_progress(struct memory_request *req, struct mhp_progress *progress)
{
	struct mhp_progress now;
	bool changed;

	scoped_guard(spinlock_irqsave, &req->lock) {
		now = req->progress;
		now.moved += req->before.moved;
		now.failed += req->before.failed;
		now.passes += req->before.passes;
	}
	changed = now.pages && (now.pages != progress->pages || now.left != progress->left ||
				now.moved != progress->moved || now.failed != progress->failed ||
				now.passes != progress->passes);
	*progress = now;
	return changed;
}

/**
 * memory_request_progress_line() - format the progress of a request
 * @req: the request
 * @progress: the progress, from memory_request_progress()
 * @line: buffer for the line
 * @size: size of @line in bytes
 *
 * Context: Any.
 * Return: the length of the line in bytes.
 */
size_t memory_request_progress_line(const struct memory_request *req,
				    const struct mhp_progress *progress, char *line, size_t size)
{
	return scnprintf(line, size,
			 "progress pages=%lu left=%lu moved=%lu failed=%lu passes=%u ms=%u\n",
			 progress->pages, progress->left, progress->moved, progress->failed,
			 progress->passes, jiffies_to_msecs(jiffies - req->begin));
}

static size_t pfn_to_text(unsigned long pfn, const char *name, char *text, size_t size)
{
	if (pfn == MHP_NO_PFN)
		return scnprintf(text, size, " %s=none", name);
	return scnprintf(text, size, " %s=%#lx", name, pfn);
}

static size_t result_to_text(const struct mhp_result *res, char *text, size_t size)
{
	size_t len = scnprintf(text, size, " err=%d reason=%s", res->err,
			       mhp_reason_name(res->why));

	len += pfn_to_text(res->pfn, "pfn", text + len, size - len);
	return len + scnprintf(text + len, size - len, " step=%s\n", res->step ?: "check");
}

static size_t census_to_text(const struct mhp_census *c, char *text, size_t size)
{
	size_t len = scnprintf(text, size,
			       " free=%lu movable=%lu unmovable=%lu pinned=%lu hugetlb=%lu poisoned=%lu",
			       c->free, c->movable, c->unmovable, c->pinned, c->hugetlb,
			       c->poisoned);

	len += pfn_to_text(c->blocker, "blocker", text + len, size - len);
	return len + scnprintf(text + len, size - len, " kind=%s score=%u\n", c->kind ?: "none",
			       mhp_census_score(c));
}

static size_t candidate_to_text(const struct memory_candidate *c, char *text, size_t size)
{
	const char *word = "untouched";
	size_t len;

	if (c->fate == FATE_DONE)
		word = "done";
	else if (c->fate == FATE_FAILED)
		word = "failed";
	len = scnprintf(text, size, "block=%lu result=%s", c->nr, word);
	return len + result_to_text(&c->res, text + len, size - len);
}

static size_t answer_to_text(const struct memory_answer *a, char *text, size_t size)
{
	size_t len = scnprintf(text, size, "block=%lu", a->nr);

	return len + census_to_text(&a->census, text + len, size - len);
}

/* The line for all places of a query, with their first and last byte. */
static size_t sum_to_text(const struct memory_request *req, char *text, size_t size)
{
	u64 bytes = memory_block_size_bytes(), start = U64_MAX, last = 0;
	size_t len;

	if (req->nr_ranges) {
		start = req->ranges[0].start;
		last = req->ranges[req->nr_ranges - 1].end;
	}
	if (req->nr_groups && req->nr) {
		start = min(start, req->answers[0].nr * bytes);
		last = max(last, req->answers[req->nr - 1].nr * bytes + bytes - 1);
	}
	if (start > last)
		len = scnprintf(text, size, "range=none");
	else
		len = scnprintf(text, size, "range=%#llx-%#llx", start, last);
	return len + census_to_text(&req->sum, text + len, size - len);
}

static const char *request_result_word(const struct memory_request *req)
{
	if (!req->res.err && req->done == req->wanted)
		return "ok";
	if (req->done)
		return "partial";
	return req->res.why == MHP_WHY_CANCELLED ? "cancelled" : "failed";
}

static size_t request_to_text(const struct memory_request *req, char *text, size_t size)
{
	size_t len = scnprintf(text, size, "request verb=%s result=%s wanted=%lu done=%lu ms=%u",
			       memory_verb_name(req->order.verb), request_result_word(req),
			       req->wanted, req->done, req->ms);

	return len + result_to_text(&req->res, text + len, size - len);
}

/**
 * memory_request_end() - get the result of a request
 * @req: the request, which has run
 *
 * Context: Any.
 * Return: see the structure.
 */
struct memory_request_end memory_request_end(const struct memory_request *req)
{
	return (struct memory_request_end){
		.verb = memory_verb_name(req->order.verb),
		.result = request_result_word(req),
		.reason = mhp_reason_name(req->res.why),
		.bytes = (u64)req->done * memory_block_size_bytes(),
	};
}

/**
 * memory_request_has_line() - test whether the answer has another line
 * @req: the request, which has run
 * @next: the position, from memory_request_line(); initially 0
 *
 * Context: Any.
 * Return: false after the last line.
 */
bool memory_request_has_line(const struct memory_request *req, unsigned long next)
{
	return next < req->nr + 3;
}

/**
 * memory_request_line() - format the next line of the answer
 * @req: the request, which has run
 * @next: the position, initially 0; set to that of the following line
 * @line: buffer for the line
 * @size: size of @line in bytes
 *
 * The text is formatted when it is read, so that long answers need no memory. A request for a
 * size has lines only for blocks that it tried.
 *
 * Context: Any.
 * Return: the length of the line in bytes, with its newline; 0 after the last line.
 */
size_t memory_request_line(const struct memory_request *req, unsigned long *next, char *line,
			   size_t size)
{
	while (memory_request_has_line(req, *next)) {
		unsigned long n = (*next)++;

		if (n == 0 && req->last_error && req->done)
			return scnprintf(line, size, "last_error block=%lu %s",
					 req->answers[0].nr, req->last_error);
		if (n == req->nr + 1 && req->order.verb == MEMORY_VERB_QUERY)
			return sum_to_text(req, line, size);
		if (n == req->nr + 2)
			return request_to_text(req, line, size);
		if (n == 0 || n > req->nr)
			continue;
		if (req->answers)
			return answer_to_text(req->answers + n - 1, line, size);
		if (!req->order.size || req->candidates[n - 1].fate != FATE_WAITING)
			return candidate_to_text(req->candidates + n - 1, line, size);
	}
	return 0;
}
