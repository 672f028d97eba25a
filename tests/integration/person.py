"""A person with a browser: logs in, opens JupyterLab, works in a notebook. A real Chromium, no shortcuts."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playwright.sync_api import TimeoutError as NotSeen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page, Request, Response

USER = "demo"
START = 180_000  # milliseconds that a server may take to start
NOT_MODIFIED = 304
STEP = 60_000  # milliseconds for anything else
SHOWN = ".jp-NotebookPanel:not(.lm-mod-hidden)"  # the notebook in front


@dataclass
class Person:
    """One user of one hub, with a page of theirs and all that went wrong on it."""

    page: Page
    address: str
    failures: list[str] = field(default_factory=list)

    def log_in(self, password: str) -> None:
        """Log in by the hub's form; a server starts, and JupyterLab opens."""
        self.give_credentials(password)
        self.see_lab()

    def give_credentials(self, password: str) -> None:
        """Fill the hub's form and send it."""
        self.page.goto(self.address)
        self.page.fill("input[name=username]", USER)
        self.page.fill("input[name=password]", password)
        self.page.click("[type=submit]")

    def see_lab(self) -> None:
        """Wait until JupyterLab shows its file browser, without the tabs of the last time."""
        self.page.wait_for_url(f"{self.address}/user/{USER}/**", timeout=START)
        self.page.goto(f"{self.address}/user/{USER}/lab?reset")
        self.page.wait_for_selector(".jp-FileBrowser", timeout=STEP)

    def new_notebook(self) -> str:
        """Open a new notebook by the launcher's card, wait for its kernel, and give the file's name."""
        self.page.locator(".jp-LauncherCard[data-category=Notebook]").first.click(timeout=STEP)
        self.page.wait_for_selector(f"{SHOWN} .jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=STEP)
        return self.page.locator("#jp-main-dock-panel .jp-mod-current .lm-TabBar-tabLabel").inner_text()

    def run(self, code: str, expected: str) -> None:
        """Type a cell, run it, and see what it prints. A key that the page did not take yet is pressed again."""
        cells = self.page.locator(f"{SHOWN} .jp-Cell-inputArea .cm-content")
        output = self.page.locator(f"{SHOWN} .jp-OutputArea-output", has_text=expected).last
        for _ in range(3):
            typed = cells.filter(has_text=code)
            cell = typed.last if typed.count() else cells.last
            cell.click()
            if not typed.count():
                self.page.keyboard.insert_text(code)
            self.page.keyboard.press("Shift+Enter")
            with suppress(NotSeen):
                output.wait_for(timeout=STEP / 2)
                return
        output.wait_for(timeout=1)

    def save(self) -> None:
        """Save as people do, and keep the name that JupyterLab proposes the first time."""
        with self.page.expect_response(lambda got: got.request.method == "PUT" and "/api/contents/" in got.url) as got:
            self.page.keyboard.press("Control+s")
            with suppress(NotSeen):
                self.page.locator(".jp-Dialog .jp-mod-accept").click(timeout=3000)
        assert got.value.ok, f"saving answered {got.value.status}"

    def fetch(self, path: str, method: str = "GET", body: object = None) -> int:
        """Ask the person's own server from within the page, as JupyterLab does; 0 where no answer comes."""
        status: int = self.page.evaluate(
            """async ([path, method, body]) => {
                const tokens = document.cookie.split('; ').filter(c => c.startsWith('_xsrf=')).map(c => c.slice(6));
                try {
                    const reply = await fetch(path, {method, body, headers: {'X-XSRFToken': tokens.pop() || ''}});
                    return reply.redirected ? 302 : reply.status;
                } catch (error) { return 0; }
            }""",
            [f"/user/{USER}/{path}", method, None if body is None else json.dumps(body)],
        )
        return status

    def stop_server(self) -> None:
        """Press the button of the hub's home page, once the script that listens to it is there."""
        self.page.goto(f"{self.address}/hub/home", wait_until="networkidle")
        self.page.click("#stop", timeout=STEP)
        self.page.locator("#start", has_text="Start").wait_for(timeout=START)

    def start_server(self) -> None:
        """Press the button again; JupyterLab opens."""
        self.page.click("#start", timeout=STEP)
        self.see_lab()

    @contextmanager
    def watched(self) -> Iterator[list[str]]:
        """Collect every request to the person's own server that fails in the meantime."""
        self.page.on("response", self._answered)
        self.page.on("requestfailed", self._failed)
        try:
            yield self.failures
        finally:
            self.page.remove_listener("response", self._answered)
            self.page.remove_listener("requestfailed", self._failed)

    def _answered(self, response: Response) -> None:
        if "/user/" in response.url and response.status >= 300 and response.status != NOT_MODIFIED:
            self.failures.append(f"{response.request.method} {response.url} answered {response.status}")

    def _failed(self, request: Request) -> None:
        if "/user/" in request.url:
            self.failures.append(f"{request.method} {request.url} failed: {request.failure}")
