"""Clusters of kind on this machine: makes, starts, removes and fills them. Decides nothing about releases."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hubfleet.adapters import kind_nodes
from hubfleet.adapters.docker import Docker
from hubfleet.adapters.engine import ensure_engine
from hubfleet.adapters.host import Host
from hubfleet.adapters.image_source import Source, image_source
from hubfleet.adapters.kind_config import Made, config
from hubfleet.adapters.kind_rules import check_version, compare, wanted_of
from hubfleet.adapters.lock import locked
from hubfleet.adapters.node_image import NodeImage, node_image, qualified
from hubfleet.adapters.pins import PUBLISHED_NODE
from hubfleet.adapters.process import checked
from hubfleet.adapters.progress import long_step
from hubfleet.adapters.toolchain import ensure
from hubfleet.errors import ToolError
from hubfleet.model import ClusterStatus, NodeStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from hubfleet.adapters.kind_nodes import Condition, Nodes
    from hubfleet.model import Cluster
    from hubfleet.ports import Reporter, Runner

_CREATED = 600.0  # seconds that kind may take: where a node hangs, kind waits for ever
_READY = 240.0  # seconds that nodes may take to become ready


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind clusters of this machine. `root` is the repository; `images` is auto, pull or build."""

    root: Path
    runner: Runner
    reporter: Reporter
    images: str = "auto"

    async def up(self, cluster: Cluster) -> Path:
        """Return the kubeconfig once the cluster runs as cluster.yaml says and every node is ready."""
        wanted = wanted_of(cluster)
        async with self._lock(cluster.name):
            nodes = await self._nodes_of_a_running_engine(cluster.name)
            if nodes.nodes and (made := await kind_nodes.made_as(self._docker, nodes)):
                compare(made, wanted, cluster)
            elif nodes.nodes:
                self.reporter.step(
                    f"an earlier set-up of the cluster {cluster.name} was cut short: removes what it left"
                )
                await self._remove(nodes)
                nodes = kind_nodes.Nodes(nodes.cluster, ())
            if nodes.nodes:
                told = await self._start(nodes, cluster)
            else:
                nodes = await self._create(cluster, wanted)
                told = await self._complete(nodes, wanted)
        check_version(told[nodes.control_plane].version, cluster)
        return await self._write_kubeconfig(cluster.name, nodes)

    async def down(self, name: str) -> None:
        """Remove the cluster, with all data in it; nothing happens where it does not exist."""
        async with self._lock(name):
            nodes = await kind_nodes.find(self._docker, kind_name(name))
            if nodes.nodes:
                self.reporter.step(f"removes the cluster {name}", 5)
                await self._remove(nodes)
            self._kubeconfig_file(name).unlink(missing_ok=True)

    async def status(self, name: str) -> ClusterStatus:
        """Tell what there is of a cluster. Starts nothing; ToolError where the engine does not answer."""
        nodes = await kind_nodes.find(self._docker, kind_name(name))
        if not nodes.nodes:
            return ClusterStatus(name)
        made = await kind_nodes.made_as(self._docker, nodes)
        told = await kind_nodes.conditions(self._docker, nodes) if made and not nodes.stopped else {}
        return ClusterStatus(
            name,
            tuple(
                NodeStatus(node.name, node.role, node.running, node.name in told and told[node.name].ready)
                for node in nodes.nodes
            ),
            complete=made is not None,
            kubernetes_version=told[nodes.control_plane].version if nodes.control_plane in told else None,
            port=made.port if made else None,
        )

    async def kubeconfig(self, name: str) -> Path | None:
        """Return the cluster's kubeconfig, also where it is stopped; None where it does not exist or is unfinished."""
        path = self._kubeconfig_file(name)
        try:
            nodes = await kind_nodes.find(self._docker, kind_name(name))
        except ToolError:
            # Without an engine nobody knows; where there was a cluster, asking it tells that it is away.
            return path if path.exists() else None
        if not nodes.nodes or await kind_nodes.made_as(self._docker, nodes) is None:
            path.unlink(missing_ok=True)
            return None
        return await self._write_kubeconfig(name, nodes)

    async def load(self, name: str, images: Sequence[str]) -> None:
        """Bring images of the engine to the nodes that run ordinary pods, as far as they lack them."""
        nodes = await kind_nodes.find(self._docker, kind_name(name))
        if not nodes.nodes:
            message = f"the cluster {name} does not exist: run `hubfleet cluster up {name}`"
            raise ToolError(message)
        ids = {image: await self._image_id(image) for image in images}
        for node in nodes.for_pods:
            has = set((await self._docker.inside(node, *_LIST_IMAGES, failure=f"{node} does not answer")).split())
            lacking = [image for image in images if qualified(image) not in has or ids[image] not in has]
            if lacking:
                self.reporter.step(f"loads {', '.join(lacking)} into {node}", 10 * len(lacking))
                await self._docker.pour(lacking, node, *_IMPORT_IMAGES)

    @property
    def _docker(self) -> Docker:
        return Docker(self.runner)

    def _lock(self, name: str) -> AbstractAsyncContextManager[None]:
        """One set-up of a cluster at a time on this machine, whichever clone it comes from."""
        return locked(locks() / f"{kind_name(name)}.lock", f"works on the cluster {name}", self.reporter)

    def _kubeconfig_file(self, name: str) -> Path:
        return self.root / ".tools" / "kubeconfig" / f"{name}.yaml"

    async def _nodes_of_a_running_engine(self, name: str) -> Nodes:
        try:
            return await kind_nodes.find(self._docker, kind_name(name))
        except ToolError:
            await ensure_engine(self.runner, self.reporter)
            return await kind_nodes.find(self._docker, kind_name(name))

    async def _create(self, cluster: Cluster, wanted: Made) -> Nodes:
        await self._insist_on_free_port(wanted.port, cluster)
        Host().allow_more_inotify(self.reporter)
        kind = (await ensure(["kind"], root=self.root, runner=self.runner, reporter=self.reporter))["kind"]
        image = await self._node_image()
        name = kind_name(cluster.name)
        with tempfile.TemporaryDirectory(prefix="hubfleet-") as folder:
            command = ("create", "cluster", "--name", name, "--image", image, "--config", "-", "--wait", "180s")
            async with long_step(self.reporter, f"makes the cluster {cluster.name} of {image}", 45):
                await checked(
                    self.runner,
                    (str(kind), *command, "--kubeconfig", str(Path(folder) / "kubeconfig")),
                    f"the cluster {cluster.name} could not be made",
                    hint=Host().hints(),
                    stdin=config(wanted, own_image=image != PUBLISHED_NODE),
                    env={"KIND_EXPERIMENTAL_PROVIDER": "docker"},
                    timeout=_CREATED,
                )
        return await kind_nodes.find(self._docker, name)

    async def _complete(self, nodes: Nodes, made: Made) -> dict[str, Condition]:
        """Wait for a new cluster and mark it: without the mark it counts as cut short."""
        told = await self._wait(nodes, 0)
        mark = ("sh", "-c", f'printf "%s" "$1" > {kind_nodes.MARK}', "-", made.dump())
        await self._docker.inside(nodes.control_plane, *mark, failure="the new cluster could not be marked as complete")
        return told

    async def _node_image(self) -> str:
        """Find out which image the nodes are made of, and bring it to the engine."""
        if await self._source() is Source.BUILD:
            async with locked(locks() / "node-image.lock", "makes the node image", self.reporter):
                return await NodeImage(self.root, self._docker, self.reporter).ensure()
        if not await self._docker.has(PUBLISHED_NODE):
            async with long_step(self.reporter, f"pulls {PUBLISHED_NODE}", 60):
                await self._docker.ask(
                    "pull", "--quiet", PUBLISHED_NODE, failure="kind's node image could not be pulled"
                )
        return PUBLISHED_NODE

    async def _source(self) -> Source:
        if self.images == "auto":
            if await self._docker.has(node_image()):
                return Source.BUILD
            if await self._docker.has(PUBLISHED_NODE):
                return Source.PULL
            if (await self._docker.ask("info", "--format", "{{.CgroupVersion}}")).strip() == "1":
                self.reporter.step("this host has cgroup v1, which kind's published images do not support any more")
                return Source.BUILD
        return await image_source(self.images, self.runner, self.reporter)

    async def _start(self, nodes: Nodes, cluster: Cluster) -> dict[str, Condition]:
        """Start what is stopped; addresses may have changed, and the nodes cope with that."""
        started = 0.0
        if nodes.stopped:
            started = time.time()
            self.reporter.step(f"starts the stopped nodes of the cluster {cluster.name}", 30)
            hint = f"`hubfleet cluster down {cluster.name}` removes the cluster; the next set-up makes it anew."
            for name in nodes.stopped:
                failure = f"the node {name} could not be started"
                await checked(self.runner, ("docker", "start", name), failure, hint=hint)
        return await self._wait(nodes, started)

    async def _wait(self, nodes: Nodes, since: float) -> dict[str, Condition]:
        """Return once every node and Kubernetes' own pods are ready, and said so after `since` (of the epoch)."""
        end = time.monotonic() + _READY
        while time.monotonic() < end:
            told = await kind_nodes.conditions(self._docker, nodes)
            ready = {name for name, said in told.items() if said.ready and said.heard >= since}
            waiting = sorted({*told, *(node.name for node in nodes.nodes)} - ready)
            if not waiting:
                return told
            await asyncio.sleep(1)
        why = "; ".join(
            f"{name}: {told[name].message if name in told else 'unknown to Kubernetes'}" for name in waiting
        )
        name = nodes.cluster.removeprefix("hubfleet-")
        message = (
            f"not ready after {_READY:.0f} seconds: {why}\n"
            f"Run the same command again, or `hubfleet cluster down {name}` to have the next set-up make it anew."
        )
        raise ToolError(message)

    async def _remove(self, nodes: Nodes) -> None:
        await self._docker.ask("rm", "--force", "--volumes", *(node.name for node in nodes.nodes))

    async def _write_kubeconfig(self, name: str, nodes: Nodes) -> Path:
        path = self._kubeconfig_file(name)
        text = await kind_nodes.kubeconfig(self._docker, nodes)
        if text is None:
            message = f"the cluster {name} has no kubeconfig: run `hubfleet cluster down {name}`, then up again"
            raise ToolError(message)
        write_secret(path, text)
        return path

    async def _insist_on_free_port(self, port: int, cluster: Cluster) -> None:
        if is_free(port):
            return
        users = await self._docker.containers(f"publish={port}")
        by = f" by the container {users[0].name}" if users else ""
        message = (
            f"{cluster.file}: kind.port: port {port} of 127.0.0.1 is taken{by}: "
            f"stop what uses it, or set kind.port to another one"
        )
        raise ToolError(message)

    async def _image_id(self, image: str) -> str:
        failure = f"the engine has no image {image}"
        return (await self._docker.ask("image", "inspect", "--format", "{{.Id}}", image, failure=failure)).strip()


# What containerd holds: each image's name, its manifest's digest, and, by the CRI plugin, its configuration's digest.
_LIST_IMAGES = ("sh", "-c", "ctr --namespace k8s.io images ls | awk 'NR > 1 {print $1; print $3}'")
_IMPORT_IMAGES = ("ctr", "--namespace", "k8s.io", "images", "import", "--snapshotter", "overlayfs", "-")


def kind_name(name: str) -> str:
    """Return kind's name for a cluster of ours."""
    return f"hubfleet-{name}"


def locks() -> Path:
    """Return the folder of this user's locks on this machine."""
    return Path(tempfile.gettempdir()) / f"hubfleet-{os.getuid()}"


def is_free(port: int) -> bool:
    """Whether nothing listens at the port of 127.0.0.1."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def write_secret(path: Path, text: str) -> None:
    """Write a file that only this user may read, at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)
