"""The flow up to a plan: trees and clusters in, a Plan out. Says the sequence; each step decides for itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hubfleet.changes import changes_against_live, changes_between
from hubfleet.errors import ClusterUnreachableError, RenderError
from hubfleet.inventory import read_inventory, survey
from hubfleet.manifests import read_manifests
from hubfleet.model import Inventory
from hubfleet.plan import make_plan
from hubfleet.render import Verdict, compare, render

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from hubfleet.changes import Change
    from hubfleet.config import Config
    from hubfleet.manifests import Rendered
    from hubfleet.model import Cluster, Live, Plan, Release, ReleaseId
    from hubfleet.ports import Cache, ClusterApi, Helm, Record, Tree

RENDERS_AT_ONCE = 4


class NoCache:
    """Remembers nothing."""

    def get(self, key: str) -> str | None:  # noqa: ARG002 - the port's signature
        """Return None."""
        return None

    def put(self, key: str, value: str) -> None:
        """Forget it."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What planning needs of the outside world."""

    helm: Helm | None  # None: nothing is rendered, and every candidate counts as changed
    cache: Cache = field(default_factory=NoCache)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a cluster has said of itself."""

    api: ClusterApi | None = None
    live: Mapping[str, Live] | None = None  # None: it does not answer
    records: Mapping[str, Record] = field(default_factory=dict)


async def plan_against_live(  # noqa: PLR0913 - both sides, the tools and the selection
    head: Tree,
    config: Config,
    tools: Tools,
    *,
    connect: Callable[[Cluster], Awaitable[ClusterApi | None]],
    history: Callable[[str], Awaitable[Tree | None]],
    selection: tuple[str, ...] = (),
) -> Plan:
    """Plan what brings the clusters to what the tree says.

    `connect` gives None for a cluster that does not exist yet, and raises ClusterUnreachableError for one that does not
    answer. `history` gives the tree of a commit, None where git does not have it.
    """
    inventory = read_inventory(head, config)
    clusters = inventory.clusters.values()
    answers = await asyncio.gather(*(_ask(connect, cluster) for cluster in clusters))
    asked = {cluster.name: answer for cluster, answer in zip(clusters, answers, strict=True)}
    deployed = await _deployed(inventory, asked, config, history)
    changes = changes_against_live(inventory, {name: answer.live for name, answer in asked.items()}, deployed)

    async def judge(change: Change, after: Rendered) -> Verdict:
        return await _against_running(change, after, asked[change.id.cluster])

    verdicts = await _verdicts(changes, head, tools, judge)
    return make_plan(changes, verdicts, against="live", head=named(head), selection=selection)


async def plan_against_git(
    head: Tree, base: Tree, config: Config, tools: Tools, *, selection: tuple[str, ...] = ()
) -> Plan:
    """Plan what differs between two trees. Mistakes in the base are history and stop nothing."""
    changes = changes_between(survey(base, config).inventory, read_inventory(head, config))

    async def judge(change: Change, after: Rendered) -> Verdict:
        return await _against_tree(change, after, base, tools)

    verdicts = await _verdicts(changes, head, tools, judge)
    return make_plan(changes, verdicts, against="git", base=base.commit, head=named(head), selection=selection)


async def plan_against_nothing(head: Tree, config: Config, tools: Tools, *, selection: tuple[str, ...] = ()) -> Plan:
    """Plan everything, as if nothing ran."""
    changes = changes_between(Inventory({}, {}), read_inventory(head, config))
    verdicts = await _verdicts(changes, head, tools, _unseen)
    return make_plan(changes, verdicts, against="nothing", head=named(head), selection=selection)


async def rendered_digest(tree: Tree, release: Release, tools: Tools) -> str:
    """Return the digest of a release's masked manifests, as a deploy records it; "" where nothing can be rendered."""
    return (await render(tree, release, tools.helm, tools.cache)).digest if tools.helm else ""


def named(tree: Tree) -> str:
    """Return the tree's commit, marked where the tree differs from it."""
    return f"{tree.commit or 'no-commit'}{'+dirty' if tree.dirty else ''}"


async def _ask(connect: Callable[[Cluster], Awaitable[ClusterApi | None]], cluster: Cluster) -> Answer:
    try:
        api = await connect(cluster)
        if api is None:
            return Answer(live={})
        live, records = await asyncio.gather(api.live(), api.records())
    except ClusterUnreachableError:
        return Answer()
    return Answer(api, live, records)


async def _deployed(
    inventory: Inventory,
    asked: Mapping[str, Answer],
    config: Config,
    history: Callable[[str], Awaitable[Tree | None]],
) -> dict[ReleaseId, Release]:
    """Return what git knows of the releases that were deployed from something else than today's tree."""
    wanted: dict[str, list[ReleaseId]] = {}
    for release in inventory.releases.values():
        live = (asked[release.id.cluster].live or {}).get(release.id.name)
        if live and live.commit and live.digest != release.digest:
            wanted.setdefault(live.commit, []).append(release.id)
    found: dict[ReleaseId, Release] = {}
    for commit, ids in sorted(wanted.items()):
        if tree := await history(commit):
            then = survey(tree, config).inventory.releases
            found |= {release: then[release] for release in ids if release in then}
    return found


async def _verdicts(
    changes: Iterable[Change],
    head: Tree,
    tools: Tools,
    judge: Callable[[Change, Rendered], Awaitable[Verdict]],
) -> dict[ReleaseId, Verdict]:
    """Render the new side of every candidate, a few at a time, and have it judged."""
    if (helm := tools.helm) is None:
        return {}
    limit = asyncio.Semaphore(RENDERS_AT_ONCE)

    async def one(change: Change, after: Release) -> tuple[ReleaseId, Verdict]:
        if _runs_already(change, after):
            return change.id, Verdict(same=True)
        async with limit:
            try:
                return change.id, await judge(change, await render(head, after, helm, tools.cache))
            except RenderError as error:
                return change.id, Verdict(broken=str(error))

    candidates = ((change, change.after) for change in changes if change.reasons and change.known)
    return dict(await asyncio.gather(*(one(change, after) for change, after in candidates if after is not None)))


def _runs_already(change: Change, after: Release) -> bool:
    """Whether the cluster's record says so: then nothing needs to be rendered."""
    live = change.live
    return bool(live and live.revision and live.digest == after.digest and live.recorded_revision == live.revision)


async def _against_running(change: Change, after: Rendered, cluster: Answer) -> Verdict:
    """Compare with what was recorded, or with the manifests that Helm stored."""
    live, record = change.live, cluster.records.get(change.id.name)
    if live is None or live.revision == 0 or cluster.api is None:
        return await _unseen(change, after)
    if record and record.revision == live.revision and record.rendered == after.digest:
        return Verdict(same=True, rendered=after.digest)
    stored = await cluster.api.manifest(change.id, live.revision)
    return compare(read_manifests(stored, change.id), after)


async def _against_tree(change: Change, after: Rendered, base: Tree, tools: Tools) -> Verdict:
    """Compare with the render of the base; one that cannot be rendered differs."""
    if change.before is None or tools.helm is None:
        return await _unseen(change, after)
    try:
        return compare(await render(base, change.before, tools.helm, tools.cache), after)
    except RenderError:
        return await _unseen(change, after)


async def _unseen(_change: Change, after: Rendered) -> Verdict:
    """Count every object as new."""
    return Verdict(changed=frozenset(after.objects), rendered=after.digest)
