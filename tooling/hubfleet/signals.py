"""Turns a person's signals into words for the executor. Ctrl-C comes once or twice; SIGTERM is meant at once."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hubfleet.execute import Interrupt


def listen(interrupt: Interrupt, tell: Callable[[str], None]) -> None:
    """Hear SIGINT and SIGTERM from now on, in the running task: before releases are deployed, either ends it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def hear(*, at_once: bool) -> None:
        if not interrupt.executing and task:
            task.cancel()
            return
        if interrupt.finish.is_set() or at_once:
            interrupt.stop.set()
            tell("Stopping what runs; what is in doubt will be named.")
        else:
            tell("Interrupted: finishing what runs, beginning nothing more. Once more stops it.")
        interrupt.finish.set()

    loop.add_signal_handler(signal.SIGINT, lambda: hear(at_once=False))
    loop.add_signal_handler(signal.SIGTERM, lambda: hear(at_once=True))
