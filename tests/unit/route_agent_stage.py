"""An agent between a fake API server and a fake Traefik, for the agent's tests."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from route_agent.agent import Agent, Settings
from route_agent.routes import Route
from route_agent.server import Server
from route_agent.watch import Api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOKEN = "sesame"  # noqa: S105 - the fake hub's
HUB = Route("/", "", "http://hub:8081", hub=True)
ANN = Route("/user/ann/", "", "http://10.0.0.7:8888")


def slice_of(prefix: str, address: str = "10.0.0.7", **port: object) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"route-{prefix.strip('/').replace('/', '-')}",
            "resourceVersion": "1",
            "annotations": {"hubfleet/route": json.dumps({"prefix": prefix, "host": None, "data": {}})},
        },
        "addressType": "IPv6" if ":" in address else "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": False}}],
        "ports": [{"port": 8888, **port}],
    }


def config_map(*entries: dict[str, Any]) -> dict[str, Any]:
    data = {str(number): json.dumps(entry) for number, entry in enumerate(entries)}
    return {"metadata": {"name": "proxy-routes", "resourceVersion": "1"}, "data": data}


HUB_ENTRY = {"prefix": "/", "host": None, "target": "http://hub:8081", "data": {"hub": True}}


class FakeCluster:
    """An API server with the two collections, which can go away and forget old versions."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, dict[str, Any]]] = {"endpointslices": {}, "configmaps": {}}
        self.events: list[tuple[int, str, str, dict[str, Any]]] = []
        self.version = 1
        self.oldest = 0
        self.away = threading.Event()
        self.lists: list[str] = []
        self.tokens: set[str] = set()
        self.page = 500

    def put(self, kind: str, object_: dict[str, Any]) -> None:
        self.version += 1
        object_["metadata"]["resourceVersion"] = str(self.version)
        name = object_["metadata"]["name"]
        type_ = "MODIFIED" if name in self.objects[kind] else "ADDED"
        self.objects[kind][name] = object_
        self.events.append((self.version, kind, type_, object_))

    def delete(self, kind: str, name: str) -> None:
        self.version += 1
        object_ = self.objects[kind].pop(name)
        object_["metadata"]["resourceVersion"] = str(self.version)
        self.events.append((self.version, kind, "DELETED", object_))

    def forget(self) -> None:
        """As after a compaction: watches from before are refused."""
        self.oldest = self.version
        self.events.clear()

    def answer(self, kind: str, query: dict[str, list[str]]) -> dict[str, Any]:
        self.lists.append(kind)
        begin = int(query.get("continue", ["0"])[0])
        items = list(self.objects[kind].values())[begin : begin + self.page]
        more = str(begin + self.page) if len(self.objects[kind]) > begin + self.page else ""
        return {"items": items, "metadata": {"resourceVersion": str(self.version), "continue": more}}

    def watch(self, kind: str, since: int) -> Iterator[dict[str, Any]]:
        if since < self.oldest:
            yield {"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}
            return
        while not self.away.is_set():
            for version, of, type_, object_ in list(self.events):
                if of == kind and version > since:
                    since = version
                    yield {"type": type_, "object": object_}
            if since < self.oldest:
                return
            time.sleep(0.005)


class FakeTraefik:
    """Traefik's API over the file that the agent writes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.stuck = False
        self._frozen: dict[str, Any] = {}

    def answer(self, path: str) -> object:
        kind, _, name = path.removeprefix("/api/http/").partition("/")
        if not self.stuck:
            self._frozen = json.loads((self.directory / "routes.yml").read_text())["http"]
        objects = {
            f"{key}@file": {"name": f"{key}@file", "status": "enabled", **value}
            for key, value in self._frozen[kind].items()
        }
        return objects.get(name) if name else list(objects.values())


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None], port: int = 0) -> Iterator[ThreadingHTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the class above
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def reply(handler: BaseHTTPRequestHandler, status: int, body: object = None) -> None:
    content = json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def api_of(cluster: FakeCluster) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        kind, query = url.path.rpartition("/")[2], parse_qs(url.query)
        cluster.tokens.add(handler.headers["Authorization"])
        if cluster.away.is_set():
            reply(handler, 503, "away")
        elif "watch" not in query:
            reply(handler, 200, cluster.answer(kind, query))
        else:
            handler.send_response(200)
            handler.end_headers()
            for event in cluster.watch(kind, int(query["resourceVersion"][0])):
                handler.wfile.write(json.dumps(event).encode() + b"\n")

    return answer


class Stage:
    """An agent between a fake cluster and a fake Traefik."""

    def __init__(
        self, folder: Path, cluster: FakeCluster, api_port: int, traefik: FakeTraefik, traefik_port: int
    ) -> None:
        self.cluster, self.traefik = cluster, traefik
        self.token = folder / "token"
        self.token.write_text(f"{TOKEN}\n")
        account = folder / "account"
        account.mkdir()
        (account / "token").write_text("account-token\n")
        self.settings = Settings("x", traefik.directory, traefik=f"http://127.0.0.1:{traefik_port}", patience=0.5)
        self.api = Api("127.0.0.1", api_port, account / "token", None)
        self.agent = Agent(self.settings, self.api)
        self.server = Server(0, self.agent, self.token)

    def get(self, path: str, token: str | None = TOKEN) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.server.server_address[1]}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - our own server
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def routes(self) -> dict[str, str]:
        status, body = self.get("/routes")
        assert status == 200
        served = json.loads(body).items()
        # a route that is gone from the table while Traefik still has it is known by its key alone
        return {entry.get("prefix", key): entry["target"] for key, entry in served}

    def until(self, holds: Callable[[], bool], seconds: float = 5) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, "it did not come to pass"
            time.sleep(0.01)


@contextmanager
def staged(tmp_path: Path) -> Iterator[Stage]:
    cluster = FakeCluster()
    cluster.put("configmaps", config_map(HUB_ENTRY))
    dynamic = tmp_path / "dynamic"
    dynamic.mkdir()
    traefik = FakeTraefik(dynamic)

    def ask_traefik(handler: BaseHTTPRequestHandler) -> None:
        try:
            found = traefik.answer(urlsplit(handler.path).path)
        except FileNotFoundError:
            found = None
        reply(handler, 200 if found is not None else 404, found)

    with serving(api_of(cluster)) as api, serving(ask_traefik) as proxy:
        made = Stage(tmp_path, cluster, api.server_address[1], traefik, proxy.server_address[1])
        thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        cluster.away.set()
        made.server.shutdown()
        thread.join()
        made.server.server_close()
