"""The one-time Job: adds what is missing, and never changes or removes what is there."""

from __future__ import annotations

import base64
import json
import re
import runpy
from typing import Any

import pytest
from tests.charts.rendering import CHARTS, render

CHART = "jupyterhub-base"
SCRIPT = runpy.run_path(str(CHARTS / CHART / "files/secrets/create_secrets.py"))


class Api:
    """Secrets of one namespace, as the API server keeps them."""

    def __init__(self, **secrets: dict[str, str]) -> None:
        self.secrets = {name.replace("_", "-"): dict(keys) for name, keys in secrets.items()}
        self.writes = 0

    def __call__(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any] | None:
        name = path.removeprefix("/") or (body or {}).get("metadata", {}).get("name")
        if method == "GET":
            found = self.secrets.get(name)
            return (
                None
                if found is None
                else {"data": {k: base64.b64encode(v.encode()).decode() for k, v in found.items()}}
            )
        self.writes += 1
        assert method == ("PATCH" if name in self.secrets else "POST")
        self.secrets.setdefault(name, {}).update((body or {})["stringData"])
        return {}


def run(api: Api, values: dict[str, Any] | None = None) -> list[str]:
    """What the Job of a render does."""
    (container,) = render(CHART, values).one("Job", "hub-secrets")["spec"]["template"]["spec"]["containers"]
    wanted = json.loads(container["env"][0]["value"])
    done: list[str] = SCRIPT["ensure"](wanted, SCRIPT["Store"](api))
    return done


def test_a_first_install_makes_all_secrets() -> None:
    api = Api()
    run(api, {"hub": {"services": {"grader": {}}}})
    assert set(api.secrets) == {"hub", "hub-login", "hub-gate-login"}
    assert set(api.secrets["hub"]) == {
        "hub.config.JupyterHub.cookie_secret",
        "hub.config.CryptKeeper.keys",
        "hub.services.grader.apiToken",
        "hub.services.hubfleet-gate.apiToken",
        "proxy.token",
    }
    assert all(re.fullmatch("[0-9a-f]{64}", secret) for secret in api.secrets["hub"].values())
    assert re.fullmatch(r"[\w-]{32}", api.secrets["hub-login"]["password"])


def test_both_logins_have_the_password_that_the_hub_knows() -> None:
    api = Api()
    run(api)
    assert api.secrets["hub-login"] == {"username": "demo", "password": api.secrets["hub-gate-login"]["password"]}
    assert api.secrets["hub-gate-login"]["username"] == "hubfleet-gate"


def test_a_second_run_writes_nothing() -> None:
    api = Api()
    run(api)
    before, writes = json.dumps(api.secrets), api.writes
    run(api)
    assert (json.dumps(api.secrets), api.writes) == (before, writes)


def test_only_missing_keys_are_added() -> None:
    api = Api(
        hub={"proxy.token": "old", "hub.db.password": "theirs"}, hub_login={"username": "demo", "password": "old"}
    )
    run(api)
    assert api.secrets["hub"]["proxy.token"] == "old"
    assert api.secrets["hub"]["hub.db.password"] == "theirs"
    assert len(api.secrets["hub"]) == 5
    assert api.secrets["hub-gate-login"]["password"] == "old"  # noqa: S105


def test_a_new_user_name_keeps_the_password() -> None:
    api = Api(hub_login={"username": "demo", "password": "old"})
    run(api, {"hub": {"demoLogin": {"username": "ada"}}})
    assert api.secrets["hub-login"] == {"username": "ada", "password": "old"}


def test_nothing_that_is_said_holds_a_secret() -> None:
    api = Api()
    said = " ".join(run(api))
    assert "added" in said
    assert not [
        secret for keys in api.secrets.values() for key, secret in keys.items() if key != "username" and secret in said
    ]


def test_an_existing_secret_is_left_alone() -> None:
    api = Api()
    run(api, {"hub": {"existingSecret": "mine"}})
    assert set(api.secrets) == {"hub-login", "hub-gate-login"}


def test_there_is_no_job_where_nothing_is_to_be_made() -> None:
    objects = render(CHART, {"hub": {"existingSecret": "mine", "demoLogin": {"enabled": False}}})
    assert not [name for name in objects.names if name.endswith("/hub-secrets")]


def test_the_account_of_the_job_comes_before_it_and_goes_with_it() -> None:
    objects = [item for item in render(CHART) if item["metadata"]["name"] == "hub-secrets"]
    assert {item["kind"] for item in objects} == {"ServiceAccount", "ConfigMap", "Role", "RoleBinding", "Job"}
    notes = {item["kind"]: item["metadata"]["annotations"] for item in objects}
    weights = {kind: int(note["helm.sh/hook-weight"]) for kind, note in notes.items()}
    assert all(weights[kind] < weights["Job"] for kind in weights if kind != "Job")
    assert {note["helm.sh/hook"] for note in notes.values()} == {"pre-install,pre-upgrade"}
    assert {note["helm.sh/hook-delete-policy"] for note in notes.values()} == {"before-hook-creation,hook-succeeded"}


@pytest.mark.parametrize(("existing", "expected"), [(None, ["hub"]), ("mine", [])])
def test_the_account_may_touch_no_other_secret(existing: str | None, expected: list[str]) -> None:
    create, named = render(CHART, {"hub": {"existingSecret": existing}}).one("Role", "hub-secrets")["rules"]
    assert create == {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}
    assert named["resourceNames"] == [*expected, "hub-login", "hub-gate-login"]
    assert named["verbs"] == ["get", "patch"]
