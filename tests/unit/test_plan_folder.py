"""A plan's folder is there whole or not at all, and an old plan is never taken for a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.deploys import World

from hubfleet.plan_file import plan_from_json
from hubfleet.plan_folder import forget, write

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    plan, folder = World(tmp_path).plan(), tmp_path / "build" / "plan"
    write(plan, folder)
    assert plan_from_json((folder / "plan.json").read_text()) == plan
    assert (folder / "plan.md").read_text().startswith("## Plan: 3 to upgrade")
    assert [path.name for path in folder.parent.iterdir()] == ["plan"]


def test_a_new_plan_takes_the_place_of_the_old(tmp_path: Path) -> None:
    folder, world = tmp_path / "plan", World(tmp_path)
    write(world.plan(), folder)
    world.settled()
    write(world.plan(), folder)
    assert plan_from_json((folder / "plan.json").read_text()) == world.plan()


def test_forgetting_leaves_what_is_not_ours(tmp_path: Path) -> None:
    folder = tmp_path / "plan"
    write(World(tmp_path).plan(), folder)
    (folder / "notes.txt").write_text("mine")
    forget(folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    write(World(tmp_path).plan(), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt", "plan.json", "plan.md"]


def test_forgetting_what_is_not_there_is_fine(tmp_path: Path) -> None:
    forget(tmp_path / "plan")
