"""The values that pass between modules: frozen, comparable, printable. No I/O and no decisions here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Stage(StrEnum):
    """When a release moves within its cluster; the order of the members is the order of the waves."""

    SUPPORT = "support"
    STAGING = "staging"
    PRODUCTION = "production"


class Action(StrEnum):
    """What a plan does with a release."""

    INSTALL = "install"
    UPGRADE = "upgrade"
    VERIFY = "verify"
    REMOVE = "remove"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    UNCHANGED = "unchanged"


class Difference(StrEnum):
    """How one input of a release differs between before and after."""

    ADDED = "added"
    MODIFIED = "modified"
    REMOVED = "removed"
    RENAMED = "renamed"
    REENCRYPTED = "re-encrypted"
    ARGUMENT = "argument"
    DRIFT = "drift"
    CATCH_UP = "catch-up"


class Impact(StrEnum):
    """What people will notice when a release is upgraded."""

    RESTARTS_HUB = "restarts-hub"
    RESTARTS_PROXY = "restarts-proxy"
    NEXT_SPAWN = "next-spawn"
    DATABASE_MIGRATION = "database-migration"
    STORAGE_AT_RISK = "storage-at-risk"
    METADATA = "metadata"
    OTHER = "other"


class State(StrEnum):
    """Where a release stands in a deploy."""

    PLANNED = "planned"
    BLOCKED = "blocked"
    STALE = "stale"
    RUNNING = "running"
    IN_DOUBT = "in-doubt"
    DONE = "done"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"
    UNREACHABLE = "unreachable"


class GateResult(StrEnum):
    """What is known of a release's gate."""

    PASSED = "passed"
    FAILED = "failed"
    NEVER = "never"


@dataclass(frozen=True, slots=True, order=True)
class ReleaseId:
    """One Helm release on one cluster. The release's name is its namespace too."""

    cluster: str
    name: str

    def __str__(self) -> str:
        return f"{self.cluster}/{self.name}"

    @property
    def namespace(self) -> str:
        """The namespace that the release lives in."""
        return self.name

    @classmethod
    def parse(cls, text: str) -> ReleaseId:
        """Read `cluster/name`; ValueError for anything else."""
        cluster, slash, name = text.partition("/")
        if not (slash and cluster and name) or "/" in name:
            message = f"{text!r} is not of the form cluster/name"
            raise ValueError(message)
        return cls(cluster, name)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong with a file of the repository, with its place and what to do."""

    file: str
    line: int  # from 1; 0 where the file as a whole is meant
    key: str  # dotted path within the file, "" where the file as a whole is meant
    expected: str
    found: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}:" if self.key else ""
        hint = f". {self.hint}" if self.hint else ""
        return f"{place}:{key} expected {self.expected}, found {self.found}{hint}"


@dataclass(frozen=True, slots=True, order=True)
class Input:
    """One thing that a release is made of.

    `path` is a file of the repository (posix, relative to its root) or a named value such as `argument kube-version`.
    `content` is the git blob id of the file or a digest of the value. `via` is the chain from the release
    (left out) to this input (left out): `("charts/jupyterhub-base",)`, `("image hub",)`.
    """

    path: str
    content: str
    via: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of Helm values: a file, or values that Hubfleet computed (`path` then names their source)."""

    path: str
    values: str | None = None  # JSON text of computed values; None for a file


@dataclass(frozen=True, slots=True)
class Gate:
    """How a hub is proven after an upgrade."""

    credentials: str | None = None  # a Secret of the hub's namespace with `username` and `password`: log in by form
    profile: str | None = None
    skip: str | None = None  # the reason why there is no gate


@dataclass(frozen=True, slots=True)
class KindCluster:
    """A cluster of kind's on this machine."""

    workers: int = 1
    port: int = 8080  # on 127.0.0.1, leads to the support chart's ingress


