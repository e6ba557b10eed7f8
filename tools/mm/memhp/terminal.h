/* SPDX-License-Identifier: GPL-2.0 */
/* What the terminal of the user can do. */
#ifndef MEMHP_TERMINAL_H
#define MEMHP_TERMINAL_H

#include <stdbool.h>

extern bool utf8;		/* it shows more than ASCII */

void find_encoding(void);
bool wants_color(const char *when);
unsigned int terminal_width(int fd);

#endif /* MEMHP_TERMINAL_H */
