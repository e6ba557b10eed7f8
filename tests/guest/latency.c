// SPDX-License-Identifier: GPL-2.0
/*
 * latency CPU: measure the longest time that a real-time program waits for its CPU. Prints a line
 * when it has begun and, after each SIGUSR1, the longest time since the previous one, in
 * nanoseconds. Runs until SIGTERM.
 */
#define _GNU_SOURCE
#include <err.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PERIOD_NS	50000L
#define SECOND_NS	1000000000L

static volatile sig_atomic_t asked;

static void on_signal(int sig)
{
	asked = sig;
}

static long since(struct timespec then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - then.tv_sec) * SECOND_NS + now.tv_nsec - then.tv_nsec;
}

int main(int argc, char **argv)
{
	const struct sched_param param = { .sched_priority = 90 };
	struct timespec next;
	long longest = 0;
	cpu_set_t cpus;

	if (argc != 2)
		errx(2, "usage: latency CPU");
	CPU_ZERO(&cpus);
	CPU_SET(atoi(argv[1]), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) || mlockall(MCL_CURRENT | MCL_FUTURE) ||
	    sched_setscheduler(0, SCHED_FIFO, &param))
		err(2, "CPU %s", argv[1]);
	signal(SIGUSR1, on_signal);
	puts("begins");
	fflush(stdout);

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		next.tv_nsec += PERIOD_NS;
		if (next.tv_nsec >= SECOND_NS) {
			next.tv_nsec -= SECOND_NS;
			next.tv_sec++;
		}
		if (!clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) &&
		    since(next) > longest)
			longest = since(next);
		if (asked) {
			printf("%ld\n", longest);
			fflush(stdout);
			asked = 0;
			longest = 0;
		}
		/* Do not count the time of printing, nor the periods that were missed by it. */
		while (since(next) > PERIOD_NS)
			clock_gettime(CLOCK_MONOTONIC, &next);
	}
}
