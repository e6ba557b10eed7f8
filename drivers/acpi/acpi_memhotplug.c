// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ACPI memory devices, PNP0C80: ACPI 6.5, section 9.11.
 *
 * Firmware says which memory comes and goes; this file passes it on. A device has
 * address ranges (_CRS), a status (_STA) and a proximity domain (_PXM). attach adds the
 * memory, detach removes it. In between memory_eject.c takes it offline; where a device
 * vanishes without that, detach gives up what was in it.
 *
 * Owns: struct dimm, in acpi_device.driver_data from attach to detach; the static memory
 *	group of the device; the links between its memory blocks and the ACPI device.
 * Calls: the requests of linux/memory_hotplug.h and linux/memory.h. Reads firmware
 *	through ACPICA, and believes nothing it says before it is checked.
 * Locks: device_hotplug_lock and acpi_scan_lock are held on entry to every callback.
 * Keeps: all ranges of a device are used, or none. But of devices that are there at boot those
 *	ranges are used that can be: firmware describes boot memory with holes, and beyond mem=.
 *	A device that has been ejected and that its firmware has not taken yet is held without
 *	struct dimm.
 */
#include <linux/acpi.h>
#include <linux/bitops.h>
#include <linux/ioport.h>
#include <linux/list_sort.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"
#include "memory_device.h"

static const struct acpi_device_id memory_ids[] = {
	{ "PNP0C80" },
	{ }
};

/*
 * Without hotplug the devices are only held: so they do not become platform devices, and
 * an eject request is refused instead of taking away memory that is in use.
 */
static int memory_hold(struct acpi_device *adev, const struct acpi_device_id *id)
{
	return 1;
}

static struct acpi_scan_handler held_memory_handler = {
	.ids = memory_ids,
	.attach = memory_hold,
};

#ifdef CONFIG_ACPI_HOTPLUG_MEMORY

/**
 * acpi_has_hardware_id - is a device of one of these kinds
 * @adev: the device
 * @ids: the kinds
 *
 * As acpi_match_device_ids(), but whether the device is present or not.
 *
 * Return: true for one of its _HID and _CID.
 */
bool acpi_has_hardware_id(const struct acpi_device *adev, const struct acpi_device_id *ids)
{
	const struct acpi_hardware_id *hwid;

	for (; ids->id[0]; ids++)
		list_for_each_entry(hwid, &adev->pnp.ids, list)
			if (!strcmp(hwid->id, ids->id))
				return true;
	return false;
}

/**
 * acpi_is_memory_device - is this a memory device
 * @adev: the device, present or not
 *
 * Return: true for PNP0C80.
 */
bool acpi_is_memory_device(const struct acpi_device *adev)
{
	return acpi_has_hardware_id(adev, memory_ids);
}

/**
 * struct dimm - a memory device of the firmware
 * @adev: the ACPI device
 * @ranges: its &struct dimm_range, by address, not overlapping
 * @mgid: its memory group; negative: none
 */
struct dimm {
	struct acpi_device *adev;
	struct list_head ranges;
	int mgid;
};

/**
 * struct dimm_range - physically contiguous memory of a device
 * @node: in &dimm.ranges
 * @mem: where; neither empty nor wrapped around
 * @attributes: what _CRS says of it
 * @present: it was there before attach, from boot or from a removal cut short
 * @added: attach added it
 */
struct dimm_range {
	struct list_head node;
	struct resource mem;
	struct acpi_memory_attribute attributes;
	bool present;
	bool added;
};

static u64 range_size(const struct dimm_range *range)
{
	return resource_size(&range->mem);
}

static u64 range_first_block(const struct dimm_range *range)
{
	return round_down(range->mem.start, memory_block_size_bytes());
}

static unsigned int range_nr_blocks(const struct dimm_range *range)
{
	u64 reach = range->mem.end - range_first_block(range);

	return reach / memory_block_size_bytes() + 1;
}

/* Notifications come in storms. */
static __printf(2, 3) void complain(struct acpi_device *adev, const char *fmt, ...)
{
	struct va_format text = { .fmt = fmt };
	va_list args;

	if (!acpi_memory_may_log(adev))
		return;
	va_start(args, fmt);
	text.va = &args;
	dev_err(&adev->dev, "%pV", &text);
	va_end(args);
}

static bool at_boot(void)
{
	return system_state < SYSTEM_RUNNING;
}

/* What becomes of a device of which a range is not used, the last one or not. */
static const char *consequence(const struct dimm *dimm)
{
	return at_boot() && !list_is_singular(&dimm->ranges) ? "the rest of the device may" :
							       "nor can the device";
}

