"""Renders a chart with the real Helm and hands back its objects; it needs no cluster and touches none."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
CHARTS = ROOT / "charts"
KUBE_VERSION = "1.36"

Object = dict[str, Any]

# Where the pod's specification stands in each kind that has one.
POD_SPECS = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


class RenderError(Exception):
    """Helm refused; `str()` is its message."""


@dataclass(frozen=True)
class Objects:
    """The objects of one render, in Helm's order."""

    text: str

    @cached_property
    def items(self) -> tuple[Object, ...]:
        """Every object, hooks and tests included."""
        return tuple(item for item in yaml.safe_load_all(self.text) if item)

    def __iter__(self) -> Iterator[Object]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def get(self, kind: str, name: str) -> Object | None:
        """One object, or None where the render has none of that kind and name."""
        found = [item for item in self if (item["kind"], item["metadata"]["name"]) == (kind, name)]
        assert len(found) <= 1, f"{kind}/{name} is rendered {len(found)} times"
        return found[0] if found else None

    def one(self, kind: str, name: str) -> Object:
        """One object that must be there."""
        found = self.get(kind, name)
        assert found, f"no {kind}/{name}; there are {', '.join(self.names)}"
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """`Kind/name` of every object."""
        return tuple(f"{item['kind']}/{item['metadata']['name']}" for item in self)

    def pods(self) -> Mapping[str, Object]:
        """`Kind/name` → pod template (metadata and spec) of everything that makes pods, hooks and tests included."""
        return {f"{item['kind']}/{item['metadata']['name']}": pod(item) for item in self if item["kind"] in POD_SPECS}


def pod(item: Object) -> Object:
    """Give the pod template (metadata and spec) of an object that makes pods."""
    for key in POD_SPECS[item["kind"]]:
        item = item[key]
    return item


@cache
def helm() -> str:
    """Path of the pinned Helm; without it these tests fail, they are not skipped."""
    ours = ROOT / ".tools" / "bin" / "helm"
    found = str(ours) if ours.exists() else shutil.which("helm")
    assert found, f"helm is neither {ours} nor on PATH: run `hubfleet tools helm`"
    return found


def render(chart: str, values: Mapping[str, Any] | None = None, **options: str) -> Objects:
    """Render a chart of this repository by its folder's name; RenderError where Helm refuses.

    `values` go on top of the chart's own. `options`: `release`, `namespace`, `kube_version`, `folder` (another chart).
    """
    return Objects(_template(chart, json.dumps(values or {}, sort_keys=True), tuple(sorted(options.items()))))


@cache
def _template(chart: str, values: str, options: tuple[tuple[str, str], ...]) -> str:
    return template(chart, values, **dict(options))


def template(  # noqa: PLR0913 - the options of `helm template` that matter here
    chart: str,
    values: str,
    *,
    release: str = "test",
    namespace: str = "test",
    kube_version: str = KUBE_VERSION,
    folder: str = "",
) -> str:
    """Run `helm template` once, uncached; values as JSON text."""
    argv = (
        *(helm(), "template", release, folder or str(CHARTS / chart), "--namespace", namespace),
        *("--kube-version", kube_version, "--values", "-"),
    )
    done = subprocess.run(argv, input=values, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RenderError(done.stderr.strip())
    return done.stdout
