"""YAML as Helm reads it; tests/charts/test_fleets.py compares with Helm itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubfleet.errors import ProblemsError
from hubfleet.yaml_reader import dotted, read_documents, read_yaml, resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("y", True), ("Off", False), ("True", True), ("~", None), ("", None), ("NULL", None),
        ("0755", 493), ("0o755", 493), ("08", 8.0), ("0x1F", 31), ("0b11", 3), ("1_000", 1000), ("-0x1F", -31),
        ("12e3", 12000.0), (".5", 0.5), ("1.", 1.0), ("1:30", "1:30"), ("2001-01-01", "2001-01-01"),
        ("9007199254740993", 9007199254740993), ("18446744073709551616", 2.0**64),
        ("1e400", "1e400"), ("a b", "a b"), ("_1", "_1"), ("é", "é"),
    ],
)  # fmt: skip
def test_plain_scalar_has_helms_value(text: str, value: object) -> None:
    found = resolve(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 'y'", {"a": "y"}),
        ("y: 1", {"true": 1}),
        ("1: a\n1.5: b", {"1": "a", "1.5": "b"}),
        ("a: 9007199254740993\n9007199254740993: a", {"a": 9007199254740992, "9007199254740993": "a"}),
        ("1e3: a\n1e6: b\n.1e-7: c\n1e-4: d", {"1000": "a", "1e+06": "b", "1e-08": "c", "0.0001": "d"}),
        ("123456789.5: a\n-0.0: b\n1000000.5: c", {"1.2345679e+08": "a", "-0": "b", "1.0000005e+06": "c"}),
        (".inf: a\n-.INF: b\n.nan: c\n1e39: d", {".inf": "d", "-.inf": "b", ".nan": "c"}),
        ("a: !foo bar", {"a": "bar"}),
        ("a: !!str 5\nb: !!int '5'", {"a": "5", "b": 5}),
        ("a: !!binary aGk=", {"a": "hi"}),
        ("a: 1\na: 2", {"a": 2}),
        ("a: &x {b: 1}\nc: {b: 2, <<: *x}", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x {b: 1}\nc: &y {b: 2}\nd: {<<: [*x, *y]}", {"a": {"b": 1}, "c": {"b": 2}, "d": {"b": 1}}),
        ("a: {b: 1, c: 2}\n---\na: {b: 3}", {"a": {"b": 3, "c": 2}}),
        ("# nothing", None),
    ],
)  # fmt: skip
def test_file_has_helms_value(text: str, value: object) -> None:
    assert read_yaml(text.encode(), "values.yaml").value == value


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("a: 1\nb: .inf", 2, "`.inf`"),
        ("a:\n\tb: 1", 2, "cannot start any token"),
        ("a: &a [*a]", 1, "repeat without end"),
        ("? [a]\n: 1", 1, "a list, a mapping"),
        ("18446744073709551615: 1", 1, "too large a number"),
        ("a: b: c", 1, "not allowed"),
        ("a: 1\nb: !!binary x", 2, "`x`"),
        ("# why\n%YAML 1.1\n---\na: 1", 2, "a directive"),
        ("a: 1\n<<: 3", 2, "something else"),
    ],
)
def test_what_helm_refuses_is_refused_with_its_line(text: str, line: int, found: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        read_yaml(text.encode(), "values.yaml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("values.yaml", line)
    assert found in problem.found


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("a: 1\nb: 2\na: 3", 3, "a"),
        ("a: {b: on}", 1, "a.b"),
        ("n: 1", 1, ""),
        ("a:\n  - 0755", 2, "a[0]"),
        ("a: 9007199254740993", 1, "a"),
    ],
)
def test_reader_is_warned_where_helm_sees_something_else(text: str, line: int, key: str) -> None:
    (warning,) = read_yaml(text.encode(), "values.yaml").warnings
    assert (warning.line, warning.key) == (line, key)


def test_plain_file_gives_no_warning() -> None:
    text = 'a: true\nb: "on"\nc: 0\nd: 0.5\ne: 12345\nf: {y-axis: 1}\n'
    assert read_yaml(text.encode(), "values.yaml").warnings == ()


def test_lines_of_keys_are_known_and_a_missing_key_has_its_parents() -> None:
    document = read_yaml(b"a:\n  b:\n    - c: 1\n    - d: 2\n", "values.yaml")
    assert document.line(("a", "b", 1, "d")) == 4
    assert document.line(("a", "b", 0, "missing")) == 3
    assert document.line(("missing",)) == 0
    assert (
        str(document.problem(("a", "b", 1, "d"), "three", "two"))
        == "values.yaml:4: a.b[1].d: expected three, found two"
    )


def test_billion_laughs_are_refused_in_time() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ProblemsError, match="repeat without end"):
        read_yaml("\n".join(lines).encode(), "values.yaml")


def test_documents_stay_apart_where_they_are_objects() -> None:
    assert read_documents(b"a: 1\n---\nb: 2\n", "manifests") == [{"a": 1}, {"b": 2}]


def test_path_is_written_as_people_do() -> None:
    assert dotted(("hubs", 0, "name")) == "hubs[0].name"


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_a_problem(data: bytes) -> None:
    try:
        read_yaml(data, "values.yaml")
    except ProblemsError as error:
        assert error.problems  # noqa: PT017 - either way is fine, a traceback is not


SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text("abc y0:", max_size=4)


@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner)))
def test_json_reads_as_itself(value: object) -> None:
    assert read_yaml(json.dumps(value).encode(), "values.yaml").value == value
