"""The browser of health checks, against a real server: its name, its cookies, its websockets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.http11 import Response

from hubfleet.adapters.http import HttpBrowser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request

DOMAIN = "staging.localhost"


@asynccontextmanager
async def browser() -> AsyncIterator[HttpBrowser]:
    """A browser of a server that shows what it was asked, sets cookies, redirects, and echoes on a websocket."""
    async with serve(echo, "127.0.0.1", 0, process_request=answer) as server:
        port = server.sockets[0].getsockname()[1]
        async with HttpBrowser(f"http://127.0.0.1:{port}", DOMAIN) as made:
            yield made


def answer(_: ServerConnection, request: Request) -> Response | None:
    if request.headers.get("Upgrade"):
        return None if request.path != "/user/ann/closed" else Response(403, "Forbidden", Headers(), b"")
    text = f"{request.headers['Host']} {request.headers.get('Cookie', '')} {request.headers.get('X-XSRFToken', '')}"
    headers = Headers({"Content-Length": str(len(text)), "Connection": "close"})
    if request.path == "/hub/login":
        headers["Set-Cookie"] = "_xsrf=one; Path=/hub/"
        headers["Set-Cookie"] = "session=s1; Path=/"
    if request.path == "/user/ann/":
        headers["Set-Cookie"] = "_xsrf=two; Path=/user/ann/"
        headers["Location"] = "/elsewhere"
        return Response(302, "Found", headers, text.encode())
    return Response(HTTPStatus.OK, "OK", headers, text.encode())


async def echo(connection: ServerConnection) -> None:
    assert connection.request
    headers = connection.request.headers
    await connection.send(f"{headers['Host']} {headers.get('Cookie', '')} {headers.get('Authorization', '')}")
    async for message in connection:
        if message == "close":
            return
        await connection.send(message)


def test_a_hub_is_asked_by_its_name_at_another_address() -> None:
    async def work() -> None:
        async with browser() as found:
            assert (await found.request("GET", "/")).text.split()[0] == DOMAIN

    asyncio.run(work())


def test_cookies_stay_apart_by_path_and_redirects_are_not_followed() -> None:
    async def work() -> None:
        async with browser() as found:
            await found.request("GET", "/hub/login")
            reply = await found.request("GET", "/user/ann/")
            assert (reply.status, reply.location) == (302, "/elsewhere")
            assert found.cookie("_xsrf", "/hub/") == "one"
            assert found.cookie("_xsrf", "/user/ann/") == "two"
            assert found.cookie("_xsrf", "/user/bob/") is None
            shown = await found.request("GET", "/user/ann/api", headers={"X-XSRFToken": "x"})
            assert sorted(shown.text.replace(";", "").split()[1:]) == ["_xsrf=two", "session=s1", "x"]

    asyncio.run(work())


def test_a_websocket_gets_the_cookies_of_its_path() -> None:
    async def work() -> None:
        async with browser() as found:
            await found.request("GET", "/hub/login")
            await found.request("GET", "/user/ann/")
            async with found.channel("/user/ann/channels", {"Authorization": "token t"}) as channel:
                words = (await channel.receive()).replace(";", "").split()
                assert words[0].partition(":")[0] == DOMAIN
                assert sorted(words[1:]) == ["_xsrf=two", "session=s1", "t", "token"]
                await channel.send("hello")
                assert await channel.receive() == "hello"

    asyncio.run(work())


def test_what_goes_away_is_a_connection_error() -> None:
    async def work() -> None:
        async with browser() as found:
            async with found.channel("/user/ann/channels", {}) as channel:
                await channel.receive()
                await channel.send("close")
                with pytest.raises(ConnectionError):
                    await channel.receive()
                with pytest.raises(ConnectionError):
                    await channel.send("more")
            with pytest.raises(ConnectionError, match="the websocket /user/ann/closed cannot be opened"):
                async with found.channel("/user/ann/closed", {}):
                    pass
        async with HttpBrowser("http://127.0.0.1:9", DOMAIN) as nobody:
            with pytest.raises(ConnectionError, match=rf"http://127\.0\.0\.1:9 \(as {DOMAIN}\)"):
                await nobody.request("GET", "/")

    asyncio.run(work())
