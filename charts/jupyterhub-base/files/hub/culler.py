"""Starts the idle culler once people's servers have had the time to report what they did while the hub was away.

A server reports every 300 seconds. Without the delay, a hub that comes back after an outage longer than the culler's
timeout stops the servers of people who are at work.
"""

from __future__ import annotations

import os
import sys
import time


def split(argv: list[str]) -> tuple[float, list[str]]:
    """Seconds to wait, and the command that is to follow."""
    option, *rest = argv
    name, _, seconds = option.partition("=")
    if name != "--delay":
        message = f"expected --delay=SECONDS first, found {option}"
        raise SystemExit(message)
    return float(seconds), [sys.executable, "-m", "jupyterhub_idle_culler", *rest]


if __name__ == "__main__":
    delay, command = split(sys.argv[1:])
    time.sleep(delay)
    os.execv(command[0], command)  # noqa: S606 - no shell, and the hub goes on watching the same process
