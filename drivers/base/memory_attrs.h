/* SPDX-License-Identifier: GPL-2.0 */
/* What memory.c takes from memory_attrs.c and memory_request.c. */
#ifndef _DRIVERS_BASE_MEMORY_ATTRS_H
#define _DRIVERS_BASE_MEMORY_ATTRS_H

struct attribute_group;
struct bin_attribute;
struct device;
struct memory_group;
struct memory_group_dir;

extern const struct attribute_group memory_block_report_group;
extern const struct attribute_group memory_root_report_group;
extern struct bin_attribute bin_attr_request;

void memory_group_dirs_init(struct device *root);
struct memory_group_dir *memory_group_dir_add(struct memory_group *group);
void memory_group_dir_remove(struct memory_group_dir *dir);

#endif /* _DRIVERS_BASE_MEMORY_ATTRS_H */
