/* SPDX-License-Identifier: GPL-2.0 */
/* Spans: the range from the first to the last page of a zone or a node. */
#ifndef _MM_MHP_SPAN_H
#define _MM_MHP_SPAN_H

#include "range.h"

/**
 * typedef mhp_span_owned_t - test whether a step belongs to the owner of the span
 * @pfn: the first page frame of the step, or of its part within the span
 * @arg: the argument that was passed to mhp_span_shrink()
 *
 * Return: true if the owner has a page in the step.
 */
typedef bool (*mhp_span_owned_t)(unsigned long pfn, void *arg);

void mhp_span_grow(struct mhp_range *span, const struct mhp_range *added);
void mhp_span_shrink(struct mhp_range *span, const struct mhp_range *gone,
		     unsigned long step, mhp_span_owned_t owned, void *arg);

#endif /* _MM_MHP_SPAN_H */
