/* SPDX-License-Identifier: GPL-2.0 */
/* /dev/memory_hotplug: one open file is one request. */
#ifndef MEMHP_HANDLE_H
#define MEMHP_HANDLE_H

#include "protocol.h"

struct handle {
	int fd;
	bool is_stand_in;	/* a socket below --sysroot instead of the device */
	bool ended;		/* the whole answer has been read */
	struct line_buffer lines;
};

bool open_handle(struct handle *h);
bool handle_is_for_root(void);
int write_handle(struct handle *h, const char *text);
char *read_handle(struct handle *h);
void close_handle(struct handle *h);

#endif /* MEMHP_HANDLE_H */
