// SPDX-License-Identifier: GPL-2.0
/*
 * Adding and removing memory together with its blocks, for drivers and firmware.
 *
 * Owns the default online type of added memory. Connects mm/memory_hotplug.c with the devices of
 * blocks and nodes, which are passed to mm as callbacks, and with groups and claims, which mm
 * does not know.
 *
 * Locks: device_hotplug_lock around each request; mm takes mem_hotplug_lock below it.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/device.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/ioport.h>
#include <linux/kexec.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mhp.h>
#include <linux/mm.h>
#include <linux/node.h>
#include <linux/range.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "memory_attrs.h"
#include "memory_blocks.h"

/* ---- Automatic onlining ---------------------------------------------------- */

static const char * const online_types[] = {
	[MMOP_ONLINE_KERNEL]	= "online_kernel",
	[MMOP_ONLINE_MOVABLE]	= "online_movable",
	[MMOP_ONLINE]		= "online",
	[MMOP_OFFLINE]		= "offline",
};

static enum mmop default_online_type =
	IS_ENABLED(CONFIG_MHP_DEFAULT_ONLINE_TYPE_ONLINE_AUTO) ? MMOP_ONLINE :
	IS_ENABLED(CONFIG_MHP_DEFAULT_ONLINE_TYPE_ONLINE_KERNEL) ? MMOP_ONLINE_KERNEL :
	IS_ENABLED(CONFIG_MHP_DEFAULT_ONLINE_TYPE_ONLINE_MOVABLE) ? MMOP_ONLINE_MOVABLE :
	MMOP_OFFLINE;

/**
 * mhp_online_type_from_str() - parse the word for an online type
 * @str: offline, online, online_kernel or online_movable; a newline may follow
 *
 * Context: Any.
 * Return: a value of enum mmop; -EINVAL for other words.
 */
int mhp_online_type_from_str(const char *str)
{
	return sysfs_match_string(online_types, str);
}

/**
 * mhp_online_type_to_str() - get the word for an online type
 * @type: a value of enum mmop
 *
 * Context: Any.
 * Return: the word, as mhp_online_type_from_str() parses it.
 */
const char *mhp_online_type_to_str(enum mmop type)
{
	return online_types[type];
}

/**
 * mhp_get_default_online_type() - get the default online type of added memory
 *
 * Context: Any.
 * Return: the type; %MMOP_OFFLINE if memory stays offline until user space brings it online.
 */
enum mmop mhp_get_default_online_type(void)
{
	return READ_ONCE(default_online_type);
}
EXPORT_SYMBOL_GPL(mhp_get_default_online_type);

/**
 * mhp_set_default_online_type() - set the default online type of added memory
 * @online_type: the type for all memory that is added from now on
 *
 * Context: Any.
 */
void mhp_set_default_online_type(enum mmop online_type)
{
	WRITE_ONCE(default_online_type, online_type);
}
EXPORT_SYMBOL_GPL(mhp_set_default_online_type);

static int __init setup_memhp_default_state(char *str)
{
	int type = mhp_online_type_from_str(str);

	if (type < 0)
		pr_warn("memhp_default_state: '%s' is no state, it stays '%s'\n", str,
			online_types[default_online_type]);
	else
		default_online_type = type;
	return 1;
}
__setup("memhp_default_state=", setup_memhp_default_state);

static int memory_block_auto_online(struct memory_block *mem, void *arg)
{
	struct mhp_result res = MHP_RESULT_OK;

	/* A block that fails is reported, and does not keep the others offline. */
	memory_blocks_online(PFN_PHYS(block_pfn(mem)), memory_block_size_bytes(),
			     *(enum mmop *)arg, &res);
	return 0;
}

/**
 * mhp_auto_online() - bring added memory online, if that is the default
 * @start: physical address
 * @size: in bytes
 *
 * For callers that added the memory with MHP_STAY_OFFLINE. Brings all of it online as a whole
 * or, if that fails, block by block. A block that fails is reported in the log.
 *
 * Context: Process context. May sleep. device_hotplug_lock held.
 */
void mhp_auto_online(u64 start, u64 size)
{
	enum mmop type = mhp_get_default_online_type();
	struct mhp_result res = MHP_RESULT_OK;

	if (type == MMOP_OFFLINE || !memory_blocks_online(start, size, type, &res))
		return;
	if (size > memory_block_size_bytes())
		walk_memory_blocks(start, size, &type, memory_block_auto_online);
}

/* ---- Devices, for mm ------------------------------------------------------- */

static int memory_make_devices(u64 start, u64 size, int nid, struct vmem_altmap *altmap,
			       struct memory_group *group)
{
	int err;

