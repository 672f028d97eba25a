from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.unit.local_fakes import Answer, FakeReporter, FakeRunner, failed

if TYPE_CHECKING:
    from pathlib import Path

from hubfleet.adapters.engine import PACKAGES, ensure_engine
from hubfleet.adapters.host import Host
from hubfleet.errors import ToolError
from hubfleet.ports import Completed

ALL_CAPABILITIES, WITHOUT_SYS_RESOURCE = "000001ffffffffff", "000001fffeffffff"
AWAY = failed("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")
OWN_SOCKET = ("docker context inspect", "unix:///var/run/docker.sock\n")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


class Machine(NamedTuple):
    """A folder for a machine's files, and the only folder on PATH."""

    root: Path
    path: Path


@pytest.fixture
def machine_of(tmp_path: Path, path: Path) -> Machine:
    return Machine(tmp_path, path)


def host(tmp_path: Path, *, user: int = 0, release: str = "ID=debian\n", capabilities: str = ALL_CAPABILITIES) -> Host:
    root = tmp_path / "root"
    for name, text in {"etc/os-release": release, "proc/self/status": f"Name:\tx\nCapBnd:\t{capabilities}\n"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "var/log").mkdir(parents=True)
    return Host(root, user)


def has(path: Path, *programs: str) -> None:
    for name in programs:
        (path / name).touch(mode=0o755)


def docker_that_comes_up(after: int = 1) -> Answer:
    """Answer `docker version` only after so many refusals."""
    refusals = iter([AWAY] * after)
    return lambda _: next(refusals, Completed((), 0, "28.0.0\n", ""))


def test_running_engine_is_used_as_it_is(tmp_path: Path, path: Path) -> None:
    has(path, "docker")
    runner = FakeRunner([("docker version", "28.0.0\n")])
    asyncio.run(ensure_engine(runner, FakeReporter(), host(tmp_path)))
    assert len(runner.commands) == 1


def test_root_on_debian_is_told_before_docker_is_installed(tmp_path: Path, path: Path) -> None:
    reporter = FakeReporter()
    seen: list[list[str]] = []

    def install(_: object) -> str:
        seen.append(list(reporter.steps))
        has(path, "docker")
        return ""

    rules: list[tuple[str, Answer]] = [
        ("docker version", "28.0.0\n"),
        ("apt-get update", ""),
        (f"apt-get install --no-install-recommends {' '.join(PACKAGES)}", install),
        ("sh -c setsid dockerd", ""),
    ]
    runner = FakeRunner(rules)
    no_daemon = Host(host(tmp_path).root, 0, system_path=str(path))
    asyncio.run(ensure_engine(runner, reporter, no_daemon))
    assert "installs Docker" in seen[0][0]
    assert runner.ran("setsid dockerd")


@pytest.mark.parametrize(
    ("who", "programs", "said", "words"),
    [
        ((1000, "ID=debian"), [], AWAY, "docker is not installed"),
        ((0, "ID=fedora"), [], AWAY, "docker is not installed"),
        ((1000, "ID=debian"), ["docker"], AWAY, "start Docker"),
        ((1000, "ID=debian"), ["docker"], failed("permission denied on the socket"), "--groups docker"),
    ],
)
def test_nothing_is_installed_or_started_where_we_may_not(
    machine_of: Machine, who: tuple[int, str], programs: list[str], said: Completed, words: str
) -> None:
    has(machine_of.path, *programs)
    user, release = who
    runner = FakeRunner([("docker version", said), OWN_SOCKET])
    with pytest.raises(ToolError, match=words):
        asyncio.run(ensure_engine(runner, FakeReporter(), host(machine_of.root, user=user, release=release)))
    assert not runner.ran("apt-get")
    assert not runner.ran("dockerd")


def test_engine_elsewhere_is_not_replaced_by_a_local_one(tmp_path: Path, path: Path) -> None:
    has(path, "docker")
    runner = FakeRunner([("docker version", AWAY), ("docker context inspect", "tcp://build.example:2376\n")])
    with pytest.raises(ToolError, match="start Docker"):
        asyncio.run(ensure_engine(runner, FakeReporter(), host(tmp_path)))
    assert not runner.ran("dockerd")


def test_systemd_starts_the_daemon_where_it_runs_the_services(tmp_path: Path, path: Path) -> None:
    has(path, "docker", "dockerd")
    machine = Host(host(tmp_path).root, 0, system_path=str(path))
    (machine.root / "run/systemd/system").mkdir(parents=True)
    runner = FakeRunner([("docker version", docker_that_comes_up()), OWN_SOCKET, ("systemctl start docker", "")])
    asyncio.run(ensure_engine(runner, FakeReporter(), machine))
    assert runner.ran("systemctl start docker")


@pytest.mark.parametrize(
    ("existing", "written", "flags"),
    [
        (None, True, False),
        ({"log-driver": "local"}, False, True),
        ({"default-runtime": "mine"}, False, False),
    ],
)
def test_settings_of_an_existing_daemon_are_never_overwritten(
    tmp_path: Path, path: Path, existing: dict[str, str] | None, *, written: bool, flags: bool
) -> None:
    has(path, "docker", "dockerd")
    machine = Host(host(tmp_path, capabilities=WITHOUT_SYS_RESOURCE).root, 0, system_path=str(path))
    settings = machine.root / "etc/docker/daemon.json"
    if existing is not None:
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps(existing))
    runner = FakeRunner([("docker version", docker_that_comes_up()), OWN_SOCKET, ("sh -c setsid dockerd", "")])
    asyncio.run(ensure_engine(runner, FakeReporter(), machine))
    assert (
        settings.exists() and json.loads(settings.read_text()).get("default-runtime") == "available-caps"
    ) is written
    assert bool(runner.ran("dockerd --default-runtime=available-caps")) is flags
    if existing is not None:
        assert json.loads(settings.read_text()) == existing
    assert (machine.root / "usr/local/sbin/runc-available-caps").stat().st_mode & 0o111
