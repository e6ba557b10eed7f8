// SPDX-License-Identifier: GPL-2.0
/*
 * Requests block by block, through the files "state" in sysfs, for kernels without
 * /dev/memory_hotplug. A child process makes each write, as a write may take long, and can be
 * ended only by a signal.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ask.h"
#include "change.h"
#include "memhp.h"
#include "signals.h"
#include "sysfs.h"

#define TICK		100	/* milliseconds between two looks at the clock */

/* ---- Choice of blocks --------------------------------------------------- */

/*
 * Orders blocks by their score, the best one first. Of equal blocks, the one with the higher
 * address comes first, as the kernel has less memory of its own at high addresses.
 */
static int compare_scores(const void *a, const void *b)
{
	const struct block *x = *(struct block **)a, *y = *(struct block **)b;

	if (x->counts.score != y->counts.score)
		return y->counts.score > x->counts.score ? 1 : -1;
	return compare_blocks(y, x);
}

static bool is_candidate(const struct change *c, const struct block *b)
{
	if (opt.node != NONE && b->node != opt.node)
		return false;
	if (!c->offline)
		return block_is(b, "offline") && (strcmp(c->word, "online_movable") ||
						  strstr(b->zones, "Movable"));
	return block_is(b, "online") && (!opt.zone || !strcasecmp(b->zones, opt.zone));
}

/* Finds the candidates for a SIZE, in the order in which they are to be tried. */
void choose_any_blocks(struct change *c, const char *text)
{
	for (unsigned int i = 0; i < nr_blocks; i++)
		if (is_candidate(c, &blocks[i]))
			select_block(&c->range, &blocks[i]);
	/* An estimated score of 0 may be wrong: such blocks are tried last. */
	if (c->offline && c->range.nr) {
		count_blocks(c->range.blocks, c->range.nr);
		qsort(c->range.blocks, c->range.nr, sizeof(*c->range.blocks), compare_scores);
	}
	if (c->range.nr < c->wanted && !opt.best_effort)
		errx(1, "only %s of %s can go %s (--best-effort takes what there is)",
		     size_text(c->range.nr * block_size), text, c->goal);
}

/* ---- A write that may take long ----------------------------------------- */

static void ignore_signal(int sig)
{
	(void)sig;
}

/* Starts a child that writes. Only SIGTERM interrupts its write. */
static pid_t start_write(int fd, const char *text)
{
	struct sigaction act = { .sa_handler = ignore_signal };
	pid_t parent = getpid(), pid = fork();
	sigset_t term;

	if (pid)
		return pid;
	sigaction(SIGTERM, &act, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	if (getppid() != parent)
		_exit(EINTR);
	_exit(write(fd, text, strlen(text)) < 0 ? errno : 0);
}

/* Waits for the writer, and ends it if the user cancels the request. Returns its error. */
static int attend_write(struct change *c, pid_t writer, bool may_cancel)
{
	int status;
	pid_t ended;

	if (writer < 0)
		return errno;
	while (!(ended = waitpid(writer, &status, WNOHANG))) {
		poll(&(struct pollfd){ .fd = signal_handle(), .events = POLLIN }, 1, TICK);
		if (take_signal())
			c->cancelled = true;
		if (c->limit && now() - c->begin > c->limit)
			c->late = true;
		/* Repeat the signal, as it may arrive just before the write begins. */
		if (may_cancel && (c->cancelled || c->late))
			kill(writer, SIGTERM);
		draw_progress(c);
	}
	return ended < 0 ? errno : WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static int write_state(struct change *c, const struct block *b, const char *word, bool may_cancel)
{
	int error, fd = open_file(O_WRONLY, MEMORY "/memory%lu/state", b->nr);

	if (fd < 0)
		return errno;
	error = attend_write(c, start_write(fd, word), may_cancel);
	close(fd);
	return error;
}

/* ---- Block by block ----------------------------------------------------- */

/* Notes why a block has not changed: the request was ended, or the kernel has a reason. */
static void find_reason(const struct change *c, struct block *b, int error)
{
	struct pairs p;

	if (c->cancelled || c->late)
		snprintf(b->reason, sizeof(b->reason), c->cancelled ? "cancelled" : "not in time");
	else if (read_last_error(b, &p) != BADLY ||
		 !take_reason(b->reason, sizeof(b->reason), &p))
		snprintf(b->reason, sizeof(b->reason), "%s", strerror(error));
}

/* Changes one block; returns false if no other block is to be tried. */
static bool change_block(struct change *c, struct block *b)
{
	int error = write_state(c, b, c->word, true);

	clear_progress(c);
	/* Another process may have changed the state back at once. */
	if (!error && read_state(b) && !block_is(b, c->goal))
		error = ECANCELED;
	if (!error) {
		note_success(c, b);
	} else {
		find_reason(c, b, error);
		note_failure(c, b);
	}
	if (c->cancelled || c->late)
		return false;
	return !error || c->any || opt.best_effort;
}

/* Returns the word that gives a block its previous state and zone. */
static const char *word_back(const struct change *c, const struct block *b)
{
	if (!c->offline)
		return "offline";
	return block_is_movable(b) ? "online_movable" : "online_kernel";
}

static void take_back(struct change *c)
{
	for (unsigned int i = c->range.nr; i-- > 0; ) {
		struct block *b = c->range.blocks[i];
		int error;

		if (b->outcome != CHANGED)
			continue;
		error = write_state(c, b, word_back(c, b), false);
		clear_progress(c);
		if (error) {
			snprintf(b->reason, sizeof(b->reason), "%s", strerror(error));
			warnx("memory%lu stays %s: %s", b->nr, c->goal, b->reason);
			b->outcome = STUCK;
			continue;
		}
		b->outcome = TAKEN_BACK;
		c->done--;
		if (opt.verbose && !opt.json)
			printf("memory%lu is as before\n", b->nr);
	}
}

/* Changes candidates until there are enough of them; otherwise undoes all changes. */
void change_by_blocks(struct change *c)
{
	for (unsigned int i = 0; i < c->range.nr && c->done < c->wanted; i++)
		if (!change_block(c, c->range.blocks[i]))
			break;
	if (c->done < c->wanted && !opt.best_effort)
		take_back(c);
}
