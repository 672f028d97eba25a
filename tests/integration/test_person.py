"""What a person sees in a browser: the way in, a notebook, a disk of their own, and a hub that may be away."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright
from pytest_helm_charts.k8s.deployment import wait_for_deployments_to_run
from tests.integration.fleet import NAME, PORT
from tests.integration.person import Person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser
    from pytest_helm_charts.clusters import Cluster

AWAY = 60.0  # seconds without a hub
FILE = f"kept-{secrets.token_hex(4)}.txt"  # the disks outlive the tests


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # A container as root has no user namespaces for Chromium's sandbox; only pages of our own are opened.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


def person_at(browser: Browser, hub: str) -> Person:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    return Person(page, f"http://{hub}.{NAME}.localhost:{PORT}")


@pytest.fixture(scope="module")
def person(browser: Browser, password: Callable[[str], str]) -> Person:
    """Somebody who has logged in at staging."""
    person = person_at(browser, "staging")
    person.log_in(password("staging"))
    return person


def test_a_notebook_runs_and_its_files_are_still_there_after_stop_and_start(
    person: Person, kube_cluster: Cluster
) -> None:
    notebook = person.new_notebook()
    person.run(f"from pathlib import Path; print(Path({FILE!r}).write_text('x' * 6) * 7)", "42")
    person.save()
    before = claims(kube_cluster)
    person.stop_server()
    person.start_server()
    assert person.fetch(f"api/contents/{FILE}") == 200
    assert person.fetch(f"api/contents/{notebook}") == 200
    assert claims(kube_cluster) == before


def test_in_the_other_hub_it_is_not(browser: Browser, password: Callable[[str], str]) -> None:
    other = person_at(browser, "prod")
    other.log_in(password("prod"))
    assert other.fetch("api/contents/") == 200
    assert other.fetch(f"api/contents/{FILE}") == 404
    other.stop_server()
    other.page.context.close()


def test_a_wrong_password_does_not_log_in(browser: Browser) -> None:
    stranger = person_at(browser, "staging")
    stranger.give_credentials("guess")
    stranger.page.get_by_text("Invalid username or password").wait_for()
    assert "/hub/login" in stranger.page.url
    stranger.page.context.close()


def test_while_the_hub_is_away_no_request_of_a_person_fails(person: Person, kube_cluster: Cluster) -> None:
    person.new_notebook()
    person.run("print('before', 1 + 1)", "before 2")
    kube_cluster.kubectl("scale deployment hub --replicas=0", namespace="staging", output_format="")
    with person.watched() as failures:
        kube_cluster.kubectl(
            "wait pod --for=delete --selector=app.kubernetes.io/component=hub", namespace="staging", output_format=""
        )
        asked, begin = 0, time.monotonic()
        while time.monotonic() - begin < AWAY:
            statuses = [
                person.fetch("api/status"),
                person.fetch("api/contents/"),
                person.fetch(f"api/contents/{FILE}", "PUT", {"type": "file", "format": "text", "content": str(asked)}),
            ]
            failures += [f"answered {status}" for status in statuses if status not in {200, 201}]
            asked += len(statuses)
            person.page.wait_for_timeout(500)
        person.run("print('during', 2 + 2)", "during 4")
        person.save()
        assert kube_cluster.kubectl("get deployment hub", namespace="staging")["spec"]["replicas"] == 0
        kube_cluster.kubectl("scale deployment hub --replicas=1", namespace="staging", output_format="")
        wait_for_deployments_to_run(kube_cluster.kube_client, ["hub"], "staging", 120)
        person.run("print('after', 3 + 3)", "after 6")
    assert failures == []
    assert asked > AWAY, "the person hardly asked for anything"
    person.stop_server()


def claims(kube_cluster: Cluster) -> dict[str, str]:
    """Name and volume of every disk of the demo user at staging."""
    found = kube_cluster.kubectl("get pvc", namespace="staging")
    theirs = {item["metadata"]["name"]: item["spec"].get("volumeName") for item in found}
    assert any("demo" in name for name in theirs), theirs
    return {name: volume for name, volume in theirs.items() if "demo" in name}
