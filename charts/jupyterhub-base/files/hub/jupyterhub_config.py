"""What JupyterHub loads: hands the chart's values to the modules beside it and then runs `hub.extraConfig`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import hub_settings
import live_settings
import singleuser_settings
import z2jh
from kubespawner import KubeSpawner
from z2jh import get_config, get_name, get_secret_value, set_config_if_not_none  # noqa: F401 - for hub.extraConfig


class HubSpawner(live_settings.LiveSettings, KubeSpawner):
    """KubeSpawner that takes image, profiles and resources as they are in the cluster when a server starts."""


c = c  # type: ignore[name-defined]  # noqa: F821, PLW0127 - traitlets puts it here

c.JupyterHub.spawner_class = HubSpawner
z2jh.apply(c, singleuser_settings.traits(get_config("singleuser"), z2jh.labels()))
z2jh.apply(c, hub_settings.traits(z2jh.values()))
HubSpawner.at_start = live_settings.remember(c.KubeSpawner)

for _section, _traits in get_config("hub.config", {}).items():
    c[_section].update(_traits)

for _name, _source in sorted(get_config("hub.extraConfig", {}).items()):
    exec(compile(_source, f"hub.extraConfig.{_name}", "exec"), globals())  # noqa: S102 - that is what it is for
