// SPDX-License-Identifier: GPL-2.0
/*
 * Memory groups: the blocks of one device, and /sys/devices/system/memory/groups.
 *
 * Owns the IDs of groups and their directories. mm/ counts the online pages of a group (struct
 * memory_group), and has a list of the dynamic groups.
 *
 * memory_groups_lock is held while groups are registered and unregistered. Groups are freed by
 * RCU, and readers of the directories take no lock.
 */
#define pr_fmt(fmt) "memory: " fmt

#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/kobject.h>
#include <linux/log2.h>
#include <linux/memory.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/numa.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/xarray.h>

#include "memory_attrs.h"
#include "memory_blocks.h"
#include "memory_text.h"

/* ---- Directories -------------------------------------------------------- */

/**
 * struct memory_group_dir - the directory groups/N in sysfs
 * @kobj: the directory
 * @group: the group, which is freed after the directory was removed
 */
struct memory_group_dir {
	struct kobject kobj;
	struct memory_group *group;
};

static struct kobject *groups_dir;

static struct memory_group *memory_group_of_kobj(struct kobject *kobj)
{
	return container_of(kobj, struct memory_group_dir, kobj)->group;
}

static ssize_t type_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  memory_group_of_kobj(kobj)->is_dynamic ? "dynamic" : "static");
}

static ssize_t node_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", memory_group_of_kobj(kobj)->nid);
}

/* A list such as "32-39,48", which may be longer than a page for a dynamic group. */
static ssize_t blocks_read(struct file *file, struct kobject *kobj, struct bin_attribute *attr,
			   char *buf, loff_t off, size_t count)
{
	struct memory_text text = { .to = buf, .skip = off, .room = count };
	struct memory_list list = { .text = &text };
	const struct memory_group *group = memory_group_of_kobj(kobj);
	const struct zone *zone;

	for (unsigned long nr = 0; memory_group_next_block(group, &nr, &zone); nr++)
		if (!memory_list_add(&list, nr))
			return text.len;
	memory_list_end(&list);
	return text.len;
}
static BIN_ATTR_RO(blocks, 0);

/* The zones in which blocks of the group are online. */
static ssize_t zones_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	const struct memory_group *group = memory_group_of_kobj(kobj);
	const struct zone *zone;
	unsigned long seen = 0;
	int len = 0;

	for (unsigned long nr = 0; memory_group_next_block(group, &nr, &zone); nr++)
		if (zone && !test_and_set_bit(zone_idx(zone), &seen))
			len += sysfs_emit_at(buf, len, len ? " %s" : "%s", zone->name);
	return len + sysfs_emit_at(buf, len, len ? "\n" : "none\n");
}

static ssize_t owner_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	const struct memory_group *group = memory_group_of_kobj(kobj);

	/* See memory_group_set_owner(). */
	if (!smp_load_acquire(&group->owner[0]))
		return sysfs_emit(buf, "none\n");
	return sysfs_emit(buf, "%s\n", group->owner);
}

static struct kobj_attribute group_files[] = {
	__ATTR_RO(type),
	__ATTR_RO(node),
	__ATTR_RO(zones),
	__ATTR_RO(owner),
};

static struct attribute *group_dir_attrs[] = {
	&group_files[0].attr,
	&group_files[1].attr,
	&group_files[2].attr,
	&group_files[3].attr,
	NULL
};

static struct bin_attribute *group_dir_bin_attrs[] = {
	&bin_attr_blocks,
	NULL
};

static const struct attribute_group group_dir_group = {
	.attrs = group_dir_attrs,
	.bin_attrs = group_dir_bin_attrs,
};
__ATTRIBUTE_GROUPS(group_dir);

static void memory_group_dir_release(struct kobject *kobj)
{
	kfree(container_of(kobj, struct memory_group_dir, kobj));
}

static const struct kobj_type group_dir_type = {
	.release = memory_group_dir_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = group_dir_groups,
};

/**
 * memory_group_dirs_init() - create the directory groups/
 * @root: the device of the subsystem
 *
 * Context: Process context, at boot.
 */
void memory_group_dirs_init(struct device *root)
{
	groups_dir = kobject_create_and_add("groups", &root->kobj);
}

/* If there is no memory for the directory, the group works without it. */
static struct memory_group_dir *memory_group_dir_add(struct memory_group *group)
{
	struct memory_group_dir *dir;

	if (!groups_dir)
		return NULL;
	dir = kzalloc(sizeof(*dir), GFP_KERNEL);
	if (!dir)
		return NULL;
	dir->group = group;
	if (kobject_init_and_add(&dir->kobj, &group_dir_type, groups_dir, "%d", group->mgid)) {
		kobject_put(&dir->kobj);
		return NULL;
	}
	return dir;
}