static void range_drop(struct dimm_range *range)
{
	list_del(&range->node);
	kfree(range);
}

static void dimm_free(struct dimm *dimm)
{
	struct dimm_range *range, *next;

	list_for_each_entry_safe(range, next, &dimm->ranges, node)
		kfree(range);
	kfree(dimm);
}

/* ---- What firmware says ---- */

static acpi_status crs_take(struct acpi_resource *resource, void *context)
{
	struct acpi_resource_address64 window;
	struct dimm *dimm = context;
	struct dimm_range *range;

	/* Other kinds of descriptors say nothing about memory. */
	if (ACPI_FAILURE(acpi_resource_to_address64(resource, &window)) ||
	    window.resource_type != ACPI_MEMORY_RANGE || !window.address.address_length)
		return AE_OK;

	range = kzalloc(sizeof(*range), GFP_KERNEL);
	if (!range)
		return AE_NO_MEMORY;

	range->mem = DEFINE_RES_MEM(window.address.minimum, window.address.address_length);
	range->attributes = window.info.mem;
	list_add_tail(&range->node, &dimm->ranges);
	return range->mem.end < range->mem.start ? AE_AML_BAD_RESOURCE_LENGTH : AE_OK;
}

static int range_cmp(void *priv, const struct list_head *a, const struct list_head *b)
{
	const struct dimm_range *left = list_entry(a, struct dimm_range, node);
	const struct dimm_range *right = list_entry(b, struct dimm_range, node);

	return left->mem.start > right->mem.start;
}

/* Two halves of a block are of no use alone. */
static bool range_continues(const struct dimm_range *left, const struct dimm_range *right)
{
	return left->mem.end + 1 == right->mem.start &&
	       !memcmp(&left->attributes, &right->attributes, sizeof(left->attributes));
}

static int dimm_merge_ranges(struct dimm *dimm)
{
	struct dimm_range *range, *next, *last = NULL;

	list_sort(NULL, &dimm->ranges, range_cmp);
	list_for_each_entry_safe(range, next, &dimm->ranges, node) {
		if (last && resource_overlaps(&last->mem, &range->mem)) {
			complain(dimm->adev, FW_BUG "%pR and %pR overlap\n", &last->mem,
				 &range->mem);
			return -EINVAL;
		}
		if (last && range_continues(last, range)) {
			last->mem.end = range->mem.end;
			range_drop(range);
			continue;
		}
		last = range;
	}
	return 0;
}

static int dimm_read_ranges(struct dimm *dimm)
{
	struct acpi_device *adev = dimm->adev;
	acpi_status status;

	status = acpi_walk_resources(adev->handle, METHOD_NAME__CRS, crs_take, dimm);
	if (ACPI_FAILURE(status)) {
		complain(adev, "_CRS: %s\n", acpi_format_exception(status));
		return status == AE_NO_MEMORY ? -ENOMEM : -EINVAL;
	}
	if (list_empty(&dimm->ranges)) {
		complain(adev, FW_BUG "_CRS has no memory\n");
		return -EINVAL;
	}
	return dimm_merge_ranges(dimm);
}

static int dimm_node(const struct dimm *dimm)
{
	int nid = acpi_get_node(dimm->adev->handle);

	if (nid == NUMA_NO_NODE) {
		const struct dimm_range *first =
			list_first_entry(&dimm->ranges, struct dimm_range, node);

		nid = memory_add_physaddr_to_nid(first->mem.start);
	}
	return nid;
}

/* ---- Blocks ---- */

/* Counts the blocks that no memory device has added. */
static int block_count(struct memory_block *mem, void *arg)
{
	unsigned int *nr = arg;

	if (!mem->group || !has_acpi_companion(&mem->dev))
		++*nr;
	return 0;
}

/* A block from boot in which two devices meet stays with the first. */
static int block_bind(struct memory_block *mem, void *arg)
{
	if (has_acpi_companion(&mem->dev))
		return 0;
	return acpi_bind_one(&mem->dev, arg);
}

static int block_unbind(struct memory_block *mem, void *arg)
{
	if (ACPI_COMPANION(&mem->dev) == arg)
		acpi_unbind_one(&mem->dev);
	return 0;
}

/**
 * struct block_tally - the blocks of a range
 * @nr: how many there are
 * @nr_online: how many of them are in use, or lost
 */
struct block_tally {
	unsigned int nr, nr_online;
};

static int block_tally(struct memory_block *mem, void *arg)
{
	struct block_tally *tally = arg;

	tally->nr++;
	tally->nr_online += mem->state != MEM_OFFLINE;
	return 0;
}

