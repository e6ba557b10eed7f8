// SPDX-License-Identifier: GPL-2.0
/*
 * memmap: measure the time to write the struct pages of blocks of 128 MiB that come online, in two
 * ways. This is for the host, not for guests.
 *
 *   stock	three passes over each block: zero and fill in, clear the count, clear flags
 *   ours	one pass, past the caches, as mhp_fill_memmap() does on x86-64
 *
 * Prints nanoseconds for each struct page: the best of several rounds.
 */
#ifdef __x86_64__
#include <emmintrin.h>
#endif
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "place.h"

#define BLOCK_PAGES	32768UL
#define BLOCKS		128UL	/* 256 MiB of struct pages, more than any cache */
#define ROUNDS		7

/* Like that of the kernel, with the fields that are written. */
struct page {
	uint64_t flags;
	struct page *next, *prev;
	uint64_t mapping, index, private;
	int32_t mapcount, refcount;
	uint64_t memcg;
};

static void stock(struct page *block)
{
	struct page *end = block + BLOCK_PAGES, *page;

	for (page = block; page < end; page++) {
		memset(page, 0, sizeof(*page));
		page->flags = 0x2ffff0000000000;
		page->refcount = 1;
		page->mapcount = -1;
		page->next = page->prev = (struct page *)&page->next;
		asm volatile("" : : "r" (page) : "memory");
	}
	for (page = block; page < end; page++) {
		page->mapcount |= 0x100;
		page->refcount = 0;
		asm volatile("" : : "r" (page) : "memory");
	}
	for (page = block; page < end; page++) {
		page->flags &= ~0xffUL;
		asm volatile("" : : "r" (page) : "memory");
	}
}

#ifdef __x86_64__
static void ours(struct page *block)
{
	const struct page pattern = { .flags = 0x2ffff0000000000, .mapcount = -1 };
	const long long *from = (const long long *)&pattern;
	long long *to = (long long *)block, *end = (long long *)(block + BLOCK_PAGES);

	for (; to < end; to += 8)
		for (int i = 0; i < 8; i++)
			_mm_stream_si64(to + i, from[i]);
	_mm_sfence();
}
#else
static void ours(struct page *block)
{
	const struct page pattern = { .flags = 0x2ffff0000000000, .mapcount = -1 };

	for (unsigned long n = 0; n < BLOCK_PAGES; n++)
		block[n] = pattern;
}
#endif

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static double best(struct page *map, void (*init)(struct page *))
{
	double least = 1e99, took;

	for (int round = 0; round < ROUNDS; round++) {
		took = now();
		for (unsigned long n = 0; n < BLOCKS; n++)
			init(map + n * BLOCK_PAGES);
		took = now() - took;
		if (took < least)
			least = took;
	}
	return least / (BLOCKS * BLOCK_PAGES);
}

int main(void)
{
	struct page *map = map_pages(BLOCKS * BLOCK_PAGES * sizeof(*map) / PAGE);

	memset(map, 0, BLOCKS * BLOCK_PAGES * sizeof(*map));
	printf("stock %.3f\nours %.3f\n", best(map, stock), best(map, ours));
	return 0;
}
