"""Reads YAML as Helm does, with the line of every key; decides nothing about what the keys mean.

Helm turns YAML into JSON with Go's yaml.v2 rules, which differ from Python's: `y` and `on` are booleans, `0755` is
octal, `1:30` is text. What Helm accepts is accepted here; where Helm and a reader's eye may differ there is a warning.
One difference is left: `! 12` is text to Helm and a number here, since libyaml drops the lone mark.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Never

import yaml

from hubfleet.errors import ProblemsError
from hubfleet.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]

_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE = {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"}
_FALSE = {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"}
_PLAIN_BOOLEANS = {"true", "True", "TRUE", "false", "False", "FALSE"}
_INFINITE = {f"{sign}.{word}": float(f"{sign}inf") for sign in ("", "+", "-") for word in ("inf", "Inf", "INF")}
_INFINITE |= dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9][0-9]*)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]")
_DIRECTIVE = re.compile(rb"(?:[ \t]*(?:#[^\n]*)?\n)*(?=%)")
_TAG = "tag:yaml.org,2002:"
_EXACT = 2**53  # JSON numbers are floats in Helm
_INTEGERS = range(-(2**63), 2**63)
_INTEGERS_OF_BOTH_KINDS = range(-(2**63), 2**64)  # with sign or without
_PLAIN_EXPONENTS = range(-4, 6)  # Go writes others as 1e+06
_MOST_NODES = 1_000_000  # aliases can make a small file endless


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file as Helm sees it."""

    file: str
    value: object
    lines: Mapping[Path, int]
    warnings: tuple[Problem, ...] = ()

    def line(self, path: Path) -> int:
        """Return the line of a key, or of the nearest one above it; 0 where there is none."""
        for length in range(len(path), 0, -1):
            if found := self.lines.get(path[:length]):
                return found
        return 0

    def problem(self, path: Path, expected: str, found: str, hint: str = "") -> Problem:
        """Make a problem that points at a key of this file."""
        return Problem(self.file, self.line(path), dotted(path), expected, found, hint)


def read_yaml(data: bytes, file: str) -> Document:
    """Read a file as Helm reads values: its documents are merged, later ones win. ProblemsError where it refuses."""
    if match := _DIRECTIVE.match(data):
        line = data.count(b"\n", 0, match.end()) + 1
        raise ProblemsError([Problem(file, line, "", "YAML that Helm can read", "a directive, which it does not know")])
    value: object = None
    reader = _Reader(file)
    for node in _nodes(data, file):
        value = _laid_over(value, reader.value(node, ()))
    return Document(file, value, reader.lines, tuple(reader.warnings))


def read_documents(data: bytes, file: str) -> list[object]:
    """Read the values of all documents of a file; ProblemsError where Helm would refuse one."""
    return [_Reader(file).value(node, ()) for node in _nodes(data, file)]


def dotted(path: Path) -> str:
    """Write a path as people do: `hubs[0].name`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def resolve(text: str) -> object:
    """Return the value of a plain scalar, integers exact."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    return _INFINITE[text] if text in _INFINITE else _number(text)


def _laid_over(under: object, over: object) -> object:
    if not isinstance(under, dict) or not isinstance(over, dict):
        return under if over is None else over
    return {
        **under,
        **{key: _laid_over(under.get(key), value) if value is not None else None for key, value in over.items()},
    }


def _nodes(data: bytes, file: str) -> Iterator[yaml.Node]:
    try:
        loader = _Loader(data)
        while loader.check_node():
            if (node := loader.get_node()) is not None:
                yield node
    except yaml.YAMLError as error:
        raise ProblemsError([_refused(error, file)]) from error


class _Loader(yaml.CBaseLoader):
    """Composes nodes with marks; a plain scalar without a tag gets the empty tag."""

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: tuple[bool, bool]) -> str:
        if kind is yaml.ScalarNode:
            return "" if implicit[0] else f"{_TAG}str"
        return super().resolve(kind, value, implicit)  # type: ignore[no-any-return, no-untyped-call]