/*
 * Memory that the kernel has already and that no other device brought. Firmware describes
 * memory from boot as well, and need not care for block borders and holes there.
 */
static bool range_is_present(const struct dimm_range *range)
{
	unsigned long ram = IORESOURCE_SYSTEM_RAM;
	unsigned long driver_ram = ram | IORESOURCE_SYSRAM_DRIVER_MANAGED;
	u64 start = range->mem.start, size = range_size(range);
	unsigned int nr = 0;

	if (region_intersects(start, size, ram, IORES_DESC_NONE) == REGION_DISJOINT ||
	    region_intersects(start, size, driver_ram, IORES_DESC_NONE) != REGION_DISJOINT)
		return false;

	walk_memory_blocks(start, size, &nr, block_count);
	return nr == range_nr_blocks(range) || (nr && at_boot());
}

/* ---- Add ---- */

static void complain_of_range(const struct dimm_range *range, const struct dimm *dimm, int err,
			      const char *why)
{
	complain(dimm->adev, "%pR cannot be used (%d), %s: %s\n", &range->mem, err,
		 consequence(dimm), why);
}

/* Memory comes in whole blocks; what could help is a better place or smaller blocks. */
static void complain_of_alignment(const struct dimm_range *range, const struct dimm *dimm)
{
	u64 start = range->mem.start, size = range_size(range), block = memory_block_size_bytes();
	u64 fitting = BIT_ULL(__ffs64(start | size));
	const char *what = "start and size are";
	char why[160];
	int len;

	if (IS_ALIGNED(start, block))
		what = "size is";
	else if (IS_ALIGNED(size, block))
		what = "start is";
	len = scnprintf(why, sizeof(why), "its %s no multiple of the memory block size %#llx, ",
			what, block);
	len += scnprintf(why + len, sizeof(why) - len, "which the firmware has to see to; ");
	if (fitting >= MIN_MEMORY_BLOCK_SIZE)
		scnprintf(why + len, sizeof(why) - len, "or boot with memory_block_size=%#llx",
			  fitting);
	else
		scnprintf(why + len, sizeof(why) - len, "blocks cannot be smaller than %#lx",
			  MIN_MEMORY_BLOCK_SIZE);
	complain_of_range(range, dimm, -EINVAL, why);
}

/* What can be said against a range before anything is touched. */
static int range_check(struct dimm_range *range, const struct dimm *dimm)
{
	u64 start = range->mem.start, size = range_size(range);

	if (!mhp_range_allowed(start, size, true)) {
		complain_of_range(range, dimm, -E2BIG, "it cannot be addressed");
		return -E2BIG;
	}

	range->present = range_is_present(range);
	if (range->present || IS_ALIGNED(start | size, memory_block_size_bytes()))
		return 0;
	complain_of_alignment(range, dimm);
	return -EINVAL;
}

static int dimm_check_ranges(struct dimm *dimm)
{
	struct dimm_range *range, *next;
	int err, refused = 0;

	list_for_each_entry_safe(range, next, &dimm->ranges, node) {
		err = range_check(range, dimm);
		if (!err)
			continue;
		if (!at_boot())
			return err;
		refused = err;
		range_drop(range);
	}
	return list_empty(&dimm->ranges) ? refused : 0;
}

static int range_add(struct dimm_range *range, const struct dimm *dimm)
{
	u64 start = range->mem.start, size = range_size(range);
	mhp_t flags = MHP_NID_IS_MGID | MHP_MEMMAP_ON_MEMORY | MHP_MEMMAP_FALLBACK |
		      MHP_STAY_OFFLINE;
	int err;

	if (!range->present) {
		err = __add_memory(dimm->mgid, start, size, flags);
		if (err)
			return err;
		range->added = true;
	}
	return walk_memory_blocks(start, size, dimm->adev, block_bind);
}

static void range_undo_add(struct dimm_range *range, const struct dimm *dimm)
{
	u64 start = range->mem.start, size = range_size(range);

	walk_memory_blocks(start, size, dimm->adev, block_unbind);
	if (!range->added)
		return;
	__remove_memory(start, size);
	range->added = false;
}

static int dimm_add_ranges(struct dimm *dimm)
{
	struct dimm_range *range, *next;
	int err, refused = 0;

	list_for_each_entry_safe(range, next, &dimm->ranges, node) {
		err = range_add(range, dimm);
		if (!err)
			continue;
		complain(dimm->adev, "%pR cannot be added (%d), %s\n", &range->mem, err,
			 consequence(dimm));
		if (!at_boot())
			goto undo;
		refused = err;
		range_undo_add(range, dimm);
		range_drop(range);
	}
	return list_empty(&dimm->ranges) ? refused : 0;

undo:
	list_for_each_entry_from_reverse(range, &dimm->ranges, node)
		range_undo_add(range, dimm);
	return err;
}

