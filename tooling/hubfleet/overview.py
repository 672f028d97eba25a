"""What runs on the clusters, beside what the repository says: rows, a table, JSON. Changes nothing."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from hubfleet.errors import ClusterUnreachableError
from hubfleet.execute import look
from hubfleet.model import GateResult
from hubfleet.standing import ABSENT, Sight

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from rich.table import Table

    from hubfleet.model import Cluster, ClusterStatus, Inventory, ReleaseId
    from hubfleet.ports import DeployApi


@dataclass(frozen=True, slots=True)
class Seen:
    """One release as it runs."""

    release: str
    revision: int
    status: str  # Helm's, absent, or unknown
    gate: str
    commit: str
    state: str  # how it stands to the repository
    reached: bool = True


async def overview(
    inventory: Inventory,
    connect: Callable[[Cluster], Awaitable[DeployApi | None]],
    only: tuple[str, ...] = (),
) -> tuple[Seen, ...]:
    """Ask every cluster for its releases, and for what runs there without being in the repository."""
    chosen = [each for each in inventory.clusters.values() if _fits(each, inventory, only)]
    found = await asyncio.gather(*(_cluster(cluster, inventory, connect) for cluster in chosen))
    rows = [row for rows in found for row in rows]
    return tuple(row for row in rows if not only or any(fnmatchcase(row.release, each) for each in only))


def view(rows: Sequence[Seen]) -> Table:
    """Show the rows on a terminal."""
    from rich.table import Table as RichTable  # noqa: PLC0415 - only who shows a table pays for it
    from rich.text import Text  # noqa: PLC0415

    table = RichTable(box=None, pad_edge=False, header_style="bold")
    for column in ("release", "revision", "helm", "gate", "commit"):
        table.add_column(column, no_wrap=True)
    table.add_column("state", overflow="fold")
    for row in rows:
        table.add_row(*(Text(part) for part in _cells(row)))
    return table


def to_json(rows: Sequence[Seen]) -> str:
    """One JSON array."""
    return json.dumps([asdict(row) for row in rows], sort_keys=True)


def cluster_lines(status: ClusterStatus) -> Iterable[str]:
    """Describe a kind cluster: a line for it, a line for each node."""
    if not status.exists:
        yield f"{status.name}: does not exist"
        return
    health = "healthy" if status.healthy else "not complete" if not status.complete else "not healthy"
    port = f", http://*.localhost:{status.port}" if status.port else ""
    yield f"{status.name}: {health}, Kubernetes {status.kubernetes_version or 'does not answer'}{port}"
    for node in status.nodes:
        state = "ready" if node.ready else "running, not ready" if node.running else "stopped"
        yield f"  {node.name} ({node.role}): {state}"


def _fits(cluster: Cluster, inventory: Inventory, only: tuple[str, ...]) -> bool:
    names = [str(release) for release in inventory.releases if release.cluster == cluster.name]
    return not only or any(fnmatchcase(name, pattern) for name in names for pattern in only)


async def _cluster(
    cluster: Cluster, inventory: Inventory, connect: Callable[[Cluster], Awaitable[DeployApi | None]]
) -> list[Seen]:
    wanted = [release for release in inventory.releases if release.cluster == cluster.name]
    try:
        api = await connect(cluster)
        sight = await look(api) if api else Sight({}, {}, {})
    except ClusterUnreachableError as error:
        return [Seen(str(each), 0, "unknown", "unknown", "", str(error), reached=False) for each in wanted]
    rows = [_seen(release, inventory, sight) for release in wanted]
    extra = sorted(sight.records.keys() - {release.name for release in wanted})
    return rows + [
        Seen(f"{cluster.name}/{name}", live.revision, live.status, live.gate, "", "not in the repository")
        for name in extra
        if (live := sight.live.get(name, ABSENT)).revision
    ]


def _seen(release: ReleaseId, inventory: Inventory, sight: Sight) -> Seen:
    live = sight.live.get(release.name, ABSENT)
    gate = live.gate if live.revision else ""
    commit = (live.commit or "")[:12]
    return Seen(str(release), live.revision, live.status, gate, commit, _state(release, inventory, sight))


def _state(release: ReleaseId, inventory: Inventory, sight: Sight) -> str:
    """Say how what runs stands to the repository; the first that holds matters most."""
    live, attempt = sight.live.get(release.name, ABSENT), sight.attempts.get(release.name)
    if attempt:
        return f"in doubt: {attempt.holder} began an upgrade and did not record its end"
    if not live.revision:
        return "not deployed"
    if live.recorded_revision is None:
        return "deployed by hand"
    if live.recorded_revision != live.revision:
        return f"changed by hand since revision {live.recorded_revision}"
    if live.digest != inventory.releases[release].digest:
        return "the repository differs: `hubfleet plan` tells whether that matters"
    return "as the repository says" if live.gate is GateResult.PASSED else "as the repository says, not proven"


def _cells(row: Seen) -> tuple[str, ...]:
    return (row.release, str(row.revision or "-"), row.status, row.gate or "-", row.commit or "-", row.state)
