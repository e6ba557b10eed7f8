/* SPDX-License-Identifier: GPL-2.0 */
/* Explanations of the kernel's reasons and kinds of pages. Pure. */
#ifndef MEMHP_ADVICE_H
#define MEMHP_ADVICE_H

struct advice {
	const char *word, *cause, *todo;
};

const struct advice *advice_for(const char *reason);

#endif /* MEMHP_ADVICE_H */
