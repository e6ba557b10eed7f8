// SPDX-License-Identifier: GPL-2.0
/*
 * What /sys/devices/system/memory tells those who ask before they do something, or why
 * something did not work: of a block, of a range, of a group.
 *
 * Changes nothing. What tells page frames, or what takes a lock that a request takes, is the
 * administrator's: to count pages takes the lock of one block at a time. What anybody may
 * read takes no such lock, as a request would have to wait for the reader.
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
#include "../../mm/mhp/order.h"
#include "../../mm/mhp/text.h"

/* ---- What is in it --------------------------------------------------- */

/* The part of a block that lies between two pages, the last included; -EINTR a signal. */
static int count_part(struct memory_block *mem, unsigned long start, unsigned long last,
		      struct mhp_census *census)
{
	start = max(start, block_pfn(mem));
	last = min(last, block_pfn(mem) + block_pages() - 1);
	/* Who has it gives it back before it waits for pages to move, or readers to leave. */
	if (device_lock_interruptible(&mem->dev))
		return -EINTR;
	memory_block_census(mem, start, last - start + 1, census);
	device_unlock(&mem->dev);
	return 0;
}

static int emit_census(char *buf, int len, const struct mhp_census *c)
{
	char blocker[24] = "none";

	if (c->blocker != MHP_NO_PFN)
		snprintf(blocker, sizeof(blocker), "%#lx", c->blocker);
	return len + sysfs_emit_at(buf, len,
				   "free=%lu movable=%lu unmovable=%lu pinned=%lu hugetlb=%lu poisoned=%lu blocker=%s kind=%s score=%u\n",
				   c->free, c->movable, c->unmovable, c->pinned, c->hugetlb,
				   c->poisoned, blocker, c->kind ?: "none",
				   mhp_census_score(c));
}

/**
 * memory_may_see_pages() - may the reader know page frames
 *
 * As for /proc/PID/pagemap. The mode of a file is not enough: the root of a container is its
 * owner, and whoever changes the mode need not know what he gives away.
 *
 * Context: The reader's.
 * Return: true where he may.
 */
bool memory_may_see_pages(void)
{
	return capable(CAP_SYS_ADMIN);
}

static ssize_t movability_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct memory_block *mem = to_memory_block(dev);
	struct mhp_census census = MHP_CENSUS_EMPTY;
	int err = -EPERM;

	if (memory_may_see_pages())
		err = count_part(mem, 0, ULONG_MAX, &census);
	return err ?: emit_census(buf, 0, &census);
}
static DEVICE_ATTR_ADMIN_RO(movability);

/* ---- How it went ------------------------------------------------------ */

static ssize_t last_error_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	if (!memory_may_see_pages())
		return -EPERM;
	return mhp_record_show(&to_memory_block(dev)->last_error, buf);
}
static DEVICE_ATTR_ADMIN_RO(last_error);

static ssize_t progress_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct mhp_progress p;

	if (!memory_block_read_progress(to_memory_block(dev), &p))
		return sysfs_emit(buf, "none\n");
	return sysfs_emit(buf, "left=%lu moved=%lu failed=%lu passes=%u ms=%u\n", p.left,
			  p.moved, p.failed, p.passes, jiffies_to_msecs(jiffies - p.begin));
}
static DEVICE_ATTR_ADMIN_RO(progress);

static ssize_t group_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	/* Until the last reader of the block has left. */
	const struct memory_group *group = READ_ONCE(to_memory_block(dev)->group);

	return group ? sysfs_emit(buf, "%d\n", group->mgid) : sysfs_emit(buf, "none\n");
}
static DEVICE_ATTR_RO(group);

static struct attribute *block_report_attrs[] = {
	&dev_attr_movability.attr,
	&dev_attr_last_error.attr,
	&dev_attr_progress.attr,
	&dev_attr_group.attr,
	NULL
};

const struct attribute_group memory_block_report_group = {
	.attrs = block_report_attrs,
};

/* ---- A range of any size ----------------------------------------------- */

/* What was asked last, as bytes, the last one included; shared by all who ask. */
static struct {
	u64 start, last;
	bool asked;
} query;
static DEFINE_MUTEX(query_lock);

static ssize_t query_store(struct device *dev, struct device_attribute *attr, const char *buf,
			   size_t count)
{
	u64 start, last;
	int err = mhp_parse_range(buf, memory_block_size_bytes(), &start, &last);

	if (err)
		return err;
	guard(mutex)(&query_lock);
	query.start = start;
	query.last = last;
	query.asked = true;
	return count;
}

/**
 * struct inquiry - a query on its way through the blocks
 * @start: first page
 * @last: last page
 * @census: so far
 */
struct inquiry {
	unsigned long start, last;
	struct mhp_census census;
};

static int count_block(struct memory_block *mem, void *arg)
{
	struct inquiry *q = arg;

	return count_part(mem, q->start, q->last, &q->census);
}

static ssize_t query_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct inquiry q = { .census = MHP_CENSUS_EMPTY };
	u64 start, last;
	int err, len;

	if (!memory_may_see_pages())
		return -EPERM;
	scoped_guard(mutex, &query_lock) {
		if (!query.asked)
			return sysfs_emit(buf, "none\n");
		start = query.start;
		last = query.last;
	}
	q.start = PHYS_PFN(start);
	q.last = PHYS_PFN(last);
	/* 0 bytes are all there are, if somebody asks for them. */
	err = walk_memory_blocks(start, min(last - start, (u64)LONG_MAX) + 1, &q, count_block);
	if (err)
		return err;
	len = sysfs_emit(buf, "range=%#llx-%#llx ", start, last);
	return emit_census(buf, len, &q.census);
}
static DEVICE_ATTR_ADMIN_RW(query);

/* A line for each of many nodes may be more than a page. */
static ssize_t movable_ratio_read(struct file *file, struct kobject *kobj,
				  struct bin_attribute *attr, char *buf, loff_t off, size_t count)
{
	struct mhp_text text = { .to = buf, .skip = off, .room = count };
	char line[MHP_TEXT_PIECE];

	for (int nid = NUMA_NO_NODE; nid < MAX_NUMNODES; nid++)
		if (mhp_movable_ratio_line(nid, line, sizeof(line)) &&
		    !mhp_text_add(&text, "%s", line))
			break;
	return text.len;
}
static BIN_ATTR_RO(movable_ratio, 0);

static struct attribute *root_report_attrs[] = {
	&dev_attr_query.attr,
	NULL
};

static struct bin_attribute *root_report_bin_attrs[] = {
	&bin_attr_request,
	&bin_attr_movable_ratio,
	NULL
};

const struct attribute_group memory_root_report_group = {
	.attrs = root_report_attrs,
	.bin_attrs = root_report_bin_attrs,
};
