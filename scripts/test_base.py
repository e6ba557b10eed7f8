#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests where an edit is applied (apply.py), which sources are refused, and what becomes of build/tree (tree.py)."""
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
import unittest.mock
from pathlib import Path

import apply
import strip
import tree

BASE = """\
#include <a.h>

static int first(int a)
{
	if (!a)
		return -EINVAL;
	work(a);
	return 0;
}

static int second(int a)
{
	if (!a)
		return -EINVAL;
	other(a);
	work(a);
out:
	done(a);
	return 0;
}
"""

EDIT = """\
--- a/f.c
+++ b/f.c
@@ -13,4 +13,5 @@ static int second(int a)
 		return -EINVAL;
 	other(a);
+	more(a);
 	work(a);
 out:
"""


def put(edit, base, files=None, told=None):
    files = {"f.c": base} if files is None else files
    return apply.apply("p", edit, files.get, [] if told is None else told)


class Apply(unittest.TestCase):
    def goes(self, base, left_out, edit=EDIT):
        told = []
        new = put(edit, base, told=told)["f.c"]
        self.assertEqual(new.replace("\tmore(a);\n", ""), base)
        self.assertIn("\tother(a);\n\tmore(a);\n", new)
        self.assertEqual((told[0].function, told[0].left_out), ("second", left_out))

    def misfit(self, base, why, edit=EDIT):
        with self.assertRaises(apply.Misfit) as e:
            put(edit, base)
        self.assertIn(why, str(e.exception))

    def test_as_it_was(self):
        self.goes(BASE, 0)

    def test_moved(self):
        self.goes("/* new */\n" * 40 + BASE, 0)
        self.goes(BASE.replace("#include <a.h>\n", ""), 0)

    def test_other_neighbours(self):
        self.goes(BASE.replace("\twork(a);\nout:", "\twork(a);\n\tif (b)\n\t\tgoto out;\nout:"), 1)
        self.goes(BASE.replace("-EINVAL;\n\tother", "-ENODEV;\n\tother"), 1)

    def test_other_parameters(self):
        self.goes(BASE.replace("second(int a)", "second(int a, int b)"), 0)

    def test_cut_off_name(self):
        self.goes(BASE, 0, EDIT.replace("second(int a)", "sec"))

    def test_another_function(self):
        self.misfit(BASE.replace("second(", "third("), "is not there")
        first = BASE.replace("\twork(a);\n\treturn", "\tother(a);\n\twork(a);\nout:\n\treturn")
        self.goes(first, 0)
        self.misfit(first.replace("static int second", "static int third"), "is not there")

    def test_twice(self):
        twice = "\tother(a);\n\twork(a);\nout:\n"
        self.misfit("/* new */\n" + BASE.replace(twice, twice + "\t\treturn -EINVAL;\n" + twice), "2 times")

    def test_says_nothing(self):
        edit = "--- a/f.c\n+++ b/f.c\n@@ -8,2 +8,3 @@ static int first(int a)\n }\n \n+int x;\n"
        self.misfit(BASE.replace("}\n\nstatic", "}\nstatic"), "is not there", edit)

    def test_what_is_removed_is_there(self):
        edit = EDIT.replace("+\tmore(a);\n", "-\twork(b);\n").replace("-13,4 +13,5", "-13,5 +13,4")
        self.misfit(BASE, "is not there", edit)

    def test_hunk_of_a_renamed_function(self):
        edit = "--- a/f.c\n+++ b/f.c\n@@ -10,3 +10,3 @@ static int first(int a)\n \n-static int second(int a)\n" \
               "+static int other_name(int a)\n {\n" + "\n".join(EDIT.splitlines()[2:]) + "\n"
        new = put(edit, BASE)["f.c"]
        self.assertIn("other_name(int a)\n", new)
        self.assertIn("\tmore(a);\n", new)

    def test_files(self):
        self.assertEqual(put("--- /dev/null\n+++ b/g.c\n@@ -0,0 +1,2 @@\n+a\n+b\n", "", {}), {"g.c": "a\nb\n"})
        with self.assertRaises(apply.Misfit):
            put("--- /dev/null\n+++ b/g.c\n@@ -0,0 +1 @@\n+a\n", "", {"g.c": "x\n"})
        with self.assertRaises(apply.Misfit):
            put(EDIT, "", {})
        with self.assertRaises(apply.Misfit):
            put("diff --git a/f.c b/g.c\nrename from f.c\nrename to g.c\n", BASE)

    def test_is_there(self):
        there = put(EDIT, BASE)["f.c"]
        self.assertTrue(apply.is_there("p", EDIT, {"f.c": there}.get))
        self.assertFalse(apply.is_there("p", EDIT, {"f.c": BASE}.get))

    def test_old_base_only(self):
        # Such an edit must remove a line, or a base with the same change in other words would not be recognized.
        for patch in tree.read_series():
            for choice in patch.edit:
                if choice[-1] != "none":
                    continue
                hunks = [h for name in choice[:-1] for e in apply.parse((tree.TOP / name).read_text(), name)
                         for h in e.hunks]
                self.assertTrue(any(kind == "-" for h in hunks for kind, _ in h.lines), f"{choice[0]} only adds")

    def test_cut_off_edit(self):
        self.misfit(BASE, "not as many lines", EDIT.replace(" out:\n", ""))