	err = create_memory_block_devices(start, size, altmap, group);
	if (err)
		return err;
	err = memory_blocks_link_node(start, size, nid);
	if (err)
		remove_memory_block_devices(start, size);
	return err;
}

static void memory_remove_devices(u64 start, u64 size)
{
	remove_memory_block_devices(start, size);
}

/* Without NUMA, unregister_one_node() returns a value. */
static void memory_node_down(int nid)
{
	unregister_one_node(nid);
}

static const struct mhp_device_ops memory_device_ops = {
	.make = memory_make_devices,
	.remove = memory_remove_devices,
	.node_up = __register_one_node,
	.node_down = memory_node_down,
};

/**
 * try_online_node() - bring a node online for one of its CPUs
 * @nid: the node
 *
 * Context: Process context. May sleep. device_hotplug_lock held.
 * Return: 0, also if the node is online already; -ENOMEM or an error of the driver core.
 */
int try_online_node(int nid)
{
	return mhp_node_online(nid, &memory_device_ops);
}

/* ---- Add ------------------------------------------------------------------- */

/* The owner is the name of the driver in the resource: "System RAM (name)". */
static void memory_group_note_owner(struct memory_group *group, const char *name)
{
	const char *open = name ? strchr(name, '(') : NULL;
	char owner[sizeof(group->owner)];

	if (!group || !open)
		return;
	strscpy(owner, open + 1);
	strreplace(owner, ')', '\0');
	memory_group_set_owner(group, owner);
}

static int memory_refuse_add(struct mhp_extent *extent, enum mhp_reason why)
{
	int err = mhp_refuse(extent->result, -EINVAL, why, MHP_NO_PFN);

	mhp_record_put(mhp_report_refusal(MHP_VERB_ADD, extent->start, extent->size,
					  extent->result));
	return err;
}

/* @nid is the node or, with MHP_NID_IS_MGID, the ID of a memory group, which has the node. */
static int memory_add_extent(struct mhp_extent *extent, int nid)
{
	struct mhp_result result = MHP_RESULT_OK;
	int err;

	extent->result = &result;
	extent->devices = &memory_device_ops;
	extent->nid = nid;
	if (extent->flags & MHP_NID_IS_MGID) {
		extent->group = memory_group_find_by_id(nid);
		if (!extent->group)
			return memory_refuse_add(extent, MHP_WHY_GROUP);
		extent->nid = extent->group->nid;
	}

	err = mhp_add(extent);
	mhp_record_put(extent->record);
	if (err)
		return err;
	if (extent->driver_managed)
		memory_group_note_owner(extent->group, extent->res_name);
	if (!(extent->flags & MHP_STAY_OFFLINE))
		mhp_auto_online(extent->start, extent->size);
	return 0;
}

/**
 * add_memory_resource() - add memory whose resource the caller has claimed
 * @nid: its node or, with MHP_NID_IS_MGID, the ID of its memory group
 * @res: the resource, in whole memory blocks; not to be used afterwards with MHP_MERGE_RESOURCE
 * @mhp_flags: MHP_* flags
 *
 * Afterwards the memory is offline, or online if that is the default.
 *
 * Context: Process context. May sleep. device_hotplug_lock held.
 * Return: 0; -EINVAL if the resource has no whole blocks, or if there is no such node or group;
 * -E2BIG if it cannot be addressed; -EEXIST if the memory is present already; -ENOMEM. After an
 * error nothing has been added.
 */
int add_memory_resource(int nid, struct resource *res, mhp_t mhp_flags)
{
	struct mhp_extent extent = {
		.start = res->start,
		.size = resource_size(res),
		.flags = mhp_flags,
		.res = res,
		.res_name = res->name,
		.driver_managed = res->flags & IORESOURCE_SYSRAM_DRIVER_MANAGED,
	};

	return memory_add_extent(&extent, nid);
}

static int memory_add_named(int nid, u64 start, u64 size, const char *name, mhp_t mhp_flags)
{
	struct mhp_extent extent = {
		.start = start,
		.size = size,
		.flags = mhp_flags,
		.res_name = name,
		.driver_managed = strcmp(name, "System RAM"),
	};

	return memory_add_extent(&extent, nid);
}

/**
 * __add_memory() - add memory as System RAM
 * @nid: its node or, with MHP_NID_IS_MGID, the ID of its memory group
 * @start: physical address, a multiple of the block size
 * @size: in bytes, a multiple of the block size
 * @mhp_flags: MHP_* flags
 *
 * Context: Process context. May sleep. device_hotplug_lock held.
 * Return: as for add_memory_resource(); -EEXIST also if the range is claimed.
 */
int __add_memory(int nid, u64 start, u64 size, mhp_t mhp_flags)
{
	return memory_add_named(nid, start, size, "System RAM", mhp_flags);
}

