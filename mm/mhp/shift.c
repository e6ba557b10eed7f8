// SPDX-License-Identifier: GPL-2.0
/*
 * Shifting: pages of the most common kind are migrated in groups, under the lock of their
 * page table.
 *
 * That kind is a small anonymous page which is mapped by one page table entry, and which has
 * no other references. A page that turns out not to fit, at any of the checks, is left
 * unchanged and isolated for migrate_pages(). This file owns the pages of a group. It calls
 * the page allocator and the parts that page migration consists of. No lock on entry.
 *
 * The page table entries of a group are cleared, the pages copied and the new entries written
 * while the page table lock is held once, with one TLB flush for the group and one rmap walk.
 * Why that is safe:
 *
 * - The page was taken off the LRU, which only one task can do, so it is neither reclaimed,
 *   compacted nor collapsed. The folio lock, taken by trylock, excludes the swap cache, KSM
 *   and UFFDIO_MOVE, so that mapping and index do not change.
 * - The lock of the anon_vma keeps its VMAs, their page tables and the addresses of these
 *   (mremap of a whole table takes that lock). The page table lock protects the entry against
 *   faults, fork, mprotect, munmap, mremap and NUMA hints. mlock sets VM_LOCKED before it
 *   takes the page table lock.
 * - While a page moves, its entry is a migration entry. Readers of the entry that do not
 *   hold the lock, such as a fault or userfaultfd, wait as they do for any migration.
 * - Freezing the reference count succeeds only if the entry and this file have the only
 *   references. GUP-fast takes a reference before it reads the entry again, so that either
 *   GUP-fast or the freezing fails. Holders of LRU batches, pins, direct I/O and page table
 *   walkers have references of their own.
 * - The old page cannot be written to while it is copied: the TLBs have been flushed, and the
 *   MMU notifier keeps devices and guests from mapping the page until it has ended.
 * - The new entry is the old one with another page frame number: soft-dirty, uffd-wp, NUMA
 *   hint, dirty and young are kept. The new page is complete before it is mapped.
 */
#include <linux/hugetlb.h>
#include <linux/memcontrol.h>
#include <linux/migrate.h>
#include <linux/mm_inline.h>
#include <linux/mmu_notifier.h>
#include <linux/page_owner.h>
#include <linux/pagevec.h>
#include <linux/rmap.h>
#include <linux/swapops.h>
#include <linux/vmstat.h>
#include <asm/tlbflush.h>

#include "mhp.h"

/* One reference of the page table entry, and one of the caller that isolated the page. */
#define MHP_SHIFT_REFS	2
/* Folios with one of these flags are left to migrate_pages(). */
#define MHP_SHIFT_NOT	(BIT(PG_head) | BIT(PG_swapcache) | BIT(PG_writeback) |	\
			 BIT(PG_private) | BIT(PG_unevictable) | __PG_MLOCKED |	\
			 __PG_HWPOISON)

/**
 * mhp_shift_fits() - test whether a folio is of the kind that is shifted
 * @folio: a folio with one reference of the caller
 *
 * Context: Any. The answer can change at once unless the folio is locked.
 * Return: true for a small anonymous folio that is mapped once and has no other references.
 */
bool mhp_shift_fits(struct folio *folio)
{
	unsigned long kind = (unsigned long)READ_ONCE(folio->mapping) & PAGE_MAPPING_FLAGS;

	return !(READ_ONCE(folio->flags) & MHP_SHIFT_NOT) && kind == PAGE_MAPPING_ANON &&
	       folio_ref_count(folio) == MHP_SHIFT_REFS &&
	       atomic_read(&folio->_mapcount) == 0;
}

/* The lruvec that is locked, and the change of one of its lists that is not accounted yet. */
struct lru_change {
	struct lruvec *lruvec;
	enum lru_list lru;
	enum zone_type zone;
	long nr;
};

static void mhp_shift_flush_lru_size(struct lru_change *c)
{
	if (c->nr)
		update_lru_size(c->lruvec, c->lru, c->zone, c->nr);
	c->nr = 0;
}

