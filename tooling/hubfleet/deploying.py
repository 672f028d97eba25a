"""The flow of `hubfleet deploy`: a plan's file in, a Result out. Says the sequence; each step decides for itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from hubfleet.adapters.engine import ensure_engine
from hubfleet.adapters.helm import HelmProgram
from hubfleet.adapters.images import Images
from hubfleet.adapters.together import together
from hubfleet.errors import (
    ClusterUnreachableError,
    HubfleetError,
    InterruptedDeployError,
    LockedError,
    PartialError,
    StalePlanError,
    ToolError,
    UsageError,
)
from hubfleet.execute import Executor, Interrupt, Result, Site
from hubfleet.gates import Gates
from hubfleet.inventory import read_inventory
from hubfleet.journal import ABANDONED, PLANNED, Entry, Journal
from hubfleet.model import Action, State
from hubfleet.plan import MOVING, plan_id
from hubfleet.plan_file import plan_from_json
from hubfleet.planning import rendered_digest
from hubfleet.upgrade import Source, Upgrader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hubfleet.model import Cluster, Inventory, Plan, Release, ReleaseId
    from hubfleet.planning import Tools
    from hubfleet.ports import Tree
    from hubfleet.wiring import Workspace

PLAN = "plan.json"


@dataclass(frozen=True, slots=True)
class Stored:
    """A plan as it was found, and the journal of its deploys."""

    plan: Plan
    id: str
    journal: Journal
    text: str

    @property
    def left_over(self) -> tuple[str, ...]:
        """Return the releases that no deploy of this plan has brought to their end."""
        states = self.journal.states
        moving = [str(row.id) for row in self.plan.releases if row.action in MOVING]
        return tuple(name for name in moving if states.get(name) != State.DONE)


def read_plan(folder: Path, deploys: Path) -> Stored:
    """Read a plan; HubfleetError where there is none, ProblemsError where it is damaged."""
    path = folder / PLAN
    try:
        text = path.read_text()
    except FileNotFoundError as error:
        message = f"there is no plan at {path}: make one with `hubfleet plan`"
        raise HubfleetError(message) from error
    plan = plan_from_json(text, str(path))
    identity = plan_id(plan)
    return Stored(plan, identity, Journal(deploys / identity), text)


def made_again(folder: Path, deploys: Path, now: float) -> str:
    """Note that a plan was made: a deploy of the same plan that has ended does not count any more.

    Returns a remark where such a deploy is unfinished, "" otherwise.
    """
    stored = read_plan(folder, deploys)
    if stored.journal.unfinished:
        return "A deploy of this plan is unfinished: `hubfleet deploy` goes on."
    if stored.journal.ended:
        stored.journal.append(Entry(now, PLANNED))
    others = [journal.file.parent.name for journal in unfinished(deploys)]
    return (
        f"The deploy of plan {', '.join(others)} is unfinished; this plan starts from what it left." if others else ""
    )


def unfinished(deploys: Path) -> list[Journal]:
    """Return the journals of deploys that began and did not end."""
    folders = sorted(path.parent for path in deploys.glob("*/journal.jsonl"))
    return [journal for journal in map(Journal, folders) if journal.unfinished]


def refuse_ended(stored: Stored) -> None:
    """Refuse a plan whose deploy has ended, unless everything is done. HubfleetError then."""
    ended, left = stored.journal.ended, stored.left_over
    if ended == ABANDONED:
        message = "the deploy of this plan was given up: make a new one with `hubfleet plan`"
        raise HubfleetError(message)
    if ended and left:
        message = (
            f"the deploy of this plan has ended without {', '.join(left)}: mend what failed and make a new plan with"
            " `hubfleet plan`; what was not done is in it"
        )
        raise HubfleetError(message)


def abandon(stored: Stored, now: float) -> tuple[str, ...]:
    """Give an unfinished deploy up; returns the releases in doubt. UsageError where there is none."""
    if not stored.journal.unfinished:
        message = "no deploy of this plan is unfinished: there is nothing to abandon"
        raise UsageError(message)
    states = stored.journal.states
    stored.journal.append(Entry(now, ABANDONED))
    return tuple(name for name, state in states.items() if state in {State.RUNNING, State.IN_DOUBT})


@dataclass(frozen=True, slots=True)
class Deploy:
    """One run of a deploy."""

    workspace: Workspace
    stored: Stored
    holder: str
    interrupt: Interrupt
    only: tuple[str, ...] = ()

    async def run(self) -> tuple[Result, Inventory]:
        """Bring clusters and images, then execute. StalePlanError where the tree is not the plan's."""
        config = self.workspace.config
        tree = await self._tree()
        inventory = read_inventory(tree, config)
        plan = selected(self.stored.plan, self.only)
        refuse_changed(plan, inventory)
        self._begin()
        tools = await self.workspace.tools()
        sites = await self._sites(plan, inventory, tree, tools)
        executor = Executor(
            plan,
            self.stored.id,
            inventory,
            sites,
            self.stored.journal,
            self.workspace.reporter,
            self.workspace.clock,
            self.interrupt,
            self.holder,
            whole=plan == self.stored.plan,
        )
        return await executor.execute(), inventory

    async def _tree(self) -> Tree:
        """Return the tree that the plan was made from: what is deployed is what was planned."""
        head = self.stored.plan.head
        tree = await self.workspace.tree()
        commit = head.removesuffix("+dirty")
        if head.endswith("+dirty") or tree.commit == commit:
            return tree
        found = await self.workspace.commit_tree(commit)
        if found is None:
            message = (
                f"the plan was made from {commit}, which this repository does not have: it belongs to another one, or"
                " `git fetch` is needed; make a plan here with `hubfleet plan`"
            )
            raise HubfleetError(message)
        return found

    def _begin(self) -> None:
        """Keep a copy of the plan beside its journal. Deploys of other plans that never ended are over now."""
        folder = self.stored.journal.file.parent
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PLAN).write_text(self.stored.text)
        for journal in unfinished(folder.parent):
            if journal.file.parent != folder:
                journal.append(Entry(self.workspace.clock.now(), ABANDONED))

    async def _sites(self, plan: Plan, inventory: Inventory, tree: Tree, tools: Tools) -> Mapping[str, Site]:
        """Reach every cluster of the plan; one that cannot be reached must not stop the others."""
        names = sorted({row.id.cluster for row in plan.releases if row.action in MOVING})
        clusters = [inventory.clusters[name] for name in names]
        found = [await self._site(cluster, plan, inventory, tree, tools) for cluster in clusters]
        errors = [each for each in found if isinstance(each, HubfleetError)]
        if errors and len(errors) == len(found):
            raise errors[0]
        return {
            name: Site(unreachable=str(each)) if isinstance(each, HubfleetError) else each
            for name, each in zip(names, found, strict=True)
        }

    async def _site(
        self, cluster: Cluster, plan: Plan, inventory: Inventory, tree: Tree, tools: Tools
    ) -> Site | HubfleetError:
        try:
            releases = [inventory.releases[row.id] for row in plan.releases if row.action in MOVING]
            kubeconfig = await self._reach(cluster, [each for each in releases if each.id.cluster == cluster.name])
            api = await self.workspace.connected(kubeconfig)
            await api.records()
        except (ToolError, ClusterUnreachableError) as error:
            return error
        policy = self.workspace.config.deploy.with_overrides(cluster.deploy)
        program = await self.workspace.program("helm")
        helm = HelmProgram(program, self.workspace.runner)
        spawns, clock = asyncio.Semaphore(policy.max_spawn_gates), self.workspace.clock
        upgrader = Upgrader(
            cluster=api,
            kubeconfig=kubeconfig,
            runner=self.workspace.runner,
            helm=helm,
            helm_program=program,
            fingerprint=lambda release: rendered_digest(tree, release, tools),
            clock=clock,
            gates=Gates(api, clock, lambda release: self.workspace.browser(cluster, release), spawns),
            policy=policy,
            source=Source(self.stored.id, tree, self.holder),
            upgrades=asyncio.Semaphore(policy.max_upgrades),
        )
        return Site(api, upgrader)

    async def _reach(self, cluster: Cluster, releases: list[Release]) -> Path:
        """Return the cluster's kubeconfig; a kind cluster is made, started and filled with its images first."""
        workspace = self.workspace
        if cluster.provider == "kind":
            images = Images(workspace.root, workspace.runner, workspace.reporter, workspace.images)
            wanted = {name: tag for release in releases for name, tag in release.images}
            await ensure_engine(workspace.runner, workspace.reporter)
            await together(workspace.kind.up(cluster), images.build(wanted))  # neither needs the other
            await images.ensure(cluster, wanted)
        path = await workspace.kubeconfig(cluster)
        if path is None:
            message = f"nothing leads to the cluster {cluster.name}"
            raise ClusterUnreachableError(message)
        return path


