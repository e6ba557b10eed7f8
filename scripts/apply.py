# SPDX-License-Identifier: GPL-2.0
"""Apply an edit to a base that it was not made for, or say why not.

A hunk goes where its lines are: its removed lines and what of its context is needed to
find them. A stable release moves lines and changes neighbours, so the place may be another
and outer lines of the context may differ. What keeps a hunk from going where it was not
meant to go: there must be one such place, in the same function as named by the hunk's
header, and what is looked for must say something. Whatever is removed must be there to the
letter.
"""
import re
from collections import namedtuple

HEADER = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@ ?(.*)")
OPENER = re.compile(r"[A-Za-z_$](?![\w\s]*:\s*(?:$|/[/*]))")    # at column 0, no label
TELLING = re.compile(r"\w\W*\w\W*\w\W*\w\W*\w")
LIMIT = 3           # so many outer lines of context, above and below, may differ


class Misfit(Exception):
    """An edit and this base do not fit."""


# What = (patch, file, header); how many lines of context were left out to find the place.
Told = namedtuple("Told", "what in_function function left_out")


class Hunk:
    def __init__(self, header):
        m = HEADER.match(header)
        self.header = header
        self.line = int(m[1]) - (m[2] != "0")   # index; "-N,0" is behind line N
        self.old_lines, self.function = int(m[2] or 1), m[3].strip()
        self.lines = []                         # (" " | "-" | "+", text)

    def outer(self):
        """How many lines of context there are above, and below, all changes."""
        kinds = [kind for kind, _ in self.lines]
        changes = [n for n, kind in enumerate(kinds) if kind != " "]
        return changes[0], len(kinds) - 1 - changes[-1]

    def part(self, above, below):
        """The lines without so many at the top and at the bottom."""
        return self.lines[above:len(self.lines) - below]

    def in_function(self):
        """Is the first change within what the header names? Else the context says where it is."""
        above = self.lines[:self.outer()[0]]
        return bool(self.function) and not any(re.match(r"[A-Za-z_}#]", text) and not is_label(text)
                                               for _, text in above)


class Edit:
    """All hunks for one file. Of a new file `old` is None, of one that goes `new`."""

    def __init__(self, old, new):
        self.old, self.new, self.hunks = old, new, []
        self.name = new or old


def is_label(text):
    return not OPENER.match(text) and bool(re.match(r"\w+:", text))


def name_of(opener):
    """The function's name, as a release may change its parameters; else the whole line."""
    m = re.match(r"[^(]*?(\w+)\s*\(", opener)
    return m[1] if m and not m[1].isupper() else opener.strip()


def is_named(opener, header):
    """Does a hunk's HEADER, which may be cut off, name what OPENER opens?"""
    return name_of(opener) == name_of(header) or "(" not in header and opener.startswith(header) or \
        len(header) > 70 and opener.startswith(header)


def enclosing(lines, at):
    """Where the function begins, or what else is opened at column 0, that line AT is in."""
    return next((text for text in reversed(lines[:at]) if OPENER.match(text)), "")


def file_name(line):
    name = line[4:].split("\t")[0].strip()
    return None if name == "/dev/null" else name.split("/", 1)[1]


def parse(text, patch):
    edits, lines, n = [], text.splitlines(), 0
    while n < len(lines):
        line = lines[n]
        if re.match(r"(rename|copy|old mode|GIT binary)", line):
            raise Misfit(f"{patch}: '{line}' is not understood")
        if line.startswith("--- ") and lines[n + 1].startswith("+++ "):
            edits.append(Edit(file_name(line), file_name(lines[n + 1])))
            n += 1
        elif HEADER.match(line):
            n = parse_hunk(lines, n, edits[-1], patch)
            continue
        n += 1
    return edits


def parse_hunk(lines, n, edit, patch):
    hunk = Hunk(lines[n])
    old, new = (int(c or 1) for c in re.match(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))?", lines[n]).groups())
    n += 1
    while old > 0 or new > 0:
        kind, text = (lines[n][:1] or " ", lines[n][1:]) if n < len(lines) else ("", "")
        if kind not in (" ", "-", "+"):
            raise Misfit(f"{patch}: {hunk.header}: has not as many lines as it says")
        hunk.lines.append((kind, text))
        old, new, n = old - (kind != "+"), new - (kind != "-"), n + 1
    edit.hunks.append(hunk)
    return n


def places(lines, part, start):
    """Where the old lines of PART are, at or behind START."""
    old = [text for kind, text in part if kind != "+"]
    return [at for at in range(start, len(lines) - len(old) + 1) if lines[at:at + len(old)] == old]


def find(lines, hunk, start, shift):
    """Returns (index, above, below): where HUNK goes without so many lines of its context."""
    top, bottom = hunk.outer()
    for left_out in range(2 * LIMIT + 1):
        found = {}
        for above in range(max(0, left_out - bottom), min(left_out, top) + 1):
            below = left_out - above
            part = hunk.part(above, below)
            telling = any(TELLING.search(text) for kind, text in part if kind != "+")
            if max(above, below) > LIMIT or left_out and not telling:
                continue
            for at in places(lines, part, start):
                first = at + top - above
                if telling and not hunk.in_function() or is_named(enclosing(lines, first), hunk.function):
                    found.setdefault(first, (at, above, below))
        expected = hunk.line + shift + top
        if not left_out and expected in found:
            return found[expected]
        if len(found) == 1:
            return found.popitem()[1]
        if found:
            raise Misfit(f"fits {len(found)} times, at lines {', '.join(str(at + 1) for at in sorted(found))}")
    raise Misfit("what it changes is not there")


def apply_edit(edit, text, patch, told):
    """Returns the new text of the file."""
    lines, new = text.removesuffix("\n").split("\n"), []
    start = shift = 0
    for hunk in edit.hunks:
        try:
            at, above, below = find(lines, hunk, start, shift)
        except Misfit as e:
            raise Misfit(f"{patch}: {edit.name}: {hunk.header}\n    {e}") from None
        part = hunk.part(above, below)
        first = at + hunk.outer()[0] - above
        told.append(Told((patch, edit.name, hunk.header), hunk.in_function(),
                         name_of(enclosing(lines, first)), above + below))
        shift = at - above - hunk.line
        new += lines[start:at] + [text for kind, text in part if kind != "-"]
        start = at + sum(kind != "+" for kind, _ in part)
    return "".join(line + "\n" for line in new + lines[start:])


def apply(patch, text, read, told):
    """
    Returns {name: new text or None} for the files that TEXT, which comes from file PATCH, edits.
    READ gives the text of a file of the base, or None. Each hunk appends to TOLD where it went.
    """
    done = {}
    for edit in parse(text, patch):
        old = done[edit.old] if edit.old in done else edit.old and read(edit.old)
        if edit.old and old is None:
            raise Misfit(f"{patch}: {edit.old} is not in this base")
        if not edit.old and read(edit.new) is not None:
            raise Misfit(f"{patch}: {edit.new} is in this base already")
        if not edit.old:
            done[edit.new] = "".join(text + "\n" for hunk in edit.hunks for _, text in hunk.lines)
        else:
            done[edit.name] = apply_edit(edit, old, patch, told) if edit.new else None
    return done


def is_there(patch, text, read):
    """Does the base have it all already?"""
    back = {"+": "-", "-": "+", " ": " "}
    try:
        for edit in parse(text, patch):
            for hunk in edit.hunks:
                hunk.lines = [(back[kind], text) for kind, text in hunk.lines]
            apply_edit(edit, read(edit.name) or "", patch, [])
    except Misfit:
        return False
    return True
