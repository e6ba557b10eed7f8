// SPDX-License-Identifier: GPL-2.0
/* Reads pages in /proc/kpageflags, /proc/kpagecount and page_owner. */
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/kernel-page-flags.h>

#include "page.h"
#include "sysfs.h"

#define PAGE_OWNER	"sys/kernel/debug/page_owner"
#define MAX_ORDER	10	/* the largest order of an allocation */

#define KPF_RESERVED	32	/* not in the header, as it may change */

static const struct {
	int bit;
	const char *name;
} flag_names[] = {
	{ KPF_LOCKED, "locked" }, { KPF_REFERENCED, "referenced" }, { KPF_UPTODATE, "uptodate" },
	{ KPF_DIRTY, "dirty" }, { KPF_LRU, "lru" }, { KPF_ACTIVE, "active" }, { KPF_SLAB, "slab" },
	{ KPF_WRITEBACK, "writeback" }, { KPF_RECLAIM, "reclaim" }, { KPF_BUDDY, "buddy" },
	{ KPF_MMAP, "mmap" }, { KPF_ANON, "anon" }, { KPF_SWAPCACHE, "swapcache" },
	{ KPF_SWAPBACKED, "swapbacked" }, { KPF_COMPOUND_HEAD, "head" },
	{ KPF_COMPOUND_TAIL, "tail" }, { KPF_HUGE, "huge" }, { KPF_UNEVICTABLE, "unevictable" },
	{ KPF_HWPOISON, "hwpoison" }, { KPF_NOPAGE, "nopage" }, { KPF_KSM, "ksm" },
	{ KPF_THP, "thp" }, { KPF_OFFLINE, "offline" }, { KPF_ZERO_PAGE, "zero" },
	{ KPF_IDLE, "idle" }, { KPF_PGTABLE, "pgtable" }, { KPF_RESERVED, "reserved" },
};

/*
 * Estimates the counts of the page frames from @pfn to the one before @end. Reads only one of
 * @every chunks. Returns false if the flags cannot be read.
 */
bool estimate_counts(u64 pfn, u64 end, bool movable_zone, unsigned int every, struct counts *c)
{
	static int fd = NONE;
	uint64_t flags[4096];

	*c = NO_PAGES(ESTIMATE);
	if (fd < 0)
		fd = open_file(O_RDONLY, "proc/kpageflags");
	for (; pfn < end; pfn += ARRAY_SIZE(flags) * every) {
		u64 want = end - pfn < ARRAY_SIZE(flags) ? end - pfn : ARRAY_SIZE(flags);
		ssize_t got = pread(fd, flags, want * sizeof(flags[0]), pfn * sizeof(flags[0]));

		if (got < (ssize_t)sizeof(flags[0]))
			return false;
		for (u64 i = 0; i < got / sizeof(flags[0]); i++)
			estimate_page(c, pfn + i, flags[i], movable_zone, every);
	}
	estimate_score(c);
	return true;
}

/* Reads the entry of a page frame in a file that has one entry for each page frame. */
static bool read_entry(const char *path, u64 pfn, u64 *value)
{
	int fd = open_file(O_RDONLY, "%s", path);
	uint64_t entry = 0;
	bool ret = fd >= 0 && pread(fd, &entry, sizeof(entry), pfn * sizeof(entry)) ==
			      sizeof(entry);

	if (fd >= 0)
		close(fd);
	*value = entry;
	return ret;
}

/* Returns true if @text is the record of the allocation at @first, and @pfn is part of it. */
static bool is_record_of(const char *text, u64 first, u64 pfn)
{
	const char *line = strstr(text, "\nPFN ");
	unsigned int order;
	u64 found;

	return line && sscanf(line, "\nPFN %llx", &found) == 1 && found == first &&
	       sscanf(text, "Page allocated via order %u", &order) == 1 && order < 64 &&
	       pfn - first < 1ULL << order;
}

/*
 * Finds the record of the allocation that the page is part of. The offsets of page_owner are
 * page frames. The page frame at which an allocation begins is a multiple of its size.
 */
static void read_owner(u64 pfn, struct page *page)
{
	int fd = open_file(O_RDONLY, PAGE_OWNER);
	u64 first, last = ULLONG_MAX;

	for (int order = 0; order <= MAX_ORDER; order++) {
		first = pfn >> order << order;
		if (first == last)
			continue;
		last = first;
		/* The file begins with the first page that exists, instead of with page frame 0. */
		if (!first || !read_text(fd, page->owner, sizeof(page->owner), first))
			break;
		page->has_owners = true;
		if (is_record_of(page->owner, first, pfn)) {
			close(fd);
			return;
		}
	}
	page->owner[0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* Returns the flags, the number of mappings and the owner of a page, if they are known. */
struct page read_page(u64 pfn)
{
	struct page page = {};
	size_t len = 0;

	page.known = read_entry("proc/kpageflags", pfn, &page.flags);
	read_entry("proc/kpagecount", pfn, &page.mapped);
	for (unsigned int i = 0; i < ARRAY_SIZE(flag_names); i++)
		if (page.flags >> flag_names[i].bit & 1)
			len += snprintf(page.flag_text + len, sizeof(page.flag_text) - len, "%s%s",
					len ? "," : "", flag_names[i].name);
	read_owner(pfn, &page);
	return page;
}
