// SPDX-License-Identifier: GPL-2.0
/*
 * Files below /sys, /proc and /dev, of this machine or of a copy elsewhere (--sysroot).
 * This file owns the directory at which all paths start. Texts that were read are made printable
 * here. Callers do not rely on their format.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sysfs.h"

static int root = AT_FDCWD;
static bool other_root;

/* Makes all paths start at @directory instead of at the root of this machine. */
void use_root(const char *directory)
{
	root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		err(1, "--sysroot %s", directory);
	other_root = true;
}

bool is_other_root(void)
{
	return other_root;
}

/* Opens a file whose path has no leading slash. Returns the descriptor, or -1 and errno. */
int open_file(int flags, const char *format, ...)
{
	char path[256] = "/";
	va_list args;

	va_start(args, format);
	vsnprintf(path + 1, sizeof(path) - 1, format, args);
	va_end(args);
	return openat(root, other_root ? path + 1 : path, flags | O_CLOEXEC);
}

/* Reads at most @size - 1 bytes. Returns false if there are none, or if @fd is negative. */
bool read_text(int fd, char *text, size_t size, off_t offset)
{
	ssize_t n = fd < 0 ? -1 : pread(fd, text, size - 1, offset);

	text[n < 0 ? 0 : n] = '\0';
	make_printable(text, "\n");
	return n > 0;
}

/* Reads the first line and closes the file. */
bool read_line_of(int fd, char *line, size_t size)
{
	bool ret = read_text(fd, line, size, 0);

	line[strcspn(line, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
	return ret;
}

/* Reads a file of any length, without its last newline, and closes it. Returns NULL on failure. */
char *read_all(int fd)
{
	size_t len = 0, size = 0;
	char *text = NULL;
	ssize_t n = 0;

	for (; fd >= 0; len += n) {
		if (len + 1 >= size)
			text = reallocarray(text, 1, size += 65536);
		if (!text)
			err(1, "text");
		n = read(fd, text + len, size - len - 1);
		if (n <= 0)
			break;
	}
	if (fd >= 0)
		close(fd);
	if (!text)
		return NULL;
	if (len && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	make_printable(text, "");
	return text;
}

/* Returns true if the file exists, and only other users may read it. @path has a %lu for @nr. */
bool is_for_root(const char *path, unsigned long nr)
{
	int fd = open_file(O_RDONLY, path, nr);
	bool ret = fd < 0 && (errno == EACCES || errno == EPERM);

	if (fd >= 0) {
		/* The mode may allow a user to open the file who has no privilege to read it. */
		ret = read(fd, &(char){ 0 }, 1) < 0 && errno == EPERM;
		close(fd);
	}
	return ret;
}
