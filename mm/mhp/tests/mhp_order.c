// SPDX-License-Identifier: GPL-2.0
/*
 * Checks, for each section and in every test, the order of the actions that memory notifiers
 * are called with: the automaton of Documentation/core-api/memory-hotplug.rst. Warns about any
 * other order. There is one notifier at the beginning and one at the end of the chain, with
 * separate states, as an action that a callback refuses does not reach the callbacks after it.
 *
 * With the parameter hold, the notifier keeps a mutex from MEM_GOING_OFFLINE to the outcome,
 * which is not allowed. A kernel with lockdep has to warn about that.
 */
#include <linux/bits.h>
#include <linux/limits.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/vmalloc.h>

/* Sections above this number are not checked. */
#define MAX_SECTIONS	BIT(16)

static bool hold;
module_param(hold, bool, 0644);
MODULE_PARM_DESC(hold, "Keep a mutex from MEM_GOING_OFFLINE to the end, as nobody may");

/* The last action that a notifier was called with for a section. */
enum heard {
	HEARD_NOTHING,		/* none since the module was loaded: online or offline */
	HEARD_OFFLINE,		/* FINISH_OFFLINE */
	HEARD_READY,		/* accessible: PREPARE_ONLINE, CANCEL_ONLINE, OFFLINE */
	HEARD_GOING_ONLINE,
	HEARD_ONLINE,		/* ONLINE, CANCEL_OFFLINE */
	HEARD_GOING_OFFLINE,
};

static const char * const heard_names[] = {
	"nothing", "FINISH_OFFLINE", "PREPARE_ONLINE, CANCEL_ONLINE or OFFLINE", "GOING_ONLINE",
	"ONLINE or CANCEL_OFFLINE", "GOING_OFFLINE",
};

/**
 * struct rule - an action, and the state in which it may occur
 * @action: value of enum memory_block_state
 * @name: the name of @action
 * @from: the state before the action
 * @to: the state after the action
 */
struct rule {
	unsigned long action;
	const char *name;
	enum heard from, to;
};

static const struct rule rules[] = {
	{ MEM_PREPARE_ONLINE, "PREPARE_ONLINE", HEARD_OFFLINE, HEARD_READY },
	{ MEM_GOING_ONLINE, "GOING_ONLINE", HEARD_READY, HEARD_GOING_ONLINE },
	{ MEM_ONLINE, "ONLINE", HEARD_GOING_ONLINE, HEARD_ONLINE },
	{ MEM_CANCEL_ONLINE, "CANCEL_ONLINE", HEARD_GOING_ONLINE, HEARD_READY },
	{ MEM_GOING_OFFLINE, "GOING_OFFLINE", HEARD_ONLINE, HEARD_GOING_OFFLINE },
	{ MEM_OFFLINE, "OFFLINE", HEARD_GOING_OFFLINE, HEARD_READY },
	{ MEM_CANCEL_OFFLINE, "CANCEL_OFFLINE", HEARD_GOING_OFFLINE, HEARD_ONLINE },
	{ MEM_FINISH_OFFLINE, "FINISH_OFFLINE", HEARD_READY, HEARD_OFFLINE },
};

/**
 * struct listener - a notifier of this module
 * @nb: the notifier
 * @sections: the state of each section, an enum heard
 */
struct listener {
	struct notifier_block nb;
	u8 *sections;
};

static struct listener first, last;
static DEFINE_MUTEX(held);
static bool holding;

static void mhp_order_check_section(u8 *heard, unsigned long section, const struct rule *rule)
{
	/* There are no notifications for boot memory, nor before the module was loaded. */
	if (*heard && *heard != rule->from)
		WARN(1, "mhp_order: section %lu: %s after %s\n", section, rule->name,
		     heard_names[*heard]);
	*heard = rule->to;
}

static void mhp_order_misbehave(unsigned long action)
{
	if (action == MEM_GOING_OFFLINE && hold && !holding) {
		mutex_lock(&held);
		holding = true;
	} else if ((action == MEM_OFFLINE || action == MEM_CANCEL_OFFLINE) && holding) {
		holding = false;
		mutex_unlock(&held);
	}
}

static int mhp_order_listen(struct notifier_block *nb, unsigned long action, void *data)
{
	struct listener *listener = container_of(nb, struct listener, nb);
	const struct memory_notify *note = data;
	unsigned long section, end, i;

	section = pfn_to_section_nr(note->altmap_start_pfn);
	end = pfn_to_section_nr(note->start_pfn + note->nr_pages - 1) + 1;
	for (i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].action == action)
			break;
	if (WARN(i == ARRAY_SIZE(rules), "mhp_order: unknown action %#lx\n", action))
		return NOTIFY_OK;
	for (; section < min(end, MAX_SECTIONS); section++)
		mhp_order_check_section(listener->sections + section, section, rules + i);
	if (listener == &last)
		mhp_order_misbehave(action);
	return NOTIFY_OK;
}

static int mhp_order_register(struct listener *listener, int priority)
{
	int err;

	listener->sections = vzalloc(MAX_SECTIONS);
	if (!listener->sections)
		return -ENOMEM;
	listener->nb.notifier_call = mhp_order_listen;
	listener->nb.priority = priority;
	err = register_memory_notifier(&listener->nb);
	if (err)
		vfree(listener->sections);
	return err;
}

static void mhp_order_unregister(struct listener *listener)
{
	unregister_memory_notifier(&listener->nb);
	vfree(listener->sections);
}

static int __init mhp_order_init(void)
{
	int err = mhp_order_register(&first, INT_MAX);

	if (err)
		return err;
	err = mhp_order_register(&last, INT_MIN);
	if (err)
		mhp_order_unregister(&first);
	return err;
}
module_init(mhp_order_init);

static void __exit mhp_order_exit(void)
{
	mhp_order_unregister(&last);
	mhp_order_unregister(&first);
}
module_exit(mhp_order_exit);

MODULE_DESCRIPTION("Test module: checks the order of memory notifications");
MODULE_LICENSE("GPL");
