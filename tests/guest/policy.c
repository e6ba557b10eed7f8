// SPDX-License-Identifier: GPL-2.0
/*
 * policy MODE NODES MIB: a program that allocates its memory by a policy.
 *
 * MODE is bind, preferred, preferred-many, interleave or weighted-interleave, followed
 * by "=static" if the policy is for these nodes only, also when nodes lose their memory
 * or get memory. NODES is a list: 1,2. Prints the number of pages on each node.
 *
 * SIGUSR1: check the data, allocate as much memory again, print. SIGTERM: check the
 * data, print the number of pages on each node, exit 0 if all data is right.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "place.h"

#define NODES	8
#define BATCH	512

static const char * const modes[] = {		/* MPOL_* in their order */
	"default", "preferred", "bind", "interleave", "local", "preferred-many", "weighted-interleave",
};

static size_t pages;
static unsigned int round_nr;
static volatile sig_atomic_t again, end;

static void on_signal(int sig)
{
	if (sig == SIGTERM)
		end = 1;
	else
		again = 1;
}

static void set_policy(const char *text, char *nodes)
{
	size_t length = strcspn(text, "=");
	unsigned long mask = 0;
	int mode = -1;

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		if (strlen(modes[i]) == length && !strncmp(modes[i], text, length))
			mode = i;
	if (mode < 0)
		errx(2, "%s is no policy", text);
	if (!strcmp(text + length, "=static"))
		mode |= MPOL_F_STATIC_NODES;
	for (char *node = strtok(nodes, ","); node; node = strtok(NULL, ","))
		mask |= 1UL << atoi(node);
	if (syscall(SYS_set_mempolicy, mode, &mask, 8 * sizeof(mask)))
		err(2, "set_mempolicy");
}

static unsigned long word(size_t page)
{
	return page * 0x9e3779b97f4a7c15UL + round_nr;
}

static char *fill(void)
{
	char *data = map_pages(pages);

	madvise(data, pages * PAGE, MADV_NOHUGEPAGE);
	round_nr++;
	for (size_t i = 0; i < pages; i++)
		*(unsigned long *)(data + i * PAGE) = word(i);
	return data;
}

static void check(const char *data)
{
	for (size_t i = 0; i < pages; i++)
		if (*(const unsigned long *)(data + i * PAGE) != word(i))
			errx(1, "page %zu is wrong", i);
}

static void print_nodes(char *data)
{
	size_t count[NODES] = { 0 };

	for (size_t i = 0; i < pages; i += BATCH) {
		size_t nr = pages - i < BATCH ? pages - i : BATCH;
		void *address[BATCH];
		int node[BATCH];

		for (size_t j = 0; j < nr; j++)
			address[j] = data + (i + j) * PAGE;
		if (syscall(SYS_move_pages, 0, nr, address, NULL, node, 0))
			err(2, "move_pages");
		for (size_t j = 0; j < nr; j++)
			if (node[j] >= 0 && node[j] < NODES)
				count[node[j]]++;
	}
	for (int node = 0; node < NODES; node++)
		printf("%zu%c", count[node], node < NODES - 1 ? ' ' : '\n');
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_signal };
	sigset_t blocked, waiting;
	char *data;

	if (argc != 4)
		errx(2, "usage: policy MODE NODES MIB");
	setvbuf(stdout, NULL, _IOLBF, 0);
	pages = strtoul(argv[3], NULL, 0) << (20 - 12);
	set_policy(argv[1], argv[2]);

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &waiting);
	sigaction(SIGUSR1, &act, NULL);
	sigaction(SIGTERM, &act, NULL);

	data = fill();
	print_nodes(data);
	while (!end) {
		sigsuspend(&waiting);
		check(data);
		if (again) {
			again = 0;
			munmap(data, pages * PAGE);
			data = fill();
			print_nodes(data);
		}
	}
	print_nodes(data);
	return 0;
}
