"""The journal loses nothing that was appended, whatever is cut off its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubfleet.journal import Entry, Journal, JournalError, line, parse

if TYPE_CHECKING:
    from pathlib import Path

texts = st.text(max_size=20)
entries = st.builds(
    Entry,
    at=st.floats(min_value=0, max_value=4e9),
    event=st.sampled_from(["started", "transition", "finished"]),
    release=texts,
    state=texts,
    message=texts,
)


@given(st.lists(entries, max_size=6))
def test_what_was_written_is_read(written: list[Entry]) -> None:
    assert parse(b"".join(map(line, written)), "journal") == tuple(written)


@given(st.lists(entries, min_size=1, max_size=6), st.data())
def test_a_torn_tail_costs_the_last_line_at_most(written: list[Entry], data: st.DataObject) -> None:
    whole = b"".join(map(line, written))
    cut = data.draw(st.integers(min_value=len(whole) - len(line(written[-1])), max_value=len(whole) - 1))
    assert parse(whole[:cut], "journal") == tuple(written[:-1])


@given(st.lists(entries, min_size=2, max_size=6), st.data())
def test_a_changed_byte_within_is_found(written: list[Entry], data: st.DataObject) -> None:
    whole = bytearray(b"".join(map(line, written)))
    inner = len(whole) - len(line(written[-1]))
    place = data.draw(st.integers(min_value=0, max_value=inner - 2))  # not the newline before the last line
    whole[place] ^= 0x01
    with pytest.raises(JournalError, match="--abandon"):
        parse(bytes(whole), "journal")


def test_appending_after_a_torn_line_drops_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(Entry(1.0, "started"))
    journal.append(Entry(2.0, "transition", "local/staging", "running"))
    journal.file.write_bytes(journal.file.read_bytes()[:-5])
    journal.append(Entry(3.0, "started"))
    assert [entry.at for entry in journal.entries()] == [1.0, 3.0]


@pytest.mark.parametrize(
    ("events", "unfinished", "ended"),
    [
        ((), False, ""),
        (("started",), True, ""),
        (("started", "transition"), True, ""),
        (("started", "finished"), False, "finished"),
        (("started", "started", "abandoned"), False, "abandoned"),
    ],
)
def test_a_deploy_is_unfinished_until_it_ends(
    tmp_path: Path, events: tuple[str, ...], *, unfinished: bool, ended: str
) -> None:
    journal = Journal(tmp_path)
    for event in events:
        journal.append(Entry(1.0, event))
    assert (journal.unfinished, journal.ended) == (unfinished, ended)


def test_a_plan_that_is_made_again_begins_anew(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(Entry(1.0, "started"))
    journal.append(Entry(1.0, "transition", "a/b", "failed"))
    journal.append(Entry(1.0, "finished"))
    assert (journal.ended, journal.states) == ("finished", {"a/b": "failed"})
    journal.append(Entry(2.0, "planned"))
    assert (journal.ended, journal.unfinished, journal.states) == ("", False, {})
    journal.append(Entry(3.0, "started"))
    assert journal.unfinished


def test_the_last_state_of_a_release_counts(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for state in ("running", "done"):
        journal.append(Entry(1.0, "transition", "a/b", state))
    assert journal.states == {"a/b": "done"}
