"""The README's commands, run as they stand there, in the order in which they stand there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.integration.fleet import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.fleet import Fleet

README = (ROOT / "README.md").read_text()
COMMANDS = tuple(re.findall(r"^\$ (.+)$", README, re.MULTILINE))
# Read from the table; these two would run this very test, or take the cluster away.
TABLE = tuple(re.findall(r"^\| `([^`]+)` \|", README.partition("## More commands")[2], re.MULTILINE))
NOT_HERE = ("nox -s tests", ".nox/fleet/bin/hubfleet cluster down local")


def test_the_commands_are_the_four_that_this_file_runs() -> None:
    assert COMMANDS == ("pip install nox", "nox -s plan deploy", "nox -s plan", "nox -s deploy")


@pytest.mark.parametrize("command", COMMANDS[:2])
def test_from_a_clean_clone_two_commands_end_with_both_hubs_healthy(fleet: Fleet, command: str) -> None:
    said = fleet.run(*command.split(), timeout=5400).expect().said
    assert "Traceback" not in said


def test_then_nothing_is_left_to_do(fleet: Fleet) -> None:
    assert "No changes" in fleet.run(*COMMANDS[1].split()).expect().said


def test_status_says_that_every_gate_has_passed(fleet: Fleet) -> None:
    said = fleet.hubfleet("status").expect().said
    for name in ("support", "staging", "prod"):
        assert re.search(rf"\b{name}\b.*\bpassed\b", said), said


def test_the_first_change_plans_production_and_its_canary(deployed: Fleet) -> None:
    deployed.replace("hubs/NAME/prod.values.yaml", "limit: 1G", "limit: 2G")
    deployed.commit("Give production more memory")
    deployed.run(*COMMANDS[2].split()).expect()
    actions = {row["name"]: row["action"] for row in deployed.plan()["releases"]}
    assert actions == {"support": "unchanged", "staging": "verify", "prod": "upgrade"}


def test_the_first_change_is_deployed(deployed: Fleet, revision: Callable[[str], int]) -> None:
    before = {name: revision(name) for name in ("support", "staging", "prod")}
    deployed.run(*COMMANDS[3].split()).expect()
    after = {name: revision(name) for name in before}
    assert after == {**before, "prod": before["prod"] + 1}


@pytest.mark.parametrize("command", sorted({c for c in TABLE if c.startswith(".nox/")} - {*NOT_HERE}))
def test_the_other_commands_run(deployed: Fleet, command: str) -> None:
    deployed.run(*command.split()).expect()


def test_arguments_after_two_dashes_go_on(deployed: Fleet) -> None:
    (command,) = (command for command in TABLE if "--only" in command)
    deployed.run(*command.replace("local/", "test/").split()).expect()
    assert [row["name"] for row in deployed.plan()["releases"] if row["wave"]] == []
