"""Outcomes of a deploy → text, Markdown, JSON. Pure; the same outcomes give the same words everywhere."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from hubfleet.model import Outcome, ReleaseId, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ORDER = (
    State.DONE,
    State.ROLLED_BACK,
    State.FAILED,
    State.IN_DOUBT,
    State.STALE,
    State.UNREACHABLE,
    State.BLOCKED,
    State.PLANNED,
)
_CELL = 500  # characters of a message in a table of Markdown
_NEXT: tuple[tuple[frozenset[State], str], ...] = (
    (
        frozenset({State.PLANNED, State.IN_DOUBT}),
        "Interrupted: `hubfleet deploy` goes on where it was, `hubfleet plan` starts anew.",
    ),
    (
        frozenset({State.FAILED, State.ROLLED_BACK}),
        "Mend what is named above, then plan and deploy again: what was not done is in the next plan.",
    ),
    (
        frozenset({State.STALE, State.UNREACHABLE, State.BLOCKED}),
        "What was not done is in the next plan: plan and deploy again.",
    ),
)


def blocks(outcomes: Sequence[Outcome]) -> str:
    """Tell each release's outcome, with everything that is known of a failure."""
    return "\n".join(line for outcome in outcomes for line in _block(outcome))


def closing(outcomes: Sequence[Outcome], seconds: float) -> str:
    """Say what to do next, then the `Summary:` line."""
    return "\n".join([*_next(outcomes), summary(outcomes, seconds)])


def summary(outcomes: Sequence[Outcome], seconds: float) -> str:
    """Sum up in one line."""
    counts = Counter(outcome.state for outcome in outcomes)
    parts = ", ".join(f"{counts[state]} {_word(state)}" for state in _ORDER if counts[state]) or "nothing to do"
    clusters = len({outcome.id.cluster for outcome in outcomes})
    return f"Summary: {parts} ({clusters} cluster{'' if clusters == 1 else 's'}, {duration(seconds)})."


def markdown(outcomes: Sequence[Outcome], seconds: float) -> str:
    """Make a table for a pull request or a job's summary page."""
    rows = [
        f"| {outcome.id} | {outcome.action} | {_word(outcome.state)} | {duration(outcome.seconds)} | {_cell(outcome)} |"
        for outcome in outcomes
    ]
    head = ["| release | action | state | time | what happened |", "|---|---|---|---|---|"]
    return "\n".join([f"**{summary(outcomes, seconds)}**", "", *head, *rows, ""])


def to_json(outcomes: Sequence[Outcome], seconds: float) -> str:
    """One JSON object, on one line."""
    items = [
        {**asdict(outcome), "id": str(outcome.id), "blocked_by": _name(outcome.blocked_by)} for outcome in outcomes
    ]
    return json.dumps({"event": "finished", "seconds": round(seconds, 1), "outcomes": items}, sort_keys=True)


def duration(seconds: float) -> str:
    """`41 s`, `6 min 11 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _block(outcome: Outcome) -> Iterator[str]:
    first, *rest = outcome.message.splitlines() or [""]
    yield f"{_word(outcome.state):12} {outcome.id!s:24} {duration(outcome.seconds):>11}  {first}".rstrip()
    yield from (f"    {line}" for line in rest)


def _next(outcomes: Sequence[Outcome]) -> list[str]:
    states = {outcome.state for outcome in outcomes}
    return [said for relevant, said in _NEXT if relevant & states][:1]


def _word(state: State) -> str:
    return "not begun" if state is State.PLANNED else str(state)


def _name(release: ReleaseId | None) -> str | None:
    return str(release) if release else None


def _cell(outcome: Outcome) -> str:
    return outcome.message.replace("|", "\\|").replace("\n", "<br>")[:_CELL]
