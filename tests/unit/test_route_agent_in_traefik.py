"""What the route agent writes, tried on the real Traefik: which requests reach which server, and unchanged."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from route_agent.agent import Agent, Settings
from route_agent.routes import Route
from route_agent.server import Server
from route_agent.table import Table
from route_agent.traefik import configuration
from route_agent.traefik_api import TraefikApi
from route_agent.watch import Api
from route_agent.writer import Writer
from tests.unit.real_traefik import free_port, traefik
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.asyncio.server import ServerConnection


@contextmanager
def backend(name: str, status: int = 200) -> Iterator[str]:
    """A server that says who it is and what it was asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps([name, self.path, self.headers["Host"]]).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the class above
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@dataclass
class Proxy:
    """A Traefik with the agent's writer and its page for a hub that is away."""

    port: int
    api: TraefikApi
    table: Table
    writer: Writer
    version: int = 0

    def serve(self, *routes: Route) -> float:
        """Bring a whole table into force; return the seconds that it took."""
        begin = time.monotonic()
        self.table.replace("slices", {route.key: (route,) for route in routes})
        self.version = self.writer.step(self.version, timeout=0)  # returns at once where nothing has changed
        assert self.writer.in_force
        return time.monotonic() - begin

    def ask(self, path: str, host: str = "proxy.example") -> tuple[int, str, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.putrequest("GET", path, skip_host=True)
            connection.putheader("Host", host)
            connection.endheaders()
            response = connection.getresponse()
            return response.status, response.read().decode(), response.headers
        finally:
            connection.close()

    def reached(self, path: str, host: str = "proxy.example") -> str:
        """Who answers, "404" and the like where Traefik does."""
        status, body, _ = self.ask(path, host)
        return str(json.loads(body)[0]) if status == 200 else str(status)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("traefik")
    directory = folder / "dynamic"
    directory.mkdir()
    (folder / "token").write_text("x")
    # Asked for its page alone, so never started.
    agent = Agent(Settings("x", directory), Api("127.0.0.1", 1, folder / "token", None))
    server = Server(0, agent, folder / "token")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    table = Table(("slices",))
    page = f"http://127.0.0.1:{server.server_address[1]}"
    with traefik(directory) as started:
        writer = Writer(
            table,
            directory,
            TraefikApi(started.api),
            lambda routes: configuration(routes, base_url="/", agent_url=page),
        )
        yield Proxy(started.port, TraefikApi(started.api), table, writer)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, str]]:
    with backend("hub") as hub, backend("ann") as ann, backend("other") as other:
        yield {"hub": hub, "ann": ann, "other": other}


# A route's prefix, the path of a request, who answers. All the routes exist at the same time.
REQUESTS = (
    ("/user/ann/", "/user/ann/", "ann"),
    ("/user/ann/", "/user/ann", "ann"),
    ("/user/ann/", "/user/ann?x=/user/bob/", "ann"),
    ("/user/ann/", "/user/ann/lab/tree/a%2Fb", "ann"),
    ("/user/ann/", "/user/anna/", "hub"),
    ("/user/ann/", "/user/an/", "hub"),
    ("/user/ann/", "/x/user/ann/", "hub"),
    ("/user/ann/", "/user/%61nn/", "ann"),
    ("/user/ann/", "/user/Ann/", "hub"),
    ("/user/j%C3%B6rg/", "/user/j%C3%B6rg/lab", "ann"),
    ("/user/j%C3%B6rg/", "/user/j%c3%b6rg", "ann"),
    ("/user/ann@uni.example/", "/user/ann@uni.example/lab", "ann"),
    ("/user/ann@uni.example/", "/user/ann%40uni.example/lab", "ann"),
    ("/user/ann@uni.example/", "/user/ann@uniXexample/lab", "hub"),
    ("/user/o%27hara/", "/user/o'hara/lab", "ann"),
    ("/user/o%27hara/", "/user/o%27hara/lab", "ann"),
    ("/user/a%2Bb@c%3Dd/", "/user/a+b%40c%3dd/lab", "ann"),
    ("/user/a%21b%28c%29.d%2B/", "/user/a!b%28c).d%2B/lab", "ann"),
    ("/user/a%21b%28c%29.d%2B/", "/user/a!b%28c).d%2B", "ann"),
    ("/user/a%21b%28c%29.d%2B/", "/user/a!b%28c)xd%2B/lab", "hub"),
    ("/user/a%21b%28c%29.d%2B/", "/user/a!b%28c).d%2Bx/lab", "hub"),
    ("/user/a%20b/", "/user/a%20b/lab", "ann"),
    ("/user/a%2Fb/", "/user/a%2fb/lab", "ann"),
    ("/user/a%2Fb/", "/user/a/b/lab", "hub"),
    ("/user/a%25b/", "/user/a%25b/lab", "ann"),
    ("/user/%22%60%5C/", "/user/%22%60%5C/lab", "ann"),
    ("/user/%7B%7B.%7D%7D/", "/user/%7B%7B.%7D%7D/lab", "ann"),
    ("/user/%7B%7Bfail%20%22x%22%7D%7D/", "/user/%7B%7Bfail%20%22x%22%7D%7D/lab", "ann"),
    ("/user/%E6%9D%8E%20%F0%9F%98%80/", "/user/%E6%9D%8E%20%F0%9F%98%80/lab", "ann"),
    ("/user/%0A/", "/user/%0A/lab", "ann"),
    ("/services/x%3Ay/", "/services/x:y/z", "ann"),
)


