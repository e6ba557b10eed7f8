// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes of /sys/devices/system/memory itself: the size of blocks, the default online type of
 * added memory, and requests for one page or block at an address.
 *
 * Owns nothing. Clients search the directory for "memory*", so no name may begin with "memory".
 */
#include <linux/capability.h>
#include <linux/crash_core.h>
#include <linux/device.h>
#include <linux/jiffies.h>
#include <linux/kstrtox.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "memory_attrs.h"
#include "memory_blocks.h"

static ssize_t block_size_bytes_show(struct device *dev, struct device_attribute *attr,
				     char *buf)
{
	return sysfs_emit(buf, "%lx\n", memory_block_size_bytes());
}
static DEVICE_ATTR_RO(block_size_bytes);

static ssize_t auto_online_blocks_show(struct device *dev, struct device_attribute *attr,
				       char *buf)
{
	return sysfs_emit(buf, "%s\n", mhp_online_type_to_str(mhp_get_default_online_type()));
}

static ssize_t auto_online_blocks_store(struct device *dev, struct device_attribute *attr,
					const char *buf, size_t count)
{
	int type = mhp_online_type_from_str(buf);

	if (type < 0)
		return -EINVAL;
	mhp_set_default_online_type(type);
	return count;
}
static DEVICE_ATTR_RW(auto_online_blocks);

#ifdef CONFIG_ARCH_MEMORY_PROBE
/* "ADDRESS", or "ADDRESS memmap_on_memory" for a block that holds its own memmap. */
static int memory_parse_probe(const char *buf, u64 *addr, mhp_t *flags)
{
	size_t len = strcspn(buf, " ");
	char text[32];

	*flags = MHP_MEMMAP_FALLBACK;
	if (buf[len]) {
		if (!sysfs_streq(buf + len + 1, "memmap_on_memory"))
			return -EINVAL;
		*flags = MHP_MEMMAP_OWN;
	}
	if (len >= sizeof(text))
		return -EINVAL;
	strscpy(text, buf, len + 1);
	return kstrtou64(text, 0, addr);
}

/* Adds the block at a physical address, for memory that no firmware announces. */
static ssize_t probe_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	mhp_t flags;
	u64 addr;
	int err;

	err = memory_parse_probe(buf, &addr, &flags);
	if (err)
		return err;
	if (!IS_ALIGNED(addr, memory_block_size_bytes()))
		return -EINVAL;

	/* This file is never removed, so it can wait for the lock. */
	err = memory_lock_for_user(jiffies, 0);
	if (err)
		return err;
	err = __add_memory(memory_add_physaddr_to_nid(addr), addr, memory_block_size_bytes(),
			   flags);
	unlock_device_hotplug();
	return err ?: count;
}
static DEVICE_ATTR_WO(probe);
#endif /* CONFIG_ARCH_MEMORY_PROBE */

#ifdef CONFIG_MEMORY_FAILURE
/* Parses the physical address of a page, and checks the privilege to take it out of use. */
static int memory_parse_page(const char *buf, unsigned long *pfn)
{
	u64 addr;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (kstrtou64(buf, 0, &addr))
		return -EINVAL;
	*pfn = addr >> PAGE_SHIFT;
	return 0;
}

static ssize_t soft_offline_page_store(struct device *dev, struct device_attribute *attr,
				       const char *buf, size_t count)
{
	unsigned long pfn;
	int err = memory_parse_page(buf, &pfn);

	if (!err)
		err = soft_offline_page(pfn, 0);
	return err ?: count;
}
static DEVICE_ATTR_WO(soft_offline_page);

static ssize_t hard_offline_page_store(struct device *dev, struct device_attribute *attr,
				       const char *buf, size_t count)
{
	unsigned long pfn;
	int err = memory_parse_page(buf, &pfn);

	if (!err)
		err = memory_failure(pfn, MF_SW_SIMULATED);
	/* The page cannot be handled, which is no error of the writer. */
	if (err == -EOPNOTSUPP)
		return count;
	return err ?: count;
}
static DEVICE_ATTR_WO(hard_offline_page);
#endif /* CONFIG_MEMORY_FAILURE */

#ifdef CONFIG_CRASH_HOTPLUG
/* 1: the kernel updates a loaded crash kernel, so that user space need not load it again. */
static ssize_t crash_hotplug_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", crash_check_hotplug_support());
}
static DEVICE_ATTR_RO(crash_hotplug);
#endif

static struct attribute *root_attrs[] = {
	&dev_attr_auto_online_blocks.attr,
	&dev_attr_block_size_bytes.attr,
#ifdef CONFIG_ARCH_MEMORY_PROBE
	&dev_attr_probe.attr,
#endif
#ifdef CONFIG_CRASH_HOTPLUG
	&dev_attr_crash_hotplug.attr,
#endif
#ifdef CONFIG_MEMORY_FAILURE
	&dev_attr_hard_offline_page.attr,
	&dev_attr_soft_offline_page.attr,
#endif
	NULL
};

static const struct attribute_group root_group = {
	.attrs = root_attrs,
};

const struct attribute_group *memory_root_groups[] = {
	&root_group,
	&memory_root_report_group,
	NULL
};
