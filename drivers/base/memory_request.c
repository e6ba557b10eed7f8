// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/devices/system/memory/request: one write takes many blocks offline or online.
 *
 * Who writes a range gets all of it or nothing; who writes a size leaves it to the kernel
 * which blocks. Either is one attempt for all blocks, so that no page moves twice. Where
 * one block is in the way of an attempt, the next is made without it: with another block
 * in its place, or as best-effort.
 *
 * Owns the answer, which is read back. Called with no lock; waits for device_hotplug_lock,
 * once, and then looks at the blocks: so that they stay, and are counted once. Attempts drop
 * it while pages move.
 */
#define pr_fmt(fmt) "memory: " fmt

#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mhp.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/range.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "memory_attrs.h"
#include "memory_blocks.h"
#include "../../mm/mhp/order.h"

/* What has become of a block. */
enum fate {
	WAITING,
	CHOSEN,		/* for the next attempt */
	DONE,
	FAILED,
};

/**
 * struct candidate - a block that may be changed
 * @nr: its number
 * @score: how easily it goes
 * @fate: what has become of it
 * @res: FAILED: why
 */
struct candidate {
	unsigned long nr;
	unsigned int score;
	enum fate fate;
	struct mhp_result res;
};

/**
 * struct undertaking - a request being fulfilled
 * @order: what is wanted
 * @list: the candidates, in the order in which they are tried
 * @nr: how many
 * @max: room in @list
 * @wanted: blocks to change
 * @done: changed
 * @found: blocks of the range that are there, also those that need no change
 * @ranges: the blocks of an attempt
 * @res: how the last attempt ended
 * @begin: in jiffies
 */
struct undertaking {
	struct mhp_order order;
	struct candidate *list;
	unsigned long nr, max;
	unsigned long wanted, done, found;
	struct range *ranges;
	struct mhp_result res;
	unsigned long begin;
};

static bool is_offline_order(const struct undertaking *u)
{
	return u->order.verb == MHP_ORDER_OFFLINE;
}

static enum mmop online_type(const struct undertaking *u)
{
	return (enum mmop)u->order.verb;
}

static int refused(struct undertaking *u, int err, enum mhp_reason why)
{
	u->res.err = err;
	u->res.why = why;
	return err;
}

/* ---- Which blocks ----------------------------------------------------- */

static bool in_zone(const struct undertaking *u, const struct memory_block *mem)
{
	const struct zone *zone = READ_ONCE(mem->zone);

	if (!*u->order.zone)
		return true;
	if (!is_offline_order(u))
		zone = zone_for_pfn_range(online_type(u), mem->nid, mem->group,
					  block_pfn(mem), block_pages());
	return zone && !strcasecmp(zone->name, u->order.zone);
}

/* One of those that "any so many bytes" can be? */
static bool is_suitable(const struct undertaking *u, const struct memory_block *mem)
{
	int nid = READ_ONCE(mem->nid);

	if (nid == NUMA_NO_NODE || mem->claimed)
		return false;
	if (u->order.node >= 0 && nid != u->order.node)
		return false;
	return in_zone(u, mem);
}

/* 0: not at all. */
static int score_block(struct memory_block *mem, unsigned int *score)
{
	struct mhp_census census = MHP_CENSUS_EMPTY;

	if (device_lock_interruptible(&mem->dev))
		return -EINTR;
	memory_block_census(mem, block_pfn(mem), block_pages(), &census);
	device_unlock(&mem->dev);
	*score = mhp_census_score(&census);
	return 0;
}

static void take(struct undertaking *u, const struct memory_block *mem, unsigned int score)
{
	/* Came while others were counted: not this time. */
	if (u->nr < u->max)
		u->list[u->nr++] = (struct candidate){
			.nr = block_number(mem), .score = score, .res = MHP_RESULT_OK,
		};
}

/*
 * In milliseconds, for all of the request; 0: none. Where the caller has not said how long,
 * more may take longer, as far as is known by then.
 */
static unsigned int time_limit(const struct undertaking *u)
{
	if (u->order.timed)
		return u->order.timeout_ms;
#ifdef CONFIG_MEMORY_HOTREMOVE
	if (is_offline_order(u))
		return mhp_user_limit((u64)u->wanted * memory_block_size_bytes());
#endif
	return 0;
}

