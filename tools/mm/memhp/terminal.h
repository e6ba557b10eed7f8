/* SPDX-License-Identifier: GPL-2.0 */
/* Properties of the user's terminal. */
#ifndef MEMHP_TERMINAL_H
#define MEMHP_TERMINAL_H

#include <stdbool.h>

extern bool utf8;		/* the terminal shows UTF-8 */

void find_encoding(void);
bool wants_color(const char *when);
unsigned int terminal_width(int fd);

#endif /* MEMHP_TERMINAL_H */
