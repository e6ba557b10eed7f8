// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ejecting memory: a memory device, or a container of memory devices (ACPI 6.5, sections 6.3
 * and 9.11).
 *
 * All memory of the device, and of the devices below it, goes offline in one request. Then all
 * other devices below it go offline, and the device is detached and ejected. This can take
 * minutes, as the pages of programs are moved. An eject is therefore a work item of its own, which
 * holds neither acpi_scan_lock nor device_hotplug_lock while pages move. The memory blocks are
 * claimed from the beginning to the end: a second eject, or a request of a user for one of the
 * blocks, is refused with -EBUSY.
 *
 *	idle	there was no request since the device was added, or its result is out of date
 *	asked	the firmware has requested the eject, and user space has not decided yet
 *	pending	the eject is running
 *	done	the firmware has removed the device
 *	incomplete
 *		the device was detached and _EJ0 succeeded, but _STA still has the enabled bit
 *	failed	the device stays, with every block in the state and the zone that it had
 *
 * Some firmware only begins to remove a device when _EJ0 is evaluated, and finishes at some
 * later time. Scans therefore never attach an incomplete device. Another eject evaluates _EJ0
 * again, and the device stays incomplete if that fails; a device check attaches the device, or
 * finds that it has been removed.
 *
 * While an eject is pending, a check of the device, or of one below it, is refused with -EBUSY.
 * A check of a device above it, or a scan, skips the device. In both cases, the eject is cancelled
 * if memory has disappeared, and acpi_eject_over() checks the device again if it stays.
 *
 * A request may wait in the workqueue of hotplug events until its device has been removed, and
 * another one may be in the slot then. Each device therefore has a count of its removals. An eject
 * that was queued before the last of them is refused: it was not meant for the next device.
 *
 * Owns: struct acpi_memory_eject, in acpi_device.eject from the first request or setting
 *	until the ACPI device is freed.
 * Calls: the requests of linux/memory.h; scan.c to detach and eject.
 * Locks: device_hotplug_lock, then acpi_scan_lock, then acpi_memory_eject.turn. Every change
 *	of the state is made with the last one held, including those by writers of sysfs files,
 *	who do not take the others.
 */
#define pr_fmt(fmt) "ACPI: " fmt

#include <linux/acpi.h>
#include <linux/bits.h>
#include <linux/capability.h>
#include <linux/cleanup.h>
#include <linux/jiffies.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mhp.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "internal.h"
#include "memory_device.h"
#include "../base/memory_order.h"

static unsigned int timeout_ms __read_mostly = 120 * MSEC_PER_SEC;
module_param(timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms, "How long an eject tries to empty a device, 0: no limit");

enum eject_state {
	EJECT_IDLE,
	EJECT_ASKED,
	EJECT_PENDING,
	/*
	 * Shown as pending: the device is being detached or, if the firmware keeps it, added
	 * again. It is too late for a cancel.
	 */
	EJECT_LEAVING,
	EJECT_DONE,
	EJECT_INCOMPLETE,
	EJECT_FAILED,
};

/**
 * struct kept_blocks - adjacent blocks that were online in the same kind of zone
 * @start: physical address of the first block
 * @size: in bytes
 * @type: how to bring the blocks online again
 */
struct kept_blocks {
	u64 start, size;
	enum mmop type;
};

/**
 * struct acpi_memory_eject - the eject of a device
 * @adev: the device, referenced while the eject is pending
 * @work: runs the eject
 * @ranges: the memory of the device and of all devices below it
 * @kept: the blocks of @ranges that were online
 * @nr_kept: number of entries in @kept
 * @progress: progress of the offline
 * @again: a check was refused, or a check or a scan skipped the device; protected by
 *	acpi_scan_lock
 * @gone: that check found memory whose enabled bit of _STA is clear; protected by acpi_scan_lock
 * @retry: the device was incomplete when the eject began; protected by acpi_scan_lock
 * @left: that check found the device itself without the enabled bit; protected by acpi_scan_lock
 * @absent: a check found this device without the enabled bit during the eject of this device, or of
 *	one above it, and it has not been detached yet; protected by acpi_scan_lock
 * @removals: how often a device has been removed from the slot; written with acpi_scan_lock held
 * @messages: rate limit of the messages that notifications cause
 * @turn: held while @state changes and while the firmware is told of the change, so that the
 *	answers come in the order of the changes; changes to and from EJECT_PENDING and
 *	EJECT_LEAVING are made with acpi_scan_lock held as well
 * @lock: protects the fields below, so that readers see values that belong together
 * @state: shown to user space; EJECT_PENDING and EJECT_LEAVING also exclude other ejects
 * @ask: user space decides about requests of the firmware
 * @source: the request that is answered by _OST: the firmware's, or the user's
 * @result: why the eject failed
 * @code: the answer to the firmware, an ejection status code of _OST
 * @ms: duration of the eject in milliseconds
 */
struct acpi_memory_eject {
	struct acpi_device *adev;
	struct work_struct work;
	struct acpi_memory_ranges ranges;
	struct kept_blocks *kept;
	unsigned int nr_kept;
	struct mhp_progress progress;
	bool again;
	bool gone;
	bool retry;
	bool left;
	bool absent;
	unsigned int removals;
	struct ratelimit_state messages;
	/* Serializes changes of the state. */
	struct mutex turn;
	/* For readers of sysfs. */
	spinlock_t lock;
	enum eject_state state;
	bool ask;
	u32 source;
	struct mhp_result result;
	u32 code;
	unsigned int ms;
};

/* ---- The memory of a device ---- */

static int acpi_eject_collect_ranges(struct acpi_device *adev, void *ranges)
{
	return acpi_memory_collect(adev, ranges) ?:
	       acpi_dev_for_each_child(adev, acpi_eject_collect_ranges, ranges);
}

