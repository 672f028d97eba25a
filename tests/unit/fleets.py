"""Trees from dicts, a helm without processes, and the tiny fleets of tests/repos."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import yaml

from hubfleet.config import Config
from hubfleet.errors import ClusterUnreachableError, RenderError
from hubfleet.model import Action, GateResult, Live
from hubfleet.planning import Tools, plan_against_git, plan_against_live
from hubfleet.ports import Record
from hubfleet.values import read_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hubfleet.model import Cluster, Plan, Release, ReleaseId
    from hubfleet.ports import ClusterApi, Helm, Tree

REPOS = Path(__file__).resolve().parents[1] / "repos"
CONFIG = Config(inert=("**/README.md",))


@dataclass(frozen=True)
class DictTree:
    """Implements ports.Tree."""

    contents: Mapping[str, str]
    commit: str | None = "0" * 40
    dirty: bool = False
    modes: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _blobs(self) -> dict[str, str]:
        return {path: hashlib.sha1(self.read(path)).hexdigest() for path in self.contents}  # noqa: S324 - as git

    def files(self) -> Mapping[str, str]:
        return self._blobs

    def mode(self, path: str) -> str:
        return self.modes.get(path, "100644")

    def read(self, path: str) -> bytes:
        if path not in self.contents:
            raise FileNotFoundError(path)
        return self.contents[path].encode()

    def export(self, paths: Iterable[str], target: Path) -> None:
        for path in paths:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(self.read(path))

    def edited(self, edits: Mapping[str, str | None]) -> DictTree:
        """Give a tree with these files written; None deletes one."""
        merged = {**self.contents, **edits}
        return DictTree(
            {path: text for path, text in merged.items() if text is not None}, self.commit, modes=self.modes
        )


class FakeHelm:
    """Implements ports.Helm for templates that hold `{{ .Values.path }}`, comments, `{{ fail }}` and `{{ now }}`."""

    def __init__(self) -> None:
        self.rendered: list[str] = []
        self._staged: dict[str, tuple[Tree, Release]] = {}
        self._numbers = itertools.count()

    @contextmanager
    def staged(self, tree: Tree, release: Release) -> Iterator[Path]:
        root = Path(f"/stage/{next(self._numbers)}")
        self._staged[str(root / release.chart)] = (tree, release)
        yield root

    async def template(self, argv: Sequence[str]) -> str:
        tree, release = self._staged[argv[3]]
        self.rendered.append(argv[2])
        values = read_values(tree, release)[0].merged
        return "".join(self._file(tree, release, values, *each) for each in release.files if "/templates/" in each[0])

    def _file(self, tree: Tree, release: Release, values: object, place: str, source: str) -> str:
        text = re.sub(r"\{\{-?\s*/\*.*?\*/\s*-?\}\}\n?", "", tree.read(source).decode(), flags=re.DOTALL)
        if "{{ fail " in text:
            message = f"Error: execution error at ({source}:1:3): it fails"
            raise RenderError(message)
        text = text.replace("{{ now }}", str(next(self._numbers)))
        scope = place.removeprefix(release.chart).partition("/templates/")[0].split("/charts/")[1:]
        for name in scope:
            values = values.get(name) if isinstance(values, Mapping) else None
        return "---\n" + re.sub(r"\{\{ \.Values\.([\w.]+) \}\}", lambda match: _at(values, match[1]), text)


def _at(values: object, path: str) -> str:
    for key in path.split("."):
        values = values.get(key) if isinstance(values, Mapping) else None
    return "" if values is None else str(values)


@dataclass
class FakeCluster:
    """Implements ports.ClusterApi: what `deploy` was told runs."""

    records_: dict[str, Record] = field(default_factory=dict)
    live_: dict[str, Live] = field(default_factory=dict)
    manifests: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def live(self) -> Mapping[str, Live]:
        return self.live_

    async def records(self) -> Mapping[str, Record]:
        return self.records_

    async def manifest(self, release: ReleaseId, revision: int) -> str:
        self.asked.append(f"{release}@{revision}")
        return self.manifests[release.name]

    async def write_record(self, name: str, record: Record) -> None:
        self.records_[name] = record

    async def deploy(self, tree: Tree, release: Release, helm: Helm, gate: GateResult = GateResult.PASSED) -> None:
        """Make it so that this release of this tree was deployed and recorded."""
        from hubfleet.commands import template  # noqa: PLC0415
        from hubfleet.manifests import read_manifests  # noqa: PLC0415

        with helm.staged(tree, release) as root:
            text = await helm.template(template(release, root))
        name, revision = release.id.name, self.live_.get(release.id.name, Live(0, "absent")).revision + 1
        rendered = read_manifests(text, release.id).digest
        self.manifests[name] = text
        self.records_[name] = Record(release.digest, tree.commit, tree.dirty, "plan", revision, gate, rendered)
        self.live_[name] = Live(revision, "deployed", release.digest, tree.commit, revision, gate)


def plan_git(
    before: Tree, after: Tree, *, helm: Helm | None = None, only: tuple[str, ...] = (), render: bool = True
) -> Plan:
    """Plan from one tree to another."""
    tools = Tools((helm or FakeHelm()) if render else None)
    return asyncio.run(plan_against_git(after, before, CONFIG, tools, selection=only))


def plan_live(
    head: Tree,
    clusters: Mapping[str, FakeCluster | None],
    *,
    helm: Helm | None = None,
    commits: Sequence[Tree] = (),
    only: tuple[str, ...] = (),
) -> Plan:
    """Plan against clusters; a cluster that is not named does not answer, one that is None does not exist."""

    async def connect(cluster: Cluster) -> ClusterApi | None:
        if cluster.name not in clusters:
            message = f"{cluster.name} does not answer"
            raise ClusterUnreachableError(message)
        return clusters[cluster.name]

    async def history(commit: str) -> Tree | None:
        return next((tree for tree in commits if tree.commit == commit), None)

    tools = Tools(helm or FakeHelm())
    return asyncio.run(plan_against_live(head, CONFIG, tools, connect=connect, history=history, selection=only))


@dataclass(frozen=True)
class Case:
    """One folder of tests/repos: what is edited, and what the plan is then."""

    name: str
    before: DictTree
    after: DictTree
    plan: Mapping[str, Mapping[str, object]]
    problems: Sequence[str]

    @property
    def goes_back(self) -> bool:
        """Whether both sides have the same releases, and all can be rendered."""
        one_way = {"broken", "remove", "install"}
        return not self.problems and not any(row["action"] in one_way for row in self.plan.values())


def read_folder(folder: Path) -> dict[str, str]:
    return {
        PurePosixPath(path.relative_to(folder)).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def cases() -> list[Case]:
    base = DictTree(read_folder(REPOS / "base"))
    return [_case(folder, base) for folder in sorted(REPOS.iterdir()) if (folder / "case.yaml").exists()]


def _case(folder: Path, fleet: DictTree) -> Case:
    said = yaml.safe_load((folder / "case.yaml").read_text())
    before = fleet.edited(_edits(fleet, said.get("given") or {}))
    moved: dict[str, str | None] = dict.fromkeys([*(said.get("delete") or []), *(said.get("rename") or {})])
    moved |= {new: before.contents[old] for old, new in (said.get("rename") or {}).items()}
    added = read_folder(folder / "files") if (folder / "files").exists() else {}
    after = before.edited({**moved, **_edits(before, said.get("replace") or {}), **added})
    return Case(folder.name, before, after, said.get("plan") or {}, said.get("problems") or [])


def _edits(tree: DictTree, wanted: Mapping[str, Mapping[str, str]]) -> dict[str, str | None]:
    return {path: _replaced(tree.contents[path], pairs) for path, pairs in wanted.items()}


def _replaced(text: str, pairs: Mapping[str, str]) -> str:
    for old, new in pairs.items():
        assert old in text, f"{old!r} is not in the base fleet"
        text = text.replace(old, new)
    return text


def check_plan(plan: Plan, case: Case) -> None:
    """Compare a plan with what its case says of each release; whatever it does not name is unchanged."""
    found = {str(row.id): row for row in plan.releases}
    moving = {name: str(row.action) for name, row in found.items() if row.action is not Action.UNCHANGED}
    assert moving == {name: wanted["action"] for name, wanted in case.plan.items()}
    for name, wanted in case.plan.items():
        row = found[name]
        said = {
            "action": str(row.action),
            "wave": row.wave,
            "canary_only": row.canary_only,
            "impact": [str(kind) for kind in row.impact],
            "reasons": [f"{' → '.join(reason.path)}: {reason.change}" for reason in row.reasons],
            "note": row.note,
        }
        assert {key: said[key] for key in wanted} == wanted
