"""`[tool.hubfleet]`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from hubfleet.config import Config, DeployPolicy, read_config
from hubfleet.errors import ProblemsError
from hubfleet.parsing import shown, unknown_key

ROOT = Path(__file__).resolve().parents[2]


def test_our_own_configuration_is_read() -> None:
    config = read_config((ROOT / "pyproject.toml").read_bytes(), "pyproject.toml")
    assert (config.clusters, config.deploy.first_install_failed) == ("hubs/*/cluster.yaml", "keep")


@pytest.mark.parametrize("text", ["", "[tool.other]\na = 1\n", "[project]\nname='x'\n[tool.hubfleet]\n"])
def test_what_is_not_said_has_its_default(text: str) -> None:
    assert read_config(text.encode(), "pyproject.toml") == Config()


def test_file_of_its_own_needs_no_table() -> None:
    config = read_config(b'clusters = "config/clusters/*/cluster.yaml"\n[deploy]\ntimeout = 60\n', "hubfleet.toml")
    assert config == Config(clusters="config/clusters/*/cluster.yaml", deploy=DeployPolicy(timeout=60))


def test_every_mistake_is_reported_with_its_line() -> None:
    text = (
        b'[tool.hubfleet]\nclusterz = "x"\ncharts = "../x"\n\n[tool.hubfleet.deploy]\ntimeout = 0\nmax_upgrades = "a"\n'
    )
    with pytest.raises(ProblemsError) as caught:
        read_config(text, "pyproject.toml")
    assert {(problem.line, problem.key) for problem in caught.value.problems} == {
        (2, "clusterz"),
        (3, "charts"),
        (6, "deploy.timeout"),
        (7, "deploy.max_upgrades"),
    }
    assert "Did you mean `clusters`?" in str(caught.value)


def test_file_that_is_no_toml_is_named_with_its_line() -> None:
    with pytest.raises(ProblemsError) as caught:
        read_config(b"a = 1\nb = \n", "pyproject.toml")
    assert caught.value.problems[0].line == 2


def test_cluster_overrides_only_what_it_says() -> None:
    policy = DeployPolicy(max_upgrades=3).with_overrides({"timeout": 5})
    assert policy == DeployPolicy(max_upgrades=3, timeout=5)
    assert {item.name for item in fields(DeployPolicy)} >= {"timeout", "max_spawn_gates"}


def test_unknown_key_is_told_with_what_is_known() -> None:
    assert unknown_key("colour", ["color", "size"]) == (
        "one of color, size",
        "the unknown key `colour`",
        "Did you mean `color`?",
    )
    assert unknown_key("x", []) == ("a known key", "the unknown key `x`", "")


def test_long_values_are_cut() -> None:
    assert len(shown("x" * 200)) == 60
    assert shown({"ä": 1}) == '{"ä": 1}'
