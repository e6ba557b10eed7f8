/* SPDX-License-Identifier: GPL-2.0 */
/* Files below /sys, /proc and /dev, of this machine or of a copy elsewhere (--sysroot). */
#ifndef MEMHP_SYSFS_H
#define MEMHP_SYSFS_H

#include <sys/types.h>

#include "text.h"

#ifndef __printf
#define __printf(a, b)	__attribute__((format(printf, a, b)))
#endif

#define MEMORY		"sys/devices/system/memory"

void use_root(const char *directory);
bool is_other_root(void);
int __printf(2, 3) open_file(int flags, const char *format, ...);
bool read_text(int fd, char *text, size_t size, off_t offset);
bool read_line_of(int fd, char *line, size_t size);
char *read_all(int fd);
bool is_for_root(const char *path, unsigned long nr);

/* Reads the first line of a file. If there is none, the line is empty, and the result false. */
#define read_line(line, ...) read_line_of(open_file(O_RDONLY, __VA_ARGS__), line, sizeof(line))

#endif /* MEMHP_SYSFS_H */
