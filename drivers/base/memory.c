// SPDX-License-Identifier: GPL-2.0
/*
 * Memory blocks as devices: /sys/devices/system/memory.
 *
 * Owns the devices memoryXXX with their attributes, the table in which they are found, and the
 * blocks of boot memory. Writes to attributes are passed to memory_blocks.c, and only that file
 * changes the state, the zone and the kept type of a block. Altmaps are only stored here.
 *
 * memory_group.c has the groups, memory_add.c adds and removes memory, memory_attrs.c has the last
 * error and the group of a block, memory_request.c fulfils requests for many blocks.
 *
 * Locks: device_hotplug_lock is held while blocks are added and removed. mm/ holds mem_hotplug_lock
 * as well in that case, so that the locks of new devices are taken within it. The table has its
 * own lock, with interrupts off, as pages are poisoned under locks that interrupts take.
 *
 * Blocks are freed by RCU. Attributes that any user may read take none of these locks, as
 * requests would have to wait for the reader.
 *
 * Invariant: a block in the table is a registered device.
 */
#define pr_fmt(fmt) "memory: " fmt

#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/node.h>
#include <linux/numa.h>
#include <linux/range.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/xarray.h>

#include "memory_attrs.h"
#include "memory_blocks.h"
#include "memory_order.h"

/* ---- Block IDs: the physical address of a block divided by the block size ---- */

static unsigned int block_shift __ro_after_init = SECTION_SIZE_BITS;

static u64 memory_block_bytes(void)
{
	return 1ULL << block_shift;
}

static unsigned long memory_block_sections(void)
{
	return 1UL << (block_shift - SECTION_SIZE_BITS);
}

static unsigned long memory_block_id_to_pfn(unsigned long id)
{
	return id << (block_shift - PAGE_SHIFT);
}

static unsigned long memory_block_pfn_to_id(unsigned long pfn)
{
	return pfn >> (block_shift - PAGE_SHIFT);
}

static unsigned long memory_block_id(const struct memory_block *mem)
{
	return memory_block_pfn_to_id(block_pfn(mem));
}

/**
 * arch_get_memory_phys_device() - get the number of the hardware unit that holds a block
 * @start_pfn: first page frame number of the block
 *
 * Architectures with such units, like s390, have their own function.
 *
 * Context: Process context. Called by readers of "phys_device".
 * Return: the number; 0 if the architecture has no such units.
 */
int __weak arch_get_memory_phys_device(unsigned long start_pfn)
{
	return 0;
}

/* ---- The table of blocks ---- */

static DEFINE_XARRAY_FLAGS(memory_blocks, XA_FLAGS_LOCK_IRQ);

/* Returns the first block from *@id to @last with a reference, and sets *@id; NULL if none. */
static struct memory_block *memory_block_get_from(unsigned long *id, unsigned long last)
{
	struct memory_block *mem;

	xa_lock_irq(&memory_blocks);
	mem = xa_find(&memory_blocks, id, last, XA_PRESENT);
	if (mem)
		get_device(&mem->dev);
	xa_unlock_irq(&memory_blocks);
	return mem;
}

/**
 * find_memory_block() - find the block that a section belongs to
 * @section_nr: number of the section
 *
 * Context: Process context. No locks needed. The reference keeps the structure, but only
 * device_hotplug_lock keeps the block from being removed.
 * Return: the block, with a reference that the caller drops with put_device(); NULL if there
 * is none.
 */
struct memory_block *find_memory_block(unsigned long section_nr)
{
	unsigned long id = memory_block_pfn_to_id(section_nr_to_pfn(section_nr));

	return memory_block_get_from(&id, id);
}

/* Calls @func for each block from ID @first to @last until it returns a value other than 0. */
static int memory_block_walk_ids(unsigned long first, unsigned long last,
				 walk_memory_blocks_func_t func, void *arg)
{
	struct memory_block *mem;
	unsigned long id = first;
	int ret = 0;

	while (!ret && (mem = memory_block_get_from(&id, last))) {
		ret = func(mem, arg);
		put_device(&mem->dev);
		if (id++ == last)
			break;
	}
	return ret;
}

