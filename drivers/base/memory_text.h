/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Texts of any length, which readers get in parts. The text is formatted anew for each part:
 * everything before the part is skipped, and formatting stops at its end.
 */
#ifndef _DRIVERS_BASE_MEMORY_TEXT_H
#define _DRIVERS_BASE_MEMORY_TEXT_H

#include <linux/minmax.h>
#include <linux/sprintf.h>
#include <linux/stdarg.h>
#include <linux/string.h>
#include <linux/types.h>

#define MEMORY_TEXT_PIECE	128

/**
 * struct memory_text - the part of a text that a reader gets
 * @to: buffer for the part
 * @skip: bytes that are still to be skipped before the part begins
 * @room: size of @to in bytes
 * @len: bytes written to @to
 */
struct memory_text {
	char *to;
	u64 skip;
	size_t room, len;
};

/**
 * struct memory_list - a list of numbers in a text, such as "32-39,48"
 * @text: the text
 * @first: first number of the interval that is not written yet
 * @last: last number of this interval so far
 * @pending: there is such an interval
 * @any: an interval has been written already
 */
struct memory_list {
	struct memory_text *text;
	unsigned long first, last;
	bool pending, any;
};

__printf(2, 3) bool memory_text_add(struct memory_text *text, const char *format, ...);
bool memory_list_add(struct memory_list *list, unsigned long number);
bool memory_list_end(struct memory_list *list);

#endif /* _DRIVERS_BASE_MEMORY_TEXT_H */
