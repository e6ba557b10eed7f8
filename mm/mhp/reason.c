// SPDX-License-Identifier: GPL-2.0
/*
 * The words for a reason. This file owns the table and nothing else; it calls
 * nobody and needs no lock. Invariant: whatever number comes in, a string that
 * lives for ever goes out.
 */
#include "reason.h"

static const struct {
	const char *name;
	const char *text;
} mhp_reasons[] = {
#define X(symbol, word, sentence)					\
	[MHP_WHY_##symbol] = { .name = word, .text = sentence },
	MHP_REASONS
#undef X
};

/**
 * mhp_reason_name() - the name of a reason
 * @why: the reason
 *
 * Context: Any.
 * Return: One word for files, traces and programs; "unknown" for a number that
 * is no reason. Never NULL.
 */
const char *mhp_reason_name(enum mhp_reason why)
{
	if ((unsigned int)why >= ARRAY_SIZE(mhp_reasons))
		return "unknown";
	return mhp_reasons[why].name;
}

/**
 * mhp_reason_text() - a reason in a sentence
 * @why: the reason
 *
 * Context: Any.
 * Return: A sentence for people, without a full stop; "the reason is unknown"
 * for a number that is no reason. Never NULL.
 */
const char *mhp_reason_text(enum mhp_reason why)
{
	if ((unsigned int)why >= ARRAY_SIZE(mhp_reasons))
		return "the reason is unknown";
	return mhp_reasons[why].text;
}
