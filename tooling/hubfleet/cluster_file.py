"""The shape of a cluster.yaml: parses one file into typed entries, every mistake with its line."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from hubfleet.config import DeployPolicy
from hubfleet.errors import ProblemsError
from hubfleet.model import Problem
from hubfleet.parsing import expectation, shown
from hubfleet.yaml_reader import Document, read_yaml

RESERVED = {"support", "none", "hubfleet", "default"}  # and kube-*, which belongs to Kubernetes
NO_CANARY = "none"
LONGEST_NAME = 53  # of a Helm release


class Provider(StrEnum):
    """Who runs a cluster; the section of that name says how to reach it."""

    KIND = "kind"
    KUBECONFIG = "kubeconfig"
    GCP = "gcp"
    AWS = "aws"
    AZURE = "azure"


class HubStage(StrEnum):
    """The stages that a hub may have."""

    STAGING = "staging"
    PRODUCTION = "production"


def _name(text: str) -> str:
    if len(text) > LONGEST_NAME or not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", text):
        message = f"lower-case letters, digits and inner dashes, at most {LONGEST_NAME}"
        raise ValueError(message)
    return text


def _free(name: str) -> str:
    if name in RESERVED or name.startswith("kube-"):
        message = f"a name that is not reserved ({', '.join(sorted(RESERVED))}, kube-*)"
        raise ValueError(message)
    return name


def _domain(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", text):
        message = "a host name without scheme, port or path"
        raise ValueError(message)
    return text


def _minor_version(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"[1-9]\d*\.\d+", value):
        message = 'major and minor version in quotes, such as "1.36"'
        raise ValueError(message)
    return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Name = Annotated[str, AfterValidator(_name)]
Text = Annotated[str, Field(min_length=1)]
Names = Annotated[list[Name], Field(min_length=1), BeforeValidator(_listed)]


_T = TypeVar("_T", bound=BaseModel)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class GateEntry(_Entry):
    """How a hub is proven."""

    credentials: Name | None = None
    profile: Text | None = None
    skip: Text | None = None

    @model_validator(mode="after")
    def _one_way(self) -> GateEntry:
        if self.skip and (self.credentials or self.profile):
            message = "either `skip` or the other keys of a gate"
            raise ValueError(message)
        return self


class HubEntry(_Entry):
    """One entry of `hubs:`."""

    name: Annotated[Name, AfterValidator(_free)]
    display_name: Text = ""
    domain: Annotated[str, AfterValidator(_domain)] | None = None
    stage: Annotated[HubStage, Field(strict=False)]
    canary: Names | None = None
    helm_chart: Name
    helm_chart_values_files: list[Text]
    gate: GateEntry = GateEntry()


class SupportEntry(_Entry):
    """`support:`."""

    helm_chart_values_files: list[Text]


class KindEntry(_Entry):
    """`kind:`; the port is on 127.0.0.1."""

    workers: Annotated[int, Field(ge=1, le=20)] = 1
    port: Annotated[int, Field(ge=1, le=65535)] = 8080


class KubeconfigEntry(_Entry):
    """`kubeconfig:`; the file is relative to the cluster's folder."""

    file: Text


class ClusterEntry(_Entry):
    """A cluster.yaml without its hubs, which are parsed one by one so that each mistake is found."""

    name: Name
    provider: Annotated[Provider, Field(strict=False)]
    kubernetes_version: Annotated[str, BeforeValidator(_minor_version)]
    kind: KindEntry | None = None
    kubeconfig: KubeconfigEntry | None = None
    gcp: dict[str, Any] | None = None
    aws: dict[str, Any] | None = None
    azure: dict[str, Any] | None = None
    support: SupportEntry | None = None
    deploy: dict[str, Any] | None = None  # parsed as a DeployPolicy
    hubs: list[Any] = []