/* Waits for readers, which do not wait for locks. */
static void memory_group_dir_remove(struct memory_group_dir *dir)
{
	if (!dir)
		return;
	kobject_del(&dir->kobj);
	kobject_put(&dir->kobj);
}

/* ---- Groups -------------------------------------------------------------- */

static DEFINE_MUTEX(memory_groups_lock);
static DEFINE_XARRAY_ALLOC(memory_groups);
/* The ID of an unregistered group is not given to the next one: a request may still name it. */
static u32 memory_groups_next;

static int memory_group_register(const struct memory_group *template)
{
	u32 mgid;
	int err;

	if (!numa_valid_node(template->nid) || !node_possible(template->nid))
		return -EINVAL;

	struct memory_group *group __free(kfree) =
		kmemdup(template, sizeof(*template), GFP_KERNEL);
	if (!group)
		return -ENOMEM;
	INIT_LIST_HEAD(&group->memory_blocks);

	guard(mutex)(&memory_groups_lock);
	err = xa_alloc_cyclic(&memory_groups, &mgid, group, xa_limit_31b, &memory_groups_next,
			      GFP_KERNEL);
	if (err < 0)
		return err;
	group->mgid = mgid;
	mhp_group_join(group);
	group->dir = memory_group_dir_add(group);
	return no_free_ptr(group)->mgid;
}

/**
 * memory_group_register_static() - register the group of a device with a fixed size (DIMM)
 * @nid: the node of all of its memory
 * @max_pages: number of pages of the whole device, at least 1
 *
 * Context: Process context. May sleep. No locks needed.
 * Return: the ID of the group, for add_memory() with %MHP_NID_IS_MGID; -EINVAL if the node is
 * not possible or there are no pages; -ENOMEM; -EBUSY if all IDs are in use.
 */
int memory_group_register_static(int nid, unsigned long max_pages)
{
	if (!max_pages)
		return -EINVAL;
	return memory_group_register(&(struct memory_group) {
		.nid = nid,
		.s.max_pages = max_pages,
	});
}
EXPORT_SYMBOL_GPL(memory_group_register_static);

/**
 * memory_group_register_dynamic() - register the group of a device that grows and shrinks
 * @nid: the node of all of its memory
 * @unit_pages: number of pages of a unit in which it grows and shrinks: a power of two, at
 *	least the size of a block
 *
 * Context: Process context. May sleep. No locks needed.
 * Return: as for memory_group_register_static(); -EINVAL also for an invalid unit.
 */
int memory_group_register_dynamic(int nid, unsigned long unit_pages)
{
	if (!is_power_of_2(unit_pages) ||
	    unit_pages < PHYS_PFN(memory_block_size_bytes()))
		return -EINVAL;
	return memory_group_register(&(struct memory_group) {
		.nid = nid,
		.is_dynamic = true,
		.d.unit_pages = unit_pages,
	});
}
EXPORT_SYMBOL_GPL(memory_group_register_dynamic);

/**
 * memory_group_unregister() - unregister a group whose memory has been removed
 * @mgid: the ID of the group
 *
 * Called by the driver that registered the group, which does not add memory to it any more.
 *
 * Context: Process context. May sleep. No locks needed.
 * Return: 0; -EINVAL if there is no such group; -EBUSY while it has blocks.
 */
int memory_group_unregister(int mgid)
{
	struct memory_group *group;

	guard(mutex)(&memory_groups_lock);
	group = memory_group_find_by_id(mgid);
	if (!group || !list_empty(&group->memory_blocks))
		return group ? -EBUSY : -EINVAL;
	mhp_group_leave(group);
	memory_group_dir_remove(group->dir);
	xa_erase(&memory_groups, mgid);
	kfree_rcu(group, rcu);
	return 0;
}
EXPORT_SYMBOL_GPL(memory_group_unregister);

/**
 * memory_group_find_by_id() - find a group by its ID
 * @mgid: the ID; any number is allowed
 *
 * Context: Any. The group stays until the driver that registered it unregisters it.
 * Return: the group; NULL if there is none.
 */
struct memory_group *memory_group_find_by_id(int mgid)
{
	return mgid < 0 ? NULL : xa_load(&memory_groups, mgid);
}

/**
 * memory_group_set_owner() - set the name of the driver that adds the memory of a group
 * @group: the group
 * @owner: a word; the first name that is set is kept
 *
 * Context: Process context. device_hotplug_lock held, unless no memory was added to the group.
 */
void memory_group_set_owner(struct memory_group *group, const char *owner)
{
	if (*group->owner || !*owner)
		return;
	strscpy(group->owner + 1, owner + 1, sizeof(group->owner) - 1);
	/* Readers take no lock, so the first letter is written after the rest of the word. */
	smp_store_release(&group->owner[0], *owner);
}
