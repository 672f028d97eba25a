"""What the chart `support` renders."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from tests.charts.rendering import CHARTS, RenderError, pod, render
from tests.charts.rules import restricted_violations, schema_errors, versions_in_pods

CASES = {
    path.stem.removesuffix("-values"): yaml.safe_load(path.read_text())
    for path in sorted((CHARTS / "support" / "ci").glob("*-values.yaml"))
}
CASES |= {"as-it-comes": {}, "no-ingress": {"ingress": {"enabled": False}}}
each_case = pytest.mark.parametrize("values", CASES.values(), ids=list(CASES))


def scrape_configs(values: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    config = yaml.safe_load(render("support", values).one("ConfigMap", "prometheus")["data"]["prometheus.yaml"])
    return {job["job_name"]: job for job in config["scrape_configs"]}


def checksum(values: dict[str, Any]) -> str:
    deployment = render("support", values).one("Deployment", "prometheus")
    return str(pod(deployment)["metadata"]["annotations"]["checksum/config"])


@each_case
def test_every_object_is_valid_for_kubernetes(values: dict[str, Any]) -> None:
    assert [error for item in render("support", values) if (error := schema_errors(item))] == []


@each_case
def test_every_pod_passes_pod_security_restricted(values: dict[str, Any]) -> None:
    pods = render("support", values).pods()
    assert pods
    assert {name: restricted_violations(item["spec"]) for name, item in pods.items()} == dict.fromkeys(pods, ())


@each_case
def test_every_container_says_what_it_needs_and_cannot_write_its_root(values: dict[str, Any]) -> None:
    for name, item in render("support", values).pods().items():
        for container in item["spec"]["containers"]:
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, name


@each_case
def test_programs_and_users_are_explicit_so_that_any_build_of_an_image_will_do(values: dict[str, Any]) -> None:
    for name, item in render("support", values).pods().items():
        assert item["spec"]["securityContext"]["runAsUser"] > 0, name
        assert all(container["command"] for container in item["spec"]["containers"]), name


@each_case
def test_no_chart_version_stands_anywhere(values: dict[str, Any]) -> None:
    objects = render("support", values)
    assert [name for name, item in objects.pods().items() if versions_in_pods(item)] == []
    assert not [item for item in objects if "helm.sh/chart" in item["metadata"].get("labels", {})]


@each_case
def test_tokens_are_mounted_only_where_the_api_is_watched(values: dict[str, Any]) -> None:
    for name, item in render("support", values).pods().items():
        needed = name in {"Deployment/ingress", "Deployment/prometheus"}
        assert item["spec"]["automountServiceAccountToken"] is needed, name


@each_case
def test_two_renders_are_the_same(values: dict[str, Any]) -> None:
    assert render("support", values, release="a").text == render("support", values, release="a").text


def test_each_part_can_be_left_out() -> None:
    without = render("support", {"ingress": {"enabled": False}, "prometheus": {"enabled": False}})
    assert without.names == ()
    assert not [name for name in render("support", CASES["no-ingress"]).names if "ingress" in name]


def test_roles_hold_no_right_to_write_but_the_status_of_ingresses() -> None:
    rules = [rule for item in render("support") if item["kind"] == "ClusterRole" for rule in item["rules"]]
    writing = [rule for rule in rules if set(rule["verbs"]) - {"get", "list", "watch"}]
    assert [(rule["resources"], rule["verbs"]) for rule in writing] == [(["ingresses/status"], ["update"])]


def test_prometheus_reads_no_secrets() -> None:
    rules = render("support").one("ClusterRole", "test-prometheus")["rules"]
    assert sorted(resource for rule in rules for resource in rule["resources"]) == [
        "endpointslices",
        "pods",
        "services",
    ]


def test_cluster_wide_names_carry_the_namespace_so_that_two_releases_can_live_side_by_side() -> None:
    kinds = {"ClusterRole", "ClusterRoleBinding"}
    names = [item["metadata"]["name"] for item in render("support", namespace="one") if item["kind"] in kinds]
    assert len(names) == 4
    assert all(name.startswith("one-") for name in names)


def test_the_node_port_of_plain_http_is_the_one_asked_for() -> None:
    values = {"ingress": {"service": {"type": "NodePort", "nodePort": 30080}}}
    ports = {port["name"]: port for port in render("support", values).one("Service", "ingress")["spec"]["ports"]}
    assert ports["http"]["nodePort"] == 30080
    assert "nodePort" not in ports["https"]


def test_metrics_are_not_in_the_service_that_the_world_reaches() -> None:
    ports = render("support").one("Service", "ingress")["spec"]["ports"]
    assert {port["targetPort"] for port in ports} == {"web", "websecure"}


def test_only_the_public_entry_points_get_the_hubs_routes() -> None:
    arguments = pod(render("support").one("Deployment", "ingress"))["spec"]["containers"][0]["args"]
    defaults = [argument for argument in arguments if "asDefault" in argument]
    assert defaults == ["--entryPoints.web.asDefault=true", "--entryPoints.websecure.asDefault=true"]


def test_headers_of_balancers_in_front_are_believed_only_when_named() -> None:
    assert "trustedIPs" not in render("support").text
    trusting = render("support", {"ingress": {"trustedIPs": ["10.0.0.0/8", "192.0.2.1"]}}).text
    assert trusting.count("forwardedHeaders.trustedIPs=10.0.0.0/8,192.0.2.1") == 2


def test_a_new_target_rule_restarts_prometheus_and_a_new_limit_leaves_its_configuration_alone() -> None:
    assert checksum({}) != checksum({"prometheus": {"scrapeInterval": "5s"}})
    assert checksum({}) == checksum({"prometheus": {"resources": {"limits": {"memory": "1Gi"}}}})


def test_users_routes_are_no_targets() -> None:
    discovery = scrape_configs()["services"]["kubernetes_sd_configs"]
    assert discovery == [
        {"role": "endpointslice", "selectors": [{"role": "endpointslice", "label": "!hubfleet/route"}]}
    ]


@pytest.mark.parametrize("job", ["services", "pods"])
def test_nothing_is_scraped_unasked(job: str) -> None:
    first = scrape_configs()[job]["relabel_configs"][0]
    assert first["action"] == "keep"
    assert first["regex"] == "true"
    assert first["source_labels"][0].endswith("annotation_prometheus_io_scrape")


def test_the_disk_of_prometheus_outlives_the_release() -> None:
    claim = render("support").one("PersistentVolumeClaim", "prometheus")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert (
        render("support", {"prometheus": {"storage": {"enabled": False}}}).get("PersistentVolumeClaim", "prometheus")
        is None
    )


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"ingres": {}}, "ingres"),
        ({"ingress": {"replica": 2}}, "replica"),
        ({"ingress": {"replicas": 0}}, "/ingress/replicas"),
        ({"ingress": {"service": {"type": "loadbalancer"}}}, "/ingress/service/type"),
        ({"prometheus": {"scrapeInterval": 30}}, "/prometheus/scrapeInterval"),
        ({"prometheus": {"retention": {"size": "8GiB"}}}, "/prometheus/retention/size"),
        ({"prometheus": {"image": {"tag": ""}}}, "/prometheus/image/tag"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else value,
)
def test_a_wrong_value_is_refused_with_its_place(values: dict[str, Any], place: str) -> None:
    with pytest.raises(RenderError, match=place):
        render("support", values)


def test_free_form_values_go_through() -> None:
    assert render("support", {"custom": {"anything": [1, {"goes": True}]}}).text == render("support").text
