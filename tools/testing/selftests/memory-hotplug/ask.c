// SPDX-License-Identifier: GPL-2.0
/*
 * ask TEXT [FILE]: write TEXT to /dev/memory_hotplug with one write(2), and read the answer to
 * its end. The answer goes to stdout; or to FILE, and then stdout gets the name of the error
 * with which the request ended, or OK. An error of write(2) goes to stdout in either case, and
 * an error of open(2) as "open:NAME". Whoever kills this program takes the request back.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICE "/dev/memory_hotplug"

static const char *name_of(int error)
{
	const char *name = strerrorname_np(error);

	return name ? name : "unknown error";
}

/* What a program would be told that asks for this: some of it is enough as best-effort. */
static const char *outcome(const char *text, const char *end)
{
	const char *err = strstr(end, " err=");
	int error = err ? -atoi(err + 5) : EPROTO;

	if (strncmp(end, "request ", 8))
		return "no end";
	if (strstr(end, " result=ok "))
		return "OK";
	if (strstr(end, " result=partial ") && strstr(text, "best-effort") && error != ECANCELED)
		return "OK";
	return name_of(error ? error : EBUSY);
}

static int copy_answer(int fd, const char *text, FILE *to)
{
	FILE *from = fdopen(fd, "r");
	static char line[8192];

	while (fgets(line, sizeof(line), from)) {
		fputs(line, to);
		fflush(to);
	}
	if (ferror(from)) {
		puts(name_of(errno));
		return 1;
	}
	if (to != stdout)
		puts(outcome(text, line));
	return 0;
}

int main(int argc, char **argv)
{
	FILE *to = stdout;
	int fd;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: ask TEXT [FILE]\n");
		return 2;
	}
	if (argc == 3)
		to = fopen(argv[2], "w");
	if (!to) {
		perror(argv[2]);
		return 2;
	}
	fd = open(DEVICE, O_RDWR);
	if (fd < 0) {
		printf("open:%s\n", name_of(errno));
		return 1;
	}
	if (write(fd, argv[1], strlen(argv[1])) < 0) {
		puts(name_of(errno));
		return 1;
	}
	return copy_answer(fd, argv[1], to);
}