static void mhp_shift_unlock_lru(struct lru_change *c)
{
	if (!c->lruvec)
		return;
	mhp_shift_flush_lru_size(c);
	__acquire(&c->lruvec->lru_lock);	/* For sparse: mhp_shift_lock_lru() took it. */
	unlock_page_lruvec_irq(c->lruvec);
	c->lruvec = NULL;
}

/* Locks the lruvec of @folio, unless it is the one that is locked already. */
static void mhp_shift_lock_lru(struct lru_change *c, struct folio *folio)
{
	if (c->lruvec && folio_matches_lruvec(folio, c->lruvec))
		return;
	mhp_shift_unlock_lru(c);
	c->lruvec = folio_lruvec_lock_irq(folio);
}

static void mhp_shift_count_lru(struct lru_change *c, struct folio *folio, enum lru_list lru,
				long sign)
{
	if (lru != c->lru || folio_zonenum(folio) != c->zone)
		mhp_shift_flush_lru_size(c);
	c->lru = lru;
	c->zone = folio_zonenum(folio);
	c->nr += sign;
}

/* lruvec_del_folio() for a small folio; the size of the list is accounted later. */
static void mhp_shift_del_from_lru(struct lru_change *c, struct folio *folio)
{
	enum lru_list lru;

	mhp_shift_lock_lru(c, folio);
	lru = folio_lru_list(folio);
	if (lru_gen_del_folio(c->lruvec, folio, false))
		return;
	if (lru != LRU_UNEVICTABLE)
		list_del(&folio->lru);
	mhp_shift_count_lru(c, folio, lru, -1);
}

/* What folio_add_lru() does in the end; mlocked folios go through folio_add_lru() itself. */
static void mhp_shift_add_to_lru(struct lru_change *c, struct folio *folio)
{
	enum lru_list lru;

	if (folio_test_mlocked(folio)) {
		mhp_shift_unlock_lru(c);
		folio_add_lru(folio);
		return;
	}
	mhp_shift_lock_lru(c, folio);
	lru = folio_lru_list(folio);
	if (!lru_gen_add_folio(c->lruvec, folio, false)) {
		list_add(&folio->lru, &c->lruvec->lists[lru]);
		mhp_shift_count_lru(c, folio, lru, 1);
	}
	folio_set_lru(folio);
}

/**
 * mhp_shift_isolate() - take folios off the LRU
 * @got: folios with a reference each; folios that are not on the LRU stay here
 * @list: the other folios are added here, with their references
 *
 * Context: Process context. Takes lru_lock with interrupts disabled.
 */
void mhp_shift_isolate(struct folio_batch *got, struct list_head *list)
{
	unsigned int i, nr = folio_batch_count(got);
	struct lru_change change = {};

	folio_batch_reinit(got);
	for (i = 0; i < nr; i++) {
		struct folio *folio = got->folios[i];

		if (!folio_test_clear_lru(folio)) {
			folio_batch_add(got, folio);
			continue;
		}
		mhp_shift_del_from_lru(&change, folio);
		list_add_tail(&folio->lru, list);
	}
	mhp_shift_unlock_lru(&change);
}

/* Folios of one anon_vma and one memcg share the rmap walk and the accounting. */
static bool mhp_shift_same_group(struct folio *folio, struct folio *other)
{
	return folio->mapping == other->mapping && folio_memcg(folio) == folio_memcg(other);
}

/*
 * Locks folios of @list, from its beginning on, into a group. Stops at the first folio that
 * fits, but belongs to another group. All folios before it move to @rest.
 */
static void mhp_shift_gather(struct mhp_shift *s, struct list_head *list, struct list_head *rest)
{
	struct folio *folio, *next;

	s->nr = 0;
	s->left = 0;
	list_for_each_entry_safe(folio, next, list, lru) {
		bool locked = folio_trylock(folio);

		if (locked && mhp_shift_fits(folio)) {
			if (s->nr == MHP_SHIFT_GROUP ||
			    (s->nr && !mhp_shift_same_group(folio, s->moves[0].src))) {
				folio_unlock(folio);
				break;
			}
			s->moves[s->nr++] = (struct mhp_shift_move){ .src = folio };
		} else if (locked) {
			folio_unlock(folio);
		}
		list_move_tail(&folio->lru, rest);
	}
	s->left = s->nr;
}

