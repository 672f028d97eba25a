"""What a person hears while a long step runs."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.local_fakes import FakeReporter

from hubfleet.adapters.progress import long_step


def test_long_step_gives_signs_of_life_until_it_ends() -> None:
    reporter = FakeReporter()

    async def work() -> int:
        async with long_step(reporter, "builds", 5, detail=lambda: ", 3 of 4", interval=0.01):
            await asyncio.sleep(0.1)
        heard = len(reporter.steps)
        await asyncio.sleep(0.05)
        return heard

    heard = asyncio.run(asyncio.wait_for(work(), 10))
    assert reporter.steps[0].startswith("builds")
    assert reporter.steps[1].startswith("builds: goes on, 3 of 4")
    assert len(reporter.steps) == heard >= 2


def test_failing_step_falls_silent_too() -> None:
    reporter = FakeReporter()

    async def work() -> None:
        with pytest.raises(ValueError, match="broken"):
            async with long_step(reporter, "builds", interval=0.01):
                raise ValueError("broken")  # noqa: EM101
        await asyncio.sleep(0.05)

    asyncio.run(work())
    assert len(reporter.steps) == 1
