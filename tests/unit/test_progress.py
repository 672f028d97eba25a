from __future__ import annotations

import asyncio

import pytest
from tests.unit.local_fakes import FakeReporter

from hubfleet.adapters.progress import long_step


def test_long_step_gives_signs_of_life_with_how_far_it_is() -> None:
    reporter = FakeReporter()
    done: list[int] = []

    async def scenario() -> None:
        async with long_step(reporter, "builds", 60, detail=lambda: f", {len(done)} done", interval=0.05):
            done.append(1)
            await asyncio.sleep(0.08)
            done.append(2)
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.1)

    asyncio.run(scenario())
    assert reporter.steps == ["builds", "builds: goes on, 1 done", "builds: goes on, 2 done"]


def test_signs_of_life_end_with_a_failure() -> None:
    reporter = FakeReporter()

    async def scenario() -> None:
        with pytest.raises(KeyError):
            async with long_step(reporter, "builds", interval=0.01):
                raise KeyError
        await asyncio.sleep(0.05)

    asyncio.run(scenario())
    assert reporter.steps == ["builds"]
