"""What each tiny fleet of tests/repos pins, planned with a stand-in for Helm."""

from __future__ import annotations

import pytest
from tests.unit.fleets import CONFIG, Case, FakeHelm, cases, check_plan, plan_git

from hubfleet.errors import ProblemsError
from hubfleet.inventory import read_inventory

CASES = cases()


@pytest.mark.parametrize("case", [case for case in CASES if not case.problems], ids=lambda case: case.name)
def test_fleet_is_planned_as_its_case_says(case: Case) -> None:
    check_plan(plan_git(case.before, case.after, helm=FakeHelm()), case)


@pytest.mark.parametrize("case", [case for case in CASES if case.problems], ids=lambda case: case.name)
def test_mistakes_are_reported_word_for_word(case: Case) -> None:
    with pytest.raises(ProblemsError) as caught:
        read_inventory(case.after, CONFIG)
    assert sorted(map(str, caught.value.problems)) == sorted(case.problems)


@pytest.mark.parametrize("case", [case for case in CASES if case.goes_back], ids=lambda case: case.name)
def test_plan_back_to_where_it_was_moves_the_same_hubs(case: Case) -> None:
    there = {str(row.id): row.action for row in plan_git(case.before, case.after).releases}
    back = {str(row.id): row.action for row in plan_git(case.after, case.before).releases}
    assert there == back
