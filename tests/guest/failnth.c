// SPDX-License-Identifier: GPL-2.0
/*
 * failnth N FILE TEXT [TIMES]: write TEXT to FILE with one write(2) in which the Nth call that
 * can fail does fail (Documentation/fault-injection). Prints the name of the error or OK, and
 * "injected" or, if the write has fewer than N such calls, "not". With TIMES, writes that often as
 * long as the write fails, and prints the result of the last write.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int nth;

static void arm(const char *n)
{
	if (pwrite(nth, n, strlen(n), 0) < 0)
		err(2, "fail-nth");
}

static int left(void)
{
	char text[16] = "";

	if (pread(nth, text, sizeof(text) - 1, 0) < 0)
		err(2, "fail-nth");
	return atoi(text);
}

int main(int argc, char **argv)
{
	int fd, error, rest, times;

	if (argc != 4 && argc != 5)
		errx(2, "usage: failnth N FILE TEXT [TIMES]");
	times = argc == 5 ? atoi(argv[4]) : 1;
	fd = open(argv[2], O_WRONLY);
	if (fd < 0)
		err(2, "%s", argv[2]);
	nth = open("/proc/thread-self/fail-nth", O_RDWR);
	if (nth < 0)
		err(2, "fail-nth");

	do {
		error = 0;
		arm(argv[1]);
		if (pwrite(fd, argv[3], strlen(argv[3]), 0) < 0)
			error = errno;
		rest = left();
		arm("0");
	} while (error && !rest && --times > 0);

	printf("%s %s\n", error ? strerrorname_np(error) : "OK", rest ? "not" : "injected");
	return 0;
}
