// SPDX-License-Identifier: GPL-2.0
/* Selections of blocks, and the ranges that name them. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"

/* Adds a block to a selection. */
void select_block(struct selection *s, struct block *b)
{
	if (s->nr && s->blocks[s->nr - 1]->nr + 1 != b->nr)
		s->scattered = true;
	s->blocks = reallocarray(s->blocks, s->nr + 1, sizeof(*s->blocks));
	if (!s->blocks)
		err(1, "range");
	s->blocks[s->nr++] = b;
}

static void select_group(struct selection *s, u64 group)
{
	unsigned int before = s->nr;

	for (unsigned int i = 0; i < nr_blocks; i++)
		if (blocks[i].group >= 0 && (u64)blocks[i].group == group)
			select_block(s, &blocks[i]);
	if (s->nr == before)
		errx(1, "no blocks are of group %llu: 'memhp groups' shows which there are", group);
}

static void select_numbers(struct selection *s, const char *text, u64 first, u64 last)
{
	unsigned int before = s->nr;

	if (first > last)
		errx(1, "%s ends before it begins", text);
	/* Go through the blocks: the range may have far more numbers than there are blocks. */
	for (unsigned int i = 0; i < nr_blocks; i++)
		if (blocks[i].nr >= first && blocks[i].nr <= last)
			select_block(s, &blocks[i]);
	if (s->nr == before)
		errx(1, "%s: there is no such block, 'memhp map' shows which there are", text);
	if (s->nr - before != last - first + 1)
		errx(1, "%s: of these %llu blocks only %u exist, 'memhp map' shows which", text,
		     last - first + 1, s->nr - before);
}

/* The last address may be that of the last byte, as lsmem prints it, or that of the next block. */
static void select_addresses(struct selection *s, const char *text, u64 first, u64 last)
{
	if (last && last % block_size == 0)
		last--;
	if (first % block_size || (last + 1) % block_size)
		errx(1, "%s is not of whole blocks: those which it touches are %llu-%llu", text,
		     first / block_size, last / block_size);
	select_numbers(s, text, first / block_size, last / block_size);
}

static void select_element(struct selection *s, const char *text)
{
	struct range_text range;

	if (!parse_range(text, &range))
		errx(1, "'%s' is no range: try 12, 12-15, memory12, 0x0-0x7ffffff, group3", text);
	switch (range.kind) {
	case RANGE_GROUP:
		select_group(s, range.first);
		break;
	case RANGE_ADDRESS:
		select_numbers(s, text, range.first / block_size, range.first / block_size);
		break;
	case RANGE_ADDRESSES:
		select_addresses(s, text, range.first, range.last);
		break;
	case RANGE_BLOCKS:
		select_numbers(s, text, range.first, range.last);
		break;
	}
}

static int compare_selected(const void *a, const void *b)
{
	return compare_blocks(*(struct block **)a, *(struct block **)b);
}

/* Orders the blocks by number, and removes duplicates. */
static void tidy_selection(struct selection *s)
{
	unsigned int nr = s->nr;

	qsort(s->blocks, nr, sizeof(*s->blocks), compare_selected);
	s->nr = 0;
	s->scattered = false;
	for (unsigned int i = 0; i < nr; i++) {
		struct block *b = s->blocks[i];

		if (s->nr && s->blocks[s->nr - 1] == b)
			continue;
		if (s->nr && s->blocks[s->nr - 1]->nr + 1 != b->nr)
			s->scattered = true;
		s->blocks[s->nr++] = b;
	}
}

/* Returns the blocks of a RANGE, a list with commas, by number. Exits if it is invalid. */
struct selection select_range(const char *text)
{
	char *copy = strdup(text), *rest = copy, *element;
	struct selection s = {};

	if (!copy)
		err(1, "range");
	while ((element = strsep(&rest, ",")))
		select_element(&s, element);
	free(copy);
	tidy_selection(&s);
	return s;
}

/* Returns the numbers of blocks that are in order, such as "32-39,48". The caller frees it. */
char *list_blocks(struct block **list, unsigned int nr)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		err(1, "range");
	for (unsigned int i = 0, j; i < nr; i = j) {
		for (j = i + 1; j < nr && list[j]->nr == list[j - 1]->nr + 1; j++)
			;
		fprintf(f, "%s%lu", i ? "," : "", list[i]->nr);
		if (j > i + 1)
			fprintf(f, "-%lu", list[j - 1]->nr);
	}
	if (fclose(f))
		err(1, "range");
	return text;
}
