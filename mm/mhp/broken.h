/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions of mm/memory-failure.c and mm/shmem.c for offlining and removing memory that has
 * poisoned pages.
 */
#ifndef _MM_MHP_BROKEN_H
#define _MM_MHP_BROKEN_H

#include <linux/types.h>

struct folio;

/* memory-failure.c */
#ifdef CONFIG_MEMORY_FAILURE
bool memory_failure_trylock(void);
void memory_failure_unlock(void);
#endif

#if defined(CONFIG_MEMORY_FAILURE) && defined(CONFIG_HUGETLB_PAGE)
bool memory_failure_free_huge(struct folio *folio, unsigned long *pfn);
bool memory_failure_lose_huge(struct folio *folio);
#else
static inline bool memory_failure_free_huge(struct folio *folio, unsigned long *pfn)
{
	return false;
}

static inline bool memory_failure_lose_huge(struct folio *folio)
{
	return false;
}
#endif

/* shmem.c */
#ifdef CONFIG_SHMEM
bool shmem_forget_broken(struct folio *folio);
#else
static inline bool shmem_forget_broken(struct folio *folio)
{
	return false;
}
#endif

#endif /* _MM_MHP_BROKEN_H */
