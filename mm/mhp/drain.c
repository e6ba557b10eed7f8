// SPDX-License-Identifier: GPL-2.0
/*
 * Drains the LRU batches of CPUs: pages in a batch have a reference and cannot be moved.
 *
 * Only a CPU itself can drain its batches, by a work item, and a program of real-time priority
 * can keep the work item from running for any time. lru_add_drain_all() would wait for ever.
 * Here each CPU that has pages in batches is asked to drain them, and the caller goes on
 * without the CPUs that do not answer in time. A CPU that did not answer is asked again in
 * later rounds, but not waited for until it has answered.
 *
 * Owns one work item per CPU, which all callers share. Calls mm/swap.c. Takes no lock that is
 * held while a caller waits. The invariant: the answer to a round covers all pages that were
 * in the batches of the CPU when the round began.
 */
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/swap.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "mhp.h"
#include "../internal.h"

/* CPUs answer within milliseconds, unless a real-time program keeps them busy. */
#define DRAIN_MS	1000
/* Interval for polling cancels, which do not wake the waiter. */
#define LOOK_MS		20

/**
 * struct drain - the state of a CPU
 * @work: drains the batches of the CPU
 * @asked: the last round in which the CPU was asked; protected by drain_lock
 * @answered: the last round that the CPU has answered
 * @late: the CPU did not answer in time, and has not answered since
 */
struct drain {
	struct work_struct work;
	unsigned long asked, answered;
	bool late;
};

static DEFINE_PER_CPU(struct drain, drains);
static DEFINE_SPINLOCK(drain_lock);
static unsigned long drain_rounds;
static DECLARE_WAIT_QUEUE_HEAD(drain_answers);

static void mhp_drain_cpu(struct work_struct *work)
{
	struct drain *d = container_of(work, struct drain, work);
	/* A later round queues the work item again. */
	unsigned long round = READ_ONCE(drain_rounds);

	lru_add_and_bh_lrus_drain();
	WRITE_ONCE(d->late, false);
	/* The batches are empty before the answer is seen; pairs with mhp_drain_cpu_pending(). */
	smp_store_release(&d->answered, round);
	wake_up_all(&drain_answers);
}

static int __init mhp_drain_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		INIT_WORK(&per_cpu(drains, cpu).work, mhp_drain_cpu);
	return 0;
}
core_initcall(mhp_drain_init);

/* Asks the CPUs that have pages in batches; others, such as isolated CPUs, are not disturbed. */
static unsigned long mhp_drain_ask_cpus(void)
{
	unsigned long round;
	int cpu;

	spin_lock(&drain_lock);
	round = drain_rounds + 1;
	WRITE_ONCE(drain_rounds, round);
	for_each_online_cpu(cpu) {
		struct drain *d = per_cpu_ptr(&drains, cpu);

		if (!cpu_needs_drain(cpu))
			continue;
		WRITE_ONCE(d->asked, round);
		queue_work_on(cpu, mm_percpu_wq, &d->work);
	}
	spin_unlock(&drain_lock);
	return round;
}

static bool mhp_drain_cpu_pending(const struct drain *d, unsigned long round)
{
	/* Pairs with mhp_drain_cpu(). */
	unsigned long answered = smp_load_acquire(&d->answered);

	return (long)(READ_ONCE(d->asked) - round) >= 0 && (long)(answered - round) < 0 &&
	       !READ_ONCE(d->late);
}

static bool mhp_drain_all_answered(unsigned long round)
{
	int cpu;

	for_each_online_cpu(cpu)
		if (mhp_drain_cpu_pending(per_cpu_ptr(&drains, cpu), round))
			return false;
	return true;
}

static void mhp_drain_note_late(unsigned long round)
{
	int cpu;

	for_each_online_cpu(cpu) {
		struct drain *d = per_cpu_ptr(&drains, cpu);

		if (mhp_drain_cpu_pending(d, round))
			WRITE_ONCE(d->late, true);
	}
}

