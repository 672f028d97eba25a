"""Asks the route agents beside the proxies whether they serve a route. A slow proxy holds nobody up."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import ClientError, ClientSession, ClientTimeout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hubfleet_proxy.routes import Route

_AGAIN = 30.0  # seconds until a replica that did not keep up is waited for again


class Agents:
    """The agents of all proxy replicas; remembers which of them did not answer in time."""

    def __init__(self, port: int, token: str, timeout: float) -> None:
        self._port, self._token, self._timeout = port, token, timeout
        self._slow: dict[str, float] = {}  # address → when it is asked again
        self._session: ClientSession | None = None

    async def acknowledged(self, route: Route, addresses: Iterable[str]) -> list[str]:
        """Wait until every replica serves the route, at most the timeout; return those that do not, said once each."""
        now = time.monotonic()
        self._slow = {address: until for address, until in self._slow.items() if until > now}
        asked = [address for address in addresses if address not in self._slow]
        answers = await asyncio.gather(*(self._serves(route, address) for address in asked))
        late = [address for address, serves in zip(asked, answers, strict=True) if not serves]
        self._slow |= dict.fromkeys(late, time.monotonic() + _AGAIN)
        return late

    async def close(self) -> None:
        """End the connections."""
        if self._session:
            await self._session.close()

    async def _serves(self, route: Route, address: str) -> bool:
        host = f"[{address}]" if ":" in address else address
        url = f"http://{host}:{self._port}/routes/{route.key}"
        query = {"target": route.target, "wait": str(self._timeout)}
        try:
            async with self._connected().get(url, params=query, headers=self._headers()) as response:
                return response.status == HTTPStatus.OK and (await response.json()).get("target") == route.target
        except (ClientError, TimeoutError, ValueError, OSError):
            return False

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _connected(self) -> ClientSession:
        if self._session is None or self._session.closed:
            # the agent itself answers after the timeout at the latest; the rest is for the way
            self._session = ClientSession(timeout=ClientTimeout(total=self._timeout + 0.5, connect=self._timeout))
        return self._session
