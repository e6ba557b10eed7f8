// SPDX-License-Identifier: GPL-2.0
/*
 * Widens a race window of a few instructions: a writer of a sysfs file is delayed after it has
 * released the lock, and before it takes the active reference to the file again.
 *
 * At that point sysfs_unbreak_active_protection() reads the parent of the file. A hardware
 * watchpoint on that field triggers the delay, so that no code has to be changed for it. Programs
 * with the name comm are delayed there for ms milliseconds, with interrupts disabled, when they
 * write to one of the files in the parameter files.
 */
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/hw_breakpoint.h>
#include <linux/kernfs.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/timekeeping.h>

#define MAX_FILES	2
/* The parent is read within so many bytes of code from the beginning of the function. */
#define WITHIN		64

static char *comm = "wr";
module_param(comm, charp, 0444);
MODULE_PARM_DESC(comm, "Name of the programs that stop");

static char *files[MAX_FILES];
static int nr_files;
module_param_array(files, charp, &nr_files, 0444);
MODULE_PARM_DESC(files, "Files of sysfs");

static unsigned int ms = 1000;
module_param(ms, uint, 0444);
MODULE_PARM_DESC(ms, "For how long they stop");

static unsigned int stops;
module_param(stops, uint, 0444);
MODULE_PARM_DESC(stops, "How often one has stopped");

static struct kernfs_node *nodes[MAX_FILES];
static struct perf_event * __percpu *events[MAX_FILES];

static void mhp_widen_stop(struct perf_event *event, struct perf_sample_data *data,
			   struct pt_regs *regs)
{
	unsigned long begin = (unsigned long)sysfs_unbreak_active_protection;
	unsigned long at = instruction_pointer(regs);
	u64 end = ktime_get_mono_fast_ns() + (u64)ms * NSEC_PER_MSEC;

	if (strcmp(current->comm, comm) || at < begin || at >= begin + WITHIN)
		return;
	stops++;
	while (ktime_get_mono_fast_ns() < end)
		cpu_relax();
}

static int mhp_widen_watch_file(const char *name, unsigned int i)
{
	struct perf_event_attr attr;
	struct path path;
	int err;

	err = kern_path(name, 0, &path);
	if (err)
		return err;
	nodes[i] = d_inode(path.dentry)->i_private;
	kernfs_get(nodes[i]);
	path_put(&path);

	hw_breakpoint_init(&attr);
	attr.bp_addr = (unsigned long)&nodes[i]->parent;
	attr.bp_len = HW_BREAKPOINT_LEN_8;
	attr.bp_type = HW_BREAKPOINT_RW;
	events[i] = register_wide_hw_breakpoint(&attr, mhp_widen_stop, NULL);
	err = PTR_ERR_OR_ZERO((void __force *)events[i]);
	if (err)
		kernfs_put(nodes[i]);
	return err;
}

static void mhp_widen_unwatch(int nr)
{
	while (nr--) {
		unregister_wide_hw_breakpoint(events[nr]);
		kernfs_put(nodes[nr]);
	}
}

static int __init mhp_widen_init(void)
{
	int i, err;

	for (i = 0; i < nr_files; i++) {
		err = mhp_widen_watch_file(files[i], i);
		if (err) {
			mhp_widen_unwatch(i);
			return err;
		}
	}
	return 0;
}
module_init(mhp_widen_init);

static void __exit mhp_widen_exit(void)
{
	mhp_widen_unwatch(nr_files);
}
module_exit(mhp_widen_exit);

MODULE_DESCRIPTION("Test module: a window that is wide open");
MODULE_LICENSE("GPL");
