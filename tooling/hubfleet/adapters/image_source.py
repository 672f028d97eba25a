"""Decides whether images are pulled from registries or built from packages."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from hubfleet.errors import UsageError

if TYPE_CHECKING:
    from hubfleet.ports import Reporter, Runner

_PROBE = "hello-world:latest"  # the smallest image there is, from the registry that holds kind's and Debian's
_PATIENCE = 10.0  # seconds


class Source(StrEnum):
    """Where images come from."""

    PULL = "pull"
    BUILD = "build"


async def image_source(wanted: str, runner: Runner, reporter: Reporter) -> Source:
    """Return what is wanted, `pull` or `build`; for `auto` ask the engine to pull something small, once."""
    if wanted in set(Source):
        return Source(wanted)
    if wanted != "auto":
        message = f"images: expected auto, pull or build, found {wanted!r}"
        raise UsageError(message)
    source = await _probe(runner)
    reporter.step(
        "a container registry answers: images are pulled"
        if source is Source.PULL
        else "no container registry answers: images are built from packages"
    )
    return source


async def _probe(runner: Runner) -> Source:
    """Ask through the engine, since its network and its proxies are what counts."""
    try:
        done = await runner.run(("docker", "pull", "--quiet", _PROBE), timeout=_PATIENCE)
    except TimeoutError:
        return Source.BUILD
    return Source.PULL if done.returncode == 0 else Source.BUILD
