/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory blocks, their groups, and the notifier chain of memory hotplug.
 *
 * block	one or more sections, which user space sees as memoryXXX; the size of
 *		blocks does not change after boot
 * group	the blocks of one device: a DIMM (static), or a device that grows and
 *		shrinks (dynamic)
 *
 * The devices live in drivers/base/memory.c, requests for them in
 * drivers/base/memory_blocks.c, groups in drivers/base/memory_group.c, the chain in
 * mm/mhp/notify.c. What happens to the memory of a block is told in mm/memory_hotplug.c. See
 * Documentation/core-api/memory-hotplug.rst.
 */
#ifndef _LINUX_MEMORY_H_
#define _LINUX_MEMORY_H_

#include <linux/node.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/memory_hotplug.h>

#define MIN_MEMORY_BLOCK_SIZE	BIT(SECTION_SIZE_BITS)

/* Actions of memory notifiers, and states of blocks. Bits, as readers of crash dumps expect. */
enum memory_block_state {
	/* The memory can be used. Also the state of a block. */
	MEM_ONLINE		= 1 << 0,
	/* Pages are about to be moved, and are not allocated any more. Also a state. */
	MEM_GOING_OFFLINE	= 1 << 1,
	/* The memory is not in use. Also the state of a block. */
	MEM_OFFLINE		= 1 << 2,
	/* The pages have a zone, but cannot be allocated yet. Also a state. */
	MEM_GOING_ONLINE	= 1 << 3,
	/* The memory stays offline: undo what GOING_ONLINE prepared. */
	MEM_CANCEL_ONLINE	= 1 << 4,
	/* The memory stays online: undo what GOING_OFFLINE prepared. */
	MEM_CANCEL_OFFLINE	= 1 << 5,
	/* Make the memory accessible, as its memmap may lie in it. */
	MEM_PREPARE_ONLINE	= 1 << 6,
	/* The memory is not accessed any more. */
	MEM_FINISH_OFFLINE	= 1 << 7,
	/* Only a state: the memory disappeared while it was in use. */
	MEM_LOST		= 1 << 8,
};

/**
 * struct memory_block - a block of memory as a device
 * @start_section_nr: number of its first section
 * @state: one of the five states of enum memory_block_state
 * @kept_type: the kind of zone in which it was online last; MMOP_OFFLINE if it never was
 * @nid: its node; NUMA_NO_NODE if it belongs to several
 * @phys_device: number of its hardware unit; negative: the architecture knows
 * @zone: the zone of all of its pages; NULL if its pages have several zones, or if the block
 *	is offline
 * @dev: the device memoryXXX
 * @altmap: the altmap of a block that holds its own memmap, or NULL
 * @group: its memory group, or NULL
 * @group_next: entry in the list of the group
 * @claimed: its device is about to be removed, which excludes other requests
 * @claimed_online: it was online when it was claimed
 * @progress: progress of its offline, or NULL
 * @last_error: the record of its last request; NULL if that succeeded
 * @rcu: for freeing the block
 * @nr_hwpoison: number of its poisoned pages
 *
 * @state, @kept_type and @zone change under device_hotplug_lock and the device's
 * own lock, and are read without. @claimed and @claimed_online are protected by
 * device_hotplug_lock, @progress by a lock of drivers/base/memory_blocks.c, @last_error by one
 * of mm/mhp/report.c.
 */
struct memory_block {
	unsigned long start_section_nr;
	unsigned long state;
	enum mmop kept_type;
	int nid;
	int phys_device;
	struct zone *zone;
	struct device dev;
	struct vmem_altmap *altmap;
	struct memory_group *group;
	struct list_head group_next;
	bool claimed;
	bool claimed_online;
	struct mhp_progress *progress;
	struct mhp_record *last_error;
	struct rcu_head rcu;
#if defined(CONFIG_MEMORY_FAILURE) && defined(CONFIG_MEMORY_HOTPLUG)
	atomic_long_t nr_hwpoison;
#endif
};

int arch_get_memory_phys_device(unsigned long start_pfn);
unsigned long memory_block_size_bytes(void);
int set_memory_block_size_order(unsigned int order);

