// SPDX-License-Identifier: GPL-2.0
/* How the last request for a block ended, where the kernel keeps that. */
#include <fcntl.h>

#include "last_request.h"
#include "sysfs.h"

/* Fills @p where the last request ended BADLY, else with nothing. */
enum ending read_last_request(const struct block *b, struct pairs *p)
{
	char line[LINE_SIZE];

	p->nr = 0;
	if (is_for_root(MEMORY "/memory%lu/last_error", b->nr))
		return NOT_TO_US;
	if (!read_line(line, MEMORY "/memory%lu/last_error", b->nr))
		return NOT_TOLD;
	parse_pairs(line, p);
	return p->nr ? BADLY : WELL;
}
