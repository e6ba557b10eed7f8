#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""tree.py [--series | --base | --try DIRECTORY...]: prepare build/tree, the kernel with this series.

    base        the source as unpacked       (tag)
    stripped    without its memory hotplug   (tag)
    one commit for each patch named in the file `series`, the last is checked out

--series writes the mails to build/series, --base gives an untouched tree in build/base.
--try says for each directory, which needs to hold no more than --names prints, whether the
series fits, and changes nothing.
The source is Debian's linux-source-6.12, or what KSRC= names: a tarball or a directory.
Nothing is done twice: each stage keeps a digest of what it was made from. What is there is
kept until all of the new tree has been made; then the work tree is switched, so that
unchanged files keep their times.
"""
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from pathlib import Path

import apply
import strip

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / "build"
TREE = BUILD / "tree"
DEFAULT_SOURCE = "/usr/src/linux-source-6.12.tar.xz"
OWNED = "mm drivers include arch tools Documentation kernel lib MAINTAINERS".split()
FOR = "6.12"                             # the series is for each release of it
DATE = "2026-01-01T00:00:00 +0000"      # the same input gives the same commits


NEW_BASE = "refs/new-base"               # imported, and not yet known to be good
UNREADABLE = (OSError, EOFError, tarfile.TarError, lzma.LZMAError, zlib.error)


def fail(text):
    sys.exit(f"tree: {text}")


def step(text, start):
    print(f"  {text:<58} {time.monotonic() - start:6.1f} s", flush=True)


def git(*args, stdin=None, env=None, check=True):
    r = subprocess.run(["git", "-C", str(TREE), *args], input=stdin, text=True, capture_output=True,
                       env={**os.environ, "GIT_AUTHOR_DATE": DATE, "GIT_COMMITTER_DATE": DATE, **(env or {})})
    if check and r.returncode:
        fail(f"git {' '.join(args[:2])}: {r.stderr.strip()}")
    return r.stdout.strip() if check else r


def identity():
    """Who signs: the user's own git identity, or a neutral one."""
    def ask(key, default):
        r = subprocess.run(["git", "-C", str(TOP), "config", key], capture_output=True, text=True)
        return r.stdout.strip() or default
    return ask("user.name", "memory hotplug"), ask("user.email", "memory-hotplug@localhost")


def source():
    src = Path(os.environ.get("KSRC") or DEFAULT_SOURCE)
    if not src.exists():
        fail(f"{src}: not there. Run scripts/setup, or name a tarball or a directory with KSRC=")
    return src.resolve()


def source_id(src):
    st = (src / "Makefile" if src.is_dir() else src).stat()
    return f"{src} {st.st_size} {st.st_mtime_ns}"


def entries(src):
    """Yields (path, mode, content) of every file and symlink of the source."""
    if src.is_dir():
        for root, dirs, files in os.walk(src):
            dirs[:] = [d for d in dirs if d != ".git"]
            for f in files + [d for d in dirs if os.path.islink(os.path.join(root, d))]:
                p = Path(root, f)
                rel = p.relative_to(src).as_posix()
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
    """As the top Makefile of a kernel says, or None."""
    found = dict(re.findall(r"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION) *= *(\S*)$", makefile, re.M))
    if not {"VERSION", "PATCHLEVEL", "SUBLEVEL"} <= found.keys():
        return None
    return "{VERSION}.{PATCHLEVEL}.{SUBLEVEL}{EXTRAVERSION}".format(**{"EXTRAVERSION": "", **found})


def tar_version(src):
    """Reads no more than it must: the name of the directory may say it, and what is no kernel."""
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
    """Before anything is made or changed: is this a kernel that the series is for?"""
    try:
        if src.is_dir():
            top = src / "Makefile"
            found = version(top.read_text(errors="replace")) if top.is_file() else None
        else:
            found = tar_version(src)
    except UNREADABLE as e:
        fail(f"{src}: cannot be read as a tarball ({e}). Nothing was changed")
    if not found:
        fail(f"{src}: is no kernel source. Nothing was changed")
    if found != FOR and not found.startswith((FOR + ".", FOR + "-")):
        fail(f"{src}: is Linux {found}; this series is for {FOR}.y. Nothing was changed")
    return found