static bool is_late(const struct undertaking *u)
{
	unsigned int limit = time_limit(u);

	return limit && jiffies_to_msecs(jiffies - u->begin) >= limit;
}

/* By size: a block that can be changed. */
static int add_any(struct memory_block *mem, void *arg)
{
	struct undertaking *u = arg;
	unsigned long before = is_offline_order(u) ? MEM_ONLINE : MEM_OFFLINE;
	unsigned int score = 100;

	if (READ_ONCE(mem->state) != before || !is_suitable(u, mem))
		return 0;
	if (is_late(u))
		return refused(u, -EBUSY, MHP_WHY_DEADLINE);
	if (is_offline_order(u) && score_block(mem, &score))
		return refused(u, -EINTR, MHP_WHY_SIGNAL);
	if (score)
		take(u, mem, score);
	return 0;
}

/* By range: a block that is not yet as it is to be. */
static int add_this(struct memory_block *mem, void *arg)
{
	struct undertaking *u = arg;
	unsigned long after = is_offline_order(u) ? MEM_OFFLINE : MEM_ONLINE;

	u->found++;
	if (READ_ONCE(mem->state) != after) {
		take(u, mem, 100);
		return 0;
	}
	if (online_type(u) <= MMOP_ONLINE || online_type(u) == READ_ONCE(mem->kept_type) ||
	    u->order.best_effort)
		return 0;
	/* Online in another kind of zone. */
	u->res.pfn = block_pfn(mem);
	return refused(u, -EINVAL, MHP_WHY_ALREADY);
}

static int count_one(struct memory_block *mem, void *arg)
{
	++*(unsigned long *)arg;
	return 0;
}

/* The best first; of equals what was added last goes first, and comes last. */
static int by_score(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->nr > y->nr ? -1 : 1;
}

static unsigned long blocks_of_range(const struct undertaking *u)
{
	u64 size = memory_block_size_bytes();

	return div64_u64(u->order.last, size) - div64_u64(u->order.start, size) + 1;
}

/* Whole blocks, all of which are there unless less will do. */
static int check_found(struct undertaking *u)
{
	u64 mask = memory_block_size_bytes() - 1;

	if (u->order.start & mask || (u->order.last + 1) & mask)
		return refused(u, -EINVAL, MHP_WHY_RANGE);
	if (!u->found || (!u->order.best_effort && u->found != blocks_of_range(u)))
		return refused(u, -EINVAL, MHP_WHY_ABSENT);
	u->wanted = u->nr;
	return 0;
}

static int check_size(struct undertaking *u)
{
	u->wanted = div64_u64(u->order.size, memory_block_size_bytes());
	if (is_offline_order(u))
		sort(u->list, u->nr, sizeof(*u->list), by_score, NULL);
	if (!u->order.best_effort && u->nr < u->wanted)
		return refused(u, -EBUSY, MHP_WHY_ABSENT);
	return 0;
}

static int find_candidates(struct undertaking *u)
{
	int err;

	for_each_memory_block(&u->max, count_one);
	u->list = kvcalloc(u->max, sizeof(*u->list), MHP_GFP);
	u->ranges = kvcalloc(u->max, sizeof(*u->ranges), MHP_GFP);
	if (!u->list || !u->ranges)
		return refused(u, -ENOMEM, MHP_WHY_NOMEM);
	if (u->order.size)
		return for_each_memory_block(u, add_any) ?: check_size(u);
	err = walk_memory_blocks(u->order.start,
				 min(u->order.last - u->order.start, (u64)LONG_MAX) + 1,
				 u, add_this);
	return err ?: check_found(u);
}

/* ---- Attempts ---------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : 1;
}

/* Chooses what is still missing; returns how many ranges that is, 0: nothing is left. */
static unsigned int choose(struct undertaking *u)
{
	u64 size = memory_block_size_bytes();
	unsigned long missing = u->wanted - u->done, i;
	unsigned int nr = 0;

	for (i = 0; i < u->nr && missing; i++) {
		struct candidate *c = u->list + i;

		if (c->fate != WAITING)
			continue;
		c->fate = CHOSEN;
		u->ranges[nr++] = (struct range){ c->nr * size, c->nr * size + size - 1 };
		missing--;
	}
	if (missing && nr && !u->order.best_effort)
		return 0;
	sort(u->ranges, nr, sizeof(*u->ranges), by_start, NULL);
	return nr;
}

