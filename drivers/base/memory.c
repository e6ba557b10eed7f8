// SPDX-License-Identifier: GPL-2.0
/*
 * Memory blocks as devices: /sys/devices/system/memory.
 *
 * Owns the devices memoryXXX with their attributes, the table that finds them, and the blocks
 * that are present at boot. What users write goes to memory_blocks.c, which alone changes the
 * state, the zone and the kept type of a block. Altmaps are only stored here.
 *
 * memory_group.c has the groups, memory_add.c adds and removes memory, memory_attrs.c tells
 * about pages and failures, memory_request.c fulfils requests for many blocks.
 *
 * Locks: device_hotplug_lock is held while blocks are added and removed, and in that case mm
 * holds mem_hotplug_lock already: the locks of new devices come after it. The table has its
 * own lock, with interrupts off, as pages are poisoned under locks that interrupts take.
 *
 * Blocks are freed by RCU. What everybody may read takes none of these locks: a request would
 * have to wait for the reader.
 *
 * Invariant: a block in the table is a registered device.
 */
#define pr_fmt(fmt) "memory: " fmt

#include <linux/acpi.h>
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

/*
 * Numbers
 *
 * The id of a block is its physical address divided by the size of blocks.
 */

static unsigned int block_shift __ro_after_init = SECTION_SIZE_BITS;

static u64 block_bytes(void)
{
	return 1ULL << block_shift;
}

static unsigned long block_sections(void)
{
	return 1UL << (block_shift - SECTION_SIZE_BITS);
}

static unsigned long id_to_pfn(unsigned long id)
{
	return id << (block_shift - PAGE_SHIFT);
}

static unsigned long pfn_to_id(unsigned long pfn)
{
	return pfn >> (block_shift - PAGE_SHIFT);
}

static unsigned long block_id(const struct memory_block *mem)
{
	return pfn_to_id(block_pfn(mem));
}

/**
 * arch_get_memory_phys_device() - the number of the hardware unit which holds a block
 * @start_pfn: first page frame number of the block
 *
 * An architecture that knows such units brings its own; s390 does.
 *
 * Context: Process context. Reading "phys_device" calls it.
 * Return: the number, 0 where there are no numbers.
 */
int __weak arch_get_memory_phys_device(unsigned long start_pfn)
{
	return 0;
}

/*
 * The table of blocks
 */

static DEFINE_XARRAY_FLAGS(memory_blocks, XA_FLAGS_LOCK_IRQ);

/* The first block from *@id to @last, referenced, and its id; NULL if none. */
static struct memory_block *get_block_from(unsigned long *id, unsigned long last)
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
 * find_memory_block() - the block which a section belongs to
 * @section_nr: number of the section
 *
 * Context: Process context, no locks needed. The reference keeps the structure,
 * device_hotplug_lock keeps the block from being removed.
 * Return: the block, referenced: the caller drops it with put_device(). NULL if
 * there is none.
 */
struct memory_block *find_memory_block(unsigned long section_nr)
{
	unsigned long id = pfn_to_id(section_nr_to_pfn(section_nr));

	return get_block_from(&id, id);
}

/* Calls @func for each block from id @first to @last until one returns non-zero. */
static int walk_ids(unsigned long first, unsigned long last,
		    walk_memory_blocks_func_t func, void *arg)
{
	struct memory_block *mem;
	unsigned long id = first;
	int ret = 0;

	while (!ret && (mem = get_block_from(&id, last))) {
		ret = func(mem, arg);
		put_device(&mem->dev);
		if (id++ == last)
			break;
	}
	return ret;
}

/**
 * walk_memory_blocks() - call a function for each block that overlaps a range
 * @start: physical address of the first byte
 * @size: bytes; 0 is the empty range
 * @arg: handed to @func
 * @func: called in ascending order, with the block referenced; what it returns
 *	other than 0 ends the walk
 *
 * Addresses without a block are skipped.
 *
 * Context: Process context. Whoever needs the blocks to stay holds
 * device_hotplug_lock; at boot nobody else is there yet.
 * Return: what @func returned last, 0 where it was not called.
 */
int walk_memory_blocks(unsigned long start, unsigned long size, void *arg,
		       walk_memory_blocks_func_t func)
{
	if (!size)
		return 0;
	return walk_ids(start >> block_shift, (start + size - 1) >> block_shift,
			func, arg);
}

/**
 * for_each_memory_block() - call a function for each block there is
 * @arg: handed to @func
 * @func: as for walk_memory_blocks()
 *
 * Context: As for walk_memory_blocks().
 * Return: what @func returned last, 0 where it was not called.
 */
