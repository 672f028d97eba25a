"""Tells where the hubs of local clusters are and how to log in, from what set-up generated. Shows no other secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubfleet.errors import ClusterUnreachableError
from hubfleet.model import Stage
from hubfleet.wiring import url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hubfleet.model import Cluster, Inventory, Release, ReleaseId
    from hubfleet.ports import DeployApi

SECRET = "hub-login"  # noqa: S105 - the name of a Secret, no secret


async def logins(
    inventory: Inventory,
    runs: Callable[[ReleaseId], bool],
    connect: Callable[[Cluster], Awaitable[DeployApi | None]],
) -> list[str]:
    """One line per hub that runs on a kind cluster of this machine."""
    lines = []
    for release in inventory.releases.values():
        cluster = inventory.clusters[release.id.cluster]
        if runs(release.id) and release.stage is not Stage.SUPPORT and cluster.kind and release.domain:
            lines.append(f"{url(cluster, release)}  {await _login(cluster, release, connect)}")
    return lines


async def _login(cluster: Cluster, release: Release, connect: Callable[[Cluster], Awaitable[DeployApi | None]]) -> str:
    try:
        api = await connect(cluster)
        found = await api.secret(release.id.namespace, SECRET) if api else None
    except ClusterUnreachableError:
        return "(the cluster does not answer)"
    if not found:
        return "(no generated login: log in as the hub's authenticator wants it)"
    return f"user {found['username']}  password {found['password']}"
