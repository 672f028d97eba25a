"""Turns `singleuser` values into traits of KubeSpawner; pure."""

from __future__ import annotations

from typing import Any

Traits = dict[str, Any]

# Trait → value below `singleuser`; the names are zero-to-jupyterhub's.
DIRECT = {
    "events_enabled": "events",
    "extra_annotations": "extraAnnotations",
    "extra_containers": "extraContainers",
    "extra_labels": "extraLabels",
    "environment": "extraEnv",
    "fs_gid": "fsGid",
    "http_timeout": "httpTimeout",
    "init_containers": "initContainers",
    "lifecycle_hooks": "lifecycleHooks",
    "node_affinity_preferred": "extraNodeAffinity.preferred",
    "node_affinity_required": "extraNodeAffinity.required",
    "node_selector": "nodeSelector",
    "pod_affinity_preferred": "extraPodAffinity.preferred",
    "pod_affinity_required": "extraPodAffinity.required",
    "pod_anti_affinity_preferred": "extraPodAntiAffinity.preferred",
    "pod_anti_affinity_required": "extraPodAntiAffinity.required",
    "service_account": "serviceAccountName",
    "start_timeout": "startTimeout",
    "storage_extra_labels": "storage.extraLabels",
    "uid": "uid",
}
LIVE = {
    "cpu_guarantee": "cpu.guarantee",
    "cpu_limit": "cpu.limit",
    "default_url": "defaultUrl",
    "extra_resource_guarantees": "extraResource.guarantees",
    "extra_resource_limits": "extraResource.limits",
    "image_pull_policy": "image.pullPolicy",
    "mem_guarantee": "memory.guarantee",
    "mem_limit": "memory.limit",
    "profile_list": "profileList",
}
# What Pod Security "restricted" asks of a pod.
CONTAINER_SECURITY: Traits = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
POD_SECURITY: Traits = {
    "fsGroupChangePolicy": "OnRootMismatch",
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
DEDICATED = ("hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated")  # the second for GKE, which allows no slash


def traits(singleuser: Traits, labels: dict[str, str]) -> dict[str, Traits]:
    """Everything that the values say about people's servers, by section of the configuration."""
    found = {trait: value for trait, path in DIRECT.items() if (value := _at(singleuser, path)) is not None}
    kube = {
        **found,
        **{trait: value for trait, value in live_traits(singleuser).items() if value},
        **storage_traits(singleuser["storage"]),
        "cmd": [singleuser["cmd"]] if isinstance(singleuser["cmd"], str) else singleuser["cmd"],
        "common_labels": labels,
        "component_label": "singleuser",
        "extra_pod_config": {"enableServiceLinks": False, **singleuser["extraPodConfig"]},
        "container_security_context": CONTAINER_SECURITY,
        "pod_security_context": POD_SECURITY,
        "tolerations": [*singleuser["extraTolerations"], *map(_toleration, DEDICATED)],
    }
    return {"KubeSpawner": kube}


def live_traits(singleuser: Traits) -> Traits:
    """Give the traits that are read anew for each start of a server; always all of them, so that each can be unset."""
    image = singleuser["image"]
    found: Traits = {trait: _at(singleuser, path) for trait, path in LIVE.items()}
    found["default_url"] = found["default_url"] or ""
    found["image"] = f"{image['name']}:{image['tag']}" if image.get("tag") else image["name"]
    found["image_pull_secrets"] = image["pullSecrets"]
    return found


def storage_traits(storage: Traits) -> Traits:
    """Volumes, mounts and claims of a server."""
    volumes: list[Traits] = []
    mounts: list[Traits] = []
    claims: Traits = {}
    if storage["type"] == "dynamic":
        dynamic = storage["dynamic"]
        volumes, mounts = _home(storage, dynamic, dynamic["volumeNameTemplate"], dynamic["pvcNameTemplate"])
        claims = _claims(storage)
    elif storage["type"] == "static":
        volumes, mounts = _home(storage, storage["static"], "home", storage["static"]["pvcName"])
    return {
        **claims,
        "volumes": volumes + _listed(storage["extraVolumes"]),
        "volume_mounts": mounts + _listed(storage["extraVolumeMounts"]),
    }


def _claims(storage: Traits) -> Traits:
    dynamic = storage["dynamic"]
    claims = {
        "pvc_name_template": dynamic["pvcNameTemplate"],
        "storage_access_modes": dynamic["storageAccessModes"],
        "storage_capacity": storage["capacity"],
        "storage_class": dynamic.get("storageClass"),
        "storage_pvc_ensure": True,
    }
    return {trait: value for trait, value in claims.items() if value is not None}


def _home(storage: Traits, kind: Traits, volume: str, claim: str) -> tuple[list[Traits], list[Traits]]:
    mount = {"mountPath": storage["homeMountPath"], "name": volume}
    if kind.get("subPath"):
        mount["subPath"] = kind["subPath"]
    return [{"name": volume, "persistentVolumeClaim": {"claimName": claim}}], [mount]


def _listed(items: list[Traits] | dict[str, Traits]) -> list[Traits]:
    return [items[key] for key in sorted(items)] if isinstance(items, dict) else list(items)


def _toleration(key: str) -> Traits:
    return {"key": key, "operator": "Equal", "value": "user", "effect": "NoSchedule"}


def _at(values: Traits, path: str) -> Any:  # noqa: ANN401 - a value may be anything
    """One value by its dotted path; Helm leaves out what is null."""
    found: Any = values
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found
