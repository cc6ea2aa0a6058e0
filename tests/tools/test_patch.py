import difflib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.core.errors import ToolFault
from agentkit.tooling.snapshots.undoable import why_lost
from agentkit_tools.patch import applied, apply_patch, parsed
from agentkit_tools.text import Text

OLD = "one\ntwo\nthree\nfour\nfive\n"
DIFF = """\
--- a/n.txt
+++ b/n.txt
@@ -1,3 +1,3 @@
 one
-two
+TWO
 three
@@ -5 +5,2 @@
 five
+six
"""


def test_every_hunk_is_applied(world) -> None:
    world.write("n.txt", OLD)
    assert apply_patch(DIFF, world.context) == "changed n.txt (2 hunks)"
    assert world.read("n.txt") == b"one\nTWO\nthree\nfour\nfive\nsix\n"


def test_one_hunk_that_does_not_fit_leaves_every_file_as_it_was(world) -> None:
    world.write("n.txt", OLD)
    world.write("m.txt", "a\nb\n")
    diff = DIFF + "--- m.txt\n+++ m.txt\n@@ -1,2 +1,2 @@\n a\n-c\n+d\n"
    with pytest.raises(ToolFault) as fault:
        apply_patch(diff, world.context)
    assert str(fault.value) == (
        "hunk 1 of 1 does not fit \"m.txt\": line 2 should be 'c'. Nothing was changed. It holds\n1: a\n2: b"
    )
    assert world.read("n.txt") == OLD.encode()


def test_a_hunk_is_found_where_the_line_number_is_wrong_but_only_at_one_place(world) -> None:
    world.write("n.txt", OLD)
    apply_patch("--- n.txt\n+++ n.txt\n@@ -40,1 +40,1 @@\n-four\n+4\n", world.context)
    assert world.read("n.txt") == OLD.replace("four", "4").encode()
    world.write("n.txt", "x\ny\nx\n")
    with pytest.raises(ToolFault, match="its lines are in the file 2 times and not at line 9"):
        apply_patch("--- n.txt\n+++ n.txt\n@@ -9 +9 @@\n-x\n+z\n", world.context)


def test_files_are_made_and_deleted(world) -> None:
    world.write("old.txt", "gone\n")
    diff = (
        "--- /dev/null\n+++ b/new/n.txt\n@@ -0,0 +1,2 @@\n+a\n+b\n"
        "--- a/old.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n"
    )
    assert apply_patch(diff, world.context) == "created new/n.txt\ndeleted old.txt"
    assert world.read("new/n.txt") == b"a\nb\n"
    assert not (world.root / "old.txt").exists()


def test_a_disk_that_refuses_half_way_gives_back_what_was_done(world) -> None:
    world.write("a.txt", "a\n")
    world.write("b.txt", "b\n")
    os.chmod(world.root / "b.txt", 0o444)
    diff = "".join(f"--- {n}.txt\n+++ {n}.txt\n@@ -1 +1 @@\n-{n}\n+{n}{n}\n" for n in "ab")
    with pytest.raises(ToolFault, match="write-protected"):
        apply_patch(diff, world.context)
    assert world.read("a.txt") == b"a\n"


def test_line_ends_and_a_missing_last_newline_stay_as_they_are(world) -> None:
    world.write("n.txt", "one\r\ntwo\nthree")
    apply_patch("--- n.txt\n+++ n.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n", world.context)
    assert world.read("n.txt") == b"one\r\n2\nthree"


@pytest.mark.parametrize(
    ("diff", "why"),
    [
        ("hello", "no unified diff"),
        ("@@ -1 +1 @@\n-a\n+b\n", "a hunk comes before any"),
        ("--- a\n+++ a\n@@ -1 +1 @@\n*a\n", "must begin with a space"),
        ("--- a/x\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n", "use move_file"),
        ("--- ../x\n+++ ../x\n@@ -1 +1 @@\n-a\n+b\n", "outside the workspace"),
        ("--- /dev/null\n+++ here.txt\n@@ -0,0 +1 @@\n+b\n", "exists already"),
        ("--- here.txt\n+++ here.txt\n", "has no hunk"),
    ],
)
def test_what_is_no_patch_is_said(world, diff: str, why: str) -> None:
    world.write("here.txt", "a\n")
    with pytest.raises(ToolFault, match=why):
        apply_patch(diff, world.context)


def test_auto_asks_about_a_patch_to_a_file_that_could_not_be_brought_back(world) -> None:
    lost = why_lost(apply_patch, {"patch": DIFF}, {"n.txt": "it is too large"}, {}, world.context)
    assert lost == '"n.txt" could not be brought back, which is not kept: it is too large'
    assert why_lost(apply_patch, {"patch": DIFF}, {"m.txt": "it is too large"}, {}, world.context) == ""


