"""The commands of the project. A session prepares an environment and goes on to the tools: no logic of the product."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import nox

if TYPE_CHECKING:
    from collections.abc import Callable

nox.needs_version = ">=2025.5.1"
nox.options.sessions = ["unit"]
nox.options.default_venv_backend = "none"  # sessions share their environments: see `environment`
nox.options.stop_on_first_error = True  # `deploy` must not go on after a failed `plan`

ROOT = Path(__file__).resolve().parent
CONSTRAINTS = ROOT / "constraints.txt"
RESULTS = ROOT / "build" / "tests"
BOOTSTRAP = ("setuptools", "wheel")

# After Ctrl-C nox would kill its child within 0.3 s, but a deploy finishes the release that runs and says what is in
# doubt: more time than one release may take.
INTERRUPT, TERMINATE = 900.0, 60.0

TOOLS = ("helm", "kubectl", "ct", "actionlint")
# Words in capitals stand for files: see `expand`.
LINTERS: tuple[tuple[str, ...], ...] = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("lint-imports", "--no-logo"),
    ("yamllint", "--strict", "."),
    ("shellcheck", "SCRIPTS"),
    ("hadolint", "DOCKERFILES"),
    ("zizmor", "--offline", "--quiet", ".github/workflows"),
    ("actionlint",),
    ("ct", "lint", "--config", "ct.yaml", "--all"),
    ("python", "tooling/chart_docs.py", "--check"),
    ("python", "-m", "hubfleet", "check"),
)
SHEBANGS = (b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash")
# The plug-in that wants a cluster stays out; two processes, each with whole files.
SIDE_BY_SIDE = ("-p", "no:helm-charts", "--numprocesses", "2", "--dist", "loadfile")
TYPED = ("tooling", "tests", "noxfile.py")


@nox.session
def plan(session: nox.Session) -> None:
    """Show what a deploy would do, and why; what stands after `--` goes on to `hubfleet plan`."""
    hubfleet(session, "plan")


@nox.session
def deploy(session: nox.Session) -> None:
    """Do what the plan says; what stands after `--` goes on to `hubfleet deploy`."""
    hubfleet(session, "deploy")


@nox.session
def tests(session: nox.Session) -> None:
    """Everything that must hold, on a real cluster too; one line at the end sums up."""
    sum_up(session, [run(session, ()) for run in PARTS])


@nox.session
def lint(session: nox.Session) -> None:
    """Style, imports, workflows, shell, Dockerfiles, charts, and the rules of `hubfleet check`."""
    insist(session, run_lint(session, ()))


@nox.session
def types(session: nox.Session) -> None:
    """Run mypy, strict."""
    insist(session, run_types(session, tuple(session.posargs)))


@nox.session
def unit(session: nox.Session) -> None:
    """Run the tests that need Python and git alone: seconds. What stands after `--` goes on to pytest."""
    insist(session, run_unit(session, tuple(session.posargs)))


@nox.session
def charts(session: nox.Session) -> None:
    """Render the charts and check the objects; needs helm, no cluster. What stands after `--` goes on to pytest."""
    insist(session, run_charts(session, tuple(session.posargs)))


@nox.session
def integration(session: nox.Session) -> None:
    """Run the tests on a kind cluster of their own. What stands after `--` goes on to pytest."""
    insist(session, run_integration(session, tuple(session.posargs)))


@nox.session
def bench(session: nox.Session) -> None:
    """Time what people wait for; wants hubs/local deployed and unchanged. What stands after `--` goes on to it."""
    python = environment(session, "fleet", "images") / "bin" / "python"
    session.run(str(python), "tests/bench/commands.py", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Write constraints.txt anew: every package at one version, resolved together for all Pythons that we support."""
    folder = ROOT / ".nox" / "lock"
    session.run(sys.executable, "-m", "virtualenv", "--quiet", str(folder), silent=True)
    session.run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "uv", silent=True)
    session.run(
        *(str(folder / "bin" / "uv"), "pip", "compile", "pyproject.toml", "--all-extras", "--universal", "--upgrade"),
        *("--no-annotate", "--custom-compile-command", "nox -s lock", "--output-file", "constraints.txt"),
        silent=True,
    )


@dataclass(frozen=True)
class Result:
    """How one part of the tests ended."""

    name: str
    passed: int
    failed: int
    skipped: int
    seconds: float

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.name:11} {self.passed} passed, {self.failed} failed{skipped} in {self.seconds:.0f} s"


def run_lint(session: nox.Session, _arguments: tuple[str, ...]) -> Result:
    """Run every linter, whatever the others say."""
    begin = time.monotonic()
    python = development(session)
    tools(session, python)
    failed = [argv for argv in LINTERS if not passes(session, python, expand(session, argv))]
    return Result("lint", len(LINTERS) - len(failed), len(failed), 0, time.monotonic() - begin)


def run_types(session: nox.Session, arguments: tuple[str, ...]) -> Result:
    """Run the type checker; it counts as one test."""
    begin = time.monotonic()
    passed = passes(session, development(session), ("mypy", *(arguments or TYPED)))
    return Result("types", int(passed), int(not passed), 0, time.monotonic() - begin)


def run_unit(session: nox.Session, arguments: tuple[str, ...]) -> Result:
    """Run the unit tests, without the plug-in that wants a cluster."""
    return pytest(session, "unit", (*SIDE_BY_SIDE, *arguments))


def run_charts(session: nox.Session, arguments: tuple[str, ...]) -> Result:
    """Run the renders of the charts."""
    tools(session, development(session))
    return pytest(session, "charts", (*SIDE_BY_SIDE, *arguments))


