// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/memory_hotplug: one open file is one request. Kernels of other versions do not have the
 * device.
 *
 * Below --sysroot, a socket may take the place of the device. The process that listens on it
 * gets the requests instead of this machine.
 */
#define _GNU_SOURCE	/* O_PATH */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "handle.h"
#include "sysfs.h"

#define DEVICE		"dev/memory_hotplug"

static int connect_to_stand_in(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = -1, place = open_file(O_PATH, DEVICE);

	if (place < 0)
		return -1;
	/* The path itself may be longer than an address of a socket. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", place);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && (connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
			fcntl(fd, F_SETFL, O_NONBLOCK))) {
		close(fd);
		fd = -1;
	}
	close(place);
	signal(SIGPIPE, SIG_IGN);
	return fd;
}

/* Opens the device; returns false and sets errno if this fails. */
bool open_handle(struct handle *h)
{
	*h = (struct handle){};
	h->fd = open_file(O_RDWR | O_NONBLOCK, DEVICE);
	if (h->fd < 0 && errno == ENXIO && is_other_root()) {
		h->fd = connect_to_stand_in();
		h->is_stand_in = true;
	}
	return h->fd >= 0;
}

/* Returns true if the device exists, and only other users may open it. */
bool handle_is_for_root(void)
{
	struct handle h;
	bool ret = !open_handle(&h) && (errno == EACCES || errno == EPERM);

	close_handle(&h);
	return ret;
}

/* Writes a line, which is the request or "cancel". Returns 0 or an error. */
int write_handle(struct handle *h, const char *text)
{
	ssize_t len = write(h->fd, text, strlen(text));

	if (len < 0)
		return errno;
	return (size_t)len == strlen(text) ? 0 : EIO;
}

/*
 * Reads a line of the answer. Returns NULL if there is no line at the moment or, with
 * @h->ended set, if there are no more lines.
 */
char *read_handle(struct handle *h)
{
	size_t size;
	ssize_t len;
	char *line;

	while (!(line = take_line(&h->lines, h->ended)) && !h->ended) {
		char *room = line_room(&h->lines, &size);

		len = read(h->fd, room, size);
		if (len < 0 && errno == EAGAIN)
			return NULL;
		if (len > 0)
			add_to_lines(&h->lines, len);
		else if (len == 0 || errno != EINTR)
			h->ended = true;
	}
	return line;
}

/* Closes the device. This cancels a request that has not ended. */
void close_handle(struct handle *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
}
