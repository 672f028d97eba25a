"""Which plans a deploy takes, which part of them, and what its exit code says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.deploys import World, release

from hubfleet.deploying import abandon, exit_code, made_again, read_plan, refuse_changed, refuse_ended, selected
from hubfleet.errors import HubfleetError, ProblemsError, StalePlanError, UsageError
from hubfleet.execute import Result
from hubfleet.journal import FINISHED, STARTED, TRANSITION, Entry
from hubfleet.model import Action, Cluster, Input, Inventory, Outcome, Plan, Release, ReleaseId, State
from hubfleet.plan_file import plan_to_json

if TYPE_CHECKING:
    from pathlib import Path

    from hubfleet.deploying import Stored

PROD, STAGING = ReleaseId("one", "prod"), ReleaseId("one", "staging")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return World(tmp_path).plan(support=Action.UNCHANGED)


@pytest.fixture
def stored(plan: Plan, tmp_path: Path) -> Stored:
    return store(plan, tmp_path)


def store(plan: Plan, folder: Path) -> Stored:
    (folder / "plan").mkdir(exist_ok=True)
    (folder / "plan" / "plan.json").write_text(plan_to_json(plan))
    return read_plan(folder / "plan", folder / "deploys")


def happened(stored: Stored, *events: tuple[str, str, str]) -> None:
    for event, name, state in events:
        stored.journal.append(Entry(1.0, event, name, state))


def test_a_missing_plan_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(HubfleetError, match=r"there is no plan at .*plan\.json: make one with `hubfleet plan`"):
        read_plan(tmp_path, tmp_path)


def test_a_damaged_plan_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(ProblemsError, match="Make the plan again"):
        read_plan(tmp_path, tmp_path)


def test_a_plan_that_was_read_is_the_plan_that_was_made(plan: Plan, stored: Stored) -> None:
    assert stored.plan == plan
    assert stored.left_over == ("one/staging", "one/prod")


def test_an_unfinished_deploy_goes_on(stored: Stored, tmp_path: Path) -> None:
    assert made_again(tmp_path / "plan", tmp_path / "deploys", 1.0) == ""
    happened(stored, (STARTED, "", ""), (TRANSITION, "one/staging", State.RUNNING))
    refuse_ended(stored)
    assert "`hubfleet deploy` goes on" in made_again(tmp_path / "plan", tmp_path / "deploys", 2.0)


def test_a_deploy_that_ended_with_a_failure_needs_a_new_plan(stored: Stored) -> None:
    happened(
        stored,
        *((STARTED, "", ""), (TRANSITION, "one/staging", State.DONE)),
        *((TRANSITION, "one/prod", State.FAILED), (FINISHED, "", "")),
    )
    with pytest.raises(HubfleetError, match="ended without one/prod: mend what failed and make a new plan"):
        refuse_ended(stored)


def test_the_same_plan_made_again_can_be_deployed_again(stored: Stored, tmp_path: Path) -> None:
    happened(stored, (STARTED, "", ""), (TRANSITION, "one/prod", State.UNREACHABLE), (FINISHED, "", ""))
    assert made_again(tmp_path / "plan", tmp_path / "deploys", 2.0) == ""
    refuse_ended(stored)
    assert stored.left_over == ("one/staging", "one/prod")


def test_an_unfinished_deploy_of_another_plan_is_told(stored: Stored, tmp_path: Path) -> None:
    happened(stored, (STARTED, "", ""))
    world = World(tmp_path)
    world.settled()
    store(world.plan(), tmp_path)
    said = made_again(tmp_path / "plan", tmp_path / "deploys", 2.0)
    assert said == f"The deploy of plan {stored.id} is unfinished; this plan starts from what it left."


def test_a_deploy_that_did_everything_is_no_error(stored: Stored) -> None:
    states = [(TRANSITION, name, State.DONE) for name in stored.left_over]
    happened(stored, (STARTED, "", ""), *states, (FINISHED, "", ""))
    refuse_ended(stored)
    assert stored.left_over == ()


def test_a_deploy_that_was_given_up_names_its_doubts_and_is_refused(stored: Stored) -> None:
    happened(
        stored, (STARTED, "", ""), (TRANSITION, "one/staging", State.DONE), (TRANSITION, "one/prod", State.RUNNING)
    )
    assert abandon(stored, 2.0) == ("one/prod",)
    with pytest.raises(HubfleetError, match="was given up: make a new one"):
        refuse_ended(stored)
    with pytest.raises(UsageError, match="nothing to abandon"):
        abandon(stored, 3.0)


def test_only_takes_what_fits_and_its_canaries(plan: Plan) -> None:
    assert [row.id for row in selected(plan, ("one/prod",)).releases] == [STAGING, PROD]
    assert [row.id for row in selected(plan, ("*/staging",)).releases] == [STAGING]
    assert selected(plan, ()) is plan


def test_only_that_fits_nothing_names_what_there_is(plan: Plan) -> None:
    with pytest.raises(UsageError, match="--only one/stagin fits no release of the plan; it has one/"):
        selected(plan, ("one/stagin",))


def test_files_that_changed_since_the_plan_make_it_stale(plan: Plan) -> None:
    now = {row.id: made(row.id, "as planned") for row in plan.releases}
    clusters = {"one": Cluster("one", "kind", "1.36", "cluster.yaml")}
    rows = tuple(replace(row, digest=now[row.id].digest) for row in plan.releases)
    refuse_changed(replace(plan, releases=rows), Inventory(clusters, now))
    now[PROD] = made(PROD, "edited")
    with pytest.raises(StalePlanError, match="files of one/prod were changed since it was made: plan again"):
        refuse_changed(replace(plan, releases=rows), Inventory(clusters, now))
    del now[PROD]
    with pytest.raises(StalePlanError, match="one/prod"):
        refuse_changed(replace(plan, releases=rows), Inventory(clusters, now))


def made(identity: ReleaseId, content: str) -> Release:
    return replace(release(identity.cluster, identity.name), inputs=(Input("values.yaml", content),))


def outcome(state: State) -> Outcome:
    return Outcome(PROD, state, Action.UPGRADE)


@pytest.mark.parametrize(
    ("states", "options", "code"),
    [
        ((State.DONE, State.DONE), {}, 0),
        ((), {}, 0),
        ((State.DONE, State.FAILED), {}, 4),
        ((State.ROLLED_BACK, State.BLOCKED), {}, 4),
        ((State.UNREACHABLE,), {}, 4),
        ((State.STALE, State.BLOCKED), {}, 3),
        ((State.STALE, State.FAILED), {}, 4),
        ((State.DONE, State.PLANNED), {"interrupted": True}, 130),
        ((State.BLOCKED,), {"locked": "one: by bob"}, 5),
    ],
)
def test_the_exit_code_tells_how_it_ended(
    plan: Plan, states: tuple[State, ...], options: dict[str, bool | str], code: int
) -> None:
    result = Result(tuple(outcome(state) for state in states), **options)  # type: ignore[arg-type]
    assert exit_code(plan, result) == code


@pytest.mark.parametrize("action", [Action.BROKEN, Action.UNKNOWN])
def test_what_could_not_be_planned_keeps_the_exit_code_partial(tmp_path: Path, action: Action) -> None:
    plan = World(tmp_path).plan(support=action)
    assert exit_code(plan, Result((outcome(State.DONE),))) == 4