@dataclass(frozen=True, slots=True)
class Cluster:
    """The connection and the policies of one cluster."""

    name: str
    provider: str  # kind | kubeconfig | gcp | aws | azure
    kubernetes_version: str  # "1.36"
    file: str  # path of its cluster.yaml
    kind: KindCluster | None = None
    kubeconfig: str | None = None  # path of a kubeconfig, relative to the cluster's folder; provider kubeconfig
    deploy: Mapping[str, str | int] = field(default_factory=dict)  # overrides of the deploy policies


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node of a kind cluster."""

    name: str
    role: str  # control-plane | worker
    running: bool  # its container
    ready: bool  # as Kubernetes sees it


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """What is known of a kind cluster of this machine; without nodes it does not exist."""

    name: str
    nodes: tuple[NodeStatus, ...] = ()
    complete: bool = False  # False where a set-up was cut short
    kubernetes_version: str | None = None  # "1.36.3"; None where the API server does not answer
    port: int | None = None  # on 127.0.0.1

    @property
    def exists(self) -> bool:
        """Whether there is anything of it."""
        return bool(self.nodes)

    @property
    def healthy(self) -> bool:
        """Whether it is complete and every node is ready."""
        return self.complete and self.exists and all(node.ready for node in self.nodes)


@dataclass(frozen=True, slots=True)
class Release:
    """Everything that one Helm release is made of. Equality of `digest` is "nothing to do"."""

    id: ReleaseId
    stage: Stage
    chart: str  # the chart's folder, relative to the root
    layers: tuple[Layer, ...]  # lowest precedence first; Helm gets them in this order
    inputs: tuple[Input, ...]  # sorted
    kube_version: str
    canaries: tuple[ReleaseId, ...] = ()  # what must pass before this release
    display_name: str = ""
    domain: str | None = None
    gate: Gate = field(default_factory=Gate)
    files: tuple[tuple[str, str], ...] = ()  # what helm reads: (place below a render's root, path in the tree)
    images: tuple[tuple[str, str], ...] = ()  # those of ours: (name, tag)

    @property
    def digest(self) -> str:
        """Hex SHA-256 over the inputs' paths and contents."""
        return digest([[item.path, item.content] for item in self.inputs])


@dataclass(frozen=True, slots=True)
class Inventory:
    """All clusters and releases that one tree describes."""

    clusters: Mapping[str, Cluster]
    releases: Mapping[ReleaseId, Release]


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """Why a release is in a plan: the path from the release to what changed, and how it changed."""

    path: tuple[str, ...]
    change: Difference


@dataclass(frozen=True, slots=True)
class Live:
    """What is known of a release on its cluster."""

    revision: int  # of Helm; 0 where the release is absent
    status: str  # of Helm: deployed, failed, pending-upgrade …; "absent"
    digest: str | None = None  # of the last recorded deploy
    commit: str | None = None
    recorded_revision: int | None = None
    gate: GateResult = GateResult.NEVER


@dataclass(frozen=True, slots=True)
class PlannedRelease:
    """One row of a plan."""

    id: ReleaseId
    stage: Stage
    action: Action
    wave: int  # from 1; 0 for what the deploy does not touch
    canaries: tuple[ReleaseId, ...] = ()
    canary_only: bool = False  # it is in the plan only because another release needs it
    impact: tuple[Impact, ...] = ()
    digest: str = ""
    live: Live | None = None
    reasons: tuple[Reason, ...] = ()
    note: str = ""  # why it is unchanged, broken or unknown


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deploy will do; the same to the byte for the same two sides."""

    against: str  # live | git | nothing
    base: str | None
    head: str  # commit id, with "+dirty" where the tree had uncommitted changes
    releases: tuple[PlannedRelease, ...]  # sorted by wave, then id
    complete: bool = True  # False where a cluster could not be asked
    selection: tuple[str, ...] = ()

    @property
    def has_changes(self) -> bool:
        """Whether a deploy of this plan would upgrade, install or verify anything."""
        return any(row.action in {Action.INSTALL, Action.UPGRADE, Action.VERIFY} for row in self.releases)

    @property
    def waves(self) -> tuple[int, ...]:
        """The numbers of the waves, in order."""
        return tuple(sorted({row.wave for row in self.releases if row.wave}))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a deploy did with one release."""

    id: ReleaseId
    state: State
    action: Action
    message: str = ""
    revision: int | None = None
    gate: GateResult = GateResult.NEVER
    blocked_by: ReleaseId | None = None
    seconds: float = 0.0


def digest(value: object) -> str:
    """Hex SHA-256 of a JSON-like value; the order of keys does not matter."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
