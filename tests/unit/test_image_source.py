from __future__ import annotations

import asyncio

import pytest
from tests.unit.local_fakes import Answer, FakeReporter, FakeRunner, failed

from hubfleet.adapters.image_source import Source, image_source
from hubfleet.errors import UsageError


@pytest.mark.parametrize("wanted", ["pull", "build"])
def test_what_is_forced_is_not_asked_for(wanted: str) -> None:
    assert asyncio.run(image_source(wanted, FakeRunner([]), FakeReporter())) == wanted


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("docker.io/library/hello-world:latest\n", Source.PULL),
        (failed("lookup registry-1.docker.io: no such host"), Source.BUILD),
        (TimeoutError(), Source.BUILD),
    ],
)
def test_engine_is_asked_once_and_the_result_is_shown(answer: Answer, expected: Source) -> None:
    runner, reporter = FakeRunner([("docker pull", answer)]), FakeReporter()
    assert asyncio.run(image_source("auto", runner, reporter)) is expected
    assert len(runner.commands) == len(reporter.steps) == 1


def test_other_words_are_refused() -> None:
    with pytest.raises(UsageError, match="expected auto, pull or build, found 'download'"):
        asyncio.run(image_source("download", FakeRunner([]), FakeReporter()))
