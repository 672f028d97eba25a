"""Tells where a planned release stands on its cluster now: as planned, done, begun by this plan, or stale. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from hubfleet.model import Action, GateResult, Live

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hubfleet.model import PlannedRelease
    from hubfleet.ports import Attempt, Record

ABSENT = Live(0, "absent")
_OWN_REVISIONS = 2  # that an attempt may have made: the upgrade, and the way back from it


class Standing(StrEnum):
    """Where a planned release stands."""

    AS_PLANNED = "as planned"
    DONE = "done"  # by an earlier run of this plan
    BEGUN = "begun"  # by an earlier run of this plan, which did not see its end
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Sight:
    """What a cluster says of its releases, by name."""

    live: Mapping[str, Live]
    records: Mapping[str, Record]
    attempts: Mapping[str, Attempt]


def standing(row: PlannedRelease, plan: str, sight: Sight, *, against_live: bool) -> Standing:
    """Judge one release by what the cluster itself remembers, so that any machine comes to the same answer."""
    name = row.id.name
    live, record, attempt = sight.live.get(name, ABSENT), sight.records.get(name), sight.attempts.get(name)
    if attempt and attempt.plan == plan:
        return Standing.BEGUN if live.revision <= attempt.revision + _OWN_REVISIONS else Standing.STALE
    if record and record.plan == plan:
        if record.revision != live.revision:
            return Standing.STALE
        # A canary is proven again: it must hold when production moves, not when the plan was first tried.
        done = record.digest == row.digest and record.gate is GateResult.PASSED and row.action is not Action.VERIFY
        return Standing.DONE if done else Standing.BEGUN
    planned = row.live or (ABSENT if against_live else live)
    return Standing.AS_PLANNED if planned.revision == live.revision else Standing.STALE


def describe_stale(row: PlannedRelease, sight: Sight) -> str:
    """Name a stale release with both revisions."""
    live = sight.live.get(row.id.name, ABSENT)
    planned = row.live.revision if row.live else 0
    return f"{row.id}: planned against {_revision(planned)}, now {_revision(live.revision)} ({live.status})"


def _revision(number: int) -> str:
    return f"revision {number}" if number else "no release"