/**
 * walk_memory_blocks() - call a function for each block that overlaps a range
 * @start: physical address
 * @size: in bytes; 0 for the empty range
 * @arg: argument for @func
 * @func: called in ascending order, with a reference to the block; a return value other than 0
 *	ends the walk
 *
 * Addresses without a block are skipped.
 *
 * Context: Process context. A caller that needs the blocks to stay holds device_hotplug_lock,
 * except at boot.
 * Return: the last return value of @func; 0 if it was not called.
 */
int walk_memory_blocks(unsigned long start, unsigned long size, void *arg,
		       walk_memory_blocks_func_t func)
{
	if (!size)
		return 0;
	return memory_block_walk_ids(start >> block_shift, (start + size - 1) >> block_shift,
				     func, arg);
}

/**
 * for_each_memory_block() - call a function for each memory block
 * @arg: argument for @func
 * @func: as for walk_memory_blocks()
 *
 * Context: As for walk_memory_blocks().
 * Return: the last return value of @func; 0 if it was not called.
 */
int for_each_memory_block(void *arg, walk_memory_blocks_func_t func)
{
	return memory_block_walk_ids(0, ULONG_MAX, func, arg);
}

/**
 * memory_group_next_block() - find the next block of a group
 * @group: the group, which the caller keeps from being freed
 * @nr: the ID to begin with; set to the ID of the block that was found
 * @zone: set to the zone in which that block is online, or NULL
 *
 * Context: Process context. May sleep. No locks needed.
 * Return: true; false if there are no more blocks.
 */
bool memory_group_next_block(const struct memory_group *group, unsigned long *nr,
			     const struct zone **zone)
{
	const struct memory_block *mem;

	for (;; ++*nr) {
		scoped_guard(rcu) {
			mem = xa_find(&memory_blocks, nr, ULONG_MAX, XA_PRESENT);
			if (!mem)
				return false;
			if (READ_ONCE(mem->group) == group) {
				*zone = READ_ONCE(mem->zone);
				return true;
			}
		}
		cond_resched();
	}
}

#ifdef CONFIG_MEMORY_FAILURE
static void memory_block_count_poison(unsigned long pfn, long pages)
{
	struct memory_block *mem;
	unsigned long flags;

	xa_lock_irqsave(&memory_blocks, flags);
	mem = xa_load(&memory_blocks, memory_block_pfn_to_id(pfn));
	if (mem)
		atomic_long_add(pages, &mem->nr_hwpoison);
	xa_unlock_irqrestore(&memory_blocks, flags);
}

/**
 * memblk_nr_poison_inc() - count a page that has been poisoned
 * @pfn: its page frame number
 *
 * Does nothing if the page belongs to no block.
 *
 * Context: Any context except NMI.
 */
void memblk_nr_poison_inc(unsigned long pfn)
{
	memory_block_count_poison(pfn, 1);
}

/**
 * memblk_nr_poison_sub() - count pages that are not poisoned any more
 * @pfn: the page frame number of one of the pages, which are all in the same block
 * @i: number of pages
 *
 * Context: Any context except NMI.
 */
void memblk_nr_poison_sub(unsigned long pfn, long i)
{
	memory_block_count_poison(pfn, -i);
}

/* The poisoned pages of a block that is removed do not count any more. */
static void memory_block_forget_poison(struct memory_block *mem)
{
	num_poisoned_pages_sub(-1UL, atomic_long_read(&mem->nr_hwpoison));
}
#else
static void memory_block_forget_poison(struct memory_block *mem)
{
}
#endif /* CONFIG_MEMORY_FAILURE */

/* ---- Callbacks of the bus, for the driver core ---- */

/* Called by device_online(), which holds the device lock and sends the uevent. */
static int memory_block_bus_online(struct device *dev)
{
	return memory_block_bring_online(to_memory_block(dev));
}

