// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the models of the suites on the bytes of libFuzzer. The first byte chooses the model:
 * spans, requests of drivers, the text of a user's request, or a text that memhp reads.
 */
#include "../../../mm/mhp/tests/span_kunit.c"
#include "../../../mm/mhp/tests/request_kunit.c"
#undef MIB
#undef BLOCK
#include "../../../drivers/base/memory_order_kunit.c"
#include "memhp_model.h"

void kunit_register(struct kunit_suite *suite)
{
	(void)suite;
}

void kunit_fail(struct kunit *test, const char *file, int line,
		const char *what, const char *more)
{
	(void)test;
	fprintf(stderr, "%s:%d: %s%s\n", file, line, what, more);
	abort();
}

static void fuzz_span(struct kunit *test, const u8 *bytes, size_t nr_bytes)
{
	struct model model = { .test = test };

	model_play(&model, bytes, nr_bytes);
}

static void fuzz_request(struct kunit *test, const u8 *bytes, size_t nr_bytes)
{
	struct mhp_limits lim = machine;
	struct {
		u64 start, size, first, last, max_bytes;
		int nid, nr_nodes;
		u8 shift;
	} in = {};

	memcpy(&in, bytes, min(nr_bytes, sizeof(in)));
	lim.block_bytes = 1ULL << (in.shift % 40 + PAGE_SHIFT);
	lim.first = in.first;
	lim.last = in.last;
	lim.max_bytes = in.max_bytes;
	lim.nr_nodes = in.nr_nodes;
	model_compare(test, in.nid, in.start, in.size, &lim);
	/* Most random numbers are not aligned, so also try aligned ones. */
	model_compare(test, in.nid, ALIGN_DOWN(in.start, lim.block_bytes),
		      ALIGN_DOWN(in.size, lim.block_bytes), &lim);
}

/* Calls @try with a text in an allocation of its size, so that ASan catches reads beyond it. */
static void fuzz_text(struct kunit *test, const u8 *bytes, size_t nr_bytes,
		      void (*try)(struct kunit *test, const char *text))
{
	char *text = malloc(nr_bytes + 1);

	if (!text)
		abort();
	memcpy(text, bytes, nr_bytes);
	text[nr_bytes] = '\0';
	try(test, text);
	free(text);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t nr_bytes);

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t nr_bytes)
{
	struct kunit test = { .name = "fuzz" };

	if (!nr_bytes)
		return 0;
	if (*bytes % 4 == 0)
		fuzz_span(&test, bytes + 1, nr_bytes - 1);
	else if (*bytes % 4 == 1)
		fuzz_request(&test, bytes + 1, nr_bytes - 1);
	else if (*bytes % 4 == 2)
		fuzz_text(&test, bytes + 1, nr_bytes - 1, order_try);
	else
		fuzz_text(&test, bytes + 1, nr_bytes - 1, memhp_model_try);
	return 0;
}
