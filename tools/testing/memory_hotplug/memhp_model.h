/* SPDX-License-Identifier: GPL-2.0 */
/* What holds for any text that the pure part of memhp is given, for the tests and the fuzzer. */
#ifndef MEMHP_MODEL_H
#define MEMHP_MODEL_H

struct kunit;

void memhp_model_try(struct kunit *test, const char *text);

#endif /* MEMHP_MODEL_H */
