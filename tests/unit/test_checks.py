"""The rules of `hubfleet check`, on the tiny fleet with a schema and an ingress."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.fleets import CONFIG, REPOS, DictTree, read_folder

from hubfleet.checks import RULES, WARNINGS, check
from hubfleet.cluster_file import read_cluster_file
from hubfleet.errors import ProblemsError
from hubfleet.inventory import read_inventory
from hubfleet.model import ReleaseId
from hubfleet.shapes import shape_problems, values_schema
from hubfleet.values import read_values

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (ROOT / "hubs/cluster.schema.yaml").read_text()
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["greeting"],
    "properties": {
        "greeting": {"type": "string", "pattern": "^[a-z]"},
        "shared": {"type": ["string", "null"]},
        "unused": {"type": "string"},
        "mid": {},
        "global": {},
        "server": {"$ref": "#/definitions/server"},
        "ingress": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"enabled": {"type": "boolean"}, "hosts": {"type": "array"}, "kind": {"enum": ["a", "b"]}},
        },
    },
    "definitions": {
        "server": {"type": "object", "additionalProperties": False, "properties": {"image": {"type": "object"}}}
    },
}
HOSTS = "ingress: {{enabled: true, hosts: [{0}.localhost]}}\n"
BASE = DictTree(read_folder(REPOS / "base"))
FLEET = BASE.edited(
    {
        "charts/app/values.schema.json": json.dumps(SCHEMA),
        "hubs/cluster.schema.yaml": SHAPE,
        "hubs/one/staging.values.yaml": f"greeting: staging of one\n{HOSTS.format('staging')}",
        "hubs/one/prod.values.yaml": f"greeting: prod of one\n{HOSTS.format('prod')}",
    }
)


def problems(
    edits: dict[str, str | None], inert: tuple[str, ...] = ("**/README.md", "hubs/cluster.schema.yaml")
) -> list[str]:
    return [str(problem) for problem in check(FLEET.edited(edits), replace(CONFIG, inert=inert)).problems]


def test_fleet_without_mistakes_has_none() -> None:
    assert problems({}) == []


PROD, SHARED, APP = "hubs/one/prod.values.yaml", "hubs/shared.values.yaml", "charts/app/values.yaml"
SERVED = HOSTS.format("prod")
DOMAIN = "hubs/one/cluster.yaml:18: hubs[1].domain: expected"
ORPHAN = "expected a file that a release is made of, found one that none uses"


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        (PROD, f"greting: hi\n{SERVED}", f"{PROD}:1: greting: expected one of global, greeting, ingress, mid, server,"),
        (PROD, f"greting: hi\n{SERVED}", "found the unknown key `greting`. Did you mean `greeting`?"),
        (SHARED, "shared: 3\n", f"{SHARED}:1: shared: expected null or string, found 3"),
        (PROD, f"greeting: Hi\n{SERVED}", f'{PROD}:1: greeting: expected text that fits ^[a-z], found "Hi"'),
        (PROD, f"greeting: null\n{SERVED}", f"{PROD}:1: greeting: expected the key `greeting`, found nothing"),
        (PROD, "ingress:\n  kind: c\n", f'{PROD}:2: ingress.kind: expected one of ["a", "b"], found "c"'),
        (
            PROD,
            f"server: {{imag: 1}}\n{SERVED}",
            f"{PROD}:1: server.imag: expected one of image, found the unknown key",
        ),
        (APP, "greeting: a\nunused: [1]\n", f"{APP}:2: unused: expected string, found [1]"),
        (PROD, "- a\n", f'{PROD}:1: expected keys and their values, found ["a"]'),
        ("charts/app/values.schema.json", "{", "charts/app/values.schema.json: expected a JSON Schema"),
        (PROD, HOSTS.format("prd"), f'{DOMAIN} one of the hosts that its ingress serves: ["prd.localhost"]'),
        (PROD, "ingress: {enabled: true}\n", f"{DOMAIN} prod.localhost among the values' ingress.hosts, found no host"),
        ("hubs/one/stray.values.yaml", "a: 1\n", f"hubs/one/stray.values.yaml: {ORPHAN}"),
        ("hubs/notes.txt", "", f"hubs/notes.txt: {ORPHAN}"),
        ("charts/lost/Chart.yaml", "name: lost\n", "charts/lost/Chart.yaml: expected a chart that a release uses"),
        (
            "charts/mid/templates/mid.yaml",
            "a\n{{ randAlphaNum 5 }}\n",
            "charts/mid/templates/mid.yaml:2: expected functions",
        ),
    ],
)
def test_mistake_is_found_where_it_stands(path: str, text: str, said: str) -> None:
    (problem,) = problems({path: text})
    assert said in problem


def test_mistakes_of_all_rules_come_at_once() -> None:
    found = problems(
        {
            "hubs/one/prod.values.yaml": "greting: hi\n",
            "hubs/one-two/cluster.yaml": FLEET.contents["hubs/one-two/cluster.yaml"].replace("production", "prod"),
            "hubs/one/stray.values.yaml": "",
            "charts/lib/templates/deep.yaml": "{{ now }}",
        }
    )
    assert [problem.split(":")[0] for problem in found] == [
        "charts/lib/templates/deep.yaml",
        "hubs/one-two/cluster.yaml",
        "hubs/one/prod.values.yaml",
        "hubs/one/stray.values.yaml",
    ]


def test_inert_files_belong_to_nobody() -> None:
    assert (
        problems({"hubs/one/notes.txt": ""}, inert=("hubs/**/*.txt", "**/README.md", "hubs/cluster.schema.yaml")) == []
    )


def test_disabled_ingress_serves_no_host() -> None:
    assert problems({"hubs/one/prod.values.yaml": "ingress: {enabled: false}\n"}) == []


def test_null_takes_a_default_away_and_layers_are_merged() -> None:
    tree = FLEET.edited({"hubs/one/prod.values.yaml": "shared: null\nserver: {image: {tag: '7'}}\n"})
    release = read_inventory(tree, CONFIG).releases[ReleaseId("one", "prod")]
    values, found = read_values(tree, release)
    assert found == []
    assert "shared" not in values.merged
    assert values.merged["server"] == {"image": {"name": "hubfleet/server", "tag": "7"}}
    assert values.problem(("server", "image", "tag"), "a", "b").file == "hubs/one/prod.values.yaml"
    assert values.problem(("server", "image", "name"), "a", "b").file == "charts/app/values.yaml"
    assert values.beneath("server.") == values.merged["server"]
    assert values.beneath("") is values.merged


def test_schema_of_a_chart_beneath_sees_its_own_part() -> None:
    beneath = {"type": "object", "additionalProperties": False, "properties": {"depth": {"type": "integer"}, "lib": {}}}
    found = problems(
        {
            "charts/mid/values.schema.json": json.dumps(beneath),
            "hubs/one-two/prod.values.yaml": "mid:\n  depth: deep\n",
        }
    )
    assert found == ['hubs/one-two/prod.values.yaml:2: mid.depth: expected integer, found "deep"']


def test_yaml_that_reads_otherwise_is_warned_of_and_stops_nothing() -> None:
    tree = FLEET.edited({"hubs/shared.values.yaml": "shared: 'on'\nglobal: on\n"})
    findings = check(tree, CONFIG)
    assert [(each.file, each.line) for each in findings.warnings] == [("hubs/shared.values.yaml", 2)]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("provider: kind", "provider: kindd", "provider"),
        ('"1.36"', "1.36.1", "kubernetes_version"),
        ("port: 8081", "port: 0", "kind.port"),
        ("stage: production", "stage: prod", "hubs[1].stage"),
        ("    helm_chart: app\n    helm_chart_values_files:\n      - ../shared.values.yaml\n      - prod",
         "    helm_chart_values_files:\n      - ../shared.values.yaml\n      - prod", "hubs[1].helm_chart"),
        ("canary: staging", "canary: []", "hubs[1].canary"),
        ("    domain: prod.localhost", "    domian: prod.localhost", "hubs[1].domian"),
        ("name: one", "name: One", "name"),
    ],
)  # fmt: skip
def test_published_shape_and_our_own_reading_find_the_same(old: str, new: str, key: str) -> None:
    text = FLEET.contents["hubs/one/cluster.yaml"]
    assert old in text
    file, ours = read_cluster_file(text.replace(old, new).encode(), "hubs/one/cluster.yaml")
    theirs = list(shape_problems("schema", SHAPE, [file.document]))
    assert key in {problem.key for problem in ours}
    assert key in {problem.key for problem in theirs}


def test_shape_that_a_site_adds_is_enforced() -> None:
    stricter = SHAPE.replace("display_name: str(min=1, required=False)", "display_name: str(min=1)")
    found = problems({"hubs/cluster.schema.yaml": stricter})
    place = "hubs/one/cluster.yaml:17: hubs[1].display_name"
    assert f"{place}: expected what the schema asks for, found Required field missing" in found


def test_shape_that_is_none_is_told() -> None:
    (found,) = problems({"hubs/cluster.schema.yaml": "name: nonsense()\n"})
    assert found.startswith("hubs/cluster.schema.yaml: expected a schema that yamale can read")


def test_chart_without_a_schema_takes_any_values() -> None:
    assert values_schema(FLEET, "charts/lib") is None
    with pytest.raises(ProblemsError):
        values_schema(FLEET.edited({"charts/lib/values.schema.json": '{"type": 3}'}), "charts/lib")


@pytest.mark.parametrize("rule", [*RULES, *WARNINGS], ids=lambda rule: rule.__name__)
def test_rule_says_in_a_line_what_it_wants(rule: object) -> None:
    assert (rule.__doc__ or "").startswith("Want ")
