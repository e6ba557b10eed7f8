// SPDX-License-Identifier: GPL-2.0
/*
 * Callbacks of drivers that decide about each page that comes online: balloons, and devices
 * that plug their memory in small parts.
 *
 * Owns the table of callbacks. A callback passes pages that it does not keep to the next
 * callback, and the last one passes them to the page allocator.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>

#include "mhp.h"
#include "../internal.h"

/* Balloons and devices with a callback; there are never more of them on one machine. */
#define MAX_CALLBACKS	8

/*
 * Changed with the mutex held and mem_hotplug_lock held for read. Requests that hold
 * mem_hotplug_lock for write use the table, and the variables below, without the mutex.
 */
static DEFINE_MUTEX(mhp_callbacks_lock);
static struct {
	online_page_callback_t page;
	online_range_callback_t passes;		/* NULL: @page has to be called for each page */
} callbacks[MAX_CALLBACKS];
static unsigned int mhp_nr_callbacks;

/* The task that exposes a run, and the next callback to be called for the page. */
static struct task_struct *mhp_exposing_task;
static unsigned int mhp_next_callback;

/**
 * generic_online_page() - pass a new page to the next callback or to the page allocator
 * @page: the first of 1 << @order pages
 * @order: the order of the chunk
 *
 * Callbacks call this function for pages that they do not keep. Outside of a callback, the page
 * is freed to the page allocator at once.
 *
 * Context: Process context. mem_hotplug_lock held for write within a callback.
 */
void generic_online_page(struct page *page, unsigned int order)
{
	if (READ_ONCE(mhp_exposing_task) == current && mhp_next_callback < mhp_nr_callbacks) {
		callbacks[mhp_next_callback++].page(page, order);
		mhp_next_callback--;
		return;
	}
	__free_pages_core(page, order, MEMINIT_HOTPLUG);
}
EXPORT_SYMBOL_GPL(generic_online_page);

static unsigned int mhp_find_callback(online_page_callback_t callback)
{
	unsigned int n;

	for (n = 0; n < mhp_nr_callbacks; n++)
		if (callbacks[n].page == callback)
			break;
	return n;
}

/**
 * set_online_range_callback() - register a callback for new pages that can decide by range
 * @callback: like that of set_online_page_callback()
 * @passes: called after MEM_GOING_ONLINE with a range of new pages; returns true if @callback
 *	would keep none of them. Then @callback is not called, and the range comes online faster.
 *
 * Context: Process context. May sleep. Takes mem_hotplug_lock for read.
 * Return: 0; -EINVAL if @callback is registered already, or if there are too many callbacks.
 */
int set_online_range_callback(online_page_callback_t callback, online_range_callback_t passes)
{
	int ret = -EINVAL;

	get_online_mems();
	mutex_lock(&mhp_callbacks_lock);
	if (mhp_nr_callbacks < MAX_CALLBACKS && mhp_find_callback(callback) == mhp_nr_callbacks) {
		callbacks[mhp_nr_callbacks].page = callback;
		callbacks[mhp_nr_callbacks++].passes = passes;
		ret = 0;
	}
	mutex_unlock(&mhp_callbacks_lock);
	put_online_mems();
	return ret;
}
EXPORT_SYMBOL_GPL(set_online_range_callback);

/**
 * set_online_page_callback() - register a callback for each page that comes online
 * @callback: called for each chunk of new pages; it calls generic_online_page() for all pages
 *	that it does not keep
 *
 * Several callbacks can be registered; they are called in the order of their registration.
 *
 * Context: Process context. May sleep. Takes mem_hotplug_lock for read.
 * Return: 0; -EINVAL if @callback is registered already, or if there are too many callbacks.
 */
int set_online_page_callback(online_page_callback_t callback)
{
	return set_online_range_callback(callback, NULL);
}
EXPORT_SYMBOL_GPL(set_online_page_callback);

/**
 * restore_online_page_callback() - unregister a callback for new pages
 * @callback: the callback that was registered
 *
 * Context: Process context. May sleep. Takes mem_hotplug_lock for read.
 * Return: 0; -EINVAL if @callback is not registered.
 */
int restore_online_page_callback(online_page_callback_t callback)
{
	int ret = -EINVAL;
	unsigned int n;

	get_online_mems();
	mutex_lock(&mhp_callbacks_lock);
	n = mhp_find_callback(callback);
	if (n < mhp_nr_callbacks) {
		for (mhp_nr_callbacks--; n < mhp_nr_callbacks; n++)
			callbacks[n] = callbacks[n + 1];
		ret = 0;
	}
	mutex_unlock(&mhp_callbacks_lock);
	put_online_mems();
	return ret;
}
EXPORT_SYMBOL_GPL(restore_online_page_callback);

/**
 * mhp_callbacks_know_ranges() - test whether all callbacks can decide by range
 *
 * Context: Process context. mem_hotplug_lock held for write.
 * Return: false if a callback has to be called for each page.
 */
bool mhp_callbacks_know_ranges(void)
{
	unsigned int n;

	for (n = 0; n < mhp_nr_callbacks; n++)
		if (!callbacks[n].passes)
			return false;
	return true;
}

/**
 * mhp_callbacks_pass() - test whether no callback would keep a page of a range
 * @range: new pages
 *
 * Called after MEM_GOING_ONLINE, as drivers cannot be asked before.
 *
 * Context: Process context. mem_hotplug_lock held for write.
 * Return: true if the range can be given to the page allocator as a whole.
 */
bool mhp_callbacks_pass(const struct mhp_range *range)
{
	unsigned int n;

	for (n = 0; n < mhp_nr_callbacks; n++)
		if (!callbacks[n].passes(range->start_pfn, range->nr_pages))
			return false;
	return true;
}

/**
 * mhp_hand_on_begin() - begin to pass new pages to the callbacks
 *
 * Until mhp_hand_on_end(), generic_online_page() calls the callbacks one after the other.
 *
 * Context: Process context. mem_hotplug_lock held for write.
 */
void mhp_hand_on_begin(void)
{
	WRITE_ONCE(mhp_exposing_task, current);
}

/**
 * mhp_hand_on_end() - end passing new pages to the callbacks
 *
 * Context: Process context. mem_hotplug_lock held for write.
 */
void mhp_hand_on_end(void)
{
	WRITE_ONCE(mhp_exposing_task, NULL);
}