/* Called by device_offline(), which holds the device lock and sends the uevent. */
static int memory_block_bus_offline(struct device *dev)
{
	return memory_block_take_offline(to_memory_block(dev));
}

/*
 * A write to "online": a word of "state", or a boolean. Writing the present state succeeds.
 */
static ssize_t memory_block_set_online(struct device *dev, const char *buf, size_t count)
{
	static const struct attribute attr = { .name = "online" };
	int ret, type = mhp_online_type_from_str(buf);
	bool on;

	if (type < 0) {
		ret = memory_parse_bool(buf, &on);
		if (ret)
			return ret;
		type = on ? MMOP_ONLINE : MMOP_OFFLINE;
	}

	return memory_block_user_request(to_memory_block(dev), &attr, type, false) ?: count;
}

static const struct bus_type memory_subsys = {
	.dev_name = "memory",
	.name = "memory",
	.offline = memory_block_bus_offline,
	.online = memory_block_bus_online,
	.set_online = memory_block_set_online,
};

/* ---- Attributes of a block ---- */

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const char *word = "unknown";

	switch (READ_ONCE(to_memory_block(dev)->state)) {
	case MEM_OFFLINE:
		word = "offline";
		break;
	case MEM_GOING_ONLINE:
		word = "going-online";
		break;
	case MEM_ONLINE:
		word = "online";
		break;
	case MEM_GOING_OFFLINE:
		word = "going-offline";
		break;
	case MEM_LOST:
		word = "lost";
		break;
	}
	return sysfs_emit(buf, "%s\n", word);
}

static ssize_t state_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	int type = mhp_online_type_from_str(buf);

	if (type < 0)
		return -EINVAL;
	/* ABI: writing the present state is an error here. */
	return memory_block_user_request(to_memory_block(dev), &attr->attr, type, true) ?: count;
}
static DEVICE_ATTR_RW(state);

/* The ID of the block, as in its name. */
static ssize_t phys_index_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%08lx\n", memory_block_id(to_memory_block(dev)));
}
static DEVICE_ATTR_RO(phys_index);

/* The number of its last section, which is the ID if a block is one section. */
static ssize_t end_phys_index_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	unsigned long first = to_memory_block(dev)->start_section_nr;

	return sysfs_emit(buf, "%08lx\n", first + memory_block_sections() - 1);
}
static DEVICE_ATTR_RO(end_phys_index);

/* The number of the ACPI device to which firmware_node is a link. */
static int memory_block_phys_device(const struct memory_block *mem)
{
	int number = READ_ONCE(mem->phys_device);

	return number >= 0 ? number : arch_get_memory_phys_device(block_pfn(mem));
}

static ssize_t phys_device_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", memory_block_phys_device(to_memory_block(dev)));
}
static DEVICE_ATTR_RO(phys_device);

static ssize_t removable_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", memory_block_removable(to_memory_block(dev)));
}
static DEVICE_ATTR_RO(removable);

#ifdef CONFIG_MEMORY_HOTREMOVE
/* The zones of an offline block: first the one that "online" chooses, then the others. */
static ssize_t memory_block_emit_zones(const struct memory_block *mem, char *buf)
{
	struct zone *zone, *first = NULL;
	int len = 0;

	for (enum mmop type = MMOP_ONLINE; type <= MMOP_ONLINE_MOVABLE; type++) {
		zone = zone_for_pfn_range(type, mem->nid, READ_ONCE(mem->group), block_pfn(mem),
					  block_pages());
		if (zone == first)
			continue;
		len += sysfs_emit_at(buf, len, first ? " %s" : "%s", zone->name);
		if (!first)
			first = zone;
	}
	return len + sysfs_emit_at(buf, len, "\n");
}

/*
 * Takes no locks, so that readers do not wait for an offline. Zones are never freed. A new
 * block has no node until it is linked to one.
 */