int for_each_memory_block(void *arg, walk_memory_blocks_func_t func)
{
	return walk_ids(0, ULONG_MAX, func, arg);
}

/**
 * memory_group_next_block() - go through the blocks of a group
 * @group: the group, which stays
 * @nr: the number of the first block that it may be; gets that of the one that is found
 * @zone: gets the zone in which that is online, or NULL
 *
 * Context: Process context, no locks needed. May sleep.
 * Return: false where there are no more.
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
static void count_poison(unsigned long pfn, long pages)
{
	struct memory_block *mem;
	unsigned long flags;

	xa_lock_irqsave(&memory_blocks, flags);
	mem = xa_load(&memory_blocks, pfn_to_id(pfn));
	if (mem)
		atomic_long_add(pages, &mem->nr_hwpoison);
	xa_unlock_irqrestore(&memory_blocks, flags);
}

/**
 * memblk_nr_poison_inc() - a page has been poisoned
 * @pfn: its page frame number
 *
 * Does nothing where the page belongs to no block.
 *
 * Context: Any but NMI.
 */
void memblk_nr_poison_inc(unsigned long pfn)
{
	count_poison(pfn, 1);
}

/**
 * memblk_nr_poison_sub() - pages are no longer poisoned
 * @pfn: the page frame number of one of them, all are in the same block
 * @i: how many pages
 *
 * Context: Any but NMI.
 */
void memblk_nr_poison_sub(unsigned long pfn, long i)
{
	count_poison(pfn, -i);
}

/* Pages that are no longer there are no longer broken ones of this system. */
static void forget_poison(struct memory_block *mem)
{
	num_poisoned_pages_sub(-1UL, atomic_long_read(&mem->nr_hwpoison));
}
#else
static void forget_poison(struct memory_block *mem)
{
}
#endif /* CONFIG_MEMORY_FAILURE */

/*
 * The bus: what the driver core asks for
 */

/* From device_online(), which holds the device lock and announces the change. */
static int block_online(struct device *dev)
{
	return memory_block_bring_online(to_memory_block(dev));
}

/* From device_offline(), likewise. */
static int block_offline(struct device *dev)
{
	return memory_block_take_offline(to_memory_block(dev));
}

/*
 * A write to "online". A word that names a kind of zone means what it says, the
 * rest is a boolean. A request that is fulfilled already succeeds.
 */
static ssize_t block_set_online(struct device *dev, const char *buf, size_t count)
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

static int link_to_node(struct device *dev)
{
	int nid = READ_ONCE(to_memory_block(dev)->nid), err;

	if (!IS_ENABLED(CONFIG_NUMA) || nid == NUMA_NO_NODE)
		return 0;
	err = sysfs_create_link_nowarn(&dev->kobj, &node_devices[nid]->dev.kobj,
				       dev_name(&node_devices[nid]->dev));
	return err == -EEXIST ? 0 : err;
}

static const struct bus_type memory_subsys = {
	.dev_name = "memory",
	.name = "memory",
	.offline = block_offline,
	.online = block_online,
	.set_online = block_set_online,
	.populate = link_to_node,
};

/*
 * Attributes of a block
 */

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
	/* Old ABI: here it is an error to ask twice. */
	return memory_block_user_request(to_memory_block(dev), &attr->attr, type, true) ?: count;
}
static DEVICE_ATTR_RW(state);

/* The id of the block, as in its name. */
static ssize_t phys_index_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%08lx\n", block_id(to_memory_block(dev)));
}
static DEVICE_ATTR_RO(phys_index);

/* The number of its last section: the same where a block is one section. */
static ssize_t end_phys_index_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	unsigned long first = to_memory_block(dev)->start_section_nr;

	return sysfs_emit(buf, "%08lx\n", first + block_sections() - 1);
}
static DEVICE_ATTR_RO(end_phys_index);

/* The number of the DIMM; firmware_node leads to it. */
static int phys_device(struct device *dev)
{
#ifdef CONFIG_ACPI
	const struct acpi_device *adev = ACPI_COMPANION(dev);

	if (adev)
		return adev->pnp.instance_no;
#endif
	return arch_get_memory_phys_device(block_pfn(to_memory_block(dev)));
}

static ssize_t phys_device_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", phys_device(dev));
}
static DEVICE_ATTR_RO(phys_device);

static ssize_t removable_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", memory_block_removable(to_memory_block(dev)));
}
static DEVICE_ATTR_RO(removable);

