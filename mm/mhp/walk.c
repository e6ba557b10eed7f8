// SPDX-License-Identifier: GPL-2.0
/*
 * Walks over struct pages without a reference or a lock. An offline or a removal waits for
 * the walks that may have found the struct pages of its memory.
 *
 * Owns the counts of walks. Calls nothing. Walks begin and end in any task at any time; the
 * waiter holds mem_hotplug_lock for write. The invariant: if a walk finds a page online, or
 * valid, after memmap_walk_begin(), it can read the struct page until memmap_walk_end().
 *
 * This is the algorithm of SRCU without its grace periods. Grace periods are run by workers on
 * several CPUs, which takes longer than taking a block offline, and without limit if a
 * real-time task keeps a worker from running. Here the waiter itself polls the counts. In most
 * cases there are no walks, and the waiter does not wait at all.
 *
 * Walks are counted on the CPU where they begin or end, in one of two turns. The waiter makes
 * new walks take the other turn, and then waits until the walks of the old turn have ended.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/delay.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/memmap_walk.h>
#include <linux/percpu.h>

#include "mhp.h"

struct walks {
	unsigned long begun[2];
	unsigned long ended[2];
};

static DEFINE_PER_CPU(struct walks, walks);

/* The turn that new walks take; changed with mem_hotplug_lock held for write. */
static unsigned int walk_turn;

#ifdef CONFIG_DEBUG_LOCK_ALLOC
static struct lockdep_map walk_map = STATIC_LOCKDEP_MAP_INIT("memmap_walk", &walk_map);

/* For lockdep this is a wait, not a lock: nothing is held that an interrupt could need. */
#define assert_no_walk() lock_map_sync(&walk_map)
#else
#define assert_no_walk() do { } while (0)
#endif

/**
 * memmap_walk_begin() - begin a walk over struct pages
 *
 * Pages that pfn_to_online_page() or pfn_valid() finds from now on keep their struct page until
 * memmap_walk_end(); pages that were found before do not. To use a page after the end of the
 * walk, take a reference before it.
 *
 * Offlining and removing memory wait for the end of the walk. A walk must be short: a
 * pageblock, or a page of output. It must not access memory of user space, nor wait for
 * mem_hotplug_lock, cpu_hotplug_lock, device_hotplug_lock, mf_mutex, or anything that depends on
 * these. For more pages, end the walk and begin another.
 *
 * Context: Any, except interrupts and NMI. Walks may nest and may sleep.
 * Return: the turn, to be passed to memmap_walk_end().
 */
unsigned int memmap_walk_begin(void)
{
	unsigned int turn = READ_ONCE(walk_turn);

	lock_map_acquire_read(&walk_map);
	this_cpu_inc(walks.begun[turn]);
	/* Either this walk finds the section offline, or the waiter finds this walk counted. */
	smp_mb();
	return turn;
}
EXPORT_SYMBOL_GPL(memmap_walk_begin);

/**
 * memmap_walk_end() - end a walk over struct pages
 * @turn: the return value of memmap_walk_begin()
 *
 * Context: Any, except interrupts and NMI. Called by the task that called
 * memmap_walk_begin().
 */
void memmap_walk_end(unsigned int turn)
{
	/* All reads of the walk come before its end is counted. */
	smp_mb();
	this_cpu_inc(walks.ended[turn]);
	lock_map_release(&walk_map);
}
EXPORT_SYMBOL_GPL(memmap_walk_end);

/* Have all walks of a turn ended that began before this call? */
static bool memmap_walk_turn_is_over(unsigned int turn)
{
	unsigned long begun = 0, ended = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		ended += READ_ONCE(per_cpu(walks.ended[turn], cpu));
	/* The beginning of each walk counted above is in the sum below. */
	smp_mb();
	for_each_possible_cpu(cpu)
		begun += READ_ONCE(per_cpu(walks.begun[turn], cpu));
	return begun == ended;
}

static bool memmap_walk_wait_for_turn(unsigned int turn, unsigned long deadline)
{
	while (!memmap_walk_turn_is_over(turn)) {
		if (time_after(jiffies, deadline))
			return false;
		usleep_range(20, 200);
	}
	return true;
}

/**
 * mhp_wait_for_walks() - wait for the end of all walks that have begun
 * @deadline: when to give up, in jiffies
 *
 * The caller first makes sure that new walks do not find the pages. Walks that begin after the
 * call do not prolong the wait.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 * Return: true; false if walks had not ended at the deadline.
 */
bool mhp_wait_for_walks(unsigned long deadline)
{
	unsigned int turn = walk_turn;

	mhp_assert_write_locked();
	assert_no_walk();

	/* The caller hid the pages before walks are counted; pairs with memmap_walk_begin(). */
	smp_mb();
	if (!memmap_walk_wait_for_turn(!turn, deadline))
		return false;
	if (!memmap_walk_turn_is_over(turn)) {
		WRITE_ONCE(walk_turn, !turn);
		if (!memmap_walk_wait_for_turn(turn, deadline))
			return false;
	}
	/* All reads of walks come before the memmap is freed; pairs with memmap_walk_end(). */
	smp_mb();
	return true;
}

/**
 * mhp_wait_for_all_walks() - wait for the end of all walks, without a deadline
 *
 * For removals that cannot be undone any more.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 */
void mhp_wait_for_all_walks(void)
{
	while (!mhp_wait_for_walks(jiffies + MHP_WALK_PATIENCE))
		pr_warn("struct pages of memory that goes are still looked at\n");
}
