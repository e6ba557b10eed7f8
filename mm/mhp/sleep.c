// SPDX-License-Identifier: GPL-2.0
/*
 * Memory hotplug moves no pages while the system suspends or hibernates: file systems must not
 * be written to after a hibernation image was made, and writeback and migration would wait for
 * suspended devices.
 *
 * Suspend and hibernation take no lock that an offline holds while it moves pages. A PM
 * notifier therefore ends all offlines, whose blocks stay online, and waits until they have
 * stopped moving pages. It takes no other lock, as drivers register PM notifiers with
 * device_hotplug_lock held.
 */
#include <linux/bits.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/notifier.h>
#include <linux/rwsem.h>
#include <linux/suspend.h>
#include <linux/wait.h>

#include "mhp.h"

/*
 * A suspend may begin and end while /dev/snapshot is open. Hibernation, resume from an image and
 * /dev/snapshot exclude each other. PM notifiers are called one at a time, which protects this.
 */
#define SLEEP_SUSPEND		BIT(0)
#define SLEEP_HIBERNATION	BIT(1)
static unsigned int mhp_sleeping;

/* Held for read while pages move. */
static DECLARE_RWSEM(mhp_moving_sem);
static DECLARE_WAIT_QUEUE_HEAD(mhp_awake_wait);

/**
 * mhp_check_awake() - test whether pages may be moved
 * @res: set to the reason if they may not
 *
 * Context: Any.
 * Return: 0; -EBUSY while the system suspends or hibernates.
 */
int mhp_check_awake(struct mhp_result *res)
{
	return READ_ONCE(mhp_sleeping) ? mhp_refuse(res, -EBUSY, MHP_WHY_SLEEP, MHP_NO_PFN) : 0;
}

/**
 * mhp_moving_begin() - begin to move pages
 * @res: set to the reason if pages may not be moved
 *
 * While the caller moves pages, it calls mhp_check_awake() repeatedly, and stops if that fails.
 *
 * Context: Process context. May sleep.
 * Return: 0, and the caller has to call mhp_moving_end(); -EBUSY while the system suspends or
 * hibernates.
 */
int mhp_moving_begin(struct mhp_result *res)
{
	int ret;

	down_read(&mhp_moving_sem);
	ret = mhp_check_awake(res);
	if (ret)
		up_read(&mhp_moving_sem);
	return ret;
}

/**
 * mhp_moving_end() - end moving pages
 *
 * Context: Process context.
 */
void mhp_moving_end(void)
{
	up_read(&mhp_moving_sem);
}

/**
 * mhp_wait_awake() - wait until the system has resumed
 *
 * For kernel threads that are not freezable and whose offline ended for %MHP_WHY_SLEEP.
 *
 * Context: Process context. May sleep. device_hotplug_lock not held, as hibernation takes it.
 */
void mhp_wait_awake(void)
{
	wait_event_idle(mhp_awake_wait, !READ_ONCE(mhp_sleeping));
}

static void mhp_fall_asleep(unsigned int kind)
{
	WRITE_ONCE(mhp_sleeping, mhp_sleeping | kind);
	/* Wait for the offlines that move pages now; later ones are refused. */
	down_write(&mhp_moving_sem);
	up_write(&mhp_moving_sem);
}

static void mhp_awake(unsigned int kind)
{
	WRITE_ONCE(mhp_sleeping, mhp_sleeping & ~kind);
	wake_up_all(&mhp_awake_wait);
}

static int mhp_pm_event(struct notifier_block *nb, unsigned long action, void *unused)
{
	switch (action) {
	case PM_SUSPEND_PREPARE:
		mhp_fall_asleep(SLEEP_SUSPEND);
		break;
	case PM_POST_SUSPEND:
		mhp_awake(SLEEP_SUSPEND);
		break;
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		mhp_fall_asleep(SLEEP_HIBERNATION);
		break;
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		mhp_awake(SLEEP_HIBERNATION);
		break;
	}
	return NOTIFY_DONE;
}

static int __init mhp_sleep_init(void)
{
	pm_notifier(mhp_pm_event, 0);
	return 0;
}
core_initcall(mhp_sleep_init);
