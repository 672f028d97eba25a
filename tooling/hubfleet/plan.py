"""Changes and what their renders say → Plan: who moves, in which order, behind which canary. Pure."""

from __future__ import annotations

import difflib
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from hubfleet.errors import UsageError
from hubfleet.model import Action, Plan, PlannedRelease, ReleaseId, Stage, digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hubfleet.changes import Change
    from hubfleet.render import Verdict

ID_LENGTH = 16
MOVING = frozenset({Action.INSTALL, Action.UPGRADE, Action.VERIFY})
_ORDER = list(Stage)

Rows = dict[ReleaseId, PlannedRelease]


def make_plan(  # noqa: PLR0913 - a plan has that many sides
    changes: Sequence[Change],
    verdicts: Mapping[ReleaseId, Verdict],
    *,
    against: str,
    base: str | None = None,
    head: str,
    selection: tuple[str, ...] = (),
) -> Plan:
    """Order the changes; a candidate without a verdict counts as changed. UsageError where a glob fits nothing."""
    found = {change.id: change for change in changes}
    rows = {change.id: _row(change, verdicts.get(change.id)) for change in changes}
    chosen = _selected(rows, selection)
    rows = _held_back(_with_canaries(rows, chosen))
    rows = {release: _remark(row, rows, found, verdicts) for release, row in rows.items()}
    waves = _waves(rows.values())
    numbered = (replace(row, wave=waves[row.stage] if row.action in MOVING else 0) for row in rows.values())
    return Plan(
        against=against,
        base=base,
        head=head,
        releases=tuple(sorted(numbered, key=lambda row: (row.wave, row.id))),
        complete=all(row.action is not Action.UNKNOWN for row in rows.values()),
        selection=selection,
    )


def plan_id(plan: Plan) -> str:
    """Return 16 hex digits of a digest of everything that matters to a deploy; words for people do not."""
    rows = [
        [
            *(str(row.id), row.stage, row.action, row.wave, [str(canary) for canary in row.canaries], row.canary_only),
            *(row.digest, [row.live.revision, row.live.status] if row.live else None),
        ]
        for row in plan.releases
    ]
    return digest([plan.against, plan.base, plan.head, plan.complete, plan.selection, rows])[:ID_LENGTH]


def _row(change: Change, verdict: Verdict | None) -> PlannedRelease:
    """Decide about one release alone."""
    action, note = _decide(change, verdict)
    release = change.after or change.before
    return PlannedRelease(
        id=change.id,
        stage=release.stage if release else _stage_of_gone(change.id),
        action=action,
        wave=0,
        canaries=change.after.canaries if change.after else (),
        impact=verdict.impact if verdict and action is Action.UPGRADE else (),
        digest=change.after.digest if change.after else "",
        live=change.live,
        reasons=change.reasons,
        note=note,
    )


def _decide(change: Change, verdict: Verdict | None) -> tuple[Action, str]:
    if not change.known:
        return Action.UNKNOWN, "its cluster does not answer"
    if change.after is None:
        return Action.REMOVE, "no longer in the repository; it goes on running until you uninstall it"
    if not change.reasons:
        return Action.UNCHANGED, ""
    if verdict and verdict.broken:
        return Action.BROKEN, verdict.broken
    if change.is_new:
        return Action.INSTALL, ""
    return _decide_running(change, verdict)


def _decide_running(change: Change, verdict: Verdict | None) -> tuple[Action, str]:
    """Decide about a release that exists on both sides."""
    if verdict is None and not change.forced:
        return Action.UPGRADE, "not rendered: its manifests may be the same"
    if change.forced or (verdict and not verdict.same):
        return Action.UPGRADE, _volatile(verdict)
    if change.unproven:
        return Action.VERIFY, "what runs is what the repository says; its gate must pass"
    return Action.UNCHANGED, "its inputs differ, its manifests do not"


def _volatile(verdict: Verdict | None) -> str:
    return (
        f"{verdict.volatile} values differ with every render and were left out" if verdict and verdict.volatile else ""
    )


def _selected(rows: Rows, selection: tuple[str, ...]) -> set[ReleaseId]:
    """Return the releases that any of the globs fits."""
    for pattern in selection:
        if not any(fnmatchcase(str(release), pattern) for release in rows):
            names = sorted(map(str, rows))
            near = difflib.get_close_matches(pattern, names, n=3) or names[:10]
            message = f"--only {pattern} fits no release; there are {', '.join(near) or 'none'}"
            raise UsageError(message)
    return {release for release in rows if not selection or any(fnmatchcase(str(release), each) for each in selection)}


def _with_canaries(rows: Rows, chosen: set[ReleaseId]) -> Rows:
    """Add the canaries of every production release that moves; they are verified where nothing else happens to them."""
    result = {release: row for release, row in rows.items() if release in chosen}
    needed = {
        canary
        for row in result.values()
        if row.action in {Action.INSTALL, Action.UPGRADE}
        for canary in row.canaries
        if canary in rows
    }
    for canary in needed:
        row = rows[canary]
        verify = row.action is Action.UNCHANGED
        row = replace(row, action=Action.VERIFY) if verify else row
        result[canary] = replace(row, canary_only=verify or canary not in chosen)
    return result


def _held_back(rows: Rows) -> Rows:
    """Hold production back where a canary cannot be deployed: it would go out unproven."""
    return {
        release: replace(row, action=Action.BROKEN, impact=(), note=_obstacle(row, rows))
        if _obstacle(row, rows)
        else row
        for release, row in rows.items()
    }


def _obstacle(row: PlannedRelease, rows: Rows) -> str:
    stuck = [
        canary for canary in row.canaries if canary in rows and rows[canary].action in {Action.BROKEN, Action.UNKNOWN}
    ]
    if row.action not in {Action.INSTALL, Action.UPGRADE} or not stuck:
        return ""
    return f"its canary {stuck[0]} is {rows[stuck[0]].action}: repair that first"


def _remark(
    row: PlannedRelease, rows: Rows, changes: Mapping[ReleaseId, Change], verdicts: Mapping[ReleaseId, Verdict]
) -> PlannedRelease:
    """Say where no canary shows what a production release changes."""
    verdict = verdicts.get(row.id)
    if row.action is not Action.UPGRADE or not row.canaries or not verdict or not verdict.changed or row.note:
        return row
    new = any(changes[canary].is_new for canary in row.canaries if canary in rows)
    shown = {key for canary in row.canaries if (seen := verdicts.get(canary)) for key in seen.changed}
    exercised = new or verdict.changed & shown
    return row if exercised else replace(row, note="canary does not exercise this change")


def _waves(rows: Iterable[PlannedRelease]) -> dict[Stage, int]:
    """Give a number to each stage that moves, from 1, in the order of the enumeration."""
    moving = {row.stage for row in rows if row.action in MOVING}
    return {stage: number for number, stage in enumerate((stage for stage in _ORDER if stage in moving), start=1)}


def _stage_of_gone(release: ReleaseId) -> Stage:
    return Stage.SUPPORT if release.name == Stage.SUPPORT else Stage.PRODUCTION
