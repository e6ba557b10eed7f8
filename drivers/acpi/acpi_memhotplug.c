// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ACPI memory devices, PNP0C80: ACPI 6.5, section 9.11.
 *
 * The firmware announces which memory devices appear and disappear, and this file adds and
 * removes their memory. A device has address ranges (_CRS), a status (_STA) and a proximity
 * domain (_PXM). The attach callback adds the memory, the detach callback removes it. Before a
 * device is detached, memory_eject.c takes its memory offline. A device that disappears without
 * an eject still has online memory when it is detached; that memory becomes lost.
 *
 * Owns: struct dimm, in acpi_device.driver_data from attach to detach; the static memory
 *	group of the device; the links between its memory blocks and the ACPI device.
 * Calls: the requests of linux/memory_hotplug.h and linux/memory.h. Reads the firmware
 *	through ACPICA, and checks all that it reads.
 * Locks: device_hotplug_lock and acpi_scan_lock are held on entry to every callback.
 * Invariant: either all ranges of a device are used, or none. Devices that are present at boot
 *	are an exception, as firmware describes boot memory with holes and beyond mem=: each
 *	range that can be used is used. A device that has been ejected, but is still enabled, is
 *	bound to the handler without a struct dimm.
 */
#include <linux/acpi.h>
#include <linux/bitops.h>
#include <linux/ioport.h>
#include <linux/list_sort.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mhp.h>
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
 * Without hotplug a handler still binds the devices: they do not become platform devices, and
 * an eject request is refused instead of removing memory that is in use.
 */
static int acpi_memory_hold(struct acpi_device *adev, const struct acpi_device_id *id)
{
	return 1;
}

static struct acpi_scan_handler held_memory_handler = {
	.ids = memory_ids,
	.attach = acpi_memory_hold,
};

#ifdef CONFIG_ACPI_HOTPLUG_MEMORY

/**
 * acpi_has_hardware_id - test whether a device has one of several hardware IDs
 * @adev: the device
 * @ids: the hardware IDs
 *
 * Does the same as acpi_match_device_ids(), also for devices that are not present.
 *
 * Context: Any.
 * Return: true if the _HID or a _CID of the device is in @ids.
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
 * acpi_is_memory_device - test whether a device is a memory device
 * @adev: the device, present or not
 *
 * Context: Any.
 * Return: true if the _HID or a _CID of the device is PNP0C80.
 */
bool acpi_is_memory_device(const struct acpi_device *adev)
{
	return acpi_has_hardware_id(adev, memory_ids);
}

/**
 * struct dimm - a memory device of the firmware
 * @adev: the ACPI device
 * @ranges: its list of &struct dimm_range, sorted by address, without overlaps
 * @mgid: the ID of its memory group; negative: it has none
 */
struct dimm {
	struct acpi_device *adev;
	struct list_head ranges;
	int mgid;
};

/**
 * struct dimm_range - physically contiguous memory of a device
 * @node: entry in &dimm.ranges
 * @mem: the physical addresses; neither empty nor wrapped around
 * @attributes: the memory attributes in _CRS
 * @present: the memory was present before attach, from boot or after an incomplete removal
 * @added: the attach callback added the memory
 */
struct dimm_range {
	struct list_head node;
	struct resource mem;
	struct acpi_memory_attribute attributes;
	bool present;
	bool added;
};

static u64 acpi_dimm_range_size(const struct dimm_range *range)
{
	return resource_size(&range->mem);
}

static u64 acpi_dimm_range_first_block(const struct dimm_range *range)
{
	return round_down(range->mem.start, memory_block_size_bytes());
}

static unsigned int acpi_dimm_range_nr_blocks(const struct dimm_range *range)
{
	u64 reach = range->mem.end - acpi_dimm_range_first_block(range);

	return reach / memory_block_size_bytes() + 1;
}

/* Rate limited, as firmware can send any number of notifications. */
static __printf(2, 3) void acpi_dimm_err(struct acpi_device *adev, const char *fmt, ...)
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

