/* SPDX-License-Identifier: GPL-2.0 */
/* How the last request for a block ended, where the kernel keeps that. */
#ifndef MEMHP_LAST_REQUEST_H
#define MEMHP_LAST_REQUEST_H

#include "blocks.h"

enum ending { NOT_TOLD, NOT_TO_US, WELL, BADLY };

enum ending read_last_request(const struct block *b, struct pairs *p);

#endif /* MEMHP_LAST_REQUEST_H */
