// SPDX-License-Identifier: GPL-2.0
/*
 * Checks the order of what memory notifiers hear, for each section, in every test: the
 * automaton of Documentation/core-api/memory-hotplug.rst. A warning where it is another.
 * The first and the last notifier of the chain look, each for itself, as what one refuses
 * those behind it do not hear of.
 *
 * The parameter hold makes a bad notifier of it, one that keeps a mutex from the question
 * to the answer: the kernel itself is to say so, where it has lockdep.
 */
#include <linux/bits.h>
#include <linux/limits.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/vmalloc.h>

/* Sections behind these are not looked at. */
#define MAX_SECTIONS	BIT(16)

static bool hold;
module_param(hold, bool, 0644);
MODULE_PARM_DESC(hold, "Keep a mutex from MEM_GOING_OFFLINE to the end, as nobody may");

/* What a notifier has heard last of a section. */
enum heard {
	HEARD_NOTHING,		/* since the module came: online or offline */
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
 * struct rule - an action, and what it may follow
 * @action: of enum memory_block_state
 * @name: of @action
 * @from: the notifier has heard this before
 * @to: and now this
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
 * @sections: enum heard for each section
 */
struct listener {
	struct notifier_block nb;
	u8 *sections;
};

static struct listener first, last;
static DEFINE_MUTEX(held);
static bool holding;

static void check_section(u8 *heard, unsigned long section, const struct rule *rule)
{
	/* Of what was there at boot nobody was told, and the module may have come later. */
	if (*heard && *heard != rule->from)
		WARN(1, "mhp_order: section %lu: %s after %s\n", section, rule->name,
		     heard_names[*heard]);
	*heard = rule->to;
}

static void misbehave(unsigned long action)
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
		check_section(listener->sections + section, section, rules + i);
	if (listener == &last)
		misbehave(action);
	return NOTIFY_OK;
}

static int start_listening(struct listener *listener, int priority)
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

static void stop_listening(struct listener *listener)
{
	unregister_memory_notifier(&listener->nb);
	vfree(listener->sections);
}

static int __init mhp_order_init(void)
{
	int err = start_listening(&first, INT_MAX);

	if (err)
		return err;
	err = start_listening(&last, INT_MIN);
	if (err)
		stop_listening(&first);
	return err;
}
module_init(mhp_order_init);

static void __exit mhp_order_exit(void)
{
	stop_listening(&last);
	stop_listening(&first);
}
module_exit(mhp_order_exit);

MODULE_DESCRIPTION("Test module: checks the order of memory notifications");
MODULE_LICENSE("GPL");
