from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.local_fakes import Answer, FakeReporter, FakeRunner, failed

from hubfleet.adapters.process import Processes
from hubfleet.adapters.toolchain import ensure, has_version, versions
from hubfleet.errors import ToolError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hubfleet.ports import Runner


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH that a test fills."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def program(folder: Path, name: str, says: str) -> Path:
    place = folder / name
    place.write_text(f"#!/bin/sh\necho '{says}'\n")
    place.chmod(0o755)
    return place


def get(root: Path, *names: str, runner: Runner | None = None) -> Mapping[str, Path]:
    return asyncio.run(ensure(names, root=root, runner=runner or Processes(), reporter=FakeReporter()))


@pytest.mark.parametrize(
    ("said", "version", "expected"),
    [
        ("v4.3.1", "4.3.1", True),
        ("v4.3.1+g0123abc", "4.3.1", True),
        ("kind v0.33.0 go1.26.8 linux/amd64", "0.33.0", True),
        ("Client Version: v1.36.3\nKustomize Version: v5.8.1", "1.36.3", True),
        ("Version:\t v3.14.0", "3.14.0", True),
        ("1.7.12\ninstalled by building from source", "1.7.12", True),
        ("v4.3.10", "4.3.1", False),
        ("v14.3.1", "4.3.1", False),
        ("v4.3.1.2", "4.3.1", False),
        ("v4.3.1-rc.1", "4.3.1", False),
        ("v4.3", "4.3.1", False),
        ("", "4.3.1", False),
    ],
)
def test_version_is_read_exactly(said: str, version: str, *, expected: bool) -> None:
    assert has_version(said, version) is expected


def test_program_of_path_is_linked_where_it_has_the_pinned_version(tmp_path: Path, path: Path) -> None:
    found = program(path, "kind", f"kind v{versions()['kind']} go1.26 linux/amd64")
    places = get(tmp_path, "kind")
    assert places == {"kind": tmp_path / ".tools" / "bin" / "kind"}
    assert places["kind"].resolve() == found


def test_second_time_starts_no_process(tmp_path: Path, path: Path) -> None:
    program(path, "kind", f"kind v{versions()['kind']}")
    places = get(tmp_path, "kind")
    assert get(tmp_path, "kind", runner=FakeRunner([])) == places


def test_linked_program_that_became_another_version_is_got_anew(tmp_path: Path, path: Path) -> None:
    program(path, "kind", f"kind v{versions()['kind']}")
    get(tmp_path, "kind")
    program(path, "kind", "kind v9.9.9, a newer one")
    runner = builder(path, "kind v9.9.9")
    place = get(tmp_path, "kind", runner=runner)["kind"]
    assert runner.ran("/go build .kind.new")
    assert not place.is_symlink()


def test_linked_program_that_is_gone_is_got_anew(tmp_path: Path, path: Path) -> None:
    program(path, "kind", f"kind v{versions()['kind']}")
    get(tmp_path, "kind")
    (path / "kind").unlink()
    assert get(tmp_path, "kind", runner=builder(path))["kind"].read_text() == "built"


def test_each_tool_that_cannot_be_had_is_named(tmp_path: Path, path: Path) -> None:
    program(path, "go", "unused")
    go: list[tuple[str, Answer]] = [("/go build", failed("proxy unreachable")), ("/go version", "go version go1.27.3")]
    with pytest.raises(ToolError) as caught:
        get(tmp_path, "helm", "kind", runner=FakeRunner([*go, ("version", "unknown")]))
    message = str(caught.value)
    assert "helm" in message
    assert "kind" in message
    assert not any((tmp_path / ".tools" / "bin").glob("[!.]*"))


def test_tool_without_a_pin_is_refused_with_those_that_have_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"helmet is none of the tools.*helm, kind, ct, actionlint, kubectl, go"):
        get(tmp_path, "helmet")


def test_killed_build_leaves_no_program_behind(tmp_path: Path, path: Path) -> None:
    program(path, "go", "unused")

    def killed(argv: Sequence[str]) -> BaseException:
        Path(argv[argv.index("-o") + 1]).write_text("half")
        return asyncio.CancelledError()

    rules: list[tuple[str, Answer]] = [("/go build", killed), ("/go version", "go version go1.27.3")]
    with pytest.raises(asyncio.CancelledError):
        get(tmp_path, "kind", runner=FakeRunner([*rules, ("version", "unknown")]))
    assert not (tmp_path / ".tools" / "bin" / "kind").exists()
    assert get(tmp_path, "kind", runner=builder(path))["kind"].read_text() == "built"


def builder(path: Path, says: str = "unknown") -> FakeRunner:
    """Put a Go on PATH; make a runner in which it builds a file and all other programs of PATH say `says`."""
    program(path, "go", "unused")

    def build(argv: Sequence[str]) -> str:
        Path(argv[argv.index("-o") + 1]).write_text("built")
        return ""

    return FakeRunner([("/go build", build), ("/go version", "go version go1.27.3 linux/amd64"), ("version", says)])