/* Not before all of it is there, as what is online could not be taken back for sure. */
static void dimm_auto_online(const struct dimm *dimm)
{
	const struct dimm_range *range;

	/* It comes back, as firmware would not take it: the eject knows what was online. */
	if (acpi_memory_eject_pending(dimm->adev))
		return;
	list_for_each_entry(range, &dimm->ranges, node)
		if (range->added)
			mhp_auto_online(range->mem.start, range_size(range));
}

static int dimm_join_group(struct dimm *dimm)
{
	struct dimm_range *range;
	int nid = dimm_node(dimm);
	u64 total = 0;

	list_for_each_entry(range, &dimm->ranges, node)
		total += range_size(range);

	dimm->mgid = memory_group_register_static(nid, PHYS_PFN(total));
	if (dimm->mgid >= 0) {
		memory_group_set_owner(memory_group_find_by_id(dimm->mgid), "acpi");
		return 0;
	}

	complain(dimm->adev, "no memory group for %llu bytes on node %d (%d)\n", total, nid,
		 dimm->mgid);
	return dimm->mgid;
}

static void dimm_leave_group(struct dimm *dimm)
{
	/* Fails as long as memory of the group is left, which has been logged. */
	if (dimm->mgid >= 0 && memory_group_unregister(dimm->mgid))
		complain(dimm->adev, "memory group %d stays\n", dimm->mgid);
}

/* ---- Remove ---- */

/*
 * After an eject all is offline, and what came from boot goes as well: nobody may bring
 * online what is no longer there. After a surprise removal what is in use goes first; the
 * blocks of which something is left stay, and are lost.
 */
static void range_remove(struct dimm_range *range, struct acpi_device *adev)
{
	u64 start = range->mem.start, size = range_size(range), block = memory_block_size_bytes();
	struct block_tally tally = {};
	u64 addr;

	walk_memory_blocks(start, size, adev, block_unbind);
	walk_memory_blocks(start, size, &tally, block_tally);
	if (!tally.nr_online && tally.nr * block == size) {
		__remove_memory(start, size);
		return;
	}

	if (tally.nr_online)
		complain(adev, "%pR has gone without an eject\n", &range->mem);
	if (!IS_ENABLED(CONFIG_MEMORY_HOTREMOVE))
		return;
	memory_blocks_lose(start, size);
	for (addr = ALIGN(start, block); addr + block <= start + size; addr += block) {
		tally = (struct block_tally){};
		walk_memory_blocks(addr, block, &tally, block_tally);
		if (tally.nr && !tally.nr_online)
			__remove_memory(addr, block);
	}
}

/**
 * struct collection - the memory of a range that can be ejected
 * @ranges: where to put it
 * @next: the address behind the last block
 */
struct collection {
	struct acpi_memory_ranges *ranges;
	u64 next;
};

static void collect(struct acpi_memory_ranges *ranges, u64 start, u64 end)
{
	if (ranges->nr < ranges->max)
		ranges->range[ranges->nr] = (struct range){ .start = start, .end = end };
	ranges->nr++;
}

static int block_collect(struct memory_block *mem, void *arg)
{
	struct collection *c = arg;
	struct acpi_memory_ranges *ranges = c->ranges;
	u64 start = PFN_PHYS(section_nr_to_pfn(mem->start_section_nr));
	u64 end = start + memory_block_size_bytes() - 1;

	if (start != c->next)
		collect(ranges, start, end);
	else if (ranges->nr <= ranges->max)
		ranges->range[ranges->nr - 1].end = end;
	c->next = end + 1;
	return 0;
}

/* The blocks that are there; half blocks cannot go, and whoever wants to claim them is told. */
static void range_collect(const struct dimm_range *range, struct acpi_memory_ranges *ranges)
{
	u64 start = range->mem.start, size = range_size(range);
	struct collection c = { .ranges = ranges };

	if (IS_ALIGNED(start | size, memory_block_size_bytes()))
		walk_memory_blocks(start, size, &c, block_collect);
	else
		collect(ranges, start, range->mem.end);
}

/**
 * acpi_memory_collect - the memory of a device
 * @adev: the device, of any kind
 * @ranges: where to put it; where there is no room it is only counted
 *
 * Context: device_hotplug_lock and acpi_scan_lock held.
 * Return: 0; -EPERM where memory may not be ejected.
 */
