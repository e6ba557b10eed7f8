// SPDX-License-Identifier: GPL-2.0
/*
 * Makes requests and obstacles that no driver or program makes on demand.
 *
 *	/sys/kernel/debug/mhp_ask
 *	add NID START SIZE FLAGS	calls add_memory()
 *	remove START SIZE		calls remove_memory()
 *	leave START SIZE		calls offline_and_remove_memory(); may take long
 *	pin ADDRESS			pins a page of the writer, as for a device
 *	lock ADDRESS			locks a page of the writer, as during I/O
 *	late-lock ADDRESS		locks it when an offline that has chosen it migrates it
 *	late-write ADDRESS		the same, but the page is under writeback then
 *	inaccessible ADDRESS		makes the file of a page of the writer inaccessible, like
 *					guest_memfd
 *	isolate START SIZE MS		isolates a range again and again, like CMA
 *	walk MS				makes a memmap walk of that duration
 *	keep ADDRESS MS			takes a free page in a walk, which ends when the page is not
 *					online any more; returns it after that duration
 *	atomic NID ORDER		takes all pages of a node by atomic allocations, and
 *					frees them
 *	group NID SIZE			registers a dynamic group with units of SIZE
 *	ungroup MGID			unregisters it
 *	mmap PID MS			holds the mmap_lock of a program for that duration
 *	disable UID VALUE		1: the blocks of a DIMM must not go offline; 0: they may
 *	release				unpins and unlocks the pages, ends writeback
 *
 * The write returns the result of the call.
 */
#include <linux/acpi.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/memmap_walk.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/uaccess.h>

#ifdef CONFIG_MEMORY_HOTREMOVE
static int mhp_ask_leave(u64 start, u64 size)
{
	return offline_and_remove_memory(start, size);
}
#else
static int mhp_ask_leave(u64 start, u64 size)
{
	return -EINVAL;
}
#endif

static struct dentry *file;
static DEFINE_MUTEX(ask_lock);
static struct page *pinned, *locked;
static struct folio *written;

/* The folio that becomes busy when its migration begins, and the tracepoint that tells when. */
static struct folio *late;
static bool late_writes;
static struct tracepoint *migration;
static bool migration_watched;

/* Called at the beginning of migrate_pages(), with preemption disabled. */
static void mhp_ask_migration_begins(void *unused, enum migrate_mode mode, int reason)
{
	struct folio *folio = READ_ONCE(late);

	/* A folio that is not on the LRU any more is on the list of the offline. */
	if (!folio || reason != MR_MEMORY_HOTPLUG || folio_test_lru(folio) ||
	    !folio_trylock(folio))
		return;
	WRITE_ONCE(late, NULL);
	if (!late_writes) {
		locked = folio_page(folio, 0);
		return;
	}
	folio_start_writeback(folio);
	written = folio;
	folio_unlock(folio);
}

static void mhp_ask_unwatch_migration(void)
{
	if (!IS_ENABLED(CONFIG_TRACEPOINTS) || !migration_watched)
		return;
	tracepoint_probe_unregister(migration, mhp_ask_migration_begins, NULL);
	tracepoint_synchronize_unregister();
	migration_watched = false;
	late = NULL;
}

static void mhp_ask_release(void)
{
	mhp_ask_unwatch_migration();
	if (pinned)
		unpin_user_page(pinned);
	if (locked)
		unlock_page(locked);
	if (written)
		folio_end_writeback(written);
	pinned = NULL;
	locked = NULL;
	written = NULL;
}

static int mhp_ask_pin(unsigned long address)
{
	int ret;

	if (pinned)
		return -EBUSY;
	ret = pin_user_pages_fast(address, 1, FOLL_WRITE, &pinned);
	return ret == 1 ? 0 : ret ?: -EFAULT;
}

/* Drops the reference again: the page lock alone is to keep the page from being moved. */
static int mhp_ask_lock_page(unsigned long address)
{
	struct page *page;
	int ret;

	if (locked)
		return -EBUSY;
	ret = get_user_pages_fast(address, 1, FOLL_WRITE, &page);
	if (ret != 1)
		return ret ?: -EFAULT;
	lock_page(page);
	locked = page;
	put_page(page);
	return 0;
}

static void mhp_ask_find_migration(struct tracepoint *tp, void *unused)
{
	if (!strcmp(tp->name, "mm_migrate_pages_start"))
		migration = tp;
}

