"""Answers the hub, the kubelet, Prometheus and, through Traefik, people whose hub is away."""

from __future__ import annotations

import hmac
import http.client
import json
import logging
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from route_agent.away import PAGE, RETRY_AFTER

if TYPE_CHECKING:
    from pathlib import Path

    from route_agent.agent import Agent

log = logging.getLogger(__name__)

_LONGEST_WAIT = 10.0


class Server(ThreadingHTTPServer):
    """Listens on all addresses by default; the token is read anew for each question, since a Secret may change."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, agent: Agent, token: Path, host: str = "") -> None:
        self.agent, self.token = agent, token
        super().__init__((host, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 15  # seconds without a byte of a request
    server_version = "route-agent"
    sys_version = ""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        question = {key: values[0] for key, values in parse_qs(url.query).items()}
        answers = {"/healthz": self._health, "/readyz": self._ready, "/metrics": self._metrics, "/away": self._away}
        if url.path in answers:
            answers[url.path]()
        elif url.path == "/routes" or url.path.startswith("/routes/"):
            self._routes(url.path.removeprefix("/routes").removeprefix("/"), question)
        else:
            self._text(HTTPStatus.NOT_FOUND, "not found\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as in the class above
        log.debug(format, *args)

    def _health(self) -> None:
        self._text(HTTPStatus.OK, "ok\n")

    def _ready(self) -> None:
        reason = self.server.agent.unready()
        self._text(HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK, f"{reason or 'ok'}\n")

    def _metrics(self) -> None:
        self._send(HTTPStatus.OK, self.server.agent.metrics(), "text/plain; version=0.0.4; charset=utf-8")

    def _away(self) -> None:
        self._send(
            HTTPStatus.SERVICE_UNAVAILABLE, PAGE, "text/html; charset=utf-8", **{"Retry-After": str(RETRY_AFTER)}
        )

    def _routes(self, key: str, question: dict[str, str]) -> None:
        """Answer with all routes that Traefik serves; or one, as soon as it leads to `target`, at most after `wait`."""
        if not self._allowed():
            self._text(HTTPStatus.FORBIDDEN, "a bearer token is needed\n")
            return
        try:
            wait = min(float(question.get("wait", "0")), _LONGEST_WAIT)
            found = self.server.agent.route(key, question.get("target"), wait) if key else self.server.agent.routes()
        except ValueError:
            self._text(HTTPStatus.BAD_REQUEST, "expected wait=SECONDS\n")
        except (OSError, http.client.HTTPException) as error:
            self._text(HTTPStatus.BAD_GATEWAY, f"Traefik does not answer: {error}\n")
        else:
            status = HTTPStatus.OK if found is not None else HTTPStatus.NOT_FOUND
            self._send(status, json.dumps(found), "application/json")

    def _allowed(self) -> bool:
        try:
            expected = self.server.token.read_text().strip()
        except OSError:
            log.exception("the token cannot be read")
            return False
        said = self.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        return bool(expected) and hmac.compare_digest(said.encode(), expected.encode())

    def _text(self, status: HTTPStatus, text: str) -> None:
        self._send(status, text, "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, body: str, kind: str, **headers: str) -> None:
        content = body.encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)
