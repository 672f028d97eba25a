"""Asks Traefik what it serves, at its API on loopback. Changes nothing."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from route_agent.traefik import key_of, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE = 1000
_ENABLED = "enabled"


@dataclass(frozen=True, slots=True)
class TraefikApi:
    """Traefik's API. OSError or HTTPException from any method where it does not answer."""

    url: str  # http://127.0.0.1:9000
    timeout: float = 2.0

    def serves(self, marker: str) -> bool:
        """Tell whether the configuration with this marker is in force."""
        return self._get(f"/api/http/middlewares/{marker}@file")[0] is not None

    def target(self, key: str) -> str | None:
        """Return where a route leads to; None where it does not exist or Traefik refuses it."""
        router, _ = self._get(f"/api/http/routers/{name_of(key)}@file")
        service, _ = self._get(f"/api/http/services/{name_of(key)}@file")
        return _target(service) if router and service and router.get("status") == _ENABLED else None

    def targets(self) -> dict[str, str]:
        """Return every route of ours that Traefik serves: key → target."""
        services = {service["name"]: service for service in self._pages("/api/http/services")}
        routers = [router for router in self._pages("/api/http/routers") if router.get("status") == _ENABLED]
        found = {key: _target(services.get(router["name"])) for router in routers if (key := key_of(router["name"]))}
        return {key: target for key, target in found.items() if target}

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        page = 1
        while page:
            items, following = self._get(f"{path}?per_page={_PAGE}&page={page}")
            yield from items or ()
            page = following if following > page else 0

    def _get(self, path: str) -> tuple[Any, int]:
        """Return the JSON at a path (None where there is none) and the number of the next page."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=self.timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            if response.status == http.client.NOT_FOUND:
                return None, 0
            if response.status != http.client.OK:
                message = f"Traefik's API answered {response.status} at {path}"
                raise http.client.HTTPException(message)
            return json.loads(body), int(response.getheader("X-Next-Page") or 0)
        finally:
            connection.close()


def _target(service: dict[str, Any] | None) -> str | None:
    servers = ((service or {}).get("loadBalancer") or {}).get("servers") or []
    return servers[0].get("url") if servers else None
