// SPDX-License-Identifier: GPL-2.0
/*
 * Parsing of requests. It owns the grammar, looks at its arguments only, and needs no
 * lock:
 *
 *	VERB RANGE|size=BYTES [node=N] [zone=NAME] [best-effort] [timeout=MS]
 *	RANGE: N | N-M (blocks) | 0xSTART-0xEND (addresses); ends are included
 *
 * Invariant: what is accepted has one meaning. A word twice, a word too many, a number
 * that does not fit: -EINVAL, and nothing is written.
 */
#include "order.h"

/**
 * struct mhp_word - a part of a text
 * @at: its first character
 * @len: how many
 */
struct mhp_word {
	const char *at;
	size_t len;
};

static bool mhp_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* The next word of a text, which moves on; an empty one at its end. */
static struct mhp_word mhp_next_word(const char **text)
{
	struct mhp_word word;

	while (mhp_is_space(**text))
		++*text;
	word.at = *text;
	while (**text && !mhp_is_space(**text))
		++*text;
	word.len = *text - word.at;
	return word;
}

static bool mhp_word_is(const struct mhp_word *word, const char *text)
{
	return word->len == strlen(text) && !strncmp(word->at, text, word->len);
}

/* "name=value": the value is left. */
static bool mhp_word_takes(struct mhp_word *word, const char *name)
{
	size_t len = strlen(name);

	if (word->len <= len || strncmp(word->at, name, len) || word->at[len] != '=')
		return false;
	word->at += len + 1;
	word->len -= len + 1;
	return true;
}

static int mhp_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* Takes a number from the front of a word: decimal, or with 0x. */
static bool mhp_take_number(struct mhp_word *word, u64 *value, bool *hex)
{
	unsigned int base = 10, digits = 0;

	*value = 0;
	*hex = word->len > 2 && word->at[0] == '0' && (word->at[1] | 32) == 'x';
	if (*hex) {
		base = 16;
		word->at += 2;
		word->len -= 2;
	}
	for (; word->len; word->at++, word->len--, digits++) {
		unsigned int digit = mhp_digit(*word->at);

		if (digit >= base)
			break;
		if (check_mul_overflow(*value, (u64)base, value) ||
		    check_add_overflow(*value, (u64)digit, value))
			return false;
	}
	return digits;
}

/* A number and nothing else, not above @most. */
static bool mhp_whole_number(struct mhp_word word, u64 most, u64 *value)
{
	bool hex;

	return mhp_take_number(&word, value, &hex) && !word.len && *value <= most;
}

/* With K, M, G or T behind it. */
static bool mhp_whole_size(struct mhp_word word, u64 *value)
{
	static const char units[] = "KMGT";
	unsigned int unit;
	bool hex;

	if (!mhp_take_number(&word, value, &hex) || word.len > 1)
		return false;
	if (!word.len)
		return true;
	for (unit = 0; units[unit]; unit++)
		if (units[unit] == (*word.at & ~32))
			return !check_mul_overflow(*value, 1ULL << 10 * (unit + 1), value);
	return false;
}

static bool mhp_word_range(struct mhp_word word, u64 block_bytes, u64 *start, u64 *last)
{
	bool hex, hex_too;

	if (!mhp_take_number(&word, start, &hex))
		return false;
	*last = *start;
	hex_too = false;
	if (word.len) {
		if (*word.at != '-')
			return false;
		word.at++;
		word.len--;
		if (!mhp_take_number(&word, last, &hex_too) || word.len)
			return false;
	}
	if (hex != hex_too || *start > *last)
		return false;
	if (hex)
		return true;
	/* Blocks: all of the last one. */
	return !check_mul_overflow(*start, block_bytes, start) &&
	       !check_mul_overflow(*last, block_bytes, last) &&
	       !check_add_overflow(*last, block_bytes - 1, last);
}

static char mhp_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static bool mhp_word_is_in_any_case(const struct mhp_word *word, const char *text)
{
	size_t i;

	for (i = 0; i < word->len; i++)
		if (!text[i] || mhp_lower(word->at[i]) != text[i])
			return false;
	return !text[i];
}

