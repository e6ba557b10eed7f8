// SPDX-License-Identifier: GPL-2.0
/*
 * Signals that end a request. They are held back, and polled for while a request is running.
 * This file owns the descriptor that can be read after a signal has come, or a child has ended.
 */
#include <err.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "signals.h"

static int fd = -1;

/* Holds signals back until take_signal() is called. */
void hold_signals(void)
{
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGCHLD);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	sigprocmask(SIG_BLOCK, &held, NULL);
	fd = signalfd(-1, &held, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		err(1, "signals");
}

/* Returns the descriptor to poll. */
int signal_handle(void)
{
	return fd;
}

/* Takes all signals that have come. Returns true if one of them ends the request. */
bool take_signal(void)
{
	struct signalfd_siginfo info;
	bool ret = false;

	while (read(fd, &info, sizeof(info)) == sizeof(info))
		ret |= info.ssi_signo != SIGCHLD;
	return ret;
}
