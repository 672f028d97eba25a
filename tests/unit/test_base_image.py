from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.unit.local_fakes import FakeReporter, FakeRunner, failed

from hubfleet.adapters.base_image import command, ensure_base
from hubfleet.errors import ToolError

LACKS = ("docker image inspect", failed("No such image"))


def ensure(runner: FakeRunner, reference: str = "debian:trixie-slim", images: str = "build") -> None:
    asyncio.run(ensure_base(reference, images=images, runner=runner, reporter=FakeReporter()))


def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *programs: str) -> None:
    for name in programs:
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_image_that_the_engine_holds_is_left_alone() -> None:
    runner = FakeRunner([("docker image inspect debian:trixie-slim", "sha256:1")])
    ensure(runner)
    assert len(runner.commands) == 1


def test_image_is_pulled_where_a_registry_answers() -> None:
    runner = FakeRunner([LACKS, ("docker pull --quiet debian:trixie-slim", "")])
    ensure(runner, images="pull")
    assert runner.ran("docker pull debian:trixie-slim")


def test_image_is_made_of_packages_and_imported_under_the_name_that_dockerfiles_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path(tmp_path, monkeypatch, "mmdebstrap")
    runner = FakeRunner([LACKS, ("mmdebstrap trixie base.tar", ""), ("docker import base.tar debian:trixie-slim", "")])
    ensure(runner)
    assert len(runner.ran("docker import")) == 1


def test_image_that_cannot_be_made_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path(tmp_path, monkeypatch, "mmdebstrap")
    runner = FakeRunner([LACKS, ("mmdebstrap", failed("E: Failed to fetch"))])
    with pytest.raises(ToolError, match=r"(?s)could not be made: E: Failed to fetch.*package archive"):
        ensure(runner)


def test_image_of_others_cannot_be_made_and_the_choice_is_named() -> None:
    with pytest.raises(ToolError, match=r"alpine:3 cannot be made.*debian:bookworm-slim, debian:trixie-slim"):
        ensure(FakeRunner([LACKS]), "alpine:3")


def test_certificates_of_the_host_are_copied_and_trusted() -> None:
    argv = command("trixie", Path("/t/base.tar"), [Path("/c/one.crt"), Path("/c/two.crt")])
    assert argv[:3] == ("mmdebstrap", "--variant=minbase", "--include=ca-certificates")
    assert [word for word in argv if "hook" in word] == [
        "--customize-hook=copy-in /c/one.crt /usr/local/share/ca-certificates",
        "--customize-hook=copy-in /c/two.crt /usr/local/share/ca-certificates",
        '--customize-hook=chroot "$1" update-ca-certificates',
    ]
    assert argv[-2:] == ("trixie", "/t/base.tar")


def test_host_without_certificates_of_its_own_needs_no_hook() -> None:
    assert not [word for word in command("trixie", Path("/t/base.tar"), []) if "hook" in word]
