"""Where a repository keeps its fleet and how it deploys: `[tool.hubfleet]` of pyproject.toml, read and checked."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import field, fields, replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from hubfleet.errors import ProblemsError
from hubfleet.model import Problem
from hubfleet.parsing import expectation

if TYPE_CHECKING:
    from collections.abc import Mapping


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        message = "a path inside the repository, relative to its root"
        raise ValueError(message)
    return path


_STRICT = ConfigDict(extra="forbid", strict=True)
_Positive = Annotated[int, Field(gt=0)]
_Path = Annotated[str, AfterValidator(_inside)]


@dataclass(frozen=True, slots=True, config=_STRICT)
class DeployPolicy:
    """How a cluster's releases are deployed; `deploy:` of a cluster.yaml overrides it."""

    first_install_failed: Literal["keep", "uninstall"] = "keep"
    max_upgrades: _Positive = 10  # Helm upgrades at once per cluster
    max_spawn_gates: _Positive = 2  # health checks with a spawn at once per cluster
    timeout: _Positive = 600  # seconds for one release, hooks included
    pending: Literal["rollback", "wait", "fail"] = "rollback"  # what a helm that died has left pending

    def with_overrides(self, overrides: Mapping[str, str | int]) -> DeployPolicy:
        """Apply a cluster's own section (`Cluster.deploy`), which the inventory has checked."""
        return replace(self, **overrides)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, config=_STRICT)
class Config:
    """Where things are. Paths are relative to the repository's root; `*` stays within a folder, `**` does not."""

    clusters: _Path = "hubs/*/cluster.yaml"
    charts: _Path = "charts/*"
    chartpress: _Path = "chartpress.yaml"
    cluster_schema: _Path = "hubs/cluster.schema.yaml"
    support_chart: str = "support"
    inert: tuple[str, ...] = ()  # globs of files that no release is made of
    helm_version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")] = "4.3.1"
    deploy: DeployPolicy = field(default_factory=DeployPolicy)


def read_config(data: bytes, file: str) -> Config:
    """Read `[tool.hubfleet]`, or the top level where the file has no `[tool]`; ProblemsError names each mistake."""
    text = data.decode("utf-8", "replace")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = int(match[1]) if (match := re.search(r"line (\d+)", str(error))) else 0
        raise ProblemsError([Problem(file, line, "", "TOML", str(error))]) from error
    section = document["tool"].get("hubfleet", {}) if "tool" in document else document
    try:
        return TypeAdapter(Config).validate_json(json.dumps(section, default=str))
    except ValidationError as error:
        known = {item.name for kind in (Config, DeployPolicy) for item in fields(kind)}
        raise ProblemsError(
            Problem(file, _line(text, details["loc"]), ".".join(map(str, details["loc"])), *expectation(details, known))
            for details in error.errors()
        ) from error


def _line(text: str, path: tuple[str | int, ...]) -> int:
    """Return the first line that sets the key: TOML's parser keeps no marks."""
    keys = [re.escape(part) for part in path if isinstance(part, str)]
    match = re.search(rf"^[ \t]*{keys[-1]}[ \t]*=", text, re.MULTILINE) if keys else None
    return text.count("\n", 0, match.start()) + 1 if match else 0