@dataclass(frozen=True, slots=True)
class Remnant:
    """What is readable of a hub with mistakes: no release, but its other keys are checked all the same."""

    index: int
    hub: HubEntry  # with stand-ins for what is not in `keys`
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class ClusterFile:
    """One parsed file. `cluster` is None, and hubs are missing, where they have mistakes."""

    file: str
    document: Document
    cluster: ClusterEntry | None
    hubs: tuple[tuple[int, HubEntry], ...]  # with the entry's place in the list
    overrides: tuple[tuple[str, str | int], ...] = ()  # what `deploy:` says
    remnants: tuple[Remnant, ...] = ()  # of the hubs that are missing

    @property
    def folder(self) -> str:
        """The folder that the file's own paths are relative to."""
        return self.file.rpartition("/")[0]


def read_cluster_file(data: bytes, file: str) -> tuple[ClusterFile, list[Problem]]:
    """Parse a cluster.yaml; the second value is everything that is wrong with its shape."""
    try:
        document = read_yaml(data, file)
    except ProblemsError as error:
        return ClusterFile(file, Document(file, None, {}), None, ()), list(error.problems)
    if not isinstance(document.value, dict):
        problem = Problem(file, 1, "", "keys such as `name` and `hubs`", shown(document.value))
        return ClusterFile(file, document, None, ()), [problem]
    cluster, problems = _parse(ClusterEntry, document.value, document, ())
    entries = document.value.get("hubs")
    parsed = [_parse(HubEntry, entry, document, ("hubs", index)) for index, entry in enumerate(_list(entries))]
    hubs = tuple((index, hub) for index, (hub, _) in enumerate(parsed) if hub)
    problems += [problem for _, found in parsed for problem in found]
    remnants = tuple(_remnant(index, entry) for index, entry in enumerate(_list(entries)) if not parsed[index][0])
    if cluster is None:
        return ClusterFile(file, document, None, hubs, remnants=remnants), problems
    overrides = cluster.deploy or {}
    problems += _sections(document, cluster) + _overrides(document, overrides)
    return ClusterFile(file, document, cluster, hubs, tuple(sorted(overrides.items())), remnants), problems


def _parse(
    kind: type[_T], value: object, document: Document, path: tuple[str | int, ...]
) -> tuple[_T | None, list[Problem]]:
    try:
        return kind.model_validate(value), []
    except ValidationError as error:
        known = kind.model_fields
        return None, [
            document.problem((*path, *details["loc"]), *expectation(details, known if len(details["loc"]) == 1 else ()))
            for details in error.errors()
        ]


def _remnant(index: int, entry: object) -> Remnant:
    """Keep the keys of a hub that are sound by themselves."""
    good: dict[str, object] = {}
    stand_ins = {"name": "unread", "stage": "production", "helm_chart": "unread", "helm_chart_values_files": []}
    for key, value in entry.items() if isinstance(entry, dict) else ():
        try:
            HubEntry.model_validate({**stand_ins, key: value})
        except (TypeError, ValidationError):
            continue  # its problem is told already
        good[key] = value
    return Remnant(index, HubEntry.model_validate({**stand_ins, **good}), frozenset(good))


def _sections(document: Document, cluster: ClusterEntry) -> list[Problem]:
    """Find what breaks the rule: the section of the provider, and no other provider's."""
    present = [name for name in Provider if getattr(cluster, name) is not None]
    extra = [
        document.problem((name,), f"no section but `{cluster.provider}`, the provider's", f"the section `{name}`")
        for name in present
        if name != cluster.provider
    ]
    if cluster.provider in present:
        return extra
    missing = document.problem(("provider",), f"a section `{cluster.provider}:` beside it", "none")
    return [missing, *extra]


def _overrides(document: Document, overrides: dict[str, Any]) -> list[Problem]:
    try:
        TypeAdapter(DeployPolicy).validate_json(json.dumps(overrides))
    except ValidationError as error:
        known = [item.name for item in fields(DeployPolicy)]
        return [
            document.problem(("deploy", *details["loc"]), *expectation(details, known)) for details in error.errors()
        ]
    return []


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
