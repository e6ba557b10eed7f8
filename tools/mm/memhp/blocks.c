// SPDX-License-Identifier: GPL-2.0
/*
 * The memory blocks of the machine, as sysfs shows them.
 *
 * This file owns the table of the blocks, which is read once, at the start. The states of blocks
 * are read again while a request waits for them to change.
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "sysfs.h"

struct block *blocks;
unsigned int nr_blocks;
u64 block_size;
u64 page_size;

bool block_is(const struct block *b, const char *state)
{
	return !strcmp(b->state, state);
}

/* Returns true if the memory of the block is in use, or is about to be in use. */
bool block_is_up(const struct block *b)
{
	return !block_is(b, "offline") && !block_is(b, "lost");
}

bool block_is_movable(const struct block *b)
{
	return !strcmp(b->zones, "Movable");
}

/* Returns the physical address of the first byte. */
u64 block_address(const struct block *b)
{
	return b->nr * block_size;
}

u64 pages_per_block(void)
{
	return block_size / page_size;
}

u64 block_pfn(const struct block *b)
{
	return b->nr * pages_per_block();
}

/* Orders blocks by number, for qsort() and bsearch(). */
int compare_blocks(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	return (x->nr > y->nr) - (x->nr < y->nr);
}

/* Returns the node that the block has a link to; NONE if there is no link, or several. */
static int find_node(unsigned long nr)
{
	int node = NONE, found = 0, fd = open_file(O_RDONLY | O_DIRECTORY, MEMORY "/memory%lu", nr);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	u64 n;

	while (dir && (entry = readdir(dir))) {
		if (parse_numbered(entry->d_name, "node", &n) && n <= INT_MAX) {
			node = n;
			found++;
		}
	}
	if (dir)
		closedir(dir);
	return found == 1 ? node : NONE;
}

/* Reads the state of a block; returns false if the block does not exist any more. */
bool read_state(struct block *b)
{
	char line[LINE_SIZE];
	bool ret = read_line(line, MEMORY "/memory%lu/state", b->nr);

	snprintf(b->state, sizeof(b->state), "%.19s", line);
	return ret;
}

/* Reads the files of a block; returns false if the block does not exist any more. */
static bool read_block(struct block *b)
{
	char line[LINE_SIZE];
	u64 n;

	if (!read_state(b))
		return false;
	read_line(line, MEMORY "/memory%lu/valid_zones", b->nr);
	snprintf(b->zones, sizeof(b->zones), "%.63s", line);
	/* Only a clear 0 means that the block is not removable. */
	b->removable = !read_line(line, MEMORY "/memory%lu/removable", b->nr) || strcmp(line, "0");
	read_line(line, MEMORY "/memory%lu/group", b->nr);
	b->group = parse_number(line, &n) && n <= INT_MAX ? (int)n : NONE;
	b->node = find_node(b->nr);
	return true;
}

/* Reads all blocks; exits if there are none. */
void find_blocks(void)
{
	int fd = open_file(O_RDONLY | O_DIRECTORY, MEMORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	char line[LINE_SIZE];
	u64 n;

	if (!dir)
		errx(1, "no /" MEMORY ": no memory hotplug in this kernel, or no sysfs");
	read_line(line, MEMORY "/block_size_bytes");
	block_size = strtoull(line, NULL, 16);
	if (block_size < page_size || block_size & (block_size - 1))
		errx(1, "/" MEMORY "/block_size_bytes: '%s' is no size of blocks", line);

	while ((entry = readdir(dir))) {
		if (!parse_numbered(entry->d_name, "memory", &n) || n > ULLONG_MAX / block_size - 1)
			continue;
		blocks = reallocarray(blocks, nr_blocks + 1, sizeof(*blocks));
		if (!blocks)
			err(1, "memory blocks");
		blocks[nr_blocks] = (struct block){ .nr = n };
		nr_blocks += read_block(&blocks[nr_blocks]);
	}
	closedir(dir);
	if (!nr_blocks)
		errx(1, "/" MEMORY " has no blocks");
	qsort(blocks, nr_blocks, sizeof(*blocks), compare_blocks);
}

/* Returns the block with this number, or NULL. */
struct block *find_block(unsigned long nr)
{
	struct block key = { .nr = nr };

	return bsearch(&key, blocks, nr_blocks, sizeof(key), compare_blocks);
}

/* Returns the counts of @nr blocks together. */
struct counts sum_counts(struct block **run, unsigned int nr)
{
	struct counts sum = NO_PAGES(KERNEL);

	for (unsigned int i = 0; i < nr; i++)
		add_counts(&sum, &run[i]->counts);
	return sum;
}