@dataclass
class _Reader:
    """Turns nodes into values, keeping the lines of their keys."""

    file: str
    lines: dict[Path, int] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)
    open: set[int] = field(default_factory=set)
    count: int = 0

    def value(self, node: yaml.Node, path: Path) -> object:
        self.count += 1
        if self.count > _MOST_NODES or id(node) in self.open:
            self.refuse(node, path, "aliases that end", "aliases that repeat without end")
        if isinstance(node, yaml.ScalarNode):
            return self.leaf(node, path)
        self.open.add(id(node))
        result = self.mapping(node, path) if isinstance(node, yaml.MappingNode) else self.sequence(node, path)
        self.open.discard(id(node))
        return result

    def sequence(self, node: yaml.Node, path: Path) -> list[object]:
        for index, item in enumerate(node.value):
            self.lines[*path, index] = _line(item)
        return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        result: dict[str, object] = {}
        own: set[str] = set()
        for key_node, value_node in node.value:
            if _is_merge(key_node):
                for source in self.merged(value_node, path):
                    result.update(self.mapping(source, path))
                continue
            key = self.key(key_node, path)
            if key in own:
                self.warn(key_node, (*path, key), "each key once", "the key again; Helm takes the last one")
            own.add(key)
            self.lines[*path, key] = _line(key_node)
            result[key] = self.value(value_node, (*path, key))
        return result

    def merged(self, node: yaml.Node, path: Path) -> Iterator[yaml.MappingNode]:
        """Yield the sources of `<<` so that those that win come last."""
        for source in reversed(node.value) if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(source, yaml.MappingNode) or id(source) in self.open:
                self.refuse(node, path, "a mapping, or a list of them, to merge", "something else")
            yield source

    def key(self, node: yaml.Node, path: Path) -> str:
        value = self.scalar(node, path) if isinstance(node, yaml.ScalarNode) else None
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float):
            return _float_key(value)
        if not isinstance(value, int) or value >= _INTEGERS.stop:
            self.refuse(node, path, "keys that are text", "a key that is null, a list, a mapping or too large a number")
        return str(value)

    def leaf(self, node: yaml.ScalarNode, path: Path) -> object:
        """Return a scalar that is no key: JSON's numbers are floats in Helm, which hold integers up to 2^53."""
        value = self.scalar(node, path)
        if isinstance(value, float) and not math.isfinite(value):
            self.refuse(node, path, "a value that JSON can hold", f"`{node.value}`")
        if isinstance(value, int) and abs(value) >= _EXACT:
            self.warn(node, path, "an integer up to 2^53, or quotes", f"`{node.value}`, which loses digits in Helm")
            return int(float(value))
        return value

    def scalar(self, node: yaml.ScalarNode, path: Path) -> object:
        if node.tag == f"{_TAG}binary":
            return self.binary(node, path)
        if node.tag and node.tag.removeprefix(_TAG) not in {"int", "float", "bool", "null"}:
            return node.value
        value = resolve(node.value)
        if not node.tag:
            self.doubt(node, value, path)
        return value

    def binary(self, node: yaml.ScalarNode, path: Path) -> str:
        try:
            return base64.b64decode(node.value).decode("utf-8", "replace")
        except binascii.Error:
            self.refuse(node, path, "base64 after !!binary", f"`{node.value}`")

    def doubt(self, node: yaml.ScalarNode, value: object, path: Path) -> None:
        """Warn where a reader may see another value than Helm."""
        text = node.value
        if isinstance(value, bool) and text not in _PLAIN_BOOLEANS:
            self.warn(node, path, "true or false, or quotes", f"`{text}`, which Helm reads as {str(value).lower()}")
        elif _LEADING_ZERO.match(text) and isinstance(value, int | float):
            self.warn(node, path, "a number without leading zeros, or quotes", f"`{text}`, which is {value:g} to Helm")

    def warn(self, node: yaml.Node, path: Path, expected: str, found: str) -> None:
        self.warnings.append(Problem(self.file, _line(node), dotted(path), expected, found))

    def refuse(self, node: yaml.Node, path: Path, expected: str, found: str) -> Never:
        raise ProblemsError([Problem(self.file, _line(node), dotted(path), expected, found)])


def _number(text: str) -> object:
    """Return an int or a float where Go's yaml.v2 sees one, else the text."""
    if not text[:1].isascii() or text[:1] not in "+-.0123456789":
        return text
    plain = text.replace("_", "") if text[0] != "." else text
    if (match := _INTEGER.fullmatch(plain)) and (integer := _integer(*match.groups())) in _INTEGERS_OF_BOTH_KINDS:
        return integer
    if _FLOAT.fullmatch(plain):
        number = float(plain)
        return text if number in {float("inf"), float("-inf")} else number
    return text


def _integer(sign: str, digits: str) -> int:
    octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    value = int(digits, 8) if octal else int(digits, 0)
    return -value if sign == "-" else value


def _float_key(value: float) -> str:
    """Write a float as Go does with format `g`, the fewest digits and 32 bits."""
    try:
        single = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        single = math.copysign(math.inf, value)
    if not math.isfinite(single):
        return {math.inf: ".inf", -math.inf: "-.inf"}.get(single, ".nan")
    shortest = (f"{value:.{digits}e}" for digits in range(17))
    written = next(text for text in shortest if struct.unpack("f", struct.pack("f", float(text)))[0] == single)
    mantissa, _, exponent = written.partition("e")
    if not _PLAIN_EXPONENTS.start <= int(exponent) < _PLAIN_EXPONENTS.stop:
        return written
    decimals = max(len(mantissa.lstrip("-").replace(".", "")) - 1 - int(exponent), 0)
    return f"{float(written):.{decimals}f}"


def _is_merge(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value == "<<" and node.tag in {"", f"{_TAG}merge"}


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _refused(error: yaml.YAMLError, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    found = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return Problem(file, mark.line + 1 if mark else 0, "", "YAML that Helm can read", str(found))