def run_integration(session: nox.Session, arguments: tuple[str, ...]) -> Result:
    """Run the tests on kind; their fixtures make the cluster with the package's own commands."""
    tools(session, development(session))
    return pytest(session, "integration", arguments)


PARTS: tuple[Callable[[nox.Session, tuple[str, ...]], Result], ...] = (
    run_lint,
    run_types,
    run_unit,
    run_charts,
    run_integration,
)


def sum_up(session: nox.Session, results: list[Result]) -> None:
    """Say how each part ended and, in one line, all of them; end with an error where one failed."""
    for result in results:
        session.log(str(result))
    passed, failed, skipped = (
        sum(getattr(result, key) for result in results) for key in ("passed", "failed", "skipped")
    )
    sys.stdout.write(f"tests: {passed} passed, {failed} failed{f', {skipped} skipped' if skipped else ''}\n")
    sys.stdout.flush()
    if failed:
        parts = " ".join(result.name for result in results if result.failed)
        session.error(f"{failed} failed. The parts run alone, too: nox -s {parts}")


def hubfleet(session: nox.Session, command: str) -> None:
    """Run one command of the package with the session's own arguments."""
    python = environment(session, "fleet", "images") / "bin" / "python"
    session.run(
        *(str(python), "-m", "hubfleet", command, *session.posargs),
        interrupt_timeout=INTERRUPT,
        terminate_timeout=TERMINATE,
    )


def insist(session: nox.Session, result: Result) -> None:
    """End the session with an error where a part failed."""
    session.log(str(result))
    if result.failed:
        session.error(f"{result.failed} failed")


def development(session: nox.Session) -> Path:
    """Give the Python of the environment that all tests and linters share."""
    return environment(session, "development", "images,dev") / "bin" / "python"


def expand(session: nox.Session, argv: tuple[str, ...]) -> tuple[str, ...]:
    """Put the repository's files in the place of the words that stand for them."""
    listed = session.run(
        *("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"), external=True, silent=True, log=False
    )
    found = groups([name for name in str(listed).split("\0") if (ROOT / name).is_file()])
    return tuple(word for given in argv for word in found.get(given, [given]))


def groups(files: list[str]) -> dict[str, list[str]]:
    """Find the files that each word in capitals stands for."""
    return {
        "DOCKERFILES": [name for name in files if Path(name).name == "Dockerfile"],
        "SCRIPTS": [name for name in files if (ROOT / name).read_bytes().split(b"\n", 1)[0].strip() in SHEBANGS],
    }


def environment(session: nox.Session, name: str, extras: str) -> Path:
    """Give a virtual environment with the package (editable) and these extras; installed once until they change."""
    folder = ROOT / ".nox" / name
    stamp, wanted = folder / "installed", fingerprint(session, extras)
    if stamp.exists() and stamp.read_text() == wanted and (folder / "bin" / "python").exists():
        return folder
    clear = ("--clear",) if stamp.exists() else ()  # without a stamp an install was interrupted: it goes on
    session.log(f"Installing the Python packages of {folder.relative_to(ROOT)} (once; 20 to 60 s)")
    session.run(sys.executable, "-m", "virtualenv", "--quiet", *clear, str(folder), silent=True)
    pip = (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--constraint", str(CONSTRAINTS))
    session.run(*pip, "setuptools", silent=True)
    session.run(*pip, "--no-build-isolation", "--editable", f"{ROOT}[{extras}]", silent=True)
    stamp.write_text(wanted)
    return folder


def fingerprint(session: nox.Session, extras: str) -> str:
    """Digest everything that decides what an environment holds."""
    if sys.version_info < (3, 11):  # noqa: UP036 - nox may have been installed with an older one
        session.error(
            f"Python 3.11 or newer is needed, and nox runs on {sys.version.split()[0]}: install nox with a newer one."
        )
    import tomllib  # noqa: PLC0415 - older Pythons lack it, and the line above tells them

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    parts = (project["project"], project["build-system"], extras, sys.version, str(ROOT), CONSTRAINTS.read_text())
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def tools(session: nox.Session, python: Path) -> None:
    """Get the programs that the tests start into .tools/bin; nothing happens where they are there."""
    session.run(str(python), "-m", "hubfleet", "tools", *TOOLS, silent=True)


def pytest(session: nox.Session, part: str, arguments: tuple[str, ...]) -> Result:
    """Run one folder of tests."""
    report = RESULTS / f"{part}.xml"
    argv = ("pytest", f"tests/{part}", f"--junit-xml={report}", *arguments)
    return count(session, development(session), argv, report)


def count(session: nox.Session, python: Path, argv: tuple[str, ...], report: Path) -> Result:
    """Run pytest and count from its own report; a bad end, or no report, is at least one failure."""
    begin = time.monotonic()
    report.unlink(missing_ok=True)
    well = passes(session, python, argv) and report.exists()
    counts = ET.parse(report).getroot()[0].attrib if report.exists() else {}  # noqa: S314 - pytest wrote it just now
    failed = int(counts.get("failures", 0)) + int(counts.get("errors", 0))
    skipped, total = int(counts.get("skipped", 0)), int(counts.get("tests", 0))
    return Result(report.stem, total - failed - skipped, max(failed, int(not well)), skipped, time.monotonic() - begin)


def passes(session: nox.Session, python: Path, argv: tuple[str, ...]) -> bool:
    """Whether a program of the environment or of .tools/bin ends well; its output is shown as it comes."""
    path = os.pathsep.join((str(python.parent), str(ROOT / ".tools" / "bin"), os.environ["PATH"]))
    program = shutil.which(argv[0], path=path) or argv[0]
    try:
        session.run(program, *argv[1:], env={"PATH": path}, interrupt_timeout=INTERRUPT, terminate_timeout=TERMINATE)
    except nox.command.CommandFailed:
        return False
    return True
