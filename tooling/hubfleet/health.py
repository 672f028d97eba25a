"""Proves a hub as a person would, through its proxy: log in, start a server, run a cell, compare its output, stop.

Speaks JupyterHub's and Jupyter Server's HTTP through a small port; knows nothing of Kubernetes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlsplit

from hubfleet import kernel
from hubfleet.errors import GateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hubfleet.ports import Clock

GATE_USER = "hubfleet-gate"
_XSRF_FIELD = re.compile(r'name="_xsrf"\s+value="([^"]+)"')
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NOT_YET = frozenset({404, 502, 503, 504})  # an ingress that has not heard of the hub yet, a hub that is starting
_NO_NODE = ("FailedScheduling", "Insufficient", "Unschedulable", "nodes are available")
_OK, _CREATED, _ACCEPTED, _NO_CONTENT, _BAD_REQUEST, _MISSING, _CONFLICT = 200, 201, 202, 204, 400, 404, 409


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer; redirects are not followed."""

    status: int
    text: str
    location: str = ""


class Browser(Protocol):
    """Speaks to one hub with a cookie jar of its own. ConnectionError where nothing answers."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
    ) -> Reply:
        """Send one request, relative to the hub's address."""
        ...

    def cookie(self, name: str, path: str) -> str | None:
        """Return the value of the cookie that belongs to exactly this path."""
        ...

    def channel(self, path: str, headers: Mapping[str, str]) -> kernel.Connection:
        """Open a websocket, with the cookies that belong to the path."""
        ...


@dataclass(frozen=True, slots=True)
class Form:
    """A person of the hub, logged in by the hub's own form."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class ServiceToken:
    """The hub service `hubfleet-gate`, for hubs whose login leads elsewhere (OAuth, LTI …)."""

    token: str


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait for each step."""

    page: float = 90.0
    server: float = 600.0  # a cloud may have to make a node first
    stop: float = 90.0


@dataclass(frozen=True, slots=True)
class Proof:
    """What a health check saw."""

    way: str  # how it logged in
    server_seconds: float
    output: str

    def __str__(self) -> str:
        return f"{self.way}, server up in {self.server_seconds:.0f} s, the cell ran"


