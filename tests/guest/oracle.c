// SPDX-License-Identifier: GPL-2.0
/*
 * oracle STEPS SEED: bring offline memory blocks online and offline again, STEPS times, at random.
 * Some requests fail at a step. After each request, compare the fields of zones with their struct
 * pages (/sys/kernel/debug/mhp_zones).
 *
 * Prints the number of requests of each kind, and the kinds of zones that occurred.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY		"/sys/devices/system/memory/"
#define ZONES		"/sys/kernel/debug/mhp_zones"
#define FAIL		"/sys/kernel/debug/memory_hotplug/fail"
#define MAX_BLOCKS	256

enum place { OFFLINE, MOVABLE, KERNEL };

static const char * const words[] = {
	[OFFLINE] = "offline",
	[MOVABLE] = "online_movable",
	[KERNEL] = "online_kernel",
};

static const char * const steps[] = { "prepare", "memmap", "zone", "notify", "pages", "evacuate", "publish" };

static struct {
	long number;
	enum place place;
} blocks[MAX_BLOCKS];

static unsigned int nr_blocks;
static unsigned long done[3], failed, busy, whole, holes;
static uint64_t dice;

static unsigned int roll(unsigned int sides)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (dice >> 11) % sides;
}

/* An errno, or 0 for success. */
static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), ret;

	if (fd < 0)
		err(2, "%s", path);
	ret = write(fd, text, strlen(text)) < 0 ? errno : 0;
	close(fd);
	return ret;
}

static void find_blocks(void)
{
	DIR *dir = opendir(MEMORY);
	struct dirent *entry;
	char path[300], state[20];
	long number;
	FILE *file;

	while (dir && (entry = readdir(dir))) {
		if (sscanf(entry->d_name, "memory%ld", &number) != 1)
			continue;
		snprintf(path, sizeof(path), MEMORY "%s/state", entry->d_name);
		file = fopen(path, "r");
		if (!file || !fgets(state, sizeof(state), file))
			err(2, "%s", path);
		fclose(file);
		if (!strcmp(state, "offline\n") && nr_blocks < MAX_BLOCKS)
			blocks[nr_blocks++].number = number;
	}
	if (!nr_blocks)
		errx(2, "no block is offline");
}

/* Checks a line of ZONES. Returns false if a field of the zone is wrong. */
static int zone_is_right(const char *line)
{
	unsigned long start, end, first, last, present, pages, managed, really, isolated;
	unsigned long early, early_really;
	int node, contiguous, truly;
	char name[20];

	if (sscanf(line, "zone %d %19s contiguous=%d really=%d span=%lx-%lx really=%lx-%lx "
		   "present=%lu really=%lu managed=%lu really=%lu isolated=%lu "
		   "early=%lu really=%lu", &node, name, &contiguous, &truly, &start, &end, &first,
		   &last, &present, &pages, &managed, &really, &isolated, &early,
		   &early_really) != 15)
		errx(2, "%s", line);
	if (contiguous != truly || isolated)
		return 0;
	if (strcmp(name, "Movable"))
		return 1;
	*(contiguous ? &whole : &holes) += 1;
	return start == first && end == last && present == pages && managed == really &&
	       early == early_really;
}

static void check(unsigned long step, const char *what, long block)
{
	FILE *file = fopen(ZONES, "r");
	char line[300];

	if (!file)
		err(2, ZONES);
	while (fgets(line, sizeof(line), file))
		if (!zone_is_right(line))
			errx(1, "step %lu, %s of block %ld: %s", step, what, block, line);
	fclose(file);
}

/* Lets a step of the request fail. */
static void arm(enum place to)
{
	char text[80];

	snprintf(text, sizeof(text), "online/%s/%s -12\n", steps[roll(7)], to ? "up" : "down");
	if (put(FAIL, text))
		errx(2, "cannot arm %s", text);
}

static void act(unsigned long step)
{
	unsigned int n = roll(nr_blocks), fault = !roll(5);
	enum place to = blocks[n].place ? OFFLINE : roll(8) ? MOVABLE : KERNEL;
	char path[80];
	int error;

	snprintf(path, sizeof(path), MEMORY "memory%ld/state", blocks[n].number);
	if (fault)
		arm(to);
	error = put(path, words[to]);
	if (fault)
		put(FAIL, "\n");

	if (!error) {
		blocks[n].place = to;
		done[to]++;
	} else if (error == ENOMEM && fault) {
		failed++;
	} else if (error == EBUSY && blocks[n].place == KERNEL) {
		busy++;		/* the block has memory of the kernel */
	} else {
		errx(1, "step %lu, %s of block %ld: %s", step, words[to], blocks[n].number,
		     strerror(error));
	}
	check(step, words[to], blocks[n].number);
}

int main(int argc, char **argv)
{
	unsigned long step;

	if (argc != 3)
		errx(2, "usage: oracle STEPS SEED");
	dice = strtoul(argv[2], NULL, 0) * 0x9e3779b97f4a7c15ULL + 1;
	find_blocks();
	check(0, "start", -1);
	for (step = 1; step <= strtoul(argv[1], NULL, 0); step++)
		act(step);
	printf("movable %lu kernel %lu offline %lu failed %lu busy %lu contiguous %lu holes %lu\n",
	       done[MOVABLE], done[KERNEL], done[OFFLINE], failed, busy, whole, holes);
	return 0;
}
