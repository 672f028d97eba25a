"""An append-only audit of one deploy, beside a copy of its plan. Makes resuming quicker; the truth is the record.

Each line is `<checksum> <json>` and reaches the disk before `append` returns, so whatever is killed when, all that
was appended is there; of the last line a part may be missing, and it is left out.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hubfleet.errors import HubfleetError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SUM = 16  # hex digits
PLANNED, STARTED, TRANSITION, FINISHED, ABANDONED = "planned", "started", "transition", "finished", "abandoned"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened."""

    at: float  # seconds since the epoch
    event: str
    release: str = ""
    state: str = ""
    message: str = ""


class JournalError(HubfleetError):
    """A journal was changed by something else than Hubfleet."""


class Journal:
    """The journal of one plan, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "journal.jsonl"

    def append(self, entry: Entry) -> None:
        """Write one line to the disk."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._drop_torn_line()
        with self.file.open("ab") as file:
            file.write(line(entry))
            file.flush()
            os.fsync(file.fileno())

    def entries(self) -> tuple[Entry, ...]:
        """Read all that was appended. JournalError where a line within was changed."""
        try:
            data = self.file.read_bytes()
        except FileNotFoundError:
            return ()
        return parse(data, str(self.file))

    def current(self) -> tuple[Entry, ...]:
        """Return what happened since the plan was last made: the same plan may be made again after a failure."""
        entries = self.entries()
        begin = max((number for number, entry in enumerate(entries, start=1) if entry.event == PLANNED), default=0)
        return entries[begin:]

    @property
    def states(self) -> Mapping[str, str]:
        """Return the last state of each release since the plan was made."""
        return {entry.release: entry.state for entry in self.current() if entry.release}

    @property
    def unfinished(self) -> bool:
        """Whether a deploy of this plan began and neither ended nor was given up."""
        return STARTED in {entry.event for entry in self.current()} and not self.ended

    @property
    def ended(self) -> str:
        """How the deploy ended: `finished`, `abandoned`, or "" where it did not."""
        return next((entry.event for entry in self.current() if entry.event in {FINISHED, ABANDONED}), "")

    def _drop_torn_line(self) -> None:
        """Cut off what a kill has left of a line, so that it spoils no other."""
        if self.file.exists() and (data := self.file.read_bytes()) and not data.endswith(b"\n"):
            os.truncate(self.file, data.rfind(b"\n") + 1)


def line(entry: Entry) -> bytes:
    """Return the line that stands for an entry, newline included."""
    text = json.dumps([entry.at, entry.event, entry.release, entry.state, entry.message], ensure_ascii=True)
    return f"{_checksum(text)} {text}\n".encode()


def parse(data: bytes, name: str) -> tuple[Entry, ...]:
    """Return the entries of a journal: without its last line where that is torn; an unsound one before is an error."""
    lines = data.split(b"\n")[:-1]  # what follows the last newline was torn off
    entries = [_entry(text) for text in lines]
    if entries and entries[-1] is None:
        entries.pop()
    if None in entries:
        message = (
            f"{name}:{entries.index(None) + 1}: not what was written there; the cluster's record tells what is done:"
            " give this deploy up with `hubfleet deploy --abandon`, then plan again"
        )
        raise JournalError(message)
    return tuple(entry for entry in entries if entry)


def _entry(text: bytes) -> Entry | None:
    checksum, _, content = text.decode("utf-8", "replace").partition(" ")
    if checksum != _checksum(content):
        return None
    return Entry(*json.loads(content))


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_SUM]
