"""Where a release stands is told by the cluster itself: any machine comes to the same answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hubfleet.model import Action, GateResult, Live, PlannedRelease, ReleaseId, Stage
from hubfleet.ports import Attempt, Record
from hubfleet.standing import Sight, Standing, describe_stale, standing

OURS, THEIRS = "ours", "theirs"


def row(revision: int | None) -> PlannedRelease:
    live = None if revision is None else Live(revision, "deployed")
    return PlannedRelease(ReleaseId("a", "hub"), Stage.STAGING, Action.UPGRADE, 1, digest="new", live=live)


def record(plan: str, digest: str, revision: int, gate: GateResult = GateResult.PASSED) -> Record:
    return Record(digest, "c0ffee", dirty=False, plan=plan, revision=revision, gate=gate, rendered="r")


def attempt(plan: str, revision: int) -> Attempt:
    return Attempt(plan, "new", revision, "ann")


@pytest.mark.parametrize(
    ("planned", "live", "recorded", "begun", "expected"),
    [
        (4, 4, record(THEIRS, "old", 4), None, Standing.AS_PLANNED),
        (None, 0, None, None, Standing.AS_PLANNED),
        (4, 5, record(THEIRS, "old", 4), None, Standing.STALE),  # somebody upgraded by hand
        (4, 5, record(THEIRS, "x", 5), None, Standing.STALE),  # somebody deployed another plan
        (4, 3, record(THEIRS, "old", 4), None, Standing.STALE),  # uninstalled and installed anew
        (None, 1, None, None, Standing.STALE),  # installed by hand meanwhile
        (4, 5, record(OURS, "new", 5), None, Standing.DONE),
        (4, 5, record(OURS, "new", 5, GateResult.FAILED), None, Standing.BEGUN),
        (4, 6, record(OURS, "new", 5), None, Standing.STALE),  # upgraded by hand after us
        (4, 6, record(OURS, "old", 6, GateResult.FAILED), None, Standing.BEGUN),  # rolled back by us
        (4, 4, record(THEIRS, "old", 4), attempt(OURS, 4), Standing.BEGUN),  # killed before helm began
        (4, 5, record(THEIRS, "old", 4), attempt(OURS, 4), Standing.BEGUN),  # killed after
        (4, 6, record(THEIRS, "old", 4), attempt(OURS, 4), Standing.BEGUN),  # killed on the way back
        (4, 7, record(THEIRS, "old", 4), attempt(OURS, 4), Standing.STALE),  # and somebody else went on
        (4, 5, record(THEIRS, "old", 4), attempt(THEIRS, 4), Standing.STALE),
    ],
)
def test_what_the_cluster_remembers_decides(
    planned: int | None, live: int, recorded: Record | None, begun: Attempt | None, expected: Standing
) -> None:
    sight = Sight(
        {"hub": Live(live, "deployed")} if live else {},
        {"hub": recorded} if recorded else {},
        {"hub": begun} if begun else {},
    )
    assert standing(row(planned), OURS, sight, against_live=True) is expected


def test_a_canary_is_proven_again() -> None:
    sight = Sight({"hub": Live(4, "deployed")}, {"hub": record(OURS, "new", 4)}, {})
    verify = replace(row(4), action=Action.VERIFY)
    assert standing(verify, OURS, sight, against_live=True) is Standing.BEGUN


def test_a_plan_that_did_not_look_at_the_cluster_takes_it_as_it_is() -> None:
    sight = Sight({"hub": Live(7, "deployed")}, {}, {})
    assert standing(row(None), OURS, sight, against_live=False) is Standing.AS_PLANNED


def test_a_stale_release_is_described_with_both_revisions() -> None:
    sight = Sight({"hub": Live(7, "deployed")}, {}, {})
    assert describe_stale(row(4), sight) == "a/hub: planned against revision 4, now revision 7 (deployed)"
    assert describe_stale(row(4), Sight({}, {}, {})) == "a/hub: planned against revision 4, now no release (absent)"
