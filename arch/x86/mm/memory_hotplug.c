// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86-64: mapping and unmapping of memory that is added and removed
 *
 * Owns the tear-down of the direct map and of the vmemmap. They are built by
 * init_memory_mapping() and vmemmap_populate(), as at boot. May call the page
 * table helpers of arch/x86/mm, the page allocator, and __add_pages() and
 * __remove_pages() of the core; nothing above them.
 *
 * Every function that is not static is entered in process context with
 * mem_hotplug_lock held for write. That lock, and not a page table lock,
 * serializes the walks: no other code fills or empties the tables of the
 * ranges handled here. init_mm.page_table_lock orders the update of a single
 * entry against walkers of adjacent ranges. pgd_lock orders the splitting of a
 * leaf against set_memory_*(). The two are never held together.
 *
 * Invariant: no page frame and no page table is freed before every CPU has
 * flushed the translations that led to it. A tear-down has three parts: unmap
 * everything and collect the frames and tables, flush once, free.
 *
 * Both maps are torn down by the same walk. It treats all levels alike, as
 * lookup_address() does: entries have the same format at all levels, and only
 * writing an entry depends on the level, because of Xen PV.
 */

#include <linux/bootmem_info.h>
#include <linux/kmemleak.h>
#include <linux/list.h>
#include <linux/memblock.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/vmstat.h>

#include <asm/init.h>
#include <asm/pgalloc.h>
#include <asm/pgtable.h>
#include <asm/tlbflush.h>

#include "mm_internal.h"

/**
 * struct teardown - what a walk has unmapped and not yet freed
 * @direct_map: the walk is over the direct map: leaves are counted, but not freed
 * @altmap: the altmap from which frames of the vmemmap may have been allocated, or NULL
 * @altmap_pages: number of pages of @altmap that were unmapped
 * @leaves: unmapped leaves of the direct map, by level
 * @tables: empty page tables, no longer linked
 * @frames: unmapped 4 KiB frames of the vmemmap
 * @huge_frames: unmapped 2 MiB frames of the vmemmap, by their first page
 * @unmapped: something was unmapped, so a flush is necessary
 * @flushes: value of teardown_flushes when the walk ended
 */
struct teardown {
	bool direct_map;
	struct vmem_altmap *altmap;
	unsigned long altmap_pages;
	unsigned long leaves[PG_LEVEL_NUM];
	struct list_head tables;
	struct list_head frames;
	struct list_head huge_frames;
	bool unmapped;
	unsigned long flushes;
};

/* Number of flushes of all TLBs so far; protected by mem_hotplug_lock. */
static unsigned long teardown_flushes;

static void teardown_init(struct teardown *td, struct vmem_altmap *altmap,
			  bool direct_map)
{
	*td = (struct teardown) {
		.direct_map	= direct_map,
		.altmap		= altmap,
		.tables		= LIST_HEAD_INIT(td->tables),
		.frames		= LIST_HEAD_INIT(td->frames),
		.huge_frames	= LIST_HEAD_INIT(td->huge_frames),
	};
}

/*
 * The level of the entries in init_mm.pgd. These entries, and the tables they
 * refer to, are never freed, as every process has a copy of the entries, made
 * by sync_global_pgds(). With five levels these are the P4D tables; with four
 * levels, where the P4D is folded into the PGD, the PUD tables. All tables
 * below them are shared by all processes and can be freed.
 */
static enum pg_level teardown_root_level(void)
{
	return pgtable_l5_enabled() ? PG_LEVEL_256T : PG_LEVEL_512G;
}

static bool pgtable_is_leaf(pte_t entry, enum pg_level level)
{
	return level == PG_LEVEL_4K || pte_huge(entry);
}

/*
 * Where the entry of @size bytes for @addr ends, or @end if that comes first. The last entry of
 * the top level ends where addresses wrap around. With five levels it maps 256 TiB, in which KASLR
 * may place the vmemmap.
 */
