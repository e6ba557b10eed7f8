#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# install.sh TREE: what "make -C tools/mm install" of a kernel tree installs of memhp, and where.
# It builds in a copy, and installs into a directory of its own.
set -u

tree=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset DESTDIR prefix sbindir mandir bash_compdir MAKEFLAGS MFLAGS
export LC_ALL=C
run=0 failed=0

# holds WHAT COMMAND...: the command must succeed; what it prints is shown otherwise
holds() {
	what=$1
	shift
	run=$((run + 1))
	"$@" > "$work/said" 2>&1 && return
	failed=$((failed + 1))
	echo "not ok $what"
	cat "$work/said"
}

# installs WHAT DIRECTORY ARGUMENT...: make with these succeeds, and puts into a new DESTDIR what it installs
installs() {
	rm -rf "$work/root"
	what=$1 directory=$work/tools/$2
	shift 2
	holds "$what" make -s -C "$directory" DESTDIR="$work/root" "$@"
}

# are FILE...: these files of memhp are in DESTDIR, each with its mode, and no others
are() {
	(cd "$work/root" && find . -path '*memhp*' -type f -printf '%m %P\n') | sort > "$work/is"
	printf '%s\n' "$@" | sort | diff - "$work/is"
}

# Nothing of memhp was written outside of DESTDIR.
nowhere_else() {
	! find /usr/sbin/memhp /usr/share/man/man1/memhp.1 /usr/share/bash-completion/completions/memhp \
		-newer "$work/begin" 2> /dev/null | grep .
}

# The number of main.c, which is that of CHANGES.md in the repository of this series.
version() {
	is=$("$program" --version)
	[ "$is" = "memhp $(sed -n 's/^#define VERSION[^"]*"\(.*\)"/\1/p' "$tree/tools/mm/memhp/main.c")" ] || { echo "$is"; return 1; }
}

# All words of the usage: commands and long options.
words() { "$program" --help | sed -nE '/^Commands:/,/^$/s/^ ([a-z]+) .*/\1/p; s/^ -., (--[a-z-]+).*/\1/p'; }

# has_words FILE: each of them is there
has_words() {
	words > "$work/words"
	[ "$(wc -l < "$work/words")" -gt 15 ] || { echo "the usage has only:" && cat "$work/words"; return 1; }
	while read -r word; do
		grep -qw -e "$word" "$1" || { echo "no $word"; return 1; }
	done < "$work/words"
}

manual() {
	groff -man -Tascii -P-bcou -ww "$share/man/man1/memhp.1" > "$work/page" 2> "$work/warnings" || return
	! grep . "$work/warnings" && grep -q '^MEMHP(1)' "$work/page" && has_words "$work/page"
}

completion() {
	bash -euc '. "$1"; complete -p memhp' - "$share/bash-completion/completions/memhp" | grep -q memhp &&
		has_words "$share/bash-completion/completions/memhp"
}

tar -c -C "$tree" include/uapi tools/arch tools/build tools/include tools/lib tools/mm tools/scripts | tar -x -C "$work"
touch "$work/begin"

installs "make -C tools/mm install" mm install
program=$work/root/usr/sbin/memhp share=$work/root/usr/share
holds "what is installed" are "755 usr/sbin/memhp" "644 usr/share/man/man1/memhp.1" \
	"644 usr/share/bash-completion/completions/memhp"
holds "the other tools are installed as before" test -x "$work/root/usr/sbin/slabinfo"
holds "memhp --version" version
holds "the manual" manual
holds "the completion" completion

installs "directories that a packager names" mm/memhp prefix=/opt/memhp sbindir=/opt/bin install
holds "what is there" are "755 opt/bin/memhp" "644 opt/memhp/share/man/man1/memhp.1" \
	"644 opt/memhp/share/bash-completion/completions/memhp"

holds "make -C tools/mm clean" make -s -C "$work/tools/mm" clean
holds "nothing is left of it" test ! -e "$work/tools/mm/memhp/memhp"
holds "nothing is outside of DESTDIR" nowhere_else

echo "$run tests run, $((run - failed)) passed, $failed failed."
[ $failed = 0 ]
