from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.unit.local_fakes import FakeRunner, failed

from hubfleet.adapters.docker import Container, Docker, explain
from hubfleet.errors import ToolError


def test_containers_are_read_with_their_labels() -> None:
    rows = [
        {"Names": "b", "State": "exited", "Labels": "role=worker,note=a=b"},
        {"Names": "a", "State": "running", "Labels": ""},
    ]
    runner = FakeRunner([("docker ps --all --filter label=x", "\n".join(map(json.dumps, rows)))])
    assert asyncio.run(Docker(runner).containers("label=x")) == (
        Container("a", running=True, labels={}),
        Container("b", running=False, labels={"role": "worker", "note": "a=b"}),
    )


def test_build_reaches_the_hosts_registries_and_passes_arguments_in_order() -> None:
    runner = FakeRunner([("docker build", "")])
    asyncio.run(Docker(runner).build(Path("/context"), "name:tag", {"B": "2", "A": "1"}))
    assert runner.commands == [
        "docker build --network host --tag name:tag --build-arg A=1 --build-arg B=2 /context",
    ]


def test_failure_repeats_the_last_words_of_docker() -> None:
    said = "\n".join(f"line {number}" for number in range(40))
    with pytest.raises(ToolError) as caught:
        asyncio.run(Docker(FakeRunner([("docker build", failed(said))])).build(Path("/c"), "name:tag", {}))
    assert "the image name:tag could not be built" in str(caught.value)
    assert "line 39" in str(caught.value)
    assert "line 3\n" not in str(caught.value)


@pytest.mark.parametrize(("answer", "expected"), [("sha256:1\n", True), (failed("No such image"), False)])
def test_engine_has_an_image_or_not(answer: str, *, expected: bool) -> None:
    assert asyncio.run(Docker(FakeRunner([("docker image inspect name:tag", answer)])).has("name:tag")) is expected


def test_daemon_that_stops_in_the_middle_is_told_as_such() -> None:
    said = failed("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")
    with pytest.raises(ToolError, match=r"no container engine answers .*: start Docker"):
        asyncio.run(Docker(FakeRunner([("docker rm", said)])).ask("rm", "x"))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("permission denied while trying to connect", "usermod --append --groups docker"),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock", "start Docker"),
        ("", "docker said nothing"),
    ],
)
def test_missing_daemon_is_explained_with_what_to_do(said: str, words: str) -> None:
    assert words in str(explain(said))
