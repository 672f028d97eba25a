"""A very small Kubernetes API server: real HTTP, objects in memory. Knows what the adapter asks for and no more."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]


class ApiServer(ThreadingHTTPServer):
    """Objects by the path of their collection, then by name."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, dict[str, Object]] = {}
        self.logs: dict[str, str] = {}  # path and previous → text
        self.asked: list[tuple[str, str, str]] = []  # method, path with query, Accept
        self.refuse: int = 0  # answer everything with this status

    def put(self, collection: str, name: str, **parts: Any) -> None:  # noqa: ANN401 - JSON
        metadata = {"name": name, "resourceVersion": "1", **parts.pop("metadata", {})}
        self.objects.setdefault(collection, {})[name] = {**parts, "metadata": metadata}


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: ApiServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts, query = self._note()
        if parts.endswith("/log"):
            text = self.server.logs.get(f"{parts} {query['previous'][0]}")
            return self._send(200 if text else 400, text or "previous terminated container not found")
        collection, _, name = parts.rpartition("/")
        if name in self.server.objects.get(collection, {}):
            return self._json(200, self.server.objects[collection][name])
        if parts in self.server.objects or not self._is_object(parts):
            items = [each for each in self._every(parts) if _fits(each, query)]
            return self._json(200, {"items": items, "metadata": {}})
        return self._status(404, "NotFound")

    def do_POST(self) -> None:
        parts, _ = self._note()
        body = self._body()
        name = body["metadata"]["name"]
        if name in self.server.objects.get(parts, {}):
            return self._status(409, "AlreadyExists")
        self.server.put(parts, name, **body)
        return self._json(201, self.server.objects[parts][name])

    def do_PUT(self) -> None:
        parts, _ = self._note()
        body = self._body()
        collection, _, name = parts.rpartition("/")
        if body["metadata"]["resourceVersion"] != self.server.objects[collection][name]["metadata"]["resourceVersion"]:
            return self._status(409, "Conflict")
        version = str(int(body["metadata"]["resourceVersion"]) + 1)
        self.server.objects[collection][name] = {**body, "metadata": {**body["metadata"], "resourceVersion": version}}
        return self._json(200, self.server.objects[collection][name])

    def do_PATCH(self) -> None:
        parts, _ = self._note()
        body = self._body()
        collection, _, name = parts.rpartition("/")
        found = self.server.objects.get(collection, {}).get(name)
        if found is None:
            if "apply" not in self.headers["Content-Type"]:
                return self._status(404, "NotFound")
            self.server.put(collection, name, **body)
        else:
            merged = {**found.get("data", {}), **body.get("data", {})}
            found["data"] = {key: value for key, value in merged.items() if value is not None}
        return self._json(200, self.server.objects[collection][name])

    def do_DELETE(self) -> None:
        parts, _ = self._note()
        collection, _, name = parts.rpartition("/")
        gone = self.server.objects.get(collection, {}).pop(name, None)
        return self._json(200, {}) if gone else self._status(404, "NotFound")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base class's signature
        """Say nothing."""

    def _note(self) -> tuple[str, dict[str, list[str]]]:
        split = urlsplit(self.path)
        self.server.asked.append((self.command, self.path, self.headers["Accept"] or ""))
        return split.path, parse_qs(split.query)

    def _body(self) -> Object:
        body: Object = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return body

    def _is_object(self, parts: str) -> bool:
        """Whether the path names one object: those of namespaces have an even number of words after the version."""
        words = parts.strip("/").split("/")
        return (len(words) - (2 if words[0] == "api" else 3)) % 2 == 0

    def _every(self, parts: str) -> list[Object]:
        plural = parts.rpartition("/")[2]
        spread = [path for path in self.server.objects if path == parts or path.endswith(f"/{plural}")]
        chosen = [parts] if parts in self.server.objects or "/namespaces/" in parts else spread
        return [each for path in chosen for each in self.server.objects.get(path, {}).values()]

    def _status(self, code: int, reason: str) -> None:
        self._json(code, {"kind": "Status", "code": code, "reason": reason, "message": f"{self.path}: {reason}"})

    def _json(self, code: int, value: Object) -> None:
        self._send(code, json.dumps(value), "application/json")

    def _send(self, code: int, text: str, kind: str = "text/plain") -> None:
        if self.server.refuse:
            code, kind = self.server.refuse, "application/json"
            text = json.dumps({"code": code, "message": "forbidden: ann may not", "reason": "Forbidden"})
        data = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _fits(item: Object, query: dict[str, list[str]]) -> bool:
    """Apply a label selector of equalities and existence, and a field selector of one equality."""
    labels = item["metadata"].get("labels", {})
    for term in query.get("labelSelector", [""])[0].split(","):
        key, _, value = term.partition("=")
        if term and (key not in labels or (value and labels[key] != value)):
            return False
    key, _, value = query.get("fieldSelector", [""])[0].partition("=")
    return not key or item["involvedObject"][key.rpartition(".")[2]] == value


@contextmanager
def serving() -> Iterator[ApiServer]:
    """Serve until the context ends."""
    server = ApiServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
