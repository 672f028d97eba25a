"""Puts the real parts together for one command: trees, programs, clusters, browsers. Decides and prints nothing."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from hubfleet.adapters.cache import FolderCache
from hubfleet.adapters.git import Git, GitTree
from hubfleet.adapters.helm import HelmProgram
from hubfleet.adapters.kind import Kind
from hubfleet.adapters.process import Processes
from hubfleet.adapters.toolchain import ensure
from hubfleet.adapters.worktree import WorkTree
from hubfleet.config import read_config
from hubfleet.errors import ClusterUnreachableError, UsageError
from hubfleet.inventory import survey
from hubfleet.planning import Tools

if TYPE_CHECKING:
    from pathlib import Path

    from hubfleet.adapters.http import HttpBrowser
    from hubfleet.adapters.kubernetes import KubernetesCluster
    from hubfleet.config import Config
    from hubfleet.model import Cluster, Release
    from hubfleet.ports import Reporter, Runner, Tree

_DEFAULT_BRANCHES = ("origin/HEAD", "origin/main", "main", "origin/master", "master")


class SystemClock:
    """Implements ports.Clock."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class Workspace:
    """One repository and the way to everything that it names. Use it as an asynchronous context manager."""

    root: Path
    reporter: Reporter
    config_file: Path | None = None
    images: str = "auto"
    runner: Runner = field(default_factory=Processes)
    clock: SystemClock = field(default_factory=SystemClock)
    silent: dict[str, str] = field(default_factory=dict)  # cluster → why it does not answer, and what to do
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _clusters: dict[str, KubernetesCluster | None] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def config(self) -> Config:
        """Read where things are; UsageError where there is no such file."""
        path = self.config_file or self.root / "pyproject.toml"
        try:
            return read_config(
                path.read_bytes(), str(path.relative_to(self.root)) if self.config_file is None else str(path)
            )
        except OSError as error:
            message = f"{path}: {error.strerror}; run in the repository's folder, or name it with --root or --config"
            raise UsageError(message) from error

    @property
    def build(self) -> Path:
        """The folder for what is made here and may be lost."""
        return self.root / "build"

    async def tree(self, rev: str | None = None) -> Tree:
        """List the working tree, or a revision."""
        if rev is None:
            return await WorkTree(self.root, self.runner).load()
        return await GitTree(self.root, rev, self.runner).load()

    async def commit_tree(self, commit: str) -> Tree | None:
        """List a commit's tree; None where git does not have it (a shallow clone, a commit that was never pushed)."""
        if await Git(self.root, self.runner).commit(commit) is None:
            return None
        return await self.tree(commit)

    async def default_base(self) -> str:
        """Return the merge base with the default branch."""
        git = Git(self.root, self.runner)
        for branch in _DEFAULT_BRANCHES:
            if await git.commit(branch) and (base := await git.merge_base("HEAD", branch)):
                return base
        message = "no merge base with the default branch is known here; name one with --base"
        raise UsageError(message)

    async def program(self, name: str) -> Path:
        """Return the pinned program, got where it is missing."""
        return (await ensure([name], root=self.root, runner=self.runner, reporter=self.reporter))[name]

    async def tools(self, *, render: bool = True) -> Tools:
        """Return what planning renders with."""
        cache = FolderCache(self.build / "cache")
        return Tools(HelmProgram(await self.program("helm"), self.runner) if render else None, cache)

    @property
    def kind(self) -> Kind:
        """Kind's clusters on this machine."""
        return Kind(self.root, self.runner, self.reporter, self.images)

    async def kind_clusters(self, names: list[str] | None) -> list[Cluster]:
        """Find the kind clusters that were named, or all. UsageError where a name is none."""
        found = survey(await self.tree(), self.config).inventory.clusters
        known = {cluster.name: cluster for cluster in found.values() if cluster.provider == "kind"}
        for name in names or ():
            if name not in known:
                message = f"{name} is no kind cluster of this repository; there are {', '.join(known) or 'none'}"
                raise UsageError(message)
        return [known[name] for name in names or known]

    async def kubeconfig(self, cluster: Cluster) -> Path | None:
        """Return the cluster's kubeconfig; None where a kind cluster does not exist yet."""
        if cluster.provider == "kind":
            return await self.kind.kubeconfig(cluster.name)
        if cluster.provider == "kubeconfig" and cluster.kubeconfig:
            path = (self.root / cluster.file).parent / cluster.kubeconfig
            if path.exists():
                return path
            message = f"{cluster.file}: kubeconfig: {path} does not exist; put the cluster's kubeconfig there"
            raise ClusterUnreachableError(message)
        message = (
            f"{cluster.file}: provider {cluster.provider} cannot be reached by this version; use `provider: kubeconfig`"
            " with a kubeconfig that your cloud's own tool writes"
        )
        raise ClusterUnreachableError(message)

    async def connect(self, cluster: Cluster) -> KubernetesCluster | None:
        """Return the cluster; None where a kind cluster does not exist yet. Each is connected once.

        ClusterUnreachableError where it does not answer; what it says is kept in `silent`, for people.
        """
        if cluster.name not in self._clusters:
            try:
                path = await self.kubeconfig(cluster)
                found = await self.connected(path) if path else None
                if found:
                    await found.records()
            except ClusterUnreachableError as error:
                self.silent[cluster.name] = way_forward(str(error), cluster)
                raise ClusterUnreachableError(self.silent[cluster.name]) from error
            self._clusters[cluster.name] = found
        return self._clusters[cluster.name]

    async def connected(self, kubeconfig: Path) -> KubernetesCluster:
        """Return the cluster that a kubeconfig leads to."""
        from hubfleet.adapters.kubernetes import KubernetesCluster  # noqa: PLC0415 - slow, and a plan may do without

        return await self._stack.enter_async_context(KubernetesCluster(kubeconfig))

    def browser(self, cluster: Cluster, release: Release) -> HttpBrowser:
        """Return a new browser that reaches a hub as people do, but for names that Python cannot resolve."""
        from hubfleet.adapters.http import HttpBrowser  # noqa: PLC0415 - slow, and only gates need it

        return HttpBrowser(address(cluster, release), release.domain or "")


def address(cluster: Cluster, release: Release) -> str:
    """Return where a hub is reached: a kind cluster through its port on this machine."""
    if cluster.kind:
        return f"http://127.0.0.1:{cluster.kind.port}"
    return f"https://{release.domain}"


def url(cluster: Cluster, release: Release) -> str:
    """Return what a person types."""
    return f"http://{release.domain}:{cluster.kind.port}" if cluster.kind else f"https://{release.domain}"


def way_forward(silence: str, cluster: Cluster) -> str:
    """Add to a cluster's silence what to do about it."""
    if cluster.provider != "kind":
        return f"{cluster.name}: {silence}"
    return (
        f"{cluster.name}: this kind cluster exists, but {silence}. `hubfleet cluster up {cluster.name}` starts the"
        f" container engine and its nodes again, with all that is in them; `hubfleet cluster down {cluster.name}`"
        " removes it. Then plan again."
    )
