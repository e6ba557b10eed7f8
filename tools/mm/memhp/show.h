/* SPDX-License-Identifier: GPL-2.0 */
/* Output that several commands have in common, as text and as JSON. */
#ifndef MEMHP_SHOW_H
#define MEMHP_SHOW_H

#include "blocks.h"
#include "page.h"

#define LABEL		"%-10s"

void print_counts(const struct counts *c, bool for_root);
void print_page(const char *label, u64 pfn, const char *kind, const struct page *page);

void json_block(const struct block *b);
void json_counts(const struct counts *c);
void json_page(u64 pfn, const char *kind, const struct page *page);

#endif /* MEMHP_SHOW_H */