def test_lines_that_look_like_a_header_belong_to_the_hunk_that_counts_them(world) -> None:
    world.write("q.sql", "a\n-- old\nb\n")
    apply_patch("--- a/q.sql\n+++ b/q.sql\n@@ -1,3 +1,3 @@\n a\n--- old\n+++ new\n b\n", world.context)
    assert world.read("q.sql") == b"a\n++ new\nb\n"


MAILED = """\
From 0123456789 Mon Sep 17 00:00:00 2001
Subject: [PATCH] numbers

---
 x | 2 +-
 1 file changed, 1 insertion(+), 1 deletion(-)

diff --git a/x b/x
--- a/x
+++ b/x
@@ -1{} +1 @@
-1
+2
--{}
2.40.1

"""


@pytest.mark.parametrize("count", ["", ",4"])
@pytest.mark.parametrize("space", [" ", ""])
def test_the_signature_of_a_mailed_patch_is_no_line_of_it(world, count: str, space: str) -> None:
    world.write("x", "1\n")
    world.write("y", "1\n")
    mails = MAILED.format(count, space)
    apply_patch(mails + mails.replace("a/x", "a/y").replace("b/x", "b/y"), world.context)
    assert (world.read("x"), world.read("y")) == (b"2\n", b"2\n")


@pytest.mark.parametrize("counts", ["-1 +1", "-1,2 +1,2", "-1,9 +1,9", "-1,3 +1,2"])
def test_a_model_that_miscounts_is_understood(world, counts: str) -> None:
    world.write("n.txt", "one\n\ntwo\n")
    world.write("m.txt", "a\n")
    diff = (
        f"--- n.txt\n+++ n.txt\n@@ {counts} @@\n one\n\n-two\n+2\n--- m.txt\n+++ m.txt\n@@ -1 +1 @@\n-a\n+b\n"
    )
    assert apply_patch(diff, world.context) == "changed n.txt (1 hunk)\nchanged m.txt (1 hunk)"
    assert (world.read("n.txt"), world.read("m.txt")) == (b"one\n\n2\n", b"b\n")


def test_a_folder_that_is_called_a_is_no_prefix(world) -> None:
    world.write("a/x", "1\n")
    world.write("x", "1\n")
    apply_patch("--- a/x\n+++ a/x\n@@ -1 +1 @@\n-1\n+2\n", world.context)
    assert (world.read("a/x"), world.read("x")) == (b"2\n", b"1\n")


NO_NEWLINE = "\\ No newline at end of file"
LINE = st.sampled_from(
    [
        "a", "b", "c", "", " ", "-x", "+y", "- ", "-", "-- ", "-- z", "--- z", "++ w", "+++ w", "@@ -1 +1 @@",
        "diff --git a/n b/n", "2.40", NO_NEWLINE,
    ]
)  # fmt: skip
TEXTS = st.builds(
    lambda lines, ends: "\n".join(lines) + ("\n" if lines and (ends or not lines[-1]) else ""),
    st.lists(LINE, max_size=12),
    st.booleans(),
)


@given(TEXTS, TEXTS, st.integers(0, 3))
def test_what_diff_says_of_two_texts_turns_one_into_the_other(before: str, after: str, around: int) -> None:
    rows = [re.findall(r"[^\n]*\n|[^\n]+", text) for text in (before, after)]
    lines = difflib.unified_diff(*rows, "n", "n", n=around)
    diff = "".join(line if line.endswith("\n") else f"{line}\n{NO_NEWLINE}\n" for line in lines)
    assert patched(before, diff) == after


@pytest.mark.skipif(not shutil.which("git"), reason="compares with git")
@settings(max_examples=60, deadline=None)
@given(before=TEXTS, after=TEXTS, around=st.integers(0, 3))
def test_what_git_says_of_two_texts_turns_one_into_the_other(
    repository: Path, before: str, after: str, around: int
) -> None:
    file = repository / "n"
    file.write_text(before)
    git(repository, "add", "n")
    file.write_text(after)
    assert patched(before, git(repository, "diff", f"-U{around}")) == after


def patched(before: str, diff: str) -> str:
    if not diff:
        return before
    [patch] = parsed(diff)
    return applied(Text(before), patch.hunks, "n").raw


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "--quiet")
    return folder


def git(folder: Path, *words: str) -> str:
    own = {"HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    return subprocess.run(
        ["git", *words], cwd=folder, env=own, check=True, capture_output=True, text=True
    ).stdout
