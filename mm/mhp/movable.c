// SPDX-License-Identifier: GPL-2.0
/*
 * What the pages of memory are, for who asks whether it could go offline, and for who has
 * to say why it did not.
 *
 * Owns nothing, changes nothing, takes no reference: what it reads may be out of date when
 * it returns, and even while it looks. So flags are read as numbers, where the functions
 * for them would insist that a head is still a head. Only the file of an unevictable page
 * is looked at with the page's lock and a reference, which are tried.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/cleanup.h>
#include <linux/hugetlb.h>
#include <linux/memmap_walk.h>
#include <linux/page-flags.h>
#include <linux/page-isolation.h>
#include <linux/page_owner.h>
#include <linux/pagemap.h>
#include <linux/preempt.h>
#include <linux/secretmem.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "mhp.h"
#include "policy.h"
#include "../internal.h"

/**
 * struct sight - a page as it was a moment ago
 * @folio: what it belongs to, or did
 * @flags: of the folio
 * @nr: pages of the folio
 * @refs: its references
 * @mapped: how often it is mapped
 */
struct sight {
	struct folio *folio;
	unsigned long flags;
	unsigned long nr;
	int refs, mapped;
};

/* The head that a tail names; the page itself where that is no tail, or not any more. */
static struct folio *head_of(struct page *page)
{
	unsigned long head = READ_ONCE(page->compound_head), distance;

	distance = (unsigned long)page - (head - 1);
	if (!(head & 1) || distance % sizeof(struct page) ||
	    distance >= MAX_FOLIO_NR_PAGES * sizeof(struct page))
		return (struct folio *)page;
	return (struct folio *)(head - 1);
}

/* Raw: it may have been split or freed since. What cannot be is taken for a single page. */
static struct sight look_at(struct page *page)
{
	struct sight s = { .folio = head_of(page), .nr = 1 };
	unsigned int order;

	s.flags = READ_ONCE(s.folio->flags);
	s.refs = atomic_read(&s.folio->_refcount);
	s.mapped = max(atomic_read(&s.folio->_mapcount) + 1, 0);
	if (!(s.flags & BIT(PG_head)))
		return s;
	order = READ_ONCE(s.folio->_flags_1) & 0xff;
	if (order < BITS_PER_LONG / 2)
		s.nr = 1UL << order;
	s.mapped = max(atomic_read(&s.folio->_large_mapcount) + 1, 0);
	return s;
}

static bool is_lru(const struct sight *s)
{
	return s->flags & BIT(PG_lru);
}

static unsigned long mapping_bits(const struct sight *s)
{
	return (unsigned long)READ_ONCE(s->folio->mapping) & PAGE_MAPPING_FLAGS;
}

static bool is_anon(const struct sight *s)
{
	return mapping_bits(s) & PAGE_MAPPING_ANON;
}

/* Of a driver that can move it. */
static bool is_drivers(const struct sight *s)
{
	return !is_lru(s) && mapping_bits(s) == PAGE_MAPPING_MOVABLE;
}

static bool is_hugetlb(const struct sight *s)
{
	return s->flags & BIT(PG_head) && folio_test_hugetlb(s->folio);
}

/* A slab, a page table and so on: the kernel's own, and other words are in struct page. */
static bool is_typed(const struct sight *s)
{
	return page_has_type(&s->folio->page) && !is_hugetlb(s);
}

/*
 * The references that page tables, page cache, swap cache and buffers account for, or the
 * kernel's to its own.
 */
static int expected_refs(const struct sight *s)
{
	int refs = s->mapped;

	if (is_typed(s))
		return 1;
	if (!is_anon(s) && READ_ONCE(s->folio->mapping))
		refs += s->nr;
	if (s->flags & BIT(PG_swapbacked) && s->flags & BIT(PG_swapcache))
		refs += s->nr;
	if (s->flags & (BIT(PG_private) | BIT(PG_private_2)))
		refs++;
	return refs;
}