static unsigned long pgtable_entry_end(unsigned long addr, unsigned long size, unsigned long end)
{
	unsigned long next = ALIGN_DOWN(addr, size) + size;

	return next - 1 < end - 1 ? next : end;
}

static unsigned long pgtable_level_pages(enum pg_level level)
{
	return page_level_size(level) >> PAGE_SHIFT;
}

/* The mask drops the PAT bit of a large leaf, which looks like a frame bit. */
static unsigned long pgtable_leaf_pfn(pte_t leaf, enum pg_level level)
{
	return pte_pfn(leaf) & ~(pgtable_level_pages(level) - 1);
}

static pte_t *pgtable_child(pte_t entry)
{
	return (pte_t *)__va(PFN_PHYS(pte_pfn(entry)));
}

static void pgtable_clear_entry(pte_t *entry, enum pg_level level, unsigned long addr)
{
	spin_lock(&init_mm.page_table_lock);
	switch (level) {
	case PG_LEVEL_512G:
		p4d_clear((p4d_t *)entry);
		break;
	case PG_LEVEL_1G:
		pud_clear((pud_t *)entry);
		break;
	case PG_LEVEL_2M:
		pmd_clear((pmd_t *)entry);
		break;
	default:
		pte_clear(&init_mm, addr, entry);
		break;
	}
	spin_unlock(&init_mm.page_table_lock);
}

/* Tells the hypervisor that the table below an entry of @level is no page table any more. */
static void pgtable_release(unsigned long pfn, enum pg_level level)
{
	if (level == PG_LEVEL_512G)
		paravirt_release_pud(pfn);
	else if (level == PG_LEVEL_1G)
		paravirt_release_pmd(pfn);
	else
		paravirt_release_pte(pfn);
}

/*
 * Collects @page in a list, to be freed after the flush. The memmap of a
 * device may map the same page of tail struct pages many times, with one
 * reference per mapping: ->private counts the references to drop. ->index says
 * that the page is in the list already. As neither field is known to be zero
 * before, ->index is set to a value that it cannot have otherwise: the address
 * of @td. Boot pages are mapped once, and need both fields for themselves.
 */
static void teardown_collect_page(struct teardown *td, struct page *page,
				  struct list_head *list)
{
	if (PageReserved(page)) {
		list_add_tail(&page->lru, list);
	} else if (page->index == (unsigned long)td) {
		set_page_private(page, page_private(page) + 1);
	} else {
		page->index = (unsigned long)td;
		set_page_private(page, 1);
		list_add_tail(&page->lru, list);
	}
}

/*
 * An altmap is used for whole sections only: a range can also have parts of a
 * section, whose frames are from the page allocator.
 */
static bool teardown_altmap_owns(const struct vmem_altmap *altmap, unsigned long pfn)
{
	return altmap && pfn >= altmap->base_pfn + altmap->reserve &&
	       pfn < altmap->base_pfn + altmap->reserve + altmap->free;
}

static void teardown_collect_leaf(struct teardown *td, pte_t leaf, enum pg_level level)
{
	unsigned long pfn = pgtable_leaf_pfn(leaf, level);

	td->unmapped = true;
	if (td->direct_map) {
		td->leaves[level]++;
		return;
	}

	/*
	 * The struct pages of an altmap's frames are in the memmap that has
	 * just been unmapped, so these frames can only be counted.
	 */
	if (teardown_altmap_owns(td->altmap, pfn))
		td->altmap_pages += pgtable_level_pages(level);
	else
		teardown_collect_page(td, pfn_to_page(pfn), level == PG_LEVEL_2M ?
				      &td->huge_frames : &td->frames);
}

/*
 * If the memmap of a section is no multiple of 2 MiB (KMSAN), adjacent sections
 * share a leaf. It is freed with the last of them: unused parts of a leaf are
 * filled with PAGE_UNUSED.
 */
