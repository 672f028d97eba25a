"""Lets a spawner take settings from the cluster for each start of a server, so that no edit of them restarts the hub.

A setting that `hub.config` or `hub.extraConfig` names stays as it is there.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from singleuser_settings import live_traits

CONFIG_MAP, KEY = "singleuser-config", "singleuser.json"
TIMEOUT = 5  # seconds for the API server to answer

Traits = dict[str, Any]


def remember(section: Traits) -> Traits:
    """Copy what a configuration section says of the live traits before `hub.extraConfig` may change it."""
    return copy.deepcopy(dict(section))


class LiveSettings:
    """Mix-in for a KubeSpawner; reads before any hook of the hub's operator runs."""

    at_start: Traits = {}  # noqa: RUF012 - set once by the configuration
    api: Any  # what KubeSpawner has
    config: Any
    log: Any
    namespace: str
    options_form: Any
    _options_form_default: Any

    async def run_auth_state_hook(self, auth_state: Any) -> None:  # noqa: ANN401 - whatever the authenticator keeps
        """Refresh first: this is the earliest hook, both of the spawn page and of a start."""
        await self.refresh()
        await super().run_auth_state_hook(auth_state)  # type: ignore[misc]

    async def refresh(self) -> None:
        """Take over the settings of the cluster; where they cannot be read the last known ones stay."""
        try:
            found = live_traits(await self.read())
        except Exception:  # a spawn must not fail for this
            self.log.exception("Could not read ConfigMap %s: going on with the last known settings", CONFIG_MAP)
            return
        for trait, value in found.items():
            if self.is_ours(trait):
                setattr(self, trait, value)
            elif (value or None) != self.at_start.get(trait):
                self.log.warning("KubeSpawner.%s stays as the hub's configuration has it until the hub restarts", trait)
        if self.is_ours("options_form"):
            self.options_form = self._options_form_default()

    async def read(self) -> Traits:
        """Read the `singleuser` values as they are in the cluster now."""
        found = await self.api.read_namespaced_config_map(CONFIG_MAP, self.namespace, _request_timeout=TIMEOUT)
        settings: Traits = json.loads(found.data[KEY])["singleuser"]
        return settings

    def is_ours(self, trait: str) -> bool:
        """Whether neither `hub.config` nor `hub.extraConfig` says anything about a trait."""
        elsewhere = any(trait in self.config[section] for section in ("Spawner", type(self).__name__))
        return not elsewhere and self.config.KubeSpawner.get(trait) == self.at_start.get(trait)
