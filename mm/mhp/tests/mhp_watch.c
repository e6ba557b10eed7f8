// SPDX-License-Identifier: GPL-2.0
/*
 * Shows, for tests from user space, what other subsystems see of memory hotplug.
 *
 *	/sys/kernel/debug/mhp_watch	a line for each call of a memory notifier:
 *			"GOING_ONLINE 0x140000 32768 normal=-1 any=2": the action, the
 *			first page frame, the number of pages, status_change_nid_normal and
 *			status_change_nid. A write clears the list
 *	/sys/kernel/debug/mhp_zones	a line for each populated zone: its fields, and the
 *			same values computed by reading each of its struct pages; the number of
 *			isolated pageblocks, which is 0 while no request is running; the number
 *			of pages from boot, and the same computed from sections
 *
 * The parameter priority is the priority of the notifier. The notifier sleeps for delay_ms
 * milliseconds at MEM_GOING_OFFLINE, while the request holds all of its locks. It refuses the
 * action whose number is refuse.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mmzone.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pageblock-flags.h>
#include <linux/seq_file.h>

#define MAX_NOTES	4096

static int priority;
module_param(priority, int, 0444);
MODULE_PARM_DESC(priority, "Priority of the notifier");

static unsigned int delay_ms;
module_param(delay_ms, uint, 0644);
MODULE_PARM_DESC(delay_ms, "How long an answer to MEM_GOING_OFFLINE takes");

static ulong refuse;
module_param(refuse, ulong, 0644);
MODULE_PARM_DESC(refuse, "The action that is refused");

struct note {
	unsigned long action;
	struct memory_notify what;
};

static DEFINE_MUTEX(lock);
static struct note notes[MAX_NOTES];
static unsigned int nr_notes;
static struct dentry *watch_file, *zones_file;

static int mhp_watch_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	/* Not later, as a test may change the delay as soon as it sees the note. */
	const unsigned int ms = READ_ONCE(delay_ms);

	mutex_lock(&lock);
	if (nr_notes < MAX_NOTES)
		notes[nr_notes++] = (struct note){ action, *(struct memory_notify *)data };
	mutex_unlock(&lock);
	if (action == MEM_GOING_OFFLINE && ms)
		msleep(ms);
	return action == refuse ? notifier_from_errno(-EBUSY) : NOTIFY_OK;
}

static struct notifier_block watch_nb = { .notifier_call = mhp_watch_notify };

static const char *action_name(unsigned long action)
{
	switch (action) {
	case MEM_ONLINE:
		return "ONLINE";
	case MEM_GOING_OFFLINE:
		return "GOING_OFFLINE";
	case MEM_OFFLINE:
		return "OFFLINE";
	case MEM_GOING_ONLINE:
		return "GOING_ONLINE";
	case MEM_CANCEL_ONLINE:
		return "CANCEL_ONLINE";
	case MEM_CANCEL_OFFLINE:
		return "CANCEL_OFFLINE";
	case MEM_PREPARE_ONLINE:
		return "PREPARE_ONLINE";
	case MEM_FINISH_OFFLINE:
		return "FINISH_OFFLINE";
	}
	return "UNKNOWN";
}

static int mhp_watch_show(struct seq_file *m, void *unused)
{
	unsigned int i;

	mutex_lock(&lock);
	for (i = 0; i < nr_notes; i++) {
		const struct memory_notify *what = &notes[i].what;

		seq_printf(m, "%s %#lx %lu normal=%d any=%d\n", action_name(notes[i].action),
			   what->start_pfn, what->nr_pages, what->status_change_nid_normal,
			   what->status_change_nid);
	}
	if (nr_notes == MAX_NOTES)
		seq_puts(m, "and perhaps more\n");
	mutex_unlock(&lock);
	return 0;
}

static int mhp_watch_open(struct inode *inode, struct file *file)
{
	return single_open(file, mhp_watch_show, NULL);
}

static ssize_t mhp_watch_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	mutex_lock(&lock);
	nr_notes = 0;
	mutex_unlock(&lock);
	return len;
}

