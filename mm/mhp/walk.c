// SPDX-License-Identifier: GPL-2.0
/*
 * Walks over struct pages that no reference and no lock keeps: memory that goes
 * waits for them.
 *
 * Owns the counts of walks. Calls nothing. Walks begin and end in any task at any
 * time; mem_hotplug_lock is held for write by the one who waits. The invariant:
 * whoever has found a page online, or valid, after memmap_walk_begin() can read
 * its struct page until memmap_walk_end().
 *
 * This is SRCU's algorithm without its grace periods. Those are run by workers of
 * several CPUs, which costs more than it takes to bring a block offline, and waits
 * without end where a real-time task keeps a CPU from its workers. Here the waiter
 * looks itself; mostly nobody walks, and then there is nothing to wait for.
 *
 * Walks are counted on the CPU where they begin or end, in one of two turns. The
 * waiter lets new walks take the other turn, so that the old one runs dry.
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

/* Which of them new walks take; changed with mem_hotplug_lock held for write. */
static unsigned int walk_turn;

#ifdef CONFIG_DEBUG_LOCK_ALLOC
static struct lockdep_map walk_map = STATIC_LOCKDEP_MAP_INIT("memmap_walk", &walk_map);

/* A wait and no lock: nothing is held that an interrupt might want. */
#define assert_no_walk() lock_map_sync(&walk_map)
#else
#define assert_no_walk() do { } while (0)
#endif

/**
 * memmap_walk_begin() - begin to look at struct pages
 *
 * What pfn_to_online_page() or pfn_valid() finds from now on keeps its struct page
 * until memmap_walk_end(); what was found before does not. A page that is to be
 * used for longer needs a reference by then.
 *
 * Memory that goes waits for the end of the walk. So it is short, a pageblock or a page
 * of output, and it does not touch memory of user space, nor wait for anything that
 * somebody may hold who waits for memory hotplug: mem_hotplug_lock, device_hotplug_lock,
 * mf_mutex. Whoever has more to look at ends the walk and begins another.
 *
 * Context: Any but NMI and interrupts. Walks nest, and may sleep.
 * Return: what memmap_walk_end() wants.
 */
unsigned int memmap_walk_begin(void)
{
	unsigned int turn = READ_ONCE(walk_turn);

	lock_map_acquire_read(&walk_map);
	this_cpu_inc(walks.begun[turn]);
	/* Counted first: either this walk finds the section offline, or the waiter counts it. */
	smp_mb();
	return turn;
}
EXPORT_SYMBOL_GPL(memmap_walk_begin);

/**
 * memmap_walk_end() - struct pages are not looked at any more
 * @turn: what memmap_walk_begin() returned
 *
 * Context: Any but NMI and interrupts; the task of memmap_walk_begin().
 */
void memmap_walk_end(unsigned int turn)
{
	/* It has looked before it is counted. */
	smp_mb();
	this_cpu_inc(walks.ended[turn]);
	lock_map_release(&walk_map);
}
EXPORT_SYMBOL_GPL(memmap_walk_end);

/* Has every walk of a turn ended that had begun before this was called? */
static bool turn_is_over(unsigned int turn)
{
	unsigned long begun = 0, ended = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		ended += READ_ONCE(per_cpu(walks.ended[turn], cpu));
	/* The beginning of each of these is among those that follow. */
	smp_mb();
	for_each_possible_cpu(cpu)
		begun += READ_ONCE(per_cpu(walks.begun[turn], cpu));
	return begun == ended;
}

static bool wait_for_turn(unsigned int turn, unsigned long deadline)
{
	while (!turn_is_over(turn)) {
		if (time_after(jiffies, deadline))
			return false;
		usleep_range(20, 200);
	}
	return true;
}

/**
 * mhp_wait_for_walks() - wait until nobody looks at struct pages found before
 * @deadline: when to give up, in jiffies
 *
 * To be called when new walks do not find the pages any more. Walks that begin
 * meanwhile do not make it wait.
 *
 * Context: May sleep. mem_hotplug_lock held for write.
 * Return: true; false when the deadline has passed.
 */
bool mhp_wait_for_walks(unsigned long deadline)
{
	unsigned int turn = walk_turn;

	mhp_assert_write_locked();
	assert_no_walk();

	/* What nobody is to find is marked before walks are counted; as in memmap_walk_begin(). */
	smp_mb();
	if (!wait_for_turn(!turn, deadline))
		return false;
	if (!turn_is_over(turn)) {
		WRITE_ONCE(walk_turn, !turn);
		if (!wait_for_turn(turn, deadline))
			return false;
	}
	/* They have looked before anything is taken away; as in memmap_walk_end(). */
	smp_mb();
	return true;
}

/**
 * mhp_wait_for_all_walks() - the same where there is no way back
 *
 * Context: May sleep. mem_hotplug_lock held for write.
 */
void mhp_wait_for_all_walks(void)
{
	while (!mhp_wait_for_walks(jiffies + MHP_WALK_PATIENCE))
		pr_warn("struct pages of memory that goes are still looked at\n");
}
