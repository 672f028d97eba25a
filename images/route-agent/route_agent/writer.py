"""Brings a table's routes into Traefik: writes its file and waits until Traefik serves it."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Never

from route_agent.traefik import marker_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from route_agent.routes import Route
    from route_agent.table import Table
    from route_agent.traefik_api import TraefikApi

log = logging.getLogger(__name__)

_FILE = "routes.yml"  # JSON, which is YAML: Traefik reads no file named .json
_BATCH = 0.06  # seconds to gather changes in
_POLL = 0.01
_BEHIND = 30.0  # seconds that Traefik may serve an older table before people are better off with another replica


class Writer:
    """Writes one version after the other; knows which one Traefik serves."""

    def __init__(
        self,
        table: Table,
        directory: Path,
        traefik: TraefikApi,
        build: Callable[[list[Route]], dict[str, Any]],
        patience: float = 5.0,
    ) -> None:
        self._table, self._file, self._traefik, self._build = table, directory / _FILE, traefik, build
        self._patience = patience  # seconds after which a table that is not served is given up: the next may be better
        self._marker = ""
        self._written: list[Route] = []
        self._served: dict[str, str] = {}
        self._turn = threading.Condition()
        self._served_at: float | None = None  # when Traefik last served what had been written
        self.in_force = False  # whether it does
        self.writes = 0
        self.refused = 0  # tables that Traefik did not serve in time
        self.seconds = 0.0  # from the first change of the last batch until Traefik served it

    @property
    def ready(self) -> bool:
        """Whether Traefik serves a table that is complete, and not too old where a newer one is on its way."""
        return self._served_at is not None and (self.in_force or time.monotonic() - self._served_at < _BEHIND)

    def run(self) -> Never:
        """Write whenever the table has changed, for ever."""
        self.adopt()
        version = 0
        while True:
            version = self.step(version, timeout=3600 if self.in_force else 1)

    def adopt(self) -> None:
        """Take over what an earlier process of this pod wrote, so that its end takes no replica out of service."""
        try:
            self._marker = marker_of(json.loads(self._file.read_text()))
        except (OSError, ValueError):
            return
        self._confirm()

    def step(self, version: int, timeout: float) -> int:
        """Write what is newer than a version, if anything is within the timeout, and return the version written."""
        if self._table.wait(version, timeout) == version:
            if self._marker and not self.in_force:
                self._confirm()
            return version
        begin = time.monotonic()
        time.sleep(_BATCH)
        version, routes = self._table.routes()
        written = self._build(routes)
        if self.in_force:
            self._served_at = time.monotonic()
        self._write(json.dumps(written, separators=(",", ":")))
        self._marker, self._written = marker_of(written), routes
        self._confirm()
        self.seconds = time.monotonic() - begin
        return version

    def wait_served(self, key: str, target: str | None, timeout: float) -> str | None:
        """Return where a route leads to, as soon as that is `target` and at the latest after the timeout."""
        with self._turn:
            self._turn.wait_for(lambda: self._served.get(key) == target, timeout)
        return self._traefik.target(key)

    def _write(self, text: str) -> None:
        fresh = self._file.parent / ".new" / "routes"  # Traefik watches its folder, so the file appears there once
        fresh.parent.mkdir(exist_ok=True)
        fresh.write_text(text)
        fresh.replace(self._file)
        self.writes += 1

    def _confirm(self) -> None:
        """Wait until Traefik serves what was written, and tell those who wait for one of its routes."""
        self.in_force = self._await()
        if self.in_force:
            self._served_at = time.monotonic()
            with self._turn:
                self._served = {route.key: route.target for route in self._written}
                self._turn.notify_all()
        else:
            self.refused += 1
            log.error("Traefik does not serve %s after %s s", self._marker, self._patience)

    def _await(self) -> bool:
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                if self._traefik.serves(self._marker):
                    return True
            time.sleep(_POLL)
        return False
