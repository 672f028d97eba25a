from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.unit.local_fakes import FakeReporter

from hubfleet.adapters.lock import locked

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import fcntl, sys, time
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


def test_two_at_once_take_turns_and_the_second_says_that_it_waits(tmp_path: Path) -> None:
    events: list[str] = []
    reporter = FakeReporter()

    async def work(name: str) -> None:
        async with locked(tmp_path / "new" / "lock", "works", reporter):
            events.append(f"{name} begins")
            await asyncio.sleep(0.1)
            events.append(f"{name} ends")

    async def both() -> None:
        await asyncio.gather(work("a"), work("b"))

    asyncio.run(both())
    assert events == ["a begins", "a ends", "b begins", "b ends"]
    assert len(reporter.steps) == 1
    assert "waits for another hubfleet that works" in reporter.steps[0]


def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    reporter = FakeReporter()

    async def scenario(holder: subprocess.Popen[bytes]) -> None:
        asyncio.get_running_loop().call_later(0.2, holder.kill)
        async with asyncio.timeout(10), locked(lock, "works", reporter):
            assert reporter.steps

    with subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        asyncio.run(scenario(holder))


def test_failure_frees_the_lock(tmp_path: Path) -> None:
    async def fail() -> None:
        async with locked(tmp_path / "lock", "works", FakeReporter()):
            raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            asyncio.run(asyncio.wait_for(fail(), 5))
