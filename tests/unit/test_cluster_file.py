"""cluster.yaml: its shape, its names, its canaries."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubfleet.canaries import canaries_of
from hubfleet.cluster_file import ClusterFile, read_cluster_file

FILE = "hubs/one/cluster.yaml"
HEAD = 'name: one\nprovider: kind\nkubernetes_version: "1.36"\nkind: {}\n'
HUB = "helm_chart: app, helm_chart_values_files: []"


def read(text: str) -> tuple[ClusterFile, list[str]]:
    file, problems = read_cluster_file(text.encode(), FILE)
    return file, [str(problem) for problem in problems]


def test_file_without_mistakes_is_read_whole() -> None:
    file, problems = read(f"{HEAD}deploy: {{timeout: 5}}\nhubs:\n  - {{name: a, stage: staging, {HUB}}}\n")
    assert problems == []
    assert file.cluster
    assert (file.cluster.name, file.folder, file.overrides) == ("one", "hubs/one", (("timeout", 5),))
    assert [(index, hub.name) for index, hub in file.hubs] == [(0, "a")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: expected keys such as `name` and `hubs`, found null"),
        ("a: [", ": expected YAML that Helm can read"),
        (HEAD.replace('"1.36"', "1.36"), "3: kubernetes_version: expected major and minor version in quotes"),
        (HEAD.replace("name: one", "name: One"), "1: name: expected lower-case letters, digits and inner dashes"),
        (HEAD.replace("name: one", f"name: {'a' * 54}"), "1: name: expected lower-case letters"),
        (HEAD.replace("kind: {}\n", ""), "2: provider: expected a section `kind:` beside it, found none"),
        (f"{HEAD}aws: {{}}\n", "5: aws: expected no section but `kind`, the provider's, found the section `aws`"),
        (HEAD.replace("kind: {}", "kind: {port: 0}"), "4: kind.port: expected greater than or equal to 1, found 0"),
        (f"{HEAD}deploy: {{timeout: no}}\n", "5: deploy.timeout: expected a valid integer, found false"),
        (f"{HEAD}deploy: {{timeuot: 1}}\n", "Did you mean `timeout`?"),
        (f"{HEAD}hubs:\n  - {{name: support, stage: staging, {HUB}}}\n", "6: hubs[0].name: expected a name that is"),
        (f"{HEAD}hubs:\n  - {{name: kube-x, stage: staging, {HUB}}}\n", "6: hubs[0].name: expected a name that is"),
        (f"{HEAD}hubs:\n  - {{name: a, stage: prod, {HUB}}}\n", "hubs[0].stage: expected 'staging' or 'production'"),
        (f"{HEAD}hubs:\n  - {{name: a, domain: 'http://a', stage: staging, {HUB}}}\n", "expected a host name"),
        (f"{HEAD}hubs: [3]\n", "5: hubs[0]: expected a valid dictionary"),
        (f"{HEAD}hubs:\n  - {{name: a, stage: staging, gate: {{skip: x, profile: s}}, {HUB}}}\n", "either `skip` or"),
    ],
)  # fmt: skip
def test_mistake_is_named_with_its_line(text: str, said: str) -> None:
    (problem,) = read(text)[1]
    assert said in problem
    assert problem.startswith(FILE)


def test_all_mistakes_are_found_at_once() -> None:
    text = f"{HEAD}x: 1\nhubs:\n  - {{name: A, stage: b, {HUB}}}\n  - {{name: a, {HUB}, y: 1}}\n"
    assert len(read(text)[1]) == 5


KEYS = st.sampled_from(["name", "provider", "kind", "hubs", "stage", "canary", "gate", "deploy"])
LEAVES = st.none() | st.text(max_size=3) | st.integers() | st.booleans()


@given(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner)))
def test_any_yaml_is_read_or_refused_in_words(value: object) -> None:
    file, problems = read(json.dumps(value))
    assert problems or file.cluster


def canaries(hubs: str, index: int = 0) -> tuple[list[str], list[str]]:
    file, _ = read(f"{HEAD}hubs:\n{hubs}")
    found, problems = canaries_of(file, "one", index, dict(file.hubs)[index])
    return [str(release) for release in found], [f"{problem.key}: {problem.found}" for problem in problems]


def hub(name: str, stage: str = "staging", chart: str = "app", canary: str = "") -> str:
    said = f"canary: {canary}, " if canary else ""
    return f"  - {{name: {name}, stage: {stage}, {said}helm_chart: {chart}, helm_chart_values_files: []}}\n"


@pytest.mark.parametrize(
    ("hubs", "found", "problems"),
    [
        (hub("p", "production") + hub("s"), ["one/s"], []),
        (hub("p", "production") + hub("s") + hub("t") + hub("u", chart="other"), ["one/s", "one/t"], []),
        (hub("p", "production", canary="[t, s]") + hub("s") + hub("t"), ["one/s", "one/t"], []),
        (hub("p", "production", canary="none"), [], []),
        (hub("p", "production"), [], ["hubs[0].name: neither"]),
        (hub("p", "production") + hub("s", chart="other"), [], ["hubs[0].name: neither"]),
        (hub("p", "production") + hub("S"), [], []),
        (hub("p", "production", canary="s") + hub("s", "typo"), ["one/s"], []),
        (hub("p", "production", canary="x"), ["one/x"], ["hubs[0].canary: `x`, which is no hub of this cluster"]),
        (hub("p", "production", canary="q") + hub("q", "production"), ["one/q"],
         ["hubs[0].canary: `q`, which is no staging hub"]),
        (hub("s", canary="s"), [], ["hubs[0].canary: s"]),
    ],
)  # fmt: skip
def test_canaries(hubs: str, found: list[str], problems: list[str]) -> None:
    assert canaries(hubs) == (found, problems)
