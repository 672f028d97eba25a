"""What runs, beside what the repository says."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from tests.unit.deploys import record, release
from tests.unit.fakes import FakeCluster

from hubfleet.model import Cluster, ClusterStatus, GateResult, Inventory, NodeStatus
from hubfleet.overview import Seen, cluster_lines, overview, to_json, view
from hubfleet.ports import Attempt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hubfleet.ports import DeployApi

HUB = release("one", "staging")
DIGEST = HUB.digest


def look(clusters: Mapping[str, FakeCluster | None], only: tuple[str, ...] = ()) -> tuple[Seen, ...]:
    async def connect(cluster: Cluster) -> DeployApi | None:
        return clusters[cluster.name]

    names = {name: Cluster(name, "kind", "1.36", "cluster.yaml") for name in clusters}
    releases = {each.id: each for name in clusters for each in (release(name, "staging"),)}
    return asyncio.run(overview(Inventory(names, releases), connect, only))


def seen(cluster: FakeCluster) -> str:
    (row,) = look({"one": cluster})
    return row.state


@pytest.mark.parametrize(
    ("cluster", "state"),
    [
        (FakeCluster(), "not deployed"),
        (FakeCluster(history={"staging": ["deployed"]}), "deployed by hand"),
        (
            FakeCluster(history={"staging": ["x", "x"]}, record={"staging": record(1)}),
            "changed by hand since revision 1",
        ),
        (FakeCluster(history={"staging": ["x"]}, record={"staging": record(1)}), "the repository differs"),
        (
            FakeCluster(history={"staging": ["x"]}, record={"staging": record(1, digest=DIGEST)}),
            "as the repository says",
        ),
        (
            FakeCluster(history={"staging": ["x"]}, record={"staging": record(1, GateResult.FAILED, DIGEST)}),
            "as the repository says, not proven",
        ),
        (
            FakeCluster(history={"staging": ["x"]}, begun={"staging": Attempt("p", "d", 1, "ann")}),
            "in doubt: ann began",
        ),
    ],
)
def test_the_state_of_a_release(cluster: FakeCluster, state: str) -> None:
    assert seen(cluster).startswith(state)


def test_what_runs_without_being_in_the_repository_is_shown() -> None:
    cluster = FakeCluster(history={"old": ["deployed"]}, record={"old": record(1), "gone": record(1)})
    assert [(row.release, row.state) for row in look({"one": cluster})] == [
        ("one/staging", "not deployed"),
        ("one/old", "not in the repository"),
    ]


def test_a_silent_cluster_hides_no_other() -> None:
    rows = look({"one": FakeCluster(away=True), "two": FakeCluster(), "three": None})
    assert [(row.release, row.reached, row.status) for row in rows] == [
        ("one/staging", False, "unknown"),
        ("two/staging", True, "absent"),
        ("three/staging", True, "absent"),
    ]


def test_only_asks_the_clusters_that_it_needs() -> None:
    rows = look({"one": FakeCluster(away=True), "two": FakeCluster()}, ("two/*",))
    assert [row.release for row in rows] == ["two/staging"]


def test_a_row_is_a_line_of_the_table_and_an_object_of_the_json() -> None:
    rows = [Seen("one/staging", 3, "deployed", "passed", "c0ffee", "as the repository says")]
    screen = io.StringIO()
    Console(file=screen, width=120).print(view(rows))
    assert screen.getvalue().splitlines()[1].split()[:5] == ["one/staging", "3", "deployed", "passed", "c0ffee"]
    assert json.loads(to_json(rows))[0]["gate"] == "passed"


NODE = NodeStatus("hubfleet-one-control-plane", "control-plane", running=True, ready=True)
STATUS = ClusterStatus("one", (NODE,), complete=True, kubernetes_version="1.36.3", port=8080)


@pytest.mark.parametrize(
    ("status", "lines"),
    [
        (ClusterStatus("one"), ["one: does not exist"]),
        (
            STATUS,
            [
                "one: healthy, Kubernetes 1.36.3, http://*.localhost:8080",
                "  hubfleet-one-control-plane (control-plane): ready",
            ],
        ),
        (
            replace(STATUS, nodes=(replace(NODE, running=False, ready=False),), kubernetes_version=None),
            [
                "one: not healthy, Kubernetes does not answer, http://*.localhost:8080",
                "  hubfleet-one-control-plane (control-plane): stopped",
            ],
        ),
    ],
)
def test_a_kind_cluster_is_described_with_its_nodes(status: ClusterStatus, lines: list[str]) -> None:
    assert list(cluster_lines(status)) == lines
