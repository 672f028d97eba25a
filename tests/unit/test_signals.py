"""Ctrl-C comes once or twice, SIGTERM is meant at once, and before a deploy either ends everything."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from hubfleet.execute import Interrupt
from hubfleet.signals import listen


def heard(*numbers: signal.Signals, executing: bool = True) -> tuple[Interrupt, list[str]]:
    async def work() -> tuple[Interrupt, list[str]]:
        interrupt, said = Interrupt(executing), list[str]()
        listen(interrupt, said.append)
        for number in numbers:
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.05)
        return interrupt, said

    return asyncio.run(work())


def test_one_ctrl_c_finishes_what_runs() -> None:
    interrupt, said = heard(signal.SIGINT)
    assert (interrupt.finish.is_set(), interrupt.stop.is_set()) == (True, False)
    assert said == ["Interrupted: finishing what runs, beginning nothing more. Once more stops it."]


@pytest.mark.parametrize("numbers", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,)])
def test_two_stop_it_and_so_does_sigterm(numbers: tuple[signal.Signals, ...]) -> None:
    interrupt, said = heard(*numbers)
    assert (interrupt.finish.is_set(), interrupt.stop.is_set()) == (True, True)
    assert said[-1] == "Stopping what runs; what is in doubt will be named."


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_before_anything_is_deployed_the_first_ends_it(number: signal.Signals) -> None:
    with pytest.raises(asyncio.CancelledError):
        heard(number, executing=False)