/**
 * mhp_parse_bool() - yes or no
 * @text: one of the words below in any case, with space around it
 * @value: written on success
 *
 * kstrtobool() looks at the first letters only: "nonsense" is no, "online_whatever" yes.
 *
 * Context: Any.
 * Return: 0, or -EINVAL.
 */
int mhp_parse_bool(const char *text, bool *value)
{
	static const char * const words[] = {
		"0", "1", "n", "y", "no", "yes", "f", "t", "false", "true", "off", "on",
	};
	struct mhp_word word = mhp_next_word(&text);
	unsigned int i;

	if (mhp_next_word(&text).len)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (mhp_word_is_in_any_case(&word, words[i])) {
			*value = i & 1;
			return 0;
		}
	}
	return -EINVAL;
}

/**
 * mhp_parse_range() - a range of memory, by block or by address
 * @text: N, N-M or 0xSTART-0xEND, with space around it; ends are included
 * @block_bytes: size of a memory block
 * @start: physical address of the first byte
 * @last: and of the last one
 *
 * Context: Any.
 * Return: 0, or -EINVAL; then nothing is written.
 */
int mhp_parse_range(const char *text, u64 block_bytes, u64 *start, u64 *last)
{
	struct mhp_word word = mhp_next_word(&text);
	u64 first, end;

	if (!mhp_word_range(word, block_bytes, &first, &end) || mhp_next_word(&text).len)
		return -EINVAL;
	*start = first;
	*last = end;
	return 0;
}

static bool mhp_word_verb(const struct mhp_word *word, enum mhp_order_verb *verb)
{
	static const char * const verbs[] = {
		[MHP_ORDER_OFFLINE] = "offline",
		[MHP_ORDER_ONLINE] = "online",
		[MHP_ORDER_ONLINE_KERNEL] = "online_kernel",
		[MHP_ORDER_ONLINE_MOVABLE] = "online_movable",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (mhp_word_is(word, verbs[i])) {
			*verb = i;
			return true;
		}
	}
	return false;
}

static bool mhp_take_zone(const struct mhp_word *word, struct mhp_order *order)
{
	if (*order->zone || !word->len || word->len >= sizeof(order->zone))
		return false;
	memcpy(order->zone, word->at, word->len);
	return true;
}

/* One of the words behind the verb; @placed: one has told what it is about. */
static bool mhp_take_word(struct mhp_word word, u64 block_bytes, struct mhp_order *order,
			  bool *placed)
{
	u64 number;

	if (mhp_word_is(&word, "best-effort")) {
		if (order->best_effort)
			return false;
		order->best_effort = true;
	} else if (mhp_word_takes(&word, "timeout")) {
		if (order->timed || !mhp_whole_number(word, ~0U, &number))
			return false;
		order->timed = true;
		order->timeout_ms = number;
	} else if (mhp_word_takes(&word, "node")) {
		if (order->node >= 0 || !mhp_whole_number(word, INT_MAX, &number))
			return false;
		order->node = number;
	} else if (mhp_word_takes(&word, "zone")) {
		return mhp_take_zone(&word, order);
	} else if (*placed) {
		return false;
	} else if (mhp_word_takes(&word, "size")) {
		*placed = true;
		return mhp_whole_size(word, &order->size) && order->size &&
		       !(order->size & (block_bytes - 1));
	} else {
		*placed = true;
		return mhp_word_range(word, block_bytes, &order->start, &order->last);
	}
	return true;
}

/**
 * mhp_parse_order() - a request of a user
 * @text: see above
 * @block_bytes: size of a memory block, a power of two
 * @order: written on success
 *
 * Context: Any.
 * Return: 0, or -EINVAL.
 */
int mhp_parse_order(const char *text, u64 block_bytes, struct mhp_order *order)
{
	struct mhp_word word = mhp_next_word(&text);
	struct mhp_order new = { .node = -1 };
	bool placed = false;

	if (!mhp_word_verb(&word, &new.verb))
		return -EINVAL;
	for (word = mhp_next_word(&text); word.len; word = mhp_next_word(&text))
		if (!mhp_take_word(word, block_bytes, &new, &placed))
			return -EINVAL;
	if (!placed || (!new.size && (new.node >= 0 || *new.zone)))
		return -EINVAL;
	*order = new;
	return 0;
}
