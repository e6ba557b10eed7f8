/* SPDX-License-Identifier: GPL-2.0 */
/* The options of the command line, and the commands. */
#ifndef MEMHP_H
#define MEMHP_H

#include <stdbool.h>

/* The exit codes of chmem(8). Errors of usage have the first one. */
#define DONE_NOTHING	1
#define DONE_PARTLY	64

struct options {
	bool json, verbose, best_effort, color;
	int node;		/* NONE: any node */
	const char *zone;	/* NULL: any zone */
	const char *online;	/* the word that brings a block online */
	double timeout;		/* seconds, 0: the limit of the kernel */
};

extern struct options opt;

/* Each command returns the exit code; @arg is NULL if the command has no argument. */
int run_map(const char *arg);
int run_why(const char *arg);
int run_query(const char *arg);
int run_groups(const char *arg);
int run_offline(const char *arg);
int run_online(const char *arg);

#endif /* MEMHP_H */
