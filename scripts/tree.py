#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""tree.py [--series | --base]: prepare build/tree, the kernel tree with this series applied.

    base        the source as unpacked       (tag)
    stripped    without its memory hotplug   (tag)
    one commit for each patch named in the file `series`, the last is checked out

--series writes the mails to build/series, --base gives an untouched tree in build/base.
The source is Debian's linux-source-6.12, or what KSRC= names: a tarball or a directory.
Nothing is done twice: each stage keeps a digest of what it was made from, and the
work tree is switched once, at the end, so that unchanged files keep their times.
"""
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import strip

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / "build"
TREE = BUILD / "tree"
DEFAULT_SOURCE = "/usr/src/linux-source-6.12.tar.xz"
OWNED = "mm drivers include arch tools Documentation kernel lib MAINTAINERS".split()
DATE = "2026-01-01T00:00:00 +0000"      # the same input gives the same commits


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
            rel = m.name.split("/", 1)[1] if "/" in m.name else ""
            if not rel:
                continue
            if m.issym():
                yield rel, "120000", m.linkname.encode()
            elif m.isfile():
                yield rel, "100755" if m.mode & 0o111 else "100644", tar.extractfile(m).read()


def import_base(src, ident):
    """One pack, written by fast-import: seconds instead of minutes of git add."""
    TREE.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "init", "-q", "-b", "series", str(TREE)], check=True)
    name, mail = identity()
    for key, value in (("gc.auto", "0"), ("user.name", name), ("user.email", mail),
                       ("advice.detachedHead", "false"), ("core.excludesFile", "/dev/null")):
        git("config", key, value)
    who = f"{name} <{mail}> 1767225600 +0000"
    p = subprocess.Popen(["git", "-C", str(TREE), "-c", "core.compression=1", "fast-import",
                          "--quiet", "--force", "--depth=0"], stdin=subprocess.PIPE)
    out, msg = p.stdin, f"base\n\nSource: {ident}\n".encode()
    out.write(f"commit refs/heads/base-import\nauthor {who}\ncommitter {who}\ndata {len(msg)}\n".encode() + msg)
    for rel, mode, data in entries(src):
        if " " in rel or '"' in rel or "\n" in rel:
            rel = '"' + rel.replace("\\", "\\\\").replace('"', '\\"') + '"'
        out.write(f"M {mode} inline {rel}\ndata {len(data)}\n".encode() + data + b"\n")
    out.close()
    if p.wait():
        fail(f"{source()}: could not be imported into build/tree")
    if not git("ls-tree", "base-import", "Kbuild"):
        fail(f"{source()}: is no kernel source")
    git("tag", "-f", "base", "base-import")
    git("branch", "-D", "base-import")


def trailer(rev, key):
    r = git("log", "-1", f"--format=%(trailers:key={key},valueonly)", rev, check=False)
    return r.stdout.strip() if r.returncode == 0 else ""


def commit(tree, parent, message):
    return git("commit-tree", tree, "-p", parent, "-F", "-", stdin=message)


def ensure_base():
    src = source()
    ident = source_id(src)
    if (TREE / ".git").exists() and trailer("base", "Source") == ident:
        return False
    if (TREE / ".git").exists():
        subprocess.run(["rm", "-rf", str(TREE), str(BUILD / "base")], check=True)
    t = time.monotonic()
    import_base(src, ident)
    step(f"base: {src.name}", t)
    return True


def digest(*parts):
    h = hashlib.sha256()
    for p in parts:
        h.update(len(p).to_bytes(8, "big") + p)
    return h.hexdigest()[:24]


def ensure_stripped():
    want = digest((TOP / "scripts/strip.py").read_bytes(), git("rev-parse", "base").encode())
    if trailer("stripped", "Made-from") == want:
        return
    t = time.monotonic()
    names = strip.DELETE + strip.UNIFDEF + [n for r in (strip.CUT_BLOCK, strip.CUT_KCONFIG, strip.CUT_LINE) for n in r]
    with tempfile.TemporaryDirectory(dir=BUILD) as tmp:
        present = [n for n in dict.fromkeys(names) if git("ls-tree", "base", n)]
        tar = subprocess.Popen(["git", "-C", str(TREE), "archive", "base", *present], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", tmp], stdin=tar.stdout, check=True)
        try:
            touched = strip.strip(Path(tmp))
        except strip.Misfit as e:
            fail(f"the base does not strip: {e}")
        index = {"GIT_INDEX_FILE": str(Path(tmp) / ".index")}
        git("read-tree", "base", env=index)
        for name in touched:
            if (Path(tmp) / name).exists():
                stage(index, name, Path(tmp) / name)
            else:
                git("rm", "-r", "-q", "--cached", name, env=index)
        tree = git("write-tree", env=index)
    rev = commit(tree, "base", f"Remove memory hotplug\n\nMade-from: {want}\n")
    git("tag", "-f", "stripped", rev)
    step("stripped: its memory hotplug taken out", t)


def stage(index, name, path):
    blob = git("hash-object", "-w", str(path))
    mode = "100755" if os.access(path, os.X_OK) else "100644"
    git("update-index", "--add", "--cacheinfo", f"{mode},{blob},{name}", env=index)


class Patch:
    """One paragraph of `series`: `== subject`, the message, `+ owned file`, `@ edit`."""

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
        for e in self.edit:
            if not (TOP / e).is_file():
                fail(f"series: {e}: no such patch ('{self.subject}')")
            parts.append((TOP / e).read_bytes())
        return digest(*parts)

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
            patches[-1].edit.append(line[2:].strip())
        else:
            patches[-1].body.append(line)
    listed = {p for patch in patches for p in patch.files()}
    tracked = subprocess.run(["git", "-C", str(TOP), "ls-files", "-co", "--exclude-standard", *OWNED],
                             capture_output=True, text=True).stdout.split()
    for name in tracked:
        if TOP / name not in listed and (TOP / name).is_file():
            fail(f"series: {name} is in no patch of the series")
    edits = {e for patch in patches for e in patch.edit}
    for p in sorted((TOP / "patches").glob("*.patch")):
        if f"patches/{p.name}" not in edits:
            fail(f"series: patches/{p.name} is in no patch of the series")
    return patches


def apply_patch(patch, parent, index, want):
    """Commits PATCH on PARENT, whose tree is in INDEX."""
    for e in patch.edit:
        r = git("apply", "--cached", str(TOP / e), env=index, check=False)
        if r.returncode:
            fail(f"{e} does not apply to this base:\n{r.stderr.strip()}\nRebase the edit on "
                 f"{git('rev-parse', '--short', parent)} of build/tree; nothing was changed.")
    for path in patch.files():
        stage(index, path.relative_to(TOP).as_posix(), path)
    tree = git("write-tree", env=index)
    return commit(tree, parent, patch.message() + f"Made-from: {want}\n")


def ensure_series():
    t = time.monotonic()
    old = git("rev-list", "--reverse", "stripped..series", check=False).stdout.split()
    parent, made, patches = git("rev-parse", "stripped"), 0, read_series()
    with tempfile.TemporaryDirectory(dir=BUILD) as tmp:
        index = {"GIT_INDEX_FILE": str(Path(tmp) / "index")}
        for n, patch in enumerate(patches):
            want = patch.digest(parent)
            if not made and n < len(old) and trailer(old[n], "Made-from") == want:
                parent = old[n]
                continue
            if not made:
                git("read-tree", parent, env=index)
            parent = apply_patch(patch, parent, index, want)
            made += 1
    # By force: build/tree is made here, and edits in it are lost.
    if made or git("rev-parse", "HEAD") != parent:
        git("checkout", "-q", "-f", "--detach", parent)
    git("update-ref", "refs/heads/series", parent)
    if made:
        step(f"series: {made} of {len(patches)} patches made", t)


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


def main(args):
    if any(a not in ("--series", "--base") for a in args):
        fail(__doc__)
    BUILD.mkdir(exist_ok=True)
    ensure_base()
    ensure_stripped()
    ensure_series()
    if "--base" in args:
        ensure_base_tree()
    if "--series" in args:
        write_mails()


if __name__ == "__main__":
    main(sys.argv[1:])
