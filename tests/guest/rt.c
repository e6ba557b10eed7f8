// SPDX-License-Identifier: GPL-2.0
/*
 * rt CPU [NODE]: occupy a CPU with real-time priority until SIGTERM, with some pages, of NODE if it
 * is given, in its LRU batches. Prints a line when it has begun.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "place.h"

/* Lets another hardware thread run. */
#ifdef __x86_64__
#define RELAX "pause"
#else
#define RELAX "yield"
#endif

/* Drain the batches of all CPUs. */
static void empty_batches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0 || write(fd, "1", 1) != 1)
		err(2, "drop_caches");
	close(fd);
}

int main(int argc, char **argv)
{
	const struct sched_param param = { .sched_priority = 50 };
	const size_t pages = 5;
	cpu_set_t cpus;
	char *data;

	if (argc != 2 && argc != 3)
		errx(2, "usage: rt CPU [NODE]");
	CPU_ZERO(&cpus);
	CPU_SET(atoi(argv[1]), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		err(2, "CPU %s", argv[1]);
	data = map_pages(pages);
	if (argc == 3)
		bind_data(data, pages * PAGE, atoi(argv[2]));
	printf("keeps CPU %s\n", argv[1]);
	fflush(stdout);
	empty_batches();
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		err(2, "SCHED_FIFO");
	/* Not earlier, as another task would empty the batches. */
	for (size_t i = 0; i < pages; i++)
		data[i * PAGE] = 1;
	for (;;)
		__asm__ volatile (RELAX : : "r" (data) : "memory");
}
