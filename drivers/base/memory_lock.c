// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for device_hotplug_lock in writers of sysfs files and in threads of
 * /dev/memory_hotplug. These tasks wait in the queue of the mutex, so that they do not starve while
 * other devices are added and removed, until a signal arrives or the time limit of the request is
 * reached.
 *
 * Owns nothing. A writer has broken the active protection of its file before, so that it does not
 * delay the removal of the file while it waits.
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
 * struct bell - ends an interruptible wait like a signal, but after a time
 * @timer: expires at the end of the time
 * @work: task work that interrupts the waiter, and does nothing
 * @task: the waiter
 */
struct bell {
	struct timer_list timer;
	struct callback_head work;
	struct task_struct *task;
};

static void memory_lock_bell_heard(struct callback_head *work)
{
}

static void memory_lock_bell_ring(struct timer_list *timer)
{
	struct bell *bell = from_timer(bell, timer, timer);

	task_work_add(bell->task, &bell->work, TWA_SIGNAL);
}

static int memory_lock_until(unsigned long end)
{
	struct bell bell = { .task = current };
	int err;

	init_task_work(&bell.work, memory_lock_bell_heard);
	timer_setup_on_stack(&bell.timer, memory_lock_bell_ring, 0);
	mod_timer(&bell.timer, end);
	err = lock_device_hotplug_interruptible();
	timer_delete_sync(&bell.timer);
	destroy_timer_on_stack(&bell.timer);
	if (!task_work_cancel(current, &bell.work))
		return err;

	/*
	 * The timer expired. The flag of the task work is cleared on return to user space, and
	 * by request_end_wait() in the threads, which do not return there.
	 */
	if (!err)
		unlock_device_hotplug();
	return err && task_sigpending(current) ? err : -ETIMEDOUT;
}

/**
 * memory_lock_for_user() - take device_hotplug_lock for the request of a user
 * @begin: the beginning of the request, in jiffies
 * @limit_ms: time limit of the request in milliseconds; 0: no limit
 *
 * Context: Process context, in a system call or a thread of a request. May sleep. The caller
 * holds nothing that the owner of the lock may wait for.
 * Return: 0, and the caller releases the lock with unlock_device_hotplug(); -EINTR after a
 * signal; -ETIMEDOUT if the time limit was reached.
 */
int memory_lock_for_user(unsigned long begin, unsigned int limit_ms)
{
	unsigned long end = begin + msecs_to_jiffies(limit_ms);

	if (!limit_ms)
		return lock_device_hotplug_interruptible();
	/* A lock that is free is taken even if the time is short. */
	return memory_lock_until(time_after(end, jiffies) ? end : jiffies + 1);
}
