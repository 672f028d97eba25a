"""Who moves, in which order, behind which canary; and the forms in which that is written down."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from hubfleet.changes import Change, changes_against_live, changes_between, differences
from hubfleet.errors import ProblemsError
from hubfleet.model import (
    Action,
    Difference,
    GateResult,
    Impact,
    Input,
    Inventory,
    Live,
    Plan,
    PlannedRelease,
    Reason,
    Release,
    ReleaseId,
    Stage,
)
from hubfleet.plan import MOVING, make_plan, plan_id
from hubfleet.plan_file import plan_from_json, plan_to_json, schema
from hubfleet.render import Verdict
from hubfleet.report import LONGEST_MARKDOWN, plan_view, summary, to_markdown

if TYPE_CHECKING:
    from random import Random

SCHEMA = Path(__file__).resolve().parents[2] / "docs/reference/plan.schema.json"
SUPPORT, STAGING, PROD = (ReleaseId("one", name) for name in ("support", "staging", "prod"))
REASON = Reason(("one/x", "file"), Difference.MODIFIED)


def release(name: ReleaseId, stage: Stage = Stage.PRODUCTION, *canaries: ReleaseId, **inputs: str) -> Release:
    made_of = tuple(Input(path, content) for path, content in sorted(inputs.items()))
    return Release(name, stage, "charts/app", (), made_of, "1.36", canaries=canaries)


def change(name: ReleaseId, stage: Stage = Stage.PRODUCTION, *canaries: ReleaseId, **said: Any) -> Change:  # noqa: ANN401
    after = release(name, stage, *canaries)
    return Change(name, after, after, **{"reasons": (REASON,), **said})


STAGE = change(STAGING, Stage.STAGING)
HUB = change(PROD, Stage.PRODUCTION, STAGING)
QUIET = replace(STAGE, reasons=())


def planned(*changes: Change, only: tuple[str, ...] = (), **verdicts: Verdict) -> Plan:
    by_id = {
        each.id: verdicts.get(each.id.name, Verdict(changed=frozenset({"X/x"}))) for each in changes if each.reasons
    }
    return make_plan(changes, by_id, against="live", head="a" * 40, selection=only)


def told(plan: Plan) -> list[tuple[str, str, int]]:
    return [(row.id.name, str(row.action), row.wave) for row in plan.releases]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (planned(HUB, STAGE), [("staging", "upgrade", 1), ("prod", "upgrade", 2)]),
        (planned(HUB, QUIET), [("staging", "verify", 1), ("prod", "upgrade", 2)]),
        (planned(replace(HUB, reasons=()), STAGE), [("prod", "unchanged", 0), ("staging", "upgrade", 1)]),
        (planned(HUB, STAGE, prod=Verdict(same=True)), [("prod", "unchanged", 0), ("staging", "upgrade", 1)]),
        (planned(HUB, QUIET, only=("*/staging",)), [("staging", "unchanged", 0)]),
        (planned(HUB, QUIET, only=("one/prod",)), [("staging", "verify", 1), ("prod", "upgrade", 2)]),
        (planned(HUB, STAGE, staging=Verdict(broken="no")), [("prod", "broken", 0), ("staging", "broken", 0)]),
        (planned(HUB, replace(STAGE, known=False)), [("prod", "broken", 0), ("staging", "unknown", 0)]),
        (planned(replace(HUB, after=None)), [("prod", "remove", 0)]),
        (planned(replace(HUB, before=None), QUIET), [("staging", "verify", 1), ("prod", "install", 2)]),
        (planned(replace(HUB, live=Live(0, "absent")), QUIET), [("staging", "verify", 1), ("prod", "install", 2)]),
        (planned(replace(STAGE, unproven=True), staging=Verdict(same=True)), [("staging", "verify", 1)]),
        (planned(replace(STAGE, forced=True), staging=Verdict(same=True)), [("staging", "upgrade", 1)]),
        (planned(HUB, STAGE, change(SUPPORT, Stage.SUPPORT)),
         [("support", "upgrade", 1), ("staging", "upgrade", 2), ("prod", "upgrade", 3)]),
    ],
)  # fmt: skip
def test_decision_and_order(made: Plan, expected: list[tuple[str, str, int]]) -> None:
    assert told(made) == expected


def test_canary_alone_is_marked_and_the_impact_is_that_of_upgrades() -> None:
    plan = planned(HUB, QUIET, prod=Verdict(changed=frozenset({"X/x"}), impact=(Impact.RESTARTS_HUB,)))
    rows = {row.id: row for row in plan.releases}
    assert (rows[STAGING].canary_only, rows[PROD].canary_only) == (True, False)
    assert (rows[STAGING].impact, rows[PROD].impact) == ((), (Impact.RESTARTS_HUB,))


@pytest.mark.parametrize(
    ("staging", "exercised"),
    [(Verdict(changed=frozenset({"X/x"})), True), (Verdict(changed=frozenset({"Y/y"})), False), (None, False)],
)
def test_plan_says_where_the_canary_does_not_show_the_change(staging: Verdict | None, *, exercised: bool) -> None:
    plan = planned(HUB, STAGE, staging=staging) if staging else planned(HUB, QUIET)
    (note,) = (row.note for row in plan.releases if row.id == PROD)
    assert (note == "canary does not exercise this change") is not exercised


def test_new_canary_exercises_everything() -> None:
    new = replace(STAGE, before=None)
    (note,) = (row.note for row in planned(HUB, new).releases if row.id == PROD)
    assert note == ""


def numbered(number: int) -> ReleaseId:
    return ReleaseId(f"c{number % 2}", f"r{number}")


def stage_of(number: int) -> Stage:
    """Three staging hubs, a support chart, and production behind any of the staging hubs."""
    return Stage.STAGING if number < 3 else Stage.SUPPORT if number == 3 else Stage.PRODUCTION


@st.composite
def a_change(draw: st.DrawFn) -> Change:
    number = draw(st.integers(0, 7))
    canaries = draw(st.lists(st.integers(0, 2), max_size=2, unique=True)) if number > 3 else []
    lives = [None, Live(0, "absent"), Live(3, "deployed", "d", "c", 3, GateResult.PASSED)]
    return change(
        numbered(number),
        stage_of(number),
        *map(numbered, canaries),
        reasons=draw(st.sampled_from([(), (REASON,)])),
        known=draw(st.booleans()),
        forced=draw(st.booleans()),
        unproven=draw(st.booleans()),
        live=draw(st.sampled_from(lives)),
    )


CHANGES = st.lists(a_change(), max_size=8, unique_by=lambda each: each.id)
VERDICTS = st.dictionaries(
    st.integers(0, 7).map(numbered),
    st.builds(Verdict, same=st.booleans(), broken=st.sampled_from(["", "", "no"]), changed=st.just(frozenset({"X/x"}))),
)


@given(CHANGES, VERDICTS)
def test_no_production_moves_before_its_canaries(changes: list[Change], verdicts: dict[ReleaseId, Verdict]) -> None:
    plan = make_plan(changes, verdicts, against="live", head="h")
    rows = {row.id: row for row in plan.releases}
    for row in plan.releases:
        assert (row.wave > 0) == (row.action in MOVING)
        for canary in row.canaries:
            if row.action in {Action.UPGRADE, Action.INSTALL} and canary in rows:
                assert rows[canary].action in MOVING
    by_stage = {row.stage: row.wave for row in plan.releases if row.wave}
    assert [by_stage[stage] for stage in Stage if stage in by_stage] == list(range(1, len(by_stage) + 1))


@given(CHANGES, VERDICTS, st.randoms())
def test_plan_is_the_same_to_the_byte_whatever_the_order(
    changes: list[Change], verdicts: dict[ReleaseId, Verdict], random: Random
) -> None:
    shuffled = list(changes)
    random.shuffle(shuffled)
    one, other = (
        plan_to_json(make_plan(each, verdicts, against="git", base="b", head="h")) for each in (changes, shuffled)
    )
    assert one == other


@given(CHANGES, VERDICTS)
def test_plan_file_fits_its_schema_and_comes_back(changes: list[Change], verdicts: dict[ReleaseId, Verdict]) -> None:
    plan = make_plan(changes, verdicts, against="live", head="h", selection=("*",) if changes else ())
    text = plan_to_json(plan)
    jsonschema_rs.validator_for(json.loads(SCHEMA.read_text())).validate(json.loads(text))
    assert plan_from_json(text) == plan


def test_published_schema_is_the_generated_one() -> None:
    assert SCHEMA.read_text() == schema(), "generate it anew; the file's $comment says how"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"action": "upgrade"', '"action": "remove"', "plan.json: id: expected"),
        ('"wave": 2', '"wave": -1', "releases.1.wave: expected greater than or equal to 0, found -1"),
        ('"format_version": 1', '"format_version": 2', "format_version: expected 1, found 2"),
        ('"selection": []', '"sel": []', "selection: expected the key `selection`, found nothing"),
        ("{", "", "expected"),
    ],
)
def test_damaged_plan_is_refused_with_what_to_do(old: str, new: str, said: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        plan_from_json(plan_to_json(planned(HUB, QUIET)).replace(old, new, 1))
    assert said in str(caught.value)
    assert "hubfleet plan" in str(caught.value)


def test_id_is_of_what_matters_to_a_deploy() -> None:
    plan = planned(HUB, QUIET)
    row = plan.releases[0]
    assert plan_id(plan) == plan_id(replace(plan, releases=(replace(row, note="words"), *plan.releases[1:])))
    assert plan_id(plan) != plan_id(replace(plan, releases=(replace(row, digest="d"), *plan.releases[1:])))
    assert plan_id(plan) != plan_id(replace(plan, selection=("*",)))


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (planned(QUIET), "No changes: 1 release as the repository says."),
        (planned(), "No changes: 0 releases as the repository says."),
        (planned(HUB, QUIET),
         "Plan: 1 to upgrade, 0 to install, 1 to verify, 0 to remove, 0 unchanged (1 cluster, 2 waves)."),
        (planned(replace(STAGE, known=False)),
         "Plan: 0 to upgrade, 0 to install, 0 to verify, 0 to remove, 1 unknown, 0 unchanged (1 cluster, 0 waves)."),
        (planned(STAGE, staging=Verdict(broken="no")),
         "Plan: 0 to upgrade, 0 to install, 0 to verify, 0 to remove, 1 broken, 0 unchanged (1 cluster, 0 waves)."),
    ],
)  # fmt: skip
def test_summary(plan: Plan, said: str) -> None:
    assert summary(plan) == said


def test_summary_counts_what_restarts() -> None:
    both = Verdict(impact=(Impact.RESTARTS_HUB, Impact.RESTARTS_PROXY), changed=frozenset({"X/x"}))
    assert summary(planned(HUB, STAGE, prod=both, staging=both)).endswith(" Restarts 2 hubs, 2 proxies.")


def shown(plan: Plan) -> str:
    console = Console(width=120, file=io.StringIO())
    with console.capture() as capture:
        console.print(plan_view(plan))
    return capture.get()


def test_table_shows_who_moves_and_why() -> None:
    lines = [line.split() for line in shown(planned(HUB, replace(QUIET))).splitlines()]
    assert lines[:3] == [
        ["wave", "release", "action", "impact", "reasons"],
        ["1", "one/staging", "verify", "canary"],
        ["2", "one/prod", "upgrade", "file", "modified"],
    ]


def test_table_tells_what_cannot_be_deployed() -> None:
    text = shown(planned(replace(HUB, known=False), STAGE, staging=Verdict(broken="Error: at [x] it breaks")))
    assert "Error: at [x] it breaks" in text
    assert "Not complete: no answer from one." in text
    assert "1 release cannot be deployed as the repository is." in text


def test_markdown_has_a_row_and_every_reason() -> None:
    many = replace(HUB, reasons=(REASON, Reason(("one/prod", "charts/a", "a|b<c"), Difference.ADDED)))
    text = to_markdown(planned(many, QUIET))
    assert "| 2 | `one/prod` | upgrade |  | file modified (+1) |" in text
    assert "- one/prod → charts/a → a\\|b&lt;c: added" in text
    assert to_markdown(planned(QUIET)).startswith("## No changes:")


def test_markdown_fits_a_comment_however_large_the_plan() -> None:
    rows = tuple(
        PlannedRelease(
            ReleaseId("c", f"h{number}"),
            Stage.PRODUCTION,
            Action.UPGRADE,
            1,
            reasons=(Reason(("r" * 200,), Difference.ADDED),) * 20,
        )
        for number in range(300)
    )
    text = to_markdown(Plan("git", "b" * 40, "h", rows))
    assert len(text) <= LONGEST_MARKDOWN
    assert "plan.json has everything" in text
    assert "Plan: 300 to upgrade" in text


def test_differences_are_named_one_by_one() -> None:
    before = release(PROD, a="1", b="1", c="1", gone="4")
    after = release(PROD, a="1", b="2", new="9", moved="4")
    assert [(reason.path[-1], reason.change) for reason in differences(before, after)] == [
        ("b", Difference.MODIFIED),
        ("c", Difference.REMOVED),
        ("moved", Difference.RENAMED),
        ("new", Difference.ADDED),
    ]


INPUTS = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("123"), max_size=4)


@given(INPUTS, INPUTS)
def test_there_are_reasons_exactly_where_digests_differ(one: dict[str, str], other: dict[str, str]) -> None:
    before, after = (
        replace(release(PROD), inputs=tuple(Input(path, content) for path, content in sorted(side.items())))
        for side in (one, other)
    )
    (found,) = changes_between(Inventory({}, {PROD: before}), Inventory({}, {PROD: after}))
    assert bool(found.reasons) == (before.digest != after.digest) == (one != other)


def test_cluster_that_nobody_asked_is_unknown() -> None:
    (found,) = changes_against_live(Inventory({}, {PROD: release(PROD)}), {}, {})
    assert not found.known