async def check(  # noqa: PLR0913 - what to prove, where, how patiently, and who hears of it
    browser: Browser,
    login: Form | ServiceToken,
    cell: kernel.Cell,
    clock: Clock,
    *,
    patience: Patience | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Proof:
    """Run the whole check and clean up, also after a failure. GateError says which step failed, and how."""
    check = _Check(browser, clock, patience or Patience(), say)
    try:
        session = await (check.form(login) if isinstance(login, Form) else check.service(login))
        try:
            begun = clock.now()
            url = await check.start(session)
            seconds = clock.now() - begun
            say("running a cell")
            output = await check.run(session, url, cell)
        finally:
            say("stopping the server")
            await check.stop(session)
            await check.sign_out(session)
    except ConnectionError as error:
        message = f"the hub stopped answering: {error}"
        raise GateError(message) from error
    return Proof(session.way, seconds, output)


@dataclass(frozen=True, slots=True)
class _Session:
    user: str
    way: str
    token: str | None = None  # of the user; None: the cookies say who it is
    service: str | None = None
    token_id: str = ""


class _Check:
    """The steps, in their order."""

    def __init__(self, browser: Browser, clock: Clock, patience: Patience, say: Callable[[str], None]) -> None:
        self._browser, self._clock, self._patience, self._say = browser, clock, patience, say

    async def form(self, login: Form) -> _Session:
        """Fill the form as a person would."""
        self._say("logging in")
        page = await self._page("/hub/login")
        field = _XSRF_FIELD.search(page.text)
        if not field or 'name="password"' not in page.text:
            message = (
                f"{_where('/hub/login', page)} shows no login form; leave `gate.credentials` out for a hub whose login"
                " leads elsewhere: the service hubfleet-gate is used then"
            )
            raise GateError(message)
        form = {"_xsrf": field[1], "username": login.username, "password": login.password}
        reply = await self._browser.request("POST", "/hub/login", form=form)
        if reply.status not in _REDIRECTS:
            message = f"the login of {login.username} was refused: {_where('/hub/login', reply)}"
            raise GateError(message)
        return _Session(login.username, f"logged in by form as {login.username}")

    async def service(self, login: ServiceToken) -> _Session:
        """Make the gate's user, and a token of that user that lives no longer than the check may take."""
        self._say(f"making a token for {GATE_USER}")
        await self._page("/hub/health")
        service = _Session(GATE_USER, "", token=login.token)
        made = await self._api("POST", f"/users/{GATE_USER}", service)
        if made.status not in {_CREATED, _CONFLICT}:
            raise GateError(_refused("the service hubfleet-gate may not make its user", made))
        wanted = json.dumps({"note": "health check", "expires_in": int(self._patience.server) + 600})
        reply = await self._api("POST", f"/users/{GATE_USER}/tokens", service, wanted)
        if reply.status not in {_OK, _CREATED}:
            raise GateError(_refused("the service hubfleet-gate may not make a token for its user", reply))
        given = _parsed(reply)
        way = f"signed in by the service hubfleet-gate as {GATE_USER}"
        return _Session(GATE_USER, way, str(given["token"]), login.token, str(given["id"]))

    async def sign_out(self, session: _Session) -> None:
        """Take the token back; a form's session ends with its cookies."""
        if session.service:
            service = _Session(session.user, "", token=session.service)
            await self._api("DELETE", f"/users/{session.user}/tokens/{session.token_id}", service)

    async def start(self, session: _Session) -> str:
        """Start the server and return its path. A full cluster is told from a broken server: it is waited for."""
        await self.stop(session)  # of a check that was killed
        end = self._clock.now() + self._patience.server
        while True:
            self._say("starting a server")
            reply = await self._api("POST", f"/users/{quote(session.user)}/server", session)
            if reply.status not in {_CREATED, _ACCEPTED}:
                raise GateError(_refused("the server does not start", reply))
            url, why = await self._until_ready(session, end)
            if url:
                return url
            if not any(word in why for word in _NO_NODE) or self._clock.now() >= end:
                message = f"the server of {session.user} did not start: {why}"
                raise GateError(message)
            self._say("no node has room yet, trying again")

    async def run(self, session: _Session, url: str, cell: kernel.Cell) -> str:
        """Open the server as a browser does, start a kernel, run the cell."""
        await self._enter(session, url)
        headers = self._server_headers(session, url)
        reply = await self._browser.request("POST", f"{url}api/kernels", headers=headers)
        if reply.status != _CREATED:
            raise GateError(_refused("the server starts no kernel", reply))
        path = f"{url}api/kernels/{_parsed(reply)['id']}/channels"
        return await kernel.run(self._browser.channel(path, headers), cell)

    async def stop(self, session: _Session) -> None:
        """Stop the server if there is one, and wait until it is gone."""
        end = self._clock.now() + self._patience.stop
        asked = False
        while (server := await self._server(session)) is not None:
            if not asked and server.get("pending") != "stop":  # a start that is pending is interrupted
                reply = await self._api("DELETE", f"/users/{quote(session.user)}/server", session)
                asked = reply.status in {_ACCEPTED, _NO_CONTENT}
            if self._clock.now() >= end:
                message = f"the server of {session.user} did not stop within {self._patience.stop:g} s"
                raise GateError(message)
            await self._clock.sleep(0.5)

    async def _page(self, path: str) -> Reply:
        """Fetch a page, patiently: an ingress hears of a new hub a moment later."""
        end, said = self._clock.now() + self._patience.page, ""
        while self._clock.now() < end:
            try:
                reply = await self._browser.request("GET", path)
            except ConnectionError as error:
                said = str(error)
            else:
                if reply.status not in _NOT_YET:
                    return reply
                said = _where(path, reply)
            await self._clock.sleep(0.5)
        message = f"the hub does not answer within {self._patience.page:g} s: {said}"
        raise GateError(message)

    async def _until_ready(self, session: _Session, end: float) -> tuple[str, str]:
        """Return the server's path; or "" and what the hub said about the failure."""
        while True:
            server = await self._server(session)
            if server and server.get("ready"):
                return str(server["url"]), ""
            if not server or not server.get("pending"):
                return "", await self._progress(session)
            if self._clock.now() >= end:
                return "", f"not ready after {self._patience.server:g} s; {await self._progress(session)}"
            await self._clock.sleep(0.5)

    async def _progress(self, session: _Session) -> str:
        reply = await self._api("GET", f"/users/{quote(session.user)}/server/progress", session)
        events = [line.removeprefix("data:").strip() for line in reply.text.splitlines() if line.startswith("data:")]
        said = [str(json.loads(event).get("message", "")) for event in events if event.startswith("{")]
        return "; ".join(dict.fromkeys(said[-4:])) or "the hub gives no reason, its log does"

    async def _server(self, session: _Session) -> dict[str, Any] | None:
        reply = await self._api("GET", f"/users/{quote(session.user)}", session)
        if reply.status != _OK:
            raise GateError(_refused("the hub does not tell the server's state", reply))
        server: dict[str, Any] | None = _parsed(reply).get("servers", {}).get("")
        return server

    async def _enter(self, session: _Session, url: str) -> None:
        """Follow the server's redirects through the hub's OAuth and back, as a browser does."""
        path, headers = url, _authorization(session)
        for _ in range(12):
            reply = await self._browser.request("GET", path, headers=headers)
            if reply.status not in _REDIRECTS:
                break
            parts = urlsplit(reply.location)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
        if reply.status != _OK:
            raise GateError(_refused(f"the server at {url} cannot be opened", reply))

    async def _api(self, method: str, path: str, session: _Session, body: str | None = None) -> Reply:
        headers = _authorization(session)
        if not session.token:
            headers["X-XSRFToken"] = self._browser.cookie("_xsrf", "/hub/") or ""
        return await self._browser.request(method, f"/hub/api{path}", headers=headers, body=body)

    def _server_headers(self, session: _Session, url: str) -> dict[str, str]:
        xsrf = self._browser.cookie("_xsrf", url)
        return {**_authorization(session), **({"X-XSRFToken": xsrf} if xsrf else {})}


def _authorization(session: _Session) -> dict[str, str]:
    return {"Authorization": f"token {session.token}"} if session.token else {}


def _parsed(reply: Reply) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(reply.text)
    return value


def _where(path: str, reply: Reply) -> str:
    return f"{path} answers {reply.status}"


def _refused(what: str, reply: Reply) -> str:
    text = re.sub(r"<[^>]+>|\s+", " ", reply.text)
    return f"{what}: status {reply.status} {' '.join(text.split())[:300]}".rstrip()
