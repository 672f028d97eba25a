"""What must hold of every object of every chart: offline schemas, Pod Security "restricted", no versions in pods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import kubernetes_validate  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA_VERSION = "1.36"
VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"),
}

Object = dict[str, Any]


def schema_errors(item: Object) -> str:
    """What the schema of Kubernetes says against an object; empty where it is valid."""
    try:
        kubernetes_validate.validate(item, SCHEMA_VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{item['kind']}/{item['metadata']['name']}: {error.message} at {'.'.join(map(str, error.path))}"
    return ""


def restricted_violations(spec: Object) -> tuple[str, ...]:
    """Each rule of Pod Security "restricted" that a pod specification breaks.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/
    """
    return tuple(_of_pod(spec)) + tuple(_of_containers(spec))


def _of_pod(spec: Object) -> Iterator[str]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield f"{key} is set"
    for volume in spec.get("volumes", []):
        for kind in set(volume) - {"name"} - VOLUMES:
            yield f"volume {volume['name']} is of type {kind}"
    if spec.get("securityContext", {}).get("sysctls"):
        yield "sysctls are set"


def _of_containers(spec: Object) -> Iterator[str]:
    pod = spec.get("securityContext", {})
    for container in (*spec.get("initContainers", []), *spec["containers"]):
        own = container.get("securityContext", {})
        for problem in _of_context({**pod, **own}, own):
            yield f"container {container['name']}: {problem}"
        for port in container.get("ports", []):
            if port.get("hostPort"):
                yield f"container {container['name']}: hostPort {port['hostPort']}"


def _of_context(merged: Object, own: Object) -> Iterator[str]:
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if merged.get("runAsNonRoot") is not True:
        yield "runAsNonRoot is not true"
    if merged.get("runAsUser") == 0:
        yield "runAsUser is 0"
    if merged.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "seccompProfile is neither RuntimeDefault nor Localhost"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []):
        yield "capabilities.drop lacks ALL"
    if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield f"capabilities.add is {capabilities['add']}"


def versions_in_pods(template: Object) -> tuple[str, ...]:
    """Labels and annotations of a pod template that name a chart's version, so that a stamp alone restarts pods."""
    metadata = template.get("metadata", {})
    keys = (*metadata.get("labels", {}), *metadata.get("annotations", {}))
    return tuple(key for key in keys if key in {"helm.sh/chart", "chart", "app.kubernetes.io/version"})
