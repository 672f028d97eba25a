"""Times what people wait for on the local fleet, as whole processes, and compares it with the goals.

Run by `nox -s bench` where the fleet of hubs/local is deployed and nothing has changed since. Prints a table and writes
build/bench/results.json: a list of {"name", "value", "unit", "goal", "load"}; values in seconds, the median of the
runs; `load` is the machine's load average over a minute, since times on a busy machine say little.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "build" / "bench" / "results.json"
HUBFLEET = (sys.executable, "-m", "hubfleet")
CASES: tuple[tuple[str, float, str, tuple[tuple[str, ...], ...]], ...] = (
    # name, goal in seconds, what the output must say, commands
    ("plan against live, nothing changed", 1.5, "No changes", ((*HUBFLEET, "plan"),)),
    ("nox -s plan deploy, nothing changed", 15.0, "No changes", (("nox", "-s", "plan", "deploy"),)),
)


def main() -> int:
    """Measure every case; 1 where a command fails or says something else, for its time would mean nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="how often each case runs")
    runs = parser.parse_args().runs
    rows = []
    for name, goal, wanted, commands in CASES:
        seconds = [timed(commands, wanted) for _ in range(runs)]
        rows.append(
            {
                "name": name,
                "value": round(statistics.median(seconds), 2),
                "unit": "s",
                "goal": goal,
                "load": round(os.getloadavg()[0], 1),
            }
        )
        sys.stdout.write(
            f"{name:40} {rows[-1]['value']:7.2f} s  (goal {goal:.1f} s; {min(seconds):.2f}-{max(seconds):.2f},"
            f" load {rows[-1]['load']})\n"
        )
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


def timed(commands: tuple[tuple[str, ...], ...], wanted: str) -> float:
    """Seconds that the commands take, one after the other."""
    begin = time.monotonic()
    for command in commands:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        if done.returncode or wanted not in said:
            sys.exit(f"{' '.join(command)} ended with {done.returncode} and did not say {wanted!r}:\n{said}")
    return time.monotonic() - begin


if __name__ == "__main__":
    sys.exit(main())