/**
 * struct memory_notify - the third argument of a notifier callback
 * @altmap_start_pfn: the first page of the block or blocks
 * @altmap_nr_pages: number of pages from there that hold the memmap of the block, or 0
 * @start_pfn: first page that goes online or offline
 * @nr_pages: number of pages
 * @status_change_nid_normal: the node that gets its first, or loses its last, memory in
 *	ZONE_NORMAL or below; otherwise NUMA_NO_NODE
 * @status_change_nid: the same for memory of any kind
 * @more: the same action for another range of the request follows, or the memory is about to
 *	be removed: callbacks that process all memory can wait for the last one. Never set if the
 *	callback may refuse the action
 */
struct memory_notify {
	unsigned long start_pfn;
	unsigned long nr_pages;
	unsigned long altmap_start_pfn;
	unsigned long altmap_nr_pages;
	int status_change_nid_normal;
	int status_change_nid;
	bool more;
};

struct memory_group;
struct mhp_policy;
struct mhp_progress;
struct mhp_record;
struct mhp_result;
struct notifier_block;
struct mem_section;
struct range;

/* Priorities of callbacks: a higher priority is called first. */
#define DEFAULT_CALLBACK_PRI	0
#define SLAB_CALLBACK_PRI	1
#define HMAT_CALLBACK_PRI	2
#define CXL_CALLBACK_PRI	5
#define MM_COMPUTE_BATCH_PRI	10
#define CPUSET_CALLBACK_PRI	10
#define MEMTIER_HOTPLUG_PRI	100
#define KSM_CALLBACK_PRI	100

#ifdef CONFIG_MEMORY_HOTPLUG
int register_memory_notifier(struct notifier_block *nb);
void unregister_memory_notifier(struct notifier_block *nb);

#define hotplug_memory_notifier(fn, pri)				\
({									\
	static struct notifier_block fn##_mem_nb __meminitdata = {	\
		.notifier_call = fn, .priority = pri			\
	};								\
	register_memory_notifier(&fn##_mem_nb);				\
})

typedef int (*walk_memory_blocks_func_t)(struct memory_block *mem, void *arg);

void memory_dev_init(void);
struct memory_block *find_memory_block(unsigned long section_nr);
int walk_memory_blocks(unsigned long start, unsigned long size, void *arg,
		       walk_memory_blocks_func_t func);
int for_each_memory_block(void *arg, walk_memory_blocks_func_t func);

int memory_blocks_online(u64 start, u64 size, enum mmop type,
			 struct mhp_result *res);
int memory_blocks_offline(u64 start, u64 size, const struct mhp_policy *policy,
			  struct mhp_result *res);
void memory_blocks_lose(u64 start, u64 size);
int memory_ranges_claim(const struct range *ranges, unsigned int nr, struct mhp_result *res);
int memory_ranges_offline(const struct range *ranges, unsigned int nr,
			  const struct mhp_policy *policy, struct mhp_result *res);
int memory_ranges_release(const struct range *ranges, unsigned int nr);
int memory_ranges_online(const struct range *ranges, unsigned int nr, enum mmop type,
			 struct mhp_result *res);
int try_offline_and_remove_memory(u64 start, u64 size);

/* Returns true if the page callback would keep no page of this range. */
typedef bool (*online_range_callback_t)(unsigned long start_pfn, unsigned long nr_pages);

int set_online_range_callback(online_page_callback_t callback,
			      online_range_callback_t passes);
void mhp_fill_memmap(struct page *first, const struct page *pattern, unsigned long nr);

int memory_group_register_static(int nid, unsigned long max_pages);
int memory_group_register_dynamic(int nid, unsigned long unit_pages);
int memory_group_unregister(int mgid);
struct memory_group *memory_group_find_by_id(int mgid);
void memory_group_set_owner(struct memory_group *group, const char *owner);

#ifdef CONFIG_NUMA
void memory_block_add_nid(struct memory_block *mem, int nid,
			  enum meminit_context context);
#endif

static inline struct memory_block *to_memory_block(struct device *dev)
{
	return container_of(dev, struct memory_block, dev);
}

#else /* !CONFIG_MEMORY_HOTPLUG */

static inline void memory_dev_init(void)
{
}

static inline int register_memory_notifier(struct notifier_block *nb)
{
	return 0;
}

static inline void unregister_memory_notifier(struct notifier_block *nb)
{
}

static inline int hotplug_memory_notifier(notifier_fn_t fn, int pri)
{
	return 0;
}

#endif /* CONFIG_MEMORY_HOTPLUG */

/* This belongs to code patching, but many files include it from here. */
extern struct mutex text_mutex;

#endif /* _LINUX_MEMORY_H_ */
