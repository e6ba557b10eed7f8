// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ejecting memory: a memory device, or a container with some (ACPI 6.5, sections 6.3 and
 * 9.11).
 *
 * All memory of the device goes offline in one request, then whatever else there is, then
 * the device is detached and ejected. It can take minutes, as programs' pages move; so an
 * eject is a work item of its own, which holds neither acpi_scan_lock nor
 * device_hotplug_lock meanwhile. The memory blocks are claimed from the beginning to the
 * end: a second eject, or a request of a user for one of them, is refused with -EBUSY.
 *
 *	idle	nothing was asked, or the answer has been forgotten
 *	asked	the firmware wants the device, and user space has not decided yet
 *	pending	the eject goes on
 *	done	the device has been taken
 *	incomplete
 *		it has been detached and _EJ0 succeeded, but _STA still says that it is enabled
 *	failed	it stays, with every block in the state and the zone it had
 *
 * Some firmware only begins to take a device when _EJ0 is evaluated. An incomplete device is
 * not used, whatever scans pass by: its firmware may take it at any moment. Another eject
 * evaluates _EJ0 again; a check of the device brings it back, or finds that it was taken.
 *
 * While an eject is pending a check of the device, or of one below it, is refused with -EBUSY.
 * A check of a device above it, or a scan, leaves the device alone; eject_over() looks at the
 * device again if it stays.
 *
 * Owns: struct acpi_memory_eject, in acpi_device.eject from the first request or setting
 *	to the end of the ACPI device.
 * Calls: the requests of linux/memory.h; scan.c to detach and eject.
 * Locks: device_hotplug_lock, then acpi_scan_lock, then struct acpi_memory_eject.turn. Every
 *	change of the state is made with the last one held, also by user space, which does not
 *	take the others.
 */
#define pr_fmt(fmt) "ACPI: " fmt

#include <linux/acpi.h>
#include <linux/capability.h>
#include <linux/cleanup.h>
#include <linux/jiffies.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
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
#include "../../mm/mhp/order.h"

static unsigned int timeout_ms __read_mostly = 120 * MSEC_PER_SEC;
module_param(timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms, "How long an eject tries to empty a device, 0: no limit");

enum eject_state {
	EJECT_IDLE,
	EJECT_ASKED,
	EJECT_PENDING,
	/* Pending, for user space: the firmware keeps the device, whose memory is added again. */
	EJECT_RETURNING,
	EJECT_DONE,
	EJECT_INCOMPLETE,
	EJECT_FAILED,
};

/**
 * struct kept_blocks - neighbouring blocks that were online in one kind of zone
 * @start: physical address
 * @size: bytes
 * @type: the kind
 */
struct kept_blocks {
	u64 start, size;
	enum mmop type;
};

/**
 * struct acpi_memory_eject - the eject of a device
 * @adev: the device, referenced while the eject is pending
 * @work: the eject
 * @ranges: the memory of the device and of all devices below
 * @kept: what was online of it
 * @nr_kept: how many
 * @progress: of the offline
 * @again: a check or a scan left the device alone; under acpi_scan_lock
 * @gone: such a check found that _STA says the device is not enabled; under acpi_scan_lock
 * @messages: limits those that notifications cause
 * @turn: held while @state changes and while the firmware is told of the change, so that the
 *	answers come in the order of the changes; @state does not become or cease to be
 *	EJECT_PENDING without acpi_scan_lock
 * @lock: readers see fields that belong together
 * @state: for user space; EJECT_PENDING also keeps other ejects away
 * @ask: user space decides about requests of the firmware
 * @source: what is answered: the firmware's request or the user's
 * @result: what went wrong
 * @code: the answer to the firmware, an ejection status code of _OST
 * @ms: how long it took
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

static int collect_ranges(struct acpi_device *adev, void *ranges)
{
	return acpi_memory_collect(adev, ranges) ?:
	       acpi_dev_for_each_child(adev, collect_ranges, ranges);
}

static int range_cmp(const void *left, const void *right)
{
	const struct range *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* Devices with memory from boot may describe the same. */