/* Returns a locked target for a page, or NULL if there is none left. */
static struct folio *mhp_shift_get_target(struct mhp_shift *s)
{
	struct folio *dst = list_first_entry_or_null(s->homes, struct folio, lru);

	if (!dst || !folio_trylock(dst))
		return NULL;
	list_del(&dst->lru);
	return dst;
}

/* Restores the page table entry, and gives the unused target back. */
static void mhp_shift_restore_pte(struct mhp_shift *s, struct mm_struct *mm,
				  struct mhp_shift_move *m, pte_t *ptep)
{
	set_pte_at(mm, m->addr, ptep, m->pte);
	folio_unlock(m->dst);
	list_add(&m->dst->lru, s->homes);
	m->dst = NULL;
}

/*
 * Replaces the page table entry by a migration entry and freezes the references, so that no other
 * task can find the page.
 */
static bool mhp_shift_freeze_page(struct mhp_shift *s, struct mm_struct *mm,
				  struct mhp_shift_move *m, pte_t *ptep)
{
	pte_t pte = ptep_get(ptep);
	swp_entry_t away;

	if (!pte_present(pte) || pte_pfn(pte) != folio_pfn(m->src) || pte_unused(pte))
		return false;
	m->dst = mhp_shift_get_target(s);
	if (!m->dst)
		return false;
	m->pte = ptep_get_and_clear(mm, m->addr, ptep);
	if (!folio_ref_freeze(m->src, MHP_SHIFT_REFS)) {
		mhp_shift_restore_pte(s, mm, m, ptep);
		return false;
	}
	if (unlikely(folio_test_mlocked(m->src))) {
		folio_ref_unfreeze(m->src, MHP_SHIFT_REFS);
		mhp_shift_restore_pte(s, mm, m, ptep);
		return false;
	}
	away = make_readable_migration_entry(folio_pfn(m->src));
	set_pte_at(mm, m->addr, ptep, swp_entry_to_pte(away));
	return true;
}

/* Moves the state of @src to @dst: mapping, flags, memcg charge, mapcount and references. */
static void mhp_shift_move_state(struct folio *dst, struct folio *src)
{
	dst->index = src->index;
	WRITE_ONCE(dst->mapping, src->mapping);
	if (folio_test_swapbacked(src))
		__folio_set_swapbacked(dst);
	folio_get(dst);
	atomic_set(&dst->_mapcount, 0);
	atomic_set(&src->_mapcount, -1);
	/* This also moves the memcg charge and PG_anon_exclusive. */
	folio_migrate_flags(dst, src);
	set_page_owner_migrate_reason(&dst->page, MR_MEMORY_HOTPLUG);
}

/* Changes NR_ANON_MAPPED of a node and, if there is one, of the memcg of the group. */
static void mhp_shift_count_mapped(struct mem_cgroup *memcg, struct pglist_data *pgdat, int nr)
{
	if (memcg)
		__mod_lruvec_state(mem_cgroup_lruvec(memcg, pgdat), NR_ANON_MAPPED, nr);
	else
		__mod_node_page_state(pgdat, NR_ANON_MAPPED, nr);
}

/* Copies the frozen pages of a group; a page that cannot be copied is mapped again. */
static void mhp_shift_copy_pages(struct mhp_shift *s, struct mm_struct *mm, pte_t *table,
				 unsigned int from, unsigned int to)
{
	struct pglist_data *here = folio_pgdat(s->moves[from].src), *there = here;
	struct mem_cgroup *memcg = folio_memcg(s->moves[from].src);
	struct mhp_shift_move *m;
	int gone = 0, came = 0;

	for (m = &s->moves[from]; m < &s->moves[to]; m++) {
		if (!m->dst)
			continue;
		if (folio_mc_copy(m->dst, m->src)) {
			folio_ref_unfreeze(m->src, MHP_SHIFT_REFS);
			mhp_shift_restore_pte(s, mm, m, table + pte_index(m->addr));
			continue;
		}
		flush_dcache_folio(m->dst);
		mhp_shift_move_state(m->dst, m->src);
		s->left--;
		gone++;
		if (folio_pgdat(m->dst) != there) {
			mhp_shift_count_mapped(memcg, there, came);
			there = folio_pgdat(m->dst);
			came = 0;
		}
		came++;
	}
	mhp_shift_count_mapped(memcg, there, came);
	mhp_shift_count_mapped(memcg, here, -gone);
}