static ssize_t valid_zones_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct memory_block *mem = to_memory_block(dev);
	const struct zone *zone;

	if (READ_ONCE(mem->state) == MEM_OFFLINE && READ_ONCE(mem->nid) != NUMA_NO_NODE)
		return memory_block_emit_zones(mem, buf);
	zone = READ_ONCE(mem->zone);
	return sysfs_emit(buf, "%s\n", zone ? zone->name : "none");
}
static DEVICE_ATTR_RO(valid_zones);
#endif /* CONFIG_MEMORY_HOTREMOVE */

static struct attribute *block_attrs[] = {
	&dev_attr_state.attr,
#ifdef CONFIG_MEMORY_HOTREMOVE
	&dev_attr_valid_zones.attr,
#endif
	&dev_attr_removable.attr,
	&dev_attr_phys_index.attr,
	&dev_attr_end_phys_index.attr,
	&dev_attr_phys_device.attr,
	NULL
};

static const struct attribute_group block_group = {
	.attrs = block_attrs,
};

static const struct attribute_group *block_groups[] = {
	&block_group,
	&memory_block_report_group,
	NULL
};

/* ---- Creating and removing blocks ---- */

static void memory_block_release(struct device *dev)
{
	mhp_record_set(&to_memory_block(dev)->last_error, NULL);
	kfree_rcu(to_memory_block(dev), rcu);
}

/* Allocates an offline block without a node, which is not registered; put_device() frees it. */
static struct memory_block *memory_block_alloc(unsigned long id)
{
	struct memory_block *mem = kzalloc(sizeof(*mem), GFP_KERNEL);

	if (!mem)
		return NULL;

	mem->start_section_nr = pfn_to_section_nr(memory_block_id_to_pfn(id));
	mem->state = MEM_OFFLINE;
	mem->kept_type = MMOP_OFFLINE;
	mem->nid = IS_ENABLED(CONFIG_NUMA) ? NUMA_NO_NODE : 0;
	mem->phys_device = -1;
	INIT_LIST_HEAD(&mem->group_next);

	device_initialize(&mem->dev);
	/* Suspend has nothing to do with a block, of which there may be thousands. */
	device_set_pm_not_required(&mem->dev);
	mem->dev.bus = &memory_subsys;
	mem->dev.id = id;
	mem->dev.groups = block_groups;
	mem->dev.release = memory_block_release;
	return mem;
}

/*
 * Registers the block in the table and in sysfs. Its entry in the table is reserved first, so
 * that nothing can fail after the device exists. Takes over the reference of the caller.
 */
static int memory_block_register(struct memory_block *mem)
{
	unsigned long id = memory_block_id(mem);
	int err;

	mem->dev.offline = mem->state == MEM_OFFLINE;
	err = xa_insert_irq(&memory_blocks, id, NULL, GFP_KERNEL);
	if (err) {
		put_device(&mem->dev);
		return err == -EBUSY ? -EEXIST : err;
	}

	err = device_add(&mem->dev);
	if (err) {
		xa_erase_irq(&memory_blocks, id);
		put_device(&mem->dev);
		return err;
	}

	xa_store_irq(&memory_blocks, id, mem, GFP_KERNEL);
	return 0;
}

/*
 * Undoes memory_block_register(), and drops the reference. Afterwards there are no readers of
 * its sysfs files any more. The altmap and the group belong to others and are not freed.
 */
static void memory_block_unregister(struct memory_block *mem)
{
	memory_block_forget_poison(mem);
	mem->altmap = NULL;
	list_del_init(&mem->group_next);
	xa_erase_irq(&memory_blocks, memory_block_id(mem));
	WRITE_ONCE(mem->group, NULL);
	device_unregister(&mem->dev);
}

/* Unregisters the blocks that exist. Their links to nodes must have been removed. */
static void memory_block_unregister_ids(unsigned long first, unsigned long nr)
{
	struct memory_block *mem;
	unsigned long id;

	if (!nr)
		return;
	xa_for_each_range(&memory_blocks, id, mem, first, first + nr - 1) {
		unregister_memory_block_under_nodes(mem);
		memory_block_unregister(mem);
	}
}

