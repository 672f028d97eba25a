"""The hub's proxy class and two replicas, each an agent and a real Traefik: what holds once a route has been added."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from hubfleet_proxy import KubernetesProxy
from route_agent.agent import Agent, Settings
from route_agent.server import Server
from route_agent.watch import Api
from tests.unit.proxy_world import pod_at
from tests.unit.real_traefik import Traefik, free_port, traefik
from tests.unit.route_agent_stage import TOKEN, FakeCluster, api_of, config_map, reply, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    Story = Callable[[KubernetesProxy, list[Traefik], str], Coroutine[None, None, None]]

HOSTS = ("127.0.0.2", "127.0.0.3")


class Objects:
    """The hub's way to the objects that the agents follow."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster

    async def pods_at(self, address: str) -> list[dict[str, Any]]:
        return [pod_at(address)]

    async def ready_addresses(self, _: str) -> list[str]:
        return list(HOSTS)

    async def put_slice(self, slice_: dict[str, Any]) -> None:
        self.cluster.put("endpointslices", json.loads(json.dumps(slice_)))

    async def delete_slice(self, name: str) -> None:
        self.cluster.delete("endpointslices", name)

    async def put_entry(self, key: str, value: str | None) -> None:
        assert value is None, key


@contextmanager
def replica(host: str, port: int, api_port: int, folder: Path) -> Iterator[Traefik]:
    directory = folder / host
    directory.mkdir()
    with traefik(directory, host) as started:
        agent = Agent(Settings("x", directory, traefik=started.api), Api("127.0.0.1", api_port, folder / "token", None))
        server = Server(port, agent, folder / "token", host)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        agent.start()
        end = time.monotonic() + 20
        while reason := agent.unready():
            assert time.monotonic() < end, reason
            time.sleep(0.02)
        try:
            yield started
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def play(folder: Path, story: Story, **traits: object) -> None:
    """Tell a story with a proxy class, two replicas, and the URL of a server that people have."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        reply(handler, 200, "theirs")

    (folder / "token").write_text(TOKEN)
    cluster, port = FakeCluster(), free_port()
    cluster.put("configmaps", config_map())
    with serving(api_of(cluster)) as api, serving(answer) as theirs, ExitStack() as stack:
        stack.callback(cluster.away.set)
        api_port = api.server_address[1]
        replicas = [stack.enter_context(replica(host, port, api_port, folder)) for host in HOSTS]
        proxy = KubernetesProxy(namespace="x", api_token=TOKEN, agent_port=port, **traits)
        proxy.objects = Objects(cluster)  # type: ignore[assignment]  # as far as routes to pods need them
        asyncio.run(story(proxy, replicas, f"http://127.0.0.1:{theirs.server_address[1]}"))


def reached(replica: Traefik, path: str) -> str:
    connection = http.client.HTTPConnection(replica.host, replica.port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_every_replica_serves_a_route_as_soon_as_it_has_been_added(tmp_path: Path) -> None:
    async def story(proxy: KubernetesProxy, replicas: list[Traefik], target: str) -> None:
        for number in range(15):
            await proxy.add_route(f"/user/u{number}/", target, {"user": f"u{number}", "server_name": ""})
            for replica in replicas:
                assert reached(replica, f"/user/u{number}/") == '"theirs"'

    play(tmp_path, story, acknowledge_timeout=20.0)


def test_replica_that_hangs_costs_one_timeout_and_the_other_goes_on(tmp_path: Path) -> None:
    async def story(proxy: KubernetesProxy, replicas: list[Traefik], target: str) -> None:
        replicas[1].process.send_signal(signal.SIGSTOP)
        for number, least, most in ((0, 1.0, 5.0), (1, 0.0, 4.0)):
            begin = time.monotonic()
            await proxy.add_route(f"/user/u{number}/", target, {"user": f"u{number}", "server_name": ""})
            assert least <= time.monotonic() - begin < most
            assert reached(replicas[0], f"/user/u{number}/") == '"theirs"'
        assert list(proxy.agents.waited_for_in_vain) == [HOSTS[1]]

    play(tmp_path, story, acknowledge_timeout=4.0)