/* Maps the targets at the addresses of the old pages. */
static void mhp_shift_map_targets(struct mhp_shift *s, struct vm_area_struct *vma, pte_t *table,
				  unsigned int from, unsigned int to)
{
	struct mhp_shift_move *m;

	smp_wmb();	/* The contents and the state of a target are written before its entry. */
	for (m = &s->moves[from]; m < &s->moves[to]; m++) {
		pte_t *ptep = table + pte_index(m->addr);

		if (!m->dst)
			continue;
		set_pte_at(vma->vm_mm, m->addr, ptep,
			   pte_advance_pfn(m->pte, folio_pfn(m->dst) - folio_pfn(m->src)));
		update_mmu_cache(vma, m->addr, ptep);
	}
}

/* Shifts the pages that are mapped by one page table, whose lock is held. */
static void mhp_shift_ptes(struct mhp_shift *s, struct vm_area_struct *vma, pte_t *table,
			   const struct mmu_notifier_range *range,
			   unsigned int from, unsigned int to)
{
	bool any = false, flush = false;
	struct mhp_shift_move *m;

	if (vma->vm_flags & VM_LOCKED)
		return;
	for (m = &s->moves[from]; m < &s->moves[to]; m++) {
		if (!mhp_shift_freeze_page(s, vma->vm_mm, m, table + pte_index(m->addr)))
			continue;
		any = true;
		flush |= pte_accessible(vma->vm_mm, m->pte);
	}
	if (!any)
		return;
	if (flush)
		flush_tlb_range(vma, range->start, range->end);
	mhp_shift_copy_pages(s, vma->vm_mm, table, from, to);
	mhp_shift_map_targets(s, vma, table, from, to);
}

static void mhp_shift_in_table(struct mhp_shift *s, struct vm_area_struct *vma,
			       unsigned int from, unsigned int to)
{
	unsigned long lo = ULONG_MAX, hi = 0;
	struct mmu_notifier_range range;
	spinlock_t *ptl;	/* the page table's */
	unsigned int i;
	pte_t *table;
	pmd_t *pmd;

	for (i = from; i < to; i++) {
		lo = min(lo, s->moves[i].addr);
		hi = max(hi, s->moves[i].addr + PAGE_SIZE);
	}
	pmd = mm_find_pmd(vma->vm_mm, lo);
	if (!pmd)
		return;
	mmu_notifier_range_init(&range, MMU_NOTIFY_CLEAR, 0, vma->vm_mm, lo, hi);
	mmu_notifier_invalidate_range_start(&range);
	flush_cache_range(vma, lo, hi);
	table = pte_offset_map_lock(vma->vm_mm, pmd, lo & PMD_MASK, &ptl);
	if (table) {
		mhp_shift_ptes(s, vma, table, &range, from, to);
		pte_unmap_unlock(table, ptl);
	}
	mmu_notifier_invalidate_range_end(&range);
}

/* The address at which @vma would map the page; -EFAULT if there is none, or if it has moved. */
static unsigned long mhp_shift_address(struct vm_area_struct *vma, struct mhp_shift_move *m)
{
	m->addr = m->dst ? -EFAULT : vma_address(vma, m->src->index, 1);
	return m->addr;
}

