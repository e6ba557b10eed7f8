// SPDX-License-Identifier: GPL-2.0
/*
 * A memory notifier. It keeps a table for each section of memory that came online after it was
 * loaded, like a subsystem that has data for each page, and knows whether memory is going offline.
 *
 *	/sys/module/mhp_notifier/parameters/
 *	tables		number of tables
 *	calls		number of calls of the notifier
 *	going_offline	number of ranges that are going offline
 *	refuse		write 1: no memory goes offline
 *
 * Documentation/core-api/memory-hotplug.rst explains this notifier.
 */
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/xarray.h>

struct sample_table {
	unsigned long uses;
};

/* Callbacks are called one after the other, so that this data needs no lock. */
static DEFINE_XARRAY(sample_tables);
static unsigned long tables, calls;
static unsigned int going_offline;
static bool refuse;

module_param(tables, ulong, 0444);
module_param(calls, ulong, 0444);
module_param(going_offline, uint, 0444);
module_param(refuse, bool, 0644);

/* An offline that was going on when this module was loaded has not been counted. */
static void sample_went_offline(void)
{
	if (going_offline)
		going_offline--;
}

/* A table may be missing: its section came online before this module, or an add failed. */
static void sample_free(unsigned long first, unsigned long last)
{
	struct sample_table *table;
	unsigned long nr;

	xa_for_each_range(&sample_tables, nr, table, first, last) {
		xa_erase(&sample_tables, nr);
		kfree(table);
		tables--;
	}
}

/* What was allocated before a failure is freed by MEM_CANCEL_ONLINE. */
static int sample_alloc(unsigned long first, unsigned long last)
{
	struct sample_table *table;
	unsigned long nr;
	int err;

	for (nr = first; nr <= last; nr++) {
		table = kzalloc(sizeof(*table), MHP_GFP);
		if (!table)
			return -ENOMEM;
		err = xa_insert(&sample_tables, nr, table, MHP_GFP);
		if (err) {
			kfree(table);
			return err;
		}
		tables++;
	}
	return 0;
}

static int sample_call(struct notifier_block *nb, unsigned long action, void *arg)
{
	struct memory_notify *note = arg;
	unsigned long first = pfn_to_section_nr(note->start_pfn);
	unsigned long last = pfn_to_section_nr(note->start_pfn + note->nr_pages - 1);
	int err = 0;

	calls++;
	switch (action) {
	case MEM_GOING_ONLINE:
		err = sample_alloc(first, last);
		break;
	case MEM_GOING_OFFLINE:
		/* A count, and no lock that is kept: pages are moved before the outcome. */
		going_offline++;
		if (refuse)
			err = -EBUSY;
		break;
	case MEM_CANCEL_OFFLINE:
		sample_went_offline();
		break;
	case MEM_OFFLINE:
		sample_went_offline();
		fallthrough;
	case MEM_CANCEL_ONLINE:
		sample_free(first, last);
		break;
	}
	return notifier_from_errno(err);
}

static struct notifier_block sample_notifier = {
	.notifier_call = sample_call,
};

static int __init sample_init(void)
{
	return register_memory_notifier(&sample_notifier);
}
module_init(sample_init);

static void __exit sample_exit(void)
{
	unregister_memory_notifier(&sample_notifier);
	sample_free(0, ULONG_MAX);
	xa_destroy(&sample_tables);
}
module_exit(sample_exit);

MODULE_DESCRIPTION("Sample: a memory notifier");
MODULE_LICENSE("GPL");