def import_base(src, ident, ref):
    """One pack, written by fast-import: seconds instead of minutes of git add."""
    if not (TREE / ".git").exists():
        subprocess.run(["git", "init", "-q", "-b", "series", str(TREE)], check=True)
    name, mail = identity()
    for key, value in (("gc.auto", "0"), ("user.name", name), ("user.email", mail),
                       ("advice.detachedHead", "false"), ("core.excludesFile", "/dev/null")):
        git("config", key, value)
    who = f"{name} <{mail}> 1767225600 +0000"
    # --done: an import that ends before it is complete leaves no ref.
    p = subprocess.Popen(["git", "-C", str(TREE), "-c", "core.compression=1", "fast-import", "--quiet",
                          "--force", "--depth=0", "--done"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    out, msg = p.stdin, f"base\n\nSource: {ident}\n".encode()
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
        p.communicate()
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
    """Returns the commit of the source, imported where it is not yet. `base` stays what it is."""
    src = source()
    ident = source_id(src)
    if (TREE / ".git").exists():
        if trailer("base", "Source") == ident:
            return git("rev-parse", "base")
        if trailer(NEW_BASE, "Source") == ident:
            return git("rev-parse", NEW_BASE)
    t = time.monotonic()
    found = check_version(src)
    import_base(src, ident, NEW_BASE)
    step(f"base: {src.name}, Linux {found}", t)
    return git("rev-parse", NEW_BASE)


def digest(*parts):
    h = hashlib.sha256()
    for p in parts:
        h.update(len(p).to_bytes(8, "big") + p)
    return h.hexdigest()[:24]


def stripped_names():
    return strip.DELETE + strip.UNIFDEF + [n for r in (strip.CUT_BLOCK, strip.CUT_KCONFIG, strip.CUT_LINE) for n in r]


def ensure_stripped(base):
    """Returns the commit of BASE without its memory hotplug."""
    want = digest((TOP / "scripts/strip.py").read_bytes(), base.encode())
    if trailer("stripped", "Made-from") == want:
        return git("rev-parse", "stripped")
    t = time.monotonic()
    with tempfile.TemporaryDirectory(dir=BUILD) as tmp:
        present = [n for n in dict.fromkeys(stripped_names()) if git("ls-tree", base, n)]
        tar = subprocess.Popen(["git", "-C", str(TREE), "archive", base, *present], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", tmp], stdin=tar.stdout, check=True)
        try:
            touched = strip.strip(Path(tmp))
        except strip.Misfit as e:
            fail(f"the base does not strip: {e}. Nothing was changed")
        index = {"GIT_INDEX_FILE": str(Path(tmp) / ".index")}
        git("read-tree", base, env=index)
        paths = {name: Path(tmp) / name for name in touched}
        stage(index, {name: path if path.exists() else None for name, path in paths.items()})
        tree = git("write-tree", env=index)
    rev = commit(tree, base, f"Remove memory hotplug\n\nMade-from: {want}\n")
    step("stripped: its memory hotplug taken out", t)
    return rev


def stage(index, files):
    """FILES, {name in the tree: path, or None where it goes}, into INDEX: few processes for many files."""
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
    """One paragraph of `series`: `== subject`, the message, `+ owned file`, `@ edit [or edit]`."""

    def __init__(self, subject):
        self.subject, self.body, self.own, self.edit = subject, [], [], []

    def files(self):
        for name in self.own:
            path = TOP / name
            if path.is_dir():
                yield from (p for p in sorted(path.rglob("*")) if p.is_file() and "__pycache__" not in p.parts)
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
        return digest(*parts)

    def named(self):
        return [e for choice in self.edit for e in choice if e != "none"]

    def edits(self, read, told):
        """Yields {name: new text or None} for each edit, of several the first that fits."""
        for choice in self.edit:
            try:
                yield first_that_fits(choice, read, told)
            except apply.Misfit as e:
                fail(f"{e}\nThe series does not fit this base. Nothing was changed")

    def message(self):
        body = "\n".join(self.body).strip()
        return f"{self.subject}\n\n{body}\n\nSigned-off-by: {'%s <%s>' % identity()}\n"


def read_series():
    patches = []
    for line in (TOP / "series").read_text().splitlines():
        if line.startswith("== "):
            patches.append(Patch(line[3:].strip()))
        elif line.startswith("#") or not patches:
            continue
        elif line.startswith("+ "):
            patches[-1].own.append(line[2:].strip())
        elif line.startswith("@ "):
            patches[-1].edit.append(line[2:].strip().split(" or "))
        else:
            patches[-1].body.append(line)
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


def first_that_fits(choice, read, told):
    if choice[-1] == "none" and apply.is_there(choice[0], (TOP / choice[0]).read_text(), read):
        return {}
    for n, name in enumerate(choice):
        if name == "none":
            return {}
        mine = []
        try:
            done = apply.apply(name, (TOP / name).read_text(), read, mine)
        except apply.Misfit:
            if n + 1 == len(choice):
                raise
        else:
            told += mine
            return done


def apply_patch(patch, parent, index, want, told):
    """Commits PATCH on PARENT, whose tree is in INDEX."""
    def read(name):
        r = git("cat-file", "blob", f":{name}", env=index, check=False)
        return r.stdout if r.returncode == 0 else None

    with tempfile.TemporaryDirectory(dir=BUILD) as tmp:
        for n, done in enumerate(patch.edits(read, told)):
            stage(index, {name: made_file(Path(tmp, str(n), name), name, text, index) for name, text in done.items()})
    stage(index, {path.relative_to(TOP).as_posix(): path for path in patch.files()})
    tree = git("write-tree", env=index)
    return commit(tree, parent, patch.message() + f"Made-from: {want}\n")


def made_file(path, name, text, index):
    """PATH, written, with the mode that NAME has in INDEX; None where there is no text."""
    if text is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if git("ls-files", "-s", name, env=index).startswith("100755"):
        path.chmod(0o755)
    return path


def ensure_series(stripped):
    """Returns the last commit of the series on STRIPPED."""
    t = time.monotonic()
    old = git("rev-list", "--reverse", "stripped..series", check=False).stdout.split()
    parent, made, patches, told = stripped, 0, read_series(), []
    with tempfile.TemporaryDirectory(dir=BUILD) as tmp:
        index = {"GIT_INDEX_FILE": str(Path(tmp) / "index")}
        for n, patch in enumerate(patches):
            want = patch.digest(parent)
            if not made and n < len(old) and trailer(old[n], "Made-from") == want:
                parent = old[n]
                continue
            if not made:
                git("read-tree", parent, env=index)
            parent = apply_patch(patch, parent, index, want, told)
            made += 1
    if made:
        fuzzy = sum(hunk.left_out > 0 for hunk in told)
        step(f"series: {made} of {len(patches)} patches made" + f", {fuzzy} edits by less context" * bool(fuzzy), t)
    return parent


def switch(base, stripped, series):
    """All has been made: now it takes the place of what was there."""
    # By force: build/tree is made here, and edits in it are lost.
    if git("rev-parse", "-q", "--verify", "HEAD", check=False).stdout.strip() != series:
        git("checkout", "-q", "-f", "--detach", series)
    git("update-ref", "--stdin", stdin=f"update refs/tags/base {base}\nupdate refs/tags/stripped {stripped}\n"
        f"update refs/heads/series {series}\ndelete {NEW_BASE}\n")
    if (BUILD / "base/Makefile").exists() and git("-C", str(BUILD / "base"), "rev-parse", "HEAD") != base:
        git("-C", str(BUILD / "base"), "checkout", "-q", "-f", "--detach", base)


def try_series(top):
    """Does the series fit the base of which at least names() are in TOP? Returns what was told."""
    told, patches = [], read_series()
    with tempfile.TemporaryDirectory() as tmp:
        tree = Path(tmp) / "tree"
        shutil.copytree(top, tree, symlinks=True)
        try:
            strip.strip(tree)
        except strip.Misfit as e:
            fail(f"{top}: does not strip: {e}")

        def read(name):
            return (tree / name).read_text() if (tree / name).is_file() else None

        for patch in patches:
            for done in patch.edits(read, told):
                for name, text in done.items():
                    (tree / name).parent.mkdir(parents=True, exist_ok=True)
                    (tree / name).write_text(text) if text is not None else (tree / name).unlink()
    return told


def write_mails():
    out = BUILD / "series"
    subprocess.run(["rm", "-rf", str(out)], check=True)
    print(git("format-patch", "--cover-letter", "--zero-commit", "-o", str(out), "stripped..series"))


def ensure_base_tree():
    base = BUILD / "base"
    if not (base / "Makefile").exists():
        t = time.monotonic()
        git("worktree", "prune")
        git("worktree", "add", "-q", "--detach", str(base), "base")
        step("build/base: the untouched source", t)


def names():
    """What of a base is needed to try the series on it."""
    text = "".join((TOP / e).read_text() for patch in read_series() for e in patch.named())
    return sorted({"Makefile", *stripped_names(), *re.findall(r"^--- a/(\S+)", text, re.M)})


def try_all(tops):
    """One line for each; the function that an edit is in is to be the same in all of them."""
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
    if any(a not in ("--series", "--base") for a in args):
        fail(__doc__)
    BUILD.mkdir(exist_ok=True)
    base = ensure_base()
    stripped = ensure_stripped(base)
    switch(base, stripped, ensure_series(stripped))
    if "--base" in args:
        ensure_base_tree()
    if "--series" in args:
        write_mails()


if __name__ == "__main__":
    main(sys.argv[1:])
