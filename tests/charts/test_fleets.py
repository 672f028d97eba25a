"""Plans made with Helm itself: the tiny fleets, our own fleet, and YAML as Helm reads it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.charts.rendering import ROOT, helm
from tests.unit.fleets import CONFIG, Case, DictTree, cases, check_plan, read_folder

from hubfleet.adapters.cache import FolderCache
from hubfleet.adapters.helm import HelmProgram
from hubfleet.adapters.process import Processes
from hubfleet.config import read_config
from hubfleet.errors import ProblemsError, RenderError
from hubfleet.inventory import read_inventory
from hubfleet.model import Action, Impact, Plan, ReleaseId
from hubfleet.planning import NoCache, Tools, plan_against_git
from hubfleet.yaml_reader import read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hubfleet.ports import Cache

CASES = [case for case in cases() if not case.problems]
OURS = read_config((ROOT / "pyproject.toml").read_bytes(), "pyproject.toml")


def tools(cache: Cache | None = None) -> Tools:
    return Tools(HelmProgram(Path(helm()), Processes()), cache or NoCache())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_helm_agrees_with_the_case(case: Case) -> None:
    check_plan(asyncio.run(plan_against_git(case.after, case.before, CONFIG, tools())), case)


@pytest.fixture(scope="module")
def fleet() -> DictTree:
    """Our own repository's charts, clusters and images."""
    contents = {
        f"{folder}/{path}": text
        for folder in ("charts", "hubs", "images")
        for path, text in read_folder(ROOT / folder).items()
    }
    return DictTree({**contents, "chartpress.yaml": (ROOT / "chartpress.yaml").read_text()})


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> FolderCache:
    return FolderCache(tmp_path_factory.mktemp("cache"))


def planned(fleet: DictTree, path: str, old: str, new: str, cache: FolderCache) -> Plan:
    """Plan one edit of our own repository."""
    assert old in fleet.contents[path]
    after = fleet.edited({path: fleet.contents[path].replace(old, new, 1)})
    return asyncio.run(plan_against_git(after, fleet, OURS, tools(cache)))


def moves(plan: Plan) -> dict[str, str]:
    return {str(row.id): str(row.action) for row in plan.releases if row.action is not Action.UNCHANGED}


def test_values_of_production_bring_the_canary(fleet: DictTree, cache: FolderCache) -> None:
    plan = planned(fleet, "hubs/local/prod.values.yaml", "timeout: 3600", "timeout: 7200", cache)
    assert moves(plan) == {"local/staging": "verify", "local/prod": "upgrade"}


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("hubs/local/prod.values.yaml", "cull:", "# why\ncull:"),
        ("hubs/local/cluster.yaml", "display_name: Staging", "display_name: Try it"),
        ("charts/jupyterhub-base/README.md", "# ", "# The chart "),
        ("charts/support/values.yaml", "\n", "\n# why\n"),
    ],
)
def test_what_changes_no_manifest_moves_nobody(
    fleet: DictTree, cache: FolderCache, path: str, old: str, new: str
) -> None:
    assert moves(planned(fleet, path, old, new, cache)) == {}


def test_template_of_the_hub_chart_moves_both_hubs_and_not_support(fleet: DictTree, cache: FolderCache) -> None:
    path = "charts/jupyterhub-base/templates/hub/service.yaml"
    plan = planned(fleet, path, "  annotations:\n", "  annotations:\n    edited: here\n", cache)
    assert moves(plan) == {"local/staging": "upgrade", "local/prod": "upgrade"}


def test_image_of_the_servers_moves_both_hubs(fleet: DictTree, cache: FolderCache) -> None:
    plan = planned(fleet, "images/singleuser/Dockerfile", "\n", "\n# rebuilt\n", cache)
    assert moves(plan) == {"local/staging": "upgrade", "local/prod": "upgrade"}
    (row,) = (row for row in plan.releases if row.id.name == "prod")
    assert [reason.path for reason in row.reasons] == [
        ("local/prod", "image singleuser", "images/singleuser/Dockerfile")
    ]
    assert Impact.RESTARTS_PROXY not in row.impact


def test_our_own_fleet_renders_alike_every_time(fleet: DictTree) -> None:
    first, second = (asyncio.run(plan_against_git(fleet, DictTree({}), OURS, tools())) for _ in range(2))
    assert first == second
    assert {str(row.action) for row in first.releases} == {"install"}


