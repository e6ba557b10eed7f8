# SPDX-License-Identifier: GPL-2.0
"""Apply an edit to a base that it was not made for, or report why this is not possible.

A hunk is applied at the place that has its removed lines, and as much of its context as is
needed to find that place. As a stable release moves lines and changes adjacent ones, the line
number may differ, and so may the outer lines of the context. To keep a hunk from being applied
at a wrong place, there must be exactly one such place, in the function that the hunk's header
names, and the lines must have some letters in them. Removed lines must be the same to the
letter.
"""
import re
from collections import namedtuple

HEADER = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@ ?(.*)")
OPENER = re.compile(r"[A-Za-z_$](?![\w\s]*:\s*(?:$|/[/*]))")    # at column 0, not a label
TELLING = re.compile(r"\w\W*\w\W*\w\W*\w\W*\w")
LIMIT = 3           # number of outer lines of context, above and below, that may differ


class Misfit(Exception):
    """An edit and this base do not fit."""


# `what` is (patch, file, header), `left_out` the number of lines of context that were ignored.
Told = namedtuple("Told", "what in_function function left_out")


class Hunk:
    def __init__(self, header):
        m = HEADER.match(header)
        self.header = header
        self.line = int(m[1]) - (m[2] != "0")   # index; "-N,0" is after line N
        self.old_lines, self.function = int(m[2] or 1), m[3].strip()
        self.lines = []                         # (" " | "-" | "+", text)

    def outer(self):
        """The number of lines of context before the first change, and after the last one."""
        kinds = [kind for kind, _ in self.lines]
        changes = [n for n, kind in enumerate(kinds) if kind != " "]
        return changes[0], len(kinds) - 1 - changes[-1]

    def part(self, above, below):
        """The lines without the first ABOVE and the last BELOW."""
        return self.lines[above:len(self.lines) - below]

    def in_function(self):
        """Whether the first change is in the function of the header. Otherwise it is named by the context."""
        above = self.lines[:self.outer()[0]]
        return bool(self.function) and not any(re.match(r"[A-Za-z_}#]", text) and not is_label(text)
                                               for _, text in above)


class Edit:
    """All hunks for one file. `old` is None for a new file, `new` for a file that is deleted."""

    def __init__(self, old, new):
        self.old, self.new, self.hunks = old, new, []
        self.name = new or old


def is_label(text):
    return not OPENER.match(text) and bool(re.match(r"\w+:", text))


def name_of(opener):
    """The name of the function, as a release may change its parameters; otherwise the whole line."""
    m = re.match(r"[^(]*?(\w+)\s*\(", opener)
    return m[1] if m and not m[1].isupper() else opener.strip()


def is_named(opener, header):
    """Whether a hunk's HEADER, which may be cut off, names the function that OPENER begins."""
    return name_of(opener) == name_of(header) or "(" not in header and opener.startswith(header) or \
        len(header) > 70 and opener.startswith(header)


def enclosing(lines, at):
    """The line at column 0 that begins the function, or the like, of line AT."""
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
    """The indices, from START on, at which the old lines of PART are."""
    old = [text for kind, text in part if kind != "+"]
    return [at for at in range(start, len(lines) - len(old) + 1) if lines[at:at + len(old)] == old]


def find(lines, hunk, start, shift):
    """Returns (index, above, below): the place of HUNK without that many lines of its context."""
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
    READ returns the text of a file of the base, or None. Each hunk appends its place to TOLD.
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
    """Whether the base has all changes of the edit already."""
    back = {"+": "-", "-": "+", " ": " "}
    try:
        for edit in parse(text, patch):
            for hunk in edit.hunks:
                hunk.lines = [(back[kind], text) for kind, text in hunk.lines]
            apply_edit(edit, read(edit.name) or "", patch, [])
    except Misfit:
        return False
    return True