static bool teardown_vmemmap_leaf_unused(enum pg_level level, unsigned long addr,
					 unsigned long next)
{
	if (level != PG_LEVEL_2M)
		return false;

	memset((void *)addr, PAGE_UNUSED, next - addr);
	return !memchr_inv((void *)ALIGN_DOWN(addr, PMD_SIZE), PAGE_UNUSED,
			   PMD_SIZE);
}

/* Fills @table with entries that map the same as the large leaf @old of @level. */
static void direct_map_split_fill(pte_t *table, pte_t old, enum pg_level level)
{
	pgprot_t prot = pmd_pgprot(__pmd(pte_val(old)));
	unsigned long pfn = pgtable_leaf_pfn(old, level);
	int i;

	if (level == PG_LEVEL_2M)
		prot = pgprot_large_2_4k(prot);

	for (i = 0; i < PTRS_PER_PTE; i++, pfn += pgtable_level_pages(level - 1)) {
		if (level == PG_LEVEL_2M)
			table[i] = pfn_pte(pfn, prot);
		else
			table[i] = __pte(pmd_val(pfn_pmd(pfn, prot)));
	}
}

/*
 * Replaces a large leaf of the direct map by a table of smaller leaves with
 * the same frames and attributes, so that a part of it can be unmapped.
 *
 * Returns false if there is no memory for the table. A tear-down then leaves the
 * leaf as it is: it maps memory that is absent, which is not accessed.
 */
static bool direct_map_split_leaf(pte_t *entry, enum pg_level level)
{
	unsigned long page;
	pte_t old;

	page = __get_free_page(MHP_GFP);
	if (!page) {
		pr_warn_once("x86/mm: no memory to split the direct map, some of it outlives its RAM\n");
		return false;
	}

	/*
	 * Do not take the page table lock as well: init_memory_mapping() takes
	 * pgd_lock with the page table lock held.
	 */
	spin_lock(&pgd_lock);
	/* set_memory_*() on the part that stays may have split the leaf meanwhile. */
	old = ptep_get(entry);
	if (pgtable_is_leaf(old, level)) {
		direct_map_split_fill((pte_t *)page, old, level);
		if (level == PG_LEVEL_1G)
			pud_populate(&init_mm, (pud_t *)entry, (pmd_t *)page);
		else
			pmd_populate_kernel(&init_mm, (pmd_t *)entry,
					    (pte_t *)page);
		page = 0;
	}
	spin_unlock(&pgd_lock);

	if (page) {
		free_page(page);
		return true;
	}
	count_vm_event(level == PG_LEVEL_1G ? DIRECT_MAP_LEVEL3_SPLIT :
					      DIRECT_MAP_LEVEL2_SPLIT);
	update_page_count(level, -1UL);
	update_page_count(level - 1, PTRS_PER_PTE);
	return true;
}

/* Unmaps [@addr, @next) of a leaf. Returns false if the leaf was replaced by a table. */
static bool teardown_unmap_leaf(struct teardown *td, pte_t *entry, enum pg_level level,
				unsigned long addr, unsigned long next)
{
	pte_t leaf = ptep_get(entry);

	if (next - addr == page_level_size(level) ||
	    (!td->direct_map && teardown_vmemmap_leaf_unused(level, addr, next))) {
		pgtable_clear_entry(entry, level, addr);
		teardown_collect_leaf(td, leaf, level);
		return true;
	}

	return !td->direct_map || level == PG_LEVEL_4K ||
	       !direct_map_split_leaf(entry, level);
}

/* Unlinks the table below @entry if it is empty. */
static void teardown_unlink_table(struct teardown *td, pte_t *entry,
				  enum pg_level level, unsigned long addr)
{
	pte_t *table = pgtable_child(ptep_get(entry));
	int i;

	if (level == teardown_root_level())
		return;
	for (i = 0; i < PTRS_PER_PTE; i++)
		if (!pte_none(ptep_get(table + i)))
			return;

