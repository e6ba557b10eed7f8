// SPDX-License-Identifier: GPL-2.0
/*
 * The parser for requests of users. This file owns the grammar, depends on its arguments
 * only, and needs no lock; it is also built and tested in user space.
 *
 *	query PLACES
 *	why BLOCK
 *	offline|online|online_kernel|online_movable PLACES|size=BYTES
 *		[node=N] [zone=NAME] [best-effort] [timeout=MS]
 *	cancel
 *
 *	PLACES: PLACE[,PLACE...]
 *	PLACE: N | N-M | memoryN (blocks) | groupN | 0xSTART-0xEND (addresses); ends are included
 *
 * Invariant: a text that is accepted has one meaning. A repeated word, an unknown word, or a
 * number that does not fit gives -EINVAL, and no result is written.
 */
#include "memory_order.h"

/**
 * struct memory_word - a part of a text
 * @at: its first character
 * @len: number of its characters
 */
struct memory_word {
	const char *at;
	size_t len;
};

static bool is_space_between_words(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Returns the next word, and advances the text beyond it. At the end, the word is empty. */
static struct memory_word next_word(const char **text)
{
	struct memory_word word;

	while (is_space_between_words(**text))
		++*text;
	word.at = *text;
	while (**text && !is_space_between_words(**text))
		++*text;
	word.len = *text - word.at;
	return word;
}

static bool word_is(const struct memory_word *word, const char *text)
{
	return word->len == strlen(text) && !strncmp(word->at, text, word->len);
}

/* Strips the name from a word "name=value". */
static bool word_strip_name(struct memory_word *word, const char *name)
{
	size_t len = strlen(name);

	if (word->len <= len || strncmp(word->at, name, len) || word->at[len] != '=')
		return false;
	word->at += len + 1;
	word->len -= len + 1;
	return true;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* Strips a decimal or 0x number from the beginning of a word; returns false if there is none. */
static bool word_strip_number(struct memory_word *word, u64 *value, bool *hex)
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
		unsigned int digit = digit_value(*word->at);

		if (digit >= base)
			break;
		if (check_mul_overflow(*value, (u64)base, value) ||
		    check_add_overflow(*value, (u64)digit, value))
			return false;
	}
	return digits;
}

/* Converts a word that is a number, and at most @most. */
static bool word_to_number(struct memory_word word, u64 most, u64 *value)
{
	bool hex;

	return word_strip_number(&word, value, &hex) && !word.len && *value <= most;
}

/* Converts a word that is a number of bytes, possibly with a suffix K, M, G or T. */
static bool word_to_size(struct memory_word word, u64 *value)
{
	static const char units[] = "KMGT";
	unsigned int unit;
	bool hex;

	if (!word_strip_number(&word, value, &hex) || word.len > 1)
		return false;
	if (!word.len)
		return true;
	for (unit = 0; units[unit]; unit++)
		if (units[unit] == (*word.at & ~32))
			return !check_mul_overflow(*value, 1ULL << 10 * (unit + 1), value);
	return false;
}

/* Converts "N", "N-M", or "0xSTART-0xEND": addresses always need both ends. */
static bool word_to_range(struct memory_word word, u64 block_bytes, u64 *start, u64 *last)
{
	bool hex, hex_too = false;

	if (!word_strip_number(&word, start, &hex))
		return false;
	*last = *start;
	if (word.len) {
		if (*word.at != '-')
			return false;
		word.at++;
		word.len--;
		if (!word_strip_number(&word, last, &hex_too) || word.len)
			return false;
	}
	if (hex != hex_too || *start > *last)
		return false;
	if (hex)
		return true;
	/* Block IDs: the range ends with the last byte of the last block. */
	return !check_mul_overflow(*start, block_bytes, start) &&
	       !check_mul_overflow(*last, block_bytes, last) &&
	       !check_add_overflow(*last, block_bytes - 1, last);
}

/* Strips the name from a word like "group3". */
static bool word_strip_prefix(struct memory_word *word, const char *prefix)
{
	size_t len = strlen(prefix);

	if (word->len <= len || strncmp(word->at, prefix, len))
		return false;
	word->at += len;
	word->len -= len;
	return true;
}

static bool word_is_decimal(const struct memory_word *word)
{
	size_t i;

	for (i = 0; i < word->len; i++)
		if (word->at[i] < '0' || word->at[i] > '9')
			return false;
	return word->len;
}

static bool word_to_place(struct memory_word word, u64 block_bytes, struct memory_place *place)
{
	u64 number;

	*place = (struct memory_place){};
	if (word_strip_prefix(&word, "group")) {
		if (!word_is_decimal(&word) || !word_to_number(word, INT_MAX, &number))
			return false;
		place->is_group = true;
		place->group = number;
		return true;
	}
	/* A single block. */
	if (word_strip_prefix(&word, "memory") && !word_is_decimal(&word))
		return false;
	return word_to_range(word, block_bytes, &place->start, &place->last);
}

/* Returns the first element of a list, which ends at a comma or at the end of the list. */
static struct memory_word first_place(const char *places)
{
	struct memory_word word = { .at = places };

	while (places[word.len] && places[word.len] != ',' &&
	       !is_space_between_words(places[word.len]))
		word.len++;
	return word;
}

/**
 * memory_order_next_place() - iterate over the places of a request
 * @places: the places of the request at first; advanced by each call, NULL after the last place
 * @block_bytes: size of a memory block in bytes
 * @place: set to the next place
 *
 * Context: Any.
 * Return: true, or false if there is no further place.
 */
bool memory_order_next_place(const char **places, u64 block_bytes, struct memory_place *place)
{
	struct memory_word word;

	if (!*places)
		return false;
	word = first_place(*places);
	*places = word.at[word.len] == ',' ? word.at + word.len + 1 : NULL;
	return word_to_place(word, block_bytes, place);
}