#ifdef CONFIG_MEMORY_HOTREMOVE
/* Zones an offline block can go to: first where "online" puts it, then the others. */
static ssize_t emit_allowed_zones(const struct memory_block *mem, char *buf)
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
 * Takes no locks: nobody should wait here for a block to go offline. Zones are
 * never freed. A new block has no node until it is linked to it.
 */
static ssize_t valid_zones_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct memory_block *mem = to_memory_block(dev);
	const struct zone *zone;

	if (READ_ONCE(mem->state) == MEM_OFFLINE && READ_ONCE(mem->nid) != NUMA_NO_NODE)
		return emit_allowed_zones(mem, buf);
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

/*
 * Life of a block
 */

static void block_release(struct device *dev)
{
	mhp_record_set(&to_memory_block(dev)->last_error, NULL);
	kfree_rcu(to_memory_block(dev), rcu);
}

/* A block that nobody knows yet; put_device() frees it. Offline, without a node. */
static struct memory_block *block_alloc(unsigned long id)
{
	struct memory_block *mem = kzalloc(sizeof(*mem), GFP_KERNEL);

	if (!mem)
		return NULL;

	mem->start_section_nr = pfn_to_section_nr(id_to_pfn(id));
	mem->state = MEM_OFFLINE;
	mem->kept_type = MMOP_OFFLINE;
	mem->nid = IS_ENABLED(CONFIG_NUMA) ? NUMA_NO_NODE : 0;
	INIT_LIST_HEAD(&mem->group_next);

	device_initialize(&mem->dev);
	mem->dev.bus = &memory_subsys;
	mem->dev.id = id;
	mem->dev.groups = block_groups;
	mem->dev.release = block_release;
	return mem;
}

/*
 * Makes the block known, to the table and to user space. Its place in the table
 * is reserved first: after the device exists nothing fails any more. Takes over
 * the caller's reference.
 */