@pytest.mark.parametrize(("prefix", "path", "expected"), REQUESTS)
def test_request_reaches_whom_its_path_names(
    proxy: Proxy, servers: dict[str, str], prefix: str, path: str, expected: str
) -> None:
    proxy.serve(Route("/", "", servers["hub"], hub=True), *{Route(each, "", servers["ann"]) for each, _, _ in REQUESTS})
    assert proxy.reached(path) == expected, prefix


def test_longest_prefix_and_host_win(proxy: Proxy, servers: dict[str, str]) -> None:
    proxy.serve(
        Route("/", "", servers["hub"], hub=True),
        Route("/user/ann/", "", servers["ann"]),
        Route("/user/ann/a-much-longer-name/", "", servers["other"]),
        Route("/user/ann/", "ann.example", servers["other"]),
    )
    assert proxy.reached("/user/ann/lab") == "ann"
    assert proxy.reached("/user/ann/a-much-longer-name/lab") == "other"
    assert proxy.reached("/user/ann/lab", host="ann.example") == "other"
    assert proxy.reached("/user/ann/lab", host="ann.example:8080") == "other"


@pytest.mark.parametrize(
    "path", ["/user/ann/a%2Fb%20c%25d/%3B?q=%2F&r=a+b", "/user/ann/api/contents/x%252F.txt", "/user/ann"]
)
def test_request_arrives_as_it_was_sent(proxy: Proxy, servers: dict[str, str], path: str) -> None:
    proxy.serve(Route("/user/ann/", "", servers["ann"]))
    assert json.loads(proxy.ask(path, "hub.example:8080")[1]) == ["ann", path, "hub.example:8080"]


@pytest.mark.parametrize(
    "path", ["/hub/metrics", "/hub/metrics?x", "/hub/%6Detrics", "//hub/metrics", "/hub/./metrics", "/hub/x/../metrics"]
)
def test_metrics_of_the_hub_are_not_reachable(proxy: Proxy, servers: dict[str, str], path: str) -> None:
    proxy.serve(Route("/", "", servers["hub"], hub=True))
    assert proxy.reached("/hub/login") == "hub"
    assert proxy.reached(path) == "404"


def test_hub_that_is_away_is_a_page_that_says_when_to_try_again(proxy: Proxy, servers: dict[str, str]) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    proxy.serve(Route("/", "", away, hub=True), Route("/user/ann/", "", servers["ann"]))
    status, body, headers = proxy.ask("/hub/login")
    assert (status, headers["Retry-After"], headers["Content-Type"]) == (503, "15", "text/html; charset=utf-8")
    assert "JupyterHub is away" in body
    assert proxy.reached("/user/ann/lab") == "ann"


def test_before_there_is_a_hub_route_the_same_page_is_shown(proxy: Proxy, servers: dict[str, str]) -> None:
    proxy.serve(Route("/user/ann/", "", servers["ann"]))
    status, body, headers = proxy.ask("/")
    assert (status, headers["Retry-After"]) == (503, "15")
    assert "JupyterHub is away" in body


def test_what_the_hub_itself_says_stays_as_it_is(proxy: Proxy) -> None:
    with backend("hub", status=503) as hub:
        proxy.serve(Route("/", "", hub, hub=True))
        assert json.loads(proxy.ask("/hub/spawn")[1])[0] == "hub"


def test_route_that_goes_and_comes_with_another_address_is_followed(proxy: Proxy, servers: dict[str, str]) -> None:
    hub = Route("/", "", servers["hub"], hub=True)
    proxy.serve(hub, Route("/user/ann/", "", servers["ann"]))
    assert proxy.reached("/user/ann/") == "ann"
    proxy.serve(hub)
    assert proxy.reached("/user/ann/") == "hub"
    seconds = proxy.serve(hub, Route("/user/ann/", "", servers["other"]))
    assert proxy.reached("/user/ann/") == "other"
    assert seconds < 4  # 0.1 to 0.2 on a machine with nothing else to do
    key = Route("/user/ann/", "", "").key
    assert proxy.writer.wait_served(key, servers["other"], timeout=0) == servers["other"]


def test_what_traefik_serves_is_told_whole_beyond_one_page(proxy: Proxy, servers: dict[str, str]) -> None:
    routes = [Route(f"/user/u{number}/", "", servers["ann"]) for number in range(1500)]
    proxy.serve(*routes)
    assert proxy.api.targets() == {route.key: servers["ann"] for route in routes}


def test_websocket_goes_through_and_outlives_other_routes_changes(proxy: Proxy, servers: dict[str, str]) -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async def talk() -> list[str]:
        async with serve(echo, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            ann = Route("/user/ann/", "", f"http://127.0.0.1:{port}")
            await asyncio.to_thread(proxy.serve, ann)
            async with connect(f"ws://127.0.0.1:{proxy.port}/user/ann/api/kernels/1/channels") as socket_:
                heard = []
                for number in range(3):
                    other = Route(f"/user/b{number}/", "", servers["other"])
                    await asyncio.to_thread(proxy.serve, ann, other)
                    await socket_.send(f"message {number}")
                    heard.append(str(await socket_.recv()))
                return heard

    assert asyncio.run(talk()) == ["message 0", "message 1", "message 2"]
