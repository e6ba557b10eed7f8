/* SPDX-License-Identifier: GPL-2.0 */
/* JSON on standard output, one member in each line. */
#ifndef MEMHP_JSON_H
#define MEMHP_JSON_H

#include "text.h"

void json_open(const char *key, char bracket);
void json_close(char bracket);
void json_number(const char *key, u64 n);
void json_string(const char *key, const char *s);
void json_bool(const char *key, bool b);
void json_id(const char *key, int n);
void json_pairs(const char *name, const struct pairs *p);

#endif /* MEMHP_JSON_H */
