/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Walks over struct pages without references and without get_online_mems(): offlining and
 * removing memory wait for the end of such walks.
 *
 *	turn = memmap_walk_begin();
 *	page = pfn_to_online_page(pfn);
 *	if (page)
 *		... read it, or take a reference to it ...
 *	memmap_walk_end(turn);
 *
 * or guard(memmap_walk)(). See Documentation/core-api/memory-hotplug.rst.
 */
#ifndef _LINUX_MEMMAP_WALK_H
#define _LINUX_MEMMAP_WALK_H

#include <linux/cleanup.h>

#ifdef CONFIG_MEMORY_HOTREMOVE
unsigned int memmap_walk_begin(void);
void memmap_walk_end(unsigned int turn);
#else
static inline unsigned int memmap_walk_begin(void)
{
	return 0;
}

static inline void memmap_walk_end(unsigned int turn)
{
}
#endif

DEFINE_LOCK_GUARD_0(memmap_walk, _T->turn = memmap_walk_begin(), memmap_walk_end(_T->turn),
		    unsigned int turn)

#endif /* _LINUX_MEMMAP_WALK_H */
