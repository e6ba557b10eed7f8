// SPDX-License-Identifier: GPL-2.0
/*
 * wr FILE TEXT: write TEXT to FILE with exactly one write(2), no newline, and
 * print the name of the error it gave, or OK.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	size_t length;
	ssize_t done;
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: wr FILE TEXT\n");
		return 2;
	}
	fd = open(argv[1], O_WRONLY);
	if (fd < 0) {
		printf("open:%s\n", strerrorname_np(errno));
		return 1;
	}
	length = strlen(argv[2]);
	done = write(fd, argv[2], length);
	if (done < 0) {
		puts(strerrorname_np(errno));
		return 1;
	}
	puts((size_t)done == length ? "OK" : "short");
	return (size_t)done != length;
}
