// SPDX-License-Identifier: GPL-2.0
/*
 * Names and texts of reasons. Owns the table, calls nothing, and needs no lock. Invariant: for
 * any number the result is a static string.
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
 * mhp_reason_name() - get the name of a reason
 * @why: the reason
 *
 * Context: Any.
 * Return: one word, for files, traces and programs; "unknown" for an invalid number. Never
 * NULL.
 */
const char *mhp_reason_name(enum mhp_reason why)
{
	if ((unsigned int)why >= ARRAY_SIZE(mhp_reasons))
		return "unknown";
	return mhp_reasons[why].name;
}

/**
 * mhp_reason_text() - get a sentence that explains a reason
 * @why: the reason
 *
 * Context: Any.
 * Return: a sentence without a full stop; "the reason is unknown" for an invalid number. Never
 * NULL.
 */
const char *mhp_reason_text(enum mhp_reason why)
{
	if ((unsigned int)why >= ARRAY_SIZE(mhp_reasons))
		return "the reason is unknown";
	return mhp_reasons[why].text;
}