static int acpi_eject_range_cmp(const void *left, const void *right)
{
	const struct range *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* Several devices may describe the same boot memory. */
static void acpi_eject_merge_ranges(struct acpi_memory_ranges *ranges)
{
	struct range *last = ranges->range;
	unsigned int i;

	sort(ranges->range, ranges->nr, sizeof(*ranges->range), acpi_eject_range_cmp, NULL);
	for (i = 1; i < ranges->nr; i++) {
		if (ranges->range[i].start <= last->end)
			last->end = max(last->end, ranges->range[i].end);
		else
			*++last = ranges->range[i];
	}
	ranges->nr = last + 1 - ranges->range;
}

/* Fails with -EPERM if the administrator has disabled hotplug of memory. */
static int acpi_eject_find_ranges(struct acpi_device *adev, struct acpi_memory_ranges *ranges)
{
	int err;

	*ranges = (struct acpi_memory_ranges){};
	err = acpi_eject_collect_ranges(adev, ranges);
	if (err || !ranges->nr)
		return err;

	ranges->max = ranges->nr;
	ranges->nr = 0;
	ranges->range = kcalloc(ranges->max, sizeof(*ranges->range), GFP_KERNEL);
	if (!ranges->range)
		return -ENOMEM;
	acpi_eject_collect_ranges(adev, ranges);
	acpi_eject_merge_ranges(ranges);
	return 0;
}

/* One entry per block, as each block may have been online in another kind of zone. */
static int acpi_eject_alloc_kept(struct acpi_memory_eject *e)
{
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < e->ranges.nr; i++)
		nr += range_len(e->ranges.range + i) / memory_block_size_bytes() + 1;
	e->kept = kvcalloc(nr, sizeof(*e->kept), MHP_GFP);
	e->nr_kept = 0;
	return e->kept ? 0 : -ENOMEM;
}

static int acpi_eject_keep_block(struct memory_block *mem, void *arg)
{
	struct acpi_memory_eject *e = arg;
	struct kept_blocks *last = e->kept + e->nr_kept - 1;
	u64 start = PFN_PHYS(section_nr_to_pfn(mem->start_section_nr));

	if (!mem->claimed_online)
		return 0;
	if (e->nr_kept && last->start + last->size == start && last->type == mem->kept_type)
		last->size += memory_block_size_bytes();
	else
		e->kept[e->nr_kept++] = (struct kept_blocks) {
			start, memory_block_size_bytes(), mem->kept_type,
		};
	return 0;
}

static void acpi_eject_keep_blocks(struct acpi_memory_eject *e)
{
	unsigned int i;

	for (i = 0; i < e->ranges.nr; i++)
		walk_memory_blocks(e->ranges.range[i].start, range_len(e->ranges.range + i), e,
				   acpi_eject_keep_block);
}

/* ---- Results ---- */

/* Status codes of _OST for ejection: ACPI 6.5, section 6.3.5.2. */
static u32 acpi_eject_code(const struct mhp_result *res)
{
	switch (res->why) {
	case MHP_WHY_NONE:
		return ACPI_OST_SC_SUCCESS;
	case MHP_WHY_UNMOVABLE:
	case MHP_WHY_PINNED:
	case MHP_WHY_BUSY_PAGE:
	case MHP_WHY_HUGETLB:
	case MHP_WHY_HWPOISON:
	case MHP_WHY_KEXEC:
		return ACPI_OST_SC_DEVICE_IN_USE;
	case MHP_WHY_NOTIFIER:
	case MHP_WHY_DEPENDENCY:
		return ACPI_OST_SC_EJECT_DEPENDENCY_BUSY;
	case MHP_WHY_DISABLED:
	case MHP_WHY_HOLES:
	case MHP_WHY_MULTI_ZONE:
	case MHP_WHY_BOOT_MEMORY:
	case MHP_WHY_RANGE:
		return ACPI_OST_SC_EJECT_NOT_SUPPORTED;
	case MHP_WHY_BUSY:
	case MHP_WHY_EJECTING:
	case MHP_WHY_CANCELLED:
	case MHP_WHY_ISOLATE_RACE:
	case MHP_WHY_NO_TARGET:
	case MHP_WHY_SIGNAL:
	case MHP_WHY_DEADLINE:
	case MHP_WHY_NO_ROOM:
	case MHP_WHY_SLEEP:
		return ACPI_OST_SC_DEVICE_BUSY;
	default:
		return ACPI_OST_SC_NON_SPECIFIC_FAILURE;
	}
}

/* For changes that are not reported to the firmware by _OST. */
static void acpi_eject_change_state(struct acpi_memory_eject *e, enum eject_state state)
{
	lockdep_assert_held(&e->turn);
	spin_lock(&e->lock);
	e->state = state;
	spin_unlock(&e->lock);
	sysfs_notify(&e->adev->dev.kobj, NULL, "eject_status");
}

static void acpi_eject_set_state(struct acpi_memory_eject *e, enum eject_state state)
{
	guard(mutex)(&e->turn);
	acpi_eject_change_state(e, state);
}

/* The state changes before _OST is evaluated, as the firmware may request an eject at once. */
static void acpi_eject_end(struct acpi_memory_eject *e, enum eject_state state, u32 source,
			   const struct mhp_result *res, u32 code)
{
	lockdep_assert_held(&e->turn);
	spin_lock(&e->lock);
	e->state = state;
	e->source = source;
	e->result = *res;
	e->code = code;
	e->ms = jiffies_to_msecs(jiffies - e->progress.begin);
	spin_unlock(&e->lock);
	sysfs_notify(&e->adev->dev.kobj, NULL, "eject_status");
	acpi_evaluate_ost(e->adev->handle, source, code, NULL);
}

