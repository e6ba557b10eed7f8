// SPDX-License-Identifier: GPL-2.0
/* memhp map: draws all blocks by node, zone and state, each as one character. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "json.h"
#include "memhp.h"
#include "show.h"
#include "terminal.h"

#define GREEN		"\033[32m"
#define YELLOW		"\033[33m"
#define RED		"\033[31m"
#define DIM		"\033[2m"
#define BOLD		"\033[1m"
#define PLAIN		"\033[0m"

static const char *paint(const char *how)
{
	return opt.color ? how : "";
}

/* The character for a block, and its color. */
struct cell {
	const char *glyph, *color;
};

/* Returns the level, of @of levels, to which a block is in use. */
static unsigned int fill_level(const struct counts *c, unsigned int of)
{
	u64 all = total_pages(c), used = all - c->pages[FREE];

	/* Full blocks and nearly full blocks have the last level. */
	return all ? used * of / (all + 1) : 0;
}

static struct cell draw_block(const struct block *b)
{
	static const char digits[][2] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" };
	static const char bars[][4] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	const struct counts *c = &b->counts;
	struct cell cell = { "?", GREEN };

	if (block_is(b, "offline"))
		return (struct cell){ ".", DIM };
	if (block_is(b, "lost"))
		return (struct cell){ "!", RED };
	if (block_is(b, "going-offline"))
		return (struct cell){ "<", BOLD };
	if (block_is(b, "going-online"))
		return (struct cell){ ">", BOLD };
	if (c->source != NOBODY)
		cell.glyph = utf8 ? bars[fill_level(c, ARRAY_SIZE(bars))] :
			     digits[fill_level(c, ARRAY_SIZE(digits))];
	if (c->source == NOBODY ? b->removable && strcmp(b->zones, "none") : c->score > 0)
		return cell;
	if (c->pages[PINNED] && !c->pages[UNMOVABLE])
		return (struct cell){ opt.color ? cell.glyph : "P", YELLOW };
	return (struct cell){ opt.color ? cell.glyph : "X", RED };
}

#define INDENT		48	/* columns in front of the cells */
#define FOLD		8	/* so many equal cells are drawn as one cell and their number */

static bool same_cell(const struct cell *a, const struct cell *b)
{
	return !strcmp(a->glyph, b->glyph) && a->color == b->color;
}

/* Returns the number of blocks that are drawn as one cell. */
static unsigned int fold_length(struct block **run, unsigned int nr)
{
	const struct cell cell = draw_block(run[0]);
	unsigned int len = 1;

	for (; len < nr; len++) {
		const struct cell next = draw_block(run[len]);

		if (!same_cell(&next, &cell))
			break;
	}
	return len < FOLD ? 1 : len;
}

/* Draws the cells of a run, in as many lines as they need. */
static void draw_cells(struct block **run, unsigned int nr, unsigned int width)
{
	unsigned int same, used = 0, room = width > INDENT + 10 ? width - INDENT : 10;
	bool fold = nr > room;
	const char *color = "";

	for (unsigned int i = 0; i < nr; i += same) {
		const struct cell cell = draw_block(run[i]);
		char number[16] = "";
		unsigned int len = 1;

		same = fold ? fold_length(run + i, nr - i) : 1;
		if (same > 1)
			len += snprintf(number, sizeof(number), "*%u ", same);
		if (used && used + len > room) {
			printf("%s\n%*s", paint(PLAIN), INDENT, "");
			used = 0;
			color = "";
		}
		if (cell.color != color)
			printf("%s%s", paint(PLAIN), paint(cell.color));
		color = cell.color;
		printf("%s%s", cell.glyph, number);
		used += len;
	}
	printf("%s\n", paint(PLAIN));
}

