"""Runs the hub chart's Python as the hub's pod does: files and values as rendered, secrets beside them, no cluster."""

from __future__ import annotations

import base64
import importlib
import sys
from typing import TYPE_CHECKING, Any

from tests.charts.rendering import render
from traitlets.config.loader import PyFileConfigLoader

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
        self._patch.setattr(sys, "path", [str(self.folder), *sys.path])
        for file in self.folder.glob("*.py"):
            self._patch.delitem(sys.modules, file.stem, raising=False)

    def module(self, name: str) -> Any:  # noqa: ANN401 - modules of the chart are not on mypy's path
        """Import one of the modules."""
        return importlib.import_module(name)

    def configure(self) -> Any:  # noqa: ANN401 - traitlets' Config
        """Load jupyterhub_config.py as the hub does; `c`."""
        return PyFileConfigLoader("jupyterhub_config.py", path=str(self.folder)).load_config()

    def connect(self, cluster: object) -> None:
        """Give KubeSpawner this cluster in place of a client of the real API server."""
        self._patch.setattr("kubespawner.spawner.load_config", lambda **_: None)
        self._patch.setattr("kubespawner.spawner.shared_client", lambda _: cluster)

    def _write(self, folder: Path, files: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text)