def makefile(version):
    return "".join(f"{key} = {value}\n" for key, value in
                   zip(("VERSION", "PATCHLEVEL", "SUBLEVEL", "EXTRAVERSION"), version))


class Source(unittest.TestCase):
    def setUp(self):
        tmp = tempfile.TemporaryDirectory()
        self.addCleanup(tmp.cleanup)
        self.tmp = Path(tmp.name)

    def directory(self, text, name="d"):
        (self.tmp / name).mkdir()
        (self.tmp / name / "Makefile").write_text(text)
        return self.tmp / name

    def tarball(self, text, top, name="t.tar.xz"):
        with tarfile.open(self.tmp / name, "w:xz") as tar:
            for rel in ("arch/x86/x.c", "Makefile"):
                entry = tarfile.TarInfo(f"{top}/{rel}")
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text.encode()))
        return self.tmp / name

    def refused(self, src, why):
        # Run as by a user. build/tree must not change.
        head = tree.TREE / ".git/HEAD"
        before = head.read_text() if head.exists() else None
        r = subprocess.run([sys.executable, Path(__file__).parent / "tree.py"], capture_output=True, text=True,
                           env={**os.environ, "KSRC": str(src)})
        self.assertEqual(r.returncode, 1)
        self.assertEqual(len(r.stderr.splitlines()), 1, r.stderr)
        self.assertIn(why, r.stderr)
        self.assertEqual(head.read_text() if head.exists() else None, before)

    def test_versions(self):
        self.assertEqual(tree.check_version(self.directory(makefile("6 12 0".split() + [""]))), "6.12.0")
        self.assertEqual(tree.check_version(self.tarball(makefile("6 12 130".split() + [""]), "linux")), "6.12.130")

    def test_another_version(self):
        self.refused(self.directory(makefile("6 18 3".split() + [""])), "is Linux 6.18.3; this series is for 6.12.y")
        self.refused(self.tarball(makefile("6 1 100".split() + [""]), "linux-6.1.100"), "is Linux 6.1.100;")
        self.refused(self.tarball(makefile("6 1 0".split() + ["-rc1"]), "linux"), "is Linux 6.1.0-rc1;")

    def test_no_kernel(self):
        self.refused(self.directory("all:\n"), "is no kernel source")
        self.refused(self.tarball("all:\n", "p"), "is no kernel source")
        self.refused(self.tmp / "none", "not there")

    def test_no_makefile(self):
        (self.tmp / "empty").mkdir()
        self.refused(self.tmp / "empty", "it has no Makefile")
        self.refused("/dev/null", "neither a tarball nor a directory")

    def test_built(self):
        src = self.directory(makefile("6 12 1".split() + [""]))
        (src / ".config").write_text("")
        self.refused(src, "a kernel has been built in it (.config)")

    def git(self, src, *args):
        subprocess.run(["git", "-C", str(src), "-c", "user.name=n", "-c", "user.email=n@n", *args], check=True,
                       stdout=subprocess.DEVNULL)

    def work_tree(self):
        """A built work tree whose .git is a file, with a file that was edited, and one that is new."""
        src = self.directory(makefile("6 12 1".split() + [""]), "r")
        (src / ".gitignore").write_text("*.o\n.*\n!.gitignore\n")
        (src / "a b.c").write_text("a\n")
        self.git(src, "init", "-q")
        self.git(src, "add", ".")
        self.git(src, "commit", "-qm", "c")
        top = self.tmp / "with space"
        self.git(src, "worktree", "add", "-q", "--detach", str(top))
        for name in ("a.o", ".config", "new.c"):
            (top / name).write_text("b\n")
        (top / "a b.c").write_text("edited\n")
        return top

    def test_git_work_tree(self):
        top = self.work_tree()
        self.assertTrue((top / ".git").is_file())
        self.assertEqual(tree.check_version(top), "6.12.1")
        self.assertEqual({name: text for name, _, text in tree.entries(top) if name.endswith(".c")},
                         {"a b.c": b"edited\n", "new.c": b"b\n"})
        self.assertEqual([name for name, *_ in tree.entries(top)], [".gitignore", "Makefile", "a b.c", "new.c"])

    def test_git_file_is_no_source(self):
        src = self.directory(makefile("6 12 1".split() + [""]))
        (src / ".git").write_text("gitdir: /nowhere\n")
        self.assertEqual([name for name, *_ in tree.entries(src)], ["Makefile"])

    def test_links(self):
        src = self.directory(makefile("6 12 1".split() + [""]))
        (src / "sub").mkdir()
        (src / "link").symlink_to("sub")
        (src / "gone").symlink_to("nowhere")
        self.assertEqual([(name, mode, text) for name, mode, text in tree.entries(src) if mode == "120000"],
                         [("gone", "120000", b"nowhere"), ("link", "120000", b"sub")])

    def test_edited_later(self):
        for src in (self.directory(makefile("6 12 1".split() + [""])), self.work_tree()):
            before = tree.source_id(src)
            self.assertEqual(tree.source_id(src), before)
            (src / "new file.c").write_text("more\n")
            self.assertNotEqual(tree.source_id(src), before)

    def test_no_room(self):
        usage = tree.shutil.disk_usage
        self.addCleanup(setattr, tree.shutil, "disk_usage", usage)
        tree.shutil.disk_usage = lambda path: usage(path)._replace(free=10**8)
        with self.assertRaises(SystemExit) as e:
            tree.check_room()
        self.assertIn("0.1 GB are free. Nothing was changed", str(e.exception))

    def test_no_tarball(self):
        (self.tmp / "x.tar.xz").write_bytes(bytes(range(256)) * 20)
        self.refused(self.tmp / "x.tar.xz", "cannot be read")
        (self.tmp / "y.tar.xz").write_bytes(self.tarball("all:\n" * 9999, "p").read_bytes()[:150])
        self.refused(self.tmp / "y.tar.xz", "cannot be read")