/* The page has to be on the LRU, and locked in memory, so that it goes to migrate_pages(). */
static int mhp_ask_late(unsigned long address, bool writes)
{
	struct folio *folio;
	struct page *page;
	int ret;

	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		return -EOPNOTSUPP;
	if (migration_watched || locked || written)
		return -EBUSY;
	for_each_kernel_tracepoint(mhp_ask_find_migration, NULL);
	if (!migration)
		return -EOPNOTSUPP;
	ret = get_user_pages_fast(address, 1, FOLL_WRITE, &page);
	if (ret != 1)
		return ret ?: -EFAULT;
	ret = -EINVAL;
	folio = page_folio(page);
	if (folio_test_lru(folio) && folio_test_mlocked(folio) && folio_test_anon(folio)) {
		late = folio;
		late_writes = writes;
		ret = tracepoint_probe_register(migration, mhp_ask_migration_begins, NULL);
		migration_watched = !ret;
	}
	folio_put(folio);
	return ret;
}

static int mhp_ask_inaccessible(unsigned long address)
{
	struct address_space *mapping;
	struct folio *folio;
	struct page *page;
	int ret;

	ret = get_user_pages_fast(address, 1, 0, &page);
	if (ret != 1)
		return ret ?: -EFAULT;
	folio = page_folio(page);
	folio_lock(folio);
	mapping = folio_mapping(folio);
	if (mapping)
		mapping_set_inaccessible(mapping);
	folio_unlock(folio);
	folio_put(folio);
	return mapping ? 0 : -EINVAL;
}

static int mhp_ask_isolate(u64 start, u64 size, unsigned int ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms);

	while (time_before(jiffies, end) && !signal_pending(current)) {
		if (!alloc_contig_range(PHYS_PFN(start), PHYS_PFN(start + size), MIGRATE_MOVABLE,
					GFP_KERNEL | __GFP_NOWARN))
			free_contig_range(PHYS_PFN(start), PHYS_PFN(size));
		cond_resched();
	}
	return 0;
}

static int mhp_ask_walk(unsigned int ms)
{
	guard(memmap_walk)();

	msleep(ms);
	return 0;
}

/*
 * Makes a free page one that is neither free nor in use, as compaction does. The memory is
 * isolated, so that the page can stay on its free list.
 */
static void mhp_ask_set_free(struct page *page, bool is_free)
{
	struct zone *zone = page_zone(page);
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	if (is_free)
		__SetPageBuddy(page);
	else
		__ClearPageBuddy(page);
	spin_unlock_irqrestore(&zone->lock, flags);
}

static int mhp_ask_keep(u64 address, unsigned int ms)
{
	struct page *page = pfn_to_online_page(PHYS_PFN(address));

	scoped_guard(memmap_walk) {
		while (pfn_to_online_page(PHYS_PFN(address))) {
			if (signal_pending(current))
				return -EINTR;
			msleep(20);
		}
		if (!page || !PageBuddy(page))
			return -EINVAL;
		mhp_ask_set_free(page, false);
	}
	msleep(ms);
	mhp_ask_set_free(page, true);
	return 0;
}

static int mhp_ask_mmap(pid_t nr, unsigned int ms)
{
	struct pid *pid = find_get_pid(nr);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);
	struct mm_struct *mm = NULL;

	put_pid(pid);
	if (task) {
		mm = get_task_mm(task);
		put_task_struct(task);
	}
	if (!mm)
		return -ESRCH;
	mmap_write_lock(mm);
	msleep_interruptible(ms);
	mmap_write_unlock(mm);
	mmput(mm);
	return 0;
}

/* Takes all pages of a node by atomic allocations, for which pageblocks are reserved then. */
static int mhp_ask_atomic(int nid, unsigned int order)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_THISNODE | __GFP_NOWARN;
	struct page *page, *next;
	LIST_HEAD(pages);

	if (nid < 0 || nid >= MAX_NUMNODES || !node_online(nid) || order > MAX_PAGE_ORDER)
		return -EINVAL;
	while ((page = alloc_pages_node(nid, gfp, order))) {
		list_add(&page->lru, &pages);
		cond_resched();
	}
	list_for_each_entry_safe(page, next, &pages, lru) {
		list_del(&page->lru);
		__free_pages(page, order);
	}
	return 0;
}

