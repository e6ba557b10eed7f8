// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that decide about each page which comes online: balloons, and devices that give
 * their memory in small parts.
 *
 * Owns the table of their callbacks. A callback may hand a page on, to the next one and at
 * last to the allocator.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>

#include "mhp.h"
#include "../internal.h"

/* Balloons and devices that want to see each new page; more than ever are loaded at once. */
#define MAX_CALLBACKS	8

/*
 * Changed under the mutex and mem_hotplug_lock for read. Requests that hold mem_hotplug_lock
 * for write use the table and the variables that follow.
 */
static DEFINE_MUTEX(callbacks_lock);
static struct {
	online_page_callback_t page;
	online_range_callback_t passes;		/* or NULL: it has to see each page */
} callbacks[MAX_CALLBACKS];
static unsigned int nr_callbacks;

/* The task that exposes a run, and the first callback that has not seen the page yet. */
static struct task_struct *exposing;
static unsigned int next_callback;

/**
 * generic_online_page() - hand a new page on: to the next callback, else to the allocator
 * @page: the first of 1 << @order pages
 * @order: their order
 *
 * What a callback calls for a page that it does not want to keep. Outside of a callback
 * the page goes to the allocator at once.
 */
void generic_online_page(struct page *page, unsigned int order)
{
	if (READ_ONCE(exposing) == current && next_callback < nr_callbacks) {
		callbacks[next_callback++].page(page, order);
		next_callback--;
		return;
	}
	__free_pages_core(page, order, MEMINIT_HOTPLUG);
}
EXPORT_SYMBOL_GPL(generic_online_page);

static unsigned int mhp_find_callback(online_page_callback_t callback)
{
	unsigned int n;

	for (n = 0; n < nr_callbacks; n++)
		if (callbacks[n].page == callback)
			break;
	return n;
}

/**
 * set_online_range_callback() - decide about pages that come online, by range where it can be
 * @callback: as that of set_online_page_callback()
 * @passes: called after MEM_GOING_ONLINE with a range of new pages: true where @callback
 *	would hand on all of them. Then it is not called, and the pages come online faster.
 *
 * Context: May sleep. Takes mem_hotplug_lock for read.
 * Return: 0; -EINVAL where it is set already, or too many are.
 */
int set_online_range_callback(online_page_callback_t callback, online_range_callback_t passes)
{
	int ret = -EINVAL;

	get_online_mems();
	mutex_lock(&callbacks_lock);
	if (nr_callbacks < MAX_CALLBACKS && mhp_find_callback(callback) == nr_callbacks) {
		callbacks[nr_callbacks].page = callback;
		callbacks[nr_callbacks++].passes = passes;
		ret = 0;
	}
	mutex_unlock(&callbacks_lock);
	put_online_mems();
	return ret;
}
EXPORT_SYMBOL_GPL(set_online_range_callback);

/**
 * set_online_page_callback() - decide about each page that comes online
 * @callback: called for each chunk of new pages; it keeps what is its own and calls
 *	generic_online_page() for the rest
 *
 * Several can be set; they are asked in the order in which they were.
 *
 * Context: May sleep. Takes mem_hotplug_lock for read.
 * Return: 0; -EINVAL where it is set already, or too many are.
 */
int set_online_page_callback(online_page_callback_t callback)
{
	return set_online_range_callback(callback, NULL);
}
EXPORT_SYMBOL_GPL(set_online_page_callback);

/**
 * restore_online_page_callback() - no longer decide about pages
 * @callback: what was set
 *
 * Context: May sleep. Takes mem_hotplug_lock for read.
 * Return: 0, or -EINVAL where @callback is not set.
 */
int restore_online_page_callback(online_page_callback_t callback)
{
	int ret = -EINVAL;
	unsigned int n;

	get_online_mems();
	mutex_lock(&callbacks_lock);
	n = mhp_find_callback(callback);
	if (n < nr_callbacks) {
		for (nr_callbacks--; n < nr_callbacks; n++)
			callbacks[n] = callbacks[n + 1];
		ret = 0;
	}
	mutex_unlock(&callbacks_lock);
	put_online_mems();
	return ret;
}
EXPORT_SYMBOL_GPL(restore_online_page_callback);

/**
 * mhp_callbacks_know_ranges() - can each callback be asked about a range of pages
 *
 * Context: mem_hotplug_lock held for write.
 * Return: false where one has to see each page.
 */
bool mhp_callbacks_know_ranges(void)
{
	unsigned int n;

	for (n = 0; n < nr_callbacks; n++)
		if (!callbacks[n].passes)
			return false;
	return true;
}

/**
 * mhp_callbacks_pass() - would each callback hand on every page of a range
 * @range: new pages
 *
 * Context: mem_hotplug_lock held for write, after MEM_GOING_ONLINE: only then may drivers be
 * asked.
 * Return: true where the range can go to the allocator as a whole.
 */
bool mhp_callbacks_pass(const struct mhp_range *range)
{
	unsigned int n;

	for (n = 0; n < nr_callbacks; n++)
		if (!callbacks[n].passes(range->start_pfn, range->nr_pages))
			return false;
	return true;
}

/**
 * mhp_hand_on_begin() - new pages are about to be handed to the callbacks
 *
 * Between this and mhp_hand_on_end() generic_online_page() asks them one after the other.
 *
 * Context: mem_hotplug_lock held for write.
 */
void mhp_hand_on_begin(void)
{
	WRITE_ONCE(exposing, current);
}

/**
 * mhp_hand_on_end() - all new pages have been handed to the callbacks
 */
void mhp_hand_on_end(void)
{
	WRITE_ONCE(exposing, NULL);
}
