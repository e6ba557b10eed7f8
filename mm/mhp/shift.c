// SPDX-License-Identifier: GPL-2.0
/*
 * Shifting: the common kind of page moves in groups, under the lock of its page table.
 *
 * That kind is a small anonymous page that one page table entry maps and nobody else has
 * a reference to. Whatever does not fit, at whichever check, is left as it was, isolated,
 * for migrate_pages(). Owns the pages of its group. Calls the page allocator and what
 * migration consists of. No lock on entry.
 *
 * The entry is taken away, copied and written anew under one hold of the page table lock,
 * with one TLB flush for the group, and no page is looked up twice. Why that is safe:
 *
 * - Off the LRU, which only one can take it off, a page is neither reclaimed, compacted
 *   nor collapsed. Its lock, which is only tried, keeps it from the swap cache, from KSM
 *   and from UFFDIO_MOVE, so that mapping and index stay.
 * - The lock of the anon_vma keeps its VMAs, their page tables and the place of these
 *   (mremap of a whole table takes it). The page table lock keeps the entry: from faults,
 *   fork, mprotect, munmap, mremap, NUMA hints. mlock sets its flag before it comes by.
 * - While it is away, there is a migration entry: who reads it without the lock, such as a
 *   fault or userfaultfd, waits for the lock as it does for migration.
 * - Freezing the references succeeds only with the entry's and ours. GUP-fast takes its
 *   own before it reads the entry again, so either it fails or the freezing does. Readers
 *   of the LRU cache, pins, direct I/O and walkers over page tables have references.
 * - Nobody writes to the old page when it is copied: the TLBs are flushed, those of
 *   devices and of guests by the notifier before, and they do not come back until its end.
 * - The new entry is the old one with another number: soft-dirty, uffd-wp, NUMA hint,
 *   dirty and young go with it. The new page has all it needs before it is mapped.
 */
#include <linux/hugetlb_inline.h>
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

/* Its own, and that of who took it off the LRU. */
#define MHP_SHIFT_REFS	2
/* Large, of the swap cache, locked in memory, broken, or what else is not common. */
#define MHP_SHIFT_NOT	(BIT(PG_head) | BIT(PG_swapcache) | BIT(PG_writeback) |	\
			 BIT(PG_private) | BIT(PG_unevictable) | __PG_MLOCKED |	\
			 __PG_HWPOISON)

/**
 * mhp_shift_fits() - is this folio of the kind that is shifted
 * @folio: a folio with one reference of the caller; a guess if it is not locked
 *
 * Return: true if so.
 */
bool mhp_shift_fits(struct folio *folio)
{
	unsigned long kind = (unsigned long)READ_ONCE(folio->mapping) & PAGE_MAPPING_FLAGS;

	return !(READ_ONCE(folio->flags) & MHP_SHIFT_NOT) && kind == PAGE_MAPPING_ANON &&
	       folio_ref_count(folio) == MHP_SHIFT_REFS &&
	       atomic_read(&folio->_mapcount) == 0;
}

/* An LRU that is locked, and by how much a list of it has grown since its size was written. */
struct lru_change {
	struct lruvec *lruvec;
	enum lru_list lru;
	enum zone_type zone;
	long nr;
};

static void write_size(struct lru_change *c)
{
	if (c->nr)
		update_lru_size(c->lruvec, c->lru, c->zone, c->nr);
	c->nr = 0;
}

static void unlock_lru(struct lru_change *c)
{
	if (!c->lruvec)
		return;
	write_size(c);
	__acquire(&c->lruvec->lru_lock);	/* For sparse: lock_lru() took it. */
	unlock_page_lruvec_irq(c->lruvec);
	c->lruvec = NULL;
}

/* Locks the LRU of a folio, if it is not that which is locked. */
static void lock_lru(struct lru_change *c, struct folio *folio)
{
	if (c->lruvec && folio_matches_lruvec(folio, c->lruvec))
		return;
	unlock_lru(c);
	c->lruvec = folio_lruvec_lock_irq(folio);
}

static void count_lru(struct lru_change *c, struct folio *folio, enum lru_list lru, long sign)
{
	if (lru != c->lru || folio_zonenum(folio) != c->zone)
		write_size(c);
	c->lru = lru;
	c->zone = folio_zonenum(folio);
	c->nr += sign;
}

/* As lruvec_del_folio() for one page, but for the size of the list. */
static void take_off_lru(struct lru_change *c, struct folio *folio)
{
	enum lru_list lru;

	lock_lru(c, folio);
	lru = folio_lru_list(folio);
	if (lru_gen_del_folio(c->lruvec, folio, false))
		return;
	if (lru != LRU_UNEVICTABLE)
		list_del(&folio->lru);
	count_lru(c, folio, lru, -1);
}

