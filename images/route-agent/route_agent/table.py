"""Holds the routes that the API server told of. Thread-safe; no I/O."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from route_agent.routes import Route


class Table:
    """Routes by source and by the object that they come from; complete once every source has been listed."""

    def __init__(self, sources: tuple[str, ...]) -> None:
        self._order = sources  # of two routes with one prefix the later source's counts
        self._objects: dict[str, dict[str, tuple[Route, ...]]] = {}
        self._changed = threading.Condition()
        self._version = 0

    def replace(self, source: str, objects: Mapping[str, tuple[Route, ...]]) -> None:
        """Take a complete list; what is not on it is gone."""
        with self._changed:
            if self._objects.get(source) != objects:
                self._objects[source] = dict(objects)
                self._bump()

    def put(self, source: str, name: str, routes: tuple[Route, ...]) -> None:
        """Take one object's routes; none where the object is gone."""
        with self._changed:
            known = self._objects.setdefault(source, {})
            if known.get(name, ()) != routes:
                known.pop(name, None)
                known |= {name: routes} if routes else {}
                self._bump()

    def wait(self, version: int, timeout: float) -> int:
        """Return the version as soon as the table is complete and newer than `version`; `version` after the timeout."""
        with self._changed:
            newer = self._changed.wait_for(lambda: self.complete and self._version > version, timeout)
            return self._version if newer else version

    def routes(self) -> tuple[int, list[Route]]:
        """Return the version and its routes, one for each prefix and host."""
        with self._changed:
            objects = [routes for source in self._order for routes in self._objects.get(source, {}).values()]
            return self._version, sorted({route.key: route for routes in objects for route in routes}.values())

    @property
    def complete(self) -> bool:
        """Whether every source has been listed once."""
        return all(source in self._objects for source in self._order)

    def _bump(self) -> None:
        self._version += 1
        self._changed.notify_all()
