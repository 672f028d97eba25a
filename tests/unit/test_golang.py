from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.local_fakes import FakeReporter, FakeRunner, failed

from hubfleet.adapters.golang import Go, build_command, content_digest, find_go, program_digest, sources
from hubfleet.adapters.pins import GO, NODE_PROGRAMS, Program
from hubfleet.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path

KUBE = NODE_PROGRAMS[0]
SMALL = Program("small", "1.2.3", "pause", ".", (("main.version", "1.2.3"),))


def test_command_is_the_one_that_the_go_caches_know(tmp_path: Path) -> None:
    assert build_command("/go", SMALL, tmp_path) == (
        *("/go", "build", "-v", "-trimpath", "-ldflags", "-s -w -X main.version=1.2.3", "-o", str(tmp_path), "."),
    )


def test_digest_of_a_folder_knows_paths_contents_and_modes(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    seen = {content_digest(tmp_path)}
    (tmp_path / "a").write_text("two")
    seen.add(content_digest(tmp_path))
    (tmp_path / "a").chmod(0o755)
    seen.add(content_digest(tmp_path))
    (tmp_path / "a").rename(tmp_path / "b")
    seen.add(content_digest(tmp_path))
    assert len(seen) == 4
    os.utime(tmp_path / "b", (0, 0))
    assert content_digest(tmp_path) in seen


def test_digest_of_a_program_changes_with_its_pin_and_not_by_itself() -> None:
    assert program_digest(KUBE) == program_digest(KUBE)
    others = [replace(KUBE, variables=()), replace(KUBE, module="pause"), replace(KUBE, version="1")]
    assert len({program_digest(program) for program in (KUBE, *others)}) == 4
    assert program_digest(replace(KUBE, seconds=1)) == program_digest(KUBE)


@pytest.fixture
def go_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "path" / "go"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return program


@pytest.mark.parametrize("version", ["go1.26.0", "go1.26.8", "go1.27", "go1.30.1", "go2.0"])
def test_go_of_path_is_used_where_it_is_new_enough(go_on_path: Path, tmp_path: Path, version: str) -> None:
    runner = FakeRunner([("go version", f"go version {version} linux/amd64\n")])
    assert asyncio.run(find_go(tmp_path, KUBE, runner, FakeReporter())).executable == go_on_path


@pytest.mark.parametrize(
    "said", ["go version go1.25.9 linux/amd64\n", "go version go1.9 linux/amd64", "go version devel\n"]
)
def test_other_go_is_got_into_tools_where_that_of_path_is_too_old(go_on_path: Path, tmp_path: Path, said: str) -> None:
    (tmp_path / ".tools" / f"go-{GO.version}").mkdir(parents=True)
    found = asyncio.run(find_go(tmp_path, KUBE, FakeRunner([("go version", said)]), FakeReporter()))
    assert found.executable != go_on_path
    assert found.executable.is_relative_to(tmp_path / ".tools")


def test_program_that_does_not_build_says_so_with_gos_own_words(tmp_path: Path) -> None:
    runner = FakeRunner([("go build", failed("main.go:1: syntax error"))])
    go = Go(tmp_path / "go", runner, FakeReporter())
    with pytest.raises(ToolError) as caught:
        asyncio.run(go.build(SMALL, tmp_path / "out" / "small"))
    message = str(caught.value)
    assert "small 1.2.3 could not be built: main.go:1: syntax error" in message
    assert "module proxy" in message


def test_sources_are_the_folder_beside_the_package() -> None:
    assert (sources() / "go" / "kube" / "go.mod").is_file()
