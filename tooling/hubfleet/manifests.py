"""Manifests as objects that can be compared: secrets masked, version labels left out, random leaves named. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hubfleet import commands
from hubfleet.errors import ProblemsError, RenderError
from hubfleet.model import ReleaseId, digest
from hubfleet.yaml_reader import read_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

_VERSION_LABELS = {"helm.sh/chart", "app.kubernetes.io/version"}
_CHART_LABEL = re.compile(r"[a-z0-9-]+-\d+\.\d+\.\d+.*")  # `chart: jupyterhub-4.0.0`, the older name of the label
VOLATILE = "<differs with every render>"

Leaf = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Rendered:
    """The objects of one release, by kind, namespace and name."""

    objects: Mapping[str, object]
    volatile: tuple[Leaf, ...] = ()  # leaves that differ with every render; they say VOLATILE in `objects`

    @property
    def digest(self) -> str:
        """Hex SHA-256 of all objects and of how they are applied; what a deploy records."""
        return digest([self.objects, commands.APPLY])

    def without(self, leaves: Sequence[Leaf]) -> Rendered:
        """Take what another render found to be volatile out of this one too."""
        objects = {key: _replaced(item, _beneath(key, leaves)) for key, item in self.objects.items()}
        return Rendered(objects, (*self.volatile, *leaves)) if leaves else self


def read_manifests(text: str, release: ReleaseId) -> Rendered:
    """Parse what `helm template` or Helm's storage gives; RenderError where it is no YAML."""
    found: dict[str, object] = {}
    try:
        documents = read_documents(text.encode(), "the rendered manifests")
    except ProblemsError as error:
        raise RenderError(str(error)) from error
    for item in documents:
        if isinstance(item, Mapping):
            found[_free(_key(item, release), found)] = _comparable(item, release)
    return Rendered(found)


def settle(first: Rendered, second: Rendered) -> Rendered:
    """Mark the leaves in which two renders of the same thing differ."""
    return first.without(tuple(_different(first.objects, second.objects, ())))


def to_json(rendered: Rendered) -> str:
    """Write down what `from_json` reads."""
    return json.dumps({"objects": rendered.objects, "volatile": rendered.volatile})


def from_json(text: str) -> Rendered | None:
    """Read what `to_json` wrote; None for anything else."""
    try:
        value = json.loads(text)
        return Rendered(value["objects"], tuple(tuple(leaf) for leaf in value["volatile"]))
    except (ValueError, KeyError, TypeError):
        return None


def _key(item: Mapping[str, object], release: ReleaseId) -> str:
    metadata = item.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    namespace = metadata.get("namespace") or release.namespace
    place = "" if namespace == release.namespace else f"{namespace}/"
    return f"{item.get('kind')}/{place}{metadata.get('name')}"


def _free(key: str, taken: Mapping[str, object]) -> str:
    """Two objects of one name are two objects still: hooks may share one."""
    return key if key not in taken else _free(f"{key}+", taken)


def _comparable(item: Mapping[str, object], release: ReleaseId) -> object:
    plain = _without_version_labels(item)
    if item.get("kind") == "Secret" and isinstance(plain, dict):
        for part in ("data", "stringData"):
            if isinstance(plain.get(part), dict):
                plain[part] = {key: masked(value, release) for key, value in plain[part].items()}
    return plain


def masked(value: object, release: ReleaseId) -> str:
    """Return a keyed digest: equal in one release means equal values, and nothing is to be learned across releases."""
    key = f"hubfleet {release}".encode()
    return f"<secret {hmac.new(key, str(value).encode(), hashlib.sha256).hexdigest()[:16]}>"


def _without_version_labels(value: object) -> object:
    if isinstance(value, Mapping):
        return {
            str(key): _labels(item) if key == "labels" else _without_version_labels(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_without_version_labels(item) for item in value]
    return value


def _labels(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    return {
        str(key): item
        for key, item in value.items()
        if key not in _VERSION_LABELS and not (key == "chart" and _CHART_LABEL.fullmatch(str(item)))
    }


def _different(one: object, other: object, path: Leaf) -> Iterator[Leaf]:
    """Yield the smallest places in which two values differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        for key in one:
            yield from _different(one[key], other[key], (*path, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _different(left, right, (*path, index))
    elif one != other:
        yield path


def _replaced(value: object, leaves: Sequence[Leaf]) -> object:
    """Put VOLATILE at those of the places that exist."""
    if () in leaves:
        return VOLATILE
    if isinstance(value, Mapping) and leaves:
        return {key: _replaced(item, _beneath(key, leaves)) for key, item in value.items()}
    if isinstance(value, list) and leaves:
        return [_replaced(item, _beneath(index, leaves)) for index, item in enumerate(value)]
    return value


def _beneath(part: str | int, leaves: Sequence[Leaf]) -> list[Leaf]:
    return [leaf[1:] for leaf in leaves if leaf[0] == part]
