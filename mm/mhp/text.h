/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Answers of any length. Who reads one gets a part of it at a time, so the text is made
 * anew for each part: what comes before it is passed over, what comes behind it is not made.
 */
#ifndef _MM_MHP_TEXT_H
#define _MM_MHP_TEXT_H

#include "pure.h"

#define MHP_TEXT_PIECE	128

/**
 * struct mhp_text - the part of a text that a reader wants
 * @to: where it goes
 * @skip: bytes that still come before it
 * @room: bytes it may have
 * @len: bytes it has
 */
struct mhp_text {
	char *to;
	u64 skip;
	size_t room, len;
};

/**
 * struct mhp_list - numbers in a text, as "32-39,48"
 * @text: the text
 * @first: first number of the run that is not in the text yet
 * @last: and the last one so far
 * @pending: there is such a run
 * @any: the text has a run already
 */
struct mhp_list {
	struct mhp_text *text;
	unsigned long first, last;
	bool pending, any;
};

__printf(2, 3) bool mhp_text_add(struct mhp_text *text, const char *format, ...);
bool mhp_list_add(struct mhp_list *list, unsigned long number);
bool mhp_list_end(struct mhp_list *list);

#endif /* _MM_MHP_TEXT_H */
