/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory hotplug for other subsystems: add and remove physical memory, bring it
 * online and take it offline.
 *
 *	ABSENT --add--> OFFLINE --online--> ONLINE
 *	ABSENT <-remove- OFFLINE <-offline-- ONLINE
 *
 * Requests are for whole memory blocks. Each succeeds as a whole or leaves
 * everything as it was. Requests that drivers and firmware make are in
 * drivers/base/memory_add.c, how they work in mm/memory_hotplug.c. The contract, with
 * locks and error codes: Documentation/core-api/memory-hotplug.rst.
 */
#ifndef __LINUX_MEMORY_HOTPLUG_H
#define __LINUX_MEMORY_HOTPLUG_H

#include <linux/mmzone.h>
#include <linux/spinlock.h>
#include <linux/notifier.h>
#include <linux/bug.h>

struct page;
struct zone;
struct pglist_data;
struct mem_section;
struct memory_block;
struct memory_group;
struct resource;
struct vmem_altmap;
struct dev_pagemap;

/* The kind of zone in which memory comes online. */
enum mmop {
	/* The memory stays offline. */
	MMOP_OFFLINE = 0,
	/* In the zone that the online policy chooses. */
	MMOP_ONLINE,
	/* In a kernel zone. */
	MMOP_ONLINE_KERNEL,
	/* In ZONE_MOVABLE. */
	MMOP_ONLINE_MOVABLE,
};

/* If there is no memory, a request fails instead of invoking the OOM killer. */
#define MHP_GFP		(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* Flags of an add: MHP_*. */
typedef int __bitwise mhp_t;

#ifdef CONFIG_MEMORY_HOTPLUG

#define MHP_NONE		((__force mhp_t)0)
/* The resource may be merged with adjacent ones, and must not be used afterwards. */
#define MHP_MERGE_RESOURCE	((__force mhp_t)BIT(0))
/* A hint: put the memmap into the memory itself, if that is possible. */
#define MHP_MEMMAP_ON_MEMORY	((__force mhp_t)BIT(1))
/* The node argument is the ID of a memory group, which has the node. */
#define MHP_NID_IS_MGID		((__force mhp_t)BIT(2))
/* The memory must not be accessed between FINISH_OFFLINE and PREPARE_ONLINE. */
#define MHP_OFFLINE_INACCESSIBLE	((__force mhp_t)BIT(3))
/* The memmap must lie in the memory itself, regardless of the parameter memmap_on_memory. */
#define MHP_MEMMAP_OWN		((__force mhp_t)BIT(4))
/*
 * The memmap may lie in the memory itself if there is no room for it elsewhere. Not for drivers
 * that plug and unplug single pages.
 */
#define MHP_MEMMAP_FALLBACK	((__force mhp_t)BIT(5))
/* The memory stays offline until mhp_auto_online(), regardless of auto_online_blocks. */
#define MHP_STAY_OFFLINE	((__force mhp_t)BIT(6))

/**
 * struct mhp_params - parameters for architectures that map a range and add its memmap
 * @altmap: allocate the memmap from the range itself; NULL: from the page allocator
 * @pgprot: protection of the direct map
 * @pgmap: the device that owns the range, NULL for System RAM
 */
struct mhp_params {
	struct vmem_altmap *altmap;
	pgprot_t pgprot;
	struct dev_pagemap *pgmap;
};

extern u64 max_mem_size;
extern bool movable_node_enabled;

static inline bool movable_node_is_enabled(void)
{
	return movable_node_enabled;
}

/* Locks */
void get_online_mems(void);
void put_online_mems(void);
void mem_hotplug_begin(void);
void mem_hotplug_done(void);

/* Add and remove */
bool mhp_range_allowed(u64 start, u64 size, bool need_mapping);
struct range mhp_get_pluggable_range(bool need_mapping);
bool mhp_supports_memmap_on_memory(void);
int add_memory(int nid, u64 start, u64 size, mhp_t mhp_flags);
int __add_memory(int nid, u64 start, u64 size, mhp_t mhp_flags);
int add_memory_resource(int nid, struct resource *resource, mhp_t mhp_flags);
int add_memory_driver_managed(int nid, u64 start, u64 size,
			      const char *resource_name, mhp_t mhp_flags);
void mhp_auto_online(u64 start, u64 size);

/* Online */
typedef void (*online_page_callback_t)(struct page *page, unsigned int order);

struct zone *zone_for_pfn_range(enum mmop online_type, int nid,
				struct memory_group *group,
				unsigned long start_pfn, unsigned long nr_pages);
enum mmop mhp_get_default_online_type(void);
void mhp_set_default_online_type(enum mmop online_type);
int mhp_online_type_from_str(const char *str);
const char *mhp_online_type_to_str(enum mmop type);
void generic_online_page(struct page *page, unsigned int order);
int set_online_page_callback(online_page_callback_t callback);
int restore_online_page_callback(online_page_callback_t callback);
int try_online_node(int nid);
struct page *pfn_to_online_page(unsigned long pfn);

void mhp_show_mem(void);

/* Sections, memmap and zones, for architectures and ZONE_DEVICE */
int arch_add_memory(int nid, u64 start, u64 size, struct mhp_params *params);
void arch_remove_memory(u64 start, u64 size, struct vmem_altmap *altmap,
			struct dev_pagemap *pgmap);
int arch_create_linear_mapping(int nid, u64 start, u64 size,
			       struct mhp_params *params);
void arch_remove_linear_mapping(u64 start, u64 size);
int __add_pages(int nid, unsigned long start_pfn, unsigned long nr_pages,
		struct mhp_params *params);
