"""Makes the generated Secrets of a hub once: adds what is missing and never changes or removes a secret that is there.

Runs in a Job before each install and upgrade, with an account that may do just this. Standard library only.
What is wanted comes as JSON in HUBFLEET_SECRETS: `{"hub": {"KEY": "hex32" | "token"}, "login": {...} | null}`.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Request = Callable[[str, str, dict[str, Any] | None], dict[str, Any] | None]

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SECONDS = 10  # for one answer of the API server


def generate(kind: str) -> str:
    """One new secret: 32 random bytes in hex, or 32 characters that are safe in a URL and easy to copy."""
    return secrets.token_hex(32) if kind == "hex32" else secrets.token_urlsafe(24)


def missing(wanted: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Make secrets for the keys that are not there."""
    return {key: generate(kind) for key, kind in wanted.items() if key not in found}


def login(username: str, password: str | None, found: Mapping[str, str]) -> dict[str, str]:
    """Make what a login's Secret lacks: its password is kept for ever, its user name follows the values."""
    lacking = {} if "password" in found else {"password": password or generate("token")}
    return {**lacking, **({} if found.get("username") == username else {"username": username})}


def ensure(wanted: dict[str, Any], store: Store) -> list[str]:
    """Bring every Secret to what is wanted; what was done, without a secret in it."""
    done = []
    if wanted["hub"]:
        done.append(store.add("hub", missing(wanted["hub"], store.read("hub"))))
    if wanted["login"]:
        done.append(store.add("hub-login", login(wanted["login"]["username"], None, store.read("hub-login"))))
        password = store.read("hub-login")["password"]
        gate = login(wanted["login"]["gate"], password, store.read("hub-gate-login"))
        done.append(store.add("hub-gate-login", gate))
    return done


class Store:
    """The Secrets of one namespace."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def read(self, name: str) -> dict[str, str]:
        """Keys and values of a Secret; empty where there is none."""
        found = self._request("GET", f"/{name}", None)
        return {key: base64.b64decode(value).decode() for key, value in ((found or {}).get("data") or {}).items()}

    def add(self, name: str, values: dict[str, str]) -> str:
        """Add keys to a Secret, which is made where it does not exist."""
        if not values:
            return f"Secret {name}: complete"
        if self._request("GET", f"/{name}", None) is None:
            labels = {"app.kubernetes.io/managed-by": "hubfleet-secrets"}
            self._request("POST", "", {"metadata": {"name": name, "labels": labels}, "stringData": values})
        else:
            self._request("PATCH", f"/{name}", {"stringData": values})
        return f"Secret {name}: added {', '.join(sorted(values))}"


def api(host: str, token: str, namespace: str, context: ssl.SSLContext) -> Request:
    """Give a function that asks the API server for Secrets; None where it says 404."""

    def request(method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any] | None:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        asked = urllib.request.Request(
            f"https://{host}/api/v1/namespaces/{namespace}/secrets{path}",
            method=method,
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"Bearer {token}", "Content-Type": kind},
        )
        try:
            with urllib.request.urlopen(asked, timeout=SECONDS, context=context) as answer:  # noqa: S310 - as above
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            if error.code == 404:  # noqa: PLR2004 - a status of HTTP
                return None
            said = json.load(error).get("message", "no message")
            message = f"The API server refused {method} of Secrets in {namespace}: {error.code} {said}"
            raise SystemExit(message) from None

    return request


def main() -> None:
    """Run as the Job does."""
    host = f"{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    if host.count(":") > 1:
        address, _, port = host.rpartition(":")
        host = f"[{address}]:{port}"
    request = api(
        host,
        (ACCOUNT / "token").read_text(),
        (ACCOUNT / "namespace").read_text(),
        ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt")),
    )
    for line in ensure(json.loads(os.environ["HUBFLEET_SECRETS"]), Store(request)):
        print(line)


if __name__ == "__main__":
    main()
