"""Reads the nodes of kind clusters from the engine: their containers, and what Kubernetes says of them."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from hubfleet.adapters.kind_config import Made

if TYPE_CHECKING:
    from hubfleet.adapters.docker import Docker

MARK = "/kind/hubfleet.json"
ADMIN = "/etc/kubernetes/admin.conf"
_CLUSTER, _ROLE = "io.x-k8s.kind.cluster", "io.x-k8s.kind.role"
_API_PORT = '{{(index (index .HostConfig.PortBindings "6443/tcp") 0).HostPort}}'


@dataclass(frozen=True, slots=True)
class Node:
    """The container of a node."""

    name: str
    role: str
    running: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """What Kubernetes says of a node, or of a pod of its own."""

    ready: bool
    heard: float  # when the kubelet last said so, or started the pod's first container; seconds since the epoch
    version: str  # "1.36.3"; "" for a pod
    message: str


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of one kind cluster, the control plane first."""

    cluster: str  # as kind names it
    nodes: tuple[Node, ...]

    @property
    def control_plane(self) -> str:
        """The container that holds the control plane."""
        return next(node.name for node in self.nodes if node.role == "control-plane")

    @property
    def stopped(self) -> tuple[str, ...]:
        """The containers that do not run, the control plane first."""
        return tuple(node.name for node in self.nodes if not node.running)

    @property
    def for_pods(self) -> tuple[str, ...]:
        """The containers of the nodes that run ordinary pods: a control plane does only where it is alone."""
        return tuple(node.name for node in self.nodes if node.role == "worker" or len(self.nodes) == 1)


async def find(docker: Docker, cluster: str) -> Nodes:
    """Return the cluster's nodes, running or not; none where it does not exist."""
    containers = await docker.containers(f"label={_CLUSTER}={cluster}")
    nodes = [Node(found.name, found.labels.get(_ROLE, ""), found.running) for found in containers]
    return Nodes(cluster, tuple(sorted(nodes, key=lambda node: (node.role != "control-plane", node.name))))


async def made_as(docker: Docker, nodes: Nodes) -> Made | None:
    """Read what the cluster was made as; None where its set-up never ended."""
    if not any(node.role == "control-plane" for node in nodes.nodes):
        return None
    return Made.load(await _file(docker, nodes.control_plane, MARK))


async def conditions(docker: Docker, nodes: Nodes) -> dict[str, Condition]:
    """Ask Kubernetes for its nodes and its own pods, by name; empty where its API server does not answer (yet)."""
    kubectl = ("kubectl", "--kubeconfig", ADMIN, "--request-timeout=5s", "--namespace", "kube-system")
    ask = ("docker", "exec", nodes.control_plane, *kubectl, "get", "nodes,pods", "--output", "json")
    done = await docker.runner.run(ask, timeout=20)
    return read_conditions(done.stdout) if done.returncode == 0 else {}


def read_conditions(text: str) -> dict[str, Condition]:
    """Read `kubectl get nodes,pods -o json`."""
    return {item["metadata"]["name"]: _condition(item["status"]) for item in json.loads(text)["items"]}


def _condition(status: dict[str, Any]) -> Condition:
    ready: dict[str, str] = next((found for found in status.get("conditions", ()) if found["type"] == "Ready"), {})
    containers = [found.get("state", {}).get("running", {}) for found in status.get("containerStatuses", ())]
    times = [ready.get("lastHeartbeatTime"), *(running.get("startedAt") for running in containers)]
    return Condition(
        ready=ready.get("status") == "True",
        heard=min((datetime.fromisoformat(time).timestamp() for time in times if time), default=0.0),
        version=status.get("nodeInfo", {}).get("kubeletVersion", "").removeprefix("v"),
        message=ready.get("message", "it has not reported yet"),
    )


async def kubeconfig(docker: Docker, nodes: Nodes) -> str | None:
    """Return a kubeconfig for use on this machine, also where the nodes are stopped; None before there is one."""
    admin = await _file(docker, nodes.control_plane, ADMIN)
    if not admin:
        return None
    port = (await docker.ask("inspect", "--format", _API_PORT, nodes.control_plane)).strip()
    return for_this_machine(admin, nodes.cluster, int(port))


def for_this_machine(admin: str, cluster: str, port: int) -> str:
    """Turn the control plane's own kubeconfig into one that leads to it from outside; named as kind would."""
    given = yaml.safe_load(admin)
    name = f"kind-{cluster}"
    server = {**given["clusters"][0]["cluster"], "server": f"https://127.0.0.1:{port}"}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": server}],
        "users": [{"name": name, "user": given["users"][0]["user"]}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    return str(yaml.safe_dump(document, sort_keys=False))


async def _file(docker: Docker, container: str, path: str) -> str:
    """Read a file of a container, running or not; empty where it has none."""
    with tempfile.TemporaryDirectory(prefix="hubfleet-") as folder:
        target = Path(folder) / "file"
        done = await docker.runner.run(("docker", "cp", f"{container}:{path}", str(target)), timeout=60)
        return _read(target) if done.returncode == 0 else ""


def _read(path: Path) -> str:
    return path.read_text()
