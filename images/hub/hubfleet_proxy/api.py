"""The few calls to the Kubernetes API that routes need.

Answers stay plain JSON: to make models of thousands of objects would block the hub.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kubernetes_asyncio.client import ApiException

from hubfleet_proxy.routes import CONFIG_MAP, SELECTOR

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Call = Callable[..., Awaitable[Any]]

_MERGE = "application/merge-patch+json"
_SECONDS = 10  # for one call


class RouteObjects:
    """The route objects of one namespace. ApiException, ClientError or TimeoutError where the API server fails."""

    def __init__(self, namespace: str, core: Any, discovery: Any) -> None:  # noqa: ANN401 - generated, untyped clients
        self._namespace, self._core, self._discovery = namespace, core, discovery

    async def pods_at(self, address: str) -> list[dict[str, Any]]:
        """Return the pods with this address."""
        return await self._items(self._core.list_namespaced_pod, field_selector=f"status.podIP={address}")

    async def ready_addresses(self, service: str) -> list[str]:
        """Return the addresses of a Service's ready pods."""
        selector = f"kubernetes.io/service-name={service}"
        slices = await self._items(self._discovery.list_namespaced_endpoint_slice, label_selector=selector)
        endpoints = [endpoint for slice_ in slices for endpoint in slice_.get("endpoints") or ()]
        ready = [one for one in endpoints if (one.get("conditions") or {}).get("ready") is not False]
        return sorted({one["addresses"][0] for one in ready})

    async def slices(self) -> list[dict[str, Any]]:
        """Return the EndpointSlices of all routes."""
        return await self._items(self._discovery.list_namespaced_endpoint_slice, label_selector=SELECTOR)

    async def entries(self) -> dict[str, str]:
        """Return what stands in the ConfigMap, by key."""
        read = self._core.read_namespaced_config_map
        config_map = await self._call(read, CONFIG_MAP, self._namespace, unless=HTTPStatus.NOT_FOUND)
        return dict((config_map or {}).get("data") or {})

    async def put_slice(self, slice_: Mapping[str, Any]) -> None:
        """Create the slice, or make an older one of that name equal to it."""
        discovery, name = self._discovery, slice_["metadata"]["name"]
        create = (discovery.create_namespaced_endpoint_slice, self._namespace, slice_)
        if await self._call(*create, unless=HTTPStatus.CONFLICT):
            return
        replace = (discovery.replace_namespaced_endpoint_slice, name, self._namespace, slice_)
        # refused where the address is of another family than before, which cannot be changed
        if not await self._call(*replace, unless=HTTPStatus.UNPROCESSABLE_ENTITY):
            await self.delete_slice(name)
            await self._call(*create)

    async def delete_slice(self, name: str) -> None:
        """Delete a slice, if there is one of that name."""
        delete = self._discovery.delete_namespaced_endpoint_slice
        await self._call(delete, name, self._namespace, unless=HTTPStatus.NOT_FOUND)

    async def put_entry(self, key: str, value: str | None) -> None:
        """Set one entry of the ConfigMap, which is made where it is missing; None removes the entry."""
        data = {"data": {key: value}}
        patch = (self._core.patch_namespaced_config_map, CONFIG_MAP, self._namespace, data)
        found = await self._call(*patch, _content_type=_MERGE, unless=HTTPStatus.NOT_FOUND)
        if found or value is None:
            return
        config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIG_MAP}, **data}
        create = self._core.create_namespaced_config_map
        if not await self._call(create, self._namespace, config_map, unless=HTTPStatus.CONFLICT):
            await self._call(*patch, _content_type=_MERGE)  # somebody made it meanwhile

    async def _items(self, call: Call, **selector: str) -> list[dict[str, Any]]:
        """Return all items of a collection, page by page."""
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {**selector, "limit": 500}
        while True:
            answer = await self._call(call, self._namespace, **page)
            found += answer["items"]
            following = answer["metadata"].get("continue")
            if not following:
                return found
            page["_continue"] = following

    async def _call(self, call: Call, *args: Any, unless: HTTPStatus | None = None, **options: Any) -> Any:  # noqa: ANN401
        """Return a call's answer; None where the API server refuses with the status `unless`."""
        response = await call(*args, _preload_content=False, _request_timeout=_SECONDS, **options)
        body = await response.read()
        if response.status == unless:
            return None
        if response.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise ApiException(status=response.status, reason=body.decode("utf-8", "replace")[:1000])
        return json.loads(body)
