// SPDX-License-Identifier: GPL-2.0
/*
 * The hooks of the runner around each step: a trace event before and after the step and, with
 * fault injection, a failure that a test has requested.
 *
 *	echo "online/zone/up -12" > /sys/kernel/debug/memory_hotplug/fail
 *
 * makes this step fail the next time it is called. A reason (mhp_reason.h) may follow the error
 * code; otherwise the reason is "injected". "online/zone/up 500ms" delays the step by half a
 * second instead. An empty line disarms the fault. Calls that undo a step do not fail. This file
 * owns the armed fault, which has its own lock; the hooks may be called from any request.
 *
 *	echo 500 > /sys/kernel/debug/memory_hotplug/walk_delay
 *
 * delays pfn_to_online_page() by half a millisecond for the first page of each pageblock, after
 * the page was found, so that users without a walk or a lock access removed memory.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "mhp.h"

#define CREATE_TRACE_POINTS
#include <trace/events/memory_hotplug.h>

#ifdef CONFIG_MHP_FAULT_INJECTION

#define MAX_DELAY_MS	60000

static DEFINE_MUTEX(fault_lock);
static char armed_step[48];	/* "ladder/step/up" */
static int armed_err;		/* < 0: error code, > 0: delay in milliseconds */
static enum mhp_reason armed_why;

static int mhp_take_fault(const struct mhp_ladder *ladder, const struct mhp_step *step,
			  enum mhp_direction dir, enum mhp_reason *why)
{
	char name[sizeof(armed_step)];
	int err = 0;

	/* Nearly always. A step that begins while a fault is being armed may miss it. */
	if (!READ_ONCE(armed_step[0]))
		return 0;
	snprintf(name, sizeof(name), "%s/%s/%s", ladder->name, step->name,
		 dir == MHP_UP ? "up" : "down");
	mutex_lock(&fault_lock);
	if (!strcmp(name, armed_step)) {
		err = armed_err;
		*why = armed_why;
		armed_step[0] = '\0';
	}
	mutex_unlock(&fault_lock);
	if (err > 0)
		msleep(err);
	return min(err, 0);
}

static ssize_t mhp_fault_read(struct file *file, char __user *to, size_t len, loff_t *pos)
{
	char text[sizeof(armed_step) + 16];
	int n = 0;

	mutex_lock(&fault_lock);
	if (armed_step[0])
		n = scnprintf(text, sizeof(text), "%s %d%s\n", armed_step, armed_err,
			      armed_err > 0 ? "ms" : "");
	mutex_unlock(&fault_lock);
	return simple_read_from_buffer(to, len, pos, text, n);
}

/* Returns MHP_WHY_COUNT for an unknown name. */
static enum mhp_reason mhp_fault_reason(const char *name)
{
	enum mhp_reason why;

	for (why = MHP_WHY_NONE + 1; why < MHP_WHY_COUNT; why++)
		if (!strcmp(name, mhp_reason_name(why)))
			break;
	return why;
}

/* Parses "STEP ERROR", "STEP ERROR REASON" or "STEP DELAYms"; returns false for other texts. */
static bool mhp_fault_parse(const char *text, char *step, int *err, enum mhp_reason *why)
{
	char reason[16] = "injected";
	int n = 0;

	if (sscanf(text, "%47s %d%n", step, err, &n) != 2)
		return false;
	text += n;
	if (*err > 0)
		return *err <= MAX_DELAY_MS && !strcmp(text, "ms");

	n = 0;
	if (*text && (sscanf(text, " %15s%n", reason, &n) != 1 || !isspace(*text)))
		return false;
	*why = mhp_fault_reason(reason);
	return *err && *err >= -MAX_ERRNO && !text[n] && *why != MHP_WHY_COUNT;
}

static ssize_t mhp_fault_write(struct file *file, const char __user *from, size_t len,
			       loff_t *pos)
{
	char text[sizeof(armed_step) + 32] = "", step[sizeof(armed_step)] = "";
	enum mhp_reason why = MHP_WHY_NONE;
	int err = 0;

	if (len >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, len))
		return -EFAULT;
	if (*strim(text) && !mhp_fault_parse(text, step, &err, &why))
		return -EINVAL;

	mutex_lock(&fault_lock);
	strscpy(armed_step, step);
	armed_err = err;
	armed_why = why;
	mutex_unlock(&fault_lock);
	return len;
}

static const struct file_operations mhp_fault_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = mhp_fault_read,
	.write = mhp_fault_write,
	.llseek = default_llseek,
};

static u32 walk_delay;		/* us */

/**
 * mhp_delay_walk() - delay a walk that has found a page
 * @pfn: the page frame
 *
 * Context: Any.
 */
void mhp_delay_walk(unsigned long pfn)
{
	u32 us = READ_ONCE(walk_delay);

	if (unlikely(us) && pageblock_aligned(pfn))
		for (; us; us -= min(us, 100U))
			udelay(min(us, 100U));
}

static int __init mhp_fault_init(void)
{
	debugfs_create_u32("walk_delay", 0600, mhp_debugfs_dir(), &walk_delay);
	debugfs_create_file("fail", 0600, mhp_debugfs_dir(), NULL, &mhp_fault_fops);
	return 0;
}
late_initcall(mhp_fault_init);

#else

static int mhp_take_fault(const struct mhp_ladder *ladder, const struct mhp_step *step,
			  enum mhp_direction dir, enum mhp_reason *why)
{
	return 0;
}

#endif /* CONFIG_MHP_FAULT_INJECTION */

/**
 * mhp_step_enter() - hook of the runner before a step
 * @ladder: the ladder
 * @step: the step
 * @dir: the direction
 * @unwinding: the call undoes a step of a request that failed
 * @why: set to the reason if an error is returned
 *
 * Context: Process context. May sleep.
 * Return: 0; an error code if the step has to fail without being called.
 */
int mhp_step_enter(const struct mhp_ladder *ladder, const struct mhp_step *step,
		   enum mhp_direction dir, bool unwinding, enum mhp_reason *why)
{
	int err = unwinding ? 0 : mhp_take_fault(ladder, step, dir, why);

	trace_mhp_step_enter(ladder->name, step->name, dir == MHP_UP, unwinding, err);
	return err;
}

/**
 * mhp_step_exit() - hook of the runner after a step
 * @ladder: the ladder
 * @step: the step
 * @dir: the direction
 * @unwinding: the call undid a step of a request that failed
 * @err: the result of the step, 0 or an error code
 *
 * Context: Any.
 */
void mhp_step_exit(const struct mhp_ladder *ladder, const struct mhp_step *step,
		   enum mhp_direction dir, bool unwinding, int err)
{
	trace_mhp_step_exit(ladder->name, step->name, dir == MHP_UP, unwinding, err);
}
