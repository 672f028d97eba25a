"""Tree → Inventory: which releases a repository describes and what each is made of.

This is the one place that knows a release's inputs: what is listed here is what is rendered, deployed and compared.
Nothing is rendered here, and nothing is asked of a cluster.
"""

from __future__ import annotations

import difflib
import json
import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hubfleet import commands
from hubfleet.canaries import canaries_of, wrong_canaries
from hubfleet.charts import Chart, chart_folders, follow, read_chart
from hubfleet.cluster_file import NO_CANARY, read_cluster_file
from hubfleet.errors import ProblemsError
from hubfleet.images import Image, read_images
from hubfleet.model import (
    Cluster,
    Gate,
    Input,
    Inventory,
    KindCluster,
    Layer,
    Problem,
    Release,
    ReleaseId,
    Stage,
    digest,
)
from hubfleet.patterns import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hubfleet.cluster_file import ClusterEntry, ClusterFile, Remnant
    from hubfleet.config import Config
    from hubfleet.ports import Tree

SUPPORT = "support"

# Inputs that say how or where a release is applied: no render shows them, so they count by themselves.
APPLY, CONNECTION = "argument apply", "argument connection"
COUNT_BY_THEMSELVES = frozenset({APPLY, CONNECTION})

_MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that was read of a tree, mistakes included."""

    inventory: Inventory
    problems: tuple[Problem, ...]
    files: tuple[ClusterFile, ...]
    charts: Mapping[str, Chart]  # by folder; those that a release uses
    images: tuple[Image, ...]


def read_inventory(tree: Tree, config: Config) -> Inventory:
    """Read a tree that must be valid; ProblemsError carries every mistake of every file."""
    found = survey(tree, config)
    if found.problems:
        raise ProblemsError(found.problems)
    return found.inventory


def survey(tree: Tree, config: Config) -> Survey:
    """Read as much as can be read, the mistakes beside it: an old revision's must not hide what it deployed."""
    reading = _Reading(tree, config)
    files = [reading.file(path) for path in sorted(tree.files()) if matches(path, [config.clusters])]
    parsed = [(file, file.cluster) for file in files if file.cluster]
    reading.problems += _across(files, config)
    clusters = {entry.name: _cluster(file, entry) for file, entry in parsed}
    releases = {release.id: release for file, entry in parsed for release in reading.releases(file, entry)}
    inventory = Inventory(clusters, dict(sorted(releases.items())))
    return Survey(inventory, tuple(sorted(set(reading.problems))), tuple(files), reading.charts, reading.images)


class _Reading:
    """What the releases of a tree share, read once: charts and images."""

    def __init__(self, tree: Tree, config: Config) -> None:
        self.tree = tree
        self.config = config
        self.problems: list[Problem] = []
        self.folders = chart_folders(tree, config.charts)
        self.charts: dict[str, Chart] = {}
        self.images: tuple[Image, ...] = ()
        try:
            self.images = read_images(tree, config.chartpress)
        except ProblemsError as error:
            self.problems += error.problems
        self.made = {image: (image.inputs(tree), image.tag(tree)) for image in self.images}

    def file(self, path: str) -> ClusterFile:
        """Parse one cluster.yaml."""
        file, problems = read_cluster_file(self.tree.read(path), path)
        self.problems += problems
        return file

    def releases(self, file: ClusterFile, cluster: ClusterEntry) -> Iterator[Release]:
        """Yield the support release, then the hubs."""
        if cluster.support:
            start = Release(ReleaseId(cluster.name, SUPPORT), Stage.SUPPORT, "", (), (), cluster.kubernetes_version)
            yield from self.filled(start, file, ("support",), self.config.support_chart)
        for index, hub in file.hubs:
            canaries, problems = canaries_of(file, cluster.name, index, hub)
            self.problems += problems
            start = Release(
                ReleaseId(cluster.name, hub.name),
                Stage(hub.stage),
                *("", (), (), cluster.kubernetes_version),
                canaries=canaries,
                display_name=hub.display_name,
                domain=hub.domain,
                gate=Gate(hub.gate.credentials, hub.gate.profile, hub.gate.skip),
            )
            yield from self.filled(start, file, ("hubs", index), hub.helm_chart)
        for remnant in file.remnants:
            self.check_remnant(file, remnant)

    def check_remnant(self, file: ClusterFile, remnant: Remnant) -> None:
        """Find what else is wrong with a hub that has mistakes: all at once, not one after the other."""
        path, hub = ("hubs", remnant.index), remnant.hub
        self.problems += wrong_canaries(file, remnant.index, hub.canary or [NO_CANARY])
        if "helm_chart" in remnant.keys and hub.helm_chart not in self.folders:
            self.problems.append(self.no_chart(file, path, hub.helm_chart))
        for _ in self.values(file, path):
            pass  # it notes the files that are missing

    def no_chart(self, file: ClusterFile, path: tuple[str | int, ...], name: str) -> Problem:
        """Say that a chart does not exist, and which do."""
        known = ", ".join(sorted(self.folders)) or f"a chart at {self.config.charts}"
        return file.document.problem((*path, "helm_chart"), f"one of {known}", f"`{name}`")

    def filled(
        self, release: Release, file: ClusterFile, path: tuple[str | int, ...], chart_name: str
    ) -> Iterator[Release]:
        """Add what a release is made of; nothing comes where its chart does not exist."""
        if chart_name not in self.folders:
            self.problems.append(self.no_chart(file, path, chart_name))
            return
        chart = self.chart(self.folders[chart_name])
        layers = [*self.values(file, path)]
        images = [image for image in self.images if image.chart in dict(chart.members)]
        computed = self.computed(chart, images)
        inputs = [
            *chart.inputs,
            *(item for _, _, found in layers for item in found),
            *(item for image in images for item in self.made[image][0]),
            *_arguments(file, chart, [place for place, _, _ in layers], self.config.helm_version),
        ]
        yield replace(
            release,
            chart=chart.folder,
            layers=(*computed, *(Layer(place) for place, _, _ in layers)),
            inputs=_unique(inputs),
            files=tuple(sorted({*chart.files, *((place, source) for place, source, _ in layers if source)})),
            images=tuple((image.name, self.made[image][1]) for image in images),
        )

    def chart(self, folder: str) -> Chart:
        """Read a chart once."""
        if folder not in self.charts:
            self.charts[folder] = read_chart(self.tree, folder)
            self.problems += self.charts[folder].problems
        return self.charts[folder]

    def values(self, file: ClusterFile, path: tuple[str | int, ...]) -> Iterator[tuple[str, str | None, list[Input]]]:
        """Yield (path as named, file that it leads to, inputs) of each values file, in order."""
        for index, name in enumerate(_names_of_values(file, path)):
            place = posixpath.normpath(posixpath.join(file.folder, name))
            source, links = follow(self.tree, place)
            if source in self.tree.files():
                yield place, source, [Input(each, self.tree.files()[each]) for each in (source, *links)]
                continue
            key = (*path, "helm_chart_values_files", index)
            self.problems.append(file.document.problem(key, *_not_there(self.tree, file.folder, place)))
            yield place, None, [Input(place, _MISSING)]

    def computed(self, chart: Chart, images: Sequence[Image]) -> tuple[Layer, ...]:
        """Return the layer with the tags of our images, if the chart has any; it is the first, so files override it."""
        values: dict[str, object] = {}
        for folder, prefix in chart.members:
            for image in (image for image in images if image.chart == folder):
                for path in image.values_paths:
                    _set(values, f"{prefix}{path}", {"name": image.name, "tag": self.made[image][1]})
        return (Layer(self.config.chartpress, json.dumps(values, sort_keys=True)),) if values else ()


