/* SPDX-License-Identifier: GPL-2.0 */
/* Signals that end a request: they are held, and asked for while a request goes on. */
#ifndef MEMHP_SIGNALS_H
#define MEMHP_SIGNALS_H

#include <stdbool.h>

void hold_signals(void);
int signal_handle(void);
bool take_signal(void);

#endif /* MEMHP_SIGNALS_H */
