/* SPDX-License-Identifier: GPL-2.0 */
/* Signals that end a request. They are held back, and polled for while a request is running. */
#ifndef MEMHP_SIGNALS_H
#define MEMHP_SIGNALS_H

#include <stdbool.h>

void hold_signals(void);
int signal_handle(void);
bool take_signal(void);

#endif /* MEMHP_SIGNALS_H */
