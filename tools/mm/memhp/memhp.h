/* SPDX-License-Identifier: GPL-2.0 */
/* The options of the command line, and the commands. */
#ifndef MEMHP_H
#define MEMHP_H

#include <stdbool.h>

/* Exit codes, those of chmem(8). All errors of usage are of the first kind. */
#define DONE_NOTHING	1
#define DONE_PARTLY	64

struct options {
	bool json, verbose, best_effort, color;
	int node;		/* NONE: any */
	const char *zone;	/* NULL: any */
	const char *online;	/* what is written to bring a block online */
	double timeout;		/* seconds, 0: as long as the kernel lets it take */
};

extern struct options opt;

/* Each command returns the exit code; @arg is NULL where it has no argument. */
int run_map(const char *arg);
int run_why(const char *arg);
int run_query(const char *arg);
int run_groups(const char *arg);
int run_offline(const char *arg);
int run_online(const char *arg);

#endif /* MEMHP_H */