	pgtable_clear_entry(entry, level, addr);
	pgtable_release(__pa(table) >> PAGE_SHIFT, level);
	teardown_collect_page(td, virt_to_page(table), &td->tables);
	td->unmapped = true;
}

/*
 * Unmaps [@addr, @end) in @table, a table of @level, and in the tables below.
 * The recursion is at most five levels deep.
 */
static void teardown_unmap_entries(struct teardown *td, pte_t *table,
				   enum pg_level level, unsigned long addr,
				   unsigned long end)
{
	unsigned long size = page_level_size(level), next;
	pte_t *entry;

	entry = table + (addr >> page_level_shift(level)) % PTRS_PER_PTE;
	for (; addr < end; addr = next, entry++) {
		pte_t val = ptep_get(entry);

		next = pgtable_entry_end(addr, size, end);
		/* With DEBUG_PAGEALLOC a leaf may be not present, but has to be cleared. */
		if (pte_none(val))
			continue;
		if (pgtable_is_leaf(val, level) &&
		    teardown_unmap_leaf(td, entry, level, addr, next))
			continue;

		teardown_unmap_entries(td, pgtable_child(ptep_get(entry)), level - 1,
				       addr, next);
		teardown_unlink_table(td, entry, level, addr);
		cond_resched();
	}
}

static void teardown_unmap(struct teardown *td, unsigned long start,
			   unsigned long end)
{
	int level;

	teardown_unmap_entries(td, (pte_t *)init_mm.pgd, teardown_root_level(), start, end);

	/* Update DirectMap* in /proc/meminfo. */
	for (level = PG_LEVEL_4K; level < PG_LEVEL_NUM; level++)
		if (td->leaves[level])
			update_page_count(level, -td->leaves[level]);

	td->flushes = teardown_flushes;
}

/*
 * Frees a boot page. If the boot code registered the page, it did so once for
 * each section that the page is used for, and all of them are removed: the
 * last put frees the page.
 */
static void teardown_free_boot_page(struct page *page)
{
	int refs = page_ref_count(page);

	if (IS_ENABLED(CONFIG_HAVE_BOOTMEM_INFO_NODE) && PagePrivate(page) &&
	    page->index >= MEMORY_HOTPLUG_MIN_BOOTMEM_TYPE &&
	    page->index <= MEMORY_HOTPLUG_MAX_BOOTMEM_TYPE) {
		while (refs-- > 1)
			put_page_bootmem(page);
	} else {
		kmemleak_free_part_phys(PFN_PHYS(page_to_pfn(page)), PAGE_SIZE);
		free_reserved_page(page);
	}
}

static void teardown_free_list(struct list_head *list, unsigned int order)
{
	struct page *page, *next;
	unsigned long i, refs;

	list_for_each_entry_safe(page, next, list, lru) {
		list_del_init(&page->lru);
		if (PageReserved(page)) {
			for (i = 0; i < 1UL << order; i++)
				teardown_free_boot_page(page + i);
		} else {
			refs = page_private(page);
			set_page_private(page, 0);
			page->index = 0;
			while (refs--)
				__free_pages(page, order);
		}
		cond_resched();
	}
}

/*
 * Flushes the TLBs, unless another tear-down has done so after this one had
 * unmapped its range, and frees what was collected.
 */
static void teardown_finish(struct teardown *td)
{
	if (!td->unmapped)
		return;

	if (td->flushes == teardown_flushes) {
		flush_tlb_all();
		teardown_flushes++;
	}

	teardown_free_list(&td->tables, 0);
	teardown_free_list(&td->frames, 0);
	teardown_free_list(&td->huge_frames, get_order(PMD_SIZE));
	if (td->altmap_pages)
		vmem_altmap_free(td->altmap, td->altmap_pages);
}

