"""What `plan` is asked for leads to the plan that was meant."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.fakes import FakeReporter

from hubfleet.errors import ProblemsError
from hubfleet.model import Action, Plan
from hubfleet.plan_request import Request
from hubfleet.wiring import Workspace

BASE = Path(__file__).resolve().parents[1] / "repos" / "base"
GIT = ("git", "-c", "user.name=Hubfleet tests", "-c", "user.email=tests@hubfleet.invalid")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    target = tmp_path / "fleet"
    shutil.copytree(BASE, target)
    (target / "pyproject.toml").write_text("[tool.hubfleet]\n")
    for arguments in (("init", "--quiet", "--initial-branch=main"), ("add", "--all"), ("commit", "-qm", "A fleet")):
        subprocess.run((*GIT, *arguments), cwd=target, check=True)
    return target


def plan(root: Path, request: Request) -> Plan:
    async def work() -> Plan:
        async with Workspace(root, FakeReporter()) as workspace:
            return await request.plan(workspace)

    return asyncio.run(work())


def edit(root: Path) -> None:
    path = root / "hubs" / "one" / "prod.values.yaml"
    path.write_text(path.read_text() + "edited: true\n")


def test_git_without_a_base_means_the_default_branch(root: Path) -> None:
    subprocess.run((*GIT, "checkout", "-qb", "topic"), cwd=root, check=True)
    edit(root)
    subprocess.run((*GIT, "commit", "-qam", "An edit"), cwd=root, check=True)
    made = plan(root, Request("git", None, None, (), render=False))
    moving = {str(row.id): row.action for row in made.releases if row.wave}
    assert moving == {"one/staging": Action.VERIFY, "one/prod": Action.UPGRADE}
    assert made.base
    assert plan(root, Request("git", "HEAD", None, (), render=False)).has_changes is False


def test_a_head_is_planned_instead_of_the_working_tree(root: Path) -> None:
    edit(root)
    assert plan(root, Request("git", "HEAD", "HEAD", (), render=False)).has_changes is False
    assert plan(root, Request("git", "HEAD", None, (), render=False)).head.endswith("+dirty")


def test_nothing_plans_everything_that_is_chosen(root: Path) -> None:
    made = plan(root, Request("nothing", None, None, ("one/staging",), render=False))
    assert [(str(row.id), row.action) for row in made.releases] == [("one/staging", Action.INSTALL)]


def test_a_repository_that_is_not_sound_is_not_planned(root: Path) -> None:
    (root / "hubs" / "one" / "orphan.values.yaml").write_text("a: 1\n")
    with pytest.raises(ProblemsError, match=r"hubs/one/orphan\.values\.yaml"):
        plan(root, Request("nothing", None, None, (), render=False))
