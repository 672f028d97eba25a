"""Which releases must pass before a production hub: those it names, or all staging hubs with the same chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubfleet.cluster_file import NO_CANARY, HubStage
from hubfleet.model import Problem, ReleaseId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hubfleet.cluster_file import ClusterFile, HubEntry

_Found = tuple[tuple[ReleaseId, ...], list[Problem]]


def canaries_of(file: ClusterFile, cluster: str, index: int, hub: HubEntry) -> _Found:
    """Return a hub's canaries, and what is wrong with what cluster.yaml says of them."""
    if hub.stage is HubStage.STAGING:
        return _of_staging(file, index, hub)
    if hub.canary == [NO_CANARY]:
        return (), []
    if hub.canary is None:
        return _default(file, cluster, index, hub)
    return _ids(cluster, hub.canary), wrong_canaries(file, index, hub.canary)


def wrong_canaries(file: ClusterFile, index: int, names: list[str]) -> list[Problem]:
    """Find the names among a hub's canaries that lead to no staging hub."""
    if names == [NO_CANARY]:
        return []
    return [problem for place, name in enumerate(names) if (problem := _wrong(file, index, names, place, name))]


def _of_staging(file: ClusterFile, index: int, hub: HubEntry) -> _Found:
    if hub.canary is None:
        return (), []
    path = ("hubs", index, "canary")
    return (), [file.document.problem(path, "no canary on a staging hub, which is one itself", ", ".join(hub.canary))]


def _default(file: ClusterFile, cluster: str, index: int, hub: HubEntry) -> _Found:
    same = [other.name for _, other in file.hubs if _is_staging(other) and other.helm_chart == hub.helm_chart]
    if same or _unreadable(file):
        return _ids(cluster, same), []
    expected = f"a staging hub with the chart {hub.helm_chart}, or `canary: none`"
    return (), [file.document.problem(("hubs", index, "name"), expected, "neither", "Production follows a canary.")]


def _wrong(file: ClusterFile, index: int, names: list[str], place: int, name: str) -> Problem | None:
    hubs = {hub.name: hub for _, hub in file.hubs}
    if (name in hubs and _is_staging(hubs[name])) or name in _unreadable(file):
        return None
    path = ("hubs", index, "canary", place) if len(names) > 1 else ("hubs", index, "canary")
    staging = ", ".join(hub.name for hub in hubs.values() if _is_staging(hub)) or "none here"
    what = "which is no staging hub" if name in hubs else "which is no hub of this cluster"
    return file.document.problem(path, f"staging hubs of this cluster ({staging})", f"`{name}`, {what}")


def _unreadable(file: ClusterFile) -> set[str]:
    """Return the names of entries with mistakes of their own: nothing can be said of them yet."""
    value = file.document.value
    entries = value.get("hubs") if isinstance(value, dict) else None
    read = {index for index, _ in file.hubs}
    return {
        str(entry.get("name"))
        for index, entry in enumerate(entries if isinstance(entries, list) else [])
        if index not in read and isinstance(entry, dict)
    }


def _is_staging(hub: HubEntry) -> bool:
    return hub.stage is HubStage.STAGING


def _ids(cluster: str, names: Iterable[str]) -> tuple[ReleaseId, ...]:
    return tuple(sorted(ReleaseId(cluster, name) for name in set(names)))
