"""What the hub chart renders: every object on and off, valid, the same twice, and safe by default."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from tests.charts import rules
from tests.charts.rendering import CHARTS, Objects, RenderError, render, template

CHART = "jupyterhub-base"
CASES = {"default": {}} | {
    file.stem: yaml.safe_load(file.read_text()) for file in sorted((CHARTS / CHART / "ci").glob("*-values.yaml"))
}
EVERYTHING: dict[str, Any] = {
    "imagePullSecrets": ["registry"],
    "hub": {
        "nodeSelector": {"a": "b"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "extraEnv": [{"name": "A", "value": "b"}],
        "extraVolumes": [{"name": "more", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
        "annotations": {"a": "b"},
        "service": {"annotations": {"a": "b"}},
        "serviceAccount": {"annotations": {"a": "b"}},
        "db": {"pvc": {"annotations": {"a": "b"}, "selector": {"matchLabels": {"a": "b"}}, "storageClassName": "fast"}},
    },
    "proxy": {
        "nodeSelector": {"a": "b"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "labels": {"a": "b"},
        "annotations": {"a": "b"},
        "service": {"type": "LoadBalancer", "nodePorts": {"http": 30001}, "loadBalancerSourceRanges": ["10.0.0.0/8"]},
    },
    "ingress": {"enabled": True, "annotations": {"a": "b"}, "tls": [{"hosts": ["h"], "secretName": "s"}]},
}
CASES["everything"] = EVERYTHING


@pytest.fixture(params=sorted(CASES))
def objects(request: pytest.FixtureRequest) -> Objects:
    return render(CHART, CASES[request.param])


def test_every_object_is_valid(objects: Objects) -> None:
    assert [error for item in objects if (error := rules.schema_errors(item))] == []


def test_every_pod_passes_pod_security_restricted(objects: Objects) -> None:
    assert {
        name: found for name, pod in objects.pods().items() if (found := rules.restricted_violations(pod["spec"]))
    } == {}


def test_no_container_can_write_to_its_image(objects: Objects) -> None:
    containers = [container for pod in objects.pods().values() for container in pod["spec"]["containers"]]
    assert all(container["securityContext"]["readOnlyRootFilesystem"] for container in containers)


def test_every_container_asks_for_cpu_and_memory(objects: Objects) -> None:
    containers = [container for pod in objects.pods().values() for container in pod["spec"]["containers"]]
    assert all({"cpu", "memory"} <= set(container["resources"]["requests"]) for container in containers)


def test_no_pod_names_a_version_of_the_chart(objects: Objects) -> None:
    assert [key for pod in objects.pods().values() for key in rules.versions_in_pods(pod)] == []


def test_every_object_says_whose_it_is(objects: Objects) -> None:
    for item in objects:
        labels = item["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "test", item["metadata"]["name"]
        assert labels["app.kubernetes.io/component"], item["metadata"]["name"]


def test_no_object_is_of_a_custom_kind(objects: Objects) -> None:
    groups = {item["apiVersion"].rpartition("/")[0] for item in objects}
    assert groups <= {"", "apps", "batch", "policy", "networking.k8s.io", "rbac.authorization.k8s.io"}


def test_two_renders_are_equal_to_the_byte() -> None:
    values = json.dumps(CASES["full-values"])
    assert template(CHART, values) == template(CHART, values)


def test_no_template_asks_for_chance_time_or_the_cluster() -> None:
    text = "".join(file.read_text() for file in (CHARTS / CHART / "templates").rglob("*.*"))
    assert re.findall(r"\b(rand\w+|gen[A-Z]\w+|lookup|now|uuidv4|derivePassword)\b(?=[ (])", text) == []


OPTIONAL = [
    ("PersistentVolumeClaim/hub-db-dir", {"hub": {"db": {"type": "sqlite-memory"}}}),
    ("PodDisruptionBudget/hub", {"hub": {"pdb": {"enabled": False}}}),
    ("PodDisruptionBudget/proxy", {"proxy": {"pdb": {"enabled": False}}}),
    ("NetworkPolicy/hub", {"hub": {"networkPolicy": {"enabled": False}}}),
    ("NetworkPolicy/proxy", {"proxy": {"networkPolicy": {"enabled": False}}}),
    ("NetworkPolicy/singleuser", {"singleuser": {"networkPolicy": {"enabled": False}}}),
    *(
        (f"{kind}/hub-secrets", {"hub": {"existingSecret": "s", "demoLogin": {"enabled": False}}})
        for kind in ("ServiceAccount", "Role", "RoleBinding", "ConfigMap", "Job")
    ),
]
ALWAYS = {
    *("ConfigMap/hub-config", "Secret/hub-values", "Deployment/hub", "Service/hub", "ServiceAccount/hub", "Role/hub"),
    *("RoleBinding/hub", "Deployment/proxy", "Service/proxy-api", "Service/proxy-public", "ServiceAccount/proxy"),
    *("Role/proxy", "RoleBinding/proxy", "ConfigMap/proxy-routes", "ConfigMap/singleuser-config"),
    *("ConfigMap/hub-test", "Pod/hub-test"),
}


def test_the_defaults_render_these_objects_and_no_others() -> None:
    assert set(render(CHART).names) == ALWAYS | {name for name, _ in OPTIONAL}


@pytest.mark.parametrize(("name", "off"), OPTIONAL)
def test_a_switch_takes_its_object_away_and_no_other(name: str, off: dict[str, Any]) -> None:
    taken = set(render(CHART).names) - set(render(CHART, off).names)
    assert name in taken
    assert {one.rpartition("/")[2] for one in taken} == {name.rpartition("/")[2]}


def test_an_ingress_leads_each_host_to_the_proxy() -> None:
    values = {"hub": {"baseUrl": "/x/"}, "ingress": {"enabled": True, "hosts": ["a", "b"], "ingressClassName": "c"}}
    spec = render(CHART, values).one("Ingress", "jupyterhub")["spec"]
    assert spec["ingressClassName"] == "c"
    assert [rule["host"] for rule in spec["rules"]] == ["a", "b"]
    for rule in spec["rules"]:
        (path,) = rule["http"]["paths"]
        assert path["path"] == "/x/"
        assert path["backend"]["service"] == {"name": "proxy-public", "port": {"name": "http"}}


def test_an_ingress_without_hosts_takes_every_host() -> None:
    (rule,) = render(CHART, {"ingress": {"enabled": True}}).one("Ingress", "jupyterhub")["spec"]["rules"]
    assert "host" not in rule


def test_the_route_agent_may_read_routes_and_nothing_else() -> None:
    assert render(CHART).one("Role", "proxy")["rules"] == [
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": ["proxy-routes"],
            "verbs": ["get", "list", "watch"],
        },
    ]


def test_only_the_route_agent_has_a_token_of_the_cluster() -> None:
    spec = render(CHART).one("Deployment", "proxy")["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    mounts = {c["name"]: {m["name"] for m in c["volumeMounts"]} for c in spec["containers"]}
    assert mounts == {"traefik": {"dynamic"}, "route-agent": {"dynamic", "token", "api-access"}}


def test_traefiks_api_listens_on_loopback_alone() -> None:
    (traefik, _) = render(CHART).one("Deployment", "proxy")["spec"]["template"]["spec"]["containers"]
    assert "--entrypoints.traefik.address=127.0.0.1:9000" in traefik["args"]
    assert {port["containerPort"] for port in traefik["ports"]} == {8000, 8082}


def test_the_hub_may_not_read_secrets() -> None:
    rules_ = render(CHART).one("Role", "hub")["rules"]
    assert not [rule for rule in rules_ if {"secrets", "*"} & set(rule["resources"])]


def blocks(policy: dict[str, Any]) -> dict[str, list[str]]:
    """Address ranges that a policy lets out on every port, with what they leave out."""
    peers = [peer for rule in policy["spec"]["egress"] if "ports" not in rule for peer in rule["to"]]
    return {peer["ipBlock"]["cidr"]: peer["ipBlock"].get("except", []) for peer in peers}


def test_servers_reach_the_internet_but_neither_the_metadata_server_nor_the_cluster() -> None:
    allowed = blocks(render(CHART).one("NetworkPolicy", "singleuser"))
    assert set(allowed) == {"0.0.0.0/0", "::/0"}
    assert {"169.254.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"} <= set(allowed["0.0.0.0/0"])
    assert "fc00::/7" in allowed["::/0"]


def test_each_egress_rule_can_be_turned_off() -> None:
    names = ("dnsPortsCloudMetadataServer", "dnsPortsKubeSystemNamespace", "dnsPortsPrivateIPs", "nonPrivateIPs")
    off = {"networkPolicy": {"egressAllowRules": dict.fromkeys(names, False)}}
    egress = render(CHART, {"singleuser": off}).one("NetworkPolicy", "singleuser")["spec"]["egress"]
    assert [sorted(peer) for rule in egress for peer in rule["to"]] == [["podSelector"], ["podSelector"]]


def admitted(policy: dict[str, Any], port: str) -> list[str]:
    """Namespaces that a policy lets in at a port."""
    peers = [
        peer
        for rule in policy["spec"]["ingress"]
        if {"port": port} in rule["ports"]
        for peer in rule.get("from", [])
        if "namespaceSelector" in peer
    ]
    return [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in peers]


@pytest.mark.parametrize(("name", "port"), [("hub", "http"), ("proxy", "http"), ("proxy", "api"), ("proxy", "metrics")])
def test_the_support_namespace_reaches_metrics_and_the_proxy(name: str, port: str) -> None:
    assert admitted(render(CHART).one("NetworkPolicy", name), port) == ["support"]
    assert admitted(render(CHART, {"monitoring": {"namespace": "m"}}).one("NetworkPolicy", name), port) == ["m"]
    assert admitted(render(CHART, {"monitoring": {"namespace": None}}).one("NetworkPolicy", name), port) == []


def test_people_come_in_through_the_proxy_alone() -> None:
    objects = render(CHART)
    opened = {
        name: [rule["ports"] for rule in objects.one("NetworkPolicy", name)["spec"]["ingress"] if not rule.get("from")]
        for name in ("hub", "proxy", "singleuser")
    }
    assert opened == {"hub": [], "proxy": [[{"port": "http"}]], "singleuser": []}


def test_a_proxy_that_only_an_ingress_may_reach() -> None:
    policy = render(CHART, {"proxy": {"networkPolicy": {"allowedIngressPorts": []}}}).one("NetworkPolicy", "proxy")
    assert not [rule for rule in policy["spec"]["ingress"] if not rule.get("from")]


def test_budgets_let_one_pod_go_at_a_time() -> None:
    objects = render(CHART, {"proxy": {"replicas": 3, "pdb": {"minAvailable": 2}}})
    assert objects.one("PodDisruptionBudget", "proxy")["spec"]["minAvailable"] == 2
    assert objects.one("PodDisruptionBudget", "hub")["spec"]["maxUnavailable"] == 1


def test_services_select_the_pods_of_their_component() -> None:
    objects = render(CHART)
    for service, deployment in (("hub", "hub"), ("proxy-api", "proxy"), ("proxy-public", "proxy")):
        labels = objects.one("Deployment", deployment)["spec"]["template"]["metadata"]["labels"]
        assert objects.one("Service", service)["spec"]["selector"].items() <= labels.items()


@pytest.mark.parametrize("port", ["8081", "8001", "8082"])
def test_prometheus_finds_each_kind_of_metrics(port: str) -> None:
    services = [item["metadata"]["annotations"] for item in render(CHART) if item["kind"] == "Service"]
    (found,) = (notes for notes in services if notes["prometheus.io/port"] == port)
    assert found["prometheus.io/scrape"] == "true"


def test_a_password_of_postgresql_comes_from_the_hubs_secret() -> None:
    values = {"hub": {"existingSecret": "mine", "db": {"type": "postgres", "url": "postgresql://u@h/d"}}}
    (hub,) = render(CHART, values).one("Deployment", "hub")["spec"]["template"]["spec"]["containers"]
    (password,) = (variable for variable in hub["env"] if variable["name"] == "PGPASSWORD")
    assert password["valueFrom"]["secretKeyRef"] == {"name": "mine", "key": "hub.db.password", "optional": True}


def test_free_form_values_stand_in_a_secret_and_in_no_config_map() -> None:
    values = {"custom": {"a": "s3cret"}, "hub": {"config": {"A": {"b": "s3cret"}}, "extraConfig": {"c": "# s3cret"}}}
    objects = render(CHART, {**values, "singleuser": {"extraEnv": {"d": "s3cret"}}})
    assert "s3cret" not in objects.text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hub": {"basUrl": "/"}}, "'/hub': additional properties 'basUrl' not allowed"),
        ({"hub": {"db": {"pvc": {"size": "1Gi"}}}}, "'/hub/db/pvc': additional properties 'size' not allowed"),
        ({"proxy": {"traefik": {"image": {"tags": "v"}}}}, "'/proxy/traefik/image': additional properties 'tags'"),
        ({"singleuser": {"memory": {"limt": 1}}}, "'/singleuser/memory': additional properties 'limt' not allowed"),
        ({"culling": {}}, "additional properties 'culling' not allowed"),
        ({"proxy": {"replicas": 0}}, "'/proxy/replicas': minimum: got 0, want 1"),
        ({"hub": {"baseUrl": "x"}}, "'/hub/baseUrl'"),
        ({"singleuser": {"uid": 0}}, "'/singleuser/uid'"),
        (
            {"singleuser": {"storage": {"dynamic": {"pvcNameTemplate": "c-{userid}"}}}},
            "'/singleuser/storage/dynamic/pvc",
        ),
        ({"hub": {"config": {"JupyterHub": {"authenticator_class": "native"}}}}, "hub.demoLogin.enabled to false"),
        ({"hub": {"db": {"type": "postgres"}}}, "hub.db.url is empty"),
        ({"singleuser": {"storage": {"type": "static"}}}, "singleuser.storage.static.pvcName is empty"),
    ],
)
def test_wrong_values_are_refused_with_their_path(values: dict[str, Any], message: str) -> None:
    with pytest.raises(RenderError, match=re.escape(message)):
        render(CHART, values)


def test_custom_values_may_be_anything() -> None:
    assert render(CHART, {"custom": {"a": [1, {"b": None}]}}).names == render(CHART).names
