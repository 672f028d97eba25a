"""What people will notice of a difference between two sets of objects. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hubfleet.model import Impact

if TYPE_CHECKING:
    from hubfleet.manifests import Rendered

_COMPONENT = "app.kubernetes.io/component"
_WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet"}
_STORAGE = {"PersistentVolumeClaim", "PersistentVolume", "StorageClass", "VolumeSnapshotClass"}
_RESTARTS = {"hub": Impact.RESTARTS_HUB, "proxy": Impact.RESTARTS_PROXY}
_READ_AT_SPAWN = {"singleuser", "hub"}  # the hub reads its ConfigMaps and Secrets for the servers that it starts


def changed_objects(before: Rendered, after: Rendered) -> frozenset[str]:
    """Return the keys of the objects that differ."""
    keys = before.objects.keys() | after.objects.keys()
    return frozenset(key for key in keys if before.objects.get(key) != after.objects.get(key))


def impact(before: Rendered, after: Rendered) -> tuple[Impact, ...]:
    """Classify every object that differs; in the order of the enumeration, each once."""
    found = {
        _of(key.partition("/")[0], before.objects.get(key), after.objects.get(key))
        for key in changed_objects(before, after)
    }
    if Impact.RESTARTS_HUB in found:
        found.discard(Impact.NEXT_SPAWN)  # it is what the restart is for
    return tuple(kind for kind in Impact if kind in found)


def _of(kind: str, old: object, new: object) -> Impact:
    if kind in _STORAGE and (old is not None and _spec(old) != _spec(new)):
        return Impact.STORAGE_AT_RISK
    if kind in _WORKLOADS:
        return _of_workload(old, new)
    if old is not None and new is not None and _without_metadata(old) == _without_metadata(new):
        return Impact.METADATA
    if kind in {"ConfigMap", "Secret"} and _component(new or old) in _READ_AT_SPAWN:
        return Impact.NEXT_SPAWN
    return Impact.OTHER


def _of_workload(old: object, new: object) -> Impact:
    if _at(old, "spec", "volumeClaimTemplates") != _at(new, "spec", "volumeClaimTemplates") and old is not None:
        return Impact.STORAGE_AT_RISK
    if _at(old, "spec", "template") != _at(new, "spec", "template"):
        return _RESTARTS.get(_component(new or old), Impact.OTHER)
    return Impact.METADATA if old is not None and _spec(old) == _spec(new) else Impact.OTHER


def _spec(item: object) -> object:
    """Return what an object says beside its kind and its metadata."""
    return _without_metadata(item).get("spec") if isinstance(item, Mapping) else None


def _without_metadata(item: object) -> Mapping[str, object]:
    return {key: value for key, value in item.items() if key != "metadata"} if isinstance(item, Mapping) else {}


def _component(item: object) -> str:
    return str(_at(item, "metadata", "labels", _COMPONENT) or "")


def _at(item: object, *path: str) -> object:
    for key in path:
        item = item.get(key) if isinstance(item, Mapping) else None
    return item
