"""Follows objects of the Kubernetes API: list, then watch, for ever. Knows nothing of routes."""

from __future__ import annotations

import http.client
import json
import logging
import random
import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Never, Protocol
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

log = logging.getLogger(__name__)

_PAGE = 500
_WATCH_SECONDS = 300
_DEAD_AFTER = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
_LONGEST_WAIT = 10.0
_JITTER = random.SystemRandom()  # not the module's own generator, which belongs to whoever seeds it
_PAUSE = 0.2  # after a watch without events, so that a server that hangs up at once is not asked without end


class GoneError(Exception):
    """The API server no longer knows the version that a watch was to go on from."""


class Sink(Protocol):
    """Takes what is heard of one collection, object by object as `read` makes it."""

    def read(self, object_: dict[str, Any]) -> Any:  # noqa: ANN401 - the sink's own matter
        """Return what is worth keeping of an object, so that a long list need not be held as a whole."""
        ...

    def replace(self, objects: Mapping[str, Any]) -> None:
        """Take the complete list, by name."""
        ...

    def put(self, name: str, object_: Any) -> None:  # noqa: ANN401
        """Take one object; None where it is gone."""
        ...

    def failed(self, error: Exception) -> None:
        """Hear that the API server could not be asked; it is tried again."""
        ...


@dataclass(frozen=True, slots=True)
class Collection:
    """What to follow: a path of the API and a selector."""

    path: str  # /api/v1/namespaces/x/configmaps
    selector: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Api:
    """The API server. The token is read anew for each connection, since it rotates."""

    host: str
    port: int
    token: Path
    ca: Path | None  # None: plain HTTP

    def stream(self, path: str, query: Mapping[str, str], timeout: float) -> Iterator[dict[str, Any]]:
        """Yield the JSON documents of an answer, one a line. OSError, HTTPException or ValueError where it breaks."""
        connection = self._connection(timeout)
        try:
            headers = {"Authorization": f"Bearer {self.token.read_text().strip()}", "Accept": "application/json"}
            connection.request("GET", f"{path}?{urlencode(query, quote_via=quote)}", headers=headers)
            _keep_alive(connection.sock)
            response = connection.getresponse()
            if response.status != http.client.OK:
                _refuse(response.status, response.read().decode("utf-8", "replace"))
            while line := response.readline():
                yield json.loads(line)
        finally:
            connection.close()

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        if self.ca is None:
            return http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        context = ssl.create_default_context(cafile=str(self.ca))
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=context)


class Follower:
    """Tells a sink of every object of a collection. What was heard stays when the API server is away."""

    def __init__(self, api: Api, collection: Collection, sink: Sink) -> None:
        self._api, self._collection, self._sink = api, collection, sink
        self._version = ""  # of the collection, up to which the sink has heard everything; "" asks for a list
        self._failures = 0

    def run(self) -> Never:
        """Follow for ever."""
        while True:
            self.turn()

    def turn(self) -> None:
        """List where that is needed, then watch until the watch ends; wait a little after a failure."""
        try:
            if not self._version:
                self._list()
            self._watch()
            self._failures = 0
        except GoneError:
            self._version = ""
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            self._sink.failed(error)
            time.sleep(min(_LONGEST_WAIT, 0.2 * 2**self._failures) * _JITTER.uniform(0.5, 1))
            self._failures = min(self._failures + 1, 10)

    def _list(self) -> None:
        found: dict[str, Any] = {}
        query = {**self._collection.selector, "limit": str(_PAGE)}
        while True:
            (page,) = self._api.stream(self._collection.path, query, timeout=30)
            found |= {item["metadata"]["name"]: self._sink.read(item) for item in page["items"]}
            if not page["metadata"].get("continue"):
                break
            query["continue"] = page["metadata"]["continue"]
        self._sink.replace(found)
        self._version = page["metadata"]["resourceVersion"]

    def _watch(self) -> None:
        query = {
            **self._collection.selector,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        heard = False
        for event in self._api.stream(self._collection.path, query, timeout=_WATCH_SECONDS + 30):
            kind, object_ = event["type"], event["object"]
            if kind == "ERROR":
                _refuse(object_.get("code", 0), object_.get("message", ""))
            if kind != "BOOKMARK":
                self._sink.put(object_["metadata"]["name"], None if kind == "DELETED" else self._sink.read(object_))
            self._version = object_["metadata"]["resourceVersion"]
            heard = True
        if not heard:
            time.sleep(_PAUSE)


def _refuse(status: int, message: str) -> Never:
    if status == http.client.GONE:
        raise GoneError
    message = f"the API server answered {status}: {message[:500]}"
    raise http.client.HTTPException(message)


def _keep_alive(connection: socket.socket) -> None:
    """Let a watch notice within half a minute that the API server's machine is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _DEAD_AFTER:
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
