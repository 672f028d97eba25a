"""What a chart is made of: the files that Helm reads, and those of the charts that it depends on by `file://`."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hubfleet.errors import ProblemsError
from hubfleet.model import Input, Problem
from hubfleet.patterns import helm_ignored, matches
from hubfleet.yaml_reader import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hubfleet.ports import Tree

# Renders do not depend on these, whatever a .helmignore says.
LEFT_OUT = ("README*", "ci/**", "tests/**", ".helmignore")
SYMLINK = "120000"
MOST_LINKS = 40

_ACTION = re.compile(r"\{\{-?(?!-?\s*/\*)(.*?)\}\}", re.DOTALL)  # not {{/* a comment */}}
_RANDOM = re.compile(
    r"(?<![\w.$])(rand\w+|gen\w*(?:CA|Cert|PrivateKey)\w*|derivePassword|uuidv4|now|ago|htpasswd|bcrypt|lookup)(?!\w)"
)
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`')


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart with everything beneath it."""

    folder: str
    inputs: tuple[Input, ...] = ()
    files: tuple[tuple[str, str], ...] = ()  # (place below a render's root, path in the tree)
    members: tuple[tuple[str, str], ...] = ()  # (folder of a chart, prefix of its values: "" or "name.")
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Dependency:
    name: str
    alias: str
    folder: str


def chart_folders(tree: Tree, pattern: str) -> dict[str, str]:
    """Return name → folder of every chart at the places that the configuration names."""
    folders = {posixpath.dirname(path) for path in tree.files() if posixpath.basename(path) == "Chart.yaml"}
    return {posixpath.basename(folder): folder for folder in sorted(folders) if matches(folder, [pattern])}


def read_chart(tree: Tree, folder: str) -> Chart:
    """Collect a chart. Missing or circular dependencies are among its problems."""
    return _collect(tree, folder, place=folder, via=(folder,), prefix="")


def follow(tree: Tree, path: str) -> tuple[str, list[str]]:
    """Resolve a symlink: the file or folder that it leads to, and the links on the way."""
    links: list[str] = []
    while path in tree.files() and tree.mode(path) == SYMLINK and len(links) < MOST_LINKS:
        links.append(path)
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), tree.read(path).decode("utf-8", "replace")))
    return path, links


def texts(tree: Tree, files: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield (path in the tree, text) of a chart's templates, those of the charts beneath it included."""
    for place, source in files:
        if "/templates/" in place:
            yield source, _text(tree, source)


def random_functions(text: str) -> list[tuple[int, str]]:
    """Return (line, name) of each function in a template whose value differs with every render or every cluster."""
    return [
        (text.count("\n", 0, action.start(1) + match.start()) + 1, match[1])
        for action in _ACTION.finditer(text)
        for match in _RANDOM.finditer(_TEXT.sub(lambda quoted: " " * len(quoted[0]), action[1]))
    ]


def _collect(tree: Tree, folder: str, *, place: str, via: tuple[str, ...], prefix: str) -> Chart:
    inputs: list[Input] = []
    files: list[tuple[str, str]] = []
    for relative, source, links in _own_files(tree, folder):
        files.append((f"{place}/{relative}", source))
        inputs += [Input(path, tree.files()[path], via) for path in (source, *links)]
    dependencies, problems = _dependencies(tree, folder)
    members = [(folder, prefix)]
    for dependency in dependencies:
        if dependency.folder in via:
            circle = " → ".join((*via, dependency.folder))
            problems.append(Problem(f"{folder}/Chart.yaml", 0, "dependencies", "no circle of charts", circle))
            continue
        beneath = _collect(
            tree,
            dependency.folder,
            place=f"{place}/charts/{dependency.name}",
            via=(*via, dependency.folder),
            prefix=f"{prefix}{dependency.alias}.",
        )
        inputs += beneath.inputs
        files += beneath.files
        members += beneath.members
        problems += beneath.problems
    return Chart(folder, tuple(inputs), tuple(files), tuple(members), tuple(problems))


def _own_files(tree: Tree, folder: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (path within the chart, path in the tree, symlinks on the way) of what Helm reads of a folder."""
    found = {relative: (source, links) for relative, source, links in _below(tree, folder)}
    ignored = set(helm_ignored(found, _text(tree, f"{folder}/.helmignore")))
    for relative in sorted(found.keys() - ignored):
        if not matches(relative, LEFT_OUT):
            yield relative, *found[relative]


def _below(tree: Tree, folder: str, depth: int = 0) -> Iterator[tuple[str, str, list[str]]]:
    prefix = f"{folder}/"
    for path in tree.files():
        if path.startswith(prefix):
            source, links = follow(tree, path)
            if source in tree.files():
                yield path.removeprefix(prefix), source, links
            elif depth < MOST_LINKS:
                for relative, beneath, more in _below(tree, source, depth + 1):
                    yield f"{path.removeprefix(prefix)}/{relative}", beneath, [*links, *more]


def _dependencies(tree: Tree, folder: str) -> tuple[list[_Dependency], list[Problem]]:
    """Return the dependencies by `file://` of a chart; remote ones come with the chart, packed in its charts/."""
    file = f"{folder}/Chart.yaml"
    try:
        document = read_yaml(tree.read(file), file)
    except ProblemsError as error:
        return [], list(error.problems)
    entries = document.value.get("dependencies") if isinstance(document.value, dict) else None
    found: list[_Dependency] = []
    problems: list[Problem] = []
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        dependency = _local(entry, folder) if isinstance(entry, Mapping) else None
        if dependency and f"{dependency.folder}/Chart.yaml" not in tree.files():
            path = ("dependencies", index, "repository")
            problems.append(
                document.problem(path, "the folder of a chart", f"{dependency.folder}, where there is none")
            )
        elif dependency:
            found.append(dependency)
    return found, problems


def _local(entry: Mapping[str, object], folder: str) -> _Dependency | None:
    repository = str(entry.get("repository") or "")
    if not repository.startswith("file://"):
        return None
    name = str(entry.get("name"))
    target = posixpath.normpath(posixpath.join(folder, repository.removeprefix("file://")))
    return _Dependency(name, str(entry.get("alias") or name), target)


def _text(tree: Tree, path: str) -> str:
    return tree.read(path).decode("utf-8", "replace") if path in tree.files() else ""
