// SPDX-License-Identifier: GPL-2.0
/*
 * stopwatch PAUSE_MS WORD FIRST LAST: write WORD to the state of memory blocks FIRST to
 * LAST, downwards if LAST is less. Print for each block the nanoseconds of the write, and its
 * errno, or 0. Sleep for PAUSE_MS between two writes.
 *
 * With the WORD "probe" the blocks are added.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MEMORY	"/sys/devices/system/memory/"

struct timing {
	unsigned long ns;
	int error;
};

static unsigned long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000UL + t.tv_nsec;
}

static struct timing write_timed(int fd, const char *text)
{
	struct timing t;
	unsigned long begin = now();
	ssize_t ret = write(fd, text, strlen(text));

	t.ns = now() - begin;
	t.error = ret < 0 ? errno : 0;
	return t;
}

static unsigned long block_bytes(void)
{
	unsigned long bytes;
	FILE *file = fopen(MEMORY "block_size_bytes", "r");

	if (!file || fscanf(file, "%lx", &bytes) != 1)
		err(2, "block_size_bytes");
	fclose(file);
	return bytes;
}

static struct timing act(const char *word, long block)
{
	int probe = !strcmp(word, "probe");
	char path[80], text[40];
	struct timing t;
	int fd;

	snprintf(path, sizeof(path), MEMORY "memory%ld/state", block);
	fd = open(probe ? MEMORY "probe" : path, O_WRONLY);
	if (fd < 0)
		err(2, "memory block %ld", block);
	snprintf(text, sizeof(text), "0x%lx", block * block_bytes());
	t = write_timed(fd, probe ? text : word);
	close(fd);
	return t;
}

int main(int argc, char **argv)
{
	long pause, block, last, step, n, nr;
	struct timing *timings;

	if (argc != 5)
		errx(2, "usage: stopwatch PAUSE_MS WORD FIRST LAST");
	pause = atol(argv[1]);
	block = atol(argv[3]);
	last = atol(argv[4]);
	step = last < block ? -1 : 1;
	nr = labs(last - block) + 1;
	timings = calloc(nr, sizeof(*timings));
	if (!timings)
		err(2, "calloc");

	for (n = 0; n < nr; n++, block += step) {
		if (pause)
			usleep(pause * 1000);
		timings[n] = act(argv[2], block);
	}
	for (n = 0; n < nr; n++)
		printf("%lu %d\n", timings[n].ns, timings[n].error);
	return 0;
}
