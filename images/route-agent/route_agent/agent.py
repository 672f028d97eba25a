"""Joins the parts: what the API server tells goes to the table, the table to Traefik, questions to both."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from route_agent import routes
from route_agent.table import Table
from route_agent.traefik import configuration
from route_agent.traefik_api import TraefikApi
from route_agent.watch import Api, Collection, Follower
from route_agent.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from route_agent.routes import Route

    Reader = Callable[[dict[str, Any]], Iterator[Callable[[], Route]]]

log = logging.getLogger(__name__)

_ENTRIES = "configmap"
_SLICES = "endpointslices"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the agent stands."""

    namespace: str
    directory: Path
    base_url: str = "/"  # JupyterHub's
    port: int = 8001
    traefik: str = "http://127.0.0.1:9000"
    patience: float = 5.0  # seconds until Traefik is said not to serve a table


class Agent:
    """Follows the routes of a namespace and answers what is known of them."""

    def __init__(self, settings: Settings, api: Api) -> None:
        self._table = Table((_ENTRIES, _SLICES))
        self._traefik = TraefikApi(settings.traefik)
        build = functools.partial(
            configuration, base_url=settings.base_url, agent_url=f"http://127.0.0.1:{settings.port}"
        )
        self._writer = Writer(self._table, settings.directory, self._traefik, build, settings.patience)
        self._failures: Counter[str] = Counter()
        self._sinks = [_Sink(source, read, self._table) for source, read in _READERS.items()]
        self._followers = [Follower(api, _collections(settings.namespace)[sink.source], sink) for sink in self._sinks]

    def start(self) -> None:
        """Begin to follow and to write, each in a thread of its own."""
        for run in (self._writer.run, *(follower.run for follower in self._followers)):
            threading.Thread(target=run, daemon=True).start()

    def unready(self) -> str | None:
        """Return why this replica must not take requests yet; None where it may."""
        if self._writer.ready:
            return None
        return "Traefik does not serve the routes yet" if self._table.complete else "the routes are not listed yet"

    def route(self, key: str, target: str | None, wait: float) -> dict[str, str] | None:
        """Return where Traefik sends a route, as soon as that is `target`, at the latest after `wait` seconds."""
        found = self._writer.wait_served(key, target, wait if target else 0)
        return {"target": found} if found else None

    def routes(self) -> dict[str, Any]:
        """Return all routes that Traefik serves, by key."""
        known = {route.key: route for route in self._table.routes()[1]}
        served = self._traefik.targets()
        return {key: {"target": target, **_names(known.get(key))} for key, target in sorted(served.items())}

    def metrics(self) -> str:
        """Return metrics in Prometheus' text format."""
        return "\n".join(self._metrics()) + "\n"

    def _metrics(self) -> Iterator[str]:
        values = {
            ("hubfleet_routes", "gauge", "Routes known"): len(self._table.routes()[1]),
            ("hubfleet_route_table_in_force", "gauge", "Whether Traefik serves them all"): int(self._writer.in_force),
            ("hubfleet_route_table_writes_total", "counter", "Tables written"): self._writer.writes,
            ("hubfleet_route_table_refused_total", "counter", "Tables not served in time"): self._writer.refused,
            ("hubfleet_route_table_seconds", "gauge", "From the last change until it was served"): self._writer.seconds,
        }
        for (name, kind, text), value in values.items():
            yield from (f"# HELP {name} {text}", f"# TYPE {name} {kind}", f"{name} {value}")
        yield "# HELP hubfleet_route_watch_failures_total Times that the API server could not be asked"
        yield "# TYPE hubfleet_route_watch_failures_total counter"
        yield from (f'hubfleet_route_watch_failures_total{{source="{s.source}"}} {s.failures}' for s in self._sinks)
        yield "# HELP hubfleet_route_invalid_total Objects that are no route"
        yield "# TYPE hubfleet_route_invalid_total counter"
        yield from (f'hubfleet_route_invalid_total{{source="{s.source}"}} {s.invalid}' for s in self._sinks)


class _Sink:
    """Takes one collection's objects to the table."""

    def __init__(self, source: str, read: Reader, table: Table) -> None:
        self.source, self._read, self._table = source, read, table
        self.failures = self.invalid = 0
        self._silent_until = 0.0

    def read(self, object_: dict[str, Any]) -> tuple[Route, ...]:
        return tuple(route for one in self._read(object_) if (route := self._valid(one, object_)))

    def replace(self, objects: Mapping[str, tuple[Route, ...]]) -> None:
        self._table.replace(self.source, {name: found for name, found in objects.items() if found})
        log.info("%s: listed %d objects", self.source, len(objects))

    def put(self, name: str, object_: tuple[Route, ...] | None) -> None:
        self._table.put(self.source, name, object_ or ())

    def failed(self, error: Exception) -> None:
        self.failures += 1
        if time.monotonic() > self._silent_until:
            self._silent_until = time.monotonic() + 30
            log.warning("%s: the API server cannot be asked, the last routes stay: %s", self.source, error)

    def _valid(self, one: Callable[[], Route], object_: dict[str, Any]) -> Route | None:
        try:
            return one()
        except ValueError as error:
            self.invalid += 1
            log.error("%s: %s is left out: %s", self.source, object_["metadata"]["name"], error)  # noqa: TRY400
            return None


def _of_slice(object_: dict[str, Any]) -> Iterator[Callable[[], Route]]:
    yield functools.partial(routes.from_slice, object_)


def _of_config_map(object_: dict[str, Any]) -> Iterator[Callable[[], Route]]:
    for text in (object_.get("data") or {}).values():
        yield functools.partial(routes.from_entry, text)


_READERS = {_ENTRIES: _of_config_map, _SLICES: _of_slice}


def _collections(namespace: str) -> dict[str, Collection]:
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    return {
        _ENTRIES: Collection(
            f"/api/v1/namespaces/{namespace}/configmaps", {"fieldSelector": f"metadata.name={routes.CONFIG_MAP}"}
        ),
        _SLICES: Collection(slices, {"labelSelector": routes.SELECTOR}),
    }


def _names(route: Route | None) -> dict[str, str]:
    return {"prefix": route.prefix, "host": route.host} if route else {}
