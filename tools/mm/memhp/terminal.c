// SPDX-License-Identifier: GPL-2.0
/* What the terminal of the user can do. */
#include <err.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "terminal.h"
#include "text.h"

bool utf8;

/* Finds out whether the locale is one of UTF-8. */
void find_encoding(void)
{
	setlocale(LC_CTYPE, "");
	utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* Decides about color by the argument of --color, of which NULL stands for none. */
bool wants_color(const char *when)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (!when || !strcmp(when, "always"))
		return true;
	if (!strcmp(when, "never"))
		return false;
	if (strcmp(when, "auto"))
		errx(1, "--color=%s: it is auto, always or never", when);
	return isatty(STDOUT_FILENO) && (!no || !*no) && term && strcmp(term, "dumb");
}

/* Returns how many columns a line has, 80 where nobody knows. */
unsigned int terminal_width(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	u64 n;

	if (!ioctl(fd, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	return columns && parse_number(columns, &n) && n && n < 10000 ? n : 80;
}
