"""Reads routes from Kubernetes objects: EndpointSlices and the ConfigMap `proxy-routes`. No I/O.

The objects are written by the hub's proxy class (images/hub/hubfleet_proxy).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

SELECTOR = "hubfleet/route=true"
ANNOTATION = "hubfleet/route"
CONFIG_MAP = "proxy-routes"

_URL = re.compile(r"https?://[\w.:%\[\]-]+(?:/[\w./:%@~+-]*)?", re.ASCII)  # what Traefik's file holds as it is


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """Requests below `prefix` (of `host`, where one is given) go to `target`."""

    prefix: str  # percent-encoded as JupyterHub writes it, with both slashes: /user/ann/
    host: str  # "" for any
    target: str  # http://10.0.0.7:8888
    hub: bool = False  # leads to the hub itself

    @property
    def key(self) -> str:
        """Names the route in Traefik and in the questions that the hub asks; the same at every replica."""
        return hashlib.sha256(f"{self.host}{self.prefix}".encode()).hexdigest()[:32]


def from_slice(slice_: dict[str, Any]) -> Route:
    """Return the route that an EndpointSlice stands for; ValueError where it is none.

    Conditions are not looked at: a route goes when its object goes. When kubelets fall silent every
    pod of theirs is marked NotReady though the servers still run.
    """
    try:
        annotation = json.loads(slice_["metadata"]["annotations"][ANNOTATION])
        port = slice_["ports"][0]
        address = slice_["endpoints"][0]["addresses"][0]
        host = f"[{address}]" if slice_["addressType"] == "IPv6" else address
        target = f"{port.get('appProtocol') or 'http'}://{host}:{int(port['port'])}"
        return _route(annotation, target)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        message = f"not a route: {error!r}"
        raise ValueError(message) from error


def from_entry(text: str) -> Route:
    """Return the route that one value of the ConfigMap stands for; ValueError where it is none."""
    try:
        entry = json.loads(text)
        return _route(entry, entry["target"])
    except (KeyError, TypeError, AttributeError) as error:
        message = f"not a route: {error!r}"
        raise ValueError(message) from error


def _route(said: dict[str, Any], target: str) -> Route:
    prefix, host = said["prefix"], said.get("host") or ""
    if not (isinstance(prefix, str) and prefix.startswith("/") and prefix.endswith("/")):
        message = f"expected a prefix that begins and ends with /, found {prefix!r}"
        raise ValueError(message)
    if not (isinstance(host, str) and isinstance(target, str) and _URL.fullmatch(target)):
        message = f"expected a host name and a target URL, found {host!r} and {target!r}"
        raise ValueError(message)
    data = said.get("data") or {}
    return Route(prefix, host, target, hub=data.get("hub") is True)
