// SPDX-License-Identifier: GPL-2.0
/* memhp groups: the memory groups, each with the blocks of one device. */
#define _GNU_SOURCE	/* scandirat() */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "blocks.h"
#include "json.h"
#include "memhp.h"
#include "sysfs.h"

enum { TYPE, NODE, BLOCKS, ZONES, OWNER, NR_FILES };

static const char * const group_files[NR_FILES] = { "type", "node", "blocks", "zones", "owner" };

struct group {
	u64 nr, size, online_size;	/* sizes in bytes */
	char *values[NR_FILES];		/* allocated; NULL if the file is missing */
};

static struct group read_group(u64 nr)
{
	struct group g = { .nr = nr };

	/* The list of blocks may be longer than a page. */
	for (int i = 0; i < NR_FILES; i++)
		g.values[i] = read_all(open_file(O_RDONLY, MEMORY "/groups/%llu/%s", nr,
						 group_files[i]));
	for (unsigned int i = 0; i < nr_blocks; i++) {
		if (blocks[i].group < 0 || (u64)blocks[i].group != nr)
			continue;
		g.size += block_size;
		if (block_is_up(&blocks[i]))
			g.online_size += block_size;
	}
	return g;
}

static void free_group(struct group *g)
{
	for (int i = 0; i < NR_FILES; i++)
		free(g->values[i]);
}

static void print_group(const struct group *g)
{
	printf("%5llu %-8s %4s %7s %7s  %-14s %-16s %s\n", g->nr, g->values[TYPE] ?: "",
	       g->values[NODE] ?: "", size_text(g->size), size_text(g->online_size),
	       g->values[ZONES] ?: "", g->values[OWNER] ?: "", g->values[BLOCKS] ?: "");
}

static void json_group(const struct group *g)
{
	u64 n;

	json_open(NULL, '{');
	json_number("group", g->nr);
	for (int i = 0; i < NR_FILES; i++) {
		const char *value = g->values[i];

		if (value && parse_number(value, &n))
			json_number(group_files[i], n);
		else
			json_string(group_files[i], value && *value ? value : NULL);
	}
	json_number("size", g->size);
	json_number("online_size", g->online_size);
	json_close('}');
}

int run_groups(const char *arg)
{
	int fd = open_file(O_RDONLY | O_DIRECTORY, MEMORY "/groups");
	struct dirent **entries = NULL;
	struct group g;
	int nr;
	u64 n;

	(void)arg;
	nr = fd < 0 ? NONE : scandirat(fd, ".", &entries, NULL, versionsort);
	if (nr < 0)
		errx(1, "this kernel does not show groups of memory blocks");
	close(fd);

	if (opt.json) {
		json_open(NULL, '{');
		json_open("groups", '[');
	} else {
		printf("%5s %-8s %4s %7s %7s  %-14s %-16s %s\n", "GROUP", "TYPE", "NODE", "SIZE",
		       "ONLINE", "ZONES", "OWNER", "BLOCKS");
	}
	for (int i = 0; i < nr; i++) {
		if (parse_number(entries[i]->d_name, &n)) {
			g = read_group(n);
			if (opt.json)
				json_group(&g);
			else
				print_group(&g);
			free_group(&g);
		}
		free(entries[i]);
	}
	free(entries);
	if (opt.json) {
		json_close(']');
		json_close('}');
	}
	return 0;
}
