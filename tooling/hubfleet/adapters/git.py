"""A revision's files straight from git's object store; no checkout, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubfleet.errors import ToolError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from hubfleet.ports import Completed, Runner

LARGEST = 5 * 2**20  # bytes; no file that Helm can use is larger
EXECUTABLE, SYMLINK = "100755", "120000"
_MODES = {"100644", EXECUTABLE, SYMLINK}  # not submodules

Entries = dict[str, tuple[str, str]]  # path → (mode, blob id)


class Listing:
    """What is known of a tree once it is listed: all of ports.Tree but `read`."""

    def __init__(self) -> None:
        self._commit: str | None = None
        self._dirty = False
        self._modes: dict[str, str] = {}
        self._blobs: dict[str, str] = {}

    def listed(self, commit: str | None, entries: Entries, *, dirty: bool = False) -> None:
        """Take what git has listed."""
        self._commit, self._dirty = commit, dirty
        self._modes = {path: mode for path, (mode, _) in entries.items()}
        self._blobs = {path: blob for path, (_, blob) in entries.items()}

    @property
    def commit(self) -> str | None:
        """Full id of the commit that the tree is, or is based on."""
        return self._commit

    @property
    def dirty(self) -> bool:
        """Whether the tree differs from its commit."""
        return self._dirty

    def files(self) -> Mapping[str, str]:
        """Return path → blob id."""
        return self._blobs

    def mode(self, path: str) -> str:
        """Return git's mode of a file."""
        if path not in self._modes:
            raise FileNotFoundError(path)
        return self._modes[path]

    def read(self, path: str) -> bytes:
        """Return a file's content, for a symlink its target."""
        raise NotImplementedError

    def export(self, paths: Iterable[str], target: Path) -> None:
        """Write files below `target`, at the same relative paths, with their modes."""
        for path in paths:
            place = target / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if self.mode(path) == SYMLINK:
                place.symlink_to(self.read(path).decode("utf-8", "surrogateescape"))
                continue
            place.write_bytes(self.read(path))
            if self.mode(path) == EXECUTABLE:
                place.chmod(0o755)


class GitTree(Listing):
    """The files of one revision: `tree = await GitTree(root, "main", runner).load()`. Implements ports.Tree."""

    def __init__(self, root: Path, rev: str, runner: Runner) -> None:
        super().__init__()
        self._git = Git(root, runner)
        self._rev = rev
        self._contents: dict[str, bytes] = {}

    async def load(self) -> GitTree:
        """Read names and contents. UsageError where the revision does not exist."""
        commit = await self._git.commit(self._rev)
        if commit is None:
            message = f"{self._rev} is no revision of this repository; `git log` shows them, `git fetch` gets more"
            raise UsageError(message)
        entries = await self._git.tree(commit)
        self.listed(commit, entries)
        self._contents = await self._git.blobs({blob for _, blob in entries.values()})
        return self

    def read(self, path: str) -> bytes:
        """Return a file's content, for a symlink its target. ToolError for what is too large for Helm."""
        if path not in self._blobs:
            raise FileNotFoundError(path)
        if self._blobs[path] not in self._contents:
            message = f"{path} is larger than {LARGEST // 2**20} MiB: no file that Helm reads may be"
            raise ToolError(message)
        return self._contents[self._blobs[path]]


class Git:
    """The questions that are asked of git. `root` may be a folder within the repository; paths are relative to it."""

    def __init__(self, root: Path, runner: Runner) -> None:
        self._root = root
        self._runner = runner

    async def run(self, *argv: str, stdin: bytes | None = None) -> bytes:
        """Return what git prints; ToolError with its own words where it fails."""
        done = await self._ask(*argv, stdin=stdin)
        if done.returncode:
            message = f"`git {argv[0]}` failed in {self._root}: {done.stderr.strip()}"
            raise ToolError(message)
        return done.stdout_bytes

    async def commit(self, rev: str) -> str | None:
        """Return the full id of the commit that a revision names; None where there is none."""
        done = await self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
        return done.stdout.strip() or None

    async def merge_base(self, one: str, other: str) -> str | None:
        """Return the best common ancestor; None where there is none, as in a shallow clone."""
        return (await self._ask("merge-base", one, other)).stdout.strip() or None

    async def tree(self, commit: str) -> Entries:
        """Return the files of a commit."""
        return parse_entries(await self.run("ls-tree", "-r", "-z", commit), field=2)

    async def blobs(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Return the contents of those blobs that are not too large."""
        listing = await self.run("cat-file", "--batch-check", stdin=_lines(sorted(ids)))
        sizes = [line.split() for line in listing.decode().splitlines()]
        wanted = [parts[0] for parts in sizes if parts[1] == "blob" and int(parts[2]) <= LARGEST]
        return _parse_batch(await self.run("cat-file", "--batch", stdin=_lines(wanted)))

    async def _ask(self, *argv: str, stdin: bytes | None = None) -> Completed:
        return await self._runner.run(("git", "-C", str(self._root), "--no-optional-locks", *argv), stdin=stdin)


def parse_entries(listing: bytes, field: int) -> Entries:
    """Parse `-z` output of ls-tree or ls-files --stage; `field` is the id's, the mode is the first."""
    entries = {}
    for line in paths_of(listing):
        head, _, path = line.partition("\t")
        parts = head.split()
        if parts[0] in _MODES:
            entries[path] = (parts[0], parts[field])
    return entries


def paths_of(listing: bytes) -> list[str]:
    """Split `-z` output; bytes that are no UTF-8 are kept as Python keeps them in names of files."""
    return listing.decode("utf-8", "surrogateescape").split("\0")[:-1]


def _lines(items: Iterable[str]) -> bytes:
    return "".join(f"{item}\n" for item in items).encode()


def _parse_batch(output: bytes) -> dict[str, bytes]:
    contents, at = {}, 0
    while at < len(output):
        end = output.index(b"\n", at)
        blob, _, size = output[at:end].decode().split()
        start = end + 1
        contents[blob] = output[start : start + int(size)]
        at = start + int(size) + 1
    return contents