static int block_register(struct memory_block *mem)
{
	unsigned long id = block_id(mem);
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
 * The reverse, and gives the reference back. Readers of sysfs have left afterwards.
 * The altmap and the group stay with their owners.
 */
static void block_unregister(struct memory_block *mem)
{
	forget_poison(mem);
	mem->altmap = NULL;
	list_del_init(&mem->group_next);
	xa_erase_irq(&memory_blocks, block_id(mem));
	WRITE_ONCE(mem->group, NULL);
	device_unregister(&mem->dev);
}

/* Unregisters those blocks that are there. Links to nodes must be gone. */
static void unregister_ids(unsigned long first, unsigned long nr)
{
	struct memory_block *mem;
	unsigned long id;

	if (!nr)
		return;
	xa_for_each_range(&memory_blocks, id, mem, first, first + nr - 1) {
		unregister_memory_block_under_nodes(mem);
		block_unregister(mem);
	}
}

static int add_new_block(unsigned long id, struct vmem_altmap *altmap,
			 struct memory_group *group)
{
	struct memory_block *mem = block_alloc(id);
	int err;

	if (!mem)
		return -ENOMEM;

	mem->altmap = altmap;
	mem->group = group;
	err = block_register(mem);
	if (!err && group)
		list_add_tail(&mem->group_next, &group->memory_blocks);
	return err;
}

/**
 * create_memory_block_devices() - make the blocks of added memory
 * @start: physical address, a multiple of the block size
 * @size: bytes, a multiple of the block size
 * @altmap: where the memmap lies in the blocks themselves, else NULL; remains the
 *	caller's, who frees it after the blocks are removed
 * @group: the group they belong to, or NULL
 *
 * The blocks are offline. All of them are made or none. User space hears of each
 * at once, but cannot do anything with it before device_hotplug_lock is free.
 *
 * Context: Process context, device_hotplug_lock held. May sleep.
 * Return: 0; -EINVAL if the range is not of whole blocks, -EEXIST if there is such a
 * block, -ENOMEM, the errors of device_add().
 */
int create_memory_block_devices(unsigned long start, unsigned long size,
				struct vmem_altmap *altmap,
				struct memory_group *group)
{
	unsigned long first = start >> block_shift, nr = size >> block_shift;
	int err;

	lockdep_assert_device_hotplug_held();
	if (!IS_ALIGNED(start | size, block_bytes()))
		return -EINVAL;

	for (unsigned long made = 0; made < nr; made++) {
		err = add_new_block(first + made, altmap, group);
		if (err) {
			unregister_ids(first, made);
			return err;
		}
	}
	return 0;
}

/**
 * remove_memory_block_devices() - the blocks of a range are no more
 * @start: physical address, a multiple of the block size
 * @size: bytes, a multiple of the block size
 *
 * Takes them from their nodes and groups as well. All are offline. Addresses without
 * a block are skipped. The memmap must still be there, as readers of sysfs may look
 * at it until this returns; mem->altmap is forgotten, not freed.
 *
 * Context: Process context, device_hotplug_lock held. May sleep.
 */
void remove_memory_block_devices(unsigned long start, unsigned long size)
{
	lockdep_assert_device_hotplug_held();
	if (WARN_ON_ONCE(!IS_ALIGNED(start | size, block_bytes())))
		return;
	unregister_ids(start >> block_shift, size >> block_shift);
}

/* What fails half-way goes when the block is unregistered. */
static int link_both_ways(struct memory_block *mem, void *arg)
{
	struct device *node = arg;
	int err;

	WRITE_ONCE(mem->nid, node->id);
	err = sysfs_create_link(&node->kobj, &mem->dev.kobj, dev_name(&mem->dev));
	if (!err && device_is_populated(&mem->dev))
		err = link_to_node(&mem->dev);
	return err;
}

/**
 * memory_blocks_link_node() - link the blocks of added memory and their node both ways
 * @start: physical address, a multiple of the block size
 * @size: bytes, a multiple of the block size
 * @nid: the node, which is online
 *
 * Afterwards the blocks know their node. That from a block to its node is made when
 * somebody looks at the block. The links go with the blocks.
 *
 * Context: Process context, device_hotplug_lock held. May sleep.
 * Return: 0; -ENOMEM, or what else sysfs says.
 */
int memory_blocks_link_node(u64 start, u64 size, int nid)
{
	lockdep_assert_device_hotplug_held();
	if (!IS_ENABLED(CONFIG_NUMA))
		return 0;
	/* register_memory_blocks_under_node() does not tell whether it could. */
	return walk_memory_blocks(start, size, &node_devices[nid]->dev, link_both_ways);
}

#ifdef CONFIG_NUMA
/**
 * memory_block_add_nid() - a block has memory of a node
 * @mem: the block
 * @nid: the node, to which node.c is about to link it
 * @context: %MEMINIT_EARLY: there may be other nodes; %MEMINIT_HOTPLUG: it is the only one
 *
 * Context: Process context; at boot, or with device_hotplug_lock held.
 */
void memory_block_add_nid(struct memory_block *mem, int nid,
			  enum meminit_context context)
{
	if (context == MEMINIT_HOTPLUG) {
		lockdep_assert_device_hotplug_held();
		WRITE_ONCE(mem->nid, nid);
		return;
	}
	/* memory_dev_init() knows already. Another node can only mean several. */
	if (mem->nid != nid) {
		mem->nid = NUMA_NO_NODE;
		mem->zone = NULL;
	}
}
#endif

/*
 * Blocks that are there at boot
 */

/*
 * Zones' spans overlap in this block: see where its pages really belong. Pages
 * of holes count too, with the zone they were initialized for.
 */
static void __init look_at_pages(struct memory_block *mem)
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

/* Sets the zone, node and kind of a boot block. Mostly one zone's span covers it. */
static void __init find_home(struct memory_block *mem)
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
		look_at_pages(mem);

	mem->kept_type = MMOP_ONLINE_KERNEL;
	if (mem->zone && zone_idx(mem->zone) == ZONE_MOVABLE)
		mem->kept_type = MMOP_ONLINE_MOVABLE;
}

static int __init add_boot_block(unsigned long id)
{
	struct memory_block *mem = block_alloc(id);

	if (!mem)
		return -ENOMEM;
	mem->state = MEM_ONLINE;
	find_home(mem);
	return block_register(mem);
}

static void __init show_groups(void)
{
	struct device *root = bus_get_dev_root(&memory_subsys);

	if (!root)
		return;
	memory_group_dirs_init(root);
	put_device(root);
}

/**
 * memory_dev_init() - register the memory subsystem and the blocks there are at boot
 *
 * A block for which there is no device is only reported: it stays online for good.
 *
 * Context: Early boot, before the nodes; one thread, the memmap is complete.
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
	show_groups();

	while ((section = next_present_section_nr(section)) != -1UL) {
		id = pfn_to_id(section_nr_to_pfn(section));
		err = add_boot_block(id);
		if (err)
			pr_err("memory%lu: no device: %d\n", id, err);
		/* The first of the next block's comes next. */
		section |= block_sections() - 1;
		cond_resched();
	}
}
