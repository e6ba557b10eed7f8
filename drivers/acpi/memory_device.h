/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory devices, as the rest of ACPI uses them. acpi_memhotplug.c attaches and detaches
 * devices; memory_eject.c ejects them, in parallel to the queue of hotplug events.
 */
#ifndef _DRIVERS_ACPI_MEMORY_DEVICE_H
#define _DRIVERS_ACPI_MEMORY_DEVICE_H

#include <linux/acpi.h>
#include <linux/range.h>

struct acpi_memory_eject;

/**
 * struct acpi_memory_ranges - the memory of a device and of those below it
 * @range: physical addresses, the end included; sorted when the collection is complete
 * @nr: number of ranges
 * @max: capacity of @range
 */
struct acpi_memory_ranges {
	struct range *range;
	unsigned int nr, max;
};

#ifdef CONFIG_ACPI_HOTPLUG_MEMORY

/* acpi_memhotplug.c */
bool acpi_has_hardware_id(const struct acpi_device *adev, const struct acpi_device_id *ids);
bool acpi_is_memory_device(const struct acpi_device *adev);
int acpi_memory_collect(struct acpi_device *adev, struct acpi_memory_ranges *ranges);
int acpi_memory_scan_failure(struct acpi_device *adev, void *unused);

/* memory_eject.c */
int acpi_memory_eject(struct acpi_device *adev, u32 source);
void acpi_memory_eject_ended(struct acpi_device *adev, u32 source, int result);
bool acpi_memory_may_log(struct acpi_device *adev);
bool acpi_memory_eject_pending(struct acpi_device *adev);
bool acpi_memory_eject_refuses(struct acpi_device *adev);
bool acpi_memory_eject_defers(struct acpi_device *adev);
int acpi_memory_eject_bars(struct acpi_device *adev);
bool acpi_memory_eject_stays(struct acpi_device *adev);
bool acpi_memory_eject_restores(struct acpi_device *adev, u64 start);
bool acpi_memory_eject_incomplete(const struct acpi_device *adev);
bool acpi_memory_eject_detached(struct acpi_device *adev);
void acpi_memory_eject_settle(struct acpi_device *adev);
void acpi_memory_eject_added(struct acpi_device *adev);
void acpi_memory_eject_removed(struct acpi_device *adev);
bool acpi_memory_eject_absent(const struct acpi_device *adev);
unsigned int acpi_memory_eject_removals(struct acpi_device *adev, u32 source);
bool acpi_memory_eject_outdated(struct acpi_device *adev, u32 source, unsigned int removals);
bool acpi_memory_eject_shown(struct acpi_device *adev);
void acpi_memory_eject_free(struct acpi_device *adev);
extern struct device_attribute dev_attr_eject_status, dev_attr_eject_ask;

/* scan.c */
int acpi_scan_offline(struct acpi_device *device);
int acpi_scan_eject(struct acpi_device *device);
void acpi_scan_forget(struct acpi_device *device);
void acpi_scan_again(struct acpi_device *device);
void acpi_scan_recheck(struct acpi_device *device);

#else

static inline int acpi_memory_scan_failure(struct acpi_device *adev, void *unused)
{
	return 0;
}

static inline int acpi_memory_eject(struct acpi_device *adev, u32 source)
{
	return 0;
}

static inline void acpi_memory_eject_ended(struct acpi_device *adev, u32 source, int result)
{
}

static inline bool acpi_memory_may_log(struct acpi_device *adev)
{
	return true;
}

static inline bool acpi_memory_eject_pending(struct acpi_device *adev)
{
	return false;
}

static inline bool acpi_memory_eject_refuses(struct acpi_device *adev)
{
	return false;
}

static inline bool acpi_memory_eject_defers(struct acpi_device *adev)
{
	return false;
}

static inline bool acpi_memory_eject_stays(struct acpi_device *adev)
{
	return false;
}

static inline bool acpi_memory_eject_incomplete(const struct acpi_device *adev)
{
	return false;
}

static inline bool acpi_memory_eject_detached(struct acpi_device *adev)
{
	return false;
}

static inline void acpi_memory_eject_settle(struct acpi_device *adev)
{
}

static inline void acpi_memory_eject_added(struct acpi_device *adev)
{
}

static inline void acpi_memory_eject_removed(struct acpi_device *adev)
{
}

static inline bool acpi_memory_eject_absent(const struct acpi_device *adev)
{
	return false;
}

static inline unsigned int acpi_memory_eject_removals(struct acpi_device *adev, u32 source)
{
	return 0;
}

static inline bool acpi_memory_eject_outdated(struct acpi_device *adev, u32 source,
					      unsigned int removals)
{
	return false;
}

static inline void acpi_memory_eject_free(struct acpi_device *adev)
{
}

#endif /* CONFIG_ACPI_HOTPLUG_MEMORY */

#endif /* _DRIVERS_ACPI_MEMORY_DEVICE_H */
