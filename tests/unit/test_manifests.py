"""Objects that can be compared, and what their differences mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubfleet.errors import RenderError
from hubfleet.impact import changed_objects, impact
from hubfleet.manifests import VOLATILE, Rendered, from_json, read_manifests, settle, to_json
from hubfleet.model import Impact, ReleaseId
from hubfleet.render import compare

PROD = ReleaseId("local", "prod")


def objects(text: str) -> Rendered:
    return read_manifests(text, PROD)


def item(kind: str, name: str, component: str = "hub", **parts: str) -> str:
    body = "".join(f"{key}: {value}\n" for key, value in parts.items())
    return (
        f"---\nkind: {kind}\nmetadata: {{name: {name}, labels: {{app.kubernetes.io/component: {component}}}}}\n{body}"
    )


def test_objects_are_known_by_kind_and_name() -> None:
    text = item("Service", "hub") + "---\n# nothing\n---\nkind: Role\nmetadata: {name: r, namespace: other}\n"
    assert set(objects(text).objects) == {"Service/hub", "Role/other/r"}


def test_own_namespace_is_the_same_named_or_not() -> None:
    assert set(objects("kind: Role\nmetadata: {name: r, namespace: prod}\n").objects) == {"Role/r"}


def test_two_objects_of_one_name_are_both_kept() -> None:
    assert set(objects(item("Job", "x", a="1") + item("Job", "x", a="2")).objects) == {"Job/x", "Job/x+"}


@pytest.mark.parametrize("part", ["data", "stringData"])
def test_secrets_are_masked_and_still_differ(part: str) -> None:
    one, other = (objects(item("Secret", "s", **{part: f"{{password: {value}}}"})) for value in ("hunter2", "hunter3"))
    assert "hunter" not in to_json(one) + to_json(other)
    assert changed_objects(one, other) == {"Secret/s"}
    elsewhere = read_manifests(item("Secret", "s", **{part: "{password: hunter2}"}), ReleaseId("local", "staging"))
    assert elsewhere.objects != one.objects


def test_version_labels_do_not_count() -> None:
    text = "kind: X\nmetadata: {name: x, labels: {%s}}\nspec: {template: {metadata: {labels: {%s}}}}\n"
    labels = ("helm.sh/chart: hub-1.0.0", "helm.sh/chart: hub-1.0.1", "chart: hub-1.0.0-0.dev", "a: b")
    one, two, three, four = (objects(text % (label, label)) for label in labels)
    assert one == two == three
    assert one != four
    assert objects("kind: X\nmetadata: {name: x, labels: {chart: blue}}") != objects(
        "kind: X\nmetadata: {name: x, labels: {}}"
    )


def test_order_of_keys_and_comments_do_not_count() -> None:
    assert (
        objects("kind: X\nmetadata: {name: x}\na: 1\nb: 2\n").digest
        == objects("# y\nb: 2\na: 1\nmetadata: {name: x}\nkind: X\n").digest
    )


def test_numbers_and_text_differ() -> None:
    assert objects(item("X", "x", a="1")) != objects(item("X", "x", a="'1'"))


def test_what_is_no_yaml_is_an_error_of_the_render() -> None:
    with pytest.raises(RenderError, match="the rendered manifests:1"):
        objects("a: b: c")


def test_leaves_that_differ_between_twins_are_left_out_on_both_sides() -> None:
    first, second = (objects(item("X", "x", spec=f"{{id: {number}, size: 1}}")) for number in (1, 2))
    settled = settle(first, second)
    assert settled.volatile == (("X/x", "spec", "id"),)
    assert settled.objects["X/x"]["spec"] == {"id": VOLATILE, "size": 1}  # type: ignore[index]
    assert settled.digest == settle(second, first).digest
    stored = objects(item("X", "x", spec="{id: 9, size: 1}"))
    assert compare(stored, settled).same
    assert not compare(objects(item("X", "x", spec="{id: 9, size: 2}")), settled).same


def test_lists_of_other_length_are_volatile_as_a_whole() -> None:
    first, second = (objects(item("X", "x", spec=f"{{a: [{text}]}}")) for text in ("1", "1, 2"))
    assert settle(first, second).volatile == (("X/x", "spec", "a"),)


def test_cached_objects_come_back_as_they_were() -> None:
    rendered = settle(*(objects(item("X", "x", a=f"[{number}, b]")) for number in (1, 2)))
    assert from_json(to_json(rendered)) == rendered
    assert from_json("") is from_json("[]") is from_json('{"objects": {}}') is None


DEPLOYMENT = "{replicas: 1, template: {spec: {image: %s}}}"
A, B = DEPLOYMENT % "a", DEPLOYMENT % "b"
CLAIM = "PersistentVolumeClaim"


@pytest.mark.parametrize(
    ("kind", "component", "before", "after", "expected"),
    [
        ("Deployment", "hub", A, B, Impact.RESTARTS_HUB),
        ("Deployment", "hub", None, A, Impact.RESTARTS_HUB),
        ("Deployment", "proxy", A, B, Impact.RESTARTS_PROXY),
        ("Deployment", "ingress", A, B, Impact.OTHER),
        ("Deployment", "hub", A, A.replace("1", "2"), Impact.OTHER),
        ("ConfigMap", "singleuser", "{a: b}", "{a: c}", Impact.NEXT_SPAWN),
        ("ConfigMap", "hub", "{a: b}", "{a: c}", Impact.NEXT_SPAWN),
        ("ConfigMap", "proxy", "{a: b}", "{a: c}", Impact.OTHER),
        ("Service", "hub", "{a: b}", "{a: c}", Impact.OTHER),
        (CLAIM, "hub", "{size: 1}", None, Impact.STORAGE_AT_RISK),
        (CLAIM, "hub", "{size: 1}", "{size: 2}", Impact.STORAGE_AT_RISK),
        (CLAIM, "hub", None, "{size: 1}", Impact.OTHER),
        ("StatefulSet", "db", "{volumeClaimTemplates: a}", "{volumeClaimTemplates: b}", Impact.STORAGE_AT_RISK),
    ],
)
def test_impact(kind: str, component: str, before: str | None, after: str | None, expected: Impact) -> None:
    sides = (objects(item(kind, "x", component, spec=spec) if spec else "") for spec in (before, after))
    assert impact(*sides) == (expected,)


@pytest.mark.parametrize("kind", ["Service", "Deployment", CLAIM])
def test_labels_alone_are_metadata(kind: str) -> None:
    before, after = (objects(item(kind, "x", component, spec="{a: b}")) for component in ("one", "two"))
    assert impact(before, after) == (Impact.METADATA,)


def test_same_sides_have_no_impact() -> None:
    assert impact(objects(item("X", "x")), objects(item("X", "x"))) == ()


def test_next_spawn_is_not_told_beside_the_restart_that_it_comes_with() -> None:
    before, after = (
        objects(item("ConfigMap", "c", data=f"{{a: {n}}}") + item("Deployment", "hub", spec=DEPLOYMENT % n))
        for n in (1, 2)
    )
    assert impact(before, after) == (Impact.RESTARTS_HUB,)


VALUES = st.recursive(
    st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)
SIDES = st.dictionaries(st.sampled_from(["X/a", "X/b", "X/c"]), VALUES, max_size=3).map(Rendered)


@given(SIDES, SIDES)
def test_sides_are_the_same_exactly_where_no_object_differs(before: Rendered, after: Rendered) -> None:
    assert compare(before, after).same == (before.objects == after.objects) == (not changed_objects(before, after))


@given(SIDES, SIDES)
def test_twins_settle_to_one_thing_where_they_have_the_same_objects(first: Rendered, second: Rendered) -> None:
    if first.objects.keys() == second.objects.keys():
        assert settle(first, second).objects == settle(second, first).objects
