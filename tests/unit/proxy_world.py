"""A fake API server and fake route agents around the hub's real proxy class."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from aiohttp import web
from hubfleet_proxy import KubernetesProxy
from hubfleet_proxy.api import RouteObjects
from kubernetes_asyncio.client import ApiClient, Configuration, CoreV1Api, DiscoveryV1Api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

TOKEN = "sesame"  # noqa: S105 - the fake agents'
ANN = {"user": "ann", "server_name": ""}
HUB = ("/", "http://hub:8081", {"hub": True})


def pod_at(address: str, name: str = "jupyter-ann", **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of JSON
    pod = {
        "metadata": {"name": name, "namespace": "x", "uid": f"uid-of-{name}"},
        "spec": {},
        "status": {"podIP": address, "phase": "Running"},
    }
    for part, change in changes.items():
        pod[part] = {**pod[part], **change}
    return pod


@dataclass
class FakeApi:
    """The part of a Kubernetes API server that routes need, with its refusals."""

    slices: dict[str, dict[str, Any]] = field(default_factory=dict)
    config_map: dict[str, str] | None = field(default_factory=dict)
    pods: list[dict[str, Any]] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    dropping: int = 0  # hangs up so many times
    failing: int = 0  # answers with 503 so many times
    forbidden: bool = False
    page: int = 500

    @web.middleware
    async def middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.calls.append(f"{request.method} {request.path.rpartition('/namespaces/x/')[2]}")
        if self.forbidden:
            return web.Response(status=403, text="the hub may not do that")
        if self.dropping:
            self.dropping -= 1
            assert request.transport
            request.transport.close()
        if self.failing:
            self.failing -= 1
            return web.Response(status=503, text="etcd is away")
        return await handler(request)

    async def list_slices(self, request: web.Request) -> web.Response:
        if request.query["labelSelector"] == "kubernetes.io/service-name=proxy-api":
            ready = {"addresses": ["127.0.0.1"], "conditions": {"ready": True}}
            unready = {"addresses": ["127.0.0.9"], "conditions": {"ready": False}}
            found = [{"endpoints": [{**ready, "addresses": [agent]} for agent in self.agents] + [unready]}]
        else:
            assert request.query["labelSelector"] == "hubfleet/route=true"
            found = list(self.slices.values())
        begin = int(request.query.get("continue", 0))
        more = str(begin + self.page) if len(found) > begin + self.page else ""
        return web.json_response({"items": found[begin : begin + self.page], "metadata": {"continue": more}})

    async def create_slice(self, request: web.Request) -> web.Response:
        slice_ = await request.json()
        if slice_["metadata"]["name"] in self.slices:
            return web.json_response({"reason": "AlreadyExists"}, status=409)
        self.slices[slice_["metadata"]["name"]] = slice_
        return web.json_response(slice_, status=201)

    async def replace_slice(self, request: web.Request) -> web.Response:
        slice_, name = await request.json(), request.match_info["name"]
        if slice_["addressType"] != self.slices[name]["addressType"]:
            return web.json_response({"message": "addressType: field is immutable"}, status=422)
        self.slices[name] = slice_
        return web.json_response(slice_)

    async def delete_slice(self, request: web.Request) -> web.Response:
        gone = self.slices.pop(request.match_info["name"], None)
        return web.json_response({}, status=200 if gone else 404)

    async def list_pods(self, request: web.Request) -> web.Response:
        address = request.query["fieldSelector"].removeprefix("status.podIP=")
        found = [pod for pod in self.pods if pod["status"]["podIP"] == address]
        return web.json_response({"items": found, "metadata": {}})

    async def read_config_map(self, _: web.Request) -> web.Response:
        if self.config_map is None:
            return web.json_response({}, status=404)
        return web.json_response({"metadata": {}, "data": self.config_map})

    async def patch_config_map(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/merge-patch+json"
        if self.config_map is None:
            return web.json_response({}, status=404)
        for key, value in (await request.json())["data"].items():
            self.config_map.pop(key, None)
            self.config_map |= {key: value} if value is not None else {}
        return web.json_response({"metadata": {}, "data": self.config_map})

    async def create_config_map(self, request: web.Request) -> web.Response:
        self.config_map = (await request.json())["data"]
        return web.json_response({"data": self.config_map}, status=201)

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self.middleware])
        slices, core = "/apis/discovery.k8s.io/v1/namespaces/x/endpointslices", "/api/v1/namespaces/x"
        application.add_routes(
            [
                web.get(slices, self.list_slices),
                web.post(slices, self.create_slice),
                web.put(slices + "/{name}", self.replace_slice),
                web.delete(slices + "/{name}", self.delete_slice),
                web.get(core + "/pods", self.list_pods),
                web.get(core + "/configmaps/proxy-routes", self.read_config_map),
                web.patch(core + "/configmaps/proxy-routes", self.patch_config_map),
                web.post(core + "/configmaps", self.create_config_map),
            ]
        )
        return application


@dataclass
class FakeAgent:
    """A route agent that says what it is told to, after a delay."""

    delay: float = 0.0
    target: str | None = None  # None: whatever is asked for
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.match_info["key"])
        self.tokens.add(request.headers["Authorization"])
        await asyncio.sleep(self.delay)
        return web.json_response({"target": self.target or request.query["target"]})


@asynccontextmanager
async def listening(application: web.Application, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@dataclass
class World:
    api: FakeApi
    proxy: KubernetesProxy
    port: int  # of every agent

    @asynccontextmanager
    async def agent(self, agent: FakeAgent, address: str) -> AsyncIterator[FakeAgent]:
        application = web.Application()
        application.add_routes([web.get("/routes/{key}", agent.answer)])
        async with listening(application, address, self.port):
            self.api.agents.append(address)
            yield agent


def play(story: Callable[[World], Awaitable[None]], **traits: object) -> World:
    """Run a story with a proxy class that talks to a fake cluster, and return what is left."""

    async def run() -> World:
        api = FakeApi()
        async with listening(api.application()) as port, listening(web.Application()) as free:
            client = ApiClient(Configuration(host=f"http://127.0.0.1:{port}"))
            proxy = KubernetesProxy(namespace="x", api_token=TOKEN, agent_port=free + 1, **traits)
            proxy.objects = RouteObjects("x", CoreV1Api(client), DiscoveryV1Api(client))
            world = World(api, proxy, proxy.agent_port)
            try:
                await story(world)
            finally:
                await client.close()
            return world

    return asyncio.run(run())


def told(routespec: str, target: str, data: dict[str, Any]) -> dict[str, Any]:
    return {routespec: {"routespec": routespec, "target": target, "data": data}}


def hub_with(world: World, **servers: str) -> dict[str, SimpleNamespace]:
    """Make the proxy class part of a hub with running servers; return its users."""
    hub = SimpleNamespace(routespec="/", host="http://hub:8081")
    world.proxy.hub, world.proxy.app = hub, SimpleNamespace(hub=hub)
    world.api.pods = [pod_at(target.split(":")[1].strip("/"), f"jupyter-{name}") for name, target in servers.items()]
    return {name: person(name, target) for name, target in servers.items()}


def person(name: str, target: str) -> SimpleNamespace:
    server = SimpleNamespace(host=target)
    spec = f"/user/{name}/"
    spawner = SimpleNamespace(ready=True, pending=None, proxy_spec=spec, server=server, name="")
    return SimpleNamespace(name=name, proxy_spec=spec, spawners={"": spawner})
