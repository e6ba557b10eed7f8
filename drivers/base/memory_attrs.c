// SPDX-License-Identifier: GPL-2.0
/*
 * Read-only attributes in /sys/devices/system/memory that Linux 6.12 does not have: the last error
 * and the group of a block, and the ratio of movable memory.
 *
 * Page frame numbers are shown to the administrator only. No attribute takes a lock that a
 * request takes, as the request would have to wait for the reader.
 */
#define pr_fmt(fmt) "memory: " fmt

#include <linux/capability.h>
#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/jiffies.h>
#include <linux/kobject.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mhp.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/numa.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "memory_attrs.h"
#include "memory_blocks.h"
#include "memory_text.h"

/**
 * memory_may_see_pages() - test whether the caller may see page frame numbers
 *
 * The rule is that of /proc/PID/pagemap. The mode of a file is not sufficient, as root of a user
 * namespace may own the file, and as the mode can be changed.
 *
 * Context: Process context of the reader.
 * Return: true if the caller has CAP_SYS_ADMIN.
 */
bool memory_may_see_pages(void)
{
	return capable(CAP_SYS_ADMIN);
}

/* ---- Blocks ------------------------------------------------------------- */

static ssize_t last_error_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	if (!memory_may_see_pages())
		return -EPERM;
	return mhp_record_show(&to_memory_block(dev)->last_error, buf);
}
static DEVICE_ATTR_ADMIN_RO(last_error);

static ssize_t group_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	/* Keeps the group until the last reader of the block has finished. */
	const struct memory_group *group = READ_ONCE(to_memory_block(dev)->group);

	return group ? sysfs_emit(buf, "%d\n", group->mgid) : sysfs_emit(buf, "none\n");
}
static DEVICE_ATTR_RO(group);

static struct attribute *block_report_attrs[] = {
	&dev_attr_last_error.attr,
	&dev_attr_group.attr,
	NULL
};

const struct attribute_group memory_block_report_group = {
	.attrs = block_report_attrs,
};

/* ---- All memory ------------------------------------------------------- */

/* With a line for each of many nodes, the text may be longer than a page. */
static ssize_t movable_ratio_read(struct file *file, struct kobject *kobj,
				  struct bin_attribute *attr, char *buf, loff_t off, size_t count)
{
	struct memory_text text = { .to = buf, .skip = off, .room = count };
	char line[MEMORY_TEXT_PIECE];

	for (int nid = NUMA_NO_NODE; nid < MAX_NUMNODES; nid++)
		if (mhp_movable_ratio_line(nid, line, sizeof(line)) &&
		    !memory_text_add(&text, "%s", line))
			break;
	return text.len;
}
static BIN_ATTR_RO(movable_ratio, 0);

static struct bin_attribute *root_report_bin_attrs[] = {
	&bin_attr_movable_ratio,
	NULL
};

const struct attribute_group memory_root_report_group = {
	.bin_attrs = root_report_bin_attrs,
};
