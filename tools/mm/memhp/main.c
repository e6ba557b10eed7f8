// SPDX-License-Identifier: GPL-2.0
/*
 * memhp shows the memory blocks of this machine, explains why a block cannot go offline, takes
 * blocks offline and brings them online. This file has the commands and the options.
 *
 * The program does not rely on the format of the kernel's texts: unknown words are shown as they
 * are, and missing values are unknown.
 */
#include <err.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blocks.h"
#include "memhp.h"
#include "sysfs.h"
#include "terminal.h"

#define VERSION		"1.3"
#define LETTERS		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

struct options opt = { .node = NONE, .online = "online" };

static const struct command {
	const char *name, *arg;
	int (*run)(const char *arg);
	const char *options;	/* letters, in addition to COMMON */
	const char *help;
} commands[] = {
	{ "map", NULL, run_map, "c", "draw all memory blocks (default)" },
	{ "why", "BLOCK", run_why, "", "why a block does not go offline" },
	{ "query", "RANGE", run_query, "", "whether it could go offline; exit code 0: yes" },
	{ "offline", "RANGE|SIZE", run_offline, "tbnzv", "take memory offline" },
	{ "online", "RANGE|SIZE", run_online, "tbnkmv", "bring memory online" },
	{ "groups", NULL, run_groups, "", "which blocks belong together" },
};

static const struct {
	const char *name;
	int letter;
	const char *arg;
	const char *help;
} options[] = {
	{ "json", 'J', NULL, "use JSON output format" },
	{ "sysroot", 's', "DIR", "use the specified directory as system root" },
	{ "color", 'c', "[=WHEN]", "map: auto, always or never" },
	{ "timeout", 't', "SECONDS", "offline, online: time limit" },
	{ "best-effort", 'b', NULL, "offline, online: keep changed blocks if others fail" },
	{ "node", 'n', "N", "offline, online SIZE: choose from this NUMA node" },
	{ "zone", 'z', "ZONE", "offline SIZE: choose from this zone" },
	{ "kernel", 'k', NULL, "online: to a zone of the kernel" },
	{ "movable", 'm', NULL, "online: to ZONE_MOVABLE" },
	{ "verbose", 'v', NULL, "offline, online: a line for each block" },
	{ "help", 'h', NULL, "display this help" },
	{ "version", 'V', NULL, "display version" },
};

/* Letters of the options that all commands have. */
#define COMMON	"JshV"

static void help(void)
{
	char text[32];

	puts("\nUsage:\n memhp [options] [command]\n\n"
	     "Shows memory blocks and why they do not go offline; takes them offline and online.\n\n"
	     "Commands:");
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++) {
		snprintf(text, sizeof(text), "%s %s", commands[i].name, commands[i].arg ?: "");
		printf(" %-22s %s\n", text, commands[i].help);
	}
	puts("\nA RANGE is memory12, 12-15, 0x0-0x7ffffff or group3, or a list with commas.\n"
	     "A SIZE is 512M or 2G.\n\n"
	     "Options:");
	for (unsigned int i = 0; i < ARRAY_SIZE(options); i++) {
		const char *arg = options[i].arg ?: "";

		snprintf(text, sizeof(text), "--%s%s%s", options[i].name,
			 *arg && *arg != '[' ? " " : "", arg);
		printf(" -%c, %-18s %s\n", options[i].letter, text, options[i].help);
	}
	puts("\nExit codes: 0 done, 1 nothing done, 64 partly done.\n\n"
	     "For more details see memhp(1).");
}

static void set_option(int letter, const char *arg)
{
	char *end;
	u64 n;

	switch (letter) {
	case 'J':
		opt.json = true;
		break;
	case 's':
		use_root(arg);
		break;
	case 'c':
		opt.color = wants_color(arg);
		break;
	case 't':
		opt.timeout = strtod(arg, &end);
		if (*end || end == arg || !(opt.timeout > 0 && opt.timeout < 1e6))
			errx(1, "--timeout %s: it is a number of seconds", arg);
		break;
	case 'b':
		opt.best_effort = true;
		break;
	case 'n':
		if (!parse_number(arg, &n) || n > INT_MAX)
			errx(1, "--node %s: it is the number of a node", arg);
		opt.node = n;
		break;
	case 'z':
		if (!*arg || strspn(arg, LETTERS) != strlen(arg))
			errx(1, "--zone %s: it is the name of a zone", arg);
		opt.zone = arg;
		break;
	case 'k':
	case 'm':
		opt.online = letter == 'k' ? "online_kernel" : "online_movable";
		break;
	case 'v':
		opt.verbose = true;
		break;
	case 'h':
		help();
		exit(0);
	case 'V':
		puts("memhp " VERSION);
		exit(0);
	default:
		fputs("Try 'memhp --help'.\n", stderr);
		exit(1);
	}
}

/* Parses and sets the options; returns the letters of those that were used. */
static const char *parse_options(int argc, char **argv)
{
	static char used[64];
	struct option longs[ARRAY_SIZE(options) + 1] = {};
	char shorts[4 * ARRAY_SIZE(options)] = "";
	size_t len = 0, nr = 0;
	int letter;

	for (unsigned int i = 0; i < ARRAY_SIZE(options); i++) {
		const char *arg = options[i].arg;

		longs[i].name = options[i].name;
		longs[i].val = options[i].letter;
		longs[i].has_arg = !arg ? no_argument : *arg == '[' ? optional_argument :
				   required_argument;
		len += sprintf(shorts + len, "%c%s", options[i].letter,
			       !arg ? "" : *arg == '[' ? "::" : ":");
	}
	while ((letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		set_option(letter, optarg);
		if (nr < sizeof(used) - 1)
			used[nr++] = letter;
	}
	return used;
}

static const struct command *find_command(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	errx(1, "there is no command '%s': see 'memhp --help'", name);
}

static void check_usage(const struct command *command, const char *used, int nr_args)
{
	for (; *used; used++)
		if (!strchr(COMMON, *used) && !strchr(command->options, *used))
			errx(1, "-%c does not belong to '%s': see 'memhp --help'", *used,
			     command->name);
	if (nr_args != !!command->arg)
		errx(1, "usage: memhp %s %s", command->name, command->arg ?: "");
}

int main(int argc, char **argv)
{
	const struct command *command = commands;
	const char *used;
	int ret;

	find_encoding();
	page_size = sysconf(_SC_PAGESIZE);
	opt.color = wants_color("auto");
	used = parse_options(argc, argv);
	argv += optind;
	argc -= optind;
	if (argc) {
		command = find_command(*argv++);
		argc--;
	}
	check_usage(command, used, argc);

	find_blocks();
	ret = command->run(argc ? *argv : NULL);
	free(blocks);
	if (fflush(stdout) || ferror(stdout))
		err(1, "standard output");
	return ret;
}
