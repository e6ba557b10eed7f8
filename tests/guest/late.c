// SPDX-License-Identifier: GPL-2.0
/*
 * late group NID START SIZE SECONDS: one thread requests that memory comes online in a zone, while
 * the only blocks that can, and their group, are added and removed.
 *
 * late crowd NID START SIZE SECONDS: two threads add and remove memory in turn, so that the lock
 * is rarely free.
 *
 * Needs at least two CPUs, and the module mhp_ask. Prints the number of rounds.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MEMORY	"/sys/devices/system/memory/"

static volatile bool enough;
static unsigned long written, cycles;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void on_cpu(int cpu, int policy)
{
	struct sched_param param = {};
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) || sched_setscheduler(0, policy, &param))
		err(2, "CPU %d", cpu);
}

static int write_to(const char *path, const char *text)
{
	int ret, fd = open(path, O_WRONLY);

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static int ask(const char *format, ...)
{
	char text[128];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return write_to("/sys/kernel/debug/mhp_ask", text);
}

static void *come_and_go(void *range)
{
	const unsigned long long *r = range;

	while (!enough) {
		if (ask("add %llu %#llx %#llx 0", r[0], r[1], r[2]) ||
		    ask("remove %#llx %#llx", r[1], r[2]))
			err(2, "add and remove");
		written++;
	}
	return NULL;
}

static void *ask_for_zone(void *unused)
{
	on_cpu(1, SCHED_IDLE);
	while (!enough) {
		write_to(MEMORY "request", "online size=64G zone=Movable");
		written++;
	}
	return unused;
}

static void *be_busy(void *unused)
{
	on_cpu(1, SCHED_OTHER);
	while (!enough)
		;
	return unused;
}

/* Numbers ascend: that of the new group is the highest in groups/. */
static int new_group(int nid, unsigned long long size)
{
	struct dirent *entry;
	int nr, found = -1;
	DIR *dir;

	if (ask("group %d %#llx", nid, size))
		err(2, "group");
	dir = opendir(MEMORY "groups");
	if (!dir)
		err(2, "groups");
	while ((entry = readdir(dir)))
		if (sscanf(entry->d_name, "%d", &nr) == 1 && nr > found)
			found = nr;
	closedir(dir);
	return found;
}

static void cycle(int nid, unsigned long long start, unsigned long long size)
{
	int mgid = new_group(nid, size);

	/* MHP_NID_IS_MGID */
	if (ask("add %d %#llx %#llx 4", mgid, start, size) ||
	    ask("remove %#llx %#llx", start, size) || ask("ungroup %d", mgid))
		err(2, "add, remove, ungroup");
	cycles++;
}

int main(int argc, char **argv)
{
	bool group = argc == 6 && !strcmp(argv[1], "group");
	unsigned long long start, size, ranges[2][3];
	pthread_t threads[2];
	double end;
	int nid;

	if (!group && (argc != 6 || strcmp(argv[1], "crowd")))
		errx(2, "usage: late group|crowd NID START SIZE SECONDS");
	nid = atoi(argv[2]);
	start = strtoull(argv[3], NULL, 0);
	size = strtoull(argv[4], NULL, 0);
	end = now() + atof(argv[5]);
	for (int i = 0; i < 2; i++)
		memcpy(ranges[i], (unsigned long long [3]){ nid, start + i * size, size },
		       sizeof(ranges[i]));
	pthread_create(threads, NULL, group ? ask_for_zone : come_and_go, ranges[0]);
	pthread_create(threads + 1, NULL, group ? be_busy : come_and_go, ranges[1]);
	if (group)
		on_cpu(0, SCHED_OTHER);
	while (now() < end) {
		if (group)
			cycle(nid, start, size);
		else
			sleep(1);
	}
	enough = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("written %lu times, came and went %lu times\n", written, cycles);
	return 0;
}