static bool is_dma_pinned(const struct sight *s)
{
	if (s->flags & BIT(PG_head))
		return atomic_read(&s->folio->_pincount) > 0;
	return s->refs >= GUP_PIN_COUNTING_BIAS;
}

/* Of programs or files; in the LRU, or on its way to or from it. */
static bool is_users(const struct sight *s)
{
	if (is_typed(s))
		return false;
	return is_lru(s) || is_anon(s) || (READ_ONCE(s->folio->mapping) && !is_drivers(s));
}

/* Does somebody hold it, other than for the moment that I/O takes? */
static bool is_held(const struct sight *s)
{
	if (!is_users(s) && !is_hugetlb(s))
		return false;
	if (is_dma_pinned(s))
		return true;
	if (is_hugetlb(s) || s->flags & (BIT(PG_locked) | BIT(PG_writeback)))
		return false;
	/* On its way to the LRU a page is referenced by who brings it. */
	return s->refs > expected_refs(s) + !is_lru(s);
}

static bool huge_can_move(const struct sight *s)
{
	struct hstate *h = size_to_hstate(s->nr << PAGE_SHIFT);

	return h && hugepage_migration_supported(h);
}

/**
 * mhp_inaccessible() - is this of a file whose content not even the kernel may read
 * @folio: a folio with a reference of the caller
 *
 * Such as guest_memfd and secret memory: no copy can be made of it, so it does not move.
 *
 * Context: Any. Tries the folio's lock; one that is locked is taken for an ordinary one.
 * Return: true if so.
 */
bool mhp_inaccessible(struct folio *folio)
{
	struct address_space *mapping;
	bool ret;

	/* All such files say that their pages cannot be evicted. */
	if (!folio_test_unevictable(folio) || folio_test_anon(folio) || !folio_trylock(folio))
		return false;
	mapping = folio_mapping(folio);
	ret = mapping && (mapping_inaccessible(mapping) || secretmem_mapping(mapping));
	folio_unlock(folio);
	return ret;
}

static bool is_inaccessible(const struct sight *s)
{
	bool ret;

	if (!(s->flags & BIT(PG_unevictable)) || is_anon(s) || !folio_try_get(s->folio))
		return false;
	ret = mhp_inaccessible(s->folio);
	folio_put(s->folio);
	return ret;
}

/*
 * A page that is broken, and the kernel's, which goes on using it. Of a single page without a
 * type nobody knows whether the kernel or memory_failure() has it.
 */
static bool is_broken_in_use(const struct sight *s)
{
	if (is_hugetlb(s) || is_users(s) || is_drivers(s) || PageOffline(&s->folio->page))
		return false;
	return s->refs && (s->flags & BIT(PG_head) || is_typed(s));
}

/* In ZONE_MOVABLE what is of no kind that moves is on its way from one list to another. */
static bool never_moves(struct page *page, const struct sight *s)
{
	if (is_hugetlb(s))
		return !huge_can_move(s);
	if (is_inaccessible(s))
		return true;
	return !is_lru(s) && !is_drivers(s) && !is_zone_movable_page(page);
}

static const char *kind_in_lru(const struct sight *s)
{
	if (is_anon(s))
		return "anon";
	if (is_inaccessible(s))
		return "inaccessible";
	return s->flags & BIT(PG_swapbacked) ? "shmem" : "file";
}

/* One word for people and tools. */
static const char *kind_of(struct page *page, const struct sight *s)
{
	if (is_migrate_cma_page(page))
		return "cma";
	if (s->flags & BIT(PG_reserved))
		return "reserved";
	if (PageHWPoison(page))
		return "poisoned";
	if (PageBuddy(page))
		return "free";
	if (is_hugetlb(s))
		return "hugetlb";
	if (PageOffline(page))
		return is_drivers(s) ? "balloon" : "offline";
	if (is_drivers(s))
		return "driver";
	if (is_lru(s))
		return kind_in_lru(s);
	if (folio_test_slab(s->folio))
		return "slab";
	if (PageTable(page))
		return "page-table";
	if (!s->refs)
		return "free";
	/* User space's, on its way to or from a list. */
	if (is_anon(s) || s->mapped)
		return "anon";
	return READ_ONCE(s->folio->mapping) ? "file" : "kernel";
}

