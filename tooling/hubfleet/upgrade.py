"""Takes one release from what runs to what is planned: repair, upgrade, wait, gate, record, or back again."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hubfleet import commands
from hubfleet.errors import ClusterUnreachableError, GateError
from hubfleet.model import GateResult, Outcome, Stage, State
from hubfleet.ports import Attempt, Record
from hubfleet.rollout import Pods, Rollout
from hubfleet.standing import ABSENT

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from hubfleet.config import DeployPolicy
    from hubfleet.gates import Gates
    from hubfleet.model import Live, PlannedRelease, Release
    from hubfleet.ports import Clock, DeployApi, Helm, Runner, Tree

PENDING_PATIENCE = 15.0  # seconds that a helm which outlived its deployer gets to end by itself
_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
_HELM_MARGIN = 60.0  # seconds beyond helm's own timeout after which helm counts as hung


@dataclass(frozen=True, slots=True)
class Source:
    """What is deployed: a plan and the tree that it was made from."""

    plan: str
    tree: Tree
    holder: str  # who deploys, for the record


@dataclass(frozen=True, slots=True)
class Upgrader:
    """Deploys releases to one cluster."""

    cluster: DeployApi
    kubeconfig: Path
    runner: Runner
    helm: Helm
    helm_program: Path
    fingerprint: Callable[[Release], Awaitable[str]]  # digest of the masked, rendered manifests
    clock: Clock
    gates: Gates
    policy: DeployPolicy
    source: Source
    upgrades: asyncio.Semaphore  # Helm upgrades at once

    async def deploy(self, row: PlannedRelease, release: Release, say: Callable[[str], None]) -> Outcome:
        """Upgrade or install, prove, record. A release that fails goes back to what was recorded before."""
        live = await self._repaired(release, say)
        labels = {} if release.stage is Stage.SUPPORT else _RESTRICTED
        await self.cluster.ensure_namespace(release.id.namespace, labels)
        begun = Attempt(self.source.plan, row.digest, live.revision, self.source.holder)
        await self.cluster.write_attempt(release.id.name, begun)
        try:
            await self._upgrade(release, say)
            live = await self._live(release)
            proven = await self.gates.prove(release, live.revision, self.policy.timeout, say)
        except GateError as error:
            return await self._recover(row, release, str(error), say)
        await self._record(row, release, live.revision, GateResult.PASSED)
        return Outcome(release.id, State.DONE, row.action, proven, live.revision, GateResult.PASSED)

    async def verify(self, row: PlannedRelease, release: Release, say: Callable[[str], None]) -> Outcome:
        """Run the gate of what runs, and record its result."""
        record, live = (await self.cluster.records()).get(release.id.name), await self._live(release)
        gate = GateResult.PASSED
        try:
            message = await self.gates.prove(release, live.revision, self.policy.timeout, say)
        except GateError as error:
            gate, message = GateResult.FAILED, str(error)
        if record:
            proven = live.revision if gate is GateResult.PASSED else record.proven
            told = replace(record, gate=gate, plan=self.source.plan, proven=proven)
            await self.cluster.write_record(release.id.name, told)
        state = State.DONE if gate is GateResult.PASSED else State.FAILED
        return Outcome(release.id, state, row.action, message, live.revision, gate)

    async def _live(self, release: Release) -> Live:
        return (await self.cluster.live()).get(release.id.name, ABSENT)

    async def _repaired(self, release: Release, say: Callable[[str], None]) -> Live:
        """Free a release that a killed helm left pending, by policy: Helm refuses to touch it otherwise."""
        live = await self._ended_by_itself(release, say)
        if not _is_pending(live):
            return live
        if self.policy.pending != "rollback":
            message = (
                f"revision {live.revision} of {release.id} is {live.status}: see what works on it, then `helm rollback"
                f" {release.id.name}`, or set `pending: rollback` in the deploy policies"
            )
            raise GateError(message)
        if live.status == "pending-install" or live.revision == 1:
            say("making Helm forget the install that never ended; its objects are taken over")
            await self.cluster.forget_revision(release.id, live.revision)
        else:
            say(f"rolling revision {live.revision} back, which never ended")
            await self._rollback(release, await self._good_revision(release, live))
        return await self._live(release)

    async def _ended_by_itself(self, release: Release, say: Callable[[str], None]) -> Live:
        """Give a helm that outlived its deployer the time to end."""
        live = await self._live(release)
        seconds = {"fail": 0.0, "rollback": PENDING_PATIENCE}.get(self.policy.pending, float(self.policy.timeout))
        end = self.clock.now() + seconds
        if _is_pending(live) and seconds:
            say(f"revision {live.revision} is {live.status}, left by a deployer that is gone; waiting for its end")
        while _is_pending(live) and self.clock.now() < end:
            await self.clock.sleep(1.0)
            live = await self._live(release)
        return live

    async def _good_revision(self, release: Release, live: Live) -> int:
        """Return the revision that is known to be good; 0 stands for the one before in helm's words."""
        record = (await self.cluster.records()).get(release.id.name)
        return record.proven if record and record.proven < live.revision else 0

    async def _upgrade(self, release: Release, say: Callable[[str], None]) -> None:
        """Run helm; a hook whose pod will never run ends it early."""
        rollout = Rollout(self.cluster, self.clock, release.id.namespace)
        jobs: dict[str, str | None] = {"batch.kubernetes.io/job-name": None}
        old = frozenset(pod.name for pod in await self.cluster.pods(release.id.namespace, jobs))
        pods = Pods("hook", jobs, ignored=old)
        async with self.upgrades:
            say("helm upgrade")
            with self.helm.staged(self.source.tree, release) as root:
                argv = commands.upgrade(release, root, kubeconfig=self.kubeconfig, timeout=self.policy.timeout)
                failed = await rollout.unless_broken(self._run(argv), pods)
        if failed:
            ill = None
            with suppress(ClusterUnreachableError):  # helm's own words are there in any case
                ill = await rollout.ill(pods)
            raise GateError(f"{failed}\n{await rollout.explain(ill)}" if ill else failed)

    async def _rollback(self, release: Release, revision: int) -> None:
        argv = commands.rollback(release.id, revision, kubeconfig=self.kubeconfig, timeout=self.policy.timeout)
        if failed := await self._run(argv):
            raise GateError(failed)

    async def _run(self, argv: tuple[str, ...]) -> str:
        """Run helm to its end; what it said if it failed, "" otherwise."""
        command = (str(self.helm_program), *argv[1:])
        try:
            done = await self.runner.run(command, timeout=self.policy.timeout + _HELM_MARGIN)
        except TimeoutError as error:
            return str(error)
        return (done.stderr.strip() or f"helm ended with {done.returncode}") if done.returncode else ""

    async def _recover(
        self, row: PlannedRelease, release: Release, message: str, say: Callable[[str], None]
    ) -> Outcome:
        """Go back to the revision that last passed; a first install stays for a look at it, or goes, by policy."""
        record, live = (await self.cluster.records()).get(release.id.name), await self._live(release)
        if record and live.revision == record.revision:
            await self.cluster.write_record(release.id.name, record)  # helm changed nothing; this ends the attempt
            return Outcome(release.id, State.FAILED, row.action, message, live.revision, GateResult.FAILED)
        if record and record.proven:
            say(f"going back to revision {record.proven}: {message.splitlines()[0]}")
            try:
                return await self._back(row, release, record, message, say)
            except GateError as error:
                message = f"{message}\nthe way back to revision {record.proven} failed too: {error}"
        elif self.policy.first_install_failed == "uninstall" and not record:
            say("uninstalling what never worked")
            argv = commands.uninstall(release.id, kubeconfig=self.kubeconfig, timeout=self.policy.timeout)
            message = f"{message}\n{await self._run(argv) or 'uninstalled, as `first_install_failed` wants it'}"
        revision = (await self._live(release)).revision
        await self._record(row, release, revision, GateResult.FAILED)
        return Outcome(release.id, State.FAILED, row.action, message, revision, GateResult.FAILED)

    async def _back(
        self, row: PlannedRelease, release: Release, record: Record, message: str, say: Callable[[str], None]
    ) -> Outcome:
        """Roll back and wait for the rollout. What runs then is recorded as failed: the next plan looks at it again."""
        await self._rollback(release, record.proven)
        revision = (await self._live(release)).revision
        say(f"waiting for the rollout of revision {record.proven}")
        await self.gates.rollout(release, revision, self.policy.timeout)
        again = replace(record, plan=self.source.plan, revision=revision, gate=GateResult.FAILED, proven=revision)
        await self.cluster.write_record(release.id.name, again)
        said = f"{message}\nrolled back to revision {record.proven}, which runs as revision {revision}"
        return Outcome(release.id, State.ROLLED_BACK, row.action, said, revision, GateResult.FAILED)

    async def _record(self, row: PlannedRelease, release: Release, revision: int, gate: GateResult) -> None:
        tree, name = self.source.tree, release.id.name
        before = (await self.cluster.records()).get(name)
        proven = revision if gate is GateResult.PASSED else (before.proven if before else 0)
        rendered = await self.fingerprint(release)
        record = Record(row.digest, tree.commit, tree.dirty, self.source.plan, revision, gate, rendered, proven)
        await self.cluster.write_record(name, record)


def _is_pending(live: Live) -> bool:
    return live.status.startswith("pending-")
