from __future__ import annotations

import pytest

from hubfleet.adapters.kind_config import Made
from hubfleet.adapters.kind_rules import check_version, compare, minor, wanted_of
from hubfleet.adapters.pins import KUBERNETES
from hubfleet.errors import ToolError
from hubfleet.model import Cluster, KindCluster

MINOR = minor(KUBERNETES)


def cluster(version: str = MINOR, *, kind: KindCluster | None = KindCluster(workers=2, port=8081)) -> Cluster:  # noqa: B008 - frozen
    return Cluster("c", "kind" if kind else "gcp", version, "hubs/c/cluster.yaml", kind)


def test_wanted_is_what_cluster_yaml_says() -> None:
    assert wanted_of(cluster()) == Made(workers=2, port=8081)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (cluster("1.20"), f"hubs/c/cluster.yaml: kubernetes_version: expected {MINOR}.*found 1.20"),
        (cluster(kind=None), "hubs/c/cluster.yaml: provider is gcp"),
    ],
)
def test_cluster_that_cannot_be_made_is_refused_before_anything_is_done(given: Cluster, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        wanted_of(given)


def test_cluster_as_wanted_passes() -> None:
    compare(Made(2, 8081), Made(2, 8081), cluster())
    check_version(KUBERNETES, cluster())
    check_version(f"{MINOR}.99", cluster())


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (Made(1, 8081), "hubs/c/cluster.yaml: kind.workers is 2, but the cluster was made with 1"),
        (Made(2, 8080), "hubs/c/cluster.yaml: kind.port is 8081, but the cluster was made with 8080"),
    ],
)
def test_cluster_that_was_made_otherwise_is_named_with_what_to_do(made: Made, words: str) -> None:
    with pytest.raises(ToolError, match=f"{words}.*hubfleet cluster down c"):
        compare(made, Made(2, 8081), cluster())


def test_other_kubernetes_than_cluster_yaml_says_is_an_error() -> None:
    with pytest.raises(ToolError, match=r"the cluster runs 1\.35\.9: set it to 1\.35"):
        check_version("1.35.9", cluster())


@pytest.mark.parametrize("version", ["1.36.3", "v1.36.3", "1.36", "v1.36", "1.36.3-gke.1"])
def test_minor_version_is_read(version: str) -> None:
    assert minor(version) == "1.36"
