"""What an edit restarts: the hub for its own configuration, the proxy for its own, nothing for a setting of a start."""

from __future__ import annotations

from typing import Any

import pytest
from tests.charts.rendering import Object, pod, render

CHART = "jupyterhub-base"

HUB_CONFIG, HUB_VALUES = "checksum/hub-config", "checksum/hub-values"
CASES: list[tuple[dict[str, Any], set[str]]] = [
    # Read for each start of a server.
    ({"singleuser": {"profileList": [{"display_name": "Small"}]}}, set()),
    ({"singleuser": {"image": {"tag": "other"}}}, set()),
    ({"singleuser": {"memory": {"limit": "2G"}}}, set()),
    ({"singleuser": {"cpu": {"guarantee": 0.5}}}, set()),
    ({"singleuser": {"defaultUrl": "/lab"}}, set()),
    ({"singleuser": {"extraResource": {"limits": {"nvidia.com/gpu": "1"}}}}, set()),
    # Objects of their own.
    ({"singleuser": {"networkPolicy": {"egressAllowRules": {"privateIPs": True}}}}, set()),
    ({"ingress": {"enabled": True, "hosts": ["h"]}}, set()),
    ({"hub": {"networkPolicy": {"enabled": False}, "pdb": {"enabled": False}}}, set()),
    ({"proxy": {"service": {"type": "NodePort"}, "replicas": 3}}, set()),
    # Read when the hub starts.
    ({"cull": {"timeout": 99}}, {HUB_CONFIG}),
    ({"hub": {"concurrentSpawnLimit": 9}}, {HUB_CONFIG}),
    ({"debug": {"enabled": True}}, {HUB_CONFIG}),
    ({"custom": {"a": "b"}}, {HUB_VALUES}),
    ({"hub": {"config": {"JupyterHub": {"active_user_window": 9}}}}, {HUB_VALUES}),
    ({"hub": {"extraConfig": {"a": "pass"}}}, {HUB_VALUES}),
    ({"hub": {"services": {"a": {}}}}, {HUB_VALUES}),
    ({"singleuser": {"extraEnv": {"A": "b"}}}, {HUB_VALUES}),
    ({"singleuser": {"storage": {"capacity": "1Gi"}}}, {HUB_VALUES}),
]


def pods(values: dict[str, Any] | None = None) -> dict[str, Object]:
    """Pod templates of the two Deployments."""
    objects = render(CHART, values)
    return {name: pod(objects.one("Deployment", name)) for name in ("hub", "proxy")}


def changed(values: dict[str, Any]) -> set[str]:
    """Annotations of the hub's pod that an edit changes; the rest of the pod must be as it was."""
    before, after = pods()["hub"], pods(values)["hub"]
    assert before["spec"] == after["spec"]
    notes, others = before["metadata"]["annotations"], after["metadata"]["annotations"]
    assert set(notes) == set(others)
    return {key for key in notes if notes[key] != others[key]}


@pytest.mark.parametrize(("values", "concerns"), CASES, ids=lambda case: str(case)[:70])
def test_an_edit_changes_the_checksum_of_its_own_concern_alone(values: dict[str, Any], concerns: set[str]) -> None:
    assert changed(values) == concerns


@pytest.mark.parametrize("values", [values for values, _ in CASES], ids=lambda case: str(case)[:70])
def test_none_of_these_edits_touches_the_proxy(values: dict[str, Any]) -> None:
    assert pods()["proxy"] == pods(values)["proxy"]


@pytest.mark.parametrize(
    "values",
    [
        {"hub": {"image": {"tag": "other"}}},
        {"hub": {"resources": {"requests": {"cpu": "1"}}}},
        {"hub": {"extraEnv": {"A": "b"}}},
        {"hub": {"demoLogin": {"enabled": False}}},
        {"hub": {"db": {"type": "sqlite-memory"}}},
    ],
    ids=str,
)
def test_an_edit_of_the_hubs_pod_leaves_the_proxy_alone(values: dict[str, Any]) -> None:
    before, after = pods(), pods(values)
    assert before["hub"] != after["hub"]
    assert before["proxy"] == after["proxy"]


@pytest.mark.parametrize(
    "values",
    [
        {"proxy": {"traefik": {"logLevel": "DEBUG"}}},
        {"proxy": {"agent": {"image": {"tag": "other"}}}},
        {"proxy": {"trustedIPs": []}},
    ],
    ids=str,
)
def test_an_edit_of_the_proxy_leaves_the_hub_alone(values: dict[str, Any]) -> None:
    before, after = pods(), pods(values)
    assert before["proxy"] != after["proxy"]
    assert before["hub"] == after["hub"]


def test_the_hub_is_replaced_before_the_next_one_starts_and_the_proxy_never_falls_short() -> None:
    objects = render(CHART)
    assert objects.one("Deployment", "hub")["spec"]["strategy"]["type"] == "Recreate"
    assert objects.one("Deployment", "proxy")["spec"]["strategy"]["rollingUpdate"] == {
        "maxSurge": 1,
        "maxUnavailable": 0,
    }
