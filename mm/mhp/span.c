// SPDX-License-Identifier: GPL-2.0
/*
 * Spans. This file owns the arithmetic of the first and the last page of a zone
 * or a node; the caller holds the locks that keep span and ownership still, and
 * tells which pages the owner has.
 *
 * Invariant: a span that starts and ends with owned pages still does after any
 * sequence of grow and shrink, and holds every owned page. Holes inside it are
 * nobody's concern. An empty span is { 0, 0 }.
 */
#include "span.h"

/**
 * mhp_span_grow() - make a span hold a range too
 * @span: of the owner, in page frames
 * @added: what the owner got; nothing happens when it is empty
 *
 * Context: The caller serialises changes of the span.
 */
void mhp_span_grow(struct mhp_range *span, const struct mhp_range *added)
{
	unsigned long start, end;

	if (mhp_range_empty(added))
		return;
	if (mhp_range_empty(span)) {
		*span = *added;
		return;
	}
	start = min(span->start_pfn, added->start_pfn);
	end = max(mhp_range_end(span), mhp_range_end(added));
	span->start_pfn = start;
	span->nr_pages = end - start;
}

/* The first page frame of an owned step from @pfn on, @end if there is none. */
static unsigned long mhp_span_first(unsigned long pfn, unsigned long end,
				    unsigned long step, mhp_span_owned_t owned,
				    void *arg)
{
	while (pfn < end && !owned(pfn, arg))
		pfn = ALIGN_DOWN(pfn, step) + step;
	return min(pfn, end);
}

/* The end of the last owned step in [@start, @end), @start if there is none. */
static unsigned long mhp_span_last(unsigned long start, unsigned long end,
				   unsigned long step, mhp_span_owned_t owned,
				   void *arg)
{
	while (end > start) {
		/* The lowest step may begin within, as boot memory does. */
		unsigned long pfn = max(ALIGN_DOWN(end - 1, step), start);

		if (owned(pfn, arg))
			break;
		end = pfn;
	}
	return end;
}

/**
 * mhp_span_shrink() - let a span go after what its owner lost
 * @span: of the owner, in page frames
 * @gone: the pages that were lost
 * @step: pages that always have one owner, a power of two; steps lie on
 *        multiples of it, those at the ends of the span may be shorter
 * @owned: called for the steps left over next to @gone, one after the other,
 *         until it says that one belongs to the owner
 * @arg: for @owned
 *
 * Only an end of the span which @gone covers moves, to the nearest owned step
 * beyond @gone: whatever lies behind that step stays, holes included.
 *
 * Context: The caller serialises changes of the span and of what @owned says.
 */
void mhp_span_shrink(struct mhp_range *span, const struct mhp_range *gone,
		     unsigned long step, mhp_span_owned_t owned, void *arg)
{
	unsigned long start = span->start_pfn, end = mhp_range_end(span);
	unsigned long gone_end = mhp_range_end(gone);

	if (!mhp_range_overlaps(span, gone))
		return;

	if (gone->start_pfn <= start)
		start = mhp_span_first(gone_end, end, step, owned, arg);
	else if (gone_end >= end)
		end = mhp_span_last(start, gone->start_pfn, step, owned, arg);

	span->start_pfn = start < end ? start : 0;
	span->nr_pages = end - start;
}
