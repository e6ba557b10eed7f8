// SPDX-License-Identifier: GPL-2.0
/* Output that several commands have in common, as text and as JSON. */
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "show.h"

/* Prints the counts of the pages. @for_root: the kernel would tell root more. */
void print_counts(const struct counts *c, bool for_root)
{
	if (c->source == NOBODY) {
		printf(LABEL "%s\n", "pages", for_root ? "only root can see what they are" :
		       "this kernel does not tell; as root they can be estimated");
		return;
	}
	for (int i = 0; i < NR_CLASSES; i++)
		printf(LABEL "%10llu %-9s %7s\n", i ? "" : "pages", c->pages[i], class_names[i],
		       size_text(c->pages[i] * page_size));
	printf(LABEL "%u of 100%s\n", "score", c->score, c->source == ESTIMATE ?
	       ", an estimate by the flags of pages: they do not tell who is pinned" : "");
}

/* Prints the kind of a page, its flags, and its owner. */
void print_page(const char *label, u64 pfn, const char *kind, const struct page *page)
{
	const char *line = page->owner;
	int len;

	printf(LABEL "page frame %#llx", label, pfn);
	if (kind)
		printf(", %s", kind);
	putchar('\n');
	if (page->known)
		printf(LABEL "flags %s, mapped %llu times\n", "",
		       *page->flag_text ? page->flag_text : "none", page->mapped);
	for (; *line; line += len + !!line[len]) {
		len = strcspn(line, "\n");
		if (len)
			printf(LABEL "%.*s\n", "", len, line);
	}
	if (!*page->owner)
		printf(LABEL "%s\n", "", page->has_owners ?
		       "nobody is known to have allocated it" :
		       "who allocated it is not recorded (boot option page_owner=on)");
}

/* Writes the members of a block. */
void json_block(const struct block *b)
{
	json_number("block", b->nr);
	json_number("start", block_address(b));
	json_number("size", block_size);
	json_string("state", b->state);
	json_string("zones", b->zones);
	json_id("node", b->node);
	json_id("group", b->group);
	json_bool("removable", b->removable);
}

/* Writes the members for the contents of a block or a range. */
void json_counts(const struct counts *c)
{
	static const char * const sources[] = { NULL, "estimate", "kernel" };

	json_string("source", sources[c->source]);
	if (c->source == NOBODY)
		return;
	for (int i = 0; i < NR_CLASSES; i++)
		json_number(class_names[i], c->pages[i]);
	if (c->blocked)
		json_number("blocker", c->blocker);
	else
		json_string("blocker", NULL);
	json_string("kind", strcmp(c->kind, "none") ? c->kind : NULL);
	json_number("score", c->score);
}

/* Writes the member "page". */
void json_page(u64 pfn, const char *kind, const struct page *page)
{
	json_open("page", '{');
	json_number("pfn", pfn);
	json_string("kind", kind);
	json_string("flags", page->known ? page->flag_text : NULL);
	if (page->known)
		json_number("mapped", page->mapped);
	json_string("owner", *page->owner ? page->owner : NULL);
	json_close('}');
}
