"""The real parts of a command: where clusters and hubs are reached, and what is said where they are not."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from tests.unit.deploys import release
from tests.unit.fakes import FakeReporter

from hubfleet.errors import ClusterUnreachableError, UsageError
from hubfleet.model import Cluster, KindCluster
from hubfleet.wiring import SystemClock, Workspace, address, url, way_forward

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
KIND = Cluster("one", "kind", "1.36", "hubs/one/cluster.yaml", KindCluster(1, 8081))
CLOUD = Cluster("two", "gcp", "1.36", "hubs/two/cluster.yaml")
OWN = Cluster("three", "kubeconfig", "1.36", "hubs/three/cluster.yaml", kubeconfig="config.yaml")
BASE = Path(__file__).resolve().parents[1] / "repos" / "base"


def within(root: Path, question: Callable[[Workspace], Awaitable[T]], config: Path | None = None) -> T:
    async def work() -> T:
        async with Workspace(root, FakeReporter(), config) as workspace:
            return await question(workspace)

    return asyncio.run(work())


def test_a_local_hub_is_reached_through_this_machine_and_others_by_name() -> None:
    hub = release("one", "staging")
    assert (address(KIND, hub), url(KIND, hub)) == ("http://127.0.0.1:8081", "http://staging.one.example:8081")
    assert (address(OWN, hub), url(OWN, hub)) == ("https://staging.one.example",) * 2


def test_a_kubeconfig_stands_beside_its_cluster(tmp_path: Path) -> None:
    (tmp_path / "hubs" / "three").mkdir(parents=True)
    (tmp_path / "hubs" / "three" / "config.yaml").write_text("")
    assert within(tmp_path, lambda it: it.kubeconfig(OWN)) == tmp_path / "hubs" / "three" / "config.yaml"


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        (OWN, r"hubs/three/cluster.yaml: kubeconfig: .*config.yaml does not exist; put the cluster's kubeconfig there"),
        (CLOUD, "provider gcp cannot be reached by this version; use `provider: kubeconfig`"),
        (replace(OWN, kubeconfig=None), "cannot be reached"),
    ],
)
def test_a_cluster_that_nothing_leads_to_says_what_to_do_and_is_remembered(
    tmp_path: Path, cluster: Cluster, said: str
) -> None:
    async def question(it: Workspace) -> dict[str, str]:
        with pytest.raises(ClusterUnreachableError, match=said):
            await it.connect(cluster)
        return it.silent

    assert list(within(tmp_path, question)) == [cluster.name]


def test_a_kind_cluster_that_is_silent_can_be_started_or_removed() -> None:
    said = way_forward("the API server does not answer", KIND)
    assert "`hubfleet cluster up one`" in said
    assert "`hubfleet cluster down one`" in said
    assert way_forward("it does not answer", OWN) == "three: it does not answer"


def test_a_folder_without_a_configuration_says_how_to_name_one(tmp_path: Path) -> None:
    async def question(it: Workspace) -> None:
        with pytest.raises(UsageError, match=r"pyproject\.toml: No such file .*--root or --config"):
            _ = it.config

    within(tmp_path, question)


def test_a_configuration_may_stand_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text('support_chart = "base"\n')

    async def question(it: Workspace) -> str:
        return it.config.support_chart

    assert within(tmp_path, question, tmp_path / "fleet.toml") == "base"


def test_kind_clusters_are_found_by_name(tmp_path: Path) -> None:
    subprocess.run(("cp", "-r", f"{BASE}/.", str(tmp_path)), check=True)
    subprocess.run(("git", "init", "--quiet"), cwd=tmp_path, check=True)
    (tmp_path / "pyproject.toml").write_text("[tool.hubfleet]\n")

    async def names(it: Workspace) -> list[str]:
        with pytest.raises(UsageError, match="one-two is no kind cluster of this repository; there are one"):
            await it.kind_clusters(["one-two"])
        return [cluster.name for cluster in await it.kind_clusters(None)]

    assert within(tmp_path, names) == ["one"]


def test_a_commit_that_git_does_not_have_has_no_tree(tmp_path: Path) -> None:
    subprocess.run(("git", "init", "--quiet"), cwd=tmp_path, check=True)
    assert within(tmp_path, lambda it: it.commit_tree("c0ffee" * 6)) is None


def test_without_a_default_branch_a_base_must_be_named(tmp_path: Path) -> None:
    subprocess.run(("git", "init", "--quiet", "--initial-branch=x"), cwd=tmp_path, check=True)
    with pytest.raises(UsageError, match="name one with --base"):
        within(tmp_path, lambda it: it.default_base())


def test_the_clock_goes_on() -> None:
    clock = SystemClock()
    before = clock.now()
    asyncio.run(clock.sleep(0.01))
    assert clock.now() > before