static void acpi_eject_log(struct acpi_memory_eject *e, enum eject_state state,
			   const struct mhp_result *res)
{
	if (state == EJECT_DONE || !__ratelimit(&e->messages))
		return;
	if (state == EJECT_INCOMPLETE)
		dev_warn(&e->adev->dev, "is not used any more, but the firmware has not taken it yet\n");
	else if (res->pfn == MHP_NO_PFN)
		dev_warn(&e->adev->dev, "stays as it is: %s (%s)\n",
			 mhp_reason_text(res->why), mhp_reason_name(res->why));
	else
		dev_warn(&e->adev->dev, "stays as it is: %s (%s, pfn %#lx)\n",
			 mhp_reason_text(res->why), mhp_reason_name(res->why), res->pfn);
}

/* ---- The eject ---- */

/* After the firmware kept the device and its memory was added again. */
static void acpi_eject_online_again(struct acpi_memory_eject *e)
{
	unsigned int i;
	int err;

	for (i = 0; i < e->nr_kept; i++) {
		struct mhp_result res = MHP_RESULT_OK;

		err = memory_blocks_online(e->kept[i].start, e->kept[i].size, e->kept[i].type,
					   &res);
		if (err && __ratelimit(&e->messages))
			dev_err(&e->adev->dev, "[mem %#llx-%#llx] cannot be restored (%d)\n",
				e->kept[i].start, e->kept[i].start + e->kept[i].size - 1, err);
	}
}

/*
 * The last time that a cancel has an effect: later ones are refused. If memory has disappeared, the
 * eject was cancelled only because of the pages of that memory, which have been moved.
 */
static int acpi_eject_leave(struct acpi_memory_eject *e, struct mhp_result *res)
{
	guard(mutex)(&e->turn);
	if (READ_ONCE(e->progress.cancel) && !e->gone)
		return mhp_refuse(res, -ECANCELED, MHP_WHY_CANCELLED, MHP_NO_PFN);
	spin_lock(&e->lock);
	e->state = EJECT_LEAVING;
	spin_unlock(&e->lock);
	return 0;
}

/*
 * Continues when the memory is offline: takes all other devices offline, detaches and ejects.
 * Returns 1 if _EJ0 succeeded and the device is still enabled.
 */
static int acpi_eject_detach(struct acpi_memory_eject *e, struct mhp_result *res)
{
	int err;

	err = acpi_eject_leave(e, res);
	if (err)
		return err;
	acpi_eject_keep_blocks(e);
	err = acpi_scan_offline(e->adev);
	if (err)
		return mhp_refuse(res, err, err == -ENODEV ? MHP_WHY_FIRMWARE :
							     MHP_WHY_DEPENDENCY, MHP_NO_PFN);
	err = acpi_scan_eject(e->adev);
	if (err >= 0)
		return err;

	/* The firmware may just be removing an incomplete device, so that is left alone. */
	if (!e->retry)
		acpi_scan_again(e->adev);
	return mhp_refuse(res, err, err == -ENOTEMPTY ? MHP_WHY_INTERNAL : MHP_WHY_FIRMWARE,
			  MHP_NO_PFN);
}

static int acpi_eject_offline(struct acpi_memory_eject *e, struct mhp_result *res)
{
	const struct mhp_policy policy = {
		.timeout_ms = READ_ONCE(timeout_ms),
		.signals = MHP_SIGNALS_NONE,
		.claimed = true,
		.removes = true,
		.progress = &e->progress,
	};

	/* The memory of an incomplete device has been removed, and a container may have none. */
	return e->ranges.nr ? memory_ranges_offline(e->ranges.range, e->ranges.nr, &policy, res) :
			      0;
}

static void acpi_eject_restore(struct acpi_memory_eject *e)
{
	int err = e->ranges.nr ? memory_ranges_release(e->ranges.range, e->ranges.nr) : 0;

	if (err && __ratelimit(&e->messages))
		dev_err(&e->adev->dev, "memory cannot be restored (%d)\n", err);
	acpi_eject_online_again(e);
}

/* Ends the requests for devices below a device that the firmware has removed. */
static int acpi_eject_end_below(struct acpi_device *adev, void *unused)
{
	struct acpi_memory_eject *e = READ_ONCE(adev->eject);

	if (e && (e->state == EJECT_ASKED || e->state == EJECT_INCOMPLETE))
		acpi_eject_set_state(e, EJECT_DONE);
	return acpi_dev_for_each_child(adev, acpi_eject_end_below, NULL);
}

/**
 * acpi_memory_eject_incomplete - test whether the eject of a device is incomplete
 * @adev: the device
 *
 * Context: Process context. Takes no lock.
 * Return: true if the device was ejected, and the firmware has not removed it yet.
 */
bool acpi_memory_eject_incomplete(const struct acpi_device *adev)
{
	const struct acpi_memory_eject *e = READ_ONCE(adev->eject);

	return e && READ_ONCE(e->state) == EJECT_INCOMPLETE;
}

/* Ends the ejects of incomplete devices that the firmware has removed, with all that is below. */
static int acpi_eject_end_removed(struct acpi_device *adev, void *unused)
{
	if (acpi_memory_eject_incomplete(adev)) {
		acpi_bus_get_status(adev);
		if (!acpi_device_is_enabled(adev) || acpi_memory_eject_absent(adev)) {
			acpi_scan_forget(adev);
			acpi_eject_set_state(adev->eject, EJECT_DONE);
			acpi_dev_for_each_child(adev, acpi_eject_end_below, NULL);
		}
	}
	return acpi_dev_for_each_child(adev, acpi_eject_end_removed, NULL);
}

/* The device of a second eject that fails is still incomplete, and not used. */
static enum eject_state acpi_eject_outcome(const struct acpi_memory_eject *e, int err)
{
	if (!err)
		return EJECT_DONE;
	return err > 0 || e->retry ? EJECT_INCOMPLETE : EJECT_FAILED;
}