static void settle(struct undertaking *u, enum fate fate)
{
	unsigned long i;

	for (i = 0; i < u->nr; i++) {
		if (u->list[i].fate != CHOSEN)
			continue;
		u->list[i].fate = fate;
		u->done += fate == DONE;
	}
}

/* The block that the attempt failed at, or NULL. */
static struct candidate *culprit(struct undertaking *u)
{
	unsigned long i, nr = u->res.pfn / PHYS_PFN(memory_block_size_bytes());

	if (u->res.pfn == MHP_NO_PFN)
		return NULL;
	for (i = 0; i < u->nr; i++)
		if (u->list[i].nr == nr && u->list[i].fate == CHOSEN)
			return u->list + i;
	return NULL;
}

/* Might it work without the block that was in the way? */
static bool is_worth_another(const struct undertaking *u)
{
	if (!u->order.size && !u->order.best_effort)
		return false;
	switch (u->res.why) {
	case MHP_WHY_SIGNAL:
	case MHP_WHY_CANCELLED:
	case MHP_WHY_SLEEP:
	case MHP_WHY_DEADLINE:
	case MHP_WHY_NOMEM:
		return false;
	case MHP_WHY_NO_ROOM:
		return u->order.best_effort;
	default:
		return true;
	}
}

/* What is left of the caller's time; false: nothing. */
static bool policy_now(const struct undertaking *u, struct mhp_policy *policy)
{
	unsigned int gone = jiffies_to_msecs(jiffies - u->begin);

#ifdef CONFIG_MEMORY_HOTREMOVE
	*policy = mhp_user_policy();
#else
	*policy = (struct mhp_policy){};
#endif
	policy->strict = u->order.timed;
	policy->timeout_ms = time_limit(u);
	if (!policy->timeout_ms)
		return true;
	if (gone >= policy->timeout_ms)
		return false;
	policy->timeout_ms -= gone;
	return true;
}

static int attempt(struct undertaking *u, unsigned int nr_ranges)
{
	struct mhp_policy policy;

	u->res = MHP_RESULT_OK;
	if (!policy_now(u, &policy))
		return refused(u, -EBUSY, MHP_WHY_DEADLINE);
	if (is_offline_order(u))
		return memory_ranges_offline(u->ranges, nr_ranges, &policy, &u->res);
	return memory_ranges_online(u->ranges, nr_ranges, online_type(u), &u->res);
}

/* An attempt has failed: what is to become of the block it failed at? False: that is all. */
static bool set_aside(struct undertaking *u)
{
	struct candidate *c = culprit(u);
	bool again = c && is_worth_another(u);

	if (c) {
		c->fate = FAILED;
		c->res = u->res;
	}
	settle(u, WAITING);
	return again;
}

static int fulfil(struct undertaking *u)
{
	unsigned int nr;
	int err = 0;

	while (u->done < u->wanted) {
		nr = choose(u);
		if (!nr) {
			settle(u, WAITING);
			break;
		}
		err = attempt(u, nr);
		if (!err)
			settle(u, DONE);
		else if (!set_aside(u))
			break;
	}
	return err;
}

/* ---- The answer -------------------------------------------------------- */

static struct {
	char *text;
	size_t len;
} answer;
static DEFINE_MUTEX(answer_lock);

#define MAX_LINE	192

static int emit_result(char *buf, const struct mhp_result *res)
{
	int len = scnprintf(buf, MAX_LINE, " err=%d reason=%s", res->err,
			    mhp_reason_name(res->why));

	if (res->pfn != MHP_NO_PFN)
		len += scnprintf(buf + len, MAX_LINE - len, " pfn=%#lx", res->pfn);
	else
		len += scnprintf(buf + len, MAX_LINE - len, " pfn=none");
	return len + scnprintf(buf + len, MAX_LINE - len, " step=%s", res->step ?: "check");
}

