#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""tree.py [--series | --quilt | --base | --check | --try DIRECTORY...]: prepare build/tree, the kernel with this series.

    base        the source as unpacked       (tag)
    one commit for each patch named in the file `series`, the last is checked out
    stripped    before ours is used: without any memory hotplug (tag, beside the series)

--series writes the mails to build/series, --quilt the same patches for debian/patches of a package
to build/quilt, --base makes an untouched tree in build/base,
--check only checks whether the series is for the version of the source.
--try prints for each directory whether the series fits, and changes nothing. A directory needs
only the files that --names prints.
The source is Debian's linux-source-6.12, or the tarball or directory that KSRC= names.
Each stage keeps a digest of its input, and is skipped if the input is the same. The previous
tree is kept until the whole new tree has been made. Then the work tree is switched, so that
unchanged files keep their times.
"""
import functools
import hashlib
import itertools
import lzma
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import time
import zlib
from pathlib import Path

import apply
import strip

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / "build"
TREE = BUILD / "tree"
DEFAULT_SOURCE = "/usr/src/linux-source-6.12.tar.xz"
OWNED = "mm drivers include arch tools samples Documentation kernel lib MAINTAINERS".split()
FOR = "6.12"                             # the series is for every 6.12.y
DATE = "2026-01-01T00:00:00 +0000"      # so that the same input gives the same commits


NEW_BASE = "refs/new-base"               # a base that was imported, and may turn out not to fit
BUILT = ".config", "vmlinux", "include/config", "include/generated"     # made by a build in a directory without git
UNREADABLE = (OSError, EOFError, tarfile.TarError, lzma.LZMAError, zlib.error)


def fail(text):
    sys.exit(f"tree: {text}")


def step(text, start):
    print(f"  {text:<58} {time.monotonic() - start:6.1f} s", flush=True)


def git(*args, stdin=None, env=None, check=True):
    name, mail = identity()
    r = subprocess.run(["git", "-C", str(TREE), *args], input=stdin, text=True, capture_output=True,
                       env={**os.environ, "GIT_AUTHOR_DATE": DATE, "GIT_COMMITTER_DATE": DATE,
                            "GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": mail,
                            "GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": mail, **(env or {})})
    if check and r.returncode:
        fail(f"git {' '.join(args[:2])}: {r.stderr.strip()}")
    return r.stdout.strip() if check else r


@functools.cache
def ignored():
    """Files in folders of ours that git ignores: the programs that tests in user space have built."""
    r = subprocess.run(["git", "-C", str(TOP), "ls-files", "-z", "-oi", "--exclude-standard", *OWNED], capture_output=True)
    return {TOP / os.fsdecode(name) for name in r.stdout.split(b"\0") if name}


NOBODY = "memory hotplug", "memory-hotplug@localhost"


@functools.cache
def identity():
    """Name and address for commits: those of the user's git configuration, or neutral ones."""
    def ask(key):
        r = subprocess.run(["git", "-C", str(TOP), "config", key], capture_output=True, text=True)
        return r.stdout.strip()
    own = ask("user.name"), ask("user.email")
    return own if all(own) else NOBODY


def source():
    src = Path(os.environ.get("KSRC") or DEFAULT_SOURCE)
    if not src.exists():
        fail(f"{src}: not there. Run scripts/setup, or name a tarball or a directory with KSRC=")
    if not src.is_dir() and not src.is_file():
        fail(f"{src}: is neither a tarball nor a directory. Nothing was changed")
    return src.resolve()


def in_git(src, *args):
    """The output of git for a directory, which may belong to another user; None if it is not the top of a work tree."""
    if not (src / ".git").exists():
        return None
    r = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(src), *args], capture_output=True)
    return r.stdout if r.returncode == 0 else None