/* As folio_add_lru() does in the end, but for what was locked in memory meanwhile. */
static void put_on_lru(struct lru_change *c, struct folio *folio)
{
	enum lru_list lru;

	if (folio_test_mlocked(folio)) {
		unlock_lru(c);
		folio_add_lru(folio);
		return;
	}
	lock_lru(c, folio);
	lru = folio_lru_list(folio);
	if (!lru_gen_add_folio(c->lruvec, folio, false)) {
		list_add(&folio->lru, &c->lruvec->lists[lru]);
		count_lru(c, folio, lru, 1);
	}
	folio_set_lru(folio);
}

/**
 * mhp_shift_isolate() - take folios off the LRU
 * @got: folios, each with a reference that goes to the list with it; those which are not
 * on the LRU stay here
 * @list: gets the others
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
		take_off_lru(&change, folio);
		list_add_tail(&folio->lru, list);
	}
	unlock_lru(&change);
}

/* They can be looked up together, and count in the same place. */
static bool alike(struct folio *folio, struct folio *other)
{
	return folio->mapping == other->mapping && folio_memcg(folio) == folio_memcg(other);
}

/* Locks the first of the list, as far as they are alike; others that come before go to @rest. */
static void gather(struct mhp_shift *s, struct list_head *list, struct list_head *rest)
{
	struct folio *folio, *next;

	s->nr = 0;
	s->left = 0;
	list_for_each_entry_safe(folio, next, list, lru) {
		bool locked = folio_trylock(folio);

		if (locked && mhp_shift_fits(folio)) {
			if (s->nr == MHP_SHIFT_GROUP ||
			    (s->nr && !alike(folio, s->moves[0].src))) {
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

/* A new page for one that is about to go there, locked. */
static struct folio *take_home(struct mhp_shift *s)
{
	struct folio *dst = list_first_entry_or_null(s->homes, struct folio, lru);

	if (!dst || !folio_trylock(dst))
		return NULL;
	list_del(&dst->lru);
	return dst;
}

/* As if nothing had been: the entry is there again, the new page is for somebody else. */
static void put_back(struct mhp_shift *s, struct mm_struct *mm, struct mhp_shift_move *m,
		     pte_t *ptep)
{
	set_pte_at(mm, m->addr, ptep, m->pte);
	folio_unlock(m->dst);
	list_add(&m->dst->lru, s->homes);
	m->dst = NULL;
}

/* Takes the entry of a page away, and with it the last way to the page. */
static bool take_away(struct mhp_shift *s, struct mm_struct *mm, struct mhp_shift_move *m,
		      pte_t *ptep)
{
	pte_t pte = ptep_get(ptep);
	swp_entry_t away;

	if (!pte_present(pte) || pte_pfn(pte) != folio_pfn(m->src) || pte_unused(pte))
		return false;
	m->dst = take_home(s);
	if (!m->dst)
		return false;
	m->pte = ptep_get_and_clear(mm, m->addr, ptep);
	if (!folio_ref_freeze(m->src, MHP_SHIFT_REFS)) {
		put_back(s, mm, m, ptep);
		return false;
	}
	if (unlikely(folio_test_mlocked(m->src))) {
		folio_ref_unfreeze(m->src, MHP_SHIFT_REFS);
		put_back(s, mm, m, ptep);
		return false;
	}
	away = make_readable_migration_entry(folio_pfn(m->src));
	set_pte_at(mm, m->addr, ptep, swp_entry_to_pte(away));
	return true;
}

/* All that made the old page what it was is now the new one's, which is mapped once. */
static void inherit(struct folio *dst, struct folio *src)
{
	dst->index = src->index;
	WRITE_ONCE(dst->mapping, src->mapping);
	if (folio_test_swapbacked(src))
		__folio_set_swapbacked(dst);
	folio_get(dst);
	atomic_set(&dst->_mapcount, 0);
	atomic_set(&src->_mapcount, -1);
	/* With the charge of its memcg, and PG_anon_exclusive. */
	folio_migrate_flags(dst, src);
	set_page_owner_migrate_reason(&dst->page, MR_MEMORY_HOTPLUG);
}

/* Pages that are mapped, of a node and of the memcg that all pages of the group have. */
static void count_mapped(struct mem_cgroup *memcg, struct pglist_data *pgdat, int nr)
{
	if (memcg)
		__mod_lruvec_state(mem_cgroup_lruvec(memcg, pgdat), NR_ANON_MAPPED, nr);
	else
		__mod_node_page_state(pgdat, NR_ANON_MAPPED, nr);
}

/* Copies what has been taken away. */
static void copy(struct mhp_shift *s, struct mm_struct *mm, pte_t *table,
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
			put_back(s, mm, m, table + pte_index(m->addr));
			continue;
		}
		flush_dcache_folio(m->dst);
		inherit(m->dst, m->src);
		s->left--;
		gone++;
		if (folio_pgdat(m->dst) != there) {
			count_mapped(memcg, there, came);
			there = folio_pgdat(m->dst);
			came = 0;
		}
		came++;
	}
	count_mapped(memcg, there, came);
	count_mapped(memcg, here, -gone);
}

/* Maps the new pages where the old ones were. */
static void map_new(struct mhp_shift *s, struct vm_area_struct *vma, pte_t *table,
		    unsigned int from, unsigned int to)
{
	struct mhp_shift_move *m;

	smp_wmb();	/* Who finds the entry finds the page as it shall be. */
	for (m = &s->moves[from]; m < &s->moves[to]; m++) {
		pte_t *ptep = table + pte_index(m->addr);

		if (!m->dst)
			continue;
		set_pte_at(vma->vm_mm, m->addr, ptep,
			   pte_advance_pfn(m->pte, folio_pfn(m->dst) - folio_pfn(m->src)));
		update_mmu_cache(vma, m->addr, ptep);
	}
}

/* Pages whose entries may be in one page table, which is locked. */
static void shift_entries(struct mhp_shift *s, struct vm_area_struct *vma, pte_t *table,
			  const struct mmu_notifier_range *range,
			  unsigned int from, unsigned int to)
{
	bool any = false, flush = false;
	struct mhp_shift_move *m;

	if (vma->vm_flags & VM_LOCKED)
		return;
	for (m = &s->moves[from]; m < &s->moves[to]; m++) {
		if (!take_away(s, vma->vm_mm, m, table + pte_index(m->addr)))
			continue;
		any = true;
		flush |= pte_accessible(vma->vm_mm, m->pte);
	}
	if (!any)
		return;
	if (flush)
		flush_tlb_range(vma, range->start, range->end);
	copy(s, vma->vm_mm, table, from, to);
	map_new(s, vma, table, from, to);
}

static void shift_in_table(struct mhp_shift *s, struct vm_area_struct *vma,
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
		shift_entries(s, vma, table, &range, from, to);
		pte_unmap_unlock(table, ptl);
	}
	mmu_notifier_invalidate_range_end(&range);
}

/* Where in this VMA the page would be, if it has not moved yet. */
static unsigned long address(struct vm_area_struct *vma, struct mhp_shift_move *m)
{
	m->addr = m->dst ? -EFAULT : vma_address(vma, m->src->index, 1);
	return m->addr;
}

static void shift_in_vma(struct mhp_shift *s, struct vm_area_struct *vma)
{
	unsigned int from, to;

	for (from = 0; from < s->nr; from = to) {
		unsigned long addr = address(vma, &s->moves[from]);

		to = from + 1;
		if (addr == -EFAULT)
			continue;
		while (to < s->nr && !((address(vma, &s->moves[to]) ^ addr) & PMD_MASK))
			to++;
		shift_in_table(s, vma, from, to);
	}
}

/* VMAs whose pages move in another way, or not now. */
static bool vma_fits(struct vm_area_struct *vma)
{
	return !is_vm_hugetlb_page(vma) && !vma_is_temporary_stack(vma);
}

/* Each page is mapped in one of the VMAs of their anon_vma. */
static void shift_group(struct mhp_shift *s)
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
		if (vma_fits(avc->vma))
			shift_in_vma(s, avc->vma);
		if (!s->left)
			break;
		cond_resched();
	}
	anon_vma_unlock_read(anon_vma);
}