static size_t emit_candidate(char *buf, const struct candidate *c)
{
	const char *word = c->fate == DONE ? "done" : c->fate == FAILED ? "failed" : "untouched";
	size_t len = scnprintf(buf, MAX_LINE, "block=%lu result=%s", c->nr, word);

	len += emit_result(buf + len, &c->res);
	buf[len++] = '\n';
	return len;
}

static size_t emit_undertaking(char *buf, const struct undertaking *u, int err)
{
	static const char * const verbs[] = {
		"offline", "online", "online_kernel", "online_movable",
	};
	const char *word = u->done ? "partial" : "failed";
	size_t len;

	if (!err && u->done == u->wanted)
		word = "ok";
	len = scnprintf(buf, MAX_LINE, "request verb=%s result=%s wanted=%lu done=%lu ms=%u",
			verbs[u->order.verb], word, u->wanted, u->done,
			jiffies_to_msecs(jiffies - u->begin));
	len += emit_result(buf + len, &u->res);
	buf[len++] = '\n';
	return len;
}

/* One line for each block that was a candidate, of any size those tried; and one for all. */
static void write_answer(const struct undertaking *u, int err)
{
	char *text = kvmalloc((u->nr + 1) * 2 * MAX_LINE, MHP_GFP);
	unsigned long i;
	size_t len = 0;

	for (i = 0; text && i < u->nr; i++)
		if (!u->order.size || u->list[i].fate != WAITING)
			len += emit_candidate(text + len, u->list + i);
	if (text)
		len += emit_undertaking(text + len, u, err);
	guard(mutex)(&answer_lock);
	swap(answer.text, text);
	answer.len = len;
	kvfree(text);
}

/* All of it, or with best-effort some of it; else why not. */
static int outcome(const struct undertaking *u, int err)
{
	if (!err && u->done == u->wanted)
		return 0;
	if (u->order.best_effort && u->done && err != -EINTR && err != -ECANCELED)
		return 0;
	return err ?: u->res.err ?: -EBUSY;
}

/* A zone that no node can have is a mistake, not one without blocks. */
static bool is_zone_name(const char *name)
{
	const struct zone *zones = first_online_pgdat()->node_zones;

	for (unsigned int i = 0; i < MAX_NR_ZONES; i++)
		if (!strcasecmp(zones[i].name, name))
			return true;
	return false;
}

static int undertake_locked(struct undertaking *u)
{
	int err = memory_lock_for_user(u->begin, time_limit(u));

	if (err == -ETIMEDOUT)
		return refused(u, -EBUSY, MHP_WHY_DEADLINE);
	if (err)
		return refused(u, err, MHP_WHY_SIGNAL);
	err = find_candidates(u) ?: fulfil(u);
	unlock_device_hotplug();
	return err;
}

static int undertake(const struct mhp_order *order)
{
	struct undertaking u = { .order = *order, .res = MHP_RESULT_OK, .begin = jiffies };
	int err;

	if (*order->zone && !is_zone_name(order->zone))
		return -EINVAL;
	err = undertake_locked(&u);
	write_answer(&u, err);
	err = outcome(&u, err);
	kvfree(u.list);
	kvfree(u.ranges);
	return err;
}

static ssize_t request_write(struct file *file, struct kobject *kobj, struct bin_attribute *attr,
			     char *buf, loff_t off, size_t count)
{
	char *text __free(kfree) = kmemdup_nul(buf, count, GFP_KERNEL);
	struct mhp_order order;
	int err;

	if (!text)
		return -ENOMEM;
	if (off || strlen(text) != count)
		return -EINVAL;
	err = mhp_parse_order(text, memory_block_size_bytes(), &order);
	if (!err)
		err = undertake(&order);
	return err ?: count;
}

static ssize_t request_read(struct file *file, struct kobject *kobj, struct bin_attribute *attr,
			    char *buf, loff_t off, size_t count)
{
	if (!memory_may_see_pages())
		return -EPERM;
	guard(mutex)(&answer_lock);
	if (!answer.text)
		return 0;
	return memory_read_from_buffer(buf, count, &off, answer.text, answer.len);
}

/* Written and read by the administrator. */
struct bin_attribute bin_attr_request = __BIN_ATTR(request, 0600, request_read, request_write, 0);