static void mhp_drain_wait_for_answers(unsigned long round, unsigned int state)
{
	DEFINE_WAIT(wait);

	prepare_to_wait(&drain_answers, &wait, state);
	if (!mhp_drain_all_answered(round))
		schedule_timeout(msecs_to_jiffies(LOOK_MS));
	finish_wait(&drain_answers, &wait);
}

static unsigned int mhp_drain_wait_state(const struct mhp_patience *patience)
{
	switch (patience->policy->signals) {
	case MHP_SIGNALS_ANY:
		return TASK_INTERRUPTIBLE;
	case MHP_SIGNALS_FATAL:
		return TASK_KILLABLE;
	case MHP_SIGNALS_NONE:
		break;
	}
	return TASK_IDLE;
}

/**
 * mhp_drain_lru() - drain the LRU batches of all CPUs that answer
 * @patience: how long the caller waits, and what interrupts it
 *
 * Context: Process context. May sleep, for one second at most, and not beyond the end of
 * @patience. No lock needed.
 */
void mhp_drain_lru(const struct mhp_patience *patience)
{
	unsigned long end = jiffies + msecs_to_jiffies(DRAIN_MS), round;

	lru_add_drain();
	if (!IS_ENABLED(CONFIG_SMP))
		return;
	round = mhp_drain_ask_cpus();
	while (!mhp_drain_all_answered(round) && !mhp_patience_ends(patience)) {
		if (time_after(jiffies, end)) {
			mhp_drain_note_late(round);
			return;
		}
		mhp_drain_wait_for_answers(round, mhp_drain_wait_state(patience));
	}
}

/**
 * mhp_drain_lru_for_reader() - drain LRU batches for a caller that only counts pages
 *
 * Context: Process context. May sleep, for one second at most, and not beyond a signal. No
 * lock needed.
 */
void mhp_drain_lru_for_reader(void)
{
	static const struct mhp_policy policy = { .signals = MHP_SIGNALS_ANY };
	const struct mhp_patience patience = { .policy = &policy };

	mhp_drain_lru(&patience);
}

static bool mhp_interrupted(const struct mhp_policy *policy)
{
	switch (policy->signals) {
	case MHP_SIGNALS_ANY:
		return signal_pending(current);
	case MHP_SIGNALS_FATAL:
		return fatal_signal_pending(current);
	case MHP_SIGNALS_NONE:
		break;
	}
	return false;
}

/**
 * mhp_patience_ends() - test whether a request has to end early
 * @patience: how long the caller waits, and what interrupts it
 *
 * Context: Process context. Takes no lock.
 * Return: %MHP_WHY_CANCELLED, %MHP_WHY_SIGNAL or %MHP_WHY_DEADLINE if the request has to end;
 * otherwise %MHP_WHY_NONE.
 */
enum mhp_reason mhp_patience_ends(const struct mhp_patience *patience)
{
	if (patience->progress && READ_ONCE(patience->progress->cancel))
		return MHP_WHY_CANCELLED;
	if (mhp_interrupted(patience->policy))
		return MHP_WHY_SIGNAL;
	if (patience->policy->timeout_ms && time_after(jiffies, patience->deadline))
		return MHP_WHY_DEADLINE;
	return MHP_WHY_NONE;
}

/**
 * mhp_lose_patience() - end a request early if it was cancelled or its time is over
 * @patience: how long the caller waits, and what interrupts it
 * @pfn: the page frame that the request failed to move, or %MHP_NO_PFN
 * @res: set to the reason if the request has to end
 *
 * Context: Process context. Takes no lock.
 * Return: 0 if the request may go on; -ECANCELED after a cancel, -EINTR after a signal, -EBUSY
 * after the deadline.
 */
int mhp_lose_patience(const struct mhp_patience *patience, unsigned long pfn,
		      struct mhp_result *res)
{
	enum mhp_reason why = mhp_patience_ends(patience);

	switch (why) {
	case MHP_WHY_CANCELLED:
		return mhp_refuse(res, -ECANCELED, why, pfn);
	case MHP_WHY_SIGNAL:
		return mhp_refuse(res, -EINTR, why, pfn);
	case MHP_WHY_DEADLINE:
		return mhp_refuse(res, -EBUSY, why, pfn);
	default:
		return 0;
	}
}
