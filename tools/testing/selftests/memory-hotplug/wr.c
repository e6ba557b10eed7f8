// SPDX-License-Identifier: GPL-2.0
/*
 * wr FILE TEXT: write TEXT to FILE with exactly one write(2), no newline, and
 * print the name of the error it gave, or OK. "open:NAME" is an error of open(2).
 * SIGTERM interrupts the write and nothing else.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void ignore(int sig)
{
	(void)sig;
}

static const char *name_of(int error)
{
	/* Kernel errors of which libc does not know all names. */
	const char *name = strerrorname_np(error);

	return name ? name : "unknown error";
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = ignore };
	ssize_t done;
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: wr FILE TEXT\n");
		return 2;
	}
	sigaction(SIGTERM, &act, NULL);
	fd = open(argv[1], O_WRONLY);
	if (fd < 0) {
		printf("open:%s\n", name_of(errno));
		return 1;
	}
	done = write(fd, argv[2], strlen(argv[2]));
	if (done < 0) {
		puts(name_of(errno));
		return 1;
	}
	puts((size_t)done == strlen(argv[2]) ? "OK" : "short");
	return 0;
}
