// SPDX-License-Identifier: GPL-2.0
/*
 * The notifier chain of memory hotplug.
 *
 * Owns the chain. Called with mem_hotplug_lock held for write, so that callbacks may sleep and
 * allocate memory, but not start a request. The invariant: each callback that was called with
 * PREPARE_ONLINE, GOING_ONLINE or GOING_OFFLINE is called again with the outcome, including the
 * callback that refused. Callbacks that were not asked are not told the outcome.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/export.h>
#include <linux/notifier.h>
#include <linux/sprintf.h>

#include "mhp.h"

static BLOCKING_NOTIFIER_HEAD(memory_chain);

/**
 * register_memory_notifier() - register a callback for memory that goes online and offline
 * @nb: the callback; higher priorities are called earlier
 *
 * The actions are the values of enum memory_block_state, the data is a struct memory_notify.
 * See Documentation/core-api/memory-hotplug.rst.
 *
 * Context: Process context. May sleep.
 * Return: 0; -EEXIST if @nb is registered already.
 */
int register_memory_notifier(struct notifier_block *nb)
{
	return blocking_notifier_chain_register(&memory_chain, nb);
}
EXPORT_SYMBOL(register_memory_notifier);

/**
 * unregister_memory_notifier() - unregister a callback
 * @nb: the callback that was registered
 *
 * Context: Process context. May sleep. Waits for a running callback.
 */
void unregister_memory_notifier(struct notifier_block *nb)
{
	blocking_notifier_chain_unregister(&memory_chain, nb);
}
EXPORT_SYMBOL(unregister_memory_notifier);

/*
 * A callback must not return with a lock held: other requests run between the notifications of
 * a request, and would deadlock with it. This is checked if lockdep counts the held locks.
 */
static int mhp_notify_call(struct notifier_block *nb, unsigned long action,
			   struct memory_notify *note)
{
	const int before = lockdep_depth(current);
	int ret = nb->notifier_call(nb, action, note);
	const int after = lockdep_depth(current);

	/* A depth of zero means that lockdep was turned off in between. */
	WARN_ONCE(after && after != before,
		  "memory notifier %ps came with %d locks and leaves with %d (action %#lx)\n",
		  nb->notifier_call, before, after, action);
	return ret;
}

static struct notifier_block *mhp_notify_first(void)
{
	return rcu_dereference_protected(memory_chain.head, lockdep_is_held(&memory_chain.rwsem));
}

static struct notifier_block *mhp_notify_next(const struct notifier_block *nb)
{
	return rcu_dereference_protected(nb->next, lockdep_is_held(&memory_chain.rwsem));
}

/* Asks the callbacks in order until one refuses. *@asked counts them, *@last is the last one. */
static int mhp_notify_ask_all(unsigned long action, struct memory_notify *note, int *asked,
			      notifier_fn_t *last)
{
	struct notifier_block *nb, *next;
	int ret = NOTIFY_DONE;

	*asked = 0;
	for (nb = mhp_notify_first(); nb && !notifier_to_errno(ret); nb = next) {
		next = mhp_notify_next(nb);
		*last = nb->notifier_call;
		ret = mhp_notify_call(nb, action, note);
		++*asked;
	}
	return ret;
}

/* Calls the first @max callbacks; their return values do not matter. */
static void mhp_notify_tell_first(unsigned long action, struct memory_notify *note, int max)
{
	struct notifier_block *nb, *next;
	int err;

	for (nb = mhp_notify_first(); nb && max; nb = next, max--) {
		next = mhp_notify_next(nb);
		err = notifier_to_errno(mhp_notify_call(nb, action, note));
		if (err)
			pr_warn_ratelimited("%ps cannot refuse action %#lx (%d)\n",
					    nb->notifier_call, action, err);
	}
}

/**
 * mhp_notify_ask() - ask all callbacks whether a change may go ahead
 * @ask: MEM_PREPARE_ONLINE, MEM_GOING_ONLINE or MEM_GOING_OFFLINE
 * @cancel: the action that undoes @ask
 * @note: the change
 * @res: set to the refusal, if there is one
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 * Return: 0, or the error of the callback that refused. After an error, @cancel has been sent
 * to all callbacks that were asked, including the one that refused.
 */
int mhp_notify_ask(enum memory_block_state ask, enum memory_block_state cancel,
		   struct memory_notify *note, struct mhp_result *res)
{
	notifier_fn_t culprit = NULL;
	int asked, err;

	mhp_assert_write_locked();
	/* The chain must not change between the question and the answer. */
	down_read(&memory_chain.rwsem);
	err = notifier_to_errno(mhp_notify_ask_all(ask, note, &asked, &culprit));
	if (err) {
		pr_info_ratelimited("[mem %#010llx-%#010llx] refused by %ps (%d)\n",
				    (u64)PFN_PHYS(note->start_pfn),
				    (u64)PFN_PHYS(note->start_pfn + note->nr_pages) - 1,
				    culprit, err);
		mhp_notify_tell_first(cancel, note, asked);
		mhp_refuse(res, err, MHP_WHY_NOTIFIER, note->start_pfn);
		if (!res->detail)
			res->detail = kasprintf(MHP_GFP, "notifier:%ps", culprit);
	}
	up_read(&memory_chain.rwsem);
	return err;
}

/**
 * mhp_notify_tell() - tell all callbacks what has happened
 * @what: an action that cannot be refused
 * @note: the change
 *
 * All callbacks are called, whatever one of them returns.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 */
void mhp_notify_tell(enum memory_block_state what, struct memory_notify *note)
{
	mhp_assert_write_locked();
	down_read(&memory_chain.rwsem);
	mhp_notify_tell_first(what, note, INT_MAX);
	up_read(&memory_chain.rwsem);
}
