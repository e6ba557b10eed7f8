// SPDX-License-Identifier: GPL-2.0
/*
 * Formats texts of any length for readers that get them in parts. Owns nothing, uses only its
 * arguments, and needs no lock.
 *
 * Invariant: the parts that a reader gets, concatenated, are the whole text.
 */
#include "memory_text.h"

/**
 * memory_text_add() - append to a text
 * @text: the text
 * @format: printf format; the result is cut after %MEMORY_TEXT_PIECE - 1 characters
 *
 * Context: Any.
 * Return: true; false if the buffer of the reader is full, so that the rest of the text need
 * not be formatted.
 */
bool memory_text_add(struct memory_text *text, const char *format, ...)
{
	char piece[MEMORY_TEXT_PIECE];
	size_t len, skip, want;
	va_list args;
	int ret;

	va_start(args, format);
	ret = vsnprintf(piece, sizeof(piece), format, args);
	va_end(args);
	len = min((size_t)max(ret, 0), sizeof(piece) - 1);
	skip = text->skip < len ? text->skip : len;
	want = min(len - skip, text->room - text->len);

	memcpy(text->to + text->len, piece + skip, want);
	text->skip -= skip;
	text->len += want;
	return text->len < text->room;
}

static bool memory_list_put(struct memory_list *list)
{
	const char *comma = list->any ? "," : "";

	list->any = true;
	list->pending = false;
	if (list->first == list->last)
		return memory_text_add(list->text, "%s%lu", comma, list->first);
	return memory_text_add(list->text, "%s%lu-%lu", comma, list->first, list->last);
}

/**
 * memory_list_add() - append a number to a list
 * @list: the list
 * @number: a number greater than all numbers before it
 *
 * Context: Any.
 * Return: like memory_text_add().
 */
bool memory_list_add(struct memory_list *list, unsigned long number)
{
	bool more = true;

	if (list->pending && number == list->last + 1) {
		list->last = number;
		return true;
	}
	if (list->pending)
		more = memory_list_put(list);
	list->first = number;
	list->last = number;
	list->pending = true;
	return more;
}

/**
 * memory_list_end() - end a list after its last number
 * @list: the list
 *
 * Appends a newline. A list without numbers becomes "none".
 *
 * Context: Any.
 * Return: like memory_text_add().
 */
bool memory_list_end(struct memory_list *list)
{
	if (list->pending)
		memory_list_put(list);
	return memory_text_add(list->text, list->any ? "\n" : "none\n");
}
