"""Rules about the repository, a function each; its docstring says what the rule wants. Nothing is rendered or asked.

What the inventory cannot be read without (names, stages, canaries, files that exist) is checked while it is read, and
reported here with the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from hubfleet.charts import chart_folders, random_functions, read_chart, texts
from hubfleet.errors import ProblemsError
from hubfleet.inventory import Survey, survey
from hubfleet.model import Problem, Release, ReleaseId
from hubfleet.parsing import shown
from hubfleet.patterns import matches
from hubfleet.shapes import ValuesSchema, shape_problems, values_schema
from hubfleet.values import Values, read_values

if TYPE_CHECKING:
    from hubfleet.config import Config
    from hubfleet.ports import Tree

Rule = Callable[["Repository"], Iterator[Problem]]


@dataclass(frozen=True)
class Repository:
    """What the rules look at; read once."""

    tree: Tree
    config: Config

    @cached_property
    def survey(self) -> Survey:
        """The inventory with its mistakes."""
        return survey(self.tree, self.config)

    @cached_property
    def values(self) -> Mapping[ReleaseId, tuple[Values, list[Problem]]]:
        """The values of every release."""
        return {release.id: read_values(self.tree, release) for release in self.releases}

    def schema(self, chart: str) -> ValuesSchema | None:
        """Return the schema of a chart's values."""
        if chart not in self._schemas:
            self._schemas[chart] = values_schema(self.tree, chart)
        return self._schemas[chart]

    @cached_property
    def _schemas(self) -> dict[str, ValuesSchema | None]:
        return {}

    def is_incomplete(self, release: ReleaseId) -> bool:
        """Whether values files of a release are missing or cannot be read."""
        found = self.survey.inventory.releases[release]
        files = {place for place, _ in found.files}
        missing = any(layer.values is None and layer.path not in files for layer in found.layers)
        return missing or bool(self.values[release][1])

    @property
    def releases(self) -> tuple[Release, ...]:
        """Every release that could be read."""
        return tuple(self.survey.inventory.releases.values())


@dataclass(frozen=True, slots=True)
class Findings:
    """What the rules have found: problems make the repository invalid, warnings do not."""

    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def check(tree: Tree, config: Config) -> Findings:
    """Apply every rule; nothing stops at the first problem."""
    repository = Repository(tree, config)
    problems = {problem for rule in RULES for problem in rule(repository)}
    warnings = {problem for rule in WARNINGS for problem in rule(repository)}
    return Findings(tuple(sorted(problems)), tuple(sorted(warnings)))


def inventory_can_be_read(repository: Repository) -> Iterator[Problem]:
    """Want every cluster.yaml to name hubs, stages, canaries, charts and values files that fit together."""
    yield from repository.survey.problems


def cluster_files_have_the_shape(repository: Repository) -> Iterator[Problem]:
    """Want every cluster.yaml in the shape that hubs/cluster.schema.yaml (yamale) describes."""
    known = {(problem.file, problem.key) for problem in repository.survey.problems}
    schema = repository.config.cluster_schema
    if schema in repository.tree.files():
        text = repository.tree.read(schema).decode("utf-8", "replace")
        documents = [file.document for file in repository.survey.files]
        yield from (item for item in shape_problems(schema, text, documents) if (item.file, item.key) not in known)


def values_fit_the_chart(repository: Repository) -> Iterator[Problem]:
    """Want the values of every release, merged as Helm does, to fit the schemas of its chart and those beneath."""
    for release in repository.releases:
        values, problems = repository.values[release.id]
        yield from problems
        for folder, prefix in repository.survey.charts[release.chart].members:
            try:
                schema = repository.schema(folder)
            except ProblemsError as error:
                yield from error.problems
                continue
            if schema and not problems:
                yield from schema.problems(values, prefix)


def domains_are_served(repository: Repository) -> Iterator[Problem]:
    """Want a hub's domain among the hosts of its ingress, where it has one: else nobody reaches it."""
    for file in repository.survey.files:
        for index, hub in file.hubs:
            release = ReleaseId(file.cluster.name if file.cluster else "", hub.name)
            if hub.domain is None or release not in repository.values or repository.is_incomplete(release):
                continue
            ingress = repository.values[release][0].merged.get("ingress")
            if not isinstance(ingress, Mapping) or ingress.get("enabled") is not True:
                continue
            hosts = ingress.get("hosts") or []
            if hosts and hub.domain not in hosts:
                expected = f"one of the hosts that its ingress serves: {shown(hosts)}"
                yield file.document.problem(("hubs", index, "domain"), expected, f"`{hub.domain}`")
            elif not hosts:
                expected = f"{hub.domain} among the values' ingress.hosts"
                yield file.document.problem(("hubs", index, "domain"), expected, "no host at all")


def files_belong_to_a_release(repository: Repository) -> Iterator[Problem]:
    """Want every file under the clusters' and charts' folders to be part of a release, or declared inert."""
    found = repository.survey
    used = {item.path for release in repository.releases for item in release.inputs}
    used |= {file.file for file in found.files}
    unread = tuple(f"{file.folder}/" for file in found.files if _has_mistakes(file.file, found))
    for path in repository.tree.files():
        if path in used or path.startswith(unread) or matches(path, repository.config.inert):
            continue
        if path.startswith(_root(repository.config.clusters)):
            hint = "Name it in a cluster.yaml, delete it, or add it to `inert` in [tool.hubfleet]."
            yield Problem(path, 0, "", "a file that a release is made of", "one that none uses", hint)
    if not found.problems:
        yield from _unused_charts(repository)


def templates_are_deterministic(repository: Repository) -> Iterator[Problem]:
    """Want no function in our templates whose value differs with every render: a plan compares renders."""
    for folder in chart_folders(repository.tree, repository.config.charts).values():
        for path, text in texts(repository.tree, read_chart(repository.tree, folder).files):
            for line, name in random_functions(text):
                hint = "Make the value once, in a Secret that a Job creates."
                yield Problem(path, line, "", "functions that give the same with every render", f"`{name}`", hint)


def yaml_reads_alike(repository: Repository) -> Iterator[Problem]:
    """Want a reader to see in a YAML file what Helm sees: no key twice, no `on` for true, no leading zeros."""
    for file in repository.survey.files:
        yield from file.document.warnings
    for values, _ in repository.values.values():
        for document in values.documents:
            yield from document.warnings


RULES: tuple[Rule, ...] = (
    inventory_can_be_read,
    cluster_files_have_the_shape,
    values_fit_the_chart,
    domains_are_served,
    files_belong_to_a_release,
    templates_are_deterministic,
)
WARNINGS: tuple[Rule, ...] = (yaml_reads_alike,)


def _has_mistakes(file: str, found: Survey) -> bool:
    return any(problem.file == file for problem in found.problems)


def _root(pattern: str) -> str:
    """Return the folder above the first wildcard of a glob."""
    return pattern[: min(pattern.find(char) for char in "*?[" if char in pattern)].rpartition("/")[0] + "/"


def _unused_charts(repository: Repository) -> Iterator[Problem]:
    used = {folder for chart in repository.survey.charts.values() for folder, _ in chart.members}
    for folder in chart_folders(repository.tree, repository.config.charts).values():
        if folder not in used and not matches(f"{folder}/Chart.yaml", repository.config.inert):
            yield Problem(f"{folder}/Chart.yaml", 0, "", "a chart that a release uses", "one that none does")
