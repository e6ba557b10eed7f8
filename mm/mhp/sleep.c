// SPDX-License-Identifier: GPL-2.0
/*
 * While the system suspends or hibernates no page moves for memory hotplug: nothing may be
 * written to a file system behind a hibernation image, and what is written and migrated
 * while devices are asleep waits for them.
 *
 * Suspending and hibernating take no lock that an offline holds while it moves pages, so
 * they are heard of by a PM notifier: offlines end, their blocks stay online, and the
 * notifier waits until no page is on its way. It takes no other lock, as drivers register
 * PM notifiers with device_hotplug_lock held.
 */
#include <linux/export.h>
#include <linux/init.h>
#include <linux/notifier.h>
#include <linux/rwsem.h>
#include <linux/suspend.h>
#include <linux/wait.h>

#include "mhp.h"

static bool sleeping;
/* Held for read while pages move. */
static DECLARE_RWSEM(moving);
static DECLARE_WAIT_QUEUE_HEAD(awake);

/**
 * mhp_check_awake() - may pages move
 * @res: gets the reason
 *
 * Context: Any.
 * Return: 0; -EBUSY while the system suspends or hibernates.
 */
int mhp_check_awake(struct mhp_result *res)
{
	return READ_ONCE(sleeping) ? mhp_refuse(res, -EBUSY, MHP_WHY_SLEEP, MHP_NO_PFN) : 0;
}

/**
 * mhp_moving_begin() - pages are about to move
 * @res: gets the reason where they may not
 *
 * A caller that moves pages calls mhp_check_awake() repeatedly, and ends soon where it fails.
 *
 * Context: May sleep.
 * Return: as mhp_check_awake(); 0: mhp_moving_end() has to follow.
 */
int mhp_moving_begin(struct mhp_result *res)
{
	int ret;

	down_read(&moving);
	ret = mhp_check_awake(res);
	if (ret)
		up_read(&moving);
	return ret;
}

/**
 * mhp_moving_end() - no page moves any more
 */
void mhp_moving_end(void)
{
	up_read(&moving);
}

/**
 * mhp_wait_awake() - wait until a sleep of the system is over
 *
 * For threads that the freezer does not know, and whose offline ended with the reason sleep.
 *
 * Context: May sleep, without device_hotplug_lock: hibernation takes it.
 */
void mhp_wait_awake(void)
{
	wait_event_idle(awake, !READ_ONCE(sleeping));
}

static int mhp_pm_event(struct notifier_block *nb, unsigned long action, void *unused)
{
	switch (action) {
	case PM_HIBERNATION_PREPARE:
	case PM_SUSPEND_PREPARE:
	case PM_RESTORE_PREPARE:
		WRITE_ONCE(sleeping, true);
		/* Offlines that move pages end; those that begin later are refused. */
		down_write(&moving);
		up_write(&moving);
		break;
	case PM_POST_HIBERNATION:
	case PM_POST_SUSPEND:
	case PM_POST_RESTORE:
		WRITE_ONCE(sleeping, false);
		wake_up_all(&awake);
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
