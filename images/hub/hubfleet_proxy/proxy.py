"""JupyterHub's side of the routes: writes their objects and waits until the proxies serve them. Starts no proxy."""

from __future__ import annotations

import asyncio
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import ClientError
from jupyterhub.proxy import Proxy
from jupyterhub.utils import exponential_backoff
from kubernetes_asyncio.client import ApiException
from kubespawner.clients import load_config, shared_client
from traitlets import Float, Integer, Unicode, default

from hubfleet_proxy.agents import Agents
from hubfleet_proxy.api import RouteObjects
from hubfleet_proxy.routes import Route, address_of, entry_of, pod_of, routes_of, slice_name, slice_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_Answer = TypeVar("_Answer")

_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_AWAY = (ApiException, ClientError, OSError, TimeoutError)
_REFUSALS = range(400, 429)  # what the API server refuses it will refuse again
_AT_ONCE = 50  # routes that are written at the same time: a hub that starts may have thousands


class KubernetesProxy(Proxy):  # type: ignore[misc]  # JupyterHub has no types
    """Keeps each route as an object of the cluster, which the route agents beside the Traefik replicas follow."""

    namespace = Unicode(config=True, help="The namespace of the hub and its users' pods; default: this pod's.")
    api_token = Unicode(config=True, help="What the route agents expect as bearer token.")
    agent_service = Unicode("proxy-api", config=True, help="The headless Service that selects the proxy's pods.")
    agent_port = Integer(8001, config=True, help="The port that the route agents listen on.")
    acknowledge_timeout = Float(
        2.0,
        config=True,
        help="""
        Seconds to wait at most until every ready proxy replica serves a new route. A replica that does not in that
        time is waited for no longer, for half a minute.
        """,
    )
    api_timeout = Float(30.0, config=True, help="Seconds to try again while the Kubernetes API does not answer.")

    @default("namespace")
    def _default_namespace(self) -> str:
        return _NAMESPACE.read_text().strip()

    @default("should_start")
    def _default_should_start(self) -> bool:
        return False

    @cached_property
    def objects(self) -> RouteObjects:
        """The route objects in the cluster."""
        load_config()
        return RouteObjects(self.namespace, shared_client("CoreV1Api"), shared_client("DiscoveryV1Api"))

    @cached_property
    def agents(self) -> Agents:
        """The route agents of the proxies."""
        return Agents(self.agent_port, self.api_token, self.acknowledge_timeout)

    @cached_property
    def _slots(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(_AT_ONCE)

    async def add_route(self, routespec: str, target: str, data: Mapping[str, Any]) -> None:
        """Write the route, which stands when this returns, and wait until the proxies serve it."""
        route = Route(self.validate_routespec(routespec), target, data)
        async with self._slots:
            await self._persistently(lambda: self._write(route))
            await self._wait_for(route)

    async def delete_route(self, routespec: str) -> None:
        """Delete the route, wherever it stands."""
        route = Route(self.validate_routespec(routespec), "")
        async with self._slots:
            await self._persistently(lambda: self.objects.delete_slice(slice_name(route.key)))
            await self._persistently(lambda: self.objects.put_entry(route.key, None))

    async def get_all_routes(self) -> dict[str, dict[str, Any]]:
        """Return every route that stands, in two calls whatever their number."""
        slices, entries = await asyncio.gather(
            self._persistently(self.objects.slices), self._persistently(self.objects.entries)
        )
        return {route.routespec: route.jupyterhub for route in routes_of(slices, entries)}

    async def _write(self, route: Route) -> None:
        pod = await self._pod(route)
        if pod:
            await self.objects.put_slice(slice_of(route, pod))
            await self.objects.put_entry(route.key, None)
        else:
            await self.objects.put_entry(route.key, entry_of(route))
            await self.objects.delete_slice(slice_name(route.key))

    async def _pod(self, route: Route) -> dict[str, Any] | None:
        """Return the pod that a route leads to; the hub's own route outlives its pod."""
        address = address_of(route.target)
        if address is None or route.data.get("hub"):
            return None
        return pod_of(await self.objects.pods_at(address))

    async def _wait_for(self, route: Route) -> None:
        try:
            addresses = await self.objects.ready_addresses(self.agent_service)
        except _AWAY as error:
            self.log.warning("Not waiting for the proxies to serve %s: %s", route.routespec, error)
            return
        if late := await self.agents.acknowledged(route, addresses):
            self.log.warning("Proxies at %s do not serve %s yet: going on without them", late, route.routespec)
        elif not addresses:
            self.log.warning("No proxy is ready to serve %s yet", route.routespec)

    async def _persistently(self, call: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Do what may be done twice, again and again while the API server does not answer."""
        answers: list[_Answer] = []

        async def attempt() -> bool:
            try:
                answers.append(await call())
            except _AWAY as error:
                if isinstance(error, ApiException) and error.status in _REFUSALS:
                    raise
                self.log.warning("The Kubernetes API does not answer, trying again: %s", error)
            return bool(answers)

        await exponential_backoff(attempt, "The Kubernetes API does not answer", timeout=self.api_timeout)
        return answers[0]
