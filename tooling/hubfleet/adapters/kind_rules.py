"""Holds a kind cluster against its cluster.yaml. Pure; every complaint names the file and the key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubfleet.adapters.kind_config import Made
from hubfleet.adapters.pins import KUBERNETES
from hubfleet.errors import ToolError

if TYPE_CHECKING:
    from hubfleet.model import Cluster


def wanted_of(cluster: Cluster) -> Made:
    """Read from cluster.yaml what the cluster should be."""
    if cluster.kind is None:
        message = f"{cluster.file}: provider is {cluster.provider}: Hubfleet makes clusters of provider kind only"
        raise ToolError(message)
    if minor(KUBERNETES) != minor(cluster.kubernetes_version):
        message = (
            f"{cluster.file}: kubernetes_version: expected {minor(KUBERNETES)}, which this Hubfleet makes, "
            f"found {cluster.kubernetes_version}"
        )
        raise ToolError(message)
    return Made(cluster.kind.workers, cluster.kind.port)


def compare(made: Made, wanted: Made, cluster: Cluster) -> None:
    """Insist that the cluster is as cluster.yaml says; kind cannot change one."""
    for key in ("workers", "port"):
        has, wants = getattr(made, key), getattr(wanted, key)
        if has != wants:
            message = (
                f"{cluster.file}: kind.{key} is {wants}, but the cluster was made with {has}: set it back, or run "
                f"`hubfleet cluster down {cluster.name}` (its data are lost) and the same command again"
            )
            raise ToolError(message)


def check_version(has: str, cluster: Cluster) -> None:
    """Insist that the API server's version is the one that cluster.yaml names."""
    if minor(has) != minor(cluster.kubernetes_version):
        message = (
            f"{cluster.file}: kubernetes_version is {cluster.kubernetes_version}, but the cluster runs {has}: "
            f"set it to {minor(has)}, or run `hubfleet cluster down {cluster.name}` (its data are lost) "
            "and the same command again"
        )
        raise ToolError(message)


def minor(version: str) -> str:
    """Return 1.36 of 1.36.3, v1.36 and the like."""
    return ".".join(version.removeprefix("v").split(".")[:2])
