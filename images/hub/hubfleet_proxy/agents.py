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
        self.waited_for_in_vain: dict[str, float] = {}  # address → when it is asked again

    async def acknowledged(self, route: Route, addresses: Iterable[str]) -> list[str]:
        """Wait until every replica serves the route, at most the timeout; return those that do not, said once each."""
        now = time.monotonic()
        self.waited_for_in_vain = {address: until for address, until in self.waited_for_in_vain.items() if until > now}
        asked = [address for address in addresses if address not in self.waited_for_in_vain]
        limit = ClientTimeout(total=self._timeout)
        async with ClientSession(headers={"Authorization": f"Bearer {self._token}"}, timeout=limit) as session:
            answers = await asyncio.gather(*(self._serves(session, route, address) for address in asked))
        late = [address for address, serves in zip(asked, answers, strict=True) if not serves]
        self.waited_for_in_vain |= dict.fromkeys(late, time.monotonic() + _AGAIN)
        return late

    async def _serves(self, session: ClientSession, route: Route, address: str) -> bool:
        host = f"[{address}]" if ":" in address else address
        url = f"http://{host}:{self._port}/routes/{route.key}"
        query = {"target": route.target, "wait": str(0.9 * self._timeout)}  # it answers in time
        try:
            async with session.get(url, params=query) as response:
                return response.status == HTTPStatus.OK and (await response.json()).get("target") == route.target
        except (ClientError, TimeoutError, ValueError, OSError):
            return False
