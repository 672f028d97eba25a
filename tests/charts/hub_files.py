"""Runs the hub chart's Python as the hub's pod does: files and values as rendered, secrets beside them, no cluster."""

from __future__ import annotations

import base64
import importlib
import json
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tests.charts.rendering import render

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

CHART = "jupyterhub-base"
SECRETS = {
    "hub.config.JupyterHub.cookie_secret": "ab" * 32,
    "hub.config.CryptKeeper.keys": "cd" * 32,
    "hub.services.hubfleet-gate.apiToken": "gate-token",
    "proxy.token": "proxy-token",
}


class Section(dict[str, Any]):
    """What traitlets gives for one class of the configuration."""

    def __getattr__(self, trait: str) -> Any:  # noqa: ANN401
        return self[trait]

    def __setattr__(self, trait: str, value: object) -> None:
        self[trait] = value


class Config(dict[str, Section]):
    """What traitlets gives as `c`."""

    def __missing__(self, name: str) -> Section:
        return self.setdefault(name, Section())

    __getattr__ = dict.__getitem__


class KubeSpawner:
    """Stands for KubeSpawner where the hub's image is not."""

    def __init__(self, config: Config) -> None:
        self.config, self.hooks_run = config, 0

    async def run_auth_state_hook(self, _auth_state: object) -> None:
        self.hooks_run += 1

    def _options_form_default(self) -> str:
        return "a form" if self.profile_list else ""

    profile_list: tuple[Any, ...] = ()


class HubFolder:
    """The folders that the hub's pod mounts, and the modules in them."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = root / "jupyterhub", patch

    def mount(self, values: Mapping[str, Any], secrets: Mapping[str, str] = SECRETS) -> None:
        """Write what a render with these values mounts."""
        objects = render(CHART, values)
        hub_values = objects.one("Secret", "hub-values")["data"]
        self._write(self.folder, objects.one("ConfigMap", "hub-config")["data"])
        self._write(self.folder, {key: base64.b64decode(text).decode() for key, text in hub_values.items()})
        self._write(self.folder, objects.one("ConfigMap", "singleuser-config")["data"])
        self._write(self.folder.with_name("jupyterhub-secret"), secrets)
        self._write(self.folder.with_name("jupyterhub-login"), {"username": "demo", "password": "demo-password"})
        spawner = ModuleType("kubespawner")
        spawner.KubeSpawner = KubeSpawner  # type: ignore[attr-defined]
        self._patch.setitem(sys.modules, "kubespawner", spawner)
        self._patch.setattr(sys, "path", [str(self.folder), *sys.path])
        for file in self.folder.glob("*.py"):
            self._patch.delitem(sys.modules, file.stem, raising=False)

    def module(self, name: str) -> Any:  # noqa: ANN401 - modules of the chart are not on mypy's path
        """Import one of the modules."""
        return importlib.import_module(name)

    def configure(self) -> tuple[Config, dict[str, Any]]:
        """Run jupyterhub_config.py as traitlets does; `c` and the file's names."""
        file = self.folder / "jupyterhub_config.py"
        names: dict[str, Any] = {"c": Config(), "__file__": str(file), "__name__": "__main__"}
        exec(compile(file.read_text(), str(file), "exec"), names)  # noqa: S102 - traitlets does so
        return names["c"], names

    def live(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """The `singleuser` values that a render with other values puts in the cluster."""
        return json.loads(render(CHART, values).one("ConfigMap", "singleuser-config")["data"]["singleuser.json"])

    def _write(self, folder: Path, files: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text)
