"""Runs coroutines side by side; the first failure stops the others and is raised as itself, not as a group."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

_Result = TypeVar("_Result")


async def together(*work: Coroutine[object, object, _Result]) -> list[_Result]:
    """Return the results in the order of the arguments."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(part) for part in work]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