/* The new pages get on the LRU. Each keeps our reference until then, as it may be gone by now. */
static void add_new(struct mhp_shift *s)
{
	struct lru_change change = {};
	struct mhp_shift_move *m;

	for (m = s->moves; m < &s->moves[s->nr]; m++)
		if (m->dst)
			put_on_lru(&change, m->dst);
	unlock_lru(&change);
	for (m = s->moves; m < &s->moves[s->nr]; m++)
		if (m->dst)
			folio_put(m->dst);
}

/* The old pages are free. */
static void free_old(struct mhp_shift *s)
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

static void unlock_pages(struct mhp_shift *s)
{
	struct mhp_shift_move *m;

	for (m = s->moves; m < &s->moves[s->nr]; m++) {
		folio_unlock(m->src);
		if (m->dst)
			folio_unlock(m->dst);
	}
}

/**
 * mhp_shift() - move pages in groups
 * @s: room for a group
 * @list: small folios that mhp_shift_isolate() put there; those stay that did not move
 * @homes: new pages, as many as there are; those stay that were not needed
 *
 * Neighbours on the list are looked up together where they are neighbours in a mapping.
 *
 * Context: May sleep. No lock needed.
 * Return: how many have moved; their old pages are free.
 */
unsigned long mhp_shift(struct mhp_shift *s, struct list_head *list, struct list_head *homes)
{
	unsigned long moved = 0;
	LIST_HEAD(rest);

	s->homes = homes;
	while (!list_empty(list) && !list_empty(homes)) {
		gather(s, list, &rest);
		if (!s->nr)
			continue;
		shift_group(s);
		unlock_pages(s);
		if (s->nr > s->left) {
			add_new(s);
			free_old(s);
			count_vm_events(PGMIGRATE_SUCCESS, s->nr - s->left);
		}
		moved += s->nr - s->left;
		cond_resched();
	}
	list_splice(&rest, list);
	return moved;
}
