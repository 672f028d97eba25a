from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.unit.local_fakes import Answer, FakeRunner, failed

from hubfleet.adapters.docker import Docker
from hubfleet.adapters.kind_config import Made
from hubfleet.adapters.kind_nodes import Node, Nodes, conditions, find, for_this_machine, made_as, read_conditions

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTROL_PLANE, WORKER = Node("c-control-plane", "control-plane", running=True), Node("c-worker", "worker", running=True)
BOTH = Nodes("c", (CONTROL_PLANE, WORKER))


def row(name: str, role: str, state: str = "running") -> str:
    labels = f"io.x-k8s.kind.cluster=c,io.x-k8s.kind.role={role}"
    return json.dumps({"Names": name, "State": state, "Labels": labels})


def node(name: str, status: str, heard: str) -> dict[str, Any]:
    ready = {"type": "Ready", "status": status, "lastHeartbeatTime": heard, "message": "says the kubelet"}
    info = {"kubeletVersion": "v1.36.3"}
    return {"metadata": {"name": name}, "status": {"conditions": [{"type": "Other"}, ready], "nodeInfo": info}}


def pod(name: str, status: str, *started: str) -> dict[str, Any]:
    containers = [{"state": {"running": {"startedAt": time}}} for time in started]
    ready = {"type": "Ready", "status": status}
    return {"metadata": {"name": name}, "status": {"conditions": [ready], "containerStatuses": containers}}


def copies(text: str) -> Answer:
    """Answer `docker cp CONTAINER:PATH FILE` with a file of this text."""

    def copy(argv: Sequence[str]) -> str:
        Path(argv[-1]).write_text(text)
        return ""

    return copy


def test_nodes_are_found_with_the_control_plane_first() -> None:
    rows = "\n".join([row("c-a-worker", "worker", "exited"), row("c-control-plane", "control-plane")])
    runner = FakeRunner([("docker ps --filter label=io.x-k8s.kind.cluster=c", rows)])
    nodes = asyncio.run(find(Docker(runner), "c"))
    assert nodes.nodes == (CONTROL_PLANE, Node("c-a-worker", "worker", running=False))
    assert nodes.control_plane == "c-control-plane"
    assert nodes.stopped == ("c-a-worker",)


def test_control_plane_runs_pods_only_where_it_is_alone() -> None:
    assert BOTH.for_pods == ("c-worker",)
    assert Nodes("c", (CONTROL_PLANE,)).for_pods == ("c-control-plane",)


def test_mark_is_read_from_the_control_plane() -> None:
    runner = FakeRunner([("docker cp c-control-plane:/kind/hubfleet.json", copies(Made(1, 8080).dump()))])
    assert asyncio.run(made_as(Docker(runner), BOTH)) == Made(1, 8080)


@pytest.mark.parametrize("nodes", [BOTH, Nodes("c", (WORKER,))])
def test_cluster_without_mark_or_control_plane_was_cut_short(nodes: Nodes) -> None:
    runner = FakeRunner([("docker cp", failed("Could not find the file"))])
    assert asyncio.run(made_as(Docker(runner), nodes)) is None


def test_nodes_and_pods_are_ready_or_not_and_since_when() -> None:
    items = [
        node("c-control-plane", "True", "1970-01-01T00:01:40Z"),
        node("c-worker", "Unknown", "1970-01-01T00:00:10Z"),
        pod("coredns-1", "True", "1970-01-01T00:01:00Z", "1970-01-01T00:00:50Z"),
        pod("coredns-2", "False"),
    ]
    told = read_conditions(json.dumps({"items": items}))
    assert {name: (said.ready, said.heard) for name, said in told.items()} == {
        "c-control-plane": (True, 100.0),
        "c-worker": (False, 10.0),
        "coredns-1": (True, 50.0),
        "coredns-2": (False, 0.0),
    }
    assert told["c-worker"].version == "1.36.3"
    assert told["c-worker"].message == "says the kubelet"


def test_node_that_has_not_reported_yet_is_not_ready() -> None:
    told = read_conditions(json.dumps({"items": [{"metadata": {"name": "new"}, "status": {}}]}))
    assert not told["new"].ready
    assert told["new"].message == "it has not reported yet"


def test_api_server_that_does_not_answer_says_nothing() -> None:
    runner = FakeRunner([("docker exec", failed("connection refused"))])
    assert asyncio.run(conditions(Docker(runner), BOTH)) == {}


def test_kubeconfig_leads_to_the_port_of_this_machine_under_kinds_name() -> None:
    server = {"server": "https://c-control-plane:6443", "certificate-authority-data": "Q0E="}
    admin = {
        "clusters": [{"name": "c", "cluster": server}],
        "users": [{"name": "kubernetes-admin", "user": {"client-key-data": "S0VZ"}}],
        "contexts": [{"name": "kubernetes-admin@c", "context": {"cluster": "c", "user": "kubernetes-admin"}}],
        "current-context": "kubernetes-admin@c",
    }
    made = yaml.safe_load(for_this_machine(yaml.safe_dump(admin), "hubfleet-c", 34567))
    assert made["current-context"] == "kind-hubfleet-c"
    assert made["clusters"] == [
        {"name": "kind-hubfleet-c", "cluster": {**server, "server": "https://127.0.0.1:34567"}},
    ]
    assert made["users"][0]["user"] == {"client-key-data": "S0VZ"}