/**
 * add_memory() - add memory as System RAM
 * @nid: its node or, with MHP_NID_IS_MGID, the ID of its memory group
 * @start: physical address, a multiple of the block size
 * @size: in bytes, a multiple of the block size
 * @mhp_flags: MHP_* flags
 *
 * Context: Process context. May sleep. Takes device_hotplug_lock.
 * Return: as for __add_memory().
 */
int add_memory(int nid, u64 start, u64 size, mhp_t mhp_flags)
{
	int ret;

	lock_device_hotplug();
	ret = __add_memory(nid, start, size, mhp_flags);
	unlock_device_hotplug();
	return ret;
}
EXPORT_SYMBOL_GPL(add_memory);

/**
 * add_memory_driver_managed() - add memory that is known to its driver only
 * @nid: its node or, with MHP_NID_IS_MGID, the ID of its memory group
 * @start: physical address, a multiple of the block size
 * @size: in bytes, a multiple of the block size
 * @resource_name: "System RAM (name of the driver)"; must stay valid while the memory is present
 * @mhp_flags: MHP_* flags
 *
 * Such memory is not in /sys/firmware/memmap, and kexec does not place images in it.
 *
 * Context: Process context. May sleep. Takes device_hotplug_lock.
 * Return: as for __add_memory(); -EINVAL also for a name in another format.
 */
int add_memory_driver_managed(int nid, u64 start, u64 size, const char *resource_name,
			      mhp_t mhp_flags)
{
	static const char prefix[] = "System RAM (";
	int ret;

	if (!resource_name || strncmp(resource_name, prefix, sizeof(prefix) - 1) ||
	    resource_name[strlen(resource_name) - 1] != ')')
		return -EINVAL;

	lock_device_hotplug();
	ret = memory_add_named(nid, start, size, resource_name, mhp_flags);
	unlock_device_hotplug();
	return ret;
}
EXPORT_SYMBOL_GPL(add_memory_driver_managed);

/* ---- Remove ------------------------------------------------------------------ */

#ifdef CONFIG_MEMORY_HOTREMOVE

/**
 * try_offline_node() - take a node offline after its last CPU was removed
 * @nid: the node; nothing happens if it still has memory or CPUs
 *
 * Context: Process context. May sleep. device_hotplug_lock held.
 */
void try_offline_node(int nid)
{
	mhp_node_offline(nid, &memory_device_ops);
}
EXPORT_SYMBOL(try_offline_node);

/**
 * struct memory_removal - a request to remove memory
 * @extent: the request for mm
 * @nr: number of blocks that were found
 */
struct memory_removal {
	struct mhp_extent extent;
	unsigned long nr;
};

static int memory_block_check_removal(struct memory_block *mem, void *arg)
{
	struct memory_removal *removal = arg;

	if (mem->state != MEM_OFFLINE)
		return mhp_refuse(removal->extent.result, -EBUSY,
				  mem->state == MEM_LOST ? MHP_WHY_LOST : MHP_WHY_ONLINE,
				  block_pfn(mem));
	removal->extent.nid = mem->nid;
	removal->extent.group = mem->group;
	removal->nr++;
	return 0;
}

static int memory_block_give_altmap(struct memory_block *mem, void *arg)
{
	struct mhp_extent *extent = arg;

	if (mem->altmap)
		mhp_extent_add_altmap(extent, mem->altmap);
	return 0;
}

/* Checks that all blocks of the range are present and offline, and collects their altmaps. */
static int memory_check_removal(struct memory_removal *removal)
{
	struct mhp_extent *extent = &removal->extent;
	int err;

	if (!extent->size || extent->start + extent->size < extent->start ||
	    !IS_ALIGNED(extent->start | extent->size, memory_block_size_bytes()))
		return mhp_refuse(extent->result, -EINVAL, MHP_WHY_RANGE,
				  PHYS_PFN(extent->start));
	err = walk_memory_blocks(extent->start, extent->size, removal,
				 memory_block_check_removal);
	if (err)
		return err;
	if (removal->nr != div64_u64(extent->size, memory_block_size_bytes()))
		return mhp_refuse(extent->result, -EINVAL, MHP_WHY_ABSENT,
				  PHYS_PFN(extent->start));
	return walk_memory_blocks(extent->start, extent->size, extent, memory_block_give_altmap);
}

static int memory_block_note_end(struct memory_block *mem, void *record)
{
	mhp_record_set(&mem->last_error, record);
	return 0;
}