/* ---- Ask first ---------------------------------------------------------- */

static void note_blocker(struct mhp_census *c, bool hopeless, unsigned long pfn,
			 const char *kind)
{
	/* The first of the worst. */
	if (c->kind && (c->hopeless || !hopeless))
		return;
	c->hopeless = hopeless;
	c->blocker = pfn;
	c->kind = kind;
}

static void count_unmovable(struct mhp_census *c, unsigned long pfn, unsigned long nr,
			    const char *kind)
{
	c->unmovable += nr;
	note_blocker(c, true, pfn, kind);
}

static void count_used(struct mhp_census *c, struct page *page, unsigned long pfn,
		       const struct sight *s, unsigned long nr)
{
	bool stays = never_moves(page, s);

	if (is_held(s) && !(stays && is_hugetlb(s))) {
		c->pinned += nr;
		note_blocker(c, false, pfn, "pinned");
	} else if (stays) {
		count_unmovable(c, pfn, nr, kind_of(page, s));
	} else if (is_hugetlb(s)) {
		c->hugetlb += nr;
	} else {
		c->movable += nr;
	}
}

/* Counts the page, with those that belong to it before @end; returns how many. */
static unsigned long count_page(struct mhp_census *c, unsigned long pfn, unsigned long end)
{
	struct page *page = pfn_to_page(pfn);
	unsigned long nr = mhp_pages_if_free(page), behind;
	struct sight s;

	if (nr) {
		nr = min(nr, end - pfn);
		c->free += nr;
		return nr;
	}
	/* The memmap of the block, which goes with it. */
	if (PageVmemmapSelfHosted(page))
		return 1;
	if (PageReserved(page)) {
		count_unmovable(c, pfn, 1, "reserved");
		return 1;
	}
	s = look_at(page);
	behind = pfn - folio_pfn(s.folio);
	nr = behind < s.nr ? min(s.nr - behind, end - pfn) : 1;
	if (PageHWPoison(page)) {
		c->poisoned++;
		if (is_broken_in_use(&s))
			note_blocker(c, true, pfn, "poisoned");
		return 1;
	}
	if (!s.refs)
		c->free += nr;		/* on a list of a CPU, or a free huge page */
	else if (PageOffline(page))
		c->movable += nr;	/* its driver is asked when the time comes */
	else
		count_used(c, page, pfn, &s, nr);
	return nr;
}

/* The rest of a pageblock. */
static void count_pageblock(struct mhp_census *c, unsigned long pfn, unsigned long end)
{
	if (is_migrate_cma_page(pfn_to_page(pfn))) {
		count_unmovable(c, pfn, end - pfn, "cma");
		return;
	}
	while (pfn < end)
		pfn += count_page(c, pfn, end);
}

static void count_range(struct mhp_census *c, const struct mhp_range *range)
{
	unsigned long pfn, next;

	for (pfn = range->start_pfn; pfn < mhp_range_end(range); pfn = next) {
		next = min(pageblock_end_pfn(pfn), mhp_range_end(range));
		if (pfn_to_online_page(pfn))
			count_pageblock(c, pfn, next);
		cond_resched();
	}
}

/**
 * mhp_count_range() - what the pages of a range are
 * @range: the pages; those that are not online do not count
 * @census: is added to
 *
 * Context: May sleep. The range stays online meanwhile, as for mhp_first_unmovable().
 */
void mhp_count_range(const struct mhp_range *range, struct mhp_census *census)
{
	struct mhp_census c = *census;

	count_range(&c, range);
	/* Pages on their way between lists are held by that way, on an idle CPU for long. */
	if (c.pinned != census->pinned) {
		mhp_drain_lru_for_reader();
		c = *census;
		count_range(&c, range);
	}
	*census = c;
}

