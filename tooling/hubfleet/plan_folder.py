"""The folder that holds a plan for `deploy` and for people. It is there whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hubfleet.plan_file import plan_to_json
from hubfleet.report import to_markdown

if TYPE_CHECKING:
    from hubfleet.model import Plan

PLAN, COMMENT = "plan.json", "plan.md"


def forget(folder: Path) -> None:
    """Remove an old plan. A folder that holds anything else is left alone, but for the plan in it."""
    for name in (PLAN, COMMENT):
        (folder / name).unlink(missing_ok=True)


def write(plan: Plan, folder: Path) -> None:
    """Write a plan's files beside their place first, so that a deploy never finds half of them."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as name:
        fresh = Path(name) / folder.name
        fresh.mkdir()
        (fresh / PLAN).write_text(plan_to_json(plan))
        (fresh / COMMENT).write_text(to_markdown(plan))
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        if not folder.exists():
            fresh.rename(folder)
            return
        for file in (COMMENT, PLAN):  # the plan itself last: a deploy looks for it
            shutil.move(fresh / file, folder / file)