/* Called with device_hotplug_lock held; all blocks have to be offline. */
static int memory_remove_range(u64 start, u64 size, bool certain)
{
	struct mhp_result result = MHP_RESULT_OK;
	struct memory_removal removal = {
		.extent = {
			.start = start,
			.size = size,
			.nid = NUMA_NO_NODE,
			.certain = certain,
			.altmaps = LIST_HEAD_INIT(removal.extent.altmaps),
			.devices = &memory_device_ops,
			.result = &result,
		},
	};
	struct mhp_extent *extent = &removal.extent;
	int err;

	err = memory_check_removal(&removal);
	if (!err && !certain && kexec_uses_memory(start, size))
		err = mhp_refuse(&result, -EBUSY, MHP_WHY_KEXEC, PHYS_PFN(start));
	if (err)
		extent->record = mhp_report_refusal(MHP_VERB_REMOVE, start, size, &result);
	else
		err = mhp_remove(extent);
	if (!err)
		kexec_memory_removed(start, size);
	if (extent->record)
		walk_memory_blocks(start, size, extent->record, memory_block_note_end);
	mhp_record_put(extent->record);
	return err;
}

/**
 * __remove_memory() - remove offline memory, for callers that cannot handle an error
 * @start: physical address
 * @size: in bytes
 *
 * If a block is still online, the memory stays, with a line in the log. A kernel that kexec has
 * loaded there is unloaded.
 *
 * Context: Process context. May sleep. device_hotplug_lock held.
 */
void __remove_memory(u64 start, u64 size)
{
	memory_remove_range(start, size, true);
}

/**
 * remove_memory() - remove offline memory
 * @start: physical address
 * @size: in bytes
 *
 * Context: Process context. May sleep. Takes device_hotplug_lock.
 * Return: 0; -EBUSY if a block is not offline, if a kernel that kexec has loaded needs the memory,
 * or if a walk over its struct pages does not end; -EINVAL if the range has no whole blocks, or
 * if a block is missing. After an error the memory is present as before.
 */
int remove_memory(u64 start, u64 size)
{
	int ret;

	lock_device_hotplug();
	ret = memory_remove_range(start, size, false);
	unlock_device_hotplug();
	return ret;
}
EXPORT_SYMBOL_GPL(remove_memory);

/* The claim excludes other requests until the blocks are removed, or restored. */
static int memory_offline_and_remove(u64 start, u64 size, const struct mhp_policy *policy)
{
	const struct range range = { .start = start, .end = start + size - 1 };
	struct mhp_result result = MHP_RESULT_OK;
	int ret, err;

	lock_device_hotplug();
	ret = memory_ranges_claim(&range, 1, &result);
	if (ret)
		goto unlock;
	ret = memory_blocks_offline(start, size, policy, &result) ?:
	      memory_remove_range(start, size, false);
	if (ret) {
		err = memory_ranges_release(&range, 1);
		if (err)
			pr_err("[mem %#010llx-%#010llx] cannot be restored (%d)\n", range.start,
			       range.end, err);
	}
unlock:
	unlock_device_hotplug();
	return ret;
}

/**
 * offline_and_remove_memory() - take memory offline and remove it, either all of it or nothing
 * @start: physical address, a multiple of the block size
 * @size: in bytes, a multiple of the block size
 *
 * Context: Process context. May sleep. Takes device_hotplug_lock.
 * Return: 0; an error as for memory_ranges_offline() or remove_memory(). After an error every
 * block is in the state and in the kind of zone that it had.
 */
int offline_and_remove_memory(u64 start, u64 size)
{
	/* No signals, as the driver is often unbound by a task that is being killed. */
	const struct mhp_policy policy = {
		.timeout_ms = mhp_driver_limit(),
		.signals = MHP_SIGNALS_NONE,
		.removes = true,
		.claimed = true,
	};

	return memory_offline_and_remove(start, size, &policy);
}
EXPORT_SYMBOL_GPL(offline_and_remove_memory);

/**
 * try_offline_and_remove_memory() - offline_and_remove_memory() with a short time limit
 * @start: physical address, a multiple of the block size
 * @size: in bytes, a multiple of the block size
 *
 * For callers that have an alternative. Gives up after half a second.
 *
 * Context: Process context. May sleep. Takes device_hotplug_lock.
 * Return: as for offline_and_remove_memory().
 */
int try_offline_and_remove_memory(u64 start, u64 size)
{
	const struct mhp_policy policy = {
		.timeout_ms = MSEC_PER_SEC / 2,
		.strict = true,
		.signals = MHP_SIGNALS_NONE,
		.removes = true,
		.claimed = true,
	};

	return memory_offline_and_remove(start, size, &policy);
}
EXPORT_SYMBOL_GPL(try_offline_and_remove_memory);

#endif /* CONFIG_MEMORY_HOTREMOVE */
