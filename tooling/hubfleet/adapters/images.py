"""Brings the images that a local cluster needs to the engine and into the cluster; each is made once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hubfleet.adapters.base_image import ensure_base
from hubfleet.adapters.chartpress import Chartpress
from hubfleet.adapters.docker import Docker
from hubfleet.adapters.dockerfile import bases
from hubfleet.adapters.image_source import image_source
from hubfleet.adapters.kind import Kind, locks
from hubfleet.adapters.lock import locked
from hubfleet.adapters.stand_ins import STAND_INS, StandIns
from hubfleet.adapters.together import together
from hubfleet.adapters.worktree import WorkTree
from hubfleet.errors import ToolError
from hubfleet.images import read_images

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping
    from pathlib import Path

    from hubfleet.images import Image
    from hubfleet.model import Cluster
    from hubfleet.ports import Reporter, Runner, Tree

_AT_ONCE = 2  # builds: they wait for the network about as long as they work


@dataclass(frozen=True, slots=True)
class Images:
    """The images of local clusters. `root` is the repository; `images` is auto, pull or build."""

    root: Path
    runner: Runner
    reporter: Reporter
    images: str = "auto"
    chartpress: str = "chartpress.yaml"

    async def ensure(self, cluster: Cluster, wanted: Mapping[str, str]) -> None:
        """Return once the nodes hold every image: ours (name → tag), built if need be, and those of others."""
        await self.build(wanted)
        kind = Kind(self.root, self.runner, self.reporter, self.images)
        await kind.load(cluster.name, [*(f"{name}:{tag}" for name, tag in sorted(wanted.items())), *STAND_INS])

    async def build(self, wanted: Mapping[str, str]) -> None:
        """Return once the engine holds every image; needs no cluster. A tag that this tree does not give is refused."""
        async with locked(locks() / "images.lock", "builds images", self.reporter):
            ours = {name: tag for name, tag in wanted.items() if not await self._docker.has(f"{name}:{tag}")}
            theirs = await self._stand_ins.missing()
            if ours or theirs:
                await self._make(ours, theirs)

    async def _make(self, ours: Mapping[str, str], theirs: Iterable[str]) -> None:
        tree = await WorkTree(self.root, self.runner).load()
        known = {image.name: image for image in read_images(tree, self.chartpress)}
        chosen = [(_chosen(known, name, tag, tree), tag) for name, tag in ours.items()]
        source = await image_source(self.images, self.runner, self.reporter)
        for base in sorted({base for image, _ in chosen for base in bases(tree.read(image.dockerfile).decode())}):
            await ensure_base(base, images=source, runner=self.runner, reporter=self.reporter)
        chartpress = Chartpress(tree, self.chartpress, self.runner, self.reporter)
        slots = asyncio.Semaphore(_AT_ONCE)
        await together(
            *(_within(slots, chartpress.build(image, tag)) for image, tag in chosen),
            *(_within(slots, self._stand_ins.bring(reference, source)) for reference in theirs),
        )

    @property
    def _docker(self) -> Docker:
        return Docker(self.runner)

    @property
    def _stand_ins(self) -> StandIns:
        return StandIns(self._docker, self.reporter)


async def _within(slots: asyncio.Semaphore, work: Coroutine[object, object, None]) -> None:
    try:
        async with slots:
            await work
    finally:
        work.close()  # where another's failure ends the wait for a slot


def _chosen(known: Mapping[str, Image], name: str, tag: str, tree: Tree) -> Image:
    """Return the image to build under a tag; ToolError where this tree gives another one."""
    if name not in known:
        message = f"{name}:{tag} is wanted, which chartpress.yaml does not list: it lists {', '.join(sorted(known))}"
        raise ToolError(message)
    if (found := known[name].tag(tree)) != tag:
        message = (
            f"{name}:{tag} is wanted, but {known[name].context} as it stands makes {name}:{found}: "
            "plan again, or check out the revision that the plan was made of"
        )
        raise ToolError(message)
    return known[name]