/**
 * mhp_census_score() - how easily a range would go offline
 * @census: of its pages
 *
 * Return: 0 not at all, to 100 at once.
 */
unsigned int mhp_census_score(const struct mhp_census *census)
{
	const struct mhp_census *c = census;

	if (c->hopeless)
		return 0;
	return mhp_score(c->free + c->poisoned, c->movable + c->hugetlb, c->pinned);
}

/* ---- Look before isolating ------------------------------------------------ */

static bool is_poisoned(unsigned long flags)
{
#ifdef CONFIG_MEMORY_FAILURE
	return flags & BIT(PG_hwpoison);
#else
	return false;
#endif
}

/*
 * Does this page keep its block from going offline? If not, *@skip pages need no look.
 * Flags are numbers here: the block may go offline meanwhile, and its memmap end.
 */
static bool is_unmovable(struct page *page, unsigned long *skip)
{
	unsigned long flags = READ_ONCE(page->flags);
	struct sight s;

	if (flags & BIT(PG_vmemmap_self_hosted))
		return false;
	if (flags & BIT(PG_reserved))
		return true;
	*skip = mhp_pages_if_free(page) ?: 1;
	if (*skip > 1)
		return false;
	s = look_at(page);
	if (is_poisoned(flags))
		return is_broken_in_use(&s);
	return s.refs && !PageOffline(page) && never_moves(page, &s);
}

/* The bits that tell a page of user space which has nothing to do with its neighbours. */
static bool is_small_lru_page(const struct page *page)
{
	const unsigned long mask = BIT(PG_lru) | BIT(PG_head) | BIT(PG_reserved) |
				   BIT(PG_unevictable);

	return (READ_ONCE(page->flags) & mask) == BIT(PG_lru);
}

/*
 * Looks at pages up to @end, or beyond where something bigger begins before it. True where
 * *@page cannot move, else *@page is where to go on.
 */
static bool find_unmovable(struct page **page, const struct page *end)
{
	unsigned long skip;

	for (; *page < end; *page += skip) {
		skip = 1;
		if (!is_small_lru_page(*page) && is_unmovable(*page, &skip))
			return true;
	}
	return false;
}

/**
 * mhp_first_unmovable() - look for a page that keeps a range from going offline
 * @range: pages that are online
 *
 * Takes no lock and no reference, so the answer may be out of date; a page that
 * is on its way from one list to another counts as movable in ZONE_MOVABLE.
 *
 * Context: May sleep. The range stays online meanwhile: by mem_hotplug_lock, or by the
 * device locks of its blocks.
 * Return: the first page frame that cannot be moved, or %MHP_NO_PFN.
 */
unsigned long mhp_first_unmovable(const struct mhp_range *range)
{
	unsigned long pfn, next;

	for (pfn = range->start_pfn; pfn < mhp_range_end(range); pfn = next) {
		struct page *page = pfn_to_online_page(pfn);

		next = min(pageblock_end_pfn(pfn), mhp_range_end(range));
		cond_resched();
		if (!page)
			continue;
		if (is_migrate_cma_page(page))
			return pfn;
		if (find_unmovable(&page, page + (next - pfn)))
			return page_to_pfn(page);
		next = page_to_pfn(page);
	}
	return MHP_NO_PFN;
}

/* Is not preempted meanwhile: memory that goes waits for a walk, whoever walks. */
static bool pageblock_stays(unsigned long pfn, unsigned long end)
{
	struct page *page;

	guard(preempt)();
	guard(memmap_walk)();
	page = pfn_to_online_page(pfn);
	if (!page)
		return false;
	return is_migrate_cma_page(page) || find_unmovable(&page, page + (end - pfn));
}

/**
 * mhp_looks_movable() - could a range go offline, as far as can be seen from outside
 * @range: the pages
 *
 * Context: May sleep. No locks needed: the range may go offline, or be removed, meanwhile.
 * Return: false where a page was seen that cannot be moved.
 */