def _arguments(file: ClusterFile, chart: Chart, layers: Sequence[str], helm_version: str) -> Iterator[Input]:
    """Yield what helm is told beside files. Keys that reach no argument, such as display_name, are no inputs."""
    cluster = file.cluster
    if cluster is None:
        return
    section = getattr(cluster, cluster.provider)
    # A kind cluster is found by its name, whatever its port and workers are.
    reached = None if cluster.kind or section is None else file.document.value
    yield Input("argument kube-version", cluster.kubernetes_version, (file.file,))
    yield Input("argument helm_chart", chart.folder, (file.file,))
    yield Input("argument helm_chart_values_files", digest(list(layers)), (file.file,))
    yield Input("argument helm", helm_version)
    yield Input(APPLY, " ".join(commands.APPLY))
    connection = reached.get(cluster.provider) if isinstance(reached, dict) else None
    yield Input(CONNECTION, digest([cluster.provider, connection]), (file.file,))


def _cluster(file: ClusterFile, entry: ClusterEntry) -> Cluster:
    return Cluster(
        name=entry.name,
        provider=entry.provider.value,
        kubernetes_version=entry.kubernetes_version,
        file=file.file,
        kind=KindCluster(entry.kind.workers, entry.kind.port) if entry.kind else None,
        kubeconfig=entry.kubeconfig.file if entry.kubeconfig else None,
        deploy=dict(file.overrides),
    )


def _across(files: Sequence[ClusterFile], config: Config) -> Iterator[Problem]:
    """Yield what is wrong with names and ports, within a file and between files."""
    if not files:
        yield Problem(config.clusters, 0, "", "at least one cluster's file", "none")
    ports: dict[int, str] = {}
    for file in files:
        yield from _twice(file)
        folder, cluster = posixpath.basename(file.folder), file.cluster
        if cluster and cluster.name != folder:
            yield file.document.problem(("name",), f"`{folder}`, the name of its folder", f"`{cluster.name}`")
        if cluster and cluster.kind:
            other = ports.setdefault(cluster.kind.port, file.file)
            if other != file.file:
                found = f"{cluster.kind.port}, which {other} has too"
                yield file.document.problem(("kind", "port"), "a port of its own", found)


def _twice(file: ClusterFile) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, hub in file.hubs:
        if hub.name in seen:
            yield file.document.problem(("hubs", index, "name"), "a name of its own", f"`{hub.name}` again")
        seen.add(hub.name)


def _names_of_values(file: ClusterFile, path: tuple[str | int, ...]) -> list[str]:
    if file.cluster and path == ("support",):
        return file.cluster.support.helm_chart_values_files if file.cluster.support else []
    hubs = {**{each.index: each.hub for each in file.remnants}, **dict(file.hubs)}
    return hubs[int(path[1])].helm_chart_values_files


def _not_there(tree: Tree, folder: str, place: str) -> tuple[str, str, str]:
    if place == ".." or place.startswith(("../", "/")):
        return "a file of the repository", f"{place}, outside of it", ""
    siblings = [posixpath.relpath(path, folder) for path in tree.files() if path.startswith(f"{folder}/")]
    near = difflib.get_close_matches(posixpath.relpath(place, folder), siblings, n=1, cutoff=0.85)
    return "a file", f"{place}, where there is none", f"Did you mean {near[0]}?" if near else ""


def _unique(inputs: Iterable[Input]) -> tuple[Input, ...]:
    """Keep one input per path: the one with the shortest way to it."""
    found: dict[str, Input] = {}
    for item in sorted(inputs, key=lambda item: (len(item.via), item)):
        found.setdefault(item.path, item)
    return tuple(sorted(found.values()))


def _set(values: dict[str, object], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for key in parents:
        inner = values.setdefault(key, {})
        values = inner if isinstance(inner, dict) else {}
    values[last] = value
