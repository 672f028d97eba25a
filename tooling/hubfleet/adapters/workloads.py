"""Reads how far workloads and pods are from Kubernetes' own objects. Pure: no request is made here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubfleet.ports import Pod, Workload

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lightkube.models.apps_v1 import DaemonSet, Deployment, StatefulSet
    from lightkube.models.batch_v1 import Job
    from lightkube.models.core_v1 import ContainerStatus
    from lightkube.models.core_v1 import Pod as KubePod

_STARTING = frozenset({"ContainerCreating", "PodInitializing"})


def deployment(item: Deployment, pods: tuple[Pod, ...]) -> Workload:
    """Judge a Deployment: everything of the newest generation is available, and nothing of an older one is left."""
    status, wanted = item.status, _replicas(item)
    updated, available = (status and status.updatedReplicas) or 0, (status and status.availableReplicas) or 0
    left = ((status and status.replicas) or 0) - updated
    ready = _observed(item) and updated == wanted == available and left == 0
    detail = f"{available} of {wanted} available" + (f", {left} of the old left" if left > 0 else "")
    failed = next(
        (
            condition.message or "the rollout made no progress"
            for condition in (status and status.conditions) or ()
            if condition.type == "Progressing" and condition.reason == "ProgressDeadlineExceeded"
        ),
        "",
    )
    return Workload("Deployment", _name(item), ready, detail, failed if _observed(item) else "", pods)


def stateful_set(item: StatefulSet, pods: tuple[Pod, ...]) -> Workload:
    """Judge a StatefulSet: every replica is ready, and those beyond the partition are of the newest revision."""
    status, wanted = item.status, _replicas(item)
    ready_replicas, updated = (status and status.readyReplicas) or 0, (status and status.updatedReplicas) or 0
    strategy = item.spec.updateStrategy if item.spec else None
    partition = (strategy and strategy.rollingUpdate and strategy.rollingUpdate.partition) or 0
    on_delete = strategy is not None and strategy.type == "OnDelete"
    newest = 0 if on_delete else max(wanted - partition, 0)
    ready = _observed(item) and ready_replicas == wanted and updated >= newest
    return Workload("StatefulSet", _name(item), ready, f"{ready_replicas} of {wanted} ready", "", pods)


def daemon_set(item: DaemonSet, pods: tuple[Pod, ...]) -> Workload:
    """Judge a DaemonSet: every node that should run it has an available pod of the newest generation."""
    status = item.status
    wanted, updated = (status and status.desiredNumberScheduled) or 0, (status and status.updatedNumberScheduled) or 0
    available = (status and status.numberAvailable) or 0
    ready = _observed(item) and status is not None and updated == wanted == available
    return Workload("DaemonSet", _name(item), ready, f"{available} of {wanted} available", "", pods)


def job(item: Job, pods: tuple[Pod, ...]) -> Workload:
    """Judge a Job by all its conditions: since Kubernetes 1.31 the final one need not stand first."""
    conditions = {
        condition.type: condition
        for condition in (item.status and item.status.conditions) or ()
        if condition.status == "True"
    }
    suspended = bool(item.spec and item.spec.suspend)
    done = "Complete" in conditions or suspended
    failure = conditions.get("Failed")
    failed = f"{failure.reason or 'Failed'}: {failure.message or ''}".rstrip(": ") if failure else ""
    return Workload("Job", _name(item), done, "complete" if done else "not complete", failed, pods)


def pod(item: KubePod) -> Pod:
    """Read what is wrong with a pod: of its init containers first, then of the others, then of its scheduling."""
    name, created = "", 0.0
    if item.metadata:
        name = item.metadata.name or ""
        created = item.metadata.creationTimestamp.timestamp() if item.metadata.creationTimestamp else 0.0
    status = item.status
    containers = [*((status and status.initContainerStatuses) or ()), *((status and status.containerStatuses) or ())]
    ready = any(
        condition.type == "Ready" and condition.status == "True" for condition in (status and status.conditions) or ()
    )
    restarts = max((each.restartCount for each in containers), default=0)
    container, reason, message = _trouble(containers)
    if not reason:
        reason, message = _unscheduled(item)
    return Pod(name, ready, reason, message, container, restarts, created)


def _trouble(containers: Iterable[ContainerStatus]) -> tuple[str, str, str]:
    for each in containers:
        waiting = each.state.waiting if each.state else None
        if waiting and waiting.reason and waiting.reason not in _STARTING:
            return each.name, waiting.reason, waiting.message or ""
        ended = each.state.terminated if each.state else None
        if ended and ended.exitCode:
            return each.name, ended.reason or "Error", ended.message or f"exit code {ended.exitCode}"
    return "", "", ""


def _unscheduled(item: KubePod) -> tuple[str, str]:
    for condition in (item.status and item.status.conditions) or ():
        if condition.type == "PodScheduled" and condition.status == "False":
            return condition.reason or "Unschedulable", condition.message or ""
    return "", ""


def _replicas(item: Deployment | StatefulSet) -> int:
    replicas = item.spec.replicas if item.spec else None
    return 1 if replicas is None else replicas


def _observed(item: Deployment | StatefulSet | DaemonSet) -> bool:
    observed = (item.status and item.status.observedGeneration) or 0
    return observed >= ((item.metadata and item.metadata.generation) or 0)


def _name(item: Deployment | StatefulSet | DaemonSet | Job) -> str:
    return (item.metadata and item.metadata.name) or ""
