"""The command line on a small repository of its own: what it prints, what it leaves, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from hubfleet import cli
from hubfleet.plan_file import plan_from_json

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., "Ended"]

REPOSITORY = Path(__file__).resolve().parents[2]
BASE = REPOSITORY / "tests" / "repos" / "base"
COMMANDS = ("plan", "deploy", "status", "check", "health-check", "tools", "cluster")
GIT = ("git", "-c", "user.name=Hubfleet tests", "-c", "user.email=tests@hubfleet.invalid")
UNRENDERED = ("plan", "--no-render", "--against", "nothing")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    target = tmp_path / "fleet"
    shutil.copytree(BASE, target)
    (target / ".gitignore").write_text("/build/\n/.tools/\n")
    (target / "pyproject.toml").write_text("[tool.hubfleet]\n")
    git(target, "init", "--quiet")
    git(target, "add", "--all")
    git(target, "commit", "--quiet", "--message", "A fleet")
    return target


def git(root: Path, *arguments: str) -> None:
    subprocess.run((*GIT, *arguments), cwd=root, check=True, capture_output=True)


@dataclass(frozen=True)
class Ended:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    def ended(*arguments: str) -> Ended:
        monkeypatch.chdir(root)
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr(sys, "argv", ["hubfleet", *arguments])
        with pytest.raises(SystemExit) as ending:
            cli.main()
        said = capfd.readouterr()
        return Ended(int(ending.value.code or 0), said.out, said.err)

    return ended


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    result = CliRunner().invoke(cli.app, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_help_lists_every_command() -> None:
    output = CliRunner().invoke(cli.app, ["--help"]).output
    assert all(re.search(rf"^\W+{name} ", output, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "--nix"),
        ("plam",),
        ("plan", "--against", "the-wall"),
        ("health-check",),
        ("health-check", "one/nobody"),
        ("cluster", "up", "nowhere"),
        (*UNRENDERED, "--only", "nowhere/*"),
        (*UNRENDERED, "--head", "no-such-revision"),
        ("plan", "--config", "missing.toml"),
    ],
)
def test_wrong_usage_is_64_and_says_what_there_is(run: Run, arguments: tuple[str, ...]) -> None:
    ended = run(*arguments)
    assert ended.returncode == 64, ended.stderr
    assert ended.stderr.strip()
    assert "Traceback" not in ended.stderr


def test_a_plan_is_shown_and_kept(run: Run, root: Path) -> None:
    ended = run(*UNRENDERED)
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"^Plan: 0 to upgrade, \d+ to install", ended.stdout, re.MULTILINE)
    plan = plan_from_json((root / "build" / "plan" / "plan.json").read_text())
    assert plan.has_changes
    assert (root / "build" / "plan" / "plan.md").exists()


def test_json_and_the_detailed_exit_code_are_for_programs(run: Run) -> None:
    ended = run(*UNRENDERED, "--json", "--detailed-exitcode")
    assert ended.returncode == 2
    assert json.loads(ended.stdout)["has_changes"] is True


def test_against_git_nothing_has_changed_until_something_has(run: Run, root: Path) -> None:
    ended = run("plan", "--no-render", "--base", "HEAD")
    assert (ended.returncode, ended.stdout.startswith("No changes")) == (0, True), ended.stderr
    values = next(root.glob("hubs/*/*.values.yaml"))
    values.write_text(values.read_text() + "edited: true\n")
    ended = run("plan", "--no-render", "--base", "HEAD")
    assert str(values.relative_to(root)) in ended.stdout


def test_a_plan_that_fails_leaves_no_older_one(run: Run, root: Path) -> None:
    run(*UNRENDERED)
    broken = next(root.glob("hubs/*/cluster.yaml"))
    broken.write_text(broken.read_text().replace("stage:", "staeg:"))
    ended = run(*UNRENDERED)
    assert ended.returncode == 1
    assert re.search(rf"{re.escape(str(broken.relative_to(root)))}:\d+", ended.stderr), ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (root / "build" / "plan" / "plan.json").exists()
    ended = run("deploy")
    assert ended.returncode == 1
    assert "there is no plan" in ended.stderr


def test_check_tells_all_problems_or_that_there_are_none(run: Run, root: Path) -> None:
    ended = run("check")
    assert (ended.returncode, ended.stdout) == (0, "No problems.\n"), ended.stderr
    folder = next(root.glob("hubs/*/cluster.yaml")).parent
    (folder / "orphan.values.yaml").write_text("a: 1\n")
    (folder / "another.values.yaml").write_text("a: 1\n")
    ended = run("check")
    assert ended.returncode == 1
    assert "orphan.values.yaml" in ended.stderr
    assert "another.values.yaml" in ended.stderr


def test_a_plan_of_another_repository_is_refused(run: Run, root: Path) -> None:
    run(*UNRENDERED)
    shutil.rmtree(root / ".git")
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Another beginning")
    ended = run("deploy")
    assert ended.returncode == 1
    assert "which this repository does not have" in ended.stderr


def test_files_that_changed_since_the_plan_make_it_stale(run: Run, root: Path) -> None:
    run(*UNRENDERED)
    values = next(root.glob("hubs/*/*.values.yaml"))
    values.write_text(values.read_text() + "edited: true\n")
    ended = run("deploy")
    assert ended.returncode == 3, ended.stderr
    assert "plan again" in ended.stderr


def test_nothing_is_unfinished_so_nothing_can_be_abandoned(run: Run) -> None:
    run(*UNRENDERED)
    ended = run("deploy", "--abandon")
    assert ended.returncode == 64
    assert "nothing to abandon" in ended.stderr


def test_help_needs_none_of_the_slow_parts() -> None:
    code = (
        "import sys, hubfleet.cli; print([name for name in sys.modules if name in {'lightkube', 'pydantic', 'rich'}])"
    )
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tooling")}
    ended = subprocess.run((sys.executable, "-c", code), env=env, capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_the_module_is_the_command() -> None:
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tooling")}
    argv = (sys.executable, "-m", "hubfleet", "plan", "--nix")
    assert subprocess.run(argv, env=env, capture_output=True, check=False).returncode == 64