/* Draws adjacent blocks of the same zone and state in one or more lines. */
static void draw_run(struct block **run, unsigned int nr, unsigned int width)
{
	const struct counts sum = sum_counts(run, nr);
	char text[48], zones[sizeof(run[0]->zones)], full[8] = "-";
	u64 all = total_pages(&sum);

	if (nr == 1)
		snprintf(text, sizeof(text), "%lu", run[0]->nr);
	else
		snprintf(text, sizeof(text), "%lu-%lu", run[0]->nr, run[nr - 1]->nr);
	memcpy(zones, run[0]->zones, sizeof(zones));
	for (char *c = zones; *c; c++)
		if (*c == ' ')
			*c = '/';
	if (sum.source != NOBODY && all)
		snprintf(full, sizeof(full), "%llu%%", (all - sum.pages[FREE]) * 100 / all);
	printf("  %-11s %-14s %-13s %4s ", text, *zones ? zones : "-", run[0]->state, full);
	draw_cells(run, nr, width);
}

static int compare_nodes(const void *a, const void *b)
{
	const struct block *x = *(struct block **)a, *y = *(struct block **)b;

	if (x->node != y->node)
		return (x->node > y->node) - (x->node < y->node);
	return compare_blocks(x, y);
}

static void draw_heading(struct block **run, unsigned int nr)
{
	unsigned int online = 0;

	for (unsigned int i = 0; i < nr; i++)
		online += block_is_up(run[i]);
	printf("%s", paint(BOLD));
	if (run[0]->node == NONE)
		printf("No single node");
	else
		printf("Node %d", run[0]->node);
	printf("%s: ", paint(PLAIN));
	if (online < nr)
		printf("%s of ", size_text(online * block_size));
	printf("%s online\n", size_text(nr * block_size));
}

static bool same_run(const struct block *a, const struct block *b)
{
	return a->node == b->node && a->nr + 1 == b->nr && !strcmp(a->state, b->state) &&
	       !strcmp(a->zones, b->zones);
}

/* Returns the number of blocks before the first one that is not the @same as its predecessor. */
static unsigned int run_length(struct block **run, unsigned int nr,
			       bool (*same)(const struct block *a, const struct block *b))
{
	unsigned int len = 1;

	while (len < nr && same(run[len - 1], run[len]))
		len++;
	return len;
}

static bool same_node(const struct block *a, const struct block *b)
{
	return a->node == b->node;
}

static void draw_legend(enum source source)
{
	if (source == NOBODY)
		printf("\n? how full is not known");
	else
		printf("\n%s how full", utf8 ? "▁▂▃▄▅▆▇█" : "0..9");
	if (opt.color)
		printf("  %scan go%s  %sheld%s  %scannot go%s", GREEN, PLAIN, YELLOW, PLAIN, RED,
		       PLAIN);
	else
		printf("  X cannot go offline  P held");
	printf("  . offline  < > changing  ! lost\nBlocks of %s.%s\n", size_text(block_size),
	       source == KERNEL ? "" : source == NOBODY ? " Root can see more." :
	       " The kernel does not tell more: the rest is an estimate.");
}

static void draw_map(void)
{
	struct block **all = calloc(nr_blocks, sizeof(*all));
	unsigned int width = terminal_width(STDOUT_FILENO), i, n, len;

	if (!all)
		err(1, "map");
	for (i = 0; i < nr_blocks; i++)
		all[i] = &blocks[i];
	qsort(all, nr_blocks, sizeof(*all), compare_nodes);
	printf("  %-11s %-14s %-13s %4s %s\n", "BLOCKS", "ZONE", "STATE", "FULL", "MAP");
	for (i = 0; i < nr_blocks; i += n) {
		n = run_length(all + i, nr_blocks - i, same_node);
		draw_heading(all + i, n);
		for (unsigned int j = 0; j < n; j += len) {
			len = run_length(all + i + j, n - j, same_run);
			draw_run(all + i + j, len, width);
		}
	}
	draw_legend(sum_counts(all, nr_blocks).source);
	free(all);
}

static void json_map(void)
{
	json_open(NULL, '{');
	json_number("page_size", page_size);
	json_number("block_size", block_size);
	json_open("blocks", '[');
	for (unsigned int i = 0; i < nr_blocks; i++) {
		json_open(NULL, '{');
		json_block(&blocks[i]);
		json_counts(&blocks[i].counts);
		json_close('}');
	}
	json_close(']');
	json_close('}');
}

int run_map(const char *arg)
{
	(void)arg;
	count_all_blocks();
	if (opt.json)
		json_map();
	else
		draw_map();
	return 0;
}
