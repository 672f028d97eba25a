"""Carries a plan out: clusters side by side, a cluster's waves in order. Turns every error into an outcome.

A failure blocks the later waves of its own cluster and of no other. What is not known to have worked counts as a
failure. This module decides what runs when; how a release is deployed is `upgrade`'s.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from hubfleet.errors import ClusterUnreachableError, HubfleetError, LockedError, StalePlanError
from hubfleet.journal import FINISHED, STARTED, TRANSITION, Entry
from hubfleet.model import Action, Outcome, State
from hubfleet.standing import ABSENT, Sight, Standing, describe_stale, standing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from hubfleet.journal import Journal
    from hubfleet.model import Inventory, Plan, PlannedRelease, Release, ReleaseId
    from hubfleet.ports import Clock, DeployApi, Reporter

LEASE = 20  # seconds after which a dead deployer's hold ends
_RENEW = 5.0  # seconds between two signs of life
_WORK = frozenset({Action.INSTALL, Action.UPGRADE, Action.VERIFY})
_LOST = frozenset({State.FAILED, State.ROLLED_BACK, State.STALE, State.UNREACHABLE, State.BLOCKED})
_NEVER_DEPLOYED = frozenset({Action.BROKEN, Action.UNKNOWN})


class Deployer(Protocol):
    """Takes single releases of one cluster to their planned state."""

    async def deploy(self, row: PlannedRelease, release: Release, say: Callable[[str], None]) -> Outcome:
        """Install or upgrade."""
        ...

    async def verify(self, row: PlannedRelease, release: Release, say: Callable[[str], None]) -> Outcome:
        """Run the gate alone."""
        ...


@dataclass(frozen=True, slots=True)
class Site:
    """One cluster that the plan touches; `unreachable` says why it cannot be asked."""

    api: DeployApi | None = None
    deployer: Deployer | None = None
    unreachable: str = ""


@dataclass(slots=True)
class Interrupt:
    """What a person has said: finish what runs, or stop it."""

    executing: bool = False  # releases are being deployed; before that there is nothing to finish
    finish: asyncio.Event = field(default_factory=asyncio.Event)
    stop: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Result:
    """How a deploy ended."""

    outcomes: tuple[Outcome, ...]  # in the plan's order
    interrupted: bool = False
    locked: str = ""  # by whom, where nothing but a lock was in the way

    @property
    def complete(self) -> bool:
        """Whether every release is as planned."""
        return all(outcome.state is State.DONE for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class Executor:
    """What a deploy works with."""

    plan: Plan
    plan_id: str
    inventory: Inventory
    sites: Mapping[str, Site]
    journal: Journal
    reporter: Reporter
    clock: Clock
    interrupt: Interrupt
    holder: str
    whole: bool = True  # False where only a part of the plan is carried out: the deploy is not finished then

    async def execute(self) -> Result:
        """Do what the plan says. StalePlanError before anything is touched, where what runs is not what was planned."""
        rows = [row for row in self.plan.releases if row.action in _WORK]
        clusters = sorted({row.id.cluster for row in rows})
        await self._refuse_stale(rows)
        self.interrupt.executing = True
        self._note(STARTED)
        runs = [_Cluster(self, name, [row for row in rows if row.id.cluster == name]) for name in clusters]
        await asyncio.gather(*(run.run() for run in runs))
        outcomes = {outcome.id: outcome for run in runs for outcome in run.outcomes.values()}
        ordered = tuple(outcomes[row.id] for row in rows)
        unfinished = any(outcome.state in {State.PLANNED, State.IN_DOUBT} for outcome in ordered)
        locks = [run.locked for run in runs if run.locked]
        if self.whole and not unfinished and not locks:
            self._note(FINISHED)
        others = [run for run in runs if not run.locked]
        only_locked = bool(locks) and all(o.state is State.DONE for run in others for o in run.outcomes.values())
        result = Result(ordered, unfinished, "\n".join(locks) if only_locked else "")
        self.reporter.finished(self.plan, ordered)
        return result

    def transition(self, release: ReleaseId, state: State, message: str = "") -> None:
        """Tell the person and the journal."""
        self._note(TRANSITION, str(release), state, message)
        self.reporter.transition(release, state, message)

    def _note(self, event: str, release: str = "", state: str = "", message: str = "") -> None:
        self.journal.append(Entry(self.clock.now(), event, release, state, message))

    async def _refuse_stale(self, rows: Sequence[PlannedRelease]) -> None:
        stale = []
        for name, site in self.sites.items():
            if site.api is None:
                continue
            with suppress(ClusterUnreachableError):  # its task will say so
                sight = await look(site.api)
                stale += [
                    describe_stale(row, sight)
                    for row in rows
                    if row.id.cluster == name and self.standing(row, sight) is Standing.STALE
                ]
        if stale:
            said = "\n".join(f"  {line}" for line in stale)
            message = f"the plan is stale, somebody deployed since it was made:\n{said}\nPlan again: `hubfleet plan`"
            raise StalePlanError(message)

    def standing(self, row: PlannedRelease, sight: Sight) -> Standing:
        """Tell where a release of this plan stands now."""
        return standing(row, self.plan_id, sight, against_live=self.plan.against == "live")


async def look(api: DeployApi) -> Sight:
    """Ask a cluster for all that decides where its releases stand."""
    return Sight(await api.live(), await api.records(), await api.attempts())


class _Cluster:
    """The deploy of one cluster."""

    def __init__(self, executor: Executor, name: str, rows: Sequence[PlannedRelease]) -> None:
        self._executor, self._name, self._rows = executor, name, rows
        self._site = executor.sites.get(name, Site(unreachable=f"nothing leads to the cluster {name}"))
        self.outcomes: dict[ReleaseId, Outcome] = {}
        self.locked = ""

    async def run(self) -> None:
        """Go through the waves; afterwards every row has an outcome, whatever happened."""
        try:
            await self._run()
        except LockedError as error:
            self.locked = f"{self._name}: {error}"
            self._rest(State.BLOCKED, self.locked)
        except ClusterUnreachableError as error:
            self._rest(State.UNREACHABLE, str(error))
        except HubfleetError as error:
            self._rest(State.FAILED, str(error))
        except Exception as error:  # noqa: BLE001 - no error of one cluster may stop another
            self._rest(State.FAILED, f"unexpected {type(error).__name__}: {error}; please report it")

    async def _run(self) -> None:
        api, deployer = self._site.api, self._site.deployer
        if api is None or deployer is None:
            raise ClusterUnreachableError(self._site.unreachable)
        async with self._lease(api):
            for wave in sorted({row.wave for row in self._rows}):
                rows = [row for row in self._rows if row.wave == wave]
                await asyncio.gather(*(self._release(row, api, deployer) for row in rows))

    async def _release(self, row: PlannedRelease, api: DeployApi, deployer: Deployer) -> None:
        begun = self._executor.clock.now()
        try:
            outcome = self._held_back(row) or await self._interruptible(row, api, deployer)
        except ClusterUnreachableError as error:
            outcome = Outcome(row.id, State.UNREACHABLE, row.action, str(error))
        except HubfleetError as error:
            outcome = Outcome(row.id, State.FAILED, row.action, str(error))
        except Exception as error:  # noqa: BLE001 - no error of one release may hide the outcome of another
            said = f"unexpected {type(error).__name__}: {error}; please report it"
            outcome = Outcome(row.id, State.FAILED, row.action, said)
        self._settle(replace(outcome, seconds=self._executor.clock.now() - begun))

    def _held_back(self, row: PlannedRelease) -> Outcome | None:
        """Tell why a release must not run: an earlier wave failed, its canary cannot, or a person said stop."""
        earlier = [self.outcomes[other.id] for other in self._rows if other.wave < row.wave]
        if failed := next((each for each in earlier if each.state in _LOST), None):
            why = f"{failed.id} is {failed.state}"
            return Outcome(row.id, State.BLOCKED, row.action, why, blocked_by=failed.blocked_by or failed.id)
        for other in self._executor.plan.releases:
            if other.id in row.canaries and other.action in _NEVER_DEPLOYED:
                why = f"its canary {other.id} is {other.action}"
                return Outcome(row.id, State.BLOCKED, row.action, why, blocked_by=other.id)
        if self._executor.interrupt.finish.is_set():
            return Outcome(row.id, State.PLANNED, row.action, "not begun: interrupted")
        return None

    async def _interruptible(self, row: PlannedRelease, api: DeployApi, deployer: Deployer) -> Outcome:
        """Run one release; a person's second word stops it, and then its state is in doubt."""
        work = asyncio.ensure_future(self._one(row, api, deployer))
        stop = asyncio.ensure_future(self._executor.interrupt.stop.wait())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if work.done():
            return await work
        self._executor.reporter.transition(row.id, State.RUNNING, "stopping")
        work.cancel()
        with suppress(asyncio.CancelledError, HubfleetError):
            return await work
        said = "stopped in the middle; deploy again to go on, or plan again"
        return Outcome(row.id, State.IN_DOUBT, row.action, said)

    async def _one(self, row: PlannedRelease, api: DeployApi, deployer: Deployer) -> Outcome:
        sight = await look(api)  # again, since somebody may deploy by hand while waves run
        match self._executor.standing(row, sight):
            case Standing.DONE:
                live = sight.live.get(row.id.name, ABSENT)
                return Outcome(row.id, State.DONE, row.action, "done before", live.revision, live.gate)
            case Standing.STALE:
                said = f"{describe_stale(row, sight)}; plan again"
                return Outcome(row.id, State.STALE, row.action, said)
        release = self._executor.inventory.releases[row.id]
        self._executor.transition(row.id, State.RUNNING)

        def say(message: str) -> None:
            self._executor.reporter.transition(row.id, State.RUNNING, message)

        act = deployer.verify if row.action is Action.VERIFY else deployer.deploy
        return await act(row, release, say)

    def _settle(self, outcome: Outcome) -> None:
        self.outcomes[outcome.id] = outcome
        self._executor.transition(outcome.id, outcome.state, outcome.message)

    def _rest(self, state: State, message: str) -> None:
        for row in self._rows:
            if row.id not in self.outcomes:
                self._settle(Outcome(row.id, state, row.action, message))

    @asynccontextmanager
    async def _lease(self, api: DeployApi) -> AsyncIterator[None]:
        """Hold the cluster's lease. A dead deployer's is waited for; LockedError where the other lives."""
        executor = self._executor
        end, told = executor.clock.now() + LEASE + _RENEW, ""
        while True:
            try:
                await api.lock(executor.holder, LEASE)
                break
            except LockedError as error:
                if executor.clock.now() >= end or executor.interrupt.finish.is_set():
                    raise
                if str(error) != told:
                    executor.reporter.step(f"{self._name} is locked: {error}", LEASE)
                told = str(error)
            await executor.clock.sleep(_RENEW)
        renewal = asyncio.ensure_future(self._renew(api))
        try:
            yield
        finally:
            renewal.cancel()
            with suppress(ClusterUnreachableError):  # it expires by itself
                await api.unlock(executor.holder)

    async def _renew(self, api: DeployApi) -> None:
        while True:
            await self._executor.clock.sleep(_RENEW)
            with suppress(ClusterUnreachableError, LockedError):
                await api.lock(self._executor.holder, LEASE)