def selected(plan: Plan, only: tuple[str, ...]) -> Plan:
    """Leave the rows that a glob fits, and their canaries. UsageError where a glob fits none."""
    if not only:
        return plan
    for pattern in only:
        if not any(fnmatchcase(str(row.id), pattern) for row in plan.releases):
            message = (
                f"--only {pattern} fits no release of the plan; it has {', '.join(str(r.id) for r in plan.releases)}"
            )
            raise UsageError(message)
    chosen = {row.id for row in plan.releases if any(fnmatchcase(str(row.id), pattern) for pattern in only)}
    wanted = chosen | {canary for row in plan.releases if row.id in chosen for canary in row.canaries}
    return replace(plan, releases=tuple(row for row in plan.releases if row.id in wanted))


def refuse_changed(plan: Plan, inventory: Inventory) -> None:
    """Refuse a plan whose releases are made of something else by now. StalePlanError names them."""

    def now(release: ReleaseId) -> str:
        found = inventory.releases.get(release)
        return found.digest if found else ""

    changed = [str(row.id) for row in plan.releases if row.action in MOVING and now(row.id) != row.digest]
    if changed:
        message = (
            f"the plan is stale, files of {', '.join(changed)} were changed since it was made: plan again with"
            " `hubfleet plan`"
        )
        raise StalePlanError(message)


def exit_code(plan: Plan, result: Result) -> int:
    """Return the exit code that tells a program how the deploy ended."""
    if result.interrupted:
        return InterruptedDeployError.exit_code
    if result.locked:
        return LockedError.exit_code
    left = {outcome.state for outcome in result.outcomes} - {State.DONE}
    if left and left <= {State.STALE, State.BLOCKED} and State.STALE in left:
        return StalePlanError.exit_code
    broken = any(row.action in {Action.BROKEN, Action.UNKNOWN} for row in plan.releases)
    return PartialError.exit_code if left or broken else 0
