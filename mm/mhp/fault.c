// SPDX-License-Identifier: GPL-2.0
/*
 * What the runner does around each step: a trace event before and after, and,
 * where the kernel has fault injection, a failure that a test asks for.
 *
 *	echo "online/zone/up -12" > /sys/kernel/debug/memory_hotplug/fail
 *
 * fails the next time this step is about to be done, once. A reason behind the number
 * (mhp_reason.h) is that of the failure, else it is "injected". "online/zone/up 500ms" lets
 * the step begin half a second later, and not fail. An empty line takes it back. Steps that
 * undo others do not fail. Owns the armed fault, under its own lock; may be called from any
 * request.
 *
 *	echo 500 > /sys/kernel/debug/memory_hotplug/walk_delay
 *
 * lets pfn_to_online_page() take half a millisecond for the first page of each pageblock, after
 * it has found the page: so those who use it without a lock meet memory that goes.
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
static int armed_err;		/* < 0: an error, > 0: a delay in ms */
static enum mhp_reason armed_why;

static int take_fault(const struct mhp_ladder *ladder, const struct mhp_step *step,
		      enum mhp_direction dir, enum mhp_reason *why)
{
	char name[sizeof(armed_step)];
	int err = 0;

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

static ssize_t fail_read(struct file *file, char __user *to, size_t len, loff_t *pos)
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

/* MHP_WHY_COUNT: there is no such reason. */
static enum mhp_reason reason_of(const char *name)
{
	enum mhp_reason why;

	for (why = MHP_WHY_NONE + 1; why < MHP_WHY_COUNT; why++)
		if (!strcmp(name, mhp_reason_name(why)))
			break;
	return why;
}

/* "STEP ERROR", "STEP ERROR REASON" or "STEP DELAYms"; false where the text is none of these. */
static bool parse_fault(const char *text, char *step, int *err, enum mhp_reason *why)
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
	*why = reason_of(reason);
	return *err && *err >= -MAX_ERRNO && !text[n] && *why != MHP_WHY_COUNT;
}

static ssize_t fail_write(struct file *file, const char __user *from, size_t len,
			  loff_t *pos)
{
	char text[sizeof(armed_step) + 32] = "", step[sizeof(armed_step)] = "";
	enum mhp_reason why = MHP_WHY_NONE;
	int err = 0;

	if (len >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, len))
		return -EFAULT;
	if (*strim(text) && !parse_fault(text, step, &err, &why))
		return -EINVAL;

	mutex_lock(&fault_lock);
	strscpy(armed_step, step);
	armed_err = err;
	armed_why = why;
	mutex_unlock(&fault_lock);
	return len;
}

static const struct file_operations fail_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = fail_read,
	.write = fail_write,
	.llseek = default_llseek,
};

static u32 walk_delay;		/* us */

/**
 * mhp_delay_walk() - keep who has found a page from looking at it
 * @pfn: its page frame
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
	debugfs_create_file("fail", 0600, mhp_debugfs_dir(), NULL, &fail_fops);
	return 0;
}
late_initcall(mhp_fault_init);

#else

static int take_fault(const struct mhp_ladder *ladder, const struct mhp_step *step,
		      enum mhp_direction dir, enum mhp_reason *why)
{
	return 0;
}

#endif /* CONFIG_MHP_FAULT_INJECTION */

/**
 * mhp_step_enter() - a step is about to be done or undone
 * @ladder: the ladder
 * @step: the step
 * @dir: which way
 * @unwinding: it undoes a step of a request that failed
 * @why: gets the reason of the error
 *
 * Return: 0, or the error to fail with instead of doing the step.
 */
int mhp_step_enter(const struct mhp_ladder *ladder, const struct mhp_step *step,
		   enum mhp_direction dir, bool unwinding, enum mhp_reason *why)
{
	int err = unwinding ? 0 : take_fault(ladder, step, dir, why);

	trace_mhp_step_enter(ladder->name, step->name, dir == MHP_UP, unwinding, err);
	return err;
}

/**
 * mhp_step_exit() - a step has been done, undone or has failed
 * @ladder: the ladder
 * @step: the step
 * @dir: which way
 * @unwinding: it undid a step of a request that failed
 * @err: 0 or its error
 */
void mhp_step_exit(const struct mhp_ladder *ladder, const struct mhp_step *step,
		   enum mhp_direction dir, bool unwinding, int err)
{
	trace_mhp_step_exit(ladder->name, step->name, dir == MHP_UP, unwinding, err);
}