static void acpi_eject_over(struct acpi_memory_eject *e, int err, struct mhp_result *res)
{
	enum eject_state state = acpi_eject_outcome(e, err);

	if (err < 0 && e->gone)
		*res = (struct mhp_result){ -ENODEV, MHP_WHY_LOST, MHP_NO_PFN };
	acpi_eject_log(e, state, res);
	if (state == EJECT_DONE)
		acpi_dev_for_each_child(e->adev, acpi_eject_end_below, NULL);
	kfree(e->ranges.range);
	e->ranges = (struct acpi_memory_ranges){};
	kvfree(e->kept);
	mutex_lock(&e->turn);
	acpi_eject_end(e, state, e->source, res, acpi_eject_code(res));
	mutex_unlock(&e->turn);
	if (!e->again)
		return;
	/* The check may have been for an incomplete device below, which has been removed. */
	acpi_eject_end_removed(e->adev, NULL);
	/* The check of the next device in the slot was refused as well. */
	if (state == EJECT_FAILED || e->left)
		acpi_scan_recheck(e->adev);
}

/*
 * Suspend and hibernation end an attempt to offline the memory; the next attempt begins when
 * the system is awake. Returns with device_hotplug_lock held.
 */
static int acpi_eject_attempts(struct acpi_memory_eject *e, struct mhp_result *res)
{
	int err;

	for (;;) {
		lock_device_hotplug();
		*res = MHP_RESULT_OK;
		if (READ_ONCE(e->progress.cancel))
			return mhp_refuse(res, -ECANCELED, MHP_WHY_CANCELLED, MHP_NO_PFN);
		err = acpi_eject_offline(e, res);
		if (res->why != MHP_WHY_SLEEP)
			return err;
		unlock_device_hotplug();
		mhp_wait_awake();
	}
}

static void acpi_eject_work(struct work_struct *work)
{
	struct acpi_memory_eject *e = container_of(work, struct acpi_memory_eject, work);
	struct acpi_device *adev = e->adev;
	struct mhp_result res;
	int err;

	err = acpi_eject_attempts(e, &res);
	acpi_scan_lock_acquire();
	if (!err)
		err = acpi_eject_detach(e, &res);
	if (err < 0)
		acpi_eject_restore(e);
	acpi_eject_over(e, err, &res);
	acpi_scan_lock_release();
	unlock_device_hotplug();
	acpi_dev_put(adev);
}

/* Allocated at first use, and kept until the device is freed. */
static struct acpi_memory_eject *acpi_eject_get(struct acpi_device *adev)
{
	struct acpi_memory_eject *e = READ_ONCE(adev->eject), *other;