int acpi_memory_collect(struct acpi_device *adev, struct acpi_memory_ranges *ranges)
{
	struct dimm_range *range;
	struct dimm *dimm;

	if (!acpi_is_memory_device(adev) || !adev->handler)
		return 0;
	if (!adev->handler->hotplug.enabled)
		return -EPERM;
	dimm = acpi_driver_data(adev);
	if (!dimm)
		return 0;
	list_for_each_entry(range, &dimm->ranges, node)
		range_collect(range, ranges);
	return 0;
}

/* ---- The scan handler ---- */

/* Status codes of _OST for insertion: ACPI 6.5, section 6.3.5.3. */
static int attach_failed(struct acpi_device *adev, int err)
{
	adev->insert_failure = err == -EINVAL || err == -E2BIG ? ACPI_OST_SC_INSERT_NOT_SUPPORTED :
								 ACPI_OST_SC_DRIVER_LOAD_FAILURE;
	return err;
}

/**
 * acpi_memory_scan_failure - has the memory come that a scan was to bring
 * @adev: a device that was scanned, with all below
 * @unused: for acpi_dev_for_each_child()
 *
 * Context: acpi_scan_lock held.
 * Return: 0, or the status code of _OST for the first memory device that is there and
 * could not be used.
 */
int acpi_memory_scan_failure(struct acpi_device *adev, void *unused)
{
	if (adev->insert_failure && acpi_device_is_enabled(adev) && !adev->handler)
		return adev->insert_failure;
	return acpi_dev_for_each_child(adev, acpi_memory_scan_failure, NULL);
}

static int dimm_attach(struct acpi_device *adev, const struct acpi_device_id *id)
{
	const struct acpi_device_status *sta = &adev->status;
	struct dimm *dimm;
	int err;

	/* The next Notify asks again. */
	if (!sta->present || !sta->enabled || !sta->functional) {
		dev_dbg(&adev->dev, "memory is not ready\n");
		return -ENODEV;
	}
	err = acpi_memory_eject_bars(adev);
	if (err)
		return err;

	dimm = kzalloc(sizeof(*dimm), GFP_KERNEL);
	if (!dimm)
		return attach_failed(adev, -ENOMEM);
	dimm->adev = adev;
	dimm->mgid = -1;
	INIT_LIST_HEAD(&dimm->ranges);

	err = dimm_read_ranges(dimm);
	if (!err)
		err = dimm_check_ranges(dimm);
	if (!err)
		err = dimm_join_group(dimm);
	if (!err) {
		/* The tier of a node is found out when its first memory comes online. */
		hmat_reread(dimm_node(dimm));
		err = dimm_add_ranges(dimm);
	}
	if (err) {
		dimm_leave_group(dimm);
		dimm_free(dimm);
		return attach_failed(adev, err);
	}
	adev->driver_data = dimm;
	dimm_auto_online(dimm);
	return 1;
}

static void dimm_detach(struct acpi_device *adev)
{
	struct dimm *dimm = acpi_driver_data(adev);
	struct dimm_range *range;

	if (!dimm)
		return;
	list_for_each_entry(range, &dimm->ranges, node)
		range_remove(range, adev);
	dimm_leave_group(dimm);
	adev->driver_data = NULL;
	dimm_free(dimm);
}

static struct acpi_scan_handler memory_handler = {
	.ids = memory_ids,
	.attach = dimm_attach,
	.detach = dimm_detach,
	.hotplug = {
		.enabled = true,
	},
};

static bool no_memhotplug __initdata;

static int __init acpi_no_memhotplug(char *unused)
{
	no_memhotplug = true;
	return 1;
}
__setup("acpi_no_memhotplug", acpi_no_memhotplug);

/**
 * acpi_memory_hotplug_init - register the scan handler of memory devices
 *
 * Memory devices are those of ACPI 6.5, section 9.11. With the boot option
 * acpi_no_memhotplug they are held without being used.
 *
 * Context: boot, before the namespace is scanned.
 */
void __init acpi_memory_hotplug_init(void)
{
	if (no_memhotplug)
		acpi_scan_add_handler(&held_memory_handler);
	else
		acpi_scan_add_handler_with_hotplug(&memory_handler, "memory");
}

#else /* !CONFIG_ACPI_HOTPLUG_MEMORY */

/**
 * acpi_memory_hotplug_init - hold memory devices without using them
 *
 * Memory devices are those of ACPI 6.5, section 9.11.
 *
 * Context: boot, before the namespace is scanned.
 */
void __init acpi_memory_hotplug_init(void)
{
	acpi_scan_add_handler(&held_memory_handler);
}

#endif /* CONFIG_ACPI_HOTPLUG_MEMORY */
