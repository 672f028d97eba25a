"""What the hub makes of the chart's values."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes_asyncio.client import ApiClient
from tests.charts import rules
from tests.charts.hub_files import CHART, SECRETS, HubFolder
from tests.charts.rendering import render

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


PROFILES = [{"display_name": "Large", "slug": "large", "kubespawner_override": {"mem_limit": "4G"}}]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HubFolder:
    return HubFolder(tmp_path, monkeypatch)


def configured(hub: HubFolder, values: Mapping[str, Any], secrets: Mapping[str, str] = SECRETS) -> Any:  # noqa: ANN401
    hub.mount(values, secrets)
    return hub.configure()


def test_defaults_make_a_hub_whose_servers_outlive_it(hub: HubFolder) -> None:
    c = configured(hub, {})
    assert c.JupyterHub.cleanup_servers is False
    assert c.JupyterHub.proxy_class == "hubfleet_proxy.KubernetesProxy"
    assert c.JupyterHub.db_url == "sqlite:////srv/jupyterhub/jupyterhub.sqlite"
    assert c.JupyterHub.cookie_secret == bytes.fromhex("ab" * 32)
    assert c.CryptKeeper["keys"] == ["cd" * 32]
    assert c.KubernetesProxy.api_token == "proxy-token"  # noqa: S105
    assert c.Spawner.consecutive_failure_limit == 0
    assert c.KubeSpawner.http_timeout == 120


def test_only_the_demo_user_and_the_gate_may_log_in(hub: HubFolder) -> None:
    c = configured(hub, {"hub": {"demoLogin": {"username": "ada"}}})
    assert c.JupyterHub.authenticator_class == "shared-password"
    assert c.SharedPasswordAuthenticator == {
        "allowed_users": {"ada", "hubfleet-gate"},
        "user_password": "demo-password",
    }


def test_hub_config_replaces_the_demo_login(hub: HubFolder) -> None:
    own = {"JupyterHub": {"authenticator_class": "native"}, "NativeAuthenticator": {"open_signup": False}}
    c = configured(hub, {"hub": {"demoLogin": {"enabled": False}, "config": own}})
    assert c.JupyterHub.authenticator_class == "native"
    assert c.NativeAuthenticator.open_signup is False
    assert "SharedPasswordAuthenticator" not in c


@pytest.mark.parametrize(
    ("values", "section", "trait", "expected"),
    [
        ({"hub": {"baseUrl": "/x/"}}, "JupyterHub", "base_url", "/x/"),
        ({"hub": {"allowNamedServers": True}}, "JupyterHub", "allow_named_servers", True),
        ({"hub": {"activeServerLimit": 9}}, "JupyterHub", "active_server_limit", 9),
        ({"hub": {"db": {"type": "sqlite-memory"}}}, "JupyterHub", "db_url", "sqlite://"),
        (
            {"hub": {"db": {"type": "postgres", "url": "postgresql://u@h/d"}}},
            "JupyterHub",
            "db_url",
            "postgresql://u@h/d",
        ),
        ({"debug": {"enabled": True}}, "JupyterHub", "log_level", "DEBUG"),
        ({"singleuser": {"cmd": ["a", "b"]}}, "KubeSpawner", "cmd", ["a", "b"]),
        ({"singleuser": {"cpu": {"limit": 2}}}, "KubeSpawner", "cpu_limit", 2),
        ({"singleuser": {"memory": {"guarantee": "2G"}}}, "KubeSpawner", "mem_guarantee", "2G"),
        ({"singleuser": {"nodeSelector": {"a": "b"}}}, "KubeSpawner", "node_selector", {"a": "b"}),
        ({"singleuser": {"extraEnv": {"A": "b"}}}, "KubeSpawner", "environment", {"A": "b"}),
        ({"singleuser": {"image": {"name": "x", "tag": "1"}}}, "KubeSpawner", "image", "x:1"),
        ({"singleuser": {"image": {"name": "x", "tag": None}}}, "KubeSpawner", "image", "x"),
        ({"singleuser": {"storage": {"dynamic": {"storageClass": "fast"}}}}, "KubeSpawner", "storage_class", "fast"),
        (
            {"imagePullSecrets": ["a"], "singleuser": {"image": {"pullSecrets": ["b", "a"]}}},
            *("KubeSpawner", "image_pull_secrets", ["a", "b"]),
        ),
    ],
)
def test_a_value_becomes_a_trait(
    hub: HubFolder, values: dict[str, Any], section: str, trait: str, expected: object
) -> None:
    assert configured(hub, values)[section][trait] == expected


def test_a_value_that_is_not_given_leaves_the_trait_to_hub_config(hub: HubFolder) -> None:
    c = configured(hub, {"hub": {"config": {"Spawner": {"mem_limit": "3G"}}}})
    assert c.Spawner.mem_limit == "3G"
    assert "mem_limit" not in c.KubeSpawner


def test_everybody_gets_a_disk_named_after_user_and_server(hub: HubFolder) -> None:
    spawner = configured(hub, {}).KubeSpawner
    assert spawner.storage_pvc_ensure is True
    assert spawner.pvc_name_template == "claim-{user_server}"
    claim = {"claimName": "claim-{user_server}"}
    assert spawner.volumes == [{"name": "volume-{user_server}", "persistentVolumeClaim": claim}]
    assert spawner.volume_mounts == [{"mountPath": "/home/jovyan", "name": "volume-{user_server}"}]


def test_a_shared_disk_has_a_folder_for_each_person(hub: HubFolder) -> None:
    spawner = configured(
        hub, {"singleuser": {"storage": {"type": "static", "static": {"pvcName": "homes"}}}}
    ).KubeSpawner
    assert spawner.volumes == [{"name": "home", "persistentVolumeClaim": {"claimName": "homes"}}]
    assert spawner.volume_mounts == [{"mountPath": "/home/jovyan", "name": "home", "subPath": "{username}"}]
    assert "storage_pvc_ensure" not in spawner


def test_no_storage_leaves_only_the_extra_volumes(hub: HubFolder) -> None:
    extra = {"b": {"name": "b", "emptyDir": {}}, "a": {"name": "a", "emptyDir": {}}}
    spawner = configured(hub, {"singleuser": {"storage": {"type": "none", "extraVolumes": extra}}}).KubeSpawner
    assert [volume["name"] for volume in spawner.volumes] == ["a", "b"]
    assert spawner.volume_mounts == []


def test_extra_config_reads_custom_values_and_runs_in_the_order_of_the_names(hub: HubFolder) -> None:
    extra = {
        "20-second": 'c.JupyterHub.said = c.JupyterHub.said + " " + get_config("custom.to.whom")',
        "10-first": 'import z2jh; c.JupyterHub.said = z2jh.get_config("custom.greeting", "Good day")',
    }
    c = configured(hub, {"custom": {"to": {"whom": "world"}}, "hub": {"extraConfig": extra}})
    assert c.JupyterHub.said == "Good day world"


def test_a_fault_in_extra_config_names_the_value(hub: HubFolder) -> None:
    hub.mount({"hub": {"extraConfig": {"broken": "a = ("}}})
    with pytest.raises(SyntaxError) as caught:
        hub.configure()
    assert caught.value.filename == "hub.extraConfig.broken"


def test_services_get_their_tokens_from_the_secret(hub: HubFolder) -> None:
    values = {"hub": {"services": {"b": {"url": "http://b"}, "a": {"apiToken": "given"}}, "gate": {"enabled": False}}}
    c = configured(hub, {**values, "cull": {"enabled": False}}, {**SECRETS, "hub.services.b.apiToken": "made"})
    assert c.JupyterHub.services == [
        {"name": "a", "api_token": "given"},
        {"name": "b", "url": "http://b", "api_token": "made"},
    ]


def test_a_service_without_a_token_is_refused_with_the_name_of_the_key(hub: HubFolder) -> None:
    hub.mount({"hub": {"services": {"b": {"url": "http://b"}}}})
    with pytest.raises(KeyError, match=r"hub\.services\.b\.apiToken"):
        hub.configure()


def test_the_gate_has_power_over_its_own_user_alone(hub: HubFolder) -> None:
    c = configured(hub, {})
    role = next(role for role in c.JupyterHub.load_roles if role["name"] == "hubfleet-gate")
    assert role["services"] == ["hubfleet-gate"]
    assert all(scope.endswith("!user=hubfleet-gate") for scope in role["scopes"])


def test_the_culler_waits_before_its_first_look_and_may_not_delete_people(hub: HubFolder) -> None:
    c = configured(hub, {"hub": {"baseUrl": "/x/"}, "cull": {"timeout": 99}})
    (culler,) = (service for service in c.JupyterHub.services if service["name"] == "jupyterhub-idle-culler")
    assert {"--delay=600", "--timeout=99", "--url=http://localhost:8081/x/hub/api"} <= set(culler["command"])
    (role,) = (role for role in c.JupyterHub.load_roles if role["name"] == "jupyterhub-idle-culler")
    assert "admin:users" not in role["scopes"]


def test_the_culler_starts_the_real_one_with_its_own_options(hub: HubFolder) -> None:
    hub.mount({})
    seconds, command = hub.module("culler").split(["--delay=7", "--timeout=99"])
    assert seconds == 7.0
    assert command[1:] == ["-m", "jupyterhub_idle_culler", "--timeout=99"]


class Cluster:
    """Answers for the API server with the ConfigMap of a render, or not at all."""

    def __init__(self, values: Mapping[str, Any] | None) -> None:
        self.values = values

    async def read_namespaced_config_map(self, name: str, _namespace: str, **_: object) -> SimpleNamespace:
        if self.values is None:
            raise TimeoutError
        return SimpleNamespace(data=render(CHART, self.values).one("ConfigMap", name)["data"])


def spawner_of(hub: HubFolder, at_start: Mapping[str, Any], now: Mapping[str, Any] | None) -> Any:  # noqa: ANN401
    """Start a hub with some values and let its spawner read others, as it does before any other hook."""
    config = configured(hub, at_start)
    hub.connect(Cluster(now))
    user = SimpleNamespace(name="ada", escaped_name="ada", id=1, url="/user/ada/", settings={}, groups=[])
    spawner = config.JupyterHub.spawner_class(_mock=True, config=config, user=user, namespace="test")
    asyncio.run(spawner.run_auth_state_hook(None))
    return spawner


def test_a_start_of_a_server_takes_the_settings_that_the_cluster_has_now(hub: HubFolder) -> None:
    now = {"singleuser": {"image": {"name": "x", "tag": "2"}, "memory": {"limit": "3G"}, "profileList": PROFILES}}
    spawner = spawner_of(hub, {"singleuser": {"memory": {"limit": "1G"}}}, now)
    assert (spawner.image, spawner.mem_limit, spawner.profile_list) == ("x:2", 3 * 2**30, PROFILES)
    assert "Large" in spawner.options_form


def test_a_setting_that_was_taken_out_goes(hub: HubFolder) -> None:
    spawner = spawner_of(hub, {"singleuser": {"memory": {"limit": "1G"}, "profileList": PROFILES}}, {})
    assert spawner.mem_limit is None
    assert spawner.options_form == ""


def test_extra_config_keeps_the_last_word(hub: HubFolder, caplog: pytest.LogCaptureFixture) -> None:
    extra = {"own": "c.KubeSpawner.mem_limit = '9G'; c.HubSpawner.default_url = '/tree'"}
    now = {"singleuser": {"memory": {"limit": "3G"}, "defaultUrl": "/lab"}}
    spawner = spawner_of(hub, {"hub": {"extraConfig": extra}}, now)
    assert (spawner.mem_limit, spawner.default_url) == (9 * 2**30, "/tree")
    said = [trait for trait in ("mem_limit", "default_url", "image") if f"KubeSpawner.{trait} stays" in caplog.text]
    assert said == ["mem_limit", "default_url"]


def test_a_server_starts_with_the_last_known_settings_when_the_cluster_does_not_answer(
    hub: HubFolder, caplog: pytest.LogCaptureFixture
) -> None:
    spawner = spawner_of(hub, {"singleuser": {"memory": {"limit": "1G"}}}, None)
    assert spawner.mem_limit == 2**30
    assert "singleuser-config" in caplog.text


def pod_of(spawner: Any) -> dict[str, Any]:  # noqa: ANN401
    """Make the pod that KubeSpawner would make."""
    pod = asyncio.run(spawner.get_pod_manifest())
    plain: dict[str, Any] = ApiClient.sanitize_for_serialization(ApiClient.__new__(ApiClient), pod)
    return plain


def test_the_pod_of_a_server_is_valid_and_passes_pod_security_restricted(hub: HubFolder) -> None:
    pod = pod_of(spawner_of(hub, {}, {}))
    assert rules.schema_errors(pod) == ""
    assert rules.restricted_violations(pod["spec"]) == ()
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["enableServiceLinks"] is False
    assert pod["spec"]["volumes"][0]["persistentVolumeClaim"] == {"claimName": "claim-ada"}


def test_a_server_bears_the_labels_that_its_network_policy_selects(hub: HubFolder) -> None:
    pod = pod_of(spawner_of(hub, {}, {}))
    selected = render(CHART).one("NetworkPolicy", "singleuser")["spec"]["podSelector"]["matchLabels"]
    assert selected.items() <= pod["metadata"]["labels"].items()
