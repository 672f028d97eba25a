"""What the core needs of the outside world. Adapters implement these; tests use fakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from hubfleet.model import GateResult, Live, Outcome, Plan, Release, ReleaseId, State


@dataclass(frozen=True, slots=True)
class Completed:
    """A process that has ended."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str  # decoded; what is no UTF-8 is replaced
    stderr: str
    stdout_bytes: bytes = b""  # undecoded, for contents of files


class Runner(Protocol):
    """Starts processes; the only way to do so."""

    async def run(  # noqa: PLR0913 - a process has that many sides
        self,
        argv: Sequence[str],
        *,
        stdin: str | bytes | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,  # added to the environment
        timeout: float | None = None,  # noqa: ASYNC109 - seconds; the process group is stopped and TimeoutError raised
        on_line: Callable[[str], None] | None = None,  # each line of stdout and stderr as it comes
    ) -> Completed:
        """Run to the end, whatever the exit code. ToolError where the program does not exist."""
        ...


class Tree(Protocol):
    """One state of the repository's files: a revision or the working tree."""

    @property
    def commit(self) -> str | None:
        """Full id of the commit that the tree is, or is based on; None where there is no commit."""
        ...

    @property
    def dirty(self) -> bool:
        """Whether the tree differs from its commit."""
        ...

    def files(self) -> Mapping[str, str]:
        """Posix path relative to the root → git blob id, for every file (symlinks included) that git would commit."""
        ...

    def mode(self, path: str) -> str:
        """Return git's mode of one file: 100644, 100755 (executable) or 120000 (a symlink to its content)."""
        ...

    def read(self, path: str) -> bytes:
        """Return the content of one file. FileNotFoundError where the tree has none."""
        ...

    def export(self, paths: Iterable[str], target: Path) -> None:
        """Write these files below `target`, at the same relative paths."""
        ...


class Helm(Protocol):
    """The helm program, for what needs no cluster."""

    async def template(self, argv: Sequence[str]) -> str:
        """Return the manifests that `helm template` prints. RenderError with helm's own message where it fails."""
        ...

    def staged(self, tree: Tree, release: Release) -> AbstractContextManager[Path]:
        """Lay out, for this user alone and for the time of the context, every file that helm reads of the release.

        `commands.template` and `commands.upgrade` take it as `root`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """What the cluster remembers of a release's last deploy (ConfigMap hubfleet/hubfleet-releases)."""

    digest: str
    commit: str | None
    dirty: bool
    plan: str
    revision: int
    gate: GateResult
    rendered: str  # digest of the masked, rendered manifests
    proven: int = 0  # Helm's newest revision that is known to have passed its gate: the one to go back to


class Cache(Protocol):
    """Remembers results by content; may forget any of them at any time."""

    def get(self, key: str) -> str | None:
        """Return what was put under this key, if it is still there."""
        ...

    def put(self, key: str, value: str) -> None:
        """Remember a value. Failing to do so is no error."""
        ...


class ClusterApi(Protocol):
    """One cluster, as the planner and the executor see it. ClusterUnreachableError from any method."""

    async def live(self) -> Mapping[str, Live]:
        """Return every release of the cluster that has a record or a Helm revision, by release name."""
        ...

    async def records(self) -> Mapping[str, Record]:
        """Return the cluster's record, by release name; empty where there is none yet."""
        ...

    async def write_record(self, name: str, record: Record) -> None:
        """Store one release's record; others are left as they are."""
        ...

    async def manifest(self, release: ReleaseId, revision: int) -> str:
        """Return the manifests that Helm stored with a revision, hooks included."""
        ...


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod, as far as a wait for it needs to know."""

    name: str
    ready: bool
    reason: str = ""  # why it does not run: ImagePullBackOff, Unschedulable …; "" where nothing is wrong
    message: str = ""  # what Kubernetes says about the reason
    container: str = ""  # that the reason is about
    restarts: int = 0
    created: float = 0.0  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class Workload:
    """How far a Deployment, StatefulSet, DaemonSet or Job is with what was last asked of it."""

    kind: str
    name: str
    ready: bool
    detail: str = ""  # "0 of 1 ready"
    failed: str = ""  # why it will not become ready by itself
    pods: tuple[Pod, ...] = ()  # of its current generation


@dataclass(frozen=True, slots=True)
class Attempt:
    """An upgrade that a deployer began, left in the cluster until its outcome is recorded."""

    plan: str
    digest: str
    revision: int  # of Helm, before
    holder: str


class DeployApi(ClusterApi, Protocol):
    """What a deploy needs of a cluster beyond the planner's view. ClusterUnreachableError from any method."""

    async def lock(self, holder: str, seconds: int) -> None:
        """Take or renew the cluster's lease. LockedError where another holds it and it has not expired."""
        ...

    async def unlock(self, holder: str) -> None:
        """Give the lease back if it is ours."""
        ...

    async def attempts(self) -> Mapping[str, Attempt]:
        """Upgrades that were begun and never recorded, by release name."""
        ...

    async def write_attempt(self, name: str, attempt: Attempt) -> None:
        """Say that an upgrade begins; `write_record` takes the word back."""
        ...

    async def forget_revision(self, release: ReleaseId, revision: int) -> None:
        """Make Helm forget one revision. Its objects stay, and the next install adopts them."""
        ...

    async def ensure_namespace(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a namespace. The labels are set on an existing one too."""
        ...

    async def workloads(self, namespace: str, objects: Sequence[tuple[str, str]]) -> Sequence[Workload]:
        """Read the state of each (kind, name) that is a workload; others are left out."""
        ...

    async def pods(self, namespace: str, labels: Mapping[str, str | None]) -> Sequence[Pod]:
        """List the pods with these labels; None stands for any value."""
        ...

    async def log_tail(self, namespace: str, pod: str, container: str, lines: int) -> Sequence[str]:
        """Read the end of a container's log, of its last run where it has just restarted; empty where there is none."""
        ...

    async def events(self, namespace: str, name: str) -> Sequence[str]:
        """Tell what Kubernetes said about the object of this name, oldest first, repetitions left out."""
        ...

    async def secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Read a Secret's values; None where it does not exist."""
        ...


class Reporter(Protocol):
    """Hears of everything that a person may want to see while it happens."""

    def transition(self, release: ReleaseId, state: State, message: str = "") -> None:
        """Hear that a release has changed its state."""
        ...

    def step(self, title: str, estimate: float | None = None) -> None:
        """Hear that a step begins; `estimate` in seconds where one is known."""
        ...

    def finished(self, plan: Plan, outcomes: Sequence[Outcome]) -> None:
        """Hear that the deploy has ended."""
        ...


class Clock(Protocol):
    """Time, so that tests need not wait."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...
