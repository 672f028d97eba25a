"""Writes routes as Traefik's dynamic configuration (file provider). No I/O.

Guarantees
- A prefix matches whole segments: /user/ann/ takes /user/ann and /user/ann/x, never /user/anna.
- It matches however a client spells the path: %40 for @, upper or lower case hex, encoded letters.
- The longest prefix wins, a prefix with a host before one without.
- The hub's metrics are not reachable.
- No text of a route can leave its quotes: in Traefik's rule language, in YAML, or in the Go template that a file is.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from route_agent.routes import Route

# Traefik matches a path in which percent-encoded octets are decoded unless they stand for one of RFC 3986's reserved
# characters or the percent sign: those stay as the client sent them. Other characters have one spelling.
_ENCODED_ONLY = frozenset("/?#%")
_EITHER_WAY = frozenset(":[]@!$&'()*+,;=")

_NOT_UTF8 = range(0xDC80, 0xDD00)  # octets as surrogateescape keeps them
_PRINTABLE, _ASCII, _SHORT = range(0x20, 0x7F), range(0x80), range(0x10000)

_WEB = ["web"]  # the entry point; metrics and API have others
_MARKER = "table-"
_ROUTE = "route-"
_AWAY = "hub-away"
_NOBODY = "http://127.0.0.1:1"  # nothing listens there: the answer is the page for a hub that is away


def configuration(routes: Iterable[Route], *, base_url: str, agent_url: str) -> dict[str, Any]:
    """Traefik's whole dynamic configuration, with a marker by which `/api/http/middlewares` tells that it is served."""
    table = {route.key: route for route in sorted(routes)}
    routers = {_ROUTE + key: _router(key, route, base_url) for key, route in table.items()}
    services = {_ROUTE + key: _service(route.target, hub=route.hub) for key, route in table.items()}
    if not any(route.hub or route.prefix == "/" for route in table.values()):
        routers[_AWAY] = {
            "entryPoints": _WEB,
            "rule": 'PathPrefix("/")',
            "priority": 1,
            "service": _AWAY,
            "middlewares": [_AWAY],
        }
        services[_AWAY] = _service(_NOBODY)
    away = {"status": ["502", "504"], "statusRewrites": {"502": 503, "504": 503}, "service": "agent", "query": "/away"}
    http = {
        "routers": routers,
        "services": services | {"agent": _service(agent_url)},
        "middlewares": {_AWAY: {"errors": away}},
        "serversTransports": {"hub": {"forwardingTimeouts": {"dialTimeout": "5s"}}},
    }
    digest = hashlib.sha256(json.dumps(http, sort_keys=True).encode()).hexdigest()[:32]
    http["middlewares"][_MARKER + digest] = {"replacePath": {"path": "/"}}
    return {"http": http}


def marker_of(configuration: Mapping[str, Any]) -> str:
    """Return the name of the middleware that stands for this configuration; ValueError where it is not one of ours."""
    try:
        names: Iterable[str] = configuration["http"]["middlewares"]
        return next(name for name in names if name.startswith(_MARKER))
    except (KeyError, TypeError, StopIteration) as error:
        message = "not a configuration of ours"
        raise ValueError(message) from error


def name_of(key: str) -> str:
    """Return the name of a route's router and service in Traefik."""
    return _ROUTE + key


def key_of(name: str) -> str | None:
    """Return the key of the route that a router's name (with or without `@file`) stands for; None for others."""
    return name.removeprefix(_ROUTE).removesuffix("@file") if name.startswith(_ROUTE) else None


def rule(route: Route) -> str:
    """Traefik's rule for a route."""
    paths = _paths(route.prefix)
    if route.host:
        return f"Host({_quote(route.host.partition(':')[0])}) && ({paths})"
    return paths


def _router(key: str, route: Route, base_url: str) -> dict[str, Any]:
    priority = 10 + len(route.prefix) + (1_000_000 if route.host else 0)
    router: dict[str, Any] = {"entryPoints": _WEB, "rule": rule(route), "priority": priority, "service": _ROUTE + key}
    if route.hub:
        metrics = _quote(f"{base_url}hub/metrics")
        router |= {"rule": f"({rule(route)}) && !PathPrefix({metrics})", "middlewares": [_AWAY]}
    return router


def _service(url: str, *, hub: bool = False) -> dict[str, Any]:
    transport = {"serversTransport": "hub"} if hub else {}
    return {"loadBalancer": {"servers": [{"url": url}], **transport}}


def _paths(prefix: str) -> str:
    """Return the rule for a prefix; words cost Traefik less than patterns, which only some names need."""
    if prefix == "/":
        return 'PathPrefix("/")'
    characters = [_spellings(part) for part in re.findall(r"%[0-9A-Fa-f]{2}|[^%]|%", prefix.removesuffix("/"))]
    if all(len(spellings) == 1 for spellings in characters):
        path = _text(b"".join(only for (only,) in characters))
        return f"Path({_quote(path)}) || PathPrefix({_quote(path + '/')})"
    return f"PathRegexp({_quote(f'^{_pattern(characters)}(?:/|$)')})"


def _pattern(characters: Iterable[tuple[bytes, ...]]) -> str:
    pieces = []
    for either, run in itertools.groupby(characters, key=lambda spellings: len(spellings) > 1):
        if either:
            pieces += ["(?:" + "|".join(_escape(_text(spelling)) for spelling in spellings) + ")" for spellings in run]
        else:
            pieces.append(_escape(_text(b"".join(only for (only,) in run))))
    return "".join(pieces)


def _spellings(part: str) -> tuple[bytes, ...]:
    octets = unquote_to_bytes(part)
    character = octets.decode("latin-1")
    if character in _EITHER_WAY:
        return octets, f"%{octets[0]:02X}".encode()
    if character in _ENCODED_ONLY and part != "/":
        return (f"%{octets[0]:02X}".encode(),)
    return (octets,)


def _escape(text: str) -> str:
    """Return the text as a Go regular expression: Python's escape does too much for it."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def _quote(text: str) -> str:
    """Return a string literal of Go's in ASCII, without braces: Traefik reads the file as YAML and as a template."""
    return '"' + "".join(map(_literal, text)) + '"'


def _literal(character: str) -> str:
    code = ord(character)
    if code in _NOT_UTF8:
        return f"\\x{code - 0xDC00:02x}"
    if code in _PRINTABLE and character not in '"\\{}`':
        return character
    return f"\\x{code:02x}" if code in _ASCII else f"\\u{code:04x}" if code in _SHORT else f"\\U{code:08x}"
