"""A small fleet in memory, deployed by the real executor: what the tests of upgrades and of whole deploys share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.unit.fakes import FakeClock, FakeCluster, FakeHelm, FakeHub, FakeReporter, FakeTree

from hubfleet.config import DeployPolicy
from hubfleet.execute import Executor, Interrupt, Result, Site
from hubfleet.gates import Gates
from hubfleet.journal import Journal
from hubfleet.model import (
    Action,
    Cluster,
    Gate,
    GateResult,
    Inventory,
    Live,
    Outcome,
    Plan,
    PlannedRelease,
    Release,
    ReleaseId,
    Stage,
)
from hubfleet.ports import Record
from hubfleet.upgrade import Source, Upgrader

if TYPE_CHECKING:
    from collections.abc import Callable

HOLDER = "ann@desk"
LOGIN = {"username": "hubfleet-gate", "password": "secret"}
STAGES = {"support": Stage.SUPPORT, "staging": Stage.STAGING, "prod": Stage.PRODUCTION}


def release(cluster: str, name: str) -> Release:
    """A release whose digest is that of no input; hubs log in by form."""
    stage = STAGES[name]
    gate = Gate(credentials="login")
    return Release(
        ReleaseId(cluster, name), stage, "charts/x", (), (), "1.36", domain=f"{name}.{cluster}.example", gate=gate
    )


def record(revision: int, gate: GateResult = GateResult.PASSED, digest: str = "old", plan: str = "before") -> Record:
    """What an earlier deploy left."""
    return Record(digest, "0ld", dirty=False, plan=plan, revision=revision, gate=gate, rendered="r", proven=revision)


async def fingerprint(wanted: Release) -> str:
    return f"rendered {wanted.id.name}"


@dataclass
class World:
    """Clusters with helm and hubs, and what is deployed to them."""

    folder: Path
    names: tuple[str, ...] = ("one",)
    plan_id: str = "plan-1"
    policy: DeployPolicy = field(default_factory=DeployPolicy)
    clock: FakeClock = field(default_factory=FakeClock)
    reporter: FakeReporter = field(default_factory=FakeReporter)
    interrupt: Interrupt = field(default_factory=Interrupt)

    def __post_init__(self) -> None:
        self.clusters = {name: FakeCluster() for name in self.names}
        self.helms = {name: FakeHelm(cluster, self.clock) for name, cluster in self.clusters.items()}
        self.hubs = {ReleaseId(name, hub): FakeHub(self.clock) for name in self.names for hub in ("staging", "prod")}
        for cluster in self.clusters.values():
            for hub in ("staging", "prod"):
                cluster.secrets[hub, "login"] = LOGIN

    @property
    def cluster(self) -> FakeCluster:
        return self.clusters[self.names[0]]

    @property
    def helm(self) -> FakeHelm:
        return self.helms[self.names[0]]

    def hub(self, name: str, cluster: str = "one") -> FakeHub:
        return self.hubs[ReleaseId(cluster, name)]

    def settled(self) -> None:
        """Pretend that everything was deployed once."""
        for cluster in self.clusters.values():
            for name in STAGES:
                cluster.history[name] = ["superseded", "superseded", "deployed"]
                cluster.record[name] = record(3)

    def row(self, cluster: str, name: str, action: Action = Action.UPGRADE) -> PlannedRelease:
        """A row of the plan against what runs now."""
        identity, revisions = ReleaseId(cluster, name), self.clusters[cluster].history.get(name, [])
        live = Live(len(revisions), revisions[-1]) if revisions else None
        canaries = (ReleaseId(cluster, "staging"),) if name == "prod" else ()
        wave = 1 + list(STAGES).index(name)
        return PlannedRelease(identity, STAGES[name], action, wave, canaries, digest=f"new {name}", live=live)

    def plan(self, **actions: Action) -> Plan:
        """A plan for all clusters; a release that is not named is upgraded."""
        rows = [self.row(cluster, name, actions.get(name, Action.UPGRADE)) for cluster in self.names for name in STAGES]
        return Plan("live", None, "c0ffee", tuple(sorted(rows, key=lambda row: (row.wave, row.id))))

    def upgrader(self, name: str) -> Upgrader:
        """The real upgrader over the fakes; within a running loop."""
        cluster, helm = self.clusters[name], self.helms[name]
        return Upgrader(
            cluster=cluster,
            kubeconfig=Path("/kubeconfig"),
            runner=helm,
            helm=helm,
            helm_program=Path("/bin/helm"),
            fingerprint=fingerprint,
            clock=self.clock,
            gates=Gates(cluster, self.clock, lambda wanted: self.hubs[wanted.id], asyncio.Semaphore(2)),
            policy=self.policy,
            source=Source(self.plan_id, FakeTree(), HOLDER),
            upgrades=asyncio.Semaphore(10),
        )

    @property
    def journal(self) -> Journal:
        return Journal(self.folder)

    def deploy(self, plan: Plan, *, begin: Callable[[], None] = lambda: None, **sites: Site) -> Result:
        """Run a whole deploy to its end."""

        async def work() -> Result:
            begin()
            self.interrupt = Interrupt()
            made = {name: Site(self.clusters[name], self.upgrader(name)) for name in self.names}
            inventory = Inventory(
                {name: Cluster(name, "kubeconfig", "1.36", "cluster.yaml") for name in self.names},
                {row.id: release(row.id.cluster, row.id.name) for row in plan.releases},
            )
            executor = Executor(
                plan,
                self.plan_id,
                inventory,
                {**made, **sites},
                self.journal,
                self.reporter,
                self.clock,
                self.interrupt,
                HOLDER,
            )
            return await executor.execute()

        return self.clock.run(work())

    def upgrade(self, name: str, action: Action = Action.UPGRADE) -> Outcome:
        """Deploy, or verify, one release by itself."""

        async def work() -> Outcome:
            upgrader, row = self.upgrader("one"), self.row("one", name, action)
            act = upgrader.verify if action is Action.VERIFY else upgrader.deploy
            return await act(row, release("one", name), lambda _: None)

        return self.clock.run(work())
