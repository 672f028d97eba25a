"""Keeps two processes on one machine from making the same thing at once."""

from __future__ import annotations

import asyncio
import fcntl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hubfleet.ports import Reporter

_LOOKS = 0.3  # seconds between two tries


@asynccontextmanager
async def locked(path: Path, what: str, reporter: Reporter) -> AsyncIterator[None]:
    """Hold the lock file, after waiting for whoever holds it; the lock of a process that died is free at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        told = False
        while not _taken(file.fileno()):
            if not told:
                reporter.step(f"waits for another hubfleet that {what} ({path} is locked)")
                told = True
            await asyncio.sleep(_LOOKS)
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
