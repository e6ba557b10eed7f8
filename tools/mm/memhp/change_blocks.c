// SPDX-License-Identifier: GPL-2.0
/*
 * Requests block by block, through the files "state" in sysfs: all that the kernel of today
 * has. Each write is made by a child, as it may take long and only a signal ends it.
 */
#include <errno.h>
#include <fcntl.h>
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "change.h"
#include "memhp.h"
#include "last_request.h"
#include "sysfs.h"

static void on_term(int sig)
{
	(void)sig;
}

static sigset_t held_signals;

/* From now on, signals that end a request are waited for in attend_write(). */
void hold_signals(void)
{
	sigemptyset(&held_signals);
	sigaddset(&held_signals, SIGCHLD);
	sigaddset(&held_signals, SIGINT);
	sigaddset(&held_signals, SIGTERM);
	sigaddset(&held_signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &held_signals, NULL);
}

/* A write that may last, by a child: SIGTERM interrupts it, and nothing else. */
pid_t start_write(int fd, const char *text)
{
	struct sigaction act = { .sa_handler = on_term };
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

/* What brings a block back to where it was, the zone included. */
static const char *former(const struct change *c, const struct block *b)
{
	if (!c->offline)
		return "offline";
	return block_is_movable(b) ? "online_movable" : "online_kernel";
}

/*
 * Where the kernel takes an offline back by that, says "online" to a block that is on its way.
 * And with the zone: should it have gone by then, it comes back to where it was.
 */
static bool take_back(const struct change *c)
{
	struct block *b = NULL;
	const char *word;
	bool done;
	int fd;

	for (unsigned int i = 0; c->offline && i < c->range.nr; i++) {
		b = c->range.blocks[i];
		if (read_state(b) && block_is(b, "going-offline"))
			break;
		b = NULL;
	}
	fd = b ? open_file(O_RDONLY, MEMORY "/memory%lu/progress", b->nr) : NONE;
	if (fd < 0)
		return false;
	close(fd);
	fd = open_file(O_WRONLY, MEMORY "/memory%lu/state", b->nr);
	word = former(c, b);
	done = fd >= 0 && write(fd, word, strlen(word)) > 0;
	if (fd >= 0)
		close(fd);
	return done;
}

/* Else, and where that has not helped a second later, the writer gets a signal until it ends. */
static void cancel(struct change *c, pid_t writer)
{
	bool first = !c->cancel_begin;

	if (first)
		c->cancel_begin = now();
	if (first ? !take_back(c) : now() - c->cancel_begin > 1)
		kill(writer, SIGTERM);
}

/* Until the writer has ended, or has been ended. Returns its error, 0: none. */
int attend_write(struct change *c, pid_t writer, bool may_cancel)
{
	const struct timespec tick = { .tv_nsec = 100000000 };
	int sig, status;
	pid_t ended;

	if (writer < 0)
		return errno;
	c->cancel_begin = 0;
	while (!(ended = waitpid(writer, &status, WNOHANG))) {
		sig = sigtimedwait(&held_signals, NULL, &tick);
		if (sig > 0 && sig != SIGCHLD)
			c->cancelled = true;
		if (c->limit && now() - c->begin > c->limit)
			c->late = true;
		if (may_cancel && (c->cancelled || c->late))
			cancel(c, writer);
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

/* One block; false if no other is to follow. */
static bool change_block(struct change *c, struct block *b)
{
	double begin = now();
	int error = write_state(c, b, c->word, true);
	struct pairs p;

	clear_progress(c);
	/* It may have been taken back as soon as it was there. */
	if (!error && read_state(b) && !block_is(b, c->goal))
		error = ECANCELED;
	if (!error) {
		b->outcome = CHANGED;
		c->done++;
		print_verbose("memory%lu is %s, %.0f ms\n", b->nr, c->goal, (now() - begin) * 1000);
	} else {
		if (c->cancelled || c->late || read_last_request(b, &p) != BADLY ||
		    !take_reason(b, &p))
			snprintf(b->reason, sizeof(b->reason), "%s", c->cancelled ? "cancelled" :
				 c->late ? "not in time" : strerror(error));
		note_failure(c, b);
	}
	if (c->cancelled || c->late)
		return false;
	return !error || c->may_skip || opt.best_effort;
}

static void roll_back(struct change *c)
{
	for (unsigned int i = c->range.nr; i-- > 0; ) {
		struct block *b = c->range.blocks[i];
		int error;

		if (b->outcome != CHANGED)
			continue;
		error = write_state(c, b, former(c, b), false);
		clear_progress(c);
		if (error) {
			snprintf(b->reason, sizeof(b->reason), "%s", strerror(error));
			warnx("memory%lu stays %s: %s", b->nr, c->goal, b->reason);
			b->outcome = STUCK;
			continue;
		}
		b->outcome = TAKEN_BACK;
		c->done--;
		print_verbose("memory%lu is as before\n", b->nr);
	}
}

void change_by_blocks(struct change *c)
{
	for (unsigned int i = 0; i < c->range.nr && c->done < c->wanted; i++)
		if (!change_block(c, c->range.blocks[i]))
			break;
	if (c->done < c->wanted && !opt.best_effort)
		roll_back(c);
}

