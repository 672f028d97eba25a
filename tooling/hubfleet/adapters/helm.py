"""The helm program for what needs no cluster: lays a release's files out and renders them."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hubfleet import commands
from hubfleet.errors import RenderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hubfleet.model import Release
    from hubfleet.ports import Runner, Tree

TIMEOUT = 120.0  # seconds; a render takes a tenth of one


class HelmProgram:
    """Implements ports.Helm. `program` replaces the name in an argv."""

    def __init__(self, program: Path, runner: Runner) -> None:
        self._program = str(program)
        self._runner = runner

    async def template(self, argv: Sequence[str]) -> str:
        """Return the manifests; RenderError with helm's own words where the chart or the values are at fault."""
        done = await self._runner.run((self._program, *argv[1:]), timeout=TIMEOUT)
        if done.returncode:
            raise RenderError(done.stderr.strip() or f"helm ended with {done.returncode} and said nothing")
        return done.stdout

    @contextmanager
    def staged(self, tree: Tree, release: Release) -> Iterator[Path]:
        """Write what helm reads of a release into a private folder; it is gone with the context."""
        with tempfile.TemporaryDirectory(prefix="hubfleet-") as folder:
            root = Path(folder)
            for place, source in release.files:
                target = root / place
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(tree.read(source))
            for index, layer in enumerate(release.layers):
                if layer.values is not None:
                    commands.computed_file(root, index).write_text(layer.values)
            yield root
