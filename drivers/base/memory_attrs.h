/* SPDX-License-Identifier: GPL-2.0 */
/* What memory_attrs.c and memory_lock.c offer, and numbers of a block. */
#ifndef _DRIVERS_BASE_MEMORY_ATTRS_H
#define _DRIVERS_BASE_MEMORY_ATTRS_H

#include <linux/memory.h>
#include <linux/mmzone.h>
#include <linux/pfn.h>

struct attribute_group;
struct bin_attribute;
struct device;
struct zone;

static inline unsigned long block_pfn(const struct memory_block *mem)
{
	return section_nr_to_pfn(mem->start_section_nr);
}

static inline unsigned long block_pages(void)
{
	return PHYS_PFN(memory_block_size_bytes());
}

/* The N of memoryN. */
static inline unsigned long block_number(const struct memory_block *mem)
{
	return block_pfn(mem) / block_pages();
}

extern const struct attribute_group memory_block_report_group;
extern const struct attribute_group memory_root_report_group;

/* memory_attrs.c */
bool memory_may_see_pages(void);

/* memory_lock.c */
int memory_lock_for_user(unsigned long begin, unsigned int limit_ms);

#endif /* _DRIVERS_BASE_MEMORY_ATTRS_H */
