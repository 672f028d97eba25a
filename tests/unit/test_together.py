from __future__ import annotations

import asyncio

import pytest

from hubfleet.adapters.together import together
from hubfleet.errors import ToolError


async def after(seconds: float, value: int) -> int:
    await asyncio.sleep(seconds)
    return value


async def fail() -> int:
    message = "no"
    raise ToolError(message)


def test_results_come_in_the_order_of_the_arguments() -> None:
    assert asyncio.run(together(after(0.02, 1), after(0, 2))) == [1, 2]


def test_first_failure_stops_the_others_and_is_raised_as_itself() -> None:
    stopped: list[str] = []

    async def stubborn() -> int:
        try:
            return await after(30, 1)
        except asyncio.CancelledError:
            stopped.append("stopped")
            raise

    with pytest.raises(ToolError, match="no"):
        asyncio.run(asyncio.wait_for(together(stubborn(), fail()), 5))
    assert stopped == ["stopped"]