bool mhp_looks_movable(const struct mhp_range *range)
{
	unsigned long pfn, next;

	for (pfn = range->start_pfn; pfn < mhp_range_end(range); pfn = next) {
		next = min(pageblock_end_pfn(pfn), mhp_range_end(range));
		if (pageblock_stays(pfn, next))
			return false;
		cond_resched();
	}
	return true;
}

/* ---- Is there room? ------------------------------------------------------ */

/* What could be had of a zone without hurting anybody. */
static unsigned long zone_room(struct zone *zone)
{
	return zone_page_state(zone, NR_FREE_PAGES) +
	       zone_page_state(zone, NR_ZONE_INACTIVE_FILE) +
	       zone_page_state(zone, NR_ZONE_ACTIVE_FILE);
}

/*
 * All there is, and what of it must stay free when so many pages have gone. What is in a
 * kernel zone does not move to ZONE_MOVABLE.
 */
static unsigned long all_room(bool movable, unsigned long pages, unsigned long *reserve)
{
	unsigned long room = get_nr_swap_pages() +
			     global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B);
	unsigned long total = totalram_pages(), high = 0;
	struct zone *zone;

	for_each_populated_zone(zone) {
		if (!movable && zone_idx(zone) == ZONE_MOVABLE)
			continue;
		room += zone_room(zone);
		high += high_wmark_pages(zone);
	}
	/* Watermarks are those of all memory, and sink with it. */
	*reserve = mult_frac(high, total - min(pages, total), total);
	return room;
}

/* Of the room that is left pages of ZONE_MOVABLE fill, as long as they can, its own. */
static unsigned long room_taken(bool movable, const struct mhp_room *promised)
{
	unsigned long own = 0;
	struct zone *zone;

	for_each_populated_zone(zone)
		if (!movable && zone_idx(zone) == ZONE_MOVABLE)
			own += zone_room(zone);
	return promised->kernel + promised->movable - min(promised->movable, own);
}

#ifdef CONFIG_HUGETLB_PAGE

/* Pages of the huge pages of a range, by their size. */
struct huge_count {
	unsigned long free[HUGE_MAX_HSTATE], used[HUGE_MAX_HSTATE];
};

/* Counts those of the huge page at @pfn, if it is one; returns how many pages were looked at. */
static unsigned long count_huge_page(struct huge_count *c, unsigned long pfn, unsigned long end)
{
	struct page *page = pfn_to_page(pfn);
	unsigned long nr = mhp_pages_if_free(page), behind;
	struct hstate *h;
	struct sight s;

	if (nr)
		return nr;
	s = look_at(page);
	behind = pfn - folio_pfn(s.folio);
	if (s.nr <= behind || !is_hugetlb(&s))
		return 1;
	nr = min(s.nr - behind, end - pfn);
	h = size_to_hstate(s.nr << PAGE_SHIFT);
	if (h && s.refs)
		c->used[hstate_index(h)] += nr;
	else if (h)
		c->free[hstate_index(h)] += nr;
	return nr;
}

static void count_huge(struct huge_count *c, const struct mhp_range *range)
{
	unsigned long pfn = range->start_pfn, end = mhp_range_end(range), next;

	while (pfn < end) {
		next = min(SECTION_ALIGN_UP(pfn + 1), end);
		while (pfn < next)
			pfn += count_huge_page(c, pfn, end);
		cond_resched();
	}
}

/*
 * Huge pages are no room, as they are not free for others, and need none where a free one of
 * their size takes them. @own and @used counted them as other pages.
 */
static void correct_for_huge(const struct mhp_run *runs, unsigned int nr_runs,
			     unsigned long *own, unsigned long *used)
{
	struct huge_count c = {};
	struct hstate *h;
	unsigned int i;

	for (i = 0; i < nr_runs; i++)
		count_huge(&c, &runs[i].pages);
	for_each_hstate(h) {
		unsigned long spare = READ_ONCE(h->free_huge_pages);

		i = hstate_index(h);
		spare -= min(spare, READ_ONCE(h->resv_huge_pages));
		spare *= pages_per_huge_page(h);
		spare -= min(spare, c.free[i]);
		*own -= min(*own, c.free[i]);
		*used -= min(*used, min(spare, c.used[i]));
	}
}

