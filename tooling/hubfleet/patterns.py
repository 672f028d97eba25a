"""Globs and ignore files, as git, Docker and Helm read them; pure text."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@cache
def glob(pattern: str) -> re.Pattern[str]:
    """Compile a glob over posix paths: `*`, `?` and `[…]` stay within a folder, `**` crosses folders."""
    return re.compile(_translate(pattern))


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether any of the globs matches the whole path."""
    return any(glob(pattern).fullmatch(path) for pattern in patterns)


def docker_ignored(paths: Iterable[str], rules: str) -> Iterator[str]:
    """Yield the paths (relative to a build context) that a .dockerignore keeps out; the last rule that fits decides."""
    parsed = [(rule.startswith("!"), glob(rule.removeprefix("!").strip("/"))) for rule in _lines(rules)]
    for path in paths:
        ignored = False
        for keeps, pattern in parsed:
            if any(pattern.fullmatch(place) for place in _ancestors(path)):
                ignored = not keeps
        if ignored:
            yield path


def helm_ignored(paths: Iterable[str], rules: str) -> Iterator[str]:
    """Yield those paths (relative to a chart) that its .helmignore keeps out of the chart."""
    parsed = [_HelmRule(rule) for rule in ("templates/.?*", *_lines(rules))]
    for path in paths:
        *folders, file = _ancestors(path)
        if any(_helm_ignores(parsed, folder, is_folder=True) for folder in folders) or _helm_ignores(
            parsed, file, is_folder=False
        ):
            yield path


class _HelmRule:
    """One line: without a slash it is matched with names at any depth, else with the path from the chart's root."""

    def __init__(self, rule: str) -> None:
        self.negated = rule.startswith("!")
        rule = rule.removeprefix("!")
        self.folders_only = rule.endswith("/")
        rule = rule.removesuffix("/")
        self.anchored = "/" in rule
        self.pattern = re.compile(_translate(rule.removeprefix("/"), crossing=False))

    def fits(self, path: str) -> bool:
        return bool(self.pattern.fullmatch(path if self.anchored else path.rpartition("/")[2]))


def _helm_ignores(rules: Iterable[_HelmRule], path: str, *, is_folder: bool) -> bool:
    """Decide as Helm does: a negated rule ignores whatever it does not fit."""
    for rule in rules:
        wrong_kind = rule.folders_only and not is_folder
        if rule.negated:
            if wrong_kind or not rule.fits(path):
                return True
        elif not wrong_kind and rule.fits(path):
            return True
    return False


def _lines(rules: str) -> list[str]:
    stripped = (line.strip() for line in rules.splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


def _ancestors(path: str) -> list[str]:
    """Return the folders above a path, outermost first, and the path itself."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


_TOKEN = re.compile(
    r"(?P<deep>\*\*/?)|(?P<star>\*)|(?P<one>\?)|(?P<set>\[\^?[^\]]+\])|\\(?P<escaped>.)|(?P<plain>.)", re.DOTALL
)


def _translate(pattern: str, *, crossing: bool = True) -> str:
    return "".join(_piece(match, crossing=crossing) for match in _TOKEN.finditer(pattern))


def _piece(match: re.Match[str], *, crossing: bool) -> str:
    text = match[0]
    match match.lastgroup:
        case "deep":
            return ("(?:.*/)?" if text.endswith("/") else ".*") if crossing else "[^/]*"
        case "star":
            return "[^/]*"
        case "one":
            return "[^/]"
        case "set":
            return text.replace("\\", "\\\\").replace("&&", "&\\&")
        case "escaped":
            return re.escape(match["escaped"])
        case _:
            return re.escape(text)
