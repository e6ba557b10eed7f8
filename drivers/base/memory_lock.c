// SPDX-License-Identifier: GPL-2.0
/*
 * How a writer of sysfs gets device_hotplug_lock: in the order in which all wait for it, so
 * that nobody is passed over beside devices that come and go; until a signal comes; and, where
 * his time is limited, until it is up.
 *
 * Owns nothing. Who waits here does not keep the removal of a file waiting: a file that is
 * removed has its active protection broken.
 */
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/task_work.h>
#include <linux/timer.h>

#include "base.h"
#include "memory_attrs.h"

/**
 * struct bell - ends an interruptible wait as a signal does
 * @timer: rings at the end of the time
 * @work: what the waiter is interrupted for; there is nothing to do
 * @task: the waiter
 */
struct bell {
	struct timer_list timer;
	struct callback_head work;
	struct task_struct *task;
};

static void bell_heard(struct callback_head *work)
{
}

static void bell_ring(struct timer_list *timer)
{
	struct bell *bell = from_timer(bell, timer, timer);

	task_work_add(bell->task, &bell->work, TWA_SIGNAL);
}

static int lock_until(unsigned long end)
{
	struct bell bell = { .task = current };
	int err;

	init_task_work(&bell.work, bell_heard);
	timer_setup_on_stack(&bell.timer, bell_ring, 0);
	mod_timer(&bell.timer, end);
	err = lock_device_hotplug_interruptible();
	timer_delete_sync(&bell.timer);
	destroy_timer_on_stack(&bell.timer);
	if (!task_work_cancel(current, &bell.work))
		return err;

	/* It rang. The flag that it leaves is cleared on the way to user space. */
	if (!err)
		unlock_device_hotplug();
	return err && task_sigpending(current) ? err : -ETIMEDOUT;
}

/**
 * memory_lock_for_user() - take device_hotplug_lock for a user
 * @begin: when his request began, in jiffies
 * @limit_ms: how long it may take in all, 0: no limit
 *
 * Context: A system call that holds nothing which the owner of the lock may wait for. Sleeps.
 * Return: 0 and unlock_device_hotplug() gives the lock back; -EINTR a signal came, -ETIMEDOUT
 * the time is up.
 */
int memory_lock_for_user(unsigned long begin, unsigned int limit_ms)
{
	unsigned long end = begin + msecs_to_jiffies(limit_ms);

	if (!limit_ms)
		return lock_device_hotplug_interruptible();
	/* Who finds the lock free has it even if his time is short. */
	return lock_until(time_after(end, jiffies) ? end : jiffies + 1);
}
