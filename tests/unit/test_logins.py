"""Where the hubs of a local cluster are and who may log in there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.unit.deploys import release
from tests.unit.fakes import FakeCluster

from hubfleet.logins import logins
from hubfleet.model import Cluster, Inventory, KindCluster

if TYPE_CHECKING:
    from collections.abc import Callable

    from hubfleet.model import ReleaseId
    from hubfleet.ports import DeployApi

RELEASES = [release("one", name) for name in ("support", "staging", "prod")]


def shown(cluster: FakeCluster | None, *, kind: bool = True, runs: Callable[[ReleaseId], bool] = bool) -> list[str]:
    async def connect(_: Cluster) -> DeployApi | None:
        return cluster

    found = Cluster("one", "kind", "1.36", "cluster.yaml", KindCluster(1, 8080) if kind else None)
    inventory = Inventory({"one": found}, {each.id: each for each in RELEASES})
    return asyncio.run(logins(inventory, runs, connect))


def test_a_hub_on_this_machine_is_shown_with_its_generated_login() -> None:
    cluster = FakeCluster(secrets={("staging", "hub-login"): {"username": "demo", "password": "p4ss"}})
    assert shown(cluster) == [
        "http://staging.one.example:8080  user demo  password p4ss",
        "http://prod.one.example:8080  (no generated login: log in as the hub's authenticator wants it)",
    ]


def test_what_does_not_run_is_not_shown() -> None:
    assert shown(FakeCluster(), runs=lambda _: False) == []


def test_passwords_of_other_clusters_are_nobodys_to_show() -> None:
    assert shown(FakeCluster(), kind=False) == []


def test_a_silent_cluster_is_no_error() -> None:
    assert shown(FakeCluster(away=True))[0] == "http://staging.one.example:8080  (the cluster does not answer)"