/* A write cannot return the ID of the group: the writer finds it in groups/. */
static int mhp_ask_group(int nid, u64 size)
{
	int mgid = memory_group_register_dynamic(nid, PHYS_PFN(size));

	return min(mgid, 0);
}

#ifdef CONFIG_ACPI
static int mhp_ask_disable(const char *uid, bool value)
{
	struct acpi_device *adev = acpi_dev_get_first_match_dev("PNP0C80", uid, -1);
	struct acpi_device_physical_node *node;

	if (!adev)
		return -ENODEV;
	mutex_lock(&adev->physical_node_lock);
	list_for_each_entry(node, &adev->physical_node_list, node)
		node->dev->offline_disabled = value;
	mutex_unlock(&adev->physical_node_lock);
	acpi_dev_put(adev);
	return 0;
}
#else
static int mhp_ask_disable(const char *uid, bool value)
{
	return -ENODEV;
}
#endif

static int mhp_ask(char *text)
{
	u64 start, size;
	unsigned int ms;
	int nid, value;
	char uid[16];

	if (sscanf(text, "add %i %lli %lli %i", &nid, &start, &size, &value) == 4)
		return add_memory(nid, start, size, (__force mhp_t)value);
	if (sscanf(text, "remove %lli %lli", &start, &size) == 2)
		return remove_memory(start, size);
	if (sscanf(text, "leave %lli %lli", &start, &size) == 2)
		return mhp_ask_leave(start, size);
	if (sscanf(text, "pin %lli", &start) == 1)
		return mhp_ask_pin(start);
	if (sscanf(text, "lock %lli", &start) == 1)
		return mhp_ask_lock_page(start);
	if (sscanf(text, "late-lock %lli", &start) == 1)
		return mhp_ask_late(start, false);
	if (sscanf(text, "late-write %lli", &start) == 1)
		return mhp_ask_late(start, true);
	if (sscanf(text, "inaccessible %lli", &start) == 1)
		return mhp_ask_inaccessible(start);
	if (sscanf(text, "isolate %lli %lli %u", &start, &size, &ms) == 3)
		return mhp_ask_isolate(start, size, ms);
	if (sscanf(text, "walk %u", &ms) == 1)
		return mhp_ask_walk(ms);
	if (sscanf(text, "keep %lli %u", &start, &ms) == 2)
		return mhp_ask_keep(start, ms);
	if (sscanf(text, "mmap %i %u", &value, &ms) == 2)
		return mhp_ask_mmap(value, ms);
	if (sscanf(text, "atomic %i %u", &nid, &ms) == 2)
		return mhp_ask_atomic(nid, ms);
	if (sscanf(text, "group %i %lli", &nid, &size) == 2)
		return mhp_ask_group(nid, size);
	if (sscanf(text, "ungroup %i", &value) == 1)
		return memory_group_unregister(value);
	if (sscanf(text, "disable %15s %i", uid, &value) == 2)
		return mhp_ask_disable(uid, value);
	if (strncmp(text, "release", 7))
		return -EINVAL;
	mhp_ask_release();
	return 0;
}

static bool mhp_ask_touches_pages(const char *text)
{
	return !strncmp(text, "pin", 3) || !strncmp(text, "lock", 4) ||
	       !strncmp(text, "late", 4) || !strncmp(text, "release", 7);
}

static ssize_t mhp_ask_write(struct file *f, const char __user *from, size_t len, loff_t *pos)
{
	char *text = memdup_user_nul(from, len);
	int err;

	if (IS_ERR(text))
		return PTR_ERR(text);
	/* The lock protects the pages that are held. Other requests may run at the same time. */
	if (mhp_ask_touches_pages(text))
		mutex_lock(&ask_lock);
	err = mhp_ask(text);
	if (mhp_ask_touches_pages(text))
		mutex_unlock(&ask_lock);
	kfree(text);
	return err ?: len;
}

static const struct file_operations mhp_ask_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = mhp_ask_write,
};

static int __init mhp_ask_init(void)
{
	file = debugfs_create_file("mhp_ask", 0200, NULL, NULL, &mhp_ask_fops);
	return 0;
}
module_init(mhp_ask_init);

static void __exit mhp_ask_exit(void)
{
	debugfs_remove(file);
	mhp_ask_release();
}
module_exit(mhp_ask_exit);

MODULE_DESCRIPTION("Test module: requests and obstacles");
MODULE_LICENSE("GPL");