	if (e)
		return e;
	e = kzalloc(sizeof(*e), GFP_KERNEL);
	if (!e)
		return NULL;
	e->adev = adev;
	INIT_WORK(&e->work, acpi_eject_work);
	ratelimit_state_init(&e->messages, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
	mutex_init(&e->turn);
	spin_lock_init(&e->lock);
	other = cmpxchg(&adev->eject, NULL, e);
	if (!other)
		return e;
	kfree(e);
	return other;
}

/* User space decides: it writes to eject, or cancels the request in eject_status. */
static void acpi_eject_ask_user(struct acpi_memory_eject *e, u32 source)
{
	char *envp[2] = { "EVENT=eject_request", NULL };

	spin_lock(&e->lock);
	e->state = EJECT_ASKED;
	e->source = source;
	spin_unlock(&e->lock);
	sysfs_notify(&e->adev->dev.kobj, NULL, "eject_status");
	kobject_uevent_env(&e->adev->dev.kobj, KOBJ_CHANGE, envp);
	acpi_evaluate_ost(e->adev->handle, source, ACPI_OST_SC_EJECT_IN_PROGRESS, NULL);
}

static bool acpi_eject_is_pending(const struct acpi_device *adev)
{
	const struct acpi_memory_eject *e = READ_ONCE(adev->eject);
	enum eject_state state = e ? READ_ONCE(e->state) : EJECT_IDLE;

	return state == EJECT_PENDING || state == EJECT_LEAVING;
}

static int acpi_eject_find_pending(struct acpi_device *adev, void *unused)
{
	if (acpi_eject_is_pending(adev))
		return 1;
	return acpi_dev_for_each_child(adev, acpi_eject_find_pending, NULL);
}

static int acpi_eject_start(struct acpi_memory_eject *e, u32 source, struct mhp_result *res)
{
	int err;

	if (!acpi_has_method(e->adev->handle, "_EJ0"))
		return mhp_refuse(res, -EPERM, MHP_WHY_DISABLED, MHP_NO_PFN);
	/* The eject of an incomplete device below has no memory to claim any more. */
	if (acpi_dev_for_each_child(e->adev, acpi_eject_find_pending, NULL))
		return mhp_refuse(res, -EBUSY, MHP_WHY_EJECTING, MHP_NO_PFN);
	err = acpi_eject_alloc_kept(e);
	if (err)
		return mhp_refuse(res, err, MHP_WHY_NOMEM, MHP_NO_PFN);
	err = e->ranges.nr ? memory_ranges_claim(e->ranges.range, e->ranges.nr, res) : 0;
	if (err) {
		kvfree(e->kept);
		return err;
	}

	e->again = false;
	e->gone = false;
	e->left = false;
	spin_lock(&e->lock);
	e->state = EJECT_PENDING;
	e->source = source;
	e->progress = (struct mhp_progress){ .begin = jiffies };
	spin_unlock(&e->lock);
	sysfs_notify(&e->adev->dev.kobj, NULL, "eject_status");
	acpi_evaluate_ost(e->adev->handle, source, ACPI_OST_SC_EJECT_IN_PROGRESS, NULL);
	acpi_dev_get(e->adev);
	queue_work(system_unbound_wq, &e->work);
	return 0;
}

/* Takes ownership of the array in @ranges. */
static void acpi_eject_request(struct acpi_memory_eject *e, u32 source,
			       const struct acpi_memory_ranges *ranges)
{
	struct mhp_result res = MHP_RESULT_OK;
	int err;

	guard(mutex)(&e->turn);
	/* Of an incomplete device there is nothing left that user space could keep. */
	if (READ_ONCE(e->ask) && source == ACPI_NOTIFY_EJECT_REQUEST &&
	    e->state != EJECT_INCOMPLETE) {
		kfree(ranges->range);
		acpi_eject_ask_user(e, source);
		return;
	}
	/* The user has decided, so the answer goes to the request of the firmware. */
	if (e->state == EJECT_ASKED)
		source = e->source;

	e->ranges = *ranges;
	e->retry = e->state == EJECT_INCOMPLETE;
	err = acpi_eject_start(e, source, &res);
	if (!err)
		return;
	kfree(e->ranges.range);
	e->ranges = (struct acpi_memory_ranges){};
	e->progress = (struct mhp_progress){ .begin = jiffies };
	acpi_eject_log(e, acpi_eject_outcome(e, err), &res);
	acpi_eject_end(e, acpi_eject_outcome(e, err), source, &res, acpi_eject_code(&res));
}

static int acpi_eject_find_unfinished(struct acpi_device *adev, void *unused)
{
	if (acpi_memory_eject_incomplete(adev) || acpi_eject_is_pending(adev))
		return 1;
	return acpi_dev_for_each_child(adev, acpi_eject_find_unfinished, NULL);
}

/* Does user space decide about the device? It cannot eject one that has no handler. */
static bool acpi_eject_asks(const struct acpi_device *adev)
{
	const struct acpi_memory_eject *e = READ_ONCE(adev->eject);

	return e && adev->handler &&
	       (READ_ONCE(e->ask) || READ_ONCE(e->state) == EJECT_ASKED);
}

/**
 * acpi_memory_eject - eject a device that may have memory
 * @adev: the device
 * @source: the request: ACPI_NOTIFY_EJECT_REQUEST or ACPI_OST_EC_OSPM_EJECT
 *
 * If the device, or one below it, has memory, this queues the eject: it takes either all of the
 * memory offline or none, and evaluates _OST when it ends (ACPI 6.5, section 6.3.5). It is
 * also queued for an incomplete device, whose memory has been removed already, and for a container
 * about which user space decides.
 *
 * Context: Process context. device_hotplug_lock and acpi_scan_lock held.
 * Return: 0 if the device has no memory, and the caller ejects it, and tells
 * acpi_memory_eject_ended() of the result; -EINPROGRESS if the eject is queued, or has been
 * refused with an answer to the firmware. After any other error the
 * caller answers: -EBUSY if an eject is pending already, -ENODEV if the device that a user wanted
 * to be ejected was removed before, -EPERM if hotplug of memory is disabled, -ENOMEM.
 */
int acpi_memory_eject(struct acpi_device *adev, u32 source)
{
	struct acpi_memory_ranges ranges;
	struct acpi_memory_eject *e;
	int err;

	/* Since the user wrote to eject, that device was removed. The slot may have another one. */
	if (source == ACPI_OST_EC_OSPM_EJECT && !adev->handler && !adev->dev.driver)
		return -ENODEV;
	if (acpi_memory_eject_pending(adev)) {
		if (acpi_memory_may_log(adev))
			dev_info(&adev->dev, "an eject is pending already\n");
		return -EBUSY;
	}
	err = acpi_eject_find_ranges(adev, &ranges);
	if (err || (!ranges.nr && !acpi_eject_find_unfinished(adev, NULL) &&
		    !acpi_eject_asks(adev)))
		return err;
	e = acpi_eject_get(adev);
	if (!e) {
		kfree(ranges.range);
		return -ENOMEM;
	}
	acpi_eject_request(e, source, &ranges);
	return -EINPROGRESS;
}

/**
 * acpi_memory_eject_ended - note the result of an eject that was left to the caller
 * @adev: a device without memory, which has been detached with all that is below it
 * @source: the request: ACPI_NOTIFY_EJECT_REQUEST or ACPI_OST_EC_OSPM_EJECT
 * @result: what acpi_scan_eject() returns
 *
 * An incomplete device is not detached again by the next eject, or by a check: a host bridge
 * cannot be detached twice. Nor is one that the firmware keeps, which is used again.
 *
 * Context: Process context. device_hotplug_lock and acpi_scan_lock held.
 */
void acpi_memory_eject_ended(struct acpi_device *adev, u32 source, int result)
{
	struct acpi_memory_eject *e;

	if (!result || !adev->handler || !adev->handler->detach)
		return;
	if (result < 0) {
		/* What is below an eject that is incomplete stays out of use. */
		if (!acpi_memory_eject_detached(adev))
			acpi_scan_again(adev);
		return;
	}
	e = acpi_eject_get(adev);
	if (!e)
		return;
	guard(mutex)(&e->turn);
	spin_lock(&e->lock);
	e->source = source;
	e->progress = (struct mhp_progress){};
	e->ms = 0;
	spin_unlock(&e->lock);
	acpi_eject_change_state(e, EJECT_INCOMPLETE);
}

/**
 * acpi_memory_may_log - limit the rate of messages that notifications of a device cause
 * @adev: the device
 *
 * Context: Process context. May sleep.
 * Return: false if there have been too many messages within a short time.
 */
bool acpi_memory_may_log(struct acpi_device *adev)
{
	struct acpi_memory_eject *e = acpi_eject_get(adev);

	return !e || __ratelimit(&e->messages);
}

/**
 * acpi_memory_eject_pending - test whether an eject of a device is running
 * @adev: the device
 *
 * Context: Process context. Takes no lock.
 * Return: true while an eject of the device, or of one above it, is pending.
 */
bool acpi_memory_eject_pending(struct acpi_device *adev)
{
	for (; adev; adev = acpi_dev_parent(adev))
		if (acpi_eject_is_pending(adev))
			return true;
	return false;
}

/* Nothing is collected where hotplug was disabled meanwhile, but there is memory. */
static bool acpi_eject_has_memory(struct acpi_device *adev)
{
	struct acpi_memory_ranges ranges = {};

	return acpi_eject_collect_ranges(adev, &ranges) || ranges.nr;
}

/* When the check is made up for, another device may be in the place of one that was used. */
static int acpi_eject_mark_absent(struct acpi_device *adev, void *unused)
{
	struct acpi_memory_eject *e = adev->handler ? acpi_eject_get(adev) : NULL;

	if (e)
		e->absent = true;
	return acpi_dev_for_each_child(adev, acpi_eject_mark_absent, NULL);
}

/* Marks the devices that are not enabled any more, and notes whether one of them has memory. */
static int acpi_eject_find_gone(struct acpi_device *adev, void *gone)
{
	acpi_bus_get_status(adev);
	if (acpi_device_is_enabled(adev))
		return acpi_dev_for_each_child(adev, acpi_eject_find_gone, gone);
	if (acpi_eject_has_memory(adev))
		*(bool *)gone = true;
	return acpi_eject_mark_absent(adev, NULL);
}

/* Cancels the eject if memory has disappeared: the pages of absent memory cannot be moved. */
static void acpi_eject_put_off_check(struct acpi_memory_eject *e, struct acpi_device *adev)
{
	bool gone = false;

	e->again = true;
	acpi_eject_find_gone(adev, &gone);
	e->left |= e->absent;
	if (gone) {
		e->gone = true;
		WRITE_ONCE(e->progress.cancel, true);
	}
}

/**
 * acpi_memory_eject_refuses - test whether a check of a device has to be refused
 * @adev: the device that the firmware wants to be checked
 *
 * A check is refused while an eject of the device, or of one above it, is pending. If memory of
 * the device is not enabled any more, the eject is cancelled.
 *
 * Context: Process context. device_hotplug_lock and acpi_scan_lock held.
 * Return: true if the check is to be refused; it is made up for after a failed eject.
 */
bool acpi_memory_eject_refuses(struct acpi_device *adev)
{
	struct acpi_device *top;
	bool refuses = false;

	for (top = adev; top; top = acpi_dev_parent(top)) {
		struct acpi_memory_eject *e = READ_ONCE(top->eject);

		if (!e || e->state != EJECT_PENDING)
			continue;
		acpi_eject_put_off_check(e, adev);
		refuses = true;
	}
	return refuses;
}

/**
 * acpi_memory_eject_defers - test whether a check has to skip a device
 * @adev: a device below the one that is checked
 *
 * A device is skipped, with all devices below it, while its eject is pending. If memory of the
 * device is not enabled any more, the eject is cancelled.
 *
 * Context: Process context. device_hotplug_lock and acpi_scan_lock held.
 * Return: true if the device is to be skipped; it is checked again after a failed eject.
 */
bool acpi_memory_eject_defers(struct acpi_device *adev)
{
	struct acpi_memory_eject *e = READ_ONCE(adev->eject);

	if (!e || e->state != EJECT_PENDING)
		return false;
	acpi_eject_put_off_check(e, adev);
	return true;
}

/**
 * acpi_memory_eject_bars - test whether a scan must not attach a memory device
 * @adev: the memory device
 *
 * Context: Process context. acpi_scan_lock held.
 * Return: 0 if the device can be attached; -EBUSY while an eject of it, or of a device above
 * it, is pending, after which it is scanned again; 1 if it has been ejected, but the firmware
 * has not removed it yet.
 */
int acpi_memory_eject_bars(struct acpi_device *adev)
{
	for (; adev; adev = acpi_dev_parent(adev)) {
		struct acpi_memory_eject *e = READ_ONCE(adev->eject);

		if (e && e->state == EJECT_PENDING) {
			e->again = true;
			return -EBUSY;
		}
		if (acpi_memory_eject_incomplete(adev))
			return 1;
	}
	return 0;
}

static int acpi_eject_block_seen(struct memory_block *mem, void *arg)
{
	return 1;
}

/**
 * acpi_memory_eject_stays - test whether a detached device still has memory blocks
 * @adev: the device that is being ejected
 *
 * Context: Process context. device_hotplug_lock and acpi_scan_lock held.
 * Return: true if removing the memory has failed; the failure has been logged.
 */
bool acpi_memory_eject_stays(struct acpi_device *adev)
{
	const struct acpi_memory_eject *e = READ_ONCE(adev->eject);
	unsigned int i;

	for (i = 0; e && i < e->ranges.nr; i++)
		if (walk_memory_blocks(e->ranges.range[i].start, range_len(e->ranges.range + i),
				       NULL, acpi_eject_block_seen))
			return true;
	return false;
}

static bool acpi_eject_had(const struct acpi_memory_eject *e, u64 start)
{
	unsigned int i;

	for (i = 0; i < e->ranges.nr; i++)
		if (e->ranges.range[i].start <= start && start <= e->ranges.range[i].end)
			return true;
	return false;
}

/**
 * acpi_memory_eject_restores - test whether memory is added again after a failed eject
 * @adev: the memory device that is being attached
 * @start: physical address of the first byte of the memory
 *
 * The eject brings online those blocks of the memory that were online before. It does not know
 * memory that has appeared in its container meanwhile.
 *
 * Context: Process context. device_hotplug_lock and acpi_scan_lock held.
 * Return: true if the memory was being ejected, with the device or with one above it.
 */
bool acpi_memory_eject_restores(struct acpi_device *adev, u64 start)
{
	for (; adev; adev = acpi_dev_parent(adev))
		if (acpi_eject_is_pending(adev) && acpi_eject_had(READ_ONCE(adev->eject), start))
			return true;
	return false;
}

/**
 * acpi_memory_eject_detached - test whether an eject that is incomplete has detached a device
 * @adev: a device with a scan handler
 *
 * Devices that were attached since then are attached, nevertheless.
 *
 * Context: Process context. acpi_scan_lock held.
 * Return: true if the eject of the device, or of one above it, is incomplete, or if a second
 * eject of such a device is running.
 */
bool acpi_memory_eject_detached(struct acpi_device *adev)
{
	for (; adev; adev = acpi_dev_parent(adev))
		if (acpi_memory_eject_incomplete(adev) ||
		    (acpi_eject_is_pending(adev) && adev->eject->retry))
			return true;
	return false;
}

static int acpi_eject_reset_incomplete(struct acpi_device *adev, void *unused)
{
	if (acpi_memory_eject_incomplete(adev))
		acpi_eject_set_state(adev->eject, EJECT_IDLE);
	return acpi_dev_for_each_child(adev, acpi_eject_reset_incomplete, NULL);
}

/**
 * acpi_memory_eject_settle - end incomplete ejects before a device check
 * @adev: the device that is about to be checked
 *
 * A check of a device that was ejected, by itself or with one above it, and that is enabled,
 * means that the firmware offers it again: what was ejected is scanned. A check of a device
 * above the ejected one does not mean that.
 *
 * Context: Process context. device_hotplug_lock and acpi_scan_lock held.
 */
void acpi_memory_eject_settle(struct acpi_device *adev)
{
	struct acpi_device *top;

	for (top = adev; top; top = acpi_dev_parent(top)) {
		if (!acpi_memory_eject_incomplete(top))
			continue;
		acpi_bus_get_status(adev);
		acpi_bus_get_status(top);
		if (!acpi_device_is_enabled(top)) {
			acpi_eject_end_removed(top, NULL);
		} else if (acpi_device_is_enabled(adev)) {
			acpi_eject_reset_incomplete(top, NULL);
			acpi_scan_again(top);
		}
	}
	acpi_eject_end_removed(adev, NULL);
}

/* @states has a bit for each state that is forgotten. */
static void acpi_eject_forget(struct acpi_device *adev, unsigned long states)
{
	struct acpi_memory_eject *e = READ_ONCE(adev->eject);

	if (!e)
		return;
	guard(mutex)(&e->turn);
	if (BIT(e->state) & states)
		acpi_eject_change_state(e, EJECT_IDLE);
}

/**
 * acpi_memory_eject_added - forget ejects when a device has been added
 * @adev: the device, of any kind
 *
 * The last eject was one of the previous device in the slot, and a request of the firmware for
 * that one must not be answered any more. Where a device is added below a container that was
 * ejected, the container has come back. What is added again after an eject that failed is the
 * same device as before, unless it had been ejected on its own.
 *
 * Context: Process context. acpi_scan_lock held.
 */
void acpi_memory_eject_added(struct acpi_device *adev)
{
	struct acpi_memory_eject *e = READ_ONCE(adev->eject);
	struct acpi_device *top;

	if (e)
		e->absent = false;
	acpi_eject_forget(adev, BIT(EJECT_DONE));
	if (acpi_memory_eject_pending(adev))
		return;
	acpi_eject_forget(adev, BIT(EJECT_ASKED) | BIT(EJECT_FAILED));
	for (top = acpi_dev_parent(adev); top; top = acpi_dev_parent(top))
		acpi_eject_forget(top, BIT(EJECT_DONE));
}

/**
 * acpi_memory_eject_removed - note that a device has been removed
 * @adev: the device, of any kind
 *
 * Ejects that are queued were not meant for the next device in the slot. User space is not asked
 * about the device any more.
 *
 * Context: Process context. acpi_scan_lock held.
 */
void acpi_memory_eject_removed(struct acpi_device *adev)
{
	struct acpi_memory_eject *e = READ_ONCE(adev->eject);

	if (!e)
		return;
	WRITE_ONCE(e->removals, e->removals + 1);
	e->absent = false;
	guard(mutex)(&e->turn);
	if (e->state == EJECT_ASKED)
		acpi_eject_change_state(e, EJECT_DONE);
}

/**
 * acpi_memory_eject_absent - test whether a device has disappeared during an eject
 * @adev: the device
 *
 * Context: Process context. acpi_scan_lock held.
 * Return: true if a check that was put off found the device without the enabled bit of _STA.
 * Another device may have the bit now.
 */
bool acpi_memory_eject_absent(const struct acpi_device *adev)
{
	const struct acpi_memory_eject *e = READ_ONCE(adev->eject);

	return e && e->absent;
}

static bool acpi_eject_is_request(const struct acpi_device *adev, u32 source)
{
	return adev->flags.hotplug_notify &&
	       (source == ACPI_NOTIFY_EJECT_REQUEST || source == ACPI_OST_EC_OSPM_EJECT);
}

/**
 * acpi_memory_eject_removals - count the removals of a device
 * @adev: the device, of any kind, for which a request is queued
 * @source: the request, which need not be an eject
 *
 * Context: Process context. May sleep.
 * Return: the number, for acpi_memory_eject_outdated().
 */
unsigned int acpi_memory_eject_removals(struct acpi_device *adev, u32 source)
{
	/* Removals are counted from now on. */
	struct acpi_memory_eject *e = acpi_eject_is_request(adev, source) ? acpi_eject_get(adev) :
									    NULL;

	return e ? READ_ONCE(e->removals) : 0;
}

/**
 * acpi_memory_eject_outdated - test whether an eject was meant for a device that was removed
 * @adev: the device
 * @source: the request, which need not be an eject
 * @removals: the result of acpi_memory_eject_removals() when the request was queued
 *
 * Context: Process context. acpi_scan_lock held.
 * Return: true if the device was removed after the eject was queued. There may be another one.
 */
bool acpi_memory_eject_outdated(struct acpi_device *adev, u32 source, unsigned int removals)
{
	const struct acpi_memory_eject *e = READ_ONCE(adev->eject);

	return acpi_eject_is_request(adev, source) && e && e->removals != removals;
}

/**
 * acpi_memory_eject_free - free the eject state of an ACPI device
 * @adev: the device, which has no references any more
 *
 * Context: Any.
 */
void acpi_memory_eject_free(struct acpi_device *adev)
{
	kfree(adev->eject);
}

/* ---- sysfs ---- */

static const struct acpi_device_id container_ids[] = {
	{ "ACPI0004" },
	{ "PNP0A05" },
	{ "PNP0A06" },
	{ }
};

/**
 * acpi_memory_eject_shown - test whether a device has the sysfs files of an eject
 * @adev: the device
 *
 * Context: Process context. May sleep.
 * Return: true for memory devices and containers that have _EJ0.
 */
bool acpi_memory_eject_shown(struct acpi_device *adev)
{
	return acpi_has_method(adev->handle, "_EJ0") &&
	       (acpi_is_memory_device(adev) || acpi_has_hardware_id(adev, container_ids));
}

static const char *acpi_eject_source_name(u32 source)
{
	return source == ACPI_OST_EC_OSPM_EJECT ? "user" : "firmware";
}

static int acpi_eject_emit_failure(const struct acpi_memory_eject *e, char *buf)
{
	int len = sysfs_emit(buf, "failed source=%s status=%#x err=%d reason=%s step=%s",
			     acpi_eject_source_name(e->source), e->code, e->result.err,
			     mhp_reason_name(e->result.why), e->result.step ?: "check");

	if (e->result.pfn != MHP_NO_PFN)
		len += sysfs_emit_at(buf, len, " pfn=%#lx", e->result.pfn);
	return len + sysfs_emit_at(buf, len, " moved=%lu left=%lu ms=%u\n", e->progress.moved,
				   e->progress.left, e->ms);
}

static int acpi_eject_emit_status(const struct acpi_memory_eject *e, char *buf)
{
	const struct mhp_progress *p = &e->progress;

	switch (e->state) {
	case EJECT_ASKED:
		return sysfs_emit(buf, "asked source=%s\n", acpi_eject_source_name(e->source));
	case EJECT_PENDING:
	case EJECT_LEAVING:
		return sysfs_emit(buf, "pending source=%s pages=%lu left=%lu moved=%lu ms=%u\n",
				  acpi_eject_source_name(e->source), READ_ONCE(p->pages),
				  READ_ONCE(p->left), READ_ONCE(p->moved),
				  jiffies_to_msecs(jiffies - p->begin));
	case EJECT_DONE:
	case EJECT_INCOMPLETE:
		return sysfs_emit(buf, "%s source=%s moved=%lu ms=%u\n",
				  e->state == EJECT_DONE ? "done" : "incomplete",
				  acpi_eject_source_name(e->source), p->moved, e->ms);
	case EJECT_FAILED:
		return acpi_eject_emit_failure(e, buf);
	default:
		return sysfs_emit(buf, "idle\n");
	}
}

static ssize_t eject_status_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct acpi_memory_eject *e = READ_ONCE(to_acpi_device(dev)->eject);
	int len;

