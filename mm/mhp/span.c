// SPDX-License-Identifier: GPL-2.0
/*
 * Spans: the range from the first to the last page of a zone or a node, which is called the
 * owner of these pages. The caller holds the locks that keep span and ownership stable, and
 * says which pages belong to the owner.
 *
 * Invariant: after any sequence of grow and shrink, the span begins and ends with a page of the
 * owner and has all pages of the owner in it. It may have holes. An empty span is { 0, 0 }.
 */
#include "span.h"

/**
 * mhp_span_grow() - extend a span by a range
 * @span: the span of the owner
 * @added: pages that the owner got; nothing happens if the range is empty
 *
 * Context: Any. The caller serializes changes of the span.
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

/* Returns the beginning of the first owned step from @pfn on, or @end if there is none. */
static unsigned long mhp_span_first(unsigned long pfn, unsigned long end,
				    unsigned long step, mhp_span_owned_t owned,
				    void *arg)
{
	while (pfn < end && !owned(pfn, arg))
		pfn = ALIGN_DOWN(pfn, step) + step;
	return min(pfn, end);
}

/* Returns the end of the last owned step in [@start, @end), or @start if there is none. */
static unsigned long mhp_span_last(unsigned long start, unsigned long end,
				   unsigned long step, mhp_span_owned_t owned,
				   void *arg)
{
	while (end > start) {
		/* Boot memory may begin within the lowest step. */
		unsigned long pfn = max(ALIGN_DOWN(end - 1, step), start);

		if (owned(pfn, arg))
			break;
		end = pfn;
	}
	return end;
}

/**
 * mhp_span_shrink() - shrink a span after pages have left its owner
 * @span: the span of the owner
 * @gone: the pages that have left the owner
 * @step: granularity of ownership in pages, a power of two; steps are aligned to it, and only
 *        those at the ends of the span may be shorter
 * @owned: called for the steps next to @gone, one after the other, until it returns true for a
 *         step that belongs to the owner
 * @arg: argument for @owned
 *
 * An end of the span moves only if @gone covers it: to the nearest owned step that is left. The
 * other steps are not looked at, and may be holes.
 *
 * Context: Any. The caller serializes changes of the span and of the ownership.
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