/**
 * vmemmap_free - tear down a part of the memory map
 * @start: virtual address of the first struct page
 * @end: virtual address behind the last struct page
 * @altmap: the altmap that was passed to vmemmap_populate(), or NULL
 *
 * Unmaps [@start, @end) of the vmemmap and frees its page frames, and the page
 * tables that have become empty, to @altmap or to the page allocator. The range
 * may span any number of sections, and may have holes, such as those that a
 * failed vmemmap_populate() leaves. This takes one TLB flush, and none if
 * nothing was mapped. The struct pages of the range must not be in use.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 */
void vmemmap_free(unsigned long start, unsigned long end,
		  struct vmem_altmap *altmap)
{
	struct teardown td;

	/* Parts of a leaf that are still to be marked unused are marked before it is freed. */
	vmemmap_flush_unused_pmd();

	teardown_init(&td, altmap, false);
	teardown_unmap(&td, start, end);
	teardown_finish(&td);
}

/**
 * mhp_fill_memmap() - copy one struct page into many
 * @first: the first struct page to write to
 * @pattern: the contents
 * @nr: number of struct pages
 *
 * Non-temporal stores do not read the memory first, and do not evict other data from the
 * caches.
 *
 * Context: Any.
 */
void mhp_fill_memmap(struct page *first, const struct page *pattern, unsigned long nr)
{
	const u64 *p = (const u64 *)pattern;
	const u64 w0 = p[0], w1 = p[1], w2 = p[2], w3 = p[3];
	const u64 w4 = p[4], w5 = p[5], w6 = p[6], w7 = p[7];
	struct page *end = first + nr;

	if (sizeof(*first) != 8 * sizeof(u64)) {
		while (first < end)
			*first++ = *pattern;
		return;
	}

	for (; first < end; first++)
		asm volatile("movnti %1, (%0)\n\t"
			     "movnti %2, 8(%0)\n\t"
			     "movnti %3, 16(%0)\n\t"
			     "movnti %4, 24(%0)\n\t"
			     "movnti %5, 32(%0)\n\t"
			     "movnti %6, 40(%0)\n\t"
			     "movnti %7, 48(%0)\n\t"
			     "movnti %8, 56(%0)"
			     : : "r" (first), "r" (w0), "r" (w1), "r" (w2), "r" (w3),
				 "r" (w4), "r" (w5), "r" (w6), "r" (w7)
			     : "memory");
	/* Order the stores before those that make the struct pages visible. */
	wmb();
}

/* Does @table, of @level, or a table below map any of [@addr, @end)? */
static bool direct_map_entries_present(pte_t *table, enum pg_level level, unsigned long addr,
				       unsigned long end)
{
	unsigned long size = page_level_size(level), next;
	pte_t *entry = table + (addr >> page_level_shift(level)) % PTRS_PER_PTE;

	for (; addr < end; addr = next, entry++) {
		pte_t val = ptep_get(entry);

		next = pgtable_entry_end(addr, size, end);
		if (pte_none(val))
			continue;
		if (pgtable_is_leaf(val, level) ||
		    direct_map_entries_present(pgtable_child(val), level - 1, addr, next))
			return true;
	}
	return false;
}

/* Is any part of the physical range [@start, @start + @size) in the direct map? */
static bool direct_map_present(u64 start, u64 size)
{
	unsigned long addr = (unsigned long)__va(start);

	return direct_map_entries_present((pte_t *)init_mm.pgd, teardown_root_level(), addr,
					  addr + size);
}

static void direct_map_unmap(struct teardown *td, u64 start, u64 size)
{
	unsigned long addr = (unsigned long)__va(start);

	teardown_init(td, NULL, true);
	teardown_unmap(td, addr, addr + size);
}

/* Zeroed pages for page tables of the direct map; protected by mem_hotplug_lock. */
static LIST_HEAD(spare_tables);