static void merge_ranges(struct acpi_memory_ranges *ranges)
{
	struct range *last = ranges->range;
	unsigned int i;

	sort(ranges->range, ranges->nr, sizeof(*ranges->range), range_cmp, NULL);
	for (i = 1; i < ranges->nr; i++) {
		if (ranges->range[i].start <= last->end)
			last->end = max(last->end, ranges->range[i].end);
		else
			*++last = ranges->range[i];
	}
	ranges->nr = last + 1 - ranges->range;
}

/* -EPERM where hotplug of memory has been disabled by the administrator. */
static int find_ranges(struct acpi_device *adev, struct acpi_memory_ranges *ranges)
{
	int err;

	*ranges = (struct acpi_memory_ranges){};
	err = collect_ranges(adev, ranges);
	if (err || !ranges->nr)
		return err;

	ranges->max = ranges->nr;
	ranges->nr = 0;
	ranges->range = kcalloc(ranges->max, sizeof(*ranges->range), GFP_KERNEL);
	if (!ranges->range)
		return -ENOMEM;
	collect_ranges(adev, ranges);
	merge_ranges(ranges);
	return 0;
}

/* Room for each block, as each may be in another kind of zone. */
static int alloc_kept(struct acpi_memory_eject *e)
{
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < e->ranges.nr; i++)
		nr += range_len(e->ranges.range + i) / memory_block_size_bytes() + 1;
	e->kept = kvcalloc(nr, sizeof(*e->kept), MHP_GFP);
	e->nr_kept = 0;
	return e->kept ? 0 : -ENOMEM;
}

static int keep_block(struct memory_block *mem, void *arg)
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

static void note_kept(struct acpi_memory_eject *e)
{
	unsigned int i;

	for (i = 0; i < e->ranges.nr; i++)
		walk_memory_blocks(e->ranges.range[i].start, range_len(e->ranges.range + i), e,
				   keep_block);
}

/* ---- What comes of it ---- */

/* Status codes of _OST for ejection: ACPI 6.5, section 6.3.5.2. */
static u32 eject_code(const struct mhp_result *res)
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

/* Where the firmware does not hear of the change. */
static void set_state(struct acpi_memory_eject *e, enum eject_state state)
{
	mutex_lock(&e->turn);
	spin_lock(&e->lock);
	e->state = state;
	spin_unlock(&e->lock);
	mutex_unlock(&e->turn);
	sysfs_notify(&e->adev->dev.kobj, NULL, "eject_status");
}

