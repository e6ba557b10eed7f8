// SPDX-License-Identifier: GPL-2.0
/*
 * Explanations of the kernel's reasons (include/linux/mhp_reason.h) and kinds of pages. This file
 * is pure: it is also built into the tests and the fuzzer of tools/testing/memory_hotplug.
 */
#include <string.h>

#include "advice.h"
#include "text.h"

/* For the first word of a reason or kind: its cause, and the advice to the user. */
static const struct advice advices[] = {
	{ "pinned", "something holds the page for long: I/O of a device, a pipe, a debugger",
	  "End what does, then try again." },
	{ "unmovable", "the kernel itself uses the page, and cannot move it",
	  "Free it, or keep the kernel out for good: 'memhp online --movable'." },
	{ "kernel", "the kernel itself uses the page, and cannot move it",
	  "Free it, or keep the kernel out for good: 'memhp online --movable'." },
	{ "slab", "caches of the kernel do not move",
	  "Try 'echo 2 >/proc/sys/vm/drop_caches'; for good: 'memhp online --movable'." },
	{ "page-table", "page tables do not move",
	  "They are freed with their program; for good: 'memhp online --movable'." },
	{ "reserved", "what is reserved at boot or by a driver never moves",
	  "Choose another block." },
	{ "hole", "a block with holes never goes offline", "Choose another block." },
	{ "holes", "a block with holes never goes offline", "Choose another block." },
	{ "multi-zone", "a block with pages of several zones or nodes never goes offline",
	  "Choose another block." },
	{ "boot-memory", "this architecture keeps the memory that it had at boot",
	  "Choose a block of memory that was added later." },
	{ "hugetlb", "a huge page can neither move nor be dissolved",
	  "Reserve one of its size elsewhere, or shrink the pool: /sys/kernel/mm/hugepages." },
	{ "no-target", "there is no memory to move the pages to",
	  "Free some, or take less offline." },
	{ "no-room", "too little memory would be left", "Free some, or take less offline." },
	{ "kexec", "a kernel that kexec has loaded is to lie there",
	  "Unload it: kexec -u. Load it again afterwards." },
	{ "notifier", "a subsystem or driver refused; the kernel log names it",
	  "Make it release the block." },
	{ "busy-page", "a page is in use and does not come free: I/O of a device that hangs",
	  "See to that device, then try again." },
	{ "busy", "another request works on the block", "Wait for it, then try again." },
	{ "isolate-race", "somebody else moves pages of the block (CMA, huge pages)",
	  "Try again." },
	{ "disabled", "the device does not allow it", "Choose another block." },
	{ "signal", "the caller was interrupted", "Try again." },
	{ "cancelled", "the request was taken back", "Try again." },
	{ "sleep", "the system suspends or hibernates", "Try again afterwards." },
	{ "deadline", "it took longer than allowed",
	  "Allow more: --timeout, or the parameter memory_hotplug.offline_timeout_ms." },
	{ "hwpoison", "the block has broken pages", "Leave it offline." },
	{ "ejecting", "the device of the block is being ejected",
	  "Wait for its end: eject_status of the device tells." },
	{ "dependency", "a device that goes with it is in use", "Take that offline first." },
	{ "firmware", "the firmware did not eject the device", "Ask the hypervisor or vendor." },
	{ "lost", "the memory was removed while it was in use", "Nothing of it can be saved." },
	{ "absent", "there are no such blocks, or fewer than asked for",
	  "See what there is: 'memhp map'." },
	{ "nomem", "the kernel had no memory for the bookkeeping", "Free some, then try again." },
};

/* Returns the entry for a reason, whose first word may end in a colon; NULL if there is none. */
const struct advice *advice_for(const char *reason)
{
	size_t len;

	if (!reason)
		return NULL;
	len = strcspn(reason, ":");
	for (unsigned int i = 0; i < ARRAY_SIZE(advices); i++)
		if (strlen(advices[i].word) == len && !strncmp(reason, advices[i].word, len))
			return &advices[i];
	return NULL;
}