/**
 * take_spare_table - get a preallocated page for a page table of the direct map
 *
 * For init_memory_mapping(), which cannot fail: arch_add_memory() allocates the pages that it
 * needs before the call.
 *
 * Context: Any. mem_hotplug_lock held for write.
 * Return: a zeroed page, or NULL if none is left.
 */
void *take_spare_table(void)
{
	struct page *page = list_first_entry_or_null(&spare_tables, struct page, lru);

	if (!page)
		return NULL;
	list_del(&page->lru);
	return page_address(page);
}

static void direct_map_free_spare_tables(void)
{
	void *table;

	while ((table = take_spare_table()))
		free_page((unsigned long)table);
}

static int direct_map_alloc_spare_tables(unsigned long nr)
{
	struct page *page;

	while (nr--) {
		page = alloc_page(MHP_GFP | __GFP_ZERO);
		if (!page) {
			direct_map_free_spare_tables();
			return -ENOMEM;
		}
		list_add(&page->lru, &spare_tables);
	}
	return 0;
}

/* May an entry of @level be a leaf of the direct map? As in probe_page_size_mask(). */
static bool direct_map_may_be_leaf(enum pg_level level)
{
	if (level == PG_LEVEL_1G)
		return direct_gbpages;
	if (level == PG_LEVEL_2M)
		return boot_cpu_has(X86_FEATURE_PSE) && !debug_pagealloc_enabled();
	return level == PG_LEVEL_4K;
}

/*
 * Counts the page tables that have to be allocated to map [@addr, @end) below @table, a table
 * of @level; @table is NULL if it has to be allocated itself. A leaf counts, as it may be split.
 */
static unsigned long direct_map_missing_tables(pte_t *table, enum pg_level level,
					       unsigned long addr, unsigned long end)
{
	unsigned long size = page_level_size(level), next, nr = 0;

	if (direct_map_may_be_leaf(level) && IS_ALIGNED(addr | end, size))
		return 0;
	for (; addr < end; addr = next) {
		pte_t *entry = table ? table + (addr >> page_level_shift(level)) % PTRS_PER_PTE :
				       NULL;
		bool missing = !entry || pte_none(ptep_get(entry)) ||
			       pgtable_is_leaf(ptep_get(entry), level);

		next = pgtable_entry_end(addr, size, end);
		if (direct_map_may_be_leaf(level) && next - addr == size)
			continue;
		nr += missing;
		nr += direct_map_missing_tables(missing ? NULL : pgtable_child(ptep_get(entry)),
						level - 1, addr, next);
	}
	return nr;
}

/*
 * Splits a leaf that maps the memory on both sides of @addr, if there is one. A tear-down without
 * memory leaves such leaves. init_memory_mapping() would replace the leaf by a table that maps
 * only the new memory, and not the memory beside it, which is in use.
 */
static int direct_map_split_at(unsigned long addr)
{
	unsigned int level;
	pte_t *entry;

	for (;;) {
		entry = lookup_address(addr, &level);
		if (!entry || !pgtable_is_leaf(ptep_get(entry), level) ||
		    IS_ALIGNED(addr, page_level_size(level)))
			return 0;
		if (!direct_map_split_leaf(entry, level))
			return -ENOMEM;
	}
}

static int direct_map_add(u64 start, u64 size, pgprot_t prot)
{
	unsigned long addr = (unsigned long)__va(start), nr;
	int err;

	err = direct_map_split_at(addr) ?: direct_map_split_at(addr + size);
	if (err)
		return err;
	nr = direct_map_missing_tables((pte_t *)init_mm.pgd, teardown_root_level(), addr,
				       addr + size);
	err = direct_map_alloc_spare_tables(nr);
	if (err)
		return err;
	init_memory_mapping(start, start + size, prot);
	direct_map_free_spare_tables();
	return 0;
}

static int arch_check_addressable(u64 start, u64 size)
{
	if (!size || start + size < start || start + size - 1 > PHYSMEM_END)
		return -ERANGE;
	return 0;
}