void __remove_pages(unsigned long start_pfn, unsigned long nr_pages,
		    struct vmem_altmap *altmap, struct dev_pagemap *pgmap);
void move_pfn_range_to_zone(struct zone *zone, unsigned long start_pfn,
			    unsigned long nr_pages, struct vmem_altmap *altmap,
			    int migratetype);
void remove_pfn_range_from_zone(struct zone *zone, unsigned long start_pfn,
				unsigned long nr_pages);
struct page *sparse_decode_mem_map(unsigned long coded_mem_map,
				   unsigned long pnum);

#ifdef CONFIG_ARCH_HAS_ADD_PAGES
int add_pages(int nid, unsigned long start_pfn, unsigned long nr_pages,
	      struct mhp_params *params);
#else
static inline int add_pages(int nid, unsigned long start_pfn,
			    unsigned long nr_pages, struct mhp_params *params)
{
	return __add_pages(nid, start_pfn, nr_pages, params);
}
#endif

/*
 * The span of a zone is protected by span_seqlock: a reader that
 * sees it change retries, and may run in interrupts (DEBUG_VM). Writers also
 * hold mem_hotplug_lock for write.
 */
static inline unsigned int zone_span_seqbegin(struct zone *zone)
{
	return read_seqbegin(&zone->span_seqlock);
}

static inline int zone_span_seqretry(struct zone *zone, unsigned int iv)
{
	return read_seqretry(&zone->span_seqlock, iv);
}

static inline void zone_span_writelock(struct zone *zone, unsigned long *flags)
{
	write_seqlock_irqsave(&zone->span_seqlock, *flags);
}

static inline void zone_span_writeunlock(struct zone *zone, unsigned long *flags)
{
	write_sequnlock_irqrestore(&zone->span_seqlock, *flags);
}

static inline void zone_seqlock_init(struct zone *zone)
{
	seqlock_init(&zone->span_seqlock);
}

/* Serializes starting and stopping kswapd with users of pgdat->kswapd. */
static inline void pgdat_kswapd_lock(pg_data_t *pgdat)
{
	mutex_lock(&pgdat->kswapd_lock);
}

static inline void pgdat_kswapd_unlock(pg_data_t *pgdat)
{
	mutex_unlock(&pgdat->kswapd_lock);
}

static inline void pgdat_kswapd_lock_init(pg_data_t *pgdat)
{
	mutex_init(&pgdat->kswapd_lock);
}

#else /* !CONFIG_MEMORY_HOTPLUG */

#define pfn_to_online_page(pfn)						\
({									\
	unsigned long ___pfn = (pfn);					\
	pfn_valid(___pfn) ? pfn_to_page(___pfn) : NULL;			\
})

static inline unsigned int zone_span_seqbegin(struct zone *zone)
{
	return 0;
}

static inline int zone_span_seqretry(struct zone *zone, unsigned int iv)
{
	return 0;
}

static inline void zone_span_writelock(struct zone *zone, unsigned long *flags)
{
}

static inline void zone_span_writeunlock(struct zone *zone, unsigned long *flags)
{
}

static inline void zone_seqlock_init(struct zone *zone)
{
}

static inline void pgdat_kswapd_lock(pg_data_t *pgdat)
{
}

static inline void pgdat_kswapd_unlock(pg_data_t *pgdat)
{
}

static inline void pgdat_kswapd_lock_init(pg_data_t *pgdat)
{
}

static inline void get_online_mems(void)
{
}

static inline void put_online_mems(void)
{
}

static inline void mem_hotplug_begin(void)
{
}

static inline void mem_hotplug_done(void)
{
}

static inline int try_online_node(int nid)
{
	return 0;
}

static inline bool movable_node_is_enabled(void)
{
	return false;
}

static inline bool mhp_supports_memmap_on_memory(void)
{
	return false;
}

static inline void mhp_show_mem(void)
{
}

#endif /* CONFIG_MEMORY_HOTPLUG */

/* Also used by architectures without memory hotplug. */
struct range arch_get_mappable_range(void);

#if defined(CONFIG_MEMORY_HOTPLUG) || defined(CONFIG_DEFERRED_STRUCT_PAGE_INIT)

/* The span and the present pages of a node. */
static inline void pgdat_resize_lock(struct pglist_data *pgdat, unsigned long *flags)
{
	spin_lock_irqsave(&pgdat->node_size_lock, *flags);
}

static inline void pgdat_resize_unlock(struct pglist_data *pgdat, unsigned long *flags)
{
	spin_unlock_irqrestore(&pgdat->node_size_lock, *flags);
}

static inline void pgdat_resize_init(struct pglist_data *pgdat)
{
	spin_lock_init(&pgdat->node_size_lock);
}

#else

static inline void pgdat_resize_lock(struct pglist_data *pgdat, unsigned long *flags)
{
}

static inline void pgdat_resize_unlock(struct pglist_data *pgdat, unsigned long *flags)
{
}

static inline void pgdat_resize_init(struct pglist_data *pgdat)
{
}

#endif

#ifdef CONFIG_MEMORY_HOTREMOVE

int remove_memory(u64 start, u64 size);
void __remove_memory(u64 start, u64 size);
int offline_and_remove_memory(u64 start, u64 size);
void try_offline_node(int nid);

#else

static inline int remove_memory(u64 start, u64 size)
{
	return -EBUSY;
}

static inline void __remove_memory(u64 start, u64 size)
{
}

static inline void try_offline_node(int nid)
{
}

#endif /* CONFIG_MEMORY_HOTREMOVE */

#endif /* __LINUX_MEMORY_HOTPLUG_H */
