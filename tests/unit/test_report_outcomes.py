"""The same outcomes, told to a person, to a pull request and to a program."""

from __future__ import annotations

import json

import pytest

from hubfleet import report_outcomes
from hubfleet.model import Action, GateResult, Outcome, ReleaseId, State

STAGING, PROD = ReleaseId("one", "staging"), ReleaseId("one", "prod")
FAILED = Outcome(
    STAGING, State.ROLLED_BACK, Action.UPGRADE, "pod x | y: bad\n  event: z", 5, GateResult.FAILED, None, 71.2
)
BLOCKED = Outcome(PROD, State.BLOCKED, Action.UPGRADE, "one/staging is rolled-back", blocked_by=STAGING)
DONE = Outcome(ReleaseId("two", "prod"), State.DONE, Action.INSTALL, "it runs", 1, GateResult.PASSED, None, 3.0)


def test_blocks_tell_everything_that_is_known() -> None:
    assert report_outcomes.blocks([FAILED, BLOCKED]).splitlines() == [
        "rolled-back  one/staging               1 min 11 s  pod x | y: bad",
        "      event: z",
        "blocked      one/prod                         0 s  one/staging is rolled-back",
    ]


def test_the_summary_is_the_last_line() -> None:
    lines = report_outcomes.closing([DONE, FAILED, BLOCKED], 74.6).splitlines()
    assert lines[-1] == "Summary: 1 done, 1 rolled-back, 1 blocked (2 clusters, 1 min 15 s)."
    assert "plan and deploy again" in lines[0]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State.IN_DOUBT, "`hubfleet deploy` goes on"),
        (State.PLANNED, "`hubfleet deploy` goes on"),
        (State.FAILED, "Mend what is named above"),
        (State.UNREACHABLE, "is in the next plan"),
        (State.STALE, "is in the next plan"),
    ],
)
def test_every_way_to_end_has_a_way_forward(state: State, said: str) -> None:
    assert said in report_outcomes.closing([Outcome(PROD, state, Action.UPGRADE)], 1)


def test_done_needs_no_advice() -> None:
    assert report_outcomes.closing([DONE], 1) == "Summary: 1 done (1 cluster, 1 s)."


def test_markdown_keeps_a_message_in_its_cell() -> None:
    lines = report_outcomes.markdown([FAILED], 3).splitlines()
    assert lines[0].startswith("**Summary: 1 rolled-back")
    assert lines[-1] == "| one/staging | upgrade | rolled-back | 1 min 11 s | pod x \\| y: bad<br>  event: z |"


def test_json_has_every_field() -> None:
    value = json.loads(report_outcomes.to_json([BLOCKED], 1.25))
    assert value["event"] == "finished"
    assert value["outcomes"] == [
        {
            "action": "upgrade",
            "blocked_by": "one/staging",
            "gate": "never",
            "id": "one/prod",
            "message": "one/staging is rolled-back",
            "revision": None,
            "seconds": 0.0,
            "state": "blocked",
        }
    ]


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (371, "6 min 11 s")])
def test_durations(seconds: float, said: str) -> None:
    assert report_outcomes.duration(seconds) == said
