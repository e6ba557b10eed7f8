/* SPDX-License-Identifier: GPL-2.0 */
/* Functions on memory blocks that only files of drivers/base/ call. */
#ifndef _DRIVERS_BASE_MEMORY_BLOCKS_H
#define _DRIVERS_BASE_MEMORY_BLOCKS_H

#include <linux/memory.h>
#include <linux/mhp.h>

struct attribute;
struct attribute_group;

/* memory.c */
int create_memory_block_devices(unsigned long start, unsigned long size,
				struct vmem_altmap *altmap,
				struct memory_group *group);
void remove_memory_block_devices(unsigned long start, unsigned long size);
int memory_blocks_link_node(u64 start, u64 size, int nid);
bool memory_group_next_block(const struct memory_group *group, unsigned long *nr,
			     const struct zone **zone);

/* memory_root.c */
extern const struct attribute_group *memory_root_groups[];

/* memory_group.c */
void memory_group_dirs_init(struct device *root);

/* memory_blocks.c */
int memory_block_bring_online(struct memory_block *mem);
int memory_block_take_offline(struct memory_block *mem);
int memory_block_user_request(struct memory_block *mem, const struct attribute *attr,
			      enum mmop type, bool must_change);
void memory_block_census(struct memory_block *mem, unsigned long start_pfn,
			 unsigned long nr_pages, struct mhp_census *census);
bool memory_block_removable(const struct memory_block *mem);

#endif /* _DRIVERS_BASE_MEMORY_BLOCKS_H */