SERIES = """\
== f: more

More is needed.

+ mm/own.c
@ patches/1.patch
== remove

! strip mm/
"""


class Tree(unittest.TestCase):
    """A small project with a small kernel. Whatever the next source is, a good build/tree stays or is replaced as a whole."""

    def setUp(self):
        tmp = tempfile.TemporaryDirectory()
        self.addCleanup(tmp.cleanup)
        self.tmp = Path(tmp.name)
        top = self.tmp / "project"
        for name, text in {"series": SERIES, "patches/1.patch": EDIT, "mm/own.c": "own\n"}.items():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(text)
        build = self.tmp / "build"
        for where, what in ((tree, {"TOP": top, "BUILD": build, "TREE": build / "tree"}),
                            (strip, {"DELETE": ["mm/old.c"], "UNIFDEF": [], "CUT_BLOCK": {}, "CUT_KCONFIG": {}, "CUT_LINE": {}})):
            patched = unittest.mock.patch.multiple(where, **what)
            patched.start()
            self.addCleanup(patched.stop)

    def source(self, name, text=BASE, sub="1"):
        top = self.tmp / name
        (top / "mm").mkdir(parents=True)
        (top / "Makefile").write_text(makefile(["6", "12", sub, ""]))
        (top / "f.c").write_text(text)
        (top / "mm/old.c").write_text("old\n")
        return top

    def tarball(self, top):
        name = Path(f"{top}.tar.gz")
        with tarfile.open(name, "w:gz") as tar:
            tar.add(top / "Makefile", "linux/Makefile")
            tar.add(top, "linux")
        return name

    def make(self, src):
        with unittest.mock.patch.dict(os.environ, KSRC=str(src)), unittest.mock.patch("builtins.print"):
            tree.main([])

    def state(self):
        """Refs but that of an import that was not used, and the files."""
        refs = [line for line in tree.git("show-ref", "--head").splitlines() if tree.NEW_BASE not in line]
        return refs, {p.name: p.read_text() for p in tree.TREE.rglob("*.c")}

    def assert_made(self, more="\tmore(a);\n"):
        self.assertEqual(tree.git("status", "--porcelain"), "")
        self.assertIn(more, (tree.TREE / "f.c").read_text())
        self.assertTrue((tree.TREE / "mm/own.c").exists())
        self.assertFalse((tree.TREE / "mm/old.c").exists())

    def stays(self, src, why):
        before = self.state()
        with self.assertRaises(SystemExit) as e:
            self.make(src)
        self.assertIn(why, str(e.exception))
        self.assertIn("Nothing was changed", str(e.exception))
        self.assertEqual(self.state(), before)
        self.assert_made()

    def test_directory_and_tarball(self):
        src = self.source("a b")
        self.make(src)
        self.assert_made()
        first = self.state()[1]
        self.make(self.tarball(src))
        self.assert_made()
        self.assertEqual(self.state()[1], first)

    def test_edited_later(self):
        src = self.source("a")
        self.make(src)
        (src / "f.c").write_text("/* edited */\n" + BASE)
        self.make(src)
        self.assert_made("/* edited */\n")
        self.assert_made()

    def test_what_does_not_fit(self):
        self.make(self.source("a"))
        self.stays(self.source("b", BASE.replace("second(", "third("), "2"), "what it changes is not there")
        self.make(self.tmp / "a")
        self.assert_made()

    def test_cut_off_tarball(self):
        self.make(self.source("a"))
        whole = self.tarball(self.source("b", os.urandom(200000).hex(), "2"))
        whole.write_bytes(whole.read_bytes()[:100000])
        self.assertEqual(tree.check_version(whole), "6.12.2")
        self.stays(whole, "could not be read to its end")

    def test_no_room(self):
        self.make(self.source("a"))
        usage = tree.shutil.disk_usage
        with unittest.mock.patch.object(tree.shutil, "disk_usage", lambda path: usage(path)._replace(free=10**8)):
            self.stays(self.source("b", sub="2"), "0.1 GB are free")

    def test_strips_all(self):
        (tree.TOP / "series").write_text(SERIES.replace("! strip mm/", ""))
        with self.assertRaises(SystemExit) as e:
            tree.read_series()
        self.assertIn("no patch strips mm/old.c", str(e.exception))

    def test_moved(self):
        # The old file gets another name, so that one of ours can have its name before the old one is removed.
        (tree.TOP / "mm/old.c").write_text("ours\n")
        (tree.TOP / "series").write_text("== move\n\nM.\n\n> mm/old.c mm/older.c\n" + SERIES.replace("mm/own.c", "mm/own.c\n+ mm/old.c"))
        src = self.source("a")
        with unittest.mock.patch.dict(strip.__dict__, DELETE=["mm/older.c"]):
            self.make(src)
            files = {rev: tree.git("ls-tree", "--name-only", rev, "mm/").split() for rev in ("series~2", "series~1", "series", "stripped")}
            self.assertEqual(tree.git("show", "series:mm/old.c"), "ours")
            self.assertIn("mm/old.c", tree.names())
            self.assertNotIn("mm/older.c", tree.names())
            with unittest.mock.patch("builtins.print"), unittest.mock.patch.object(tree, "cover_letter", lambda: "s\n\nText."):
                tree.write_mails()
                tree.write_quilt()
            tree.try_series(src)
        self.assertEqual(files, {"series~2": ["mm/older.c"], "series~1": ["mm/old.c", "mm/older.c", "mm/own.c"],
                                 "series": ["mm/old.c", "mm/own.c"], "stripped": ["mm/old.c", "mm/own.c"]})
        self.assertIn("\nrename from mm/old.c\n", (tree.BUILD / "series/0001-move.patch").read_text())
        self.assertIn("\ndeleted file mode", (tree.BUILD / "quilt/memory-hotplug/0001-move.patch").read_text())

    def test_innermost_folder(self):
        (tree.TOP / "mm/a").mkdir()
        (tree.TOP / "mm/a/b.c").write_text("b\n")
        (tree.TOP / "series").write_text(SERIES.replace("+ mm/own.c", "+ mm\n== b\n\nB.\n\n+ mm/a\n"))
        files = {p.subject: [f.name for f in p.files()] for p in tree.read_series()}
        self.assertEqual((files["f: more"], files["b"]), (["own.c"], ["b.c"]))


if __name__ == "__main__":
    unittest.main()