/*
 * These variables are the end of memory, for /dev/mem, for DMA masks and other
 * users. They are never lowered: users of the old value may still be running,
 * and an end that is too high only means that there are holes before it, which
 * all users have to handle anyway.
 */
static void raise_end_of_memory(unsigned long end_pfn)
{
	if (end_pfn <= max_pfn)
		return;

	max_pfn = end_pfn;
	max_low_pfn = max(max_low_pfn, end_pfn);
	high_memory = __va(PFN_PHYS(end_pfn) - 1) + 1;
}

/**
 * add_pages - add the struct pages of a physical range
 * @nid: node of the range
 * @start_pfn: first page frame
 * @nr_pages: number of page frames
 * @params: the altmap and the device that the range belongs to, if any
 *
 * Does what __add_pages() does, but refuses ranges that x86 cannot address, and
 * raises the end of memory to the end of the range. Memory of type
 * MEMORY_DEVICE_PRIVATE does not raise it: neither CPUs nor DMA access that
 * memory, and its addresses are so high that no DMA mask would cover them.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 * Return: 0; -ERANGE if the range ends behind PHYSMEM_END; an error of
 * __add_pages(). After an error nothing has been added.
 */
int add_pages(int nid, unsigned long start_pfn, unsigned long nr_pages,
	      struct mhp_params *params)
{
	int err;

	err = arch_check_addressable(PFN_PHYS(start_pfn), PFN_PHYS(nr_pages));
	if (err)
		return err;

	err = __add_pages(nid, start_pfn, nr_pages, params);
	if (err)
		return err;

	if (!params->pgmap || params->pgmap->type != MEMORY_DEVICE_PRIVATE)
		raise_end_of_memory(start_pfn + nr_pages);
	return 0;
}

/**
 * arch_add_memory - map a physical range and add its struct pages
 * @nid: node of the range
 * @start: physical address, aligned to a subsection
 * @size: bytes, a multiple of the subsection size
 * @params: protection of the mapping, altmap and device
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 * Return: 0; -ERANGE if the range ends behind PHYSMEM_END; -ENOMEM if there is no memory for
 * page tables; an error of __add_pages(). After an error nothing has been added, and only a
 * mapping that existed before is left.
 */
int arch_add_memory(int nid, u64 start, u64 size, struct mhp_params *params)
{
	struct teardown td;
	bool was_mapped;
	int err;

	err = arch_check_addressable(start, size);
	if (err)
		return err;

	was_mapped = direct_map_present(start, size);
	err = direct_map_add(start, size, params->pgprot);
	if (err)
		return err;

	err = add_pages(nid, PHYS_PFN(start), PHYS_PFN(size), params);

	/* After -EEXIST, for example, the mapping may be that of memory which is in use. */
	if (err && !was_mapped) {
		direct_map_unmap(&td, start, size);
		teardown_finish(&td);
	}
	return err;
}

/**
 * arch_remove_memory - remove the struct pages of a range, and its mapping
 * @start: physical address, aligned to a subsection
 * @size: bytes, a multiple of the subsection size
 * @altmap: the altmap that was passed to arch_add_memory(), or NULL
 * @pgmap: the device that the range belongs to, or NULL
 *
 * The range may be a part of a range that was added: if a leaf of the direct
 * map extends beyond its ends, the leaf is split. If there is no memory for
 * that, which is logged once, that part stays mapped; nothing else can fail.
 *
 * The direct map is unmapped first and freed last, so that the flush in
 * vmemmap_free() is sufficient for both. The memmap is not accessed through
 * the direct map, not even if it lies in the range itself (@altmap).
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 */
void arch_remove_memory(u64 start, u64 size, struct vmem_altmap *altmap,
			struct dev_pagemap *pgmap)
{
	struct teardown td;

	direct_map_unmap(&td, start, size);
	__remove_pages(PHYS_PFN(start), PHYS_PFN(size), altmap, pgmap);
	teardown_finish(&td);
}