static int memory_block_add(unsigned long id, struct vmem_altmap *altmap,
			    struct memory_group *group)
{
	struct memory_block *mem = memory_block_alloc(id);
	int err;

	if (!mem)
		return -ENOMEM;

	mem->altmap = altmap;
	mem->group = group;
	err = memory_block_register(mem);
	if (!err && group)
		list_add_tail(&mem->group_next, &group->memory_blocks);
	return err;
}

/**
 * create_memory_block_devices() - create the blocks of added memory
 * @start: physical address, a multiple of the block size
 * @size: in bytes, a multiple of the block size
 * @altmap: the altmap of blocks that hold their own memmap, or NULL; the caller frees it after
 *	the blocks were removed
 * @group: the group of the blocks, or NULL
 *
 * The blocks are offline. Either all of them are created or none. User space gets a uevent for
 * each at once, but requests for them wait for device_hotplug_lock.
 *
 * Context: Process context. May sleep. device_hotplug_lock held.
 * Return: 0; -EINVAL if the range does not consist of whole blocks; -EEXIST if one of the blocks
 * exists; -ENOMEM; the errors of device_add().
 */
int create_memory_block_devices(unsigned long start, unsigned long size,
				struct vmem_altmap *altmap,
				struct memory_group *group)
{
	unsigned long first = start >> block_shift, nr = size >> block_shift;
	int err;

	lockdep_assert_device_hotplug_held();
	if (!IS_ALIGNED(start | size, memory_block_bytes()))
		return -EINVAL;

	for (unsigned long made = 0; made < nr; made++) {
		err = memory_block_add(first + made, altmap, group);
		if (err) {
			memory_block_unregister_ids(first, made);
			return err;
		}
	}
	return 0;
}

/**
 * remove_memory_block_devices() - remove the blocks of a range
 * @start: physical address, a multiple of the block size
 * @size: in bytes, a multiple of the block size
 *
 * Also removes the blocks from their nodes and groups. All of them are offline. Addresses
 * without a block are skipped. The memmap must still exist, as readers of sysfs files may use it
 * until this returns. mem->altmap is cleared, but not freed.
 *
 * Context: Process context. May sleep. device_hotplug_lock held.
 */
void remove_memory_block_devices(unsigned long start, unsigned long size)
{
	lockdep_assert_device_hotplug_held();
	if (WARN_ON_ONCE(!IS_ALIGNED(start | size, memory_block_bytes())))
		return;
	memory_block_unregister_ids(start >> block_shift, size >> block_shift);
}

/* After an error, a link that was created is removed when the block is unregistered. */
static int memory_block_link_both_ways(struct memory_block *mem, void *arg)
{
	struct device *node = arg;
	int err;

	WRITE_ONCE(mem->nid, node->id);
	err = sysfs_create_link(&node->kobj, &mem->dev.kobj, dev_name(&mem->dev));
	if (!err)
		err = sysfs_create_link(&mem->dev.kobj, &node->kobj, dev_name(node));
	return err;
}

/**
 * memory_blocks_link_node() - link the blocks of added memory with their node
 * @start: physical address, a multiple of the block size
 * @size: in bytes, a multiple of the block size
 * @nid: the node, which is online
 *
 * Sets the node of the blocks, and creates the links from the node to the blocks and back. The
 * links are removed together with the blocks.
 *
 * Context: Process context. May sleep. device_hotplug_lock held.
 * Return: 0; -ENOMEM or another error of sysfs.
 */
int memory_blocks_link_node(u64 start, u64 size, int nid)
{
	lockdep_assert_device_hotplug_held();
	if (!IS_ENABLED(CONFIG_NUMA))
		return 0;
	/* register_memory_blocks_under_node() does not return errors. */
	return walk_memory_blocks(start, size, &node_devices[nid]->dev,
				  memory_block_link_both_ways);
}

#ifdef CONFIG_NUMA
/**
 * memory_block_add_nid() - note that a block has memory of a node
 * @mem: the block
 * @nid: the node, to which node.c is about to link the block
 * @context: %MEMINIT_EARLY: the block may have other nodes; %MEMINIT_HOTPLUG: it has no other
 *
 * Context: Process context. At boot, or with device_hotplug_lock held.
 */
