"""Globs and ignore files."""

from __future__ import annotations

import pytest

from hubfleet.patterns import docker_ignored, helm_ignored, matches


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("hubs/*/cluster.yaml", "hubs/one/cluster.yaml", True),
        ("hubs/*/cluster.yaml", "hubs/one/two/cluster.yaml", False),
        ("hubs/**/cluster.yaml", "hubs/one/two/cluster.yaml", True),
        ("**/README.md", "README.md", True),
        ("**/README.md", "charts/a/README.md", True),
        ("**/README.md", "charts/a/README.md.bak", False),
        ("ci/**", "ci/a/b", True),
        ("README*", "README.md", True),
        ("README*", "a/README.md", False),
        ("[ab]?.yaml", "bx.yaml", True),
        ("[^ab]?.yaml", "bx.yaml", False),
        (r"\*.yaml", "*.yaml", True),
        (r"\*.yaml", "a.yaml", False),
        ("a.b", "axb", False),
    ],
)
def test_glob(pattern: str, path: str, *, fits: bool) -> None:
    assert matches(path, [pattern]) is fits


PATHS = ["Dockerfile", "README.md", "docs/a.md", "docs/deep/b.md", "src/a.py", "src/a.pyc", "src/deep/b.pyc"]


@pytest.mark.parametrize(
    ("rules", "ignored"),
    [
        ("", []),
        ("# README.md\n\nREADME.md", ["README.md"]),
        ("*.md", ["README.md"]),
        ("**/*.md", ["README.md", "docs/a.md", "docs/deep/b.md"]),
        ("docs", ["docs/a.md", "docs/deep/b.md"]),
        ("/docs/", ["docs/a.md", "docs/deep/b.md"]),
        ("**/*.md\n!docs/a.md", ["README.md", "docs/deep/b.md"]),
        ("*\n!src", ["Dockerfile", "README.md", "docs/a.md", "docs/deep/b.md"]),
        ("**/*.pyc", ["src/a.pyc", "src/deep/b.pyc"]),
    ],
)
def test_dockerignore_is_read_as_docker_does(rules: str, ignored: list[str]) -> None:
    assert sorted(docker_ignored(PATHS, rules)) == sorted(ignored)


CHART = [
    "Chart.yaml",
    "templates/a.yaml",
    "templates/.b.yaml",
    "docs/a.md",
    "docs/deep/b.md",
    "ci/x.yaml",
    "a/ci/y.yaml",
]
ALWAYS = ["templates/.b.yaml"]


@pytest.mark.parametrize(
    ("rules", "ignored"),
    [
        ("", []),
        ("*.md", ["docs/a.md", "docs/deep/b.md"]),
        ("ci/", ["ci/x.yaml", "a/ci/y.yaml"]),
        ("/ci/", ["ci/x.yaml"]),
        ("docs/deep", ["docs/deep/b.md"]),
        ("x.yaml/", []),
        ("# *.md", []),
    ],
)
def test_helmignore_is_read_as_helm_does(rules: str, ignored: list[str]) -> None:
    assert sorted(helm_ignored(CHART, rules)) == sorted([*ALWAYS, *ignored])
