// SPDX-License-Identifier: GPL-2.0
/*
 * A driver that adds memory, and removes it on request. A real driver gets the range of the memory
 * from its device; this one gets it from the user who loads the module:
 *
 *	modprobe mhp_driver start=0x100000000 size=0x10000000 nid=0
 *	echo 1 >/sys/module/mhp_driver/parameters/unplug
 *	rmmod mhp_driver
 *
 * Documentation/core-api/memory-hotplug.rst explains this driver.
 */
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/module.h>
#include <linux/pfn.h>

static unsigned long long start, size;
static int nid, mgid = -1;

module_param(start, ullong, 0444);
module_param(size, ullong, 0444);
module_param(nid, int, 0444);

static int sample_plug(void)
{
	int err, group = memory_group_register_static(nid, PHYS_PFN(size));

	if (group < 0)
		return group;
	err = add_memory_driver_managed(group, start, size, "System RAM (mhp_driver)",
					MHP_NID_IS_MGID);
	if (err) {
		memory_group_unregister(group);
		return err;
	}
	/* The module stays loaded while its memory, which may be in use, is present. */
	__module_get(THIS_MODULE);
	mgid = group;
	return 0;
}

/* If this fails, all memory is as it was before, and the caller may try again. */
static int sample_unplug(void)
{
	int err;

	if (mgid < 0)
		return -ENODEV;
	err = offline_and_remove_memory(start, size);
	if (err)
		return err;
	memory_group_unregister(mgid);
	mgid = -1;
	module_put(THIS_MODULE);
	return 0;
}

static int sample_set_unplug(const char *text, const struct kernel_param *kp)
{
	bool wanted;
	int err = kstrtobool(text, &wanted);

	return err || !wanted ? err : sample_unplug();
}

static const struct kernel_param_ops unplug_ops = {
	.set = sample_set_unplug,
};
module_param_cb(unplug, &unplug_ops, NULL, 0200);

static int __init sample_init(void)
{
	return sample_plug();
}
module_init(sample_init);

static void __exit sample_exit(void)
{
}
module_exit(sample_exit);

MODULE_DESCRIPTION("Sample: a driver that adds memory");
MODULE_LICENSE("GPL");