def test_broken_values_are_told_in_helms_words(fleet: DictTree, cache: FolderCache) -> None:
    plan = planned(fleet, "hubs/local/staging.values.yaml", "cull:", "culll:", cache)
    assert moves(plan) == {"local/staging": "broken"}
    (row,) = (row for row in plan.releases if row.id.name == "staging")
    assert "culll" in row.note
    assert "/tmp" not in row.note  # noqa: S108 - where the render was staged is no place of the repository


ECHO = {
    "hubs/one/cluster.yaml": (
        "name: one\nprovider: kind\nkubernetes_version: '1.36'\nkind: {}\nhubs:\n"
        "  - {name: hub, stage: staging, helm_chart: echo, helm_chart_values_files: [values.yaml]}\n"
    ),
    "charts/echo/Chart.yaml": "apiVersion: v2\nname: echo\nversion: 1.0.0\n",
    "charts/echo/templates/echo.yaml": "{{ .Values | toJson }}\n",
}
ODD_SCALARS = """
y Y yes on Off NO ~ null true FALSE 0755 0o755 08 0x1F 0b11 12e3 1e3 -1.5 .5 1. 1:30 2001-01-01 2001-01-01T00:00:00Z
1_000 +7 -0 00 9007199254740993 18446744073709551616 = < 1e400 .inf -.INF .nan _1 1__0 0_7 0x 1e e3 'y' "1" 0.1e-2 1.5_0
12_ +.5 -.5e1 0o8 0b2 -0b11 0e0 1E5 -0x1F 0X1f 0B1 0O7 +0o7 -08 1e+5 .e1 1.e1 +.inf
"""
TAGGED = [
    "",
    "!foo bar",
    "!foo 12",
    "!!str 5",
    "!!int '5'",
    "- a",
    "|\n  a",
    "a b",
    "!!float 3",
    "!!binary aGk=",
]
SCALARS = st.one_of(
    st.sampled_from([*ODD_SCALARS.split(), *TAGGED]),
    st.from_regex(r"[-+]?[0-9_.xobe:]{1,6}", fullmatch=True),
    st.text("abyn01 .-", min_size=1, max_size=6).map(str.strip).filter(bool),
)


@given(
    keys=st.lists(st.one_of(SCALARS, st.from_regex(r"[a-z]{1,3}", fullmatch=True)), min_size=1, max_size=4),
    values=st.lists(SCALARS, min_size=4, max_size=4),
)
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_yaml_is_read_as_helm_reads_it(keys: list[str], values: list[str]) -> None:
    text = "".join(f"{key}: {value}\n" for key, value in zip(keys, values, strict=False))
    compare_with_helm(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\ne: {b: 3, <<: *x}\n",
        "a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne: {<<: [*x, *y]}\n",
        "a: 1\na: 2\n",
        "a: {y: 1, 1: 2, 1.5: 3, 0x10: 4, true: 5}\n",
        "a: 1\n---\na: 2\n",
        "# nothing\n",
        "a: [1, [y, ~], {on: off}]\n",
        "? a\n: b\n",
        "a: >-\n  b\n  c\nd: |\n  e\n",
        "%YAML 1.1\n---\na: 1\n",
        "a:\n\tb: 1\n",
        "a: 'b\n",
        "\ufeffa: 1\n",
    ],
)
def test_structure_is_read_as_helm_reads_it(text: str) -> None:
    compare_with_helm(text)


def compare_with_helm(text: str) -> None:
    """Read a values file with both; both refuse, or both see the same."""
    tree = DictTree({**ECHO, "hubs/one/values.yaml": text})
    release = read_inventory(tree, CONFIG).releases[ReleaseId("one", "hub")]
    program = HelmProgram(Path(helm()), Processes())

    async def render() -> str:
        from hubfleet import commands  # noqa: PLC0415

        with program.staged(tree, release) as root:
            return await program.template(commands.template(release, root))

    try:
        theirs: Mapping[str, object] | None = json.loads(asyncio.run(render()).split("\n", 2)[2], parse_int=float)
    except RenderError:
        theirs = None
    try:
        ours = read_yaml(text.encode(), "values.yaml").value
    except ProblemsError:
        ours = None if theirs is None else "refused"
    if theirs is not None:
        assert json.loads(json.dumps(ours or {}), parse_int=float) == theirs, text
    else:
        assert ours is None or not isinstance(ours, dict), text
