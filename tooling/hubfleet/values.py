"""The values that Helm sees: layers over a chart's defaults, and which file set what. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hubfleet.errors import ProblemsError
from hubfleet.model import Problem
from hubfleet.parsing import shown
from hubfleet.yaml_reader import Document, Path, dotted, read_yaml

if TYPE_CHECKING:
    from hubfleet.model import Release
    from hubfleet.ports import Tree


@dataclass(frozen=True, slots=True)
class Values:
    """The merged values of a release, with the documents that they come from, the strongest last."""

    merged: Mapping[str, object]
    documents: tuple[Document, ...]

    def origin(self, path: Path) -> Document:
        """Return the strongest document that sets a key, or the nearest key above it."""
        for length in range(len(path), 0, -1):
            for document in reversed(self.documents):
                if path[:length] in document.lines:
                    return document
        return self.documents[-1] if self.documents else Document("", None, {})

    def problem(self, path: Path, expected: str, found: str, hint: str = "") -> Problem:
        """Make a problem at the place that sets a key."""
        document = self.origin(path)
        return Problem(document.file, document.line(path), dotted(path), expected, found, hint)

    def beneath(self, prefix: str) -> object:
        """Return the values that a chart beneath gets; `prefix` is "" or "name."."""
        value: object = self.merged
        for key in prefix.split(".")[:-1]:
            value = value.get(key, {}) if isinstance(value, Mapping) else {}
        return value


def read_values(tree: Tree, release: Release) -> tuple[Values, list[Problem]]:
    """Merge a release's layers over its chart's defaults; files that cannot be read are among the problems."""
    sources = dict(release.files)
    defaults, problems = _document(tree, f"{release.chart}/values.yaml")
    documents = [defaults] if defaults else []
    layers: Mapping[str, object] = {}
    for layer in release.layers:
        if layer.values is not None:
            layers = _merged(layers, json.loads(layer.values))
            continue
        document, found = _document(tree, sources.get(layer.path, layer.path))
        problems += found
        if document:
            documents.append(document)
            layers = _merged(layers, _mapping(document.value))
    merged = _coalesced(_mapping(defaults.value) if defaults else {}, layers)
    return Values(merged, tuple(documents)), problems


def _document(tree: Tree, path: str) -> tuple[Document | None, list[Problem]]:
    if path not in tree.files():
        return None, []
    try:
        document = read_yaml(tree.read(path), path)
    except ProblemsError as error:
        return None, list(error.problems)
    if document.value is not None and not isinstance(document.value, Mapping):
        return None, [Problem(path, 1, "", "keys and their values", shown(document.value))]
    return document, []


def _merged(under: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """Lay one file over another, as `--values` does: lists and null replace, mappings are merged."""
    result = dict(under)
    for key, value in over.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def _coalesced(defaults: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """Lay values over a chart's defaults: null takes a default away."""
    result = dict(over)
    for key, value in defaults.items():
        mine = over.get(key)
        if key not in over:
            result[key] = value
        elif mine is None:
            del result[key]
        elif isinstance(value, Mapping) and isinstance(mine, Mapping):
            result[key] = _coalesced(value, mine)
    return result


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
