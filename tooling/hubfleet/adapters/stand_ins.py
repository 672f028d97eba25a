"""Images of others that the charts name: pulled, or, without a registry, made of the same version's packages.

A stand-in is made from tooling/local_cluster/stand_ins/NAME; the charts give command, user and paths explicitly, so
that it and the published image behave alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hubfleet.adapters.base_image import ensure_base
from hubfleet.adapters.dockerfile import bases
from hubfleet.adapters.golang import content_digest, sources
from hubfleet.adapters.image_source import Source
from hubfleet.adapters.progress import long_step

if TYPE_CHECKING:
    from pathlib import Path

    from hubfleet.adapters.docker import Docker
    from hubfleet.ports import Reporter

STAND_INS = {
    "docker.io/library/traefik:v3.7.15": "traefik",
    "quay.io/prometheus/prometheus:v2.53.3": "prometheus",
}
_PREFIX = "hubfleet/stand-in-"


@dataclass(frozen=True, slots=True)
class StandIns:
    """Brings the images of others to the engine."""

    docker: Docker
    reporter: Reporter

    async def missing(self) -> tuple[str, ...]:
        """Return the references that the engine lacks, or holds as a stand-in that is out of date."""
        return tuple([reference for reference in STAND_INS if not await self._is_there(reference)])

    async def bring(self, reference: str, source: Source) -> None:
        """Pull the image or make its stand-in."""
        if source is Source.PULL:
            async with long_step(self.reporter, f"pulls {reference}", 15):
                await self.docker.ask("pull", "--quiet", reference, failure=f"{reference} could not be pulled")
            return
        own = self._own(reference)
        if not await self.docker.has(own):
            recipe = _recipe(reference)
            for base in bases((recipe / "Dockerfile").read_text()):
                await ensure_base(base, images=source, runner=self.docker.runner, reporter=self.reporter)
            async with long_step(self.reporter, f"makes an image that stands in for {reference}", 20):
                await self.docker.build(recipe, own, {})
        await self.docker.ask("tag", own, reference)

    async def _is_there(self, reference: str) -> bool:
        if not await self.docker.has(reference):
            return False
        names = await self.docker.ask("image", "inspect", "--format", '{{join .RepoTags " "}}', reference)
        return _PREFIX not in names or self._own(reference) in names.split()

    @staticmethod
    def _own(reference: str) -> str:
        return f"{_PREFIX}{STAND_INS[reference]}:{content_digest(_recipe(reference))[:16]}"


def _recipe(reference: str) -> Path:
    return sources() / "stand_ins" / STAND_INS[reference]