static const struct file_operations mhp_watch_fops = {
	.owner = THIS_MODULE,
	.open = mhp_watch_open,
	.read = seq_read,
	.write = mhp_watch_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/**
 * struct truth - values of a zone that were computed from its struct pages
 * @first: first page frame
 * @end: behind the last page frame
 * @pages: number of page frames, in whole pageblocks
 * @managed: number of pages that were given to the page allocator
 * @early: number of page frames that were present at boot, in whole pageblocks
 */
struct truth {
	unsigned long first, end, pages, managed, early;
};

/* Managed pages are those that are neither reserved nor kept by a driver. */
static bool mhp_zones_page_is_managed(const struct page *page)
{
	return !PageReserved(page) && !PageOffline(page);
}

static unsigned long mhp_zones_count_managed(const struct page *page)
{
	unsigned long n, managed = 0;

	for (n = 0; n < pageblock_nr_pages; n++)
		managed += mhp_zones_page_is_managed(page + n);
	return managed;
}

/* An end behind the spans of all nodes, with room for memory that is missing in the spans. */
static unsigned long mhp_zones_end_of_memory(void)
{
	unsigned long end = 0;
	int nid;

	for_each_online_node(nid)
		end = max(end, pgdat_end_pfn(NODE_DATA(nid)));
	return ALIGN(end, PAGES_PER_SECTION) + 64 * PAGES_PER_SECTION;
}

/* Looks at all of memory, not only at the span of the zone. */
static struct truth mhp_zones_look(const struct zone *zone)
{
	unsigned long pfn, end = mhp_zones_end_of_memory();
	struct truth t = { ULONG_MAX };

	for (pfn = 0; pfn < end; pfn += pageblock_nr_pages) {
		struct page *page = pfn_to_online_page(pfn);

		if (!(pfn & (PAGES_PER_SECTION - 1)))
			cond_resched();
		if (!page || page_zone(page) != zone)
			continue;
		t.first = min(t.first, pfn);
		t.end = pfn + pageblock_nr_pages;
		t.pages += pageblock_nr_pages;
		if (early_section(__pfn_to_section(pfn)))
			t.early += pageblock_nr_pages;
		if (zone_idx(zone) == ZONE_MOVABLE)
			t.managed += mhp_zones_count_managed(page);
	}
	return t;
}

/*
 * "zone 1 Movable contiguous=1 really=1 span=0x140000-0x180000 really=0x140000-0x180000 ...".
 * Managed pages are counted in ZONE_MOVABLE only, without pages that hold a memmap.
 */
static void mhp_zones_show_zone(struct seq_file *m, struct zone *zone)
{
	const struct truth t = mhp_zones_look(zone);
	unsigned long end = zone->zone_start_pfn + zone->spanned_pages;

	seq_printf(m, "zone %d %s contiguous=%d really=%d span=%#lx-%#lx really=%#lx-%#lx present=%lu really=%lu managed=%lu really=%lu isolated=%lu early=%lu really=%lu\n",
		   zone_to_nid(zone), zone->name, zone->contiguous, t.end - t.first == t.pages,
		   zone->zone_start_pfn, end, t.first, t.end, zone->present_pages, t.pages,
		   zone_managed_pages(zone), t.managed, zone->nr_isolate_pageblock,
		   zone->present_early_pages, t.early);
}

/* Takes no lock, so the file must be read while no request is running. */
static int mhp_zones_show(struct seq_file *m, void *unused)
{
	struct zone *zones;
	int nid, i;

	for_each_online_node(nid) {
		zones = NODE_DATA(nid)->node_zones;
		for (i = 0; i < MAX_NR_ZONES; i++)
			if (populated_zone(zones + i))
				mhp_zones_show_zone(m, zones + i);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(mhp_zones);

static int __init mhp_watch_init(void)
{
	int err;

	watch_nb.priority = priority;
	err = register_memory_notifier(&watch_nb);
	if (err)
		return err;
	watch_file = debugfs_create_file("mhp_watch", 0600, NULL, NULL, &mhp_watch_fops);
	zones_file = debugfs_create_file("mhp_zones", 0400, NULL, NULL, &mhp_zones_fops);
	return 0;
}
module_init(mhp_watch_init);

static void __exit mhp_watch_exit(void)
{
	debugfs_remove(watch_file);
	debugfs_remove(zones_file);
	unregister_memory_notifier(&watch_nb);
}
module_exit(mhp_watch_exit);

MODULE_DESCRIPTION("Test module: watches memory hotplug");
MODULE_LICENSE("GPL");
