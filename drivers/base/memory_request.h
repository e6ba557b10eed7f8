/* SPDX-License-Identifier: GPL-2.0 */
/* Requests of users for memory blocks, as /dev/memory_hotplug makes them and reads the answer. */
#ifndef _DRIVERS_BASE_MEMORY_REQUEST_H
#define _DRIVERS_BASE_MEMORY_REQUEST_H

#include <linux/memory_hotplug.h>
#include <linux/mhp.h>
#include <linux/types.h>

#include "memory_order.h"

struct memory_request;

/**
 * struct memory_request_end - the result of a request, for the uevent
 * @verb: the verb, as users write it
 * @result: "ok", "partial", "failed" or "cancelled"
 * @reason: the name of the reason
 * @bytes: amount of memory that changed its state, in bytes
 */
struct memory_request_end {
	const char *verb, *result, *reason;
	u64 bytes;
};

struct memory_request *memory_request_create(const struct memory_order *order, char *text);
void memory_request_free(struct memory_request *req);
void memory_request_run(struct memory_request *req);
void memory_request_cancel(struct memory_request *req);
bool memory_request_changes_memory(const struct memory_request *req);
struct memory_request_end memory_request_end(const struct memory_request *req);
bool memory_request_progress(struct memory_request *req, struct mhp_progress *progress);
size_t memory_request_progress_line(const struct memory_request *req,
				    const struct mhp_progress *progress, char *line, size_t size);
bool memory_request_has_line(const struct memory_request *req, unsigned long next);
size_t memory_request_line(const struct memory_request *req, unsigned long *next, char *line,
			   size_t size);

#endif /* _DRIVERS_BASE_MEMORY_REQUEST_H */
