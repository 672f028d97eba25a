"""Lets chartpress build one image, in a copy that holds nothing else: it rewrites files in place."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubfleet.adapters.process import checked
from hubfleet.adapters.progress import long_step
from hubfleet.errors import ToolError
from hubfleet.images import context_files
from hubfleet.yaml_reader import read_yaml

if TYPE_CHECKING:
    from hubfleet.images import Image
    from hubfleet.ports import Reporter, Runner, Tree

_SECONDS = {"hub": 70.0, "singleuser": 110.0, "route-agent": 12.0}  # on two cores
_UNKNOWN = 60.0
_SAID = 12  # lines of a failed build that its error repeats
# Whatever a person has configured: no hooks, no signature, no name needed.
_OWN = {
    "user.name": "hubfleet",
    "user.email": "hubfleet@localhost",
    "commit.gpgsign": "false",
    "core.hooksPath": "/dev/null",
}
_GIT = ("git", *(word for key, value in _OWN.items() for word in ("-c", f"{key}={value}")))
_COMMIT = (
    (*_GIT, "init", "--quiet", "--initial-branch=copy"),
    (*_GIT, "add", "--all", "--force"),
    (*_GIT, "commit", "--quiet", "--message=Copy"),
)


@dataclass(frozen=True, slots=True)
class Chartpress:
    """Builds images of a tree; `file` is its chartpress.yaml."""

    tree: Tree
    file: str
    runner: Runner
    reporter: Reporter

    async def build(self, image: Image, tag: str) -> None:
        """Build the image as `name:tag` into the engine. ToolError with the build's last lines where it fails."""
        if importlib.util.find_spec("chartpress") is None:
            message = "chartpress is missing, which builds the images: pip install 'hubfleet[images]'"
            raise ToolError(message)
        title, said = f"builds the image {image.name}:{tag}", _LastLine()
        with tempfile.TemporaryDirectory(prefix="hubfleet-") as folder:
            self._copy(image, Path(folder))
            for command in _COMMIT:
                await checked(self.runner, command, "the copy for chartpress could not be made", cwd=Path(folder))
            async with long_step(self.reporter, title, _SECONDS.get(image.key, _UNKNOWN), detail=said.tell):
                done = await self.runner.run(
                    command_line(tag), cwd=Path(folder), env={"DOCKER_CLI_HINTS": "false"}, on_line=said.hear
                )
        if done.returncode:
            message = (
                f"the image {image.name} could not be built from {image.context}: {complaint(done.stderr)}\n"
                "Correct it and run the same command again: the steps that were built are kept."
            )
            raise ToolError(message)

    def _copy(self, image: Image, folder: Path) -> None:
        """Write what chartpress needs for this image: its context, the chart's two files, and a list of one."""
        chart = [f"{image.chart}/Chart.yaml", f"{image.chart}/values.yaml"]
        self.tree.export([*context_files(self.tree, image.context, image.dockerfile), *chart], folder)
        listed = read_yaml(self.tree.read(self.file), self.file).value
        (folder / "chartpress.yaml").write_text(json.dumps(only(listed, image.key)))


def command_line(tag: str) -> tuple[str, ...]:
    """Return chartpress' argv; whether the image is there is known, and no registry is to be asked for it."""
    return (sys.executable, "-m", "chartpress", "--tag", tag, "--force-build")


def complaint(stderr: str) -> str:
    """Return the last lines that the build said; chartpress then adds a traceback of its own, which says nothing."""
    build, _, _ = stderr.partition("Traceback (most recent call last):")
    return "\n".join((build.strip() or stderr.strip()).splitlines()[-_SAID:])


def only(chartpress: Any, key: str) -> dict[str, Any]:  # noqa: ANN401 - a document of chartpress' own
    """Return the configuration with one image of all, and with its chart alone."""
    charts = [
        {**chart, "images": {key: chart["images"][key]}}
        for chart in chartpress["charts"]
        if key in chart.get("images", {})
    ]
    return {**chartpress, "charts": charts}


class _LastLine:
    """Remembers the last line that a build said."""

    def __init__(self) -> None:
        self._line = ""

    def hear(self, line: str) -> None:
        self._line = line.strip() or self._line

    def tell(self) -> str:
        return f" ({self._line[:80]})" if self._line else ""
