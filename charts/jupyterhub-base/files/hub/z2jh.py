"""Values of the chart and generated secrets by dotted name; functions are named as in zero-to-jupyterhub.

`hub.extraConfig` may say `from z2jh import get_config` and `get_config("custom.anything")`.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
SECRETS = FOLDER.with_name(f"{FOLDER.name}-secret")  # mounted beside it
SOURCES = ("values.json", "secret-values.json", "singleuser.json")


@cache
def values() -> dict[str, Any]:
    """Every value that the chart hands to the hub, as it was when the hub started."""
    merged: dict[str, Any] = {}
    for source in SOURCES:
        merged = _merge(merged, json.loads((FOLDER / source).read_text()))
    return merged


def get_config(key: str, default: Any = None) -> Any:  # noqa: ANN401 - a value may be anything
    """One value by its dotted name; the default where it is absent or null."""
    value: Any = values()
    for part in key.split("."):
        if not isinstance(value, dict) or value.get(part) is None:
            return default
        value = value[part]
    return value


def get_secret_value(key: str, default: str | None = None) -> str:
    """One key of the hub's Secret; KeyError where it is absent and there is no default."""
    file = SECRETS / key
    if file.exists():
        return file.read_text().strip()
    if default is None:
        message = (
            f"the hub's Secret has no key {key}: the chart's one-time Job makes it, or hub.existingSecret must hold it"
        )
        raise KeyError(message)
    return default


def get_name(resource: str) -> str:
    """Name of an object of this release in the cluster."""
    return resource  # this chart prefixes nothing


def set_config_if_not_none(section: Any, trait: str, key: str) -> None:  # noqa: ANN401 - a section of traitlets
    """Set a trait to a value unless the value is null."""
    value = get_config(key)
    if value is not None:
        setattr(section, trait, value)


def labels() -> dict[str, str]:
    """Labels that every object of the release bears, those made by the hub included."""
    return {
        "app.kubernetes.io/name": get_config("Chart.Name"),
        "app.kubernetes.io/instance": get_config("Release.Name"),
        "app.kubernetes.io/managed-by": "kubespawner",
    }


def apply(config: Any, sections: dict[str, dict[str, Any]]) -> None:  # noqa: ANN401 - traitlets' Config
    """Set traits, section by section."""
    for section, traits in sections.items():
        for trait, value in traits.items():
            setattr(config[section], trait, value)


def _merge(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    merged = dict(lower)
    for key, value in upper.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