static void mhp_shift_in_vma(struct mhp_shift *s, struct vm_area_struct *vma)
{
	unsigned int from, to;

	for (from = 0; from < s->nr; from = to) {
		unsigned long addr = mhp_shift_address(vma, &s->moves[from]);

		to = from + 1;
		if (addr == -EFAULT)
			continue;
		while (to < s->nr && !((mhp_shift_address(vma, &s->moves[to]) ^ addr) & PMD_MASK))
			to++;
		mhp_shift_in_table(s, vma, from, to);
	}
}

/* exec() moves the page tables of a temporary stack without the rmap locks. */
static bool mhp_shift_vma_fits(struct vm_area_struct *vma)
{
	return !is_vm_hugetlb_page(vma) && !vma_is_temporary_stack(vma);
}

/* Looks in all VMAs of the anon_vma, until every page of the group was found. */
static void mhp_shift_group(struct mhp_shift *s)
{
	unsigned long lo = ULONG_MAX, hi = 0;
	struct anon_vma_chain *avc;
	struct anon_vma *anon_vma;
	unsigned int i;

	for (i = 0; i < s->nr; i++) {
		lo = min(lo, s->moves[i].src->index);
		hi = max(hi, s->moves[i].src->index);
	}
	anon_vma = folio_lock_anon_vma_read(s->moves[0].src, NULL);
	if (!anon_vma)
		return;
	anon_vma_interval_tree_foreach(avc, &anon_vma->rb_root, lo, hi) {
		if (mhp_shift_vma_fits(avc->vma))
			mhp_shift_in_vma(s, avc->vma);
		if (!s->left)
			break;
		cond_resched();
	}
	anon_vma_unlock_read(anon_vma);
}

/* Our reference keeps a target until it is on the LRU, as it may have been unmapped by now. */
static void mhp_shift_add_targets(struct mhp_shift *s)
{
	struct lru_change change = {};
	struct mhp_shift_move *m;

	for (m = s->moves; m < &s->moves[s->nr]; m++)
		if (m->dst)
			mhp_shift_add_to_lru(&change, m->dst);
	mhp_shift_unlock_lru(&change);
	for (m = s->moves; m < &s->moves[s->nr]; m++)
		if (m->dst)
			folio_put(m->dst);
}

/* Frees the old pages of the group, whose references are frozen. */
static void mhp_shift_free_sources(struct mhp_shift *s)
{
	struct mhp_shift_move *m;
	struct folio_batch old;

	folio_batch_init(&old);
	for (m = s->moves; m < &s->moves[s->nr]; m++) {
		if (!m->dst)
			continue;
		list_del(&m->src->lru);
		if (!folio_batch_add(&old, m->src))
			free_unref_folios(&old);
	}
	if (folio_batch_count(&old))
		free_unref_folios(&old);
}

static void mhp_shift_unlock_pages(struct mhp_shift *s)
{
	struct mhp_shift_move *m;

	for (m = s->moves; m < &s->moves[s->nr]; m++) {
		folio_unlock(m->src);
		if (m->dst)
			folio_unlock(m->dst);
	}
}

/**
 * mhp_shift() - migrate pages in groups
 * @s: workspace for a group
 * @list: small folios that mhp_shift_isolate() put there; folios that did not move stay
 * @homes: pages to move them to; pages that were not needed stay
 *
 * Adjacent folios of @list form a group if they belong to the same anon_vma and memcg.
 *
 * Context: Process context. May sleep. No lock needed.
 * Return: the number of pages that have moved; the old pages have been freed.
 */
unsigned long mhp_shift(struct mhp_shift *s, struct list_head *list, struct list_head *homes)
{
	unsigned long moved = 0;
	LIST_HEAD(rest);

	s->homes = homes;
	while (!list_empty(list) && !list_empty(homes)) {
		mhp_shift_gather(s, list, &rest);
		if (!s->nr)
			continue;
		mhp_shift_group(s);
		mhp_shift_unlock_pages(s);
		if (s->nr > s->left) {
			mhp_shift_add_targets(s);
			mhp_shift_free_sources(s);
			count_vm_events(PGMIGRATE_SUCCESS, s->nr - s->left);
		}
		moved += s->nr - s->left;
		cond_resched();
	}
	list_splice(&rest, list);
	return moved;
}
