"""Both kinds of tree, on real repositories made for each test."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from hubfleet.adapters.git import GitTree
from hubfleet.adapters.process import Processes
from hubfleet.adapters.worktree import WorkTree
from hubfleet.errors import ToolError, UsageError

IDENTITY = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")
ODD = ("naïve äöü.yaml", 'quo"ted.yaml', "back\\slash.yaml", "line\nbreak.yaml", " space .yaml", "tab\t.yaml")


def git(root: Path, *argv: str) -> str:
    done = subprocess.run(("git", "-C", str(root), *IDENTITY, *argv), capture_output=True, check=True)
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def write(root: Path, **files: str) -> None:
    for path, text in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def commit(root: Path, message: str = "work") -> str:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", message)
    return git(root, "rev-parse", "HEAD")


def work(root: Path) -> WorkTree:
    return asyncio.run(WorkTree(root, Processes()).load())


def revision(root: Path, rev: str = "HEAD") -> GitTree:
    return asyncio.run(GitTree(root, rev, Processes()).load())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    return tmp_path


def test_both_trees_agree_on_a_clean_checkout(root: Path) -> None:
    write(root, **{"a.yaml": "a: 1\n", "deep/er/b.yaml": "b: 2\n"})
    head = commit(root)
    one, other = work(root), revision(root)
    assert one.files() == other.files()
    assert set(one.files()) == {"a.yaml", "deep/er/b.yaml"}
    assert (one.commit, one.dirty) == (other.commit, other.dirty) == (head, False)
    assert one.read("deep/er/b.yaml") == other.read("deep/er/b.yaml") == b"b: 2\n"


def test_working_tree_has_the_ids_that_a_commit_of_it_would_have(root: Path) -> None:
    write(root, **{"kept": "1", "edited": "1", "deleted": "1", "staged": "1", "ignored/x": "1", ".gitignore": ""})
    commit(root)
    write(root, **{"edited": "2", "staged": "2", "new/file": "new", "ignored/y": "2", ".gitignore": "/ignored/y\n"})
    git(root, "add", "staged")
    (root / "staged").write_text("3")
    (root / "deleted").unlink()
    before = work(root)
    commit(root)
    assert before.dirty
    assert before.files() == revision(root).files()
    assert {"deleted", "ignored/y"}.isdisjoint(before.files())


def test_working_tree_without_any_commit_is_dirty_and_complete(root: Path) -> None:
    write(root, a="1")
    tree = work(root)
    assert (tree.commit, tree.dirty, set(tree.files())) == (None, True, {"a"})


def test_edit_that_was_taken_back_leaves_a_clean_tree(root: Path) -> None:
    write(root, a="1")
    commit(root)
    write(root, a="2")
    assert work(root).dirty
    write(root, a="1")
    os.utime(root / "a", (1, 1))
    assert not work(root).dirty


@pytest.mark.parametrize("tracked", [True, False])
def test_odd_names_are_read_and_hashed(root: Path, *, tracked: bool) -> None:
    write(root, **{f"hübs/{name}": name for name in ODD})
    if tracked:
        commit(root)
        write(root, **{f"hübs/{name}": f"{name} edited" for name in ODD})
    tree = work(root)
    commit(root)
    assert set(tree.files()) == {f"hübs/{name}" for name in ODD}
    assert tree.files() == revision(root).files()
    assert revision(root).read(f"hübs/{ODD[0]}").decode().startswith(ODD[0])


def test_name_that_is_no_utf8_survives(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9")).write_text("x")
    tree = work(root)
    (path,) = tree.files()
    assert tree.read(path) == b"x"


def test_folder_within_a_repository_is_a_tree_of_its_own(root: Path) -> None:
    write(root, **{"fleet/a.yaml": "1", "elsewhere": "1", ".gitattributes": "*.yaml text eol=crlf\n"})
    commit(root)
    write(root, **{"fleet/a.yaml": "2\r\n", "fleet/new.yaml": "3\r\n"})
    tree = work(root / "fleet")
    commit(root)
    assert set(tree.files()) == {"a.yaml", "new.yaml"}
    assert tree.files() == revision(root / "fleet").files()


def test_modes_and_links_are_seen(root: Path) -> None:
    write(root, plain="1", run="1")
    (root / "run").chmod(0o755)
    (root / "link").symlink_to("plain")
    before = work(root)
    commit(root)
    for tree in (before, work(root), revision(root)):
        assert [tree.mode(path) for path in ("plain", "run", "link")] == ["100644", "100755", "120000"]
        assert tree.read("link") == b"plain"
    assert before.files() == revision(root).files()


def test_unmerged_file_counts_with_what_stands_in_the_working_directory(root: Path) -> None:
    write(root, a="base")
    commit(root)
    git(root, "checkout", "--quiet", "-b", "other")
    write(root, a="theirs")
    commit(root)
    git(root, "checkout", "--quiet", "main")
    write(root, a="ours")
    commit(root)
    with pytest.raises(subprocess.CalledProcessError):
        git(root, "merge", "other")
    tree = work(root)
    assert tree.read("a").startswith(b"<<<<<<<")
    assert tree.files()["a"] == git(root, "hash-object", "a")


def test_binary_content_survives(root: Path) -> None:
    content = bytes(range(256)) * 3
    (root / "logo.png").write_bytes(content)
    write(root, empty="")
    commit(root)
    assert revision(root).read("logo.png") == content
    assert revision(root).read("empty") == b""


def test_exported_files_are_the_same(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    write(root, **{"charts/a/run.sh": "#!/bin/sh\n"})
    (root / "charts/a/run.sh").chmod(0o755)
    (root / "charts/a/link").symlink_to("run.sh")
    commit(root)
    target = tmp_path_factory.mktemp("export")
    revision(root).export(["charts/a/run.sh", "charts/a/link"], target)
    assert (target / "charts/a/run.sh").stat().st_mode & 0o111
    assert (target / "charts/a/link").read_text() == "#!/bin/sh\n"


def test_old_revision_is_read_as_it_was(root: Path) -> None:
    write(root, a="1")
    first = commit(root)
    write(root, a="2")
    commit(root)
    assert revision(root, first).read("a") == b"1"
    assert revision(root, "HEAD~1").commit == first


def test_unknown_revision_is_named(root: Path) -> None:
    with pytest.raises(UsageError, match="no-such is no revision"):
        revision(root, "no-such")
    with pytest.raises(UsageError, match="--help is no revision"):
        revision(root, "--help")


def test_file_that_is_not_there_is_an_error_of_its_own(root: Path) -> None:
    write(root, a="1")
    commit(root)
    for tree in (work(root), revision(root)):
        with pytest.raises(FileNotFoundError):
            tree.read("b")


def test_folder_outside_of_git_is_told_in_gits_words(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="not a git repository"):
        work(tmp_path)