void memory_block_add_nid(struct memory_block *mem, int nid,
			  enum meminit_context context)
{
	if (context == MEMINIT_HOTPLUG) {
		lockdep_assert_device_hotplug_held();
		WRITE_ONCE(mem->nid, nid);
		return;
	}
	/* memory_dev_init() has set a node already, so this node is another one. */
	if (mem->nid != nid) {
		mem->nid = NUMA_NO_NODE;
		mem->zone = NULL;
	}
}
#endif

/* ---- Boot memory ---- */

/*
 * If the spans of zones overlap in this block, the zones of its pages decide. Pages in holes
 * count too, with the zone that they were initialized for.
 */
static void __init memory_block_find_zone(struct memory_block *mem)
{
	unsigned long pfn = block_pfn(mem), end = pfn + block_pages();
	bool one_zone = true, one_node = true;
	struct zone *zone, *first = NULL;

	while (pfn < end && one_node) {
		if (!pfn_in_present_section(pfn)) {
			pfn = round_up(pfn + 1, PAGES_PER_SECTION);
			continue;
		}
		zone = page_zone(pfn_to_page(pfn++));
		if (!first)
			first = zone;
		if (zone == first)
			continue;
		one_zone = false;
		one_node = zone_to_nid(zone) == zone_to_nid(first);
	}

	mem->zone = one_zone ? first : NULL;
	mem->nid = one_node && first ? zone_to_nid(first) : NUMA_NO_NODE;
}

/* Sets zone, node and kind of a boot block. In most cases the span of one zone covers it. */
static void __init memory_block_init_from_boot(struct memory_block *mem)
{
	unsigned int candidates = 0;
	struct zone *zone;

	for_each_populated_zone(zone) {
		if (!zone_intersects(zone, block_pfn(mem), block_pages()))
			continue;
		mem->zone = zone;
		mem->nid = zone_to_nid(zone);
		candidates++;
	}
	if (candidates > 1)
		memory_block_find_zone(mem);

	mem->kept_type = MMOP_ONLINE_KERNEL;
	if (mem->zone && zone_idx(mem->zone) == ZONE_MOVABLE)
		mem->kept_type = MMOP_ONLINE_MOVABLE;
}

static int __init memory_block_add_boot(unsigned long id)
{
	struct memory_block *mem = memory_block_alloc(id);

	if (!mem)
		return -ENOMEM;
	mem->state = MEM_ONLINE;
	memory_block_init_from_boot(mem);
	return memory_block_register(mem);
}

static void __init memory_show_groups(void)
{
	struct device *root = bus_get_dev_root(&memory_subsys);

	if (!root)
		return;
	memory_group_dirs_init(root);
	put_device(root);
}

/**
 * memory_dev_init() - register the memory subsystem and the blocks of boot memory
 *
 * If the device of a block cannot be created, that is only reported: the block stays online.
 *
 * Context: Process context, at boot, before the nodes are registered, with the memmap complete.
 */
void __init memory_dev_init(void)
{
	unsigned long section = -1UL, size, id;
	int err;

	mhp_choose_block_size();
	size = memory_block_size_bytes();
	if (!is_power_of_2(size) || size < MIN_MEMORY_BLOCK_SIZE)
		panic("memory: blocks cannot be %#lx bytes\n", size);
	block_shift = ilog2(size);

	err = subsys_system_register(&memory_subsys, memory_root_groups);
	if (err)
		panic("memory: no subsystem: %d\n", err);
	memory_show_groups();

	while ((section = next_present_section_nr(section)) != -1UL) {
		id = memory_block_pfn_to_id(section_nr_to_pfn(section));
		err = memory_block_add_boot(id);
		if (err)
			pr_err("memory%lu: no device: %d\n", id, err);
		/* Continue with the first section of the next block. */
		section |= memory_block_sections() - 1;
		cond_resched();
	}
}