	/* The answer may have a page frame number, which is not for users without privilege. */
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!e)
		return sysfs_emit(buf, "idle\n");
	spin_lock(&e->lock);
	len = acpi_eject_emit_status(e, buf);
	spin_unlock(&e->lock);
	return len;
}

/* Returns -EINVAL if there is nothing to cancel, -EBUSY if it is too late. */
static int acpi_eject_cancel(struct acpi_memory_eject *e)
{
	const struct mhp_result declined = { -EPERM, MHP_WHY_CANCELLED, MHP_NO_PFN };

	switch (e->state) {
	case EJECT_PENDING:
		WRITE_ONCE(e->progress.cancel, true);
		return 0;
	case EJECT_LEAVING:
		return -EBUSY;
	case EJECT_ASKED:
		e->progress = (struct mhp_progress){ .begin = jiffies };
		acpi_eject_end(e, EJECT_FAILED, e->source, &declined,
			       ACPI_OST_SC_EJECT_NOT_SUPPORTED);
		return 0;
	default:
		return -EINVAL;
	}
}

/* "cancel" ends a pending eject, or declines a request of the firmware. */
static ssize_t eject_status_store(struct device *dev, struct device_attribute *attr,
				  const char *buf, size_t count)
{
	struct acpi_memory_eject *e = READ_ONCE(to_acpi_device(dev)->eject);
	int err;

	if (!sysfs_streq(buf, "cancel") || !e)
		return -EINVAL;
	if (mutex_lock_interruptible(&e->turn))
		return -EINTR;
	err = acpi_eject_cancel(e);
	mutex_unlock(&e->turn);
	return err ?: count;
}

DEVICE_ATTR_ADMIN_RW(eject_status);

static ssize_t eject_ask_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct acpi_memory_eject *e = READ_ONCE(to_acpi_device(dev)->eject);

	return sysfs_emit(buf, "%d\n", e && READ_ONCE(e->ask));
}

static ssize_t eject_ask_store(struct device *dev, struct device_attribute *attr,
			       const char *buf, size_t count)
{
	struct acpi_memory_eject *e;
	bool ask;
	int err;

	err = memory_parse_bool(buf, &ask);
	if (err)
		return err;
	e = acpi_eject_get(to_acpi_device(dev));
	if (!e)
		return -ENOMEM;
	WRITE_ONCE(e->ask, ask);
	return count;
}

DEVICE_ATTR_RW(eject_ask);
