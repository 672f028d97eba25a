"""Fixtures of the tests on kind: one fleet, deployed once, stays for the next run; pytest-helm-charts speaks to it."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from pytest_helm_charts.clusters import ExistingCluster
from tests.integration import fleet as fleets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_helm_charts.clusters import Cluster
    from tests.integration.fleet import Fleet

# The tests share one fleet, and each file starts from what the one before it leaves.
ORDER = ("test_readme", "test_plans", "test_person", "test_failures", "test_charts_installed")
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: ORDER.index(item.path.stem))


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    """The tests' own copy of the repository; its cluster is there once something was deployed."""
    return fleets.make(fleets.ROOT / "build" / "tests" / "fleet")


@pytest.fixture(scope="session")
def deployed(fleet: Fleet) -> Fleet:
    """The fleet, with everything deployed that its files describe."""
    fleet.settle()
    return fleet


@pytest.fixture(scope="session")
def kube_config(deployed: Fleet) -> str:
    """The kubeconfig of the cluster that Hubfleet made: pytest-helm-charts wants exactly one path."""
    path = deployed.root / ".tools" / "kubeconfig" / f"{fleets.NAME}.yaml"
    assert path.exists(), f"Hubfleet left no kubeconfig at {path}"
    return str(path)


@pytest.fixture(scope="session")
def kube_cluster(kube_config: str) -> Iterator[Cluster]:
    """The plug-in's own, for the whole session: as it comes it would connect anew for each file."""
    os.environ["PATH"] = os.pathsep.join((str(fleets.ROOT / ".tools" / "bin"), os.environ["PATH"]))
    cluster = ExistingCluster(kube_config)
    cluster.create()
    yield cluster
    cluster.destroy()


@pytest.fixture(scope="session")
def password(kube_cluster: Cluster) -> Callable[[str], str]:
    """Give the generated password of a hub's demo user."""

    def read(hub: str) -> str:
        secret = kube_cluster.kubectl("get secret hub-login", namespace=hub)
        return base64.b64decode(secret["data"]["password"]).decode()

    return read


@pytest.fixture(scope="session")
def revision(kube_cluster: Cluster) -> Callable[[str], int]:
    """Give the last revision of a release, from Helm's own Secrets."""

    def read(release: str) -> int:
        found = kube_cluster.kubectl("get secrets --selector owner=helm", namespace=release)
        return max(int(item["metadata"]["labels"]["version"]) for item in found)

    return read


@pytest.fixture(scope="session")
def chromium() -> str:
    """Give the path of a Chromium or Chrome; on Debian root gets one installed."""
    if not any(map(shutil.which, CHROMIUMS)) and os.geteuid() == 0 and shutil.which("apt-get"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for argv in (("update", "-qq"), ("install", "-y", "-qq", "--no-install-recommends", "chromium")):
            subprocess.run(("apt-get", *argv), check=True, env=env, stdout=subprocess.DEVNULL)
    found = [path for name in CHROMIUMS if (path := shutil.which(name))]
    assert found, f"none of {', '.join(CHROMIUMS)} is on PATH: install one (Debian: apt-get install chromium)"
    return found[0]


@pytest.fixture
def edited(deployed: Fleet) -> Iterator[Fleet]:
    """The deployed fleet, for edits that end with the test."""
    yield deployed
    deployed.restore()


@pytest.fixture
def elsewhere(deployed: Fleet, tmp_path: Path) -> Fleet:
    """A fresh clone of the fleet, as on a colleague's machine."""
    return deployed.clone(tmp_path / "clone")
