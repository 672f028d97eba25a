"""Two sides → Changes: which releases differ from what was deployed or committed before, and why; renders nothing.

The first element of every reason's path is the release, the last is the file, the argument or the state that differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hubfleet.inventory import COUNT_BY_THEMSELVES
from hubfleet.model import Difference, GateResult, Inventory, Live, Reason, Release, ReleaseId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hubfleet.model import Input

DEPLOYED, ABSENT = "deployed", "absent"
_ARGUMENT = "argument "


@dataclass(frozen=True, slots=True)
class Change:
    """One release of either side. Without reasons it has not changed."""

    id: ReleaseId
    before: Release | None  # None where it did not exist, or where what it was made of is not known
    after: Release | None
    reasons: tuple[Reason, ...] = ()
    live: Live | None = None
    known: bool = True  # False where its cluster could not be asked
    forced: bool = False  # whatever the renders say: its last upgrade failed, or it is applied in another way
    unproven: bool = False  # its gate must run, even where nothing is upgraded

    @property
    def is_new(self) -> bool:
        """Whether there is nothing yet that could be upgraded."""
        return self.live.revision == 0 if self.live else self.before is None


def changes_between(before: Inventory, after: Inventory) -> tuple[Change, ...]:
    """Compare two trees."""
    return tuple(
        _between(release, before.releases.get(release), after.releases.get(release))
        for release in sorted(before.releases.keys() | after.releases.keys())
    )


def changes_against_live(
    after: Inventory,
    live: Mapping[str, Mapping[str, Live] | None],
    deployed: Mapping[ReleaseId, Release],
) -> tuple[Change, ...]:
    """Compare a tree with what runs.

    `live` has each cluster's releases by name, None for a cluster that could not be asked. `deployed` has the releases
    as git knows them at the recorded commits, as far as it does.
    """
    here = [
        _live(release, live.get(release.id.cluster), deployed.get(release.id)) for release in after.releases.values()
    ]
    return tuple(sorted((*here, *_gone(after, live)), key=lambda change: change.id))


def differences(before: Release, after: Release) -> tuple[Reason, ...]:
    """Return what differs between the inputs of two states of a release, one reason each."""
    old, new = ({item.path: item for item in side.inputs} for side in (before, after))
    removed = {path: item for path, item in old.items() if path not in new}
    reasons = [
        _reason(after.id, item, _kind(item, old.get(path), removed))
        for path, item in new.items()
        if path not in old or old[path].content != item.content
    ]
    moved = {item.content for path, item in new.items() if path not in old}
    reasons += [
        _reason(after.id, item, Difference.REMOVED)
        for item in removed.values()
        if item.content not in moved or item.path.startswith(_ARGUMENT)
    ]
    return tuple(sorted(reasons))


def _between(release: ReleaseId, before: Release | None, after: Release | None) -> Change:
    if before is None or after is None:
        change = Difference.ADDED if before is None else Difference.REMOVED
        return Change(release, before, after, (Reason((str(release),), change),))
    reasons = differences(before, after) if before.digest != after.digest else ()
    return Change(release, before, after, reasons, forced=_applied_otherwise(reasons))


def _live(after: Release, cluster: Mapping[str, Live] | None, deployed: Release | None) -> Change:
    if cluster is None:
        return Change(after.id, None, after, known=False)
    live = cluster.get(after.id.name) or Live(0, ABSENT)
    if live.revision == 0:
        return Change(after.id, None, after, (Reason((str(after.id),), Difference.ADDED),), live)
    inputs = tuple(_inputs(after, live, deployed))
    unproven = live.gate is not GateResult.PASSED and not after.gate.skip
    return Change(
        *(after.id, deployed, after),
        reasons=(*_states(after, live, unproven=unproven), *inputs),
        live=live,
        forced=live.status != DEPLOYED or _applied_otherwise(inputs),
        unproven=unproven or live.recorded_revision != live.revision,
    )


def _states(after: Release, live: Live, *, unproven: bool) -> Iterator[Reason]:
    """Yield what the cluster tells of the last deploy."""
    name = str(after.id)
    if live.status != DEPLOYED:
        yield Reason((name, f"Helm's status is {live.status}"), Difference.CATCH_UP)
    if live.recorded_revision is None:
        yield Reason((name, "no deploy is recorded"), Difference.CATCH_UP)
    elif live.recorded_revision != live.revision:
        yield Reason((name, f"revision {live.revision} runs, {live.recorded_revision} is recorded"), Difference.DRIFT)
    elif unproven:
        said = "failed" if live.gate is GateResult.FAILED else "has not run"
        yield Reason((name, f"the gate of revision {live.revision} {said}"), Difference.CATCH_UP)


def _inputs(after: Release, live: Live, deployed: Release | None) -> Iterator[Reason]:
    """Yield why the recorded inputs differ from today's; says so where git does not have what was deployed."""
    if live.digest is None or live.digest == after.digest:
        return
    if deployed is not None:
        yield from differences(deployed, after)
    if deployed is None or deployed.digest != live.digest:
        commit = f"commit {live.commit[:12]}" if live.commit else "no commit"
        files = "with uncommitted files" if deployed else "which is not here"
        yield Reason((str(after.id), f"deployed from {commit} {files}"), Difference.CATCH_UP)


def _gone(after: Inventory, live: Mapping[str, Mapping[str, Live] | None]) -> Iterator[Change]:
    """Yield what Hubfleet has deployed and the tree no longer has; Helm's other releases are not ours to judge."""
    for cluster, releases in live.items():
        for name, found in (releases or {}).items():
            release = ReleaseId(cluster, name)
            if release not in after.releases and found.revision and found.digest is not None:
                yield Change(release, None, None, (Reason((str(release),), Difference.REMOVED),), found)


def _kind(item: Input, old: Input | None, removed: Mapping[str, Input]) -> Difference:
    if item.path.startswith(_ARGUMENT):
        return Difference.ARGUMENT
    if old is not None:
        return Difference.MODIFIED
    return Difference.RENAMED if any(item.content == gone.content for gone in removed.values()) else Difference.ADDED


def _reason(release: ReleaseId, item: Input, change: Difference) -> Reason:
    return Reason((str(release), *item.via, item.path), change)


def _applied_otherwise(reasons: tuple[Reason, ...]) -> bool:
    return any(reason.path[-1] in COUNT_BY_THEMSELVES for reason in reasons)
