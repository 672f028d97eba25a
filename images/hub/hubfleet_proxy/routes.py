"""Routes as Kubernetes objects and back. No I/O.

A route to a pod is an EndpointSlice that the pod owns, so that the two go together. Any other route is an entry of the
ConfigMap `proxy-routes`. The route agents beside the proxies (images/route-agent) read both.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LABEL = "hubfleet/route"
SELECTOR = f"{LABEL}=true"
CONFIG_MAP = "proxy-routes"

_LABELS = {
    LABEL: "true",
    "app.kubernetes.io/managed-by": "hubfleet-proxy",
    "endpointslice.kubernetes.io/managed-by": "hubfleet-proxy",
    # keeps the slices away from kube-proxy, on every node: it has no use for them and would log each one
    "service.kubernetes.io/headless": "",
}
_OVER = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class Route:
    """JupyterHub's idea of a route. `routespec` is [host]/path/, percent-encoded."""

    routespec: str
    target: str  # http://10.0.0.7:8888
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Names the route's object; the agents compute the same."""
        return hashlib.sha256(self.routespec.encode()).hexdigest()[:32]

    @property
    def host(self) -> str | None:
        """The host that the route is limited to."""
        return self.routespec.partition("/")[0] or None

    @property
    def prefix(self) -> str:
        """The path with both slashes."""
        return "/" + self.routespec.partition("/")[2]

    @property
    def jupyterhub(self) -> dict[str, Any]:
        """The shape that `Proxy.get_all_routes` returns."""
        return {"routespec": self.routespec, "target": self.target, "data": dict(self.data)}


def address_of(target: str) -> str | None:
    """Return the IP address that a target names; None for a host name."""
    host = urlsplit(target).hostname or ""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def pod_of(pods: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the one pod that an address belongs to; None where there is none, or where pods share a node's address."""
    alive = [
        pod
        for pod in pods
        if pod.get("status", {}).get("phase") not in _OVER and not pod.get("spec", {}).get("hostNetwork")
    ]
    return alive[0] if len(alive) == 1 else None


def slice_name(key: str) -> str:
    """Return the name of a route's EndpointSlice."""
    return f"route-{key}"


def slice_of(route: Route, pod: dict[str, Any]) -> dict[str, Any]:
    """Return the EndpointSlice of a route that leads to an address of this pod."""
    url, meta = urlsplit(route.target), pod["metadata"]
    identity = {"kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
    address = ipaddress.ip_address(url.hostname or "")
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": slice_name(route.key),
            "labels": _LABELS,
            "annotations": {LABEL: _dump(_said(route))},
            "ownerReferences": [{"apiVersion": "v1", **identity}],
        },
        "addressType": f"IPv{address.version}",
        "endpoints": [
            {
                "addresses": [str(address)],
                "conditions": {"ready": True},
                "targetRef": {**identity, "namespace": meta["namespace"]},
            }
        ],
        "ports": [{"name": "web", "protocol": "TCP", "appProtocol": url.scheme, "port": _port(route.target)}],
    }


def entry_of(route: Route) -> str:
    """Return the value in the ConfigMap of a route that leads to no pod of ours."""
    return _dump({**_said(route), "target": route.target})


def routes_of(slices: list[dict[str, Any]], entries: Mapping[str, str]) -> Iterator[Route]:
    """Every route that the objects stand for, those of pods last, so that they count. What is no route is left out."""
    for text in entries.values():
        if (said := _load(text)) and isinstance(said.get("target"), str):
            yield _route(said, said["target"])
    for slice_ in slices:
        if said := _load((slice_["metadata"].get("annotations") or {}).get(LABEL, "")):
            yield _route(said, _target(slice_))


def _target(slice_: dict[str, Any]) -> str:
    """Return the target as JupyterHub wrote it; no valid one where the slice was changed by hand: it is mended."""
    port = (slice_.get("ports") or [{}])[0]
    addresses = [address for endpoint in slice_.get("endpoints") or () for address in endpoint.get("addresses", ())]
    address = addresses[0] if addresses else ""
    host = f"[{address}]" if slice_.get("addressType") == "IPv6" else address
    return f"{port.get('appProtocol') or 'http'}://{host}:{port.get('port')}"


def _said(route: Route) -> dict[str, Any]:
    return {"prefix": route.prefix, "host": route.host, "data": dict(route.data)}


def _route(said: dict[str, Any], target: str) -> Route:
    return Route(f"{said.get('host') or ''}{said['prefix']}", target, said.get("data") or {})


def _load(text: str) -> dict[str, Any] | None:
    try:
        said = json.loads(text)
    except ValueError:
        return None
    return said if isinstance(said, dict) and isinstance(said.get("prefix"), str) else None


def _dump(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _port(target: str) -> int:
    url = urlsplit(target)
    return url.port or (443 if url.scheme == "https" else 80)
