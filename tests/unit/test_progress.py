"""What is seen while things happen: on a terminal, in a log, by a program."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from hubfleet.model import Plan, ReleaseId, State
from hubfleet.progress import JsonProgress, LiveProgress, PlainProgress

if TYPE_CHECKING:
    from hubfleet.ports import Reporter

STAGING = ReleaseId("one", "staging")
NOTHING = Plan("live", None, "c0ffee", ())


class Times:
    """A clock of which each look costs a second."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        self.time += 1
        return self.time


def happen(reporter: Reporter) -> None:
    reporter.step("building the image hub", 95)
    reporter.transition(STAGING, State.RUNNING, "helm upgrade")
    reporter.transition(STAGING, State.FAILED, "first line\nsecond line")
    reporter.finished(NOTHING, [])


def test_a_log_gets_a_line_per_event_with_the_time() -> None:
    lines: list[str] = []
    happen(PlainProgress(lines.append, Times()))
    assert lines == [
        "[        1 s] building the image hub (about 1 min 35 s)",
        "[        2 s] one/staging running: helm upgrade",
        "[        3 s] one/staging failed: first line",
    ]


def test_a_program_gets_an_object_per_line() -> None:
    lines: list[str] = []
    happen(JsonProgress(lines.append, Times()))
    step, running, failed = (json.loads(line) for line in lines)
    assert step == {"at": 101.0, "event": "step", "title": "building the image hub", "estimate": 95}
    assert running["release"] == "one/staging"
    assert (failed["state"], failed["message"]) == ("failed", "first line\nsecond line")


def test_a_terminal_shows_rows_that_change_and_steps_that_stay() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    with LiveProgress(console, Times()) as reporter:
        reporter.step("building [the] image", 95)
        reporter.step("loading the image")
        reporter.transition(STAGING, State.RUNNING, "helm upgrade")
    shown = screen.getvalue()
    assert re.search(r"building \[the\] image \d+ s", shown)
    assert "one/staging" in shown
    assert "helm upgrade" in shown


@pytest.mark.parametrize("message", ["[bold]not markup[/bold]", "[/]"])
def test_messages_are_no_markup(message: str) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    with LiveProgress(console, Times()) as reporter:
        reporter.step(message)
        reporter.step("next")
        reporter.transition(STAGING, State.RUNNING, message)
    assert message in screen.getvalue()


def test_the_table_is_gone_when_the_outcomes_are_told() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=60, color_system=None)
    with LiveProgress(console, Times()) as reporter:
        reporter.transition(STAGING, State.RUNNING, "helm upgrade")
        reporter.finished(NOTHING, [])
        told = len(screen.getvalue())
        console.print("Summary")
    assert screen.getvalue()[told:].strip() == "Summary"


def test_a_long_message_stays_on_its_line() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=60, color_system=None)
    with LiveProgress(console, Times()) as reporter:
        reporter.transition(STAGING, State.FAILED, "words " * 40)
    assert not re.search(r"^\s+words", screen.getvalue(), re.MULTILINE)