/* Who hears the answer may ask again at once. */
static void eject_end(struct acpi_memory_eject *e, enum eject_state state, u32 source,
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

static void eject_log(struct acpi_memory_eject *e, enum eject_state state,
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

/* The firmware kept the device, and its memory has been added again. */
static void bring_back(struct acpi_memory_eject *e)
{
	struct mhp_result res = MHP_RESULT_OK;
	unsigned int i;
	int err;

	for (i = 0; i < e->nr_kept; i++) {
		err = memory_blocks_online(e->kept[i].start, e->kept[i].size, e->kept[i].type,
					   &res);
		if (err && __ratelimit(&e->messages))
			dev_err(&e->adev->dev, "[mem %#llx-%#llx] cannot be restored (%d)\n",
				e->kept[i].start, e->kept[i].start + e->kept[i].size - 1, err);
	}
}

/*
 * With the memory offline: the rest of the device, detach it, eject it. Returns 1 where the
 * firmware has not taken it yet.
 */
static int eject_rest(struct acpi_memory_eject *e, struct mhp_result *res)
{
	int err;

	note_kept(e);
	err = acpi_scan_offline(e->adev);
	if (err)
		return mhp_refuse(res, err, err == -ENODEV ? MHP_WHY_FIRMWARE :
							     MHP_WHY_DEPENDENCY, MHP_NO_PFN);
	err = acpi_scan_eject(e->adev);
	if (err >= 0)
		return err;

	set_state(e, EJECT_RETURNING);
	acpi_scan_again(e->adev);
	return mhp_refuse(res, err, err == -ENOTEMPTY ? MHP_WHY_INTERNAL : MHP_WHY_FIRMWARE,
			  MHP_NO_PFN);
}

static int eject_offline(struct acpi_memory_eject *e, struct mhp_result *res)
{
	const struct mhp_policy policy = {
		.timeout_ms = READ_ONCE(timeout_ms),
		.signals = MHP_SIGNALS_NONE,
		.claimed = true,
		.removes = true,
		.progress = &e->progress,
	};

	/* An incomplete device has no memory any more. */
	return e->ranges.nr ? memory_ranges_offline(e->ranges.range, e->ranges.nr, &policy, res) :
			      0;
}

static void eject_restore(struct acpi_memory_eject *e)
{
	int err = e->ranges.nr ? memory_ranges_release(e->ranges.range, e->ranges.nr) : 0;

	if (err && __ratelimit(&e->messages))
		dev_err(&e->adev->dev, "memory cannot be restored (%d)\n", err);
	bring_back(e);
}

/* Whatever was asked of devices below one that has been taken has an answer now. */
static int end_below(struct acpi_device *adev, void *unused)
{
	struct acpi_memory_eject *e = READ_ONCE(adev->eject);

	if (e && (e->state == EJECT_ASKED || e->state == EJECT_INCOMPLETE))
		set_state(e, EJECT_DONE);
	return acpi_dev_for_each_child(adev, end_below, NULL);
}

static void eject_over(struct acpi_memory_eject *e, int err, struct mhp_result *res)
{
	enum eject_state state = err < 0 ? EJECT_FAILED : err ? EJECT_INCOMPLETE : EJECT_DONE;

	if (err < 0 && e->gone)
		*res = (struct mhp_result){ -ENODEV, MHP_WHY_LOST, MHP_NO_PFN };
	eject_log(e, state, res);
	if (state == EJECT_DONE)
		acpi_dev_for_each_child(e->adev, end_below, NULL);
	kfree(e->ranges.range);
	e->ranges = (struct acpi_memory_ranges){};
	kvfree(e->kept);
	mutex_lock(&e->turn);
	eject_end(e, state, e->source, res, eject_code(res));
	mutex_unlock(&e->turn);
	if (state == EJECT_FAILED && e->again)
		acpi_scan_recheck(e->adev);
}

/*
 * A system that goes to sleep ends an attempt; afterwards there is another. Returns with
 * device_hotplug_lock held.
 */
static int eject_attempts(struct acpi_memory_eject *e, struct mhp_result *res)
{
	int err;

	for (;;) {
		lock_device_hotplug();
		*res = MHP_RESULT_OK;
		if (READ_ONCE(e->progress.cancel))
			return mhp_refuse(res, -ECANCELED, MHP_WHY_CANCELLED, MHP_NO_PFN);
		err = eject_offline(e, res);
		if (res->why != MHP_WHY_SLEEP)
			return err;
		unlock_device_hotplug();
		mhp_wait_awake();
	}
}

static void eject_work(struct work_struct *work)
{
	struct acpi_memory_eject *e = container_of(work, struct acpi_memory_eject, work);
	struct acpi_device *adev = e->adev;
	struct mhp_result res;
	int err;

	err = eject_attempts(e, &res);
	acpi_scan_lock_acquire();
	if (!err)
		err = eject_rest(e, &res);
	if (err < 0)
		eject_restore(e);
	eject_over(e, err, &res);
	acpi_scan_lock_release();
	unlock_device_hotplug();
	acpi_dev_put(adev);
}

/* There is one for each device that ever needed it. */
static struct acpi_memory_eject *eject_get(struct acpi_device *adev)
{
	struct acpi_memory_eject *e = READ_ONCE(adev->eject), *other;

	if (e)
		return e;
	e = kzalloc(sizeof(*e), GFP_KERNEL);
	if (!e)
		return NULL;
	e->adev = adev;
	INIT_WORK(&e->work, eject_work);
	ratelimit_state_init(&e->messages, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
	mutex_init(&e->turn);
	spin_lock_init(&e->lock);
	other = cmpxchg(&adev->eject, NULL, e);
	if (!other)
		return e;
	kfree(e);
	return other;
}

/* User space decides, by writing to eject or to eject_status. */
static void eject_ask(struct acpi_memory_eject *e, u32 source)
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

static int eject_start(struct acpi_memory_eject *e, u32 source, struct mhp_result *res)
{
	int err;

	if (!acpi_has_method(e->adev->handle, "_EJ0"))
		return mhp_refuse(res, -EPERM, MHP_WHY_DISABLED, MHP_NO_PFN);
	err = alloc_kept(e);
	if (err)
		return mhp_refuse(res, err, MHP_WHY_NOMEM, MHP_NO_PFN);
	err = e->ranges.nr ? memory_ranges_claim(e->ranges.range, e->ranges.nr, res) : 0;
	if (err) {
		kvfree(e->kept);
		return err;
	}

	e->again = false;
	e->gone = false;
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

/* Takes over @ranges. */
static void eject_request(struct acpi_memory_eject *e, u32 source,
			  const struct acpi_memory_ranges *ranges)
{
	struct mhp_result res = MHP_RESULT_OK;

	guard(mutex)(&e->turn);
	if (READ_ONCE(e->ask) && source == ACPI_NOTIFY_EJECT_REQUEST && ranges->nr) {
		kfree(ranges->range);
		eject_ask(e, source);
		return;
	}
	/* The user has decided: what is answered is the request of the firmware. */
	if (e->state == EJECT_ASKED)
		source = e->source;

	e->ranges = *ranges;
	if (!eject_start(e, source, &res))
		return;
	kfree(e->ranges.range);
	e->ranges = (struct acpi_memory_ranges){};
	e->progress = (struct mhp_progress){ .begin = jiffies };
	eject_log(e, EJECT_FAILED, &res);
	eject_end(e, EJECT_FAILED, source, &res, eject_code(&res));
}

static bool is_incomplete(const struct acpi_device *adev)
{
	const struct acpi_memory_eject *e = READ_ONCE(adev->eject);

	return e && READ_ONCE(e->state) == EJECT_INCOMPLETE;
}

static int find_incomplete(struct acpi_device *adev, void *unused)
{
	return is_incomplete(adev) ? 1 : acpi_dev_for_each_child(adev, find_incomplete, NULL);
}

/**
 * acpi_memory_eject - eject a device that may have memory
 * @adev: the device
 * @source: the request: ACPI_NOTIFY_EJECT_REQUEST or ACPI_OST_EC_OSPM_EJECT
 *
 * Where the device, or one below it, has memory, all of it is offline or none; the eject
 * goes on by itself and evaluates _OST when it ends (ACPI 6.5, section 6.3.5). So it does
 * where the memory is gone already and the firmware has not taken the device.
 *
 * Context: device_hotplug_lock and acpi_scan_lock held.
 * Return: 0 there is no memory, the caller goes on; -EINPROGRESS; or why it was refused, for
 * the caller to answer: -EBUSY an eject or another request is on its way, -EPERM not
 * permitted, -ENOMEM.
 */
int acpi_memory_eject(struct acpi_device *adev, u32 source)
{
	struct acpi_memory_ranges ranges;
	struct acpi_memory_eject *e;
	int err;

	if (acpi_memory_eject_pending(adev)) {
		if (acpi_memory_may_log(adev))
			dev_info(&adev->dev, "an eject is pending already\n");
		return -EBUSY;
	}
	err = find_ranges(adev, &ranges);
	if (err || (!ranges.nr && !find_incomplete(adev, NULL)))
		return err;
	e = eject_get(adev);
	if (!e) {
		kfree(ranges.range);
		return -ENOMEM;
	}
	eject_request(e, source, &ranges);
	return -EINPROGRESS;
}

/**
 * acpi_memory_may_log - limit the messages that notifications of a device cause
 * @adev: the device
 *
 * Context: Process context. May sleep.
 * Return: false where there have been too many within a short time.
 */
bool acpi_memory_may_log(struct acpi_device *adev)
{
	struct acpi_memory_eject *e = eject_get(adev);

	return !e || __ratelimit(&e->messages);
}

static bool is_pending(const struct acpi_device *adev)
{
	const struct acpi_memory_eject *e = READ_ONCE(adev->eject);
	enum eject_state state = e ? READ_ONCE(e->state) : EJECT_IDLE;

	return state == EJECT_PENDING || state == EJECT_RETURNING;
}

/**
 * acpi_memory_eject_pending - is this device about to go
 * @adev: the device
 *
 * Context: Any that may not be in an interrupt.
 * Return: true while an eject of it, or of a device above it, goes on.
 */
bool acpi_memory_eject_pending(struct acpi_device *adev)
{
	for (; adev; adev = acpi_dev_parent(adev))
		if (is_pending(adev))
			return true;
	return false;
}

/**
 * acpi_memory_eject_defers - is a check to leave a device and all below it alone
 * @adev: a device that a check of one above it has come to
 *
 * Until its pending eject has ended. If _STA says that the device has gone, the eject ends
 * now: its pages cannot be moved any more.
 *
 * Context: acpi_scan_lock held.
 * Return: true where it is; the check is made up for.
 */
bool acpi_memory_eject_defers(struct acpi_device *adev)
{
	struct acpi_memory_eject *e = READ_ONCE(adev->eject);

	if (!e || e->state != EJECT_PENDING)
		return false;
	e->again = true;
	acpi_bus_get_status(adev);
	if (!acpi_device_is_enabled(adev)) {
		e->gone = true;
		WRITE_ONCE(e->progress.cancel, true);
	}
	return true;
}

/**
 * acpi_memory_eject_bars - is a scan not to use the memory of a device
 * @adev: a memory device that a scan has come to
 *
 * Context: acpi_scan_lock held.
 * Return: 0; -EBUSY until the eject of it or of a device above has ended, after which it is
 * scanned again; 1 it has been ejected, and its firmware may take it at any moment.
 */
int acpi_memory_eject_bars(struct acpi_device *adev)
{
	for (; adev; adev = acpi_dev_parent(adev)) {
		struct acpi_memory_eject *e = READ_ONCE(adev->eject);

		if (e && e->state == EJECT_PENDING) {
			e->again = true;
			return -EBUSY;
		}
		if (is_incomplete(adev))
			return 1;
	}
	return 0;
}

static int block_seen(struct memory_block *mem, void *arg)
{
	return 1;
}

/**
 * acpi_memory_eject_stays - has a device that is being ejected still memory
 * @adev: the device, which has been detached
 *
 * Context: device_hotplug_lock and acpi_scan_lock held.
 * Return: true where removing it has failed, which is in the log.
 */
bool acpi_memory_eject_stays(struct acpi_device *adev)
{
	const struct acpi_memory_eject *e = READ_ONCE(adev->eject);
	unsigned int i;

	for (i = 0; e && i < e->ranges.nr; i++)
		if (walk_memory_blocks(e->ranges.range[i].start, range_len(e->ranges.range + i),
				       NULL, block_seen))
			return true;
	return false;
}

/* Of incomplete devices: those that the firmware has taken meanwhile. */
static int settle_taken(struct acpi_device *adev, void *unused)
{
	if (is_incomplete(adev)) {
		acpi_bus_get_status(adev);
		if (!acpi_device_is_enabled(adev)) {
			acpi_scan_forget(adev);
			set_state(adev->eject, EJECT_DONE);
		}
	}
	return acpi_dev_for_each_child(adev, settle_taken, NULL);
}

static int forget_incomplete(struct acpi_device *adev, void *unused)
{
	if (is_incomplete(adev))
		set_state(adev->eject, EJECT_IDLE);
	return acpi_dev_for_each_child(adev, forget_incomplete, NULL);
}

/**
 * acpi_memory_eject_settle - what has become of ejects that were incomplete
 * @adev: a device that is about to be checked
 *
 * Where the device was ejected, by itself or with one above it, and is there, the firmware
 * wants it to be used: what was ejected is scanned again. A check of a device above it says
 * nothing of that kind.
 *
 * Context: device_hotplug_lock and acpi_scan_lock held.
 */
void acpi_memory_eject_settle(struct acpi_device *adev)
{
	struct acpi_device *top;

	for (top = adev; top; top = acpi_dev_parent(top)) {
		if (!is_incomplete(top))
			continue;
		acpi_bus_get_status(adev);
		acpi_bus_get_status(top);
		if (!acpi_device_is_enabled(top)) {
			settle_taken(top, NULL);
		} else if (acpi_device_is_enabled(adev)) {
			forget_incomplete(top, NULL);
			acpi_scan_again(top);
		}
	}
	settle_taken(adev, NULL);
}

/**
 * acpi_memory_eject_free - the end of an ACPI device
 * @adev: the device, to which nobody refers any more
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
 * acpi_memory_eject_shown - does a device have the files of an eject
 * @adev: the device
 *
 * Return: true for memory devices and containers that can be ejected.
 */
bool acpi_memory_eject_shown(struct acpi_device *adev)
{
	return acpi_has_method(adev->handle, "_EJ0") &&
	       (acpi_is_memory_device(adev) || acpi_has_hardware_id(adev, container_ids));
}

static const char *source_name(u32 source)
{
	return source == ACPI_OST_EC_OSPM_EJECT ? "user" : "firmware";
}

static int emit_failure(const struct acpi_memory_eject *e, char *buf)
{
	int len = sysfs_emit(buf, "failed source=%s status=%#x err=%d reason=%s step=%s",
			     source_name(e->source), e->code, e->result.err,
			     mhp_reason_name(e->result.why), e->result.step ?: "check");

	if (e->result.pfn != MHP_NO_PFN)
		len += sysfs_emit_at(buf, len, " pfn=%#lx", e->result.pfn);
	return len + sysfs_emit_at(buf, len, " moved=%lu left=%lu ms=%u\n", e->progress.moved,
				   e->progress.left, e->ms);
}

static int emit_status(const struct acpi_memory_eject *e, char *buf)
{
	const struct mhp_progress *p = &e->progress;

	switch (e->state) {
	case EJECT_ASKED:
		return sysfs_emit(buf, "asked source=%s\n", source_name(e->source));
	case EJECT_PENDING:
	case EJECT_RETURNING:
		return sysfs_emit(buf, "pending source=%s pages=%lu left=%lu moved=%lu ms=%u\n",
				  source_name(e->source), READ_ONCE(p->pages),
				  READ_ONCE(p->left), READ_ONCE(p->moved),
				  jiffies_to_msecs(jiffies - p->begin));
	case EJECT_DONE:
	case EJECT_INCOMPLETE:
		return sysfs_emit(buf, "%s source=%s moved=%lu ms=%u\n",
				  e->state == EJECT_DONE ? "done" : "incomplete",
				  source_name(e->source), p->moved, e->ms);
	case EJECT_FAILED:
		return emit_failure(e, buf);
	default:
		return sysfs_emit(buf, "idle\n");
	}
}

static ssize_t eject_status_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct acpi_memory_eject *e = READ_ONCE(to_acpi_device(dev)->eject);
	int len;

	/* Of a page it tells the frame. */
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!e)
		return sysfs_emit(buf, "idle\n");
	spin_lock(&e->lock);
	len = emit_status(e, buf);
	spin_unlock(&e->lock);
	return len;
}

/* Returns false where there is nothing to cancel. */
static bool eject_cancel(struct acpi_memory_eject *e)
{
	const struct mhp_result declined = { -EPERM, MHP_WHY_CANCELLED, MHP_NO_PFN };

	switch (e->state) {
	case EJECT_PENDING:
	case EJECT_RETURNING:
		WRITE_ONCE(e->progress.cancel, true);
		return true;
	case EJECT_ASKED:
		e->progress = (struct mhp_progress){ .begin = jiffies };
		eject_end(e, EJECT_FAILED, e->source, &declined, ACPI_OST_SC_EJECT_NOT_SUPPORTED);
		return true;
	default:
		return false;
	}
}

/* "cancel": a pending eject ends, a request of the firmware is declined. */
static ssize_t eject_status_store(struct device *dev, struct device_attribute *attr,
				  const char *buf, size_t count)
{
	struct acpi_memory_eject *e = READ_ONCE(to_acpi_device(dev)->eject);
	bool cancelled;

	if (!sysfs_streq(buf, "cancel") || !e)
		return -EINVAL;
	if (mutex_lock_interruptible(&e->turn))
		return -EINTR;
	cancelled = eject_cancel(e);
	mutex_unlock(&e->turn);
	return cancelled ? count : -EINVAL;
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

	err = mhp_parse_bool(buf, &ask);
	if (err)
		return err;
	e = eject_get(to_acpi_device(dev));
	if (!e)
		return -ENOMEM;
	WRITE_ONCE(e->ask, ask);
	return count;
}

DEVICE_ATTR_RW(eject_ask);
