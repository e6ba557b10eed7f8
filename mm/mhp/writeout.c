// SPDX-License-Identifier: GPL-2.0
/*
 * Writes out dirty pages that their file system can migrate only when they are clean (nilfs2,
 * ecryptfs, orangefs, vboxsf, hostfs).
 *
 * Page migration does that with MIGRATE_SYNC only, and waits for the device or the server, for
 * ever if that does not answer. Here a worker writes, so that no offline waits: a later pass of
 * the evacuation finds the page clean, or ends with that page as the reason. While the worker
 * waits, further pages are not written.
 *
 * Owns a list of page frames that are to be written. The list has no references to the pages, as
 * it would keep them where they are while the worker waits for a page of another file system.
 * Calls file systems.
 */
#include <linux/backing-dev.h>
#include <linux/fs.h>
#include <linux/memmap_walk.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/writeback.h>

#include "mhp.h"

#define WRITE_OUT_MAX	32

static DEFINE_SPINLOCK(write_out_lock);
static unsigned long write_out_pfns[WRITE_OUT_MAX];
static unsigned int write_out_nr;

/* The folio is locked. */
static bool mhp_write_out_helps(struct folio *folio)
{
	struct address_space *mapping = folio_mapping(folio);

	return mapping && mapping->host && !mapping->a_ops->migrate_folio &&
	       mapping->a_ops->writepage && folio_test_dirty(folio) &&
	       !folio_test_writeback(folio);
}

/*
 * Does the folio, which is locked, have data that its file system will write? Some, like NFS, keep
 * private data of a page that was written until the server has said that it is on its disk.
 */
static bool mhp_write_out_is_due(struct folio *folio)
{
	struct address_space *mapping = folio_mapping(folio);

	if (!mapping || !mapping->host || !mapping_can_writeback(mapping))
		return false;
	return folio_test_dirty(folio) ||
	       (folio_test_private(folio) && READ_ONCE(mapping->host->i_state) & I_DIRTY);
}

/*
 * Keeps the inode of a locked folio, and its superblock, as the file system may use both after it
 * has unlocked the folio (nilfs2). An unmount waits. A frozen file system is not written to, and
 * iput() could wait there for the end of the freeze, which takes s_umount.
 */
static bool mhp_write_out_pin(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;

	if (!down_read_trylock(&sb->s_umount))
		return false;
	if (sb->s_flags & SB_ACTIVE && sb->s_writers.frozen == SB_UNFROZEN && igrab(inode))
		return true;
	up_read(&sb->s_umount);
	return false;
}

static void mhp_write_out_unpin(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;

	iput(inode);
	up_read(&sb->s_umount);
}

/* Like writeout() in mm/migrate.c, but leaves the folio unlocked, and does not wait for it. */
static void mhp_write_out_locked(struct folio *folio, struct address_space *mapping)
{
	struct writeback_control wbc = {
		.sync_mode = WB_SYNC_NONE,
		.nr_to_write = 1,
		.range_start = 0,
		.range_end = LLONG_MAX,
		.for_reclaim = 1,
	};
	int ret = AOP_WRITEPAGE_ACTIVATE;

	if (folio_clear_dirty_for_io(folio))
		ret = mapping->a_ops->writepage(&folio->page, &wbc);
	/* Any other answer says that the file system unlocks the folio. */
	if (ret == AOP_WRITEPAGE_ACTIVATE)
		folio_unlock(folio);
	else
		/* The data is lost, which fsync() has to tell its caller. */
		mapping_set_error(mapping, ret);
}

static void mhp_write_out_folio(struct folio *folio)
{
	struct inode *inode;

	if (!folio_test_dirty(folio) || !folio_trylock(folio))
		return;
	inode = mhp_write_out_helps(folio) ? folio_mapping(folio)->host : NULL;
	if (!inode || !mhp_write_out_pin(inode)) {
		folio_unlock(folio);
		return;
	}
	mhp_write_out_locked(folio, folio_mapping(folio));
	mhp_write_out_unpin(inode);
}

/* Takes a page frame off the list, and gets its folio, unless the page was freed or removed. */
static struct folio *mhp_write_out_get(unsigned long pfn)
{
	struct folio *folio;
	struct page *page;

	guard(memmap_walk)();
	page = pfn_to_online_page(pfn);
	folio = page ? page_folio(page) : NULL;
	if (!folio || !folio_try_get(folio))
		return NULL;
	if (page_folio(page) == folio)
		return folio;
	folio_put(folio);
	return NULL;
}

static bool mhp_write_out_next(unsigned long *pfn)
{
	bool found;

	spin_lock(&write_out_lock);
	found = write_out_nr;
	if (found)
		*pfn = write_out_pfns[--write_out_nr];
	spin_unlock(&write_out_lock);
	return found;
}

static void mhp_write_out_work(struct work_struct *work)
{
	struct folio *folio;
	unsigned long pfn;

	while (mhp_write_out_next(&pfn)) {
		folio = mhp_write_out_get(pfn);
		if (folio) {
			mhp_write_out_folio(folio);
			folio_put(folio);
		}
		cond_resched();
	}
}

static DECLARE_WORK(write_out_work, mhp_write_out_work);

static void mhp_write_out_add(unsigned long pfn)
{
	scoped_guard(spinlock, &write_out_lock)
		if (write_out_nr < WRITE_OUT_MAX)
			write_out_pfns[write_out_nr++] = pfn;
	/* Freezable: nothing is written after a hibernation image was made. */
	queue_work(system_freezable_wq, &write_out_work);
}

/**
 * mhp_write_out() - have a folio written out if it cannot be migrated before
 * @folio: a folio with a reference of the caller, not locked by the caller
 *
 * Writes nothing if the folio is clean, busy, or of a file system that can migrate it; nor if
 * many folios are waiting to be written.
 *
 * Context: Process context. Does not wait.
 * Return: true if the folio has data that its file system has to write at some time.
 */
bool mhp_write_out(struct folio *folio)
{
	bool helps, due;

	if (!folio_test_dirty(folio) && !folio_test_private(folio))
		return false;
	if (!folio_trylock(folio))
		return false;
	helps = mhp_write_out_helps(folio);
	due = mhp_write_out_is_due(folio);
	folio_unlock(folio);
	if (helps)
		mhp_write_out_add(folio_pfn(folio));
	return due;
}
