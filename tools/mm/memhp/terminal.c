// SPDX-License-Identifier: GPL-2.0
/* Properties of the user's terminal. */
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

/* Sets utf8 if the encoding of the locale is UTF-8. */
void find_encoding(void)
{
	setlocale(LC_CTYPE, "");
	utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* Returns whether to use colors. @when is the argument of --color, or NULL if it has none. */
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

/* Returns the number of columns of a line; 80 if it is not known. */
unsigned int terminal_width(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	u64 n;

	if (!ioctl(fd, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	return columns && parse_number(columns, &n) && n && n < 10000 ? n : 80;
}
