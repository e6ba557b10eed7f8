// SPDX-License-Identifier: GPL-2.0
/*
 * The notifier chain of memory hotplug.
 *
 * Owns the chain. Called with mem_hotplug_lock held for write, so callbacks may
 * sleep and allocate, but not start a request. The invariant: who was asked by
 * GOING_ONLINE, GOING_OFFLINE or PREPARE_ONLINE is told how it ended, including
 * the one that refused; who was not asked hears nothing.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/export.h>
#include <linux/notifier.h>
#include <linux/sprintf.h>

#include "mhp.h"

static BLOCKING_NOTIFIER_HEAD(memory_chain);

/**
 * register_memory_notifier() - ask to be told when memory comes and goes
 * @nb: the callback; a higher priority is called earlier
 *
 * The actions are those of enum memory_block_state, the data is a struct
 * memory_notify. See Documentation/core-api/memory-hotplug.rst.
 *
 * Context: May sleep.
 * Return: 0, or -EEXIST where @nb is registered already.
 */
int register_memory_notifier(struct notifier_block *nb)
{
	return blocking_notifier_chain_register(&memory_chain, nb);
}
EXPORT_SYMBOL(register_memory_notifier);

/**
 * unregister_memory_notifier() - no longer be told
 * @nb: what was registered
 *
 * Context: May sleep; waits for a callback that runs.
 */
void unregister_memory_notifier(struct notifier_block *nb)
{
	blocking_notifier_chain_unregister(&memory_chain, nb);
}
EXPORT_SYMBOL(unregister_memory_notifier);

/*
 * A callback must not keep a lock: requests go on beside each other between the question
 * and the answer, and would wait for each other. Where lockdep counts locks, it is checked.
 */
static int call_one(struct notifier_block *nb, unsigned long action, struct memory_notify *note)
{
	const int before = lockdep_depth(current);
	int ret = nb->notifier_call(nb, action, note);
	const int after = lockdep_depth(current);

	/* None at all: lockdep has been switched off meanwhile. */
	WARN_ONCE(after && after != before,
		  "memory notifier %ps came with %d locks and leaves with %d (action %#lx)\n",
		  nb->notifier_call, before, after, action);
	return ret;
}

static struct notifier_block *first_callback(void)
{
	return rcu_dereference_protected(memory_chain.head, lockdep_is_held(&memory_chain.rwsem));
}

static struct notifier_block *next_callback(const struct notifier_block *nb)
{
	return rcu_dereference_protected(nb->next, lockdep_is_held(&memory_chain.rwsem));
}

/* Asks one after the other until one refuses; @asked says how many, the last may be that one. */
static int ask_all(unsigned long action, struct memory_notify *note, int *asked,
		   notifier_fn_t *last)
{
	struct notifier_block *nb, *next;
	int ret = NOTIFY_DONE;

	*asked = 0;
	for (nb = first_callback(); nb && !notifier_to_errno(ret); nb = next) {
		next = next_callback(nb);
		*last = nb->notifier_call;
		ret = call_one(nb, action, note);
		++*asked;
	}
	return ret;
}

/* Tells the first @max callbacks, whatever one of them returns. */
static void tell_first(unsigned long action, struct memory_notify *note, int max)
{
	struct notifier_block *nb, *next;
	int err;

	for (nb = first_callback(); nb && max; nb = next, max--) {
		next = next_callback(nb);
		err = notifier_to_errno(call_one(nb, action, note));
		if (err)
			pr_warn_ratelimited("%ps cannot refuse action %#lx (%d)\n",
					    nb->notifier_call, action, err);
	}
}

/**
 * mhp_notify_ask() - ask everybody whether a change may go ahead
 * @ask: MEM_PREPARE_ONLINE, MEM_GOING_ONLINE or MEM_GOING_OFFLINE
 * @cancel: what undoes it for those who were asked
 * @note: the change
 * @res: gets the refusal
 *
 * Context: mem_hotplug_lock held for write.
 * Return: 0, or the error of the callback that refused; then everybody who was
 * asked, that one included, has got @cancel.
 */
int mhp_notify_ask(enum memory_block_state ask, enum memory_block_state cancel,
		   struct memory_notify *note, struct mhp_result *res)
{
	notifier_fn_t culprit = NULL;
	int asked, err;

	mhp_assert_write_locked();
	/* The chain must not change between the question and the answer. */
	down_read(&memory_chain.rwsem);
	err = notifier_to_errno(ask_all(ask, note, &asked, &culprit));
	if (err) {
		pr_info_ratelimited("[mem %#010llx-%#010llx] refused by %ps (%d)\n",
				    (u64)PFN_PHYS(note->start_pfn),
				    (u64)PFN_PHYS(note->start_pfn + note->nr_pages) - 1,
				    culprit, err);
		tell_first(cancel, note, asked);
		mhp_refuse(res, err, MHP_WHY_NOTIFIER, note->start_pfn);
		if (!res->detail)
			res->detail = kasprintf(MHP_GFP, "notifier:%ps", culprit);
	}
	up_read(&memory_chain.rwsem);
	return err;
}

/**
 * mhp_notify_tell() - tell everybody what has happened
 * @what: an action that nobody can refuse, or not any more
 * @note: the change
 *
 * A callback cannot keep the message from those behind it.
 *
 * Context: mem_hotplug_lock held for write.
 */
void mhp_notify_tell(enum memory_block_state what, struct memory_notify *note)
{
	mhp_assert_write_locked();
	down_read(&memory_chain.rwsem);
	tell_first(what, note, INT_MAX);
	up_read(&memory_chain.rwsem);
}
