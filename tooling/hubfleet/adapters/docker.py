"""The docker program, as far as Hubfleet needs it. Starts no daemon: engine.py does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hubfleet.adapters.process import checked
from hubfleet.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from hubfleet.ports import Runner

_QUIET = {"DOCKER_CLI_HINTS": "false"}
_AWAY = "Cannot connect to the Docker daemon"
_ANSWERS = 30.0  # seconds that a daemon under load may take for a question


@dataclass(frozen=True, slots=True)
class Container:
    """One container, running or not."""

    name: str
    running: bool
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Docker:
    """Calls docker. ToolError with docker's own words where it fails."""

    runner: Runner

    async def ask(self, *args: str, failure: str = "docker failed", timeout: float | None = None) -> str:  # noqa: ASYNC109
        """Run `docker ARGS` and return what it prints."""
        try:
            return await checked(self.runner, ("docker", *args), failure, env=_QUIET, timeout=timeout)
        except ToolError as error:
            raise (explain(_AWAY) if _AWAY in str(error) else error) from error

    async def has(self, image: str) -> bool:
        """Whether the engine holds the image."""
        done = await self.runner.run(("docker", "image", "inspect", "--format", "{{.Id}}", image), timeout=_ANSWERS)
        return done.returncode == 0

    async def build(
        self,
        context: Path,
        tag: str,
        arguments: Mapping[str, str],
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        """Build the folder's Dockerfile; the host's network, so that the host's package registries are reached."""
        given = [word for name, value in sorted(arguments.items()) for word in ("--build-arg", f"{name}={value}")]
        argv = ("docker", "build", "--network", "host", "--tag", tag, *given, str(context))
        hint = "Run the same command again: what was built is kept."
        await checked(self.runner, argv, f"the image {tag} could not be built", hint=hint, env=_QUIET, on_line=on_line)

    async def containers(self, *filters: str) -> tuple[Container, ...]:
        """Return all containers that the filters let pass, sorted by name."""
        words = [word for item in filters for word in ("--filter", item)]
        told = await self.ask("ps", "--all", "--no-trunc", *words, "--format", "{{json .}}", timeout=_ANSWERS)
        return tuple(sorted(map(_container, told.splitlines()), key=lambda container: container.name))

    async def inside(self, container: str, *argv: str, failure: str) -> str:
        """Run a command in a container and return what it prints."""
        return await self.ask("exec", container, *argv, failure=failure)

    async def pour(self, images: Sequence[str], container: str, *ctr_import: str) -> None:
        """Stream images from the engine into a container's containerd, without a file between."""
        pipe = 'set -o pipefail; n=$1 c=$2; shift 2; docker save -- "${@:1:n}" | docker exec -i "$c" "${@:n+1}"'
        argv = ("bash", "-c", pipe, "-", str(len(images)), container, *images, *ctr_import)
        names = ", ".join(images)
        await checked(self.runner, argv, f"{names} could not be loaded into {container}", env=_QUIET)


def _container(line: str) -> Container:
    """Read one line of `docker ps --format '{{json .}}'`."""
    facts = json.loads(line)
    labels = dict(label.partition("=")[::2] for label in facts["Labels"].split(",") if label)
    return Container(facts["Names"], facts["State"] == "running", labels)


def explain(said: str) -> ToolError:
    """Turn docker's complaint that it has no daemon into an error that says what to do."""
    if "permission denied" in said:
        return ToolError(
            "Docker runs, but this user may not use it: "
            "run `sudo usermod --append --groups docker $USER`, log in again, and repeat the command"
        )
    return ToolError(
        f"no container engine answers ({said or 'docker said nothing'}): start Docker, then run the same command again"
    )
