// SPDX-License-Identifier: GPL-2.0
/*
 * Pages in the batches of CPUs, on their way to the LRU or from it: nobody can move these.
 *
 * Only a CPU itself can empty its batches, by a work item, and a program of real-time
 * priority can keep the item waiting for as long as it likes. lru_add_drain_all() waits
 * without end then. Here each CPU with such pages is asked, and the caller goes on without
 * those CPUs that do not answer in time; a CPU that once did not is asked again, but not
 * waited for until it has answered.
 *
 * Owns a work item for each CPU, which several callers share. Calls mm/swap.c. Takes no lock
 * that is held while anybody waits. The invariant: an answer to a round covers all pages
 * that were in the batches of the CPU when the round began.
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

/* A CPU that answers at all does so in a few milliseconds, under heavy load in some more. */
#define DRAIN_MS	1000
/* How long a cancel may go unnoticed, as it wakes nobody. */
#define LOOK_MS		20

/**
 * struct drain - what is known of a CPU
 * @work: empties its batches
 * @asked: the last round in which it was asked; protected by asking
 * @answered: the last round that it has answered
 * @late: it did not answer in time, and has not answered since
 */
struct drain {
	struct work_struct work;
	unsigned long asked, answered;
	bool late;
};

static DEFINE_PER_CPU(struct drain, drains);
static DEFINE_SPINLOCK(asking);
static unsigned long rounds;
static DECLARE_WAIT_QUEUE_HEAD(answers);

static void drain_cpu(struct work_struct *work)
{
	struct drain *d = container_of(work, struct drain, work);
	/* Whoever begins a later round queues the item again. */
	unsigned long round = READ_ONCE(rounds);

	lru_add_and_bh_lrus_drain();
	WRITE_ONCE(d->late, false);
	/* Whoever sees the answer finds the batches empty: pairs with owes_answer(). */
	smp_store_release(&d->answered, round);
	wake_up_all(&answers);
}

static int __init drain_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		INIT_WORK(&per_cpu(drains, cpu).work, drain_cpu);
	return 0;
}
core_initcall(drain_init);

/* Asks the CPUs that have something to empty; isolated ones which have nothing are left alone. */
static unsigned long ask_cpus(void)
{
	unsigned long round;
	int cpu;

	spin_lock(&asking);
	round = rounds + 1;
	WRITE_ONCE(rounds, round);
	for_each_online_cpu(cpu) {
		struct drain *d = per_cpu_ptr(&drains, cpu);

		if (!cpu_needs_drain(cpu))
			continue;
		WRITE_ONCE(d->asked, round);
		queue_work_on(cpu, mm_percpu_wq, &d->work);
	}
	spin_unlock(&asking);
	return round;
}

static bool owes_answer(const struct drain *d, unsigned long round)
{
	/* Pairs with drain_cpu(). */
	unsigned long answered = smp_load_acquire(&d->answered);

	return (long)(READ_ONCE(d->asked) - round) >= 0 && (long)(answered - round) < 0 &&
	       !READ_ONCE(d->late);
}

static bool all_answered(unsigned long round)
{
	int cpu;

	for_each_online_cpu(cpu)
		if (owes_answer(per_cpu_ptr(&drains, cpu), round))
			return false;
	return true;
}

static void note_late(unsigned long round)
{
	int cpu;

	for_each_online_cpu(cpu) {
		struct drain *d = per_cpu_ptr(&drains, cpu);

		if (owes_answer(d, round))
			WRITE_ONCE(d->late, true);
	}
}

static void wait_for_answers(unsigned long round, unsigned int state)
{
	DEFINE_WAIT(wait);

	prepare_to_wait(&answers, &wait, state);
	if (!all_answered(round))
		schedule_timeout(msecs_to_jiffies(LOOK_MS));
	finish_wait(&answers, &wait);
}

static unsigned int wait_state(const struct mhp_patience *patience)
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
 * mhp_drain_lru() - empty the LRU batches of all CPUs that answer
 * @patience: of the caller
 *
 * Context: May sleep, for a second at most, and not beyond the end of @patience. No lock
 * needed.
 */
void mhp_drain_lru(const struct mhp_patience *patience)
{
	unsigned long end = jiffies + msecs_to_jiffies(DRAIN_MS), round;

	lru_add_drain();
	if (!IS_ENABLED(CONFIG_SMP))
		return;
	round = ask_cpus();
	while (!all_answered(round) && !mhp_patience_ends(patience)) {
		if (time_after(jiffies, end)) {
			note_late(round);
			return;
		}
		wait_for_answers(round, wait_state(patience));
	}
}

/**
 * mhp_drain_lru_for_reader() - the same, for somebody who only wants to know what pages are
 *
 * Context: May sleep, for a second at most, and not beyond a signal. No lock needed.
 */
void mhp_drain_lru_for_reader(void)
{
	static const struct mhp_policy policy = { .signals = MHP_SIGNALS_ANY };
	const struct mhp_patience patience = { .policy = &policy };

	mhp_drain_lru(&patience);
}

static bool interrupted(const struct mhp_policy *policy)
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
 * mhp_patience_ends() - is the caller's patience at an end
 * @patience: of the caller
 *
 * Context: Any task.
 * Return: %MHP_WHY_CANCELLED, %MHP_WHY_SIGNAL or %MHP_WHY_DEADLINE; else %MHP_WHY_NONE.
 */
enum mhp_reason mhp_patience_ends(const struct mhp_patience *patience)
{
	if (patience->progress && READ_ONCE(patience->progress->cancel))
		return MHP_WHY_CANCELLED;
	if (interrupted(patience->policy))
		return MHP_WHY_SIGNAL;
	if (patience->policy->timeout_ms && time_after(jiffies, patience->deadline))
		return MHP_WHY_DEADLINE;
	return MHP_WHY_NONE;
}

/**
 * mhp_lose_patience() - end a request because its caller's patience is at an end
 * @patience: of the caller
 * @pfn: what was in the way, or %MHP_NO_PFN
 * @res: gets the reason
 *
 * Context: Any task.
 * Return: 0 where the request may go on; -ECANCELED, -EINTR or -EBUSY.
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
