// SPDX-License-Identifier: GPL-2.0
/* Runs the suites that are linked in: all of them, or those named by the arguments. */
#include <kunit/test.h>

#define MAX_PRINTED	5

static struct kunit_suite *suites, **last_suite = &suites;

void kunit_register(struct kunit_suite *suite)
{
	*last_suite = suite;
	last_suite = &suite->next;
}

void kunit_fail(struct kunit *test, const char *file, int line,
		const char *what, const char *more)
{
	if (++test->failures <= MAX_PRINTED)
		printf("%s:%d: %s: %s%s\n", file, line, test->name, what,
		       more);
}

static bool wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc == 1;
}

static bool passes(const struct kunit_case *c)
{
	struct kunit test = { .name = c->name };

	c->run_case(&test);
	free(test.memory);
	if (test.failures > MAX_PRINTED)
		printf("%s: %u failures in all\n", c->name, test.failures);
	return !test.failures;
}

int main(int argc, char **argv)
{
	unsigned int run = 0, passed = 0;
	const struct kunit_suite *suite;
	const struct kunit_case *c;

	for (suite = suites; suite; suite = suite->next) {
		if (!wanted(suite->name, argc, argv))
			continue;
		for (c = suite->test_cases; c->run_case; c++) {
			bool ok = passes(c);

			printf("%s %s %s\n", ok ? "ok  " : "FAIL",
			       suite->name, c->name);
			run++;
			passed += ok;
		}
	}
	printf("%u tests run, %u passed, %u failed.\n", run, passed,
	       run - passed);
	return run && run == passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
