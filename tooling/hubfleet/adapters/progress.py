"""Keeps a person informed of long steps: a sign of life at intervals. Says nothing itself, the reporter does."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from hubfleet.ports import Reporter

INTERVAL = 60.0  # seconds


@asynccontextmanager
async def long_step(
    reporter: Reporter,
    title: str,
    estimate: float | None = None,
    *,
    detail: Callable[[], str] = str,
    interval: float = INTERVAL,
) -> AsyncIterator[None]:
    """Announce a step and, as long as it runs, say again what it is at; `detail` tells how far it has come."""
    reporter.step(title, estimate)
    pulse = asyncio.create_task(_pulse(reporter, title, detail, interval))
    try:
        yield
    finally:
        pulse.cancel()


async def _pulse(reporter: Reporter, title: str, detail: Callable[[], str], interval: float) -> None:
    while True:
        await asyncio.sleep(interval)
        reporter.step(f"{title}: goes on{detail()}")
