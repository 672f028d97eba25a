"""What a person, a log or a program sees while things happen: three reporters, one for each. Decides nothing."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from hubfleet.model import Outcome, Plan, ReleaseId, State
from hubfleet.report_outcomes import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console, RenderableType
    from rich.live import Live


@dataclass(slots=True)
class PlainProgress:
    """One line per event, with the time since the start: for logs."""

    write: Callable[[str], None]
    now: Callable[[], float]
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        self.begun = self.now()

    def transition(self, release: ReleaseId, state: State, message: str = "") -> None:
        """Write the state and the first line of the message; the rest stands in the outcome."""
        first = message.splitlines()[0] if message else ""
        self._line(f"{release} {state}{': ' + first if first else ''}")

    def step(self, title: str, estimate: float | None = None) -> None:
        """Write the step and how long it usually takes."""
        self._line(title + (f" (about {duration(estimate)})" if estimate else ""))

    def finished(self, plan: Plan, outcomes: Sequence[Outcome]) -> None:
        """Write nothing: the outcomes follow."""

    def _line(self, text: str) -> None:
        self.write(f"[{duration(self.now() - self.begun):>11}] {text}")


@dataclass(slots=True)
class JsonProgress:
    """One JSON object per line and event: for programs."""

    write: Callable[[str], None]
    now: Callable[[], float]

    def transition(self, release: ReleaseId, state: State, message: str = "") -> None:
        """Write an event `transition`."""
        self._event("transition", release=str(release), state=state, message=message)

    def step(self, title: str, estimate: float | None = None) -> None:
        """Write an event `step`."""
        self._event("step", title=title, estimate=estimate)

    def finished(self, plan: Plan, outcomes: Sequence[Outcome]) -> None:
        """Write nothing: the outcomes follow."""

    def _event(self, event: str, **values: object) -> None:
        self.write(json.dumps({"at": round(self.now(), 3), "event": event, **values}, sort_keys=True))


@dataclass(slots=True)
class _Row:
    state: State
    message: str
    since: float


class LiveProgress:
    """A table that changes in place, and steps above it: for terminals. Use it as a context manager."""

    def __init__(self, console: Console, now: Callable[[], float]) -> None:
        self._console, self._now, self._begun = console, now, now()
        self._rows: dict[ReleaseId, _Row] = {}
        self._step: tuple[str, float | None, float] | None = None
        self._live: Live | None = None
        self._lock = threading.RLock()  # the table is drawn by a thread of its own, and while a line is printed

    def __enter__(self) -> Self:
        from rich.live import Live  # noqa: PLC0415 - only a terminal needs it

        self._live = Live(get_renderable=self._draw, console=self._console, refresh_per_second=4, transient=True)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def transition(self, release: ReleaseId, state: State, message: str = "") -> None:
        """Change the release's row; the set-up is over by then."""
        with self._lock:
            self._leave_step()
            row = self._rows.get(release)
            since = row.since if row and row.state is state else self._now()
            self._rows[release] = _Row(state, message.splitlines()[0] if message else "", since)

    def step(self, title: str, estimate: float | None = None) -> None:
        """Show the step with its time; the one before stays above as a line."""
        with self._lock:
            self._leave_step()
            self._step = (title, estimate, self._now())

    def finished(self, plan: Plan, outcomes: Sequence[Outcome]) -> None:  # noqa: ARG002 - the port's signature
        """Take the table away: the outcomes follow."""
        self._stop()

    def _leave_step(self) -> None:
        from rich.text import Text  # noqa: PLC0415

        if self._step:
            said, _, since = self._step
            self._step = None
            self._console.print(Text.assemble(said, " ", (duration(self._now() - since), "dim")))

    def _stop(self) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def _draw(self) -> RenderableType:
        from rich.console import Group  # noqa: PLC0415
        from rich.spinner import Spinner  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        with self._lock:
            table = Table(box=None, show_header=False, pad_edge=False)
            for _ in range(4):
                table.add_column(no_wrap=True)
            table.add_column(no_wrap=True, overflow="ellipsis")
            for release, row in self._rows.items():
                busy = row.state is State.RUNNING
                mark: RenderableType = Spinner("dots") if busy else _MARKS.get(row.state, "·")
                age = duration(self._now() - row.since) if busy else ""
                table.add_row(mark, str(release), str(row.state), age, Text(row.message))
            parts: list[RenderableType] = [table] if self._rows else []
            if self._step:
                title, estimate, since = self._step
                usual = f" of about {duration(estimate)}" if estimate else ""
                parts.append(Spinner("dots", Text(f"{title} {duration(self._now() - since)}{usual}")))
            return Group(*parts)


_MARKS = {
    State.DONE: "[green]✓[/green]",
    State.FAILED: "[red]✗[/red]",
    State.ROLLED_BACK: "[red]↺[/red]",
    State.IN_DOUBT: "[yellow]?[/yellow]",
    State.BLOCKED: "[yellow]-[/yellow]",
}