#else

static void correct_for_huge(const struct mhp_run *runs, unsigned int nr_runs,
			     unsigned long *own, unsigned long *used)
{
}

#endif /* CONFIG_HUGETLB_PAGE */

/**
 * mhp_has_room() - could what is in these runs be elsewhere
 * @runs: online, not isolated yet
 * @nr_runs: how many
 * @promised: what others will take of the room
 * @need: set to the pages that these runs may take of it, where there is room
 *
 * An estimate, in favour of yes: slabs and swap count as if all of them could be had.
 *
 * Context: May sleep. mem_hotplug_lock held for write.
 * Return: false where too little memory would be left.
 */
bool mhp_has_room(const struct mhp_run *runs, unsigned int nr_runs,
		  const struct mhp_room *promised, unsigned long *need)
{
	unsigned long room, reserve, taken, pages = 0, own = 0, used = 0;
	bool movable = false;
	unsigned int i;

	for (i = 0; i < nr_runs; i++) {
		pages += runs[i].pages.nr_pages;
		movable |= zone_idx(runs[i].zone) == ZONE_MOVABLE;
	}
	/* What is free there is not room, and what is used needs some: each page once. */
	taken = room_taken(movable, promised);
	room = all_room(movable, pages, &reserve);
	*need = pages;
	if (mhp_room_left(room, pages, taken, reserve))
		return true;

	/* Except those of drivers, such as what virtio-mem has not plugged. */
	for (i = 0; i < nr_runs; i++) {
		struct mhp_census c = MHP_CENSUS_EMPTY;

		count_range(&c, &runs[i].pages);
		own += c.free;
		used += c.movable + c.hugetlb + c.pinned;
	}
	correct_for_huge(runs, nr_runs, &own, &used);
	/* Free pages in lists of CPUs are among those, but in no counter. */
	drain_all_pages(NULL);
	room = all_room(movable, pages, &reserve);
	*need = used;
	return mhp_room_left(room, own, used + taken, reserve);
}

/* ---- Say why ------------------------------------------------------------- */

/**
 * mhp_page_held() - does somebody hold this page for longer than I/O takes
 * @pfn: a page that is online and does not move
 *
 * A moment's view: who asks more than once and hears the same can believe it.
 *
 * Context: Any. The page stays online meanwhile.
 * Return: true where it has references that nothing accounts for, or a pin of a device.
 */
bool mhp_page_held(unsigned long pfn)
{
	const struct sight s = look_at(pfn_to_page(pfn));

	return is_held(&s);
}

static char *page_detail(struct page *page, const struct sight *s)
{
	unsigned long flags = s->flags;
	char owner[320];

	if (!page_owner_describe(page, owner, sizeof(owner)))
		owner[0] = '\0';
	return kasprintf(MHP_GFP,
			 "%d references of which %d are expected, mapped %d times, %lu pages, flags %pGp%s%s",
			 s->refs, expected_refs(s), s->mapped, s->nr, &flags,
			 *owner ? ", allocated by " : "", owner);
}

/**
 * mhp_explain() - say what the page is that a request failed at
 * @res: the failure; @res->kind and @res->detail are set
 *
 * Context: May sleep. The page stays online meanwhile.
 */
void mhp_explain(struct mhp_result *res)
{
	struct page *page;
	struct sight s;

	if (res->pfn == MHP_NO_PFN || res->detail || res->why == MHP_WHY_NOTIFIER)
		return;
	page = pfn_to_online_page(res->pfn);
	if (!page)
		return;
	s = look_at(page);
	res->kind = kind_of(page, &s);
	res->detail = page_detail(page, &s);
}