/* Checks and counts the places of a list. */
static bool word_to_places(const struct memory_word *word, u64 block_bytes,
			   struct memory_order *order)
{
	const char *next = word->at;
	struct memory_place place;

	order->places = word->at;
	do {
		if (!memory_order_next_place(&next, block_bytes, &place))
			return false;
		order->nr_places++;
	} while (next);
	return true;
}

static char lower_case(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static bool word_is_in_any_case(const struct memory_word *word, const char *text)
{
	size_t i;

	for (i = 0; i < word->len; i++)
		if (!text[i] || lower_case(word->at[i]) != text[i])
			return false;
	return !text[i];
}

/**
 * memory_parse_bool() - parse a boolean
 * @text: one of the words below, in upper or lower case, with or without space around it
 * @value: written on success
 *
 * kstrtobool() tests the first letters only: "nonsense" is false, "online_whatever" true.
 *
 * Context: Any.
 * Return: 0, or -EINVAL.
 */
int memory_parse_bool(const char *text, bool *value)
{
	static const char * const words[] = {
		"0", "1", "n", "y", "no", "yes", "f", "t", "false", "true", "off", "on",
	};
	struct memory_word word = next_word(&text);
	unsigned int i;

	if (next_word(&text).len)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (word_is_in_any_case(&word, words[i])) {
			*value = i & 1;
			return 0;
		}
	}
	return -EINVAL;
}

static const char * const verbs[] = {
	[MEMORY_VERB_OFFLINE]		= "offline",
	[MEMORY_VERB_ONLINE]		= "online",
	[MEMORY_VERB_ONLINE_KERNEL]	= "online_kernel",
	[MEMORY_VERB_ONLINE_MOVABLE]	= "online_movable",
	[MEMORY_VERB_QUERY]		= "query",
	[MEMORY_VERB_WHY]		= "why",
	[MEMORY_VERB_CANCEL]		= "cancel",
};

/**
 * memory_verb_name() - return the name of a verb
 * @verb: the verb
 *
 * Context: Any.
 * Return: the word that users write.
 */
const char *memory_verb_name(enum memory_verb verb)
{
	return verbs[verb];
}

static bool word_to_verb(const struct memory_word *word, enum memory_verb *verb)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (word_is(word, verbs[i])) {
			*verb = i;
			return true;
		}
	}
	return false;
}

static bool word_to_zone(const struct memory_word *word, struct memory_order *order)
{
	if (*order->zone || !word->len || word->len >= sizeof(order->zone))
		return false;
	memcpy(order->zone, word->at, word->len);
	return true;
}

/* Parses the places or the size of a request, which has exactly one of the two. */
static bool parse_subject(struct memory_word word, u64 block_bytes, struct memory_order *order)
{
	if (order->places || order->size)
		return false;
	if (!word_strip_name(&word, "size"))
		return word_to_places(&word, block_bytes, order);
	return word_to_size(word, &order->size) && order->size &&
	       !(order->size & (block_bytes - 1));
}

/* Parses one of the words after a verb that changes memory. */
static bool parse_option(struct memory_word word, u64 block_bytes, struct memory_order *order)
{
	u64 number;

	if (word_is(&word, "best-effort")) {
		if (order->best_effort)
			return false;
		order->best_effort = true;
	} else if (word_strip_name(&word, "timeout")) {
		if (order->timed || !word_to_number(word, ~0U, &number))
			return false;
		order->timed = true;
		order->timeout_ms = number;
	} else if (word_strip_name(&word, "node")) {
		if (order->node >= 0 || !word_to_number(word, INT_MAX, &number))
			return false;
		order->node = number;
	} else if (word_strip_name(&word, "zone")) {
		return word_to_zone(&word, order);
	} else {
		return parse_subject(word, block_bytes, order);
	}
	return true;
}

/* The place of "why" has to be one block, given by its ID or name. */
static bool is_one_block(const struct memory_order *order, u64 block_bytes)
{
	const char *places = order->places;
	struct memory_place place;

	return order->nr_places == 1 &&
	       memory_order_next_place(&places, block_bytes, &place) && !place.is_group &&
	       !(place.start & (block_bytes - 1)) && place.last - place.start == block_bytes - 1;
}

/* Is the combination of the words valid? */
static bool is_order(const struct memory_order *order, u64 block_bytes)
{
	if (order->verb == MEMORY_VERB_CANCEL)
		return !order->places;
	if (order->verb == MEMORY_VERB_WHY)
		return order->places && is_one_block(order, block_bytes);
	if (!order->places && !order->size)
		return false;
	return order->size || (order->node < 0 && !*order->zone);
}

/**
 * memory_parse_order() - parse a request of a user
 * @text: the request, see the top of this file; has to exist as long as @order
 * @block_bytes: size of a memory block in bytes, a power of two
 * @order: written on success
 *
 * Context: Any.
 * Return: 0, or -EINVAL.
 */
int memory_parse_order(const char *text, u64 block_bytes, struct memory_order *order)
{
	struct memory_word word = next_word(&text);
	struct memory_order new = { .node = -1 };
	bool valid;

	if (!word_to_verb(&word, &new.verb))
		return -EINVAL;
	for (word = next_word(&text); word.len; word = next_word(&text)) {
		if (new.verb < MEMORY_VERB_QUERY)
			valid = parse_option(word, block_bytes, &new);
		else
			valid = !new.places && word_to_places(&word, block_bytes, &new);
		if (!valid)
			return -EINVAL;
	}
	if (!is_order(&new, block_bytes))
		return -EINVAL;
	*order = new;
	return 0;
}