def file_names(src):
    """The files and symlinks of a directory, without the files that a build has made in a git work tree."""
    listed = in_git(src, "ls-files", "-z", "-co", "--exclude-standard")
    if listed is not None:
        return sorted(os.fsdecode(name) for name in set(listed.split(b"\0")) if name)
    names = []
    for root, dirs, files in os.walk(src):
        dirs[:] = [d for d in dirs if d != ".git"]
        files += [d for d in dirs if os.path.islink(os.path.join(root, d))]
        names += [os.path.relpath(os.path.join(root, f), src) for f in files if f != ".git"]
    return sorted(names)


def source_id(src):
    """A digest of the sizes and times of all files of a directory."""
    if not src.is_dir():
        return f"{src} {src.stat().st_size} {src.stat().st_mtime_ns}"
    h = hashlib.sha256()
    for name in file_names(src):
        path = src / name
        if os.path.lexists(path):
            st = path.lstat()
            h.update(f"{name} {st.st_mode} {st.st_size} {st.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return f"{src} {h.hexdigest()[:24]}"


def entries(src):
    """Yields (path, mode, content) of every file and symlink of the source."""
    if src.is_dir():
        for rel in file_names(src):
            p = src / rel
            if p.is_symlink():
                yield rel, "120000", os.readlink(p).encode()
            elif p.is_file():
                yield rel, "100755" if os.access(p, os.X_OK) else "100644", p.read_bytes()
        return
    with tarfile.open(src, "r|*") as tar:
        for m in tar:
            rel = m.name.removeprefix("./").partition("/")[2]
            if not rel:
                continue
            if m.issym():
                yield rel, "120000", m.linkname.encode()
            elif m.isfile():
                yield rel, "100755" if m.mode & 0o111 else "100644", tar.extractfile(m).read()


def version(makefile):
    """The version in the text of a kernel's top Makefile, or None."""
    found = dict(re.findall(r"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION) *= *(\S*)$", makefile, re.M))
    if not {"VERSION", "PATCHLEVEL", "SUBLEVEL"} <= found.keys():
        return None
    return "{VERSION}.{PATCHLEVEL}.{SUBLEVEL}{EXTRAVERSION}".format(**{"EXTRAVERSION": "", **found})


def tar_version(src):
    """The version of the kernel in a tarball, or None. Reads as little of the tarball as possible."""
    with tarfile.open(src, "r|*") as tar:
        seen = set()
        for n, m in enumerate(tar):
            top, _, rel = m.name.removeprefix("./").partition("/")
            seen.add(rel.partition("/")[0])
            named = re.fullmatch(r"linux(?:-source)?-(\d+\.\d+)([.-].*)?", top)
            if named and named[1] != FOR:
                return named[1] + (named[2] or "")
            if rel == "Makefile" and m.isfile():
                return version(tar.extractfile(m).read().decode(errors="replace"))
            if n > 2000 and not seen & {"Documentation", "arch", "drivers", "include", "sound", "tools"}:
                break
    return None


def check_version(src):
    """Returns the version of the source. Fails if the series is not for it; nothing has been changed yet."""
    try:
        if src.is_dir():
            top = src / "Makefile"
            found = version(top.read_text(errors="replace")) if top.is_file() else None
        else:
            found = tar_version(src)
    except UNREADABLE as e:
        fail(f"{src}: cannot be read{'' if src.is_dir() else ' as a tarball'} ({e}). Nothing was changed")
    if not found:
        why = ", it has no Makefile" if src.is_dir() and not (src / "Makefile").is_file() else ""
        fail(f"{src}: is no kernel source{why}. Nothing was changed")
    if found != FOR and not found.startswith((FOR + ".", FOR + "-")):
        fail(f"{src}: is Linux {found}; this series is for {FOR}.y: name one with KSRC=, or none for Debian's. "
             "Nothing was changed")
    built = [n for n in BUILT if src.is_dir() and (src / n).exists()]
    if built and in_git(src, "rev-parse") is None:
        fail(f"{src}: a kernel has been built in it ({built[0]}); \"make mrproper\" there, or name a copy without. "
             "Nothing was changed")
    return found


def check_room():
    """Checks the free space: a tree takes 2.1 GB, its kernel and the logs of all tests nearly as much, another source a pack."""
    need = (1 if (TREE / "Makefile").exists() else 4) * 10**9
    free = shutil.disk_usage(BUILD if BUILD.exists() else TOP).free
    if free < need:
        fail(f"{BUILD}: needs {need / 1e9:.0f} GB, and {free / 1e9:.1f} GB are free. Nothing was changed")


def import_base(src, ident, ref):
    """Imports the source with git fast-import, which takes seconds instead of the minutes of git add."""
    if not (TREE / ".git").exists():
        subprocess.run(["git", "init", "-q", "-b", "series", str(TREE)], check=True)
    name, mail = identity()
    for key, value in (("gc.auto", "0"), ("user.name", name), ("user.email", mail),
                       ("advice.detachedHead", "false"), ("core.excludesFile", "/dev/null")):
        git("config", key, value)
    who = f"{name} <{mail}> 1767225600 +0000"
    head = in_git(src, "rev-parse", "HEAD")
    head = f"Commit: {head.decode()}" if head and in_git(src, "status", "--porcelain") == b"" else ""
    # --done: an import that is interrupted leaves no ref.
    p = subprocess.Popen(["git", "-C", str(TREE), "-c", "core.compression=1", "fast-import", "--quiet",
                          "--force", "--depth=0", "--done"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    out, msg = p.stdin, f"base\n\nSource: {ident}\n{head}".encode()
    try:
        out.write(f"commit {ref}\nauthor {who}\ncommitter {who}\ndata {len(msg)}\n".encode() + msg)
        for rel, mode, data in entries(src):
            if " " in rel or '"' in rel or "\n" in rel:
                rel = '"' + rel.replace("\\", "\\\\").replace('"', '\\"') + '"'
            out.write(f"M {mode} inline {rel}\ndata {len(data)}\n".encode() + data + b"\n")
        out.write(b"done\n")
        said = p.communicate()[1].decode().strip()
    except UNREADABLE as e:
        p.kill()
        said = p.communicate()[1].decode(errors="replace").strip().partition("\n")[0]
        if isinstance(e, BrokenPipeError):
            e = said or "git fast-import ended"
        for rest in (TREE / ".git/objects/pack").glob("tmp_pack_*"):
            rest.unlink()
        fail(f"{src}: could not be read to its end ({e}). Nothing was changed")
    if p.returncode:
        fail(f"{src}: could not be imported into build/tree: {said}")


def trailer(rev, key):
    r = git("log", "-1", f"--format=%(trailers:key={key},valueonly)", rev, check=False)
    return r.stdout.strip() if r.returncode == 0 else ""


def commit(tree, parent, message):
    return git("commit-tree", tree, "-p", parent, "-F", "-", stdin=message)


def ensure_base():
    """Returns the commit of the source. Imports the source if necessary, without changing `base`."""
    src = source()
    ident = source_id(src)
    if (TREE / ".git").exists():
        if trailer("base", "Source") == ident:
            return git("rev-parse", "base")
        if trailer(NEW_BASE, "Source") == ident:
            return git("rev-parse", NEW_BASE)
    t = time.monotonic()
    found = check_version(src)
    check_room()
    import_base(src, ident, NEW_BASE)
    step(f"base: {src.name}, Linux {found}", t)
    return git("rev-parse", NEW_BASE)


def digest(*parts):
    h = hashlib.sha256()
    for p in parts:
        h.update(len(p).to_bytes(8, "big") + p)
    return h.hexdigest()[:24]


def stage(index, files):
    """Puts FILES, {name in the tree: path, or None to delete it}, into INDEX, with few processes."""
    paths = {name: path for name, path in files.items() if path}
    if not files:
        return
    blobs = git("hash-object", "-w", "--no-filters", "--stdin-paths", stdin="".join(f"{p}\n" for p in paths.values()))
    gone = [name for name in files if name not in paths]
    lines = [f"{'100755' if os.access(path, os.X_OK) else '100644'} {blob}\t{name}\n"
             for (name, path), blob in zip(paths.items(), blobs.split(), strict=True)]
    if gone:
        lines += [f"0 {'0' * 40}\t{name}\n" for name in git("ls-files", *gone, env=index).splitlines()]
    git("update-index", "--index-info", stdin="".join(lines), env=index)


class Patch:
    """
    One paragraph of `series`: `== subject`, the message, `+ owned file or folder`, `@ edit [or edit]`, `! strip path...`,
    `> file name`.
    A file belongs to the patch that names it, or the innermost folder around it: NAMED has all these names.
    """

    def __init__(self, subject, part, named):
        self.subject, self.part, self.body, self.own, self.edit, self.strips, self.moves = subject, part, [], [], [], [], []
        self.all_named = named

    def has(self, name, path):
        inner = path.relative_to(TOP)
        return name == next(p.as_posix() for p in (inner, *inner.parents) if p.as_posix() in self.all_named)

    def files(self):
        for name in self.own:
            path = TOP / name
            if path.is_dir():
                yield from (p for p in sorted(path.rglob("*"))
                            if p.is_file() and "__pycache__" not in p.parts and p not in ignored() and self.has(name, p))
            elif path.is_file():
                yield path
            else:
                fail(f"series: {name}: no such file (patch '{self.subject}')")

    def digest(self, parent):
        parts = [parent.encode(), self.message().encode()]
        for p in self.files():
            parts += [p.as_posix().encode(), bytes([os.access(p, os.X_OK)]), p.read_bytes()]
        for e in self.named():
            if not (TOP / e).is_file():
                fail(f"series: {e}: no such patch ('{self.subject}')")
            parts.append((TOP / e).read_bytes())
        parts += [name.encode() for move in self.moves for name in move]
        if self.strips:
            parts += [Path(strip.__file__).read_bytes(), *(name.encode() for name in self.strips)]
        return digest(*parts)

    def named(self):
        return [e for choice in self.edit for e in choice if e != "none"]

    def edits(self, read, told):
        """Yields {name: new text or None} for each edit; of alternative edits, for the first that fits."""
        for choice in self.edit:
            try:
                yield first_that_fits(choice, read, told)
            except apply.Misfit as e:
                fail(f"{e}\nThe series does not fit this base. Nothing was changed")

    def message(self):
        body = "\n".join(self.body).strip()
        body += "" if re.match(r"(Fixes|Cc): ", body.rpartition("\n")[2]) else "\n"
        return f"{self.subject}\n\n{body}\nSigned-off-by: {'%s <%s>' % identity()}\n"


def read_series():
    patches, part, unstripped, named = [], "", strip.all_names(), set()
    for line in (TOP / "series").read_text().splitlines():
        if line.startswith("# ---- "):
            part = line.strip("# -")
        elif line.startswith("== "):
            patches.append(Patch(line[3:].strip(), part, named))
        elif line.startswith("#") or not patches:
            continue
        elif line.startswith("+ "):
            patches[-1].own.append(line[2:].strip())
            named.add(line[2:].strip())
        elif line.startswith("@ "):
            patches[-1].edit.append(line[2:].strip().split(" or "))
        elif line.startswith("> "):
            patches[-1].moves.append(line.split()[1:])
        elif line.startswith("! strip "):
            patches[-1].strips += [n for n in unstripped if n.startswith(tuple(line.split()[2:]))]
            unstripped = [n for n in unstripped if n not in patches[-1].strips]
        else:
            patches[-1].body.append(line)
    if unstripped:
        fail(f"series: no patch strips {unstripped[0]}")
    listed = {p for patch in patches for p in patch.files()}
    tracked = subprocess.run(["git", "-C", str(TOP), "ls-files", "-co", "--exclude-standard", *OWNED],
                             capture_output=True, text=True).stdout.split()
    for name in tracked:
        if TOP / name not in listed and (TOP / name).is_file():
            fail(f"series: {name} is in no patch of the series")
    edits = {e for patch in patches for e in patch.named()}
    for p in sorted((TOP / "patches").glob("*.patch")):
        if f"patches/{p.name}" not in edits:
            fail(f"series: patches/{p.name} is in no patch of the series")
    return patches


def edit_text(name):
    """The text of an edit. MAINTAINERS names the one who sends the series."""
    return (TOP / name).read_text().replace("@AUTHOR@", "%s <%s>" % identity())


def first_that_fits(choice, read, told):
    if choice[-1] == "none" and apply.is_there(choice[0], edit_text(choice[0]), read):
        return {}
    for n, name in enumerate(choice):
        if name == "none":
            return {}
        mine = []
        try:
            done = apply.apply(name, edit_text(name), read, mine)
        except apply.Misfit:
            if n + 1 == len(choice):
                raise
        else:
            told += mine
            return done


def strip_index(index, names):
    """Takes memory hotplug out of the files NAMES of the tree in INDEX."""
    with tempfile.TemporaryDirectory(dir=BUILD) as tmp:
        tree = git("write-tree", env=index)
        present = [n for n in names if git("ls-tree", tree, n)]
        with subprocess.Popen(["git", "-C", str(TREE), "archive", tree, *present], stdout=subprocess.PIPE) as tar:
            subprocess.run(["tar", "-x", "-C", tmp], stdin=tar.stdout, check=True)
        try:
            touched = strip.strip(Path(tmp), names)
        except strip.Misfit as e:
            fail(f"the base does not strip: {e}. Nothing was changed")
        paths = {name: Path(tmp) / name for name in touched}
        stage(index, {name: path if path.exists() else None for name, path in paths.items()})


def move(index, old, new):
    """Gives file OLD of the tree in INDEX the name NEW."""
    entry = git("ls-files", "-s", old, env=index)
    if not entry:
        fail(f"the base has no {old}. Nothing was changed")
    git("update-index", "--index-info", stdin=f"0 {'0' * 40}\t{old}\n{entry.partition(chr(9))[0]}\t{new}\n", env=index)


def without_hotplug(parent, index):
    """Commits the tree of PARENT, which is in INDEX, without the base's memory hotplug. It is no part of the series."""
    alone = {"GIT_INDEX_FILE": index["GIT_INDEX_FILE"] + ".stripped"}
    shutil.copyfile(index["GIT_INDEX_FILE"], alone["GIT_INDEX_FILE"])
    strip_index(alone, strip.all_names())
    return commit(git("write-tree", env=alone), parent, "without memory hotplug\n")


def apply_patch(patch, parent, index, told):
    """Commits PATCH on PARENT, whose tree is in INDEX, or returns PARENT if this base needs nothing of the patch."""
    def read(name):
        r = git("cat-file", "blob", f":{name}", env=index, check=False)
        return r.stdout if r.returncode == 0 else None

    for old, new in patch.moves:
        move(index, old, new)
    if patch.strips:
        strip_index(index, patch.strips)
    with tempfile.TemporaryDirectory(dir=BUILD) as tmp:
        for n, done in enumerate(patch.edits(read, told)):
            stage(index, {name: made_file(Path(tmp, str(n), name), name, text, index) for name, text in done.items()})
    stage(index, {path.relative_to(TOP).as_posix(): path for path in patch.files()})
    tree = git("write-tree", env=index)
    if tree == git("rev-parse", f"{parent}^{{tree}}"):
        return parent
    return commit(tree, parent, patch.message())


def made_file(path, name, text, index):
    """Writes TEXT to PATH, with the mode that NAME has in INDEX, and returns PATH; None for no text."""
    if text is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if git("ls-files", "-s", name, env=index).startswith("100755"):
        path.chmod(0o755)
    return path


def ensure_series(base):
    """Returns the last commit of the series on BASE, and the commit without memory hotplug."""
    t = time.monotonic()
    record = TREE / ".git/series-made"          # lines with the digest of the input of a commit, and the commit
    known = dict(line.split() for line in record.read_text().splitlines()) if record.exists() else {}
    parent, stripped, made, patches, told, used = base, None, 0, read_series(), [], {}
    with tempfile.TemporaryDirectory(dir=BUILD) as tmp:
        index = {"GIT_INDEX_FILE": str(Path(tmp) / "index")}
        for patch in patches:
            want = patch.digest(parent)
            first = bool(patch.strips) and not stripped
            if want not in known or made or first and f"{want}-" not in known:
                if not made:
                    git("read-tree", parent, env=index)
                if first:
                    known[f"{want}-"] = without_hotplug(parent, index)
                known[want] = apply_patch(patch, parent, index, told)
                made += 1
            if first:
                stripped = used[f"{want}-"] = known[f"{want}-"]
            parent = used[want] = known[want]
    if made:
        record.write_text("".join(f"{want} {rev}\n" for want, rev in used.items()))
        fuzzy = sum(hunk.left_out > 0 for hunk in told)
        step(f"series: {made} of {len(patches)} patches made" + f", {fuzzy} edits by less context" * bool(fuzzy), t)
    return stripped, parent


def switch(base, stripped, series):
    """Replaces the previous tree by the new one, all of which has been made."""
    # By force, as build/tree is generated, and edits in it are lost.
    if git("rev-parse", "-q", "--verify", "HEAD", check=False).stdout.strip() != series:
        git("checkout", "-q", "-f", "--detach", series)
    git("update-ref", "--stdin", stdin=f"update refs/tags/base {base}\nupdate refs/tags/stripped {stripped}\n"
        f"update refs/heads/series {series}\ndelete {NEW_BASE}\n")
    if (BUILD / "base/Makefile").exists() and git("-C", str(BUILD / "base"), "rev-parse", "HEAD") != base:
        git("-C", str(BUILD / "base"), "checkout", "-q", "-f", "--detach", base)


def try_series(top):
    """Applies the series to a copy of TOP, which has at least the files of names(). Returns the places of its edits."""
    told, patches = [], read_series()
    with tempfile.TemporaryDirectory() as tmp:
        tree = Path(tmp) / "tree"
        shutil.copytree(top, tree, symlinks=True)

        def read(name):
            return (tree / name).read_text() if (tree / name).is_file() else None

        for patch in patches:
            for old, new in patch.moves:
                if not (tree / old).is_file():
                    fail(f"{top}: has no {old}")
                (tree / old).rename(tree / new)
            try:
                patch.strips and strip.strip(tree, patch.strips)
            except strip.Misfit as e:
                fail(f"{top}: does not strip: {e}")
            for done in patch.edits(read, told):
                for name, text in done.items():
                    (tree / name).parent.mkdir(parents=True, exist_ok=True)
                    (tree / name).write_text(text) if text is not None else (tree / name).unlink()
    return told


def order(subjects):
    """The groups of patches, for the cover letter."""
    lines, first = [], 1
    for title, patches in itertools.groupby(read_series(), key=lambda patch: patch.part):
        count = sum(patch.subject in subjects for patch in patches)
        lines.append(f"  {first:2}-{first + count - 1:<2}  {title}")
        first += count
    return "\n".join(lines)


def figures():
    """The rows of the documentation's table that have a number: unit, stock, ours."""
    rows = (TOP / "Documentation/mm/memory-hotplug/speed.rst").read_text().splitlines()
    rule = next(row for row in rows if row.startswith("==  "))
    at = [m.span() for m in re.finditer("=+", rule)]
    cells = [[row[a:b].strip() for a, b in at] for row in rows if re.match(r"\d+ ", row)]
    lines = [f"  {'':47} {'6.12':>7} {'series':>8}"]
    for _, what, unit, stock, ours, *_ in cells:
        *above, last = textwrap.wrap(f"{what}, {unit}" if unit != "M" else what, 46)
        lines += [f"  {text}" for text in above]
        lines.append(f"  {last:47} {stock.split(' ')[0]:>7} {ours.split(' ')[0]:>8}")
    return "\n".join(lines)


def cover_letter():
    text = (TOP / "patches/cover-letter").read_text()
    subjects = set(git("log", "--format=%s", "base..series").splitlines())
    text = text.replace("@order", "Order of the patches\n" + order(subjects)).replace("@figures", figures())
    return text + f"\nbase-commit: {trailer('base', 'Commit') or 'v' + version(git('show', 'base:Makefile'))}\n"


def format_patches(out, renames, *options):
    """Writes the patches of the series to OUT, and returns the names of the files."""
    if identity() == NOBODY:
        print("tree: git has no user.name and user.email: the patches are by nobody whom a mail reaches", file=sys.stderr)
    shutil.rmtree(out, ignore_errors=True)
    return git("-c", f"branch.series.description={cover_letter()}", "format-patch", "--zero-commit", renames,
               *options, "-o", str(out), "base..series").splitlines()


def write_mails():
    """Writes the mails that `git am` applies to build/series. The cover letter is elsewhere, as git am would stop at it."""
    out, cover = BUILD / "series", BUILD / "cover-letter.patch"
    mails = format_patches(out, "--find-renames=100%", "--cover-letter", "--cover-from-description=subject")
    Path(mails[0]).replace(cover)
    print(f"{cover.relative_to(BUILD.parent)}\n{out.relative_to(BUILD.parent)}/: {len(mails) - 1} patches on Linux "
          f"{version(git('show', 'base:Makefile'))}")


def write_quilt():
    """The same patches for a package in Debian's format 3.0 (quilt), which has no renames."""
    out = BUILD / "quilt"
    shutil.rmtree(out, ignore_errors=True)
    names = [Path(name).name for name in format_patches(out / "memory-hotplug", "--no-renames")]
    (out / "series").write_text("".join(f"memory-hotplug/{name}\n" for name in names))
    print(f"{out.relative_to(BUILD.parent)}: memory-hotplug/ belongs in debian/patches, and series at the end of debian/patches/series")


def ensure_base_tree():
    base = BUILD / "base"
    if not (base / "Makefile").exists():
        t = time.monotonic()
        git("worktree", "prune")
        git("worktree", "add", "-q", "--detach", str(base), "base")
        step("build/base: the untouched source", t)


def names():
    """The files of a base that are needed to try the series on it."""
    patches = read_series()
    text = "".join((TOP / e).read_text() for patch in patches for e in patch.named())
    moved = {new: old for patch in patches for old, new in patch.moves}
    return sorted({"Makefile", *(moved.get(n, n) for n in strip.all_names()), *re.findall(r"^--- a/(\S+)", text, re.M)})


def try_all(tops):
    """Prints a line for each directory. An edit has to be in the same function in all of them."""
    first, failed = {}, False
    for top in map(Path, tops):
        try:
            told = try_series(top)
            for hunk in told:
                if hunk.in_function and first.setdefault(hunk.what, hunk.function) != hunk.function:
                    fail(f"{' '.join(hunk.what)}: in {hunk.function}, elsewhere in {first[hunk.what]}")
        except SystemExit as e:
            print(f"{top.name}: {e}", flush=True)
            failed = True
            continue
        fuzzy = sum(hunk.left_out > 0 for hunk in told)
        print(f"{top.name}: fits, {len(told)} edits, {fuzzy} of them by less context", flush=True)
    sys.exit(failed)


def main(args):
    if args[:1] == ["--names"]:
        return print("\n".join(names()))
    if args[:1] == ["--try"]:
        return try_all(args[1:])
    if args == ["--check"]:
        return check_version(source())
    if any(a not in ("--series", "--quilt", "--base") for a in args):
        fail(__doc__)
    BUILD.mkdir(exist_ok=True)
    base = ensure_base()
    switch(base, *ensure_series(base))
    if "--base" in args:
        ensure_base_tree()
    if "--series" in args:
        write_mails()
    if "--quilt" in args:
        write_quilt()


if __name__ == "__main__":
    main(sys.argv[1:])
