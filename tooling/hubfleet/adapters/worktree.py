"""The working directory's files as git would commit them now: what is ignored or deleted is left out."""

from __future__ import annotations

import asyncio
import os
import stat
from typing import TYPE_CHECKING

from hubfleet.adapters.git import EXECUTABLE, SYMLINK, Entries, Git, Listing, parse_entries, paths_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hubfleet.ports import Runner


class WorkTree(Listing):
    """The files below `root`: `tree = await WorkTree(root, runner).load()`. Implements ports.Tree."""

    def __init__(self, root: Path, runner: Runner) -> None:
        super().__init__()
        self._root = root
        self._git = Git(root, runner)

    async def load(self) -> WorkTree:
        """List the files; only those that differ from git's index are hashed."""
        commit, index, touched, new = await asyncio.gather(
            self._git.commit("HEAD"),
            self._git.run("ls-files", "--stage", "-z"),
            self._git.run("ls-files", "--modified", "--deleted", "-z"),
            self._git.run("ls-files", "--others", "--exclude-standard", "-z"),
        )
        entries = parse_entries(index, field=1)
        for path in paths_of(touched):
            entries.pop(path, None)
        entries |= await self._hashed({*paths_of(touched), *paths_of(new)})
        committed = await self._git.tree(commit) if commit else {}
        self.listed(commit, entries, dirty=commit is None or entries != committed)
        return self

    def read(self, path: str) -> bytes:
        """Return a file's content, for a symlink its target."""
        if self.mode(path) == SYMLINK:
            return _target(self._root / path)
        return (self._root / path).read_bytes()

    async def _hashed(self, paths: Iterable[str]) -> Entries:
        """Return those of the paths that are files or symlinks, with the ids that git would give them."""
        modes = {path: mode for path in sorted(paths) if (mode := _mode(self._root / path))}
        plain = [path for path, mode in modes.items() if mode != SYMLINK]
        prefix = (await self._git.run("rev-parse", "--show-prefix")).decode("utf-8", "surrogateescape").rstrip("\n")
        lines = [_quoted(prefix + path) for path in plain]  # git reads them from the top of its working tree
        output = await self._git.run("hash-object", "--stdin-paths", stdin=b"".join(lines))
        blobs = dict(zip(plain, output.decode().split(), strict=True))
        for path in modes.keys() - blobs.keys():
            target = _target(self._root / path)
            blobs[path] = (await self._git.run("hash-object", "--stdin", stdin=target)).decode().strip()
        return {path: (mode, blobs[path]) for path, mode in modes.items()}


def _mode(path: Path) -> str | None:
    """Return git's mode of a file; None for what git would not commit."""
    try:
        found = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(found):
        return SYMLINK
    if not stat.S_ISREG(found):
        return None
    return EXECUTABLE if found & stat.S_IXUSR else "100644"


def _target(link: Path) -> bytes:
    return os.fsencode(link.readlink())


def _quoted(path: str) -> bytes:
    """Write a path as a line that git reads; one with a quote, a backslash or a line break as a C string."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    line = f'"{escaped}"' if escaped != path else path
    return os.fsencode(line) + b"\n"
