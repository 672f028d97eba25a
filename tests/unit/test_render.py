"""Rendering through the ports: staged files, the cache, what helm says where it fails."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.fleets import CONFIG, REPOS, DictTree, FakeHelm, plan_git, read_folder

from hubfleet import commands
from hubfleet.adapters.cache import FolderCache
from hubfleet.adapters.helm import HelmProgram
from hubfleet.errors import RenderError
from hubfleet.inventory import read_inventory
from hubfleet.model import Action, Release, ReleaseId
from hubfleet.planning import NoCache
from hubfleet.ports import Completed
from hubfleet.render import render

if TYPE_CHECKING:
    from collections.abc import Sequence

FLEET = DictTree(read_folder(REPOS / "base"))
TEMPLATE = "charts/app/templates/config.yaml"


def prod(tree: DictTree = FLEET) -> Release:
    return read_inventory(tree, CONFIG).releases[ReleaseId("one", "prod")]


def edited(path: str, old: str, new: str) -> DictTree:
    assert old in FLEET.contents[path]
    return FLEET.edited({path: FLEET.contents[path].replace(old, new)})


class SaidHelm:
    """Implements ports.Runner for one program that answers as it is told."""

    def __init__(self, returncode: int, stdout: str = "", stderr: str = "") -> None:
        self.answer = (returncode, stdout, stderr)
        self.argv: tuple[str, ...] = ()

    async def run(self, argv: Sequence[str], **_: object) -> Completed:
        self.argv = tuple(argv)
        return Completed(self.argv, *self.answer)


def test_staged_folder_has_every_file_that_helm_is_told_of_and_is_gone_after() -> None:
    release = prod()
    with HelmProgram(Path("helm"), SaidHelm(0)).staged(FLEET, release) as root:
        argv = commands.template(release, root)
        named = [Path(argv[3]), *(Path(each) for each in argv if each.endswith((".yaml", ".json")))]
        assert all(path.exists() for path in named)
        assert len(named) == 1 + len(release.layers)
        deep = root / "charts/app/charts/mid/charts/lib/templates/deep.yaml"
        assert deep.read_text() == FLEET.contents["charts/lib/templates/deep.yaml"]
        assert root.stat().st_mode & 0o077 == 0
    assert not root.exists()


def test_program_stands_in_for_the_name() -> None:
    runner = SaidHelm(0, "kind: X\n")
    assert asyncio.run(HelmProgram(Path("/tools/helm"), runner).template(("helm", "template", "x"))) == "kind: X\n"
    assert runner.argv == ("/tools/helm", "template", "x")


@pytest.mark.parametrize(("stderr", "said"), [("Error: no\n", "Error: no"), ("", "helm ended with 3 and said nothing")])
def test_failure_is_told_in_helms_words(stderr: str, said: str) -> None:
    with pytest.raises(RenderError, match=said):
        asyncio.run(HelmProgram(Path("helm"), SaidHelm(3, "", stderr)).template(("helm",)))


def test_same_content_is_rendered_once(tmp_path: Path) -> None:
    helm, cache = FakeHelm(), FolderCache(tmp_path)
    first, second = (asyncio.run(render(FLEET, prod(), helm, cache)) for _ in range(2))
    assert first == second
    assert helm.rendered == ["prod"]


@pytest.mark.parametrize(
    ("path", "old", "new", "again"),
    [
        ("hubs/one/prod.values.yaml", "prod", "production", True),
        ("charts/lib/templates/deep.yaml", "two", "2", True),
        ("images/server/start.sh", "sleep", "wait", True),
        ("hubs/one/cluster.yaml", '"1.36"', '"1.37"', True),
        ("hubs/one/staging.values.yaml", "staging", "stage", False),
        ("hubs/one/cluster.yaml", "domain: prod.localhost", "domain: hub.localhost", False),
        ("hubs/one/cluster.yaml", "port: 8081", "port: 8082", False),
        ("charts/app/README.md", "app", "App", False),
    ],
)
def test_what_helm_reads_is_rendered_again_and_nothing_else(
    tmp_path: Path, path: str, old: str, new: str, *, again: bool
) -> None:
    helm, cache = FakeHelm(), FolderCache(tmp_path)
    after = edited(path, old, new)
    asyncio.run(render(FLEET, prod(), helm, cache))
    asyncio.run(render(after, prod(after), helm, cache))
    assert len(helm.rendered) == (2 if again else 1)


def test_random_templates_are_rendered_twice_and_settle() -> None:
    random = edited(TEMPLATE, "\ndata:", '\ndata:\n  id: "{{ now }}"')
    helm = FakeHelm()
    rendered = asyncio.run(render(random, prod(random), helm, NoCache()))
    assert rendered.volatile == (("ConfigMap/config", "data", "id"),)
    assert helm.rendered == ["prod", "prod"]
    commented = random.edited({"hubs/one/prod.values.yaml": "# why\ngreeting: prod of one\n"})
    assert {row.action for row in plan_git(random, commented).releases} == {Action.UNCHANGED}


def test_no_secret_stands_in_the_cache(tmp_path: Path) -> None:
    template = "kind: Secret\nmetadata: {name: s}\nstringData: {password: '{{ .Values.greeting }}'}\n"
    tree = FLEET.edited({TEMPLATE: template, "hubs/one/prod.values.yaml": "greeting: hunter2\n"})
    asyncio.run(render(tree, prod(tree), FakeHelm(), FolderCache(tmp_path)))
    (entry,) = tmp_path.iterdir()
    assert "hunter2" not in entry.read_text()
    assert "Secret/s" in entry.read_text()
    assert entry.stat().st_mode & 0o077 == 0


def test_cache_forgets_the_oldest_first(tmp_path: Path) -> None:
    cache = FolderCache(tmp_path, most=2)
    for age, key in enumerate("abc"):
        cache.put(key, key)
        for entry in tmp_path.iterdir():
            os.utime(entry, (entry.stat().st_mtime - 10 + age, entry.stat().st_mtime - 10 + age))
    assert [cache.get(key) for key in "abc"] == [None, "b", "c"]


def test_damaged_cache_is_as_good_as_none(tmp_path: Path) -> None:
    helm, cache = FakeHelm(), FolderCache(tmp_path)
    asyncio.run(render(FLEET, prod(), helm, cache))
    for entry in tmp_path.iterdir():
        entry.write_bytes(b"\xff{")
    asyncio.run(render(FLEET, prod(), helm, cache))
    assert helm.rendered == ["prod", "prod"]


def test_folder_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = FolderCache(tmp_path / "file" / "cache")
    cache.put("a", "b")
    assert cache.get("a") is None