static bool acpi_dimm_at_boot(void)
{
	return system_state < SYSTEM_RUNNING;
}

/* At boot a device can lose one range and keep the others; later it needs all of them. */
static const char *acpi_dimm_consequence(const struct dimm *dimm)
{
	return acpi_dimm_at_boot() && !list_is_singular(&dimm->ranges) ?
	       "the rest of the device may" : "nor can the device";
}

static void acpi_dimm_range_drop(struct dimm_range *range)
{
	list_del(&range->node);
	kfree(range);
}

static void acpi_dimm_free(struct dimm *dimm)
{
	struct dimm_range *range, *next;

	list_for_each_entry_safe(range, next, &dimm->ranges, node)
		kfree(range);
	kfree(dimm);
}

/* ---- What firmware says ---- */

static acpi_status acpi_dimm_add_crs_range(struct acpi_resource *resource, void *context)
{
	struct acpi_resource_address64 window;
	struct dimm *dimm = context;
	struct dimm_range *range;

	/* Only memory descriptors matter here. */
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

static int acpi_dimm_range_cmp(void *priv, const struct list_head *a, const struct list_head *b)
{
	const struct dimm_range *left = list_entry(a, struct dimm_range, node);
	const struct dimm_range *right = list_entry(b, struct dimm_range, node);

	return left->mem.start > right->mem.start;
}

/* Adjacent ranges are merged, as each of them alone may be a part of a memory block. */
static bool acpi_dimm_range_continues(const struct dimm_range *left, const struct dimm_range *right)
{
	return left->mem.end + 1 == right->mem.start &&
	       !memcmp(&left->attributes, &right->attributes, sizeof(left->attributes));
}

static int acpi_dimm_merge_ranges(struct dimm *dimm)
{
	struct dimm_range *range, *next, *last = NULL;

	list_sort(NULL, &dimm->ranges, acpi_dimm_range_cmp);
	list_for_each_entry_safe(range, next, &dimm->ranges, node) {
		if (last && resource_overlaps(&last->mem, &range->mem)) {
			acpi_dimm_err(dimm->adev, FW_BUG "%pR and %pR overlap\n", &last->mem,
				      &range->mem);
			return -EINVAL;
		}
		if (last && acpi_dimm_range_continues(last, range)) {
			last->mem.end = range->mem.end;
			acpi_dimm_range_drop(range);
			continue;
		}
		last = range;
	}
	return 0;
}

static int acpi_dimm_read_ranges(struct dimm *dimm)
{
	struct acpi_device *adev = dimm->adev;
	acpi_status status;

	status = acpi_walk_resources(adev->handle, METHOD_NAME__CRS, acpi_dimm_add_crs_range, dimm);
	if (ACPI_FAILURE(status)) {
		acpi_dimm_err(adev, "_CRS: %s\n", acpi_format_exception(status));
		return status == AE_NO_MEMORY ? -ENOMEM : -EINVAL;
	}
	if (list_empty(&dimm->ranges)) {
		acpi_dimm_err(adev, FW_BUG "_CRS has no memory\n");
		return -EINVAL;
	}
	return acpi_dimm_merge_ranges(dimm);
}

static int acpi_dimm_node(const struct dimm *dimm)
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

/*
 * Counts the blocks that were not added by a memory device. A lost block does not count: it
 * cannot be used until the next boot, even if its memory is there again.
 */
static int acpi_dimm_count_block(struct memory_block *mem, void *arg)
{
	unsigned int *nr = arg;

	if (mem->state != MEM_LOST && (!mem->group || !has_acpi_companion(&mem->dev)))
		++*nr;
	return 0;
}

/* A boot memory block that two devices share stays bound to the first of them. */
static int acpi_dimm_bind_block(struct memory_block *mem, void *arg)
{
	struct acpi_device *adev = arg;
	int err;

	if (has_acpi_companion(&mem->dev))
		return 0;
	err = acpi_bind_one(&mem->dev, adev);
	/* A reader of the block's files could not hold the device. */
	if (!err)
		WRITE_ONCE(mem->phys_device, adev->pnp.instance_no);
	return err;
}

static int acpi_dimm_unbind_block(struct memory_block *mem, void *arg)
{
	if (ACPI_COMPANION(&mem->dev) != arg)
		return 0;
	WRITE_ONCE(mem->phys_device, -1);
	acpi_unbind_one(&mem->dev);
	return 0;
}

/**
 * struct block_tally - numbers of memory blocks in a range
 * @nr: number of blocks
 * @nr_online: number of blocks that are not offline: in use, or lost
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
 * True for memory that is present without having been added by another device. The firmware
 * describes boot memory as well, where ranges need not be aligned to blocks and can have holes.
 */
static bool acpi_dimm_range_is_present(const struct dimm_range *range)
{
	unsigned long ram = IORESOURCE_SYSTEM_RAM;
	unsigned long driver_ram = ram | IORESOURCE_SYSRAM_DRIVER_MANAGED;
	u64 start = range->mem.start, size = acpi_dimm_range_size(range);
	unsigned int nr = 0;

	if (region_intersects(start, size, ram, IORES_DESC_NONE) == REGION_DISJOINT ||
	    region_intersects(start, size, driver_ram, IORES_DESC_NONE) != REGION_DISJOINT)
		return false;

	walk_memory_blocks(start, size, &nr, acpi_dimm_count_block);
	return nr == acpi_dimm_range_nr_blocks(range) || (nr && acpi_dimm_at_boot());
}

/* ---- Add ---- */

static void acpi_dimm_err_range(const struct dimm_range *range, const struct dimm *dimm, int err,
				const char *why)
{
	acpi_dimm_err(dimm->adev, "%pR cannot be used (%d), %s: %s\n", &range->mem, err,
		      acpi_dimm_consequence(dimm), why);
}

/* Only whole blocks can be added: suggest another address, or smaller blocks where they fit. */
static void acpi_dimm_err_alignment(const struct dimm_range *range, const struct dimm *dimm)
{
	u64 start = range->mem.start, size = acpi_dimm_range_size(range);
	u64 block = memory_block_size_bytes();
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
	acpi_dimm_err_range(range, dimm, -EINVAL, why);
}

/* All checks come before the first range is added, so that a refusal has nothing to undo. */
static int acpi_dimm_range_check(struct dimm_range *range, const struct dimm *dimm)
{
	u64 start = range->mem.start, size = acpi_dimm_range_size(range);

	if (!mhp_range_allowed(start, size, true)) {
		acpi_dimm_err_range(range, dimm, -E2BIG, "it cannot be addressed");
		return -E2BIG;
	}

	range->present = acpi_dimm_range_is_present(range);
	if (range->present || IS_ALIGNED(start | size, memory_block_size_bytes()))
		return 0;
	acpi_dimm_err_alignment(range, dimm);
	return -EINVAL;
}

static int acpi_dimm_check_ranges(struct dimm *dimm)
{
	struct dimm_range *range, *next;
	int err, refused = 0;

	list_for_each_entry_safe(range, next, &dimm->ranges, node) {
		err = acpi_dimm_range_check(range, dimm);
		if (!err)
			continue;
		if (!acpi_dimm_at_boot())
			return err;
		refused = err;
		acpi_dimm_range_drop(range);
	}
	return list_empty(&dimm->ranges) ? refused : 0;
}

static int acpi_dimm_range_add(struct dimm_range *range, const struct dimm *dimm)
{
	u64 start = range->mem.start, size = acpi_dimm_range_size(range);
	mhp_t flags = MHP_NID_IS_MGID | MHP_MEMMAP_ON_MEMORY | MHP_MEMMAP_FALLBACK |
		      MHP_STAY_OFFLINE;
	int err;

	if (!range->present) {
		err = __add_memory(dimm->mgid, start, size, flags);
		if (err)
			return err;
		range->added = true;
	}
	return walk_memory_blocks(start, size, dimm->adev, acpi_dimm_bind_block);
}

static void acpi_dimm_range_undo_add(struct dimm_range *range, const struct dimm *dimm)
{
	u64 start = range->mem.start, size = acpi_dimm_range_size(range);

	walk_memory_blocks(start, size, dimm->adev, acpi_dimm_unbind_block);
	if (!range->added)
		return;
	__remove_memory(start, size);
	range->added = false;
}

static int acpi_dimm_add_ranges(struct dimm *dimm)
{
	struct dimm_range *range, *next;
	int err, refused = 0;

	list_for_each_entry_safe(range, next, &dimm->ranges, node) {
		err = acpi_dimm_range_add(range, dimm);
		if (!err)
			continue;
		acpi_dimm_err(dimm->adev, "%pR cannot be added (%d), %s\n", &range->mem, err,
			      acpi_dimm_consequence(dimm));
		if (!acpi_dimm_at_boot())
			goto undo;
		refused = err;
		acpi_dimm_range_undo_add(range, dimm);
		acpi_dimm_range_drop(range);
	}
	return list_empty(&dimm->ranges) ? refused : 0;

undo:
	list_for_each_entry_from_reverse(range, &dimm->ranges, node)
		acpi_dimm_range_undo_add(range, dimm);
	return err;
}

/*
 * Called when all ranges are added: undoing the add of an online range could fail. After an eject
 * that failed, memory_eject.c brings online those blocks that were online before.
 */
static void acpi_dimm_auto_online(const struct dimm *dimm)
{
	const struct dimm_range *range;

	list_for_each_entry(range, &dimm->ranges, node)
		if (range->added &&
		    !acpi_memory_eject_restores(dimm->adev, range->mem.start))
			mhp_auto_online(range->mem.start, acpi_dimm_range_size(range));
}

/**
 * struct left_group - the group of memory that an earlier detach could not remove
 * @nid: the node that it has to be of
 * @max_pages: the number of pages that it has to be for
 * @mgid: the ID of the group; negative: there is none
 */
struct left_group {
	int nid;
	unsigned long max_pages;
	int mgid;
};

static int acpi_dimm_find_left_block(struct memory_block *mem, void *arg)
{
	const struct memory_group *group = mem->group;
	struct left_group *left = arg;

	if (!group || has_acpi_companion(&mem->dev) || group->is_dynamic ||
	    group->nid != left->nid || group->s.max_pages != left->max_pages ||
	    strcmp(group->owner, "acpi"))
		return 0;
	left->mgid = group->mgid;
	return 1;
}

/* Such memory is still of its group, which could not be unregistered. */
static int acpi_dimm_find_left_group(const struct dimm *dimm, int nid, unsigned long max_pages)
{
	struct left_group left = { .nid = nid, .max_pages = max_pages, .mgid = -1 };
	const struct dimm_range *range;

	list_for_each_entry(range, &dimm->ranges, node)
		if (range->present && walk_memory_blocks(range->mem.start,
							 acpi_dimm_range_size(range), &left,
							 acpi_dimm_find_left_block))
			break;
	return left.mgid;
}

static int acpi_dimm_join_group(struct dimm *dimm)
{
	struct dimm_range *range;
	int nid = acpi_dimm_node(dimm);
	u64 total = 0;

	list_for_each_entry(range, &dimm->ranges, node)
		total += acpi_dimm_range_size(range);

	dimm->mgid = acpi_dimm_find_left_group(dimm, nid, PHYS_PFN(total));
	if (dimm->mgid < 0)
		dimm->mgid = memory_group_register_static(nid, PHYS_PFN(total));
	if (dimm->mgid >= 0) {
		memory_group_set_owner(memory_group_find_by_id(dimm->mgid), "acpi");
		return 0;
	}

	acpi_dimm_err(dimm->adev, "no memory group for %llu bytes on node %d (%d)\n", total, nid,
		      dimm->mgid);
	return dimm->mgid;
}

static void acpi_dimm_leave_group(struct dimm *dimm)
{
	/* Fails while the group still has memory; that failed removal has been logged. */
	if (dimm->mgid >= 0 && memory_group_unregister(dimm->mgid))
		acpi_dimm_err(dimm->adev, "memory group %d stays\n", dimm->mgid);
}

/* ---- Remove ---- */

/*
 * After an eject all blocks are offline and are removed, boot memory included: the memory is
 * absent, and must not be brought online again. After a surprise removal, blocks that are in
 * use are marked lost; a block of which no page is in use any more is removed, others stay. A
 * block of which only a part has gone stays in use, as the rest of it is memory of others.
 */
static void acpi_dimm_range_remove(struct dimm_range *range, struct acpi_device *adev)
{
	u64 start = range->mem.start, size = acpi_dimm_range_size(range);
	u64 block = memory_block_size_bytes();
	u64 first = ALIGN(start, block), end = ALIGN_DOWN(start + size, block);
	struct block_tally tally = {};
	u64 addr;

	walk_memory_blocks(start, size, adev, acpi_dimm_unbind_block);
	walk_memory_blocks(start, size, &tally, block_tally);
	if (!tally.nr_online && tally.nr * block == size) {
		__remove_memory(start, size);
		return;
	}

	if (tally.nr_online)
		acpi_dimm_err(adev, "%pR has gone without an eject\n", &range->mem);
	if (!IS_ENABLED(CONFIG_MEMORY_HOTREMOVE))
		return;
	/* All of them first, as removing a block must not allocate from one that has gone. */
	if (first < end)
		memory_blocks_lose(first, end - first);
	for (addr = first; addr < end; addr += block) {
		tally = (struct block_tally){};
		walk_memory_blocks(addr, block, &tally, block_tally);
		if (tally.nr && !tally.nr_online)
			__remove_memory(addr, block);
	}
}

/**
 * struct collection - cursor for collecting the memory blocks of a range
 * @ranges: the result
 * @next: the physical address behind the last collected block; initially %U64_MAX
 */
struct collection {
	struct acpi_memory_ranges *ranges;
	u64 next;
};

static void acpi_ranges_append(struct acpi_memory_ranges *ranges, u64 start, u64 end)
{
	if (ranges->nr < ranges->max)
		ranges->range[ranges->nr] = (struct range){ .start = start, .end = end };
	ranges->nr++;
}

static int acpi_dimm_collect_block(struct memory_block *mem, void *arg)
{
	struct collection *c = arg;
	struct acpi_memory_ranges *ranges = c->ranges;
	u64 start = PFN_PHYS(section_nr_to_pfn(mem->start_section_nr));
	u64 end = start + memory_block_size_bytes() - 1;

	if (start != c->next)
		acpi_ranges_append(ranges, start, end);
	else if (ranges->nr <= ranges->max)
		ranges->range[ranges->nr - 1].end = end;
	c->next = end + 1;
	return 0;
}

/*
 * Collects the memory blocks that exist. Of boot memory, only some may exist; a range that attach
 * added has them all, and is collected as it is. So is one that is not made of whole blocks: the
 * attempt to claim it fails, and reports why.
 */
static void acpi_dimm_range_collect(const struct dimm_range *range,
				    struct acpi_memory_ranges *ranges)
{
	u64 start = range->mem.start, size = acpi_dimm_range_size(range);
	/* No block begins at this address, so the first block begins a range of the result. */
	struct collection c = { .ranges = ranges, .next = U64_MAX };

	if (!range->added && IS_ALIGNED(start | size, memory_block_size_bytes()))
		walk_memory_blocks(start, size, &c, acpi_dimm_collect_block);
	else
		acpi_ranges_append(ranges, start, range->mem.end);
}

/**
 * acpi_memory_collect - collect the memory ranges of a device
 * @adev: the device, of any kind
 * @ranges: the ranges are appended here; ranges beyond its capacity are only counted
 *
 * Context: Process context. device_hotplug_lock and acpi_scan_lock held.
 * Return: 0; -EPERM if hotplug of memory is disabled.
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
		acpi_dimm_range_collect(range, ranges);
	return 0;
}

/* ---- The scan handler ---- */

/* Status codes of _OST for insertion: ACPI 6.5, section 6.3.5.3. */
static int acpi_dimm_attach_failed(struct acpi_device *adev, int err)
{
	adev->insert_failure = err == -EINVAL || err == -E2BIG ? ACPI_OST_SC_INSERT_NOT_SUPPORTED :
								 ACPI_OST_SC_DRIVER_LOAD_FAILURE;
	return err;
}

/**
 * acpi_memory_scan_failure - find a memory device that a scan could not use
 * @adev: the device that was scanned, together with its children
 * @unused: for acpi_dev_for_each_child()
 *
 * Context: Process context. acpi_scan_lock held.
 * Return: 0, or the status code for _OST of the first memory device that is enabled and
 * could not be attached.
 */
int acpi_memory_scan_failure(struct acpi_device *adev, void *unused)
{
	if (adev->insert_failure && acpi_device_is_enabled(adev) && !adev->handler)
		return adev->insert_failure;
	return acpi_dev_for_each_child(adev, acpi_memory_scan_failure, NULL);
}

static int acpi_dimm_attach(struct acpi_device *adev, const struct acpi_device_id *id)
{
	const struct acpi_device_status *sta = &adev->status;
	struct dimm *dimm;
	int err;

	adev->insert_failure = 0;
	/* The next Notify for this device attaches it again. */
	if (!sta->present || !sta->enabled || !sta->functional) {
		dev_dbg(&adev->dev, "memory is not ready\n");
		return acpi_dimm_attach_failed(adev, -ENODEV);
	}
	err = acpi_memory_eject_bars(adev);
	if (err)
		return err;

	dimm = kzalloc(sizeof(*dimm), GFP_KERNEL);
	if (!dimm)
		return acpi_dimm_attach_failed(adev, -ENOMEM);
	dimm->adev = adev;
	dimm->mgid = -1;
	INIT_LIST_HEAD(&dimm->ranges);

	err = acpi_dimm_read_ranges(dimm);
	if (!err)
		err = acpi_dimm_check_ranges(dimm);
	if (!err)
		err = acpi_dimm_join_group(dimm);
	if (!err) {
		/* The memory tier of a node is chosen when its first memory comes online. */
		hmat_reread(acpi_dimm_node(dimm));
		err = acpi_dimm_add_ranges(dimm);
	}
	if (err) {
		acpi_dimm_leave_group(dimm);
		acpi_dimm_free(dimm);
		return acpi_dimm_attach_failed(adev, err);
	}
	adev->driver_data = dimm;
	acpi_dimm_auto_online(dimm);
	return 1;
}

static void acpi_dimm_detach(struct acpi_device *adev)
{
	struct dimm *dimm = acpi_driver_data(adev);
	struct dimm_range *range;

	if (!dimm)
		return;
	list_for_each_entry(range, &dimm->ranges, node)
		acpi_dimm_range_remove(range, adev);
	acpi_dimm_leave_group(dimm);
	adev->driver_data = NULL;
	acpi_dimm_free(dimm);
}

static struct acpi_scan_handler memory_handler = {
	.ids = memory_ids,
	.attach = acpi_dimm_attach,
	.detach = acpi_dimm_detach,
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
 * Memory devices are defined in ACPI 6.5, section 9.11. With the boot option
 * acpi_no_memhotplug the devices are bound, but their memory is not used.
 *
 * Context: Process context, at boot, before the namespace is scanned.
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
 * acpi_memory_hotplug_init - bind memory devices without using their memory
 *
 * Memory devices are defined in ACPI 6.5, section 9.11.
 *
 * Context: Process context, at boot, before the namespace is scanned.
 */
void __init acpi_memory_hotplug_init(void)
{
	acpi_scan_add_handler(&held_memory_handler);
}

#endif /* CONFIG_ACPI_HOTPLUG_MEMORY */
