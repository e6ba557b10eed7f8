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
 * Owns a batch of folios that are to be written, with a reference each. Calls file systems.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pagevec.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/writeback.h>

#include "mhp.h"

static DEFINE_SPINLOCK(write_out_lock);
static struct folio_batch write_out_batch;

/* The folio is locked. */
static bool mhp_write_out_helps(struct folio *folio)
{
	struct address_space *mapping = folio_mapping(folio);

	return mapping && !mapping->a_ops->migrate_folio && mapping->a_ops->writepage &&
	       folio_test_dirty(folio) && !folio_test_writeback(folio);
}

/* Like writeout() in mm/migrate.c, but does not wait for the folio. */
static void mhp_write_out_folio(struct folio *folio)
{
	struct writeback_control wbc = {
		.sync_mode = WB_SYNC_NONE,
		.nr_to_write = 1,
		.range_start = 0,
		.range_end = LLONG_MAX,
		.for_reclaim = 1,
	};

	if (!folio_trylock(folio))
		return;
	if (!mhp_write_out_helps(folio) || !folio_clear_dirty_for_io(folio)) {
		folio_unlock(folio);
		return;
	}
	/* Any other answer says that the file system unlocks the folio. */
	if (folio_mapping(folio)->a_ops->writepage(&folio->page, &wbc) == AOP_WRITEPAGE_ACTIVATE)
		folio_unlock(folio);
}

static void mhp_write_out_work(struct work_struct *work)
{
	struct folio_batch batch;
	struct folio *folio;

	spin_lock(&write_out_lock);
	batch = write_out_batch;
	folio_batch_init(&write_out_batch);
	spin_unlock(&write_out_lock);

	while ((folio = folio_batch_next(&batch))) {
		mhp_write_out_folio(folio);
		folio_put(folio);
	}
}

static DECLARE_WORK(write_out_work, mhp_write_out_work);

/**
 * mhp_write_out() - have a folio written out if it cannot be migrated before
 * @folio: a folio with a reference of the caller, not locked by the caller
 *
 * Does nothing if the folio is clean, busy, or of a file system that can migrate it; nor if
 * many folios are waiting to be written.
 *
 * Context: Process context. Does not wait.
 */
void mhp_write_out(struct folio *folio)
{
	bool helps;

	if (!folio_test_dirty(folio) || !folio_trylock(folio))
		return;
	helps = mhp_write_out_helps(folio);
	folio_unlock(folio);
	if (!helps)
		return;
	spin_lock(&write_out_lock);
	if (folio_batch_space(&write_out_batch)) {
		folio_get(folio);
		folio_batch_add(&write_out_batch, folio);
	}
	spin_unlock(&write_out_lock);
	/* Freezable: nothing is written after a hibernation image was made. */
	queue_work(system_freezable_wq, &write_out_work);
}
