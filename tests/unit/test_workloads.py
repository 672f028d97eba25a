"""How far workloads and pods are, read from objects as Kubernetes writes them."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import pytest
from lightkube.models.apps_v1 import DaemonSet, Deployment, StatefulSet
from lightkube.models.batch_v1 import Job
from lightkube.models.core_v1 import Pod as KubePod

from hubfleet.adapters import workloads

T = TypeVar("T")
META = {"name": "x", "generation": 2}
TEMPLATE: dict[str, Any] = {"selector": {"matchLabels": {}}, "template": {}}
SERVED = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}
STUCK = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}]


def made(kind: type[T], value: dict[str, Any]) -> T:
    return msgspec.convert(value, kind)


@pytest.mark.parametrize(
    ("replicas", "status", "ready", "detail"),
    [
        (3, SERVED, True, "3 of 3 available"),
        (3, {**SERVED, "observedGeneration": 1}, False, "3 of 3 available"),  # the controller has not looked yet
        (3, {**SERVED, "updatedReplicas": 1}, False, "3 of 3 available, 2 of the old left"),
        (3, {**SERVED, "replicas": 4}, False, "3 of 3 available, 1 of the old left"),
        (3, {**SERVED, "availableReplicas": 2}, False, "2 of 3 available"),
        (0, {"observedGeneration": 2}, True, "0 of 0 available"),
        (None, {"observedGeneration": 2}, False, "0 of 1 available"),
        (1, {}, False, "0 of 1 available"),
    ],
)
def test_deployment(replicas: int | None, status: dict[str, Any], detail: str, *, ready: bool) -> None:
    item = made(Deployment, {"metadata": META, "spec": {**TEMPLATE, "replicas": replicas}, "status": status})
    found = workloads.deployment(item, ())
    assert (found.ready, found.detail, found.failed) == (ready, detail, "")


def test_a_deployment_that_makes_no_progress_has_failed_only_for_its_newest_generation() -> None:
    value = {"metadata": META, "spec": TEMPLATE, "status": {"observedGeneration": 2, "conditions": STUCK}}
    assert workloads.deployment(made(Deployment, value), ()).failed == "timed out"
    value["status"] = {"observedGeneration": 1, "conditions": STUCK}
    assert workloads.deployment(made(Deployment, value), ()).failed == ""


@pytest.mark.parametrize(
    ("spec", "status", "ready"),
    [
        ({"replicas": 3}, SERVED, True),
        ({"replicas": 3}, {**SERVED, "readyReplicas": 2}, False),
        ({"replicas": 3}, {**SERVED, "updatedReplicas": 2}, False),
        ({"replicas": 0}, {"observedGeneration": 2, "replicas": 0}, True),
        (
            {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 1}}},
            {**SERVED, "updatedReplicas": 2},
            True,
        ),
        ({"replicas": 3, "updateStrategy": {"type": "OnDelete"}}, {**SERVED, "updatedReplicas": 0}, True),
    ],
)
def test_stateful_set(spec: dict[str, Any], status: dict[str, Any], *, ready: bool) -> None:
    value = {"metadata": META, "spec": {**TEMPLATE, "serviceName": "x", **spec}, "status": status}
    assert workloads.stateful_set(made(StatefulSet, value), ()).ready is ready


@pytest.mark.parametrize(
    ("numbers", "ready"),
    [((2, 2, 2), True), ((2, 1, 2), False), ((2, 2, 1), False), ((0, 0, 0), True)],
)
def test_daemon_set(numbers: tuple[int, int, int], *, ready: bool) -> None:
    names = ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable")
    counts = dict(zip(names, numbers, strict=True))
    status = {"observedGeneration": 2, "currentNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0, **counts}
    value = {"metadata": META, "spec": TEMPLATE, "status": status}
    assert workloads.daemon_set(made(DaemonSet, value), ()).ready is ready


COMPLETE = {"type": "Complete", "status": "True"}
CRITERIA = {"type": "SuccessCriteriaMet", "status": "True"}
FAILED = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "it failed"}


@pytest.mark.parametrize(
    ("conditions", "suspend", "ready", "failed"),
    [
        ([COMPLETE], False, True, ""),
        ([CRITERIA, COMPLETE], False, True, ""),  # as Kubernetes orders them since 1.31
        ([CRITERIA], False, False, ""),
        ([{**FAILED, "type": "FailureTarget"}, FAILED], False, False, "BackoffLimitExceeded: it failed"),
        ([{**FAILED, "status": "False"}], False, False, ""),
        ([], False, False, ""),
        ([], True, True, ""),
    ],
)
def test_job(conditions: list[dict[str, str]], failed: str, *, suspend: bool, ready: bool) -> None:
    value = {"metadata": META, "spec": {"template": {}, "suspend": suspend}, "status": {"conditions": conditions}}
    found = workloads.job(made(Job, value), ())
    assert (found.ready, found.failed) == (ready, failed)


def container(name: str, state: dict[str, Any], restarts: int = 0) -> dict[str, Any]:
    return {"name": name, "state": state, "restartCount": restarts, "ready": False, "image": "", "imageID": ""}


PULLING = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
OUT_OF_MEMORY = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
STARTING = {"waiting": {"reason": "ContainerCreating"}}
FULL = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes are available"}


@pytest.mark.parametrize(
    ("first", "then", "conditions", "expected"),
    [
        ([], [container("a", PULLING)], [], ("a", "ImagePullBackOff", "no such image")),
        ([], [container("a", STARTING)], [], ("", "", "")),
        (
            [],
            [container("a", {"running": {}}), container("b", PULLING)],
            [],
            ("b", "ImagePullBackOff", "no such image"),
        ),
        ([container("i", PULLING)], [container("a", STARTING)], [], ("i", "ImagePullBackOff", "no such image")),
        ([container("i", {"terminated": {"exitCode": 0}})], [], [], ("", "", "")),
        ([], [container("a", {"terminated": {"exitCode": 3}})], [], ("a", "Error", "exit code 3")),
        ([], [container("a", OUT_OF_MEMORY)], [], ("a", "OOMKilled", "exit code 137")),
        ([], [], [FULL], ("", "Unschedulable", "0/2 nodes are available")),
        ([], [], [], ("", "", "")),
    ],
)
def test_the_trouble_of_a_pod(
    first: list[dict[str, Any]],
    then: list[dict[str, Any]],
    conditions: list[dict[str, str]],
    expected: tuple[str, str, str],
) -> None:
    status = {"initContainerStatuses": first, "containerStatuses": then, "conditions": conditions}
    found = workloads.pod(made(KubePod, {"metadata": {"name": "p"}, "status": status}))
    assert (found.container, found.reason, found.message) == expected
    assert not found.ready


def test_a_ready_pod() -> None:
    status = {"conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [container("a", {}, 2)]}
    metadata = {"name": "p", "creationTimestamp": "2026-11-22T00:00:00Z"}
    found = workloads.pod(made(KubePod, {"metadata": metadata, "status": status}))
    assert (found.ready, found.restarts, found.created) == (True, 2, 1795305600.0)
