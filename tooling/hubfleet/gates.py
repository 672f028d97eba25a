"""What must hold before the next wave: a release's workloads run, and a hub serves a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hubfleet import health, kernel
from hubfleet.errors import GateError
from hubfleet.model import Stage
from hubfleet.rollout import Pods, Rollout, workloads_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from hubfleet.model import Release
    from hubfleet.ports import Clock, DeployApi

SERVICE_SECRET, SERVICE_KEY = "hub", "hub.services.hubfleet-gate.apiToken"
_USER_LABEL = "hub.jupyter.org/username"


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates of one cluster."""

    cluster: DeployApi
    clock: Clock
    browser: Callable[[Release], AbstractAsyncContextManager[health.Browser]]
    spawns: asyncio.Semaphore  # health checks with a spawn at once

    async def prove(self, release: Release, revision: int, seconds: float, say: Callable[[str], None]) -> str:
        """Wait for the rollout of a revision, then run the health check; what was proven. GateError otherwise."""
        say("waiting for the rollout")
        await self.rollout(release, revision, seconds)
        return await self.check(release, kernel.PROOF, say)

    async def rollout(self, release: Release, revision: int, seconds: float) -> None:
        """Wait until the workloads of a revision run. GateError where they never will."""
        objects = workloads_of(await self.cluster.manifest(release.id, revision))
        await Rollout(self.cluster, self.clock, release.id.namespace).wait(objects, seconds)

    async def check(self, release: Release, cell: kernel.Cell, say: Callable[[str], None]) -> str:
        """Run the health check of a hub; what was proven. GateError otherwise."""
        if release.stage is Stage.SUPPORT:
            return "its workloads run"
        if release.gate.skip:
            return f"its workloads run; no health check: {release.gate.skip}"
        if not release.domain:
            message = (
                f"{release.id} has no domain, so nobody can reach it: set `domain` in cluster.yaml, or `gate.skip` with"
                " the reason"
            )
            raise GateError(message)
        login = await self._login(release)
        async with self.spawns, self.browser(release) as browser:
            user = login.username if isinstance(login, health.Form) else health.GATE_USER
            # The hub retries where no node has room, and the check bears with that for as long as a node may take.
            pods = Pods(f"server of {user}", {_USER_LABEL: user}, bearable=frozenset({"Unschedulable"}))
            work = health.check(browser, login, cell, self.clock, say=say)
            proof = await Rollout(self.cluster, self.clock, release.id.namespace).unless_broken(work, pods)
        return str(proof)

    async def _login(self, release: Release) -> health.Form | health.ServiceToken:
        namespace, wanted = release.id.namespace, release.gate.credentials
        if wanted:
            values = await self.cluster.secret(namespace, wanted) or {}
            if not {"username", "password"} <= values.keys():
                message = (
                    f"the Secret {wanted} in namespace {namespace}, which `gate.credentials` names, lacks `username` or"
                    " `password`: create it, or leave `gate.credentials` out"
                )
                raise GateError(message)
            return health.Form(values["username"], values["password"])
        values = await self.cluster.secret(namespace, SERVICE_SECRET) or {}
        if SERVICE_KEY not in values:
            message = (
                f"the Secret {SERVICE_SECRET} in namespace {namespace} has no {SERVICE_KEY}: enable `hub.gate`, or name"
                " a Secret with a login in `gate.credentials`"
            )
            raise GateError(message)
        return health.ServiceToken(values[SERVICE_KEY])
