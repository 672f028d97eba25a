"""The flow of `hubfleet health-check`: one hub's gate, by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hubfleet.errors import GateError, UsageError
from hubfleet.gates import Gates
from hubfleet.inventory import read_inventory
from hubfleet.kernel import PROOF, Cell
from hubfleet.model import ReleaseId

if TYPE_CHECKING:
    from collections.abc import Callable

    from hubfleet.wiring import Workspace


async def prove(
    workspace: Workspace, name: str, cell: str | None, expected: str | None, say: Callable[[str], None]
) -> str:
    """Prove a hub with a cell, the gate's own if none is given; what was proven. GateError otherwise."""
    inventory = read_inventory(await workspace.tree(), workspace.config)
    try:
        release = inventory.releases[ReleaseId.parse(name)]
    except (KeyError, ValueError):
        message = f"{name} is no release; there are {', '.join(str(each) for each in inventory.releases)}"
        raise UsageError(message) from None
    cluster = inventory.clusters[release.id.cluster]
    api = await workspace.connect(cluster)
    if api is None:
        message = f"the cluster {cluster.name} does not exist yet: `hubfleet plan` and `hubfleet deploy` make it"
        raise UsageError(message)
    gates = Gates(api, workspace.clock, lambda each: workspace.browser(cluster, each), asyncio.Semaphore(1))
    try:
        return await gates.check(release, Cell(cell, expected) if cell else PROOF, say)
    except GateError as error:
        message = f"{name} failed its health check: {error}"
        raise GateError(message) from error
