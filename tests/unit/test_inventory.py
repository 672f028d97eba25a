"""What a release is made of. What moves when a file is edited is pinned by the fleets of tests/repos."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.fleets import CONFIG, REPOS, DictTree, read_folder

from hubfleet.charts import chart_folders, follow, random_functions, read_chart
from hubfleet.config import read_config
from hubfleet.errors import ProblemsError
from hubfleet.inventory import read_inventory, survey
from hubfleet.model import Cluster, KindCluster, Release, ReleaseId, Stage

FLEET = DictTree(read_folder(REPOS / "base"))
ROOT = Path(__file__).resolve().parents[2]


def release(name: str, tree: DictTree = FLEET) -> Release:
    return read_inventory(tree, CONFIG).releases[ReleaseId.parse(name)]


def edited(path: str, old: str, new: str) -> DictTree:
    assert old in FLEET.contents[path]
    return FLEET.edited({path: FLEET.contents[path].replace(old, new)})


def problems(tree: DictTree) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        read_inventory(tree, CONFIG)
    return [str(problem) for problem in caught.value.problems]


def test_releases_and_clusters_are_those_of_the_files() -> None:
    inventory = read_inventory(FLEET, CONFIG)
    assert [str(each) for each in inventory.releases] == ["one/prod", "one/staging", "one/support", "one-two/prod"]
    assert inventory.clusters["one"] == Cluster(
        "one", "kind", "1.36", "hubs/one/cluster.yaml", kind=KindCluster(workers=1, port=8081)
    )
    assert inventory.clusters["one-two"].kubeconfig == "kubeconfig.yaml"


def test_release_has_what_the_plan_and_the_gate_need() -> None:
    prod = release("one/prod")
    assert (prod.stage, prod.chart, prod.kube_version, prod.domain) == (
        Stage.PRODUCTION,
        "charts/app",
        "1.36",
        "prod.localhost",
    )
    assert prod.canaries == (ReleaseId("one", "staging"),)


def test_computed_tags_are_the_first_layer() -> None:
    computed, *files = release("one/prod").layers
    assert [layer.path for layer in files] == ["hubs/shared.values.yaml", "hubs/one/prod.values.yaml"]
    values = json.loads(computed.values or "")
    assert values == {"server": {"image": {"name": "hubfleet/server", "tag": release("one/prod").images[0][1]}}}
    assert release("one/support").images == ()


def test_tags_reach_a_chart_beneath_under_its_alias() -> None:
    tree = edited("charts/mid/Chart.yaml", "version: 1.0.0\n    rep", "version: 1.0.0\n    alias: deep\n    rep")
    tree = tree.edited({"chartpress.yaml": tree.contents["chartpress.yaml"].replace("charts/app", "charts/lib")})
    values = json.loads(release("one/prod", tree).layers[0].values or "")
    assert values["mid"]["deep"]["server"]["image"]["name"] == "hubfleet/server"


def test_staged_files_are_what_helm_reads_with_dependencies_in_place() -> None:
    places = dict(release("one/prod").files)
    assert places["charts/app/charts/mid/charts/lib/templates/deep.yaml"] == "charts/lib/templates/deep.yaml"
    assert {path for path in places if path.startswith("hubs/")} == {
        "hubs/shared.values.yaml",
        "hubs/one/prod.values.yaml",
    }
    assert not any("README" in path or "/ci/" in path for path in places)


def test_inputs_say_how_they_are_reached() -> None:
    inputs = {item.path: item.via for item in release("one/prod").inputs}
    assert inputs["charts/lib/templates/deep.yaml"] == ("charts/app", "charts/mid", "charts/lib")
    assert inputs["images/server/start.sh"] == ("image server",)
    assert inputs["hubs/one/prod.values.yaml"] == ()
    assert inputs["argument kube-version"] == ("hubs/one/cluster.yaml",)


@pytest.mark.parametrize(
    ("path", "old", "new", "moved"),
    [
        ("hubs/one/cluster.yaml", "display_name: Staging", "display_name: Try", set[str]()),
        ("hubs/one/cluster.yaml", "domain: prod.localhost", "domain: hub.localhost", set[str]()),
        ("hubs/one/cluster.yaml", "stage: production\n    canary: staging", "stage: staging", set[str]()),
        ("hubs/one/cluster.yaml", "port: 8081", "port: 8082", set[str]()),
        ("hubs/one/cluster.yaml", "1.36", "1.35", {"one/prod", "one/staging", "one/support"}),
        ("hubs/one-two/cluster.yaml", "kubeconfig.yaml", "other.yaml", {"one-two/prod"}),
        ("hubs/one/support.values.yaml", "support", "help", {"one/support"}),
        ("charts/support/values.yaml", "hello", "hi", {"one/support"}),
    ],
)
def test_digest_changes_with_what_reaches_helm_and_nothing_else(path: str, old: str, new: str, moved: set[str]) -> None:
    before, after = read_inventory(FLEET, CONFIG).releases, read_inventory(edited(path, old, new), CONFIG).releases
    assert {str(each) for each in before if before[each].digest != after[each].digest} == moved


def test_helm_itself_is_an_input() -> None:
    other = read_inventory(FLEET, replace(CONFIG, helm_version="4.9.9")).releases
    assert all(other[each].digest != found.digest for each, found in read_inventory(FLEET, CONFIG).releases.items())


def test_values_file_that_is_a_link_is_followed() -> None:
    linked = replace(
        FLEET.edited({"hubs/one/prod.values.yaml": "../shared.values.yaml"}),
        modes={"hubs/one/prod.values.yaml": "120000"},
    )
    found = release("one/prod", linked)
    assert dict(found.files)["hubs/one/prod.values.yaml"] == "hubs/shared.values.yaml"
    assert {"hubs/one/prod.values.yaml", "hubs/shared.values.yaml"} <= {item.path for item in found.inputs}


def test_links_within_a_chart_are_followed_and_circles_end() -> None:
    modes = {"charts/a/templates": "120000", "charts/a/x": "120000", "charts/a/y": "120000"}
    files = {"charts/a/Chart.yaml": "name: a", "charts/a/templates": "../shared", "charts/shared/t.yaml": "t"}
    tree = DictTree({**files, "charts/a/x": "y", "charts/a/y": "x"}, modes=modes)
    chart = read_chart(tree, "charts/a")
    assert ("charts/a/templates/t.yaml", "charts/shared/t.yaml") in chart.files
    assert follow(tree, "charts/a/x")[0] in {"charts/a/x", "charts/a/y"}


def test_circle_of_charts_is_a_problem() -> None:
    back = "version: 1.0.0\ndependencies:\n  - {name: app, repository: 'file://../app'}\n"
    circle = edited("charts/lib/Chart.yaml", "version: 1.0.0\n", back)
    assert any("charts/app → charts/mid → charts/lib → charts/app" in problem for problem in problems(circle))


def test_remote_dependencies_come_with_the_chart() -> None:
    remote = edited("charts/app/Chart.yaml", "file://../mid", "https://charts.example.org")
    assert read_chart(remote, "charts/app").members == (("charts/app", ""),)


def test_chart_folders_are_where_the_configuration_says() -> None:
    tree = FLEET.edited({"other/x/Chart.yaml": "name: x"})
    assert set(chart_folders(tree, "charts/*")) == {"app", "mid", "lib", "support"}
    assert chart_folders(tree, "other/*") == {"x": "other/x"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: one\n", "name: two\n", "cluster.yaml:1: name: expected `one`, the name of its folder, found `two`"),
        ("name: prod", "name: staging", "found `staging` again"),
        ("chart: app", "chart: ap", "helm_chart: expected one of app, lib, mid, support, found"),
        ("- staging.v", "- stagin.v", "Did you mean staging.values.yaml?"),
    ],
)  # fmt: skip
def test_mistake_between_files_is_named(old: str, new: str, said: str) -> None:
    assert any(said in problem for problem in problems(edited("hubs/one/cluster.yaml", old, new)))


def test_two_kind_clusters_need_two_ports() -> None:
    text = FLEET.contents["hubs/one/cluster.yaml"].replace("name: one", "name: two")
    files = {path.replace("/one/", "/two/"): body for path, body in FLEET.contents.items() if "/one/" in path}
    tree = FLEET.edited({**files, "hubs/two/cluster.yaml": text})
    (problem,) = problems(tree)
    assert "kind.port: expected a port of its own, found 8081, which hubs/one/cluster.yaml has too" in problem


def test_repository_without_clusters_says_where_it_looked() -> None:
    assert problems(DictTree({})) == ["hubs/*/cluster.yaml: expected at least one cluster's file, found none"]


def test_mistakes_leave_the_rest_readable() -> None:
    found = survey(edited("hubs/one/cluster.yaml", "stage: production", "stage: prod"), CONFIG)
    assert [str(each) for each in found.inventory.releases] == ["one/staging", "one/support", "one-two/prod"]
    assert len(found.problems) == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("canary: staging", "canary: stagin", "canary: expected staging hubs of this cluster (staging), found"),
        ("helm_chart: app", "helm_chart: ap", "helm_chart: expected one of app, lib, mid, support, found `ap`"),
        ("prod.values.yaml", "pro.values.yaml", "Did you mean prod.values.yaml?"),
    ],
)  # fmt: skip
def test_second_mistake_of_a_hub_is_named_with_the_first(old: str, new: str, said: str) -> None:
    text = FLEET.contents["hubs/one/cluster.yaml"]
    before, hub, rest = text.partition("name: prod")
    wrong = rest.replace("stage: production", "stage: productoin").replace(old, new)
    assert wrong.count("productoin") == 1
    found = problems(FLEET.edited({"hubs/one/cluster.yaml": f"{before}{hub}{wrong}"}))
    assert len(found) == 2, found
    assert any("productoin" in problem for problem in found)
    assert any(said in problem for problem in found), found


def test_our_own_repository_is_valid() -> None:
    folders = ("charts", "hubs", "images")
    files = {f"{folder}/{path}": text for folder in folders for path, text in read_folder(ROOT / folder).items()}
    tree = DictTree({**files, "chartpress.yaml": (ROOT / "chartpress.yaml").read_text()})
    config = read_config((ROOT / "pyproject.toml").read_bytes(), "pyproject.toml")
    found = read_inventory(tree, config).releases
    assert [str(each) for each in found] == ["local/prod", "local/staging", "local/support"]
    assert {name for name, _ in found[ReleaseId("local", "prod")].images} == {
        "hubfleet/hub",
        "hubfleet/singleuser",
        "hubfleet/route-agent",
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: {{ randAlphaNum 5 }}", [(1, "randAlphaNum")]),
        ("a\nb: {{- if (lookup `v1` `Secret` . `x`) }}", [(2, "lookup")]),
        ('{{ genCA "a" 1 }}{{ now | date "x" }}', [(1, "genCA"), (1, "now")]),
        ("{{ .Values.now }}{{ .lookup }}{{ $now }}{{ nowhere }}", []),
        ('{{/* now and lookup */}} now {{ fail "now" }}{{- /* rand */ -}}', []),
    ],
)
def test_functions_that_differ_with_every_render_are_found(text: str, found: list[tuple[int, str]]) -> None:
    assert random_functions(text) == found
