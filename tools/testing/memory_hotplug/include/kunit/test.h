/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replaces <kunit/test.h> in user space: the part of KUnit that the suites of
 * mm/mhp/tests use. A failed expectation is printed and counted; a failed
 * assertion ends the program.
 */
#ifndef _KUNIT_TEST_H
#define _KUNIT_TEST_H

#include <stdio.h>
#include <stdlib.h>

struct kunit {
	const char *name;
	unsigned int failures;
	void *memory;
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
};

struct kunit_suite {
	const char *name;
	struct kunit_case *test_cases;
	struct kunit_suite *next;
};

/* Defined by main.c and fuzz.c. */
void kunit_register(struct kunit_suite *suite);
void kunit_fail(struct kunit *test, const char *file, int line,
		const char *what, const char *more);

#define KUNIT_CASE(function)	{ .run_case = function, .name = #function }
#define MODULE_DESCRIPTION(s)	extern const char kunit_module[sizeof(s)]
#define MODULE_LICENSE(s)	extern const char kunit_licence[sizeof(s)]
#define GFP_KERNEL		0

#define kunit_test_suite(suite)						\
	__attribute__((constructor)) static void suite##_register(void)	\
	{								\
		kunit_register(&(suite));					\
	}

/* Each test may allocate once; main.c frees the memory after the test. */
static inline void *kunit_kzalloc(struct kunit *test, size_t size, int gfp)
{
	(void)gfp;
	if (test->memory)
		abort();
	test->memory = calloc(1, size);
	return test->memory;
}

#define KUNIT_CHECK(test, cond, what, ...) do {				\
	char _more[200];						\
	if (cond)							\
		break;							\
	snprintf(_more, sizeof(_more), " " __VA_ARGS__);			\
	kunit_fail(test, __FILE__, __LINE__, what, _more);		\
} while (0)

#define KUNIT_BINARY(test, a, op, b, ...) do {				\
	const typeof(a) _l = (a);					\
	const typeof(b) _r = (b);					\
	char _what[200];						\
	if (_l op _r)							\
		break;							\
	snprintf(_what, sizeof(_what), "%s " #op " %s: %#llx and %#llx", \
		 #a, #b, (unsigned long long)_l, (unsigned long long)_r); \
	KUNIT_CHECK(test, false, _what, __VA_ARGS__);			\
} while (0)

#define KUNIT_EXPECT_TRUE_MSG(t, c, ...) KUNIT_CHECK(t, c, #c, __VA_ARGS__)
#define KUNIT_EXPECT_TRUE(t, c)		KUNIT_CHECK(t, c, #c)
#define KUNIT_EXPECT_FALSE(t, c)	KUNIT_CHECK(t, !(c), "not " #c)
#define KUNIT_EXPECT_EQ_MSG(t, a, b, ...) KUNIT_BINARY(t, a, ==, b, __VA_ARGS__)
#define KUNIT_EXPECT_GT_MSG(t, a, b, ...) KUNIT_BINARY(t, a, >, b, __VA_ARGS__)
#define KUNIT_EXPECT_EQ(t, a, b)	KUNIT_BINARY(t, a, ==, b)
#define KUNIT_EXPECT_LE(t, a, b)	KUNIT_BINARY(t, a, <=, b)
#define KUNIT_EXPECT_GE(t, a, b)	KUNIT_BINARY(t, a, >=, b)
#define KUNIT_EXPECT_PTR_EQ(t, a, b)	KUNIT_CHECK(t, (a) == (b), #a " == " #b)

#define KUNIT_STRING(test, a, op, b) do {				\
	const char *_l = (a), *_r = (b);				\
	KUNIT_CHECK(test, strcmp(_l, _r) op 0, #a " " #op " " #b,	\
		    "\"%s\", \"%s\"", _l, _r);				\
} while (0)

#define KUNIT_EXPECT_STREQ(t, a, b)	KUNIT_STRING(t, a, ==, b)
#define KUNIT_EXPECT_STRNEQ(t, a, b)	KUNIT_STRING(t, a, !=, b)

#define KUNIT_ASSERT_NOT_NULL(t, p) do {				\
	if (p)								\
		break;							\
	kunit_fail(t, __FILE__, __LINE__, #p, " is NULL");		\
	exit(1);							\
} while (0)

#endif /* _KUNIT_TEST_H */
