"""Proves a release from inside the cluster, through the proxy: the hub is healthy, and a person can log in.

Run by `helm test` with the hub's image. Standard library only.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LOGIN = Path("/etc/jupyterhub-login")
PATIENCE = 60  # seconds for the hub to be healthy
FAILURES = (urllib.error.URLError, http.client.HTTPException, OSError)


def healthy(url: str, opener: urllib.request.OpenerDirector) -> None:
    """Ask the hub's health through the proxy until it says so; SystemExit when patience ends."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            opener.open(f"{url}hub/health", timeout=5).close()
        except FAILURES as error:
            if time.monotonic() > deadline:
                message = f"{url}hub/health did not answer 200 within {PATIENCE} s: {error}"
                raise SystemExit(message) from None
            time.sleep(1)
        else:
            return


def log_in(url: str, username: str, password: str, opener: urllib.request.OpenerDirector, jar: CookieJar) -> str:
    """Log in by the form and ask the hub who we are; the name that it answers."""
    opener.open(f"{url}hub/login", timeout=30).close()
    token = next((cookie.value for cookie in jar if cookie.name == "_xsrf"), "")
    form = {"username": username, "password": password, "_xsrf": token or ""}
    following = urllib.parse.quote(
        f"{urllib.parse.urlsplit(url).path}hub/home", safe=""
    )  # not to a server, which would start
    opener.open(f"{url}hub/login?next={following}", urllib.parse.urlencode(form).encode(), timeout=30).close()
    token = next((cookie.value for cookie in jar if cookie.name == "_xsrf"), "")
    asked = urllib.request.Request(f"{url}hub/api/user", headers={"X-XSRFToken": token or "", "Referer": url})  # noqa: S310
    with opener.open(asked, timeout=30) as answer:
        return str(json.load(answer)["name"])


def main(say: Callable[[str], None] = print) -> None:
    """Run as the pod of `helm test` does."""
    url = os.environ["HUB_URL"]
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    healthy(url, opener)
    say(f"{url}hub/health: 200")
    if not LOGIN.exists():
        return
    username = (LOGIN / "username").read_text().strip()
    found = log_in(url, username, (LOGIN / "password").read_text().strip(), opener, jar)
    if found != username:
        message = f"logged in as {username}, and the hub says {found}"
        raise SystemExit(message)
    say(f"logged in as {username}")


if __name__ == "__main__":
    main()
