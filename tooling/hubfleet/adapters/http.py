"""Speaks HTTP and websockets to one hub, through an address that may differ from its name. Follows no redirect."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import httpx2
import websockets
from websockets.asyncio.client import ClientConnection, connect

from hubfleet.health import Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping


class HttpBrowser:
    """Implements health.Browser. Use it as an asynchronous context manager, within one event loop.

    `address` is where the hub is reached (http://127.0.0.1:8080), `domain` what it is called there: Python does not
    resolve *.localhost, so a hub on this machine is asked for by the Host header.
    """

    def __init__(self, address: str, domain: str) -> None:
        self._address, self._domain = urlsplit(address), domain
        local = self._address.hostname in {"127.0.0.1", "::1", "localhost"}
        self._client = httpx2.AsyncClient(
            base_url=address, headers={"Host": domain}, timeout=30, trust_env=not local, follow_redirects=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
    ) -> Reply:
        """Send one request."""
        try:
            answer = await self._client.request(method, path, data=form, headers=headers, content=body)
        except httpx2.HTTPError as error:
            message = f"{self._address.geturl()} (as {self._domain}): {error or type(error).__name__}"
            raise ConnectionError(message) from error
        return Reply(answer.status_code, answer.text, answer.headers.get("location", ""))

    def cookie(self, name: str, path: str) -> str | None:
        """Look into the jar: servers and the hub each have an `_xsrf` of their own."""
        found = [each.value for each in self._client.cookies.jar if each.name == name and each.path == path]
        return found[0] if found else None

    @asynccontextmanager
    async def channel(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[_Socket]:
        """Open a websocket to the same address, under the hub's name."""
        scheme = "wss" if self._address.scheme == "https" else "ws"
        cookies = "; ".join(
            f"{each.name}={each.value}" for each in self._client.cookies.jar if path.startswith(each.path)
        )
        sent = {**headers, **({"Cookie": cookies} if cookies else {})}
        try:
            async with connect(
                f"{scheme}://{self._domain}{path}",
                additional_headers=sent,
                host=self._address.hostname,
                port=self._address.port or (443 if scheme == "wss" else 80),
                max_size=None,
                proxy=None,
            ) as socket:
                yield _Socket(socket)
        except (OSError, websockets.InvalidHandshake) as error:
            message = f"the websocket {path} cannot be opened: {error}"
            raise ConnectionError(message) from error


class _Socket:
    """Implements kernel.Channel."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, text: str) -> None:
        try:
            await self._socket.send(text)
        except websockets.ConnectionClosed as error:
            raise ConnectionError(str(error)) from error

    async def receive(self) -> str:
        try:
            message = await self._socket.recv()
        except websockets.ConnectionClosed as error:
            raise ConnectionError(str(error)) from error
        return message if isinstance(message, str) else message.decode()
