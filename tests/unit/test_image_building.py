"""Images for local clusters: what is built, pulled, made or left alone; git is real, docker and chartpress are not."""

from __future__ import annotations

import asyncio
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.unit.local_fakes import FakeReporter, failed

from hubfleet.adapters.chartpress import command_line, complaint, only
from hubfleet.adapters.docker import Docker
from hubfleet.adapters.dockerfile import bases
from hubfleet.adapters.image_source import Source
from hubfleet.adapters.images import Images
from hubfleet.adapters.process import Processes
from hubfleet.adapters.stand_ins import STAND_INS, StandIns
from hubfleet.adapters.worktree import WorkTree
from hubfleet.errors import ToolError
from hubfleet.images import read_images
from hubfleet.ports import Completed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Engine:
    """A container engine and a chartpress that remember; everything else is started for real."""

    holds: dict[str, str] = field(default_factory=dict)  # reference → id
    commands: list[tuple[str, ...]] = field(default_factory=list)
    copies: list[dict[str, str]] = field(default_factory=list)  # the files that chartpress was given
    registry: bool = False
    breaks: str = ""

    async def run(self, argv: Sequence[str], **options: Any) -> Completed:  # noqa: ANN401 - the port's
        if argv[0] == "git":
            return await Processes().run(argv, **options)
        self.commands.append(tuple(argv))
        return self._docker(list(argv)) if argv[0] == "docker" else self._chartpress(list(argv), options["cwd"])

    def did(self, word: str) -> list[tuple[str, ...]]:
        return [command for command in self.commands if word in command]

    def _docker(self, argv: list[str]) -> Completed:
        if "inspect" in argv:
            if argv[-1] not in self.holds:
                return failed("No such image")
            names = [name for name, id_ in self.holds.items() if id_ == self.holds[argv[-1]]]
            return _said(" ".join(names) if "RepoTags" in " ".join(argv) else self.holds[argv[-1]])
        if "pull" in argv:
            return self._add(argv[-1]) if self.registry else failed("connection refused")
        if "build" in argv:
            return self._add(argv[argv.index("--tag") + 1])
        assert "tag" in argv, argv
        self.holds[argv[-1]] = self.holds[argv[-2]]
        return _said("")

    def _chartpress(self, argv: list[str], folder: Path) -> Completed:
        files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
        self.copies.append({name: path.read_text() for name, path in files.items() if not name.startswith(".git/")})
        if self.breaks:
            return failed(self.breaks)
        (chart,) = json.loads((folder / "chartpress.yaml").read_text())["charts"]
        (key,) = chart["images"]
        return self._add(f"{chart['imagePrefix']}{key}:{argv[argv.index('--tag') + 1]}")

    def _add(self, reference: str) -> Completed:
        self.holds[reference] = f"id of {reference}"
        return _said("")


def _said(text: str) -> Completed:
    return Completed((), 0, text, "")


@pytest.fixture
def engine() -> Engine:
    return Engine(holds={reference: f"published {reference}" for reference in (*STAND_INS, "debian:trixie-slim")})


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("hub", "extra"):
        folder = tmp_path / "images" / name
        folder.mkdir(parents=True)
        (folder / "Dockerfile").write_text("FROM debian:trixie-slim\nCOPY app /app\n")
        (folder / "app").write_text(name)
    chart = tmp_path / "charts" / "base"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("name: base\nversion: 0.1.0\n")
    (chart / "values.yaml").write_text("hub: {image: {name: x/hub, tag: none}}\n")
    (chart / "templates" / "secret.yaml").write_text("{{ x }}")
    images = {name: {"valuesPath": f"{name}.image"} for name in ("hub", "extra")}
    charts = [{"name": "base", "chartPath": "charts/base", "imagePrefix": "x/", "images": images}]
    (tmp_path / "chartpress.yaml").write_text(yaml.safe_dump({"charts": charts}))
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def tags(root: Path) -> dict[str, str]:
    tree = asyncio.run(WorkTree(root, Processes()).load())
    return {image.name: image.tag(tree) for image in read_images(tree, "chartpress.yaml")}


def build(root: Path, engine: Engine, wanted: Mapping[str, str], images: str = "build") -> None:
    asyncio.run(Images(root, engine, FakeReporter(), images).build(wanted))


class TestOurs:
    def test_missing_images_are_built_under_the_wanted_tag(self, repository: Path, engine: Engine) -> None:
        wanted = tags(repository)
        build(repository, engine, wanted)
        assert {f"{name}:{tag}" for name, tag in wanted.items()} <= engine.holds.keys()

    def test_what_the_engine_holds_is_not_built_again(self, repository: Path, engine: Engine) -> None:
        wanted = tags(repository)
        build(repository, engine, wanted)
        engine.commands.clear()
        build(repository, engine, wanted)
        assert all("inspect" in command for command in engine.commands)

    def test_edit_that_is_not_committed_makes_another_image(self, repository: Path, engine: Engine) -> None:
        before = tags(repository)
        (repository / "images" / "hub" / "app").write_text("changed")
        after = tags(repository)
        assert (before["x/hub"] != after["x/hub"], before["x/extra"]) == (True, after["x/extra"])
        build(repository, engine, before | after)
        assert f"x/hub:{after['x/hub']}" in engine.holds

    def test_chartpress_works_on_a_copy_with_one_image_and_nothing_else(self, repository: Path, engine: Engine) -> None:
        build(repository, engine, {"x/hub": tags(repository)["x/hub"]})
        (copy,) = engine.copies
        expected = {"charts/base/Chart.yaml", "charts/base/values.yaml", "images/hub/Dockerfile", "images/hub/app"}
        assert set(copy) == {*expected, "chartpress.yaml"}
        assert list(json.loads(copy["chartpress.yaml"])["charts"][0]["images"]) == ["hub"]
        assert not (repository / ".git" / "refs" / "heads" / "copy").exists()

    def test_tag_that_these_files_do_not_give_is_refused_before_anything_is_built(
        self, repository: Path, engine: Engine
    ) -> None:
        wanted = tags(repository)
        with pytest.raises(ToolError, match=f"makes x/hub:{wanted['x/hub']}: plan again"):
            build(repository, engine, {**wanted, "x/hub": "0123456789abcdef"})
        assert engine.copies == []

    def test_image_that_nobody_knows_is_refused(self, repository: Path, engine: Engine) -> None:
        with pytest.raises(ToolError, match=r"chartpress\.yaml does not list: it lists x/extra, x/hub"):
            build(repository, engine, {"x/other": "1"})

    def test_failed_build_is_told_in_its_own_words(self, repository: Path, engine: Engine) -> None:
        engine.breaks = "Step 2/2 : COPY app /app\nno space left\nTraceback (most recent call last):\n  File x\nError"
        with pytest.raises(ToolError) as raised:
            build(repository, engine, tags(repository))
        assert "no space left" in str(raised.value)
        assert "Traceback" not in str(raised.value)

    def test_base_is_pulled_where_a_registry_answers(self, repository: Path, engine: Engine) -> None:
        del engine.holds["debian:trixie-slim"]
        engine.registry = True
        build(repository, engine, tags(repository), images="auto")
        assert ("docker", "pull", "--quiet", "debian:trixie-slim") in engine.commands


class TestOthers:
    def stand_ins(self, engine: Engine) -> StandIns:
        return StandIns(Docker(engine), FakeReporter())

    def bring(self, engine: Engine, source: Source) -> None:
        async def bring_all() -> None:
            for reference in await self.stand_ins(engine).missing():
                await self.stand_ins(engine).bring(reference, source)

        asyncio.run(bring_all())

    def test_published_images_are_left_alone(self, engine: Engine) -> None:
        self.bring(engine, Source.BUILD)
        assert not engine.did("build")
        assert not engine.did("tag")

    def test_are_pulled_where_a_registry_answers(self) -> None:
        engine = Engine(registry=True)
        self.bring(engine, Source.PULL)
        assert engine.holds.keys() == STAND_INS.keys()

    def test_are_made_where_none_answers_and_once(self) -> None:
        engine = Engine(holds={"debian:trixie-slim": "base"})
        self.bring(engine, Source.BUILD)
        assert engine.holds.keys() >= STAND_INS.keys()
        assert len(engine.did("build")) == len(STAND_INS)
        self.bring(engine, Source.BUILD)
        assert len(engine.did("build")) == len(STAND_INS)

    def test_stand_in_of_another_recipe_is_made_anew(self) -> None:
        engine = Engine(holds={"debian:trixie-slim": "base"})
        for reference, name in STAND_INS.items():
            engine.holds |= dict.fromkeys((reference, f"hubfleet/stand-in-{name}:old"), f"old {name}")
        self.bring(engine, Source.BUILD)
        assert len(engine.did("build")) == len(STAND_INS)
        assert not any(id_.startswith("old") for name, id_ in engine.holds.items() if name in STAND_INS)

    def test_every_image_of_others_that_the_charts_name_has_a_stand_in(self) -> None:
        named = {
            image
            for values in ROOT.glob("charts/*/values.yaml")
            for image in _images(yaml.safe_load(values.read_text()))
            if not image.startswith("hubfleet/")
        }
        assert named == STAND_INS.keys()


def _images(values: object) -> set[str]:
    if not isinstance(values, dict):
        return set()
    own = {f"{values['name']}:{values['tag']}"} if isinstance(values.get("name"), str) and values.get("tag") else set()
    return own.union(*map(_images, values.values()))


class TestReading:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("FROM a:1", ("a:1",)),
            ("# FROM z\nFROM a:1 AS build\nRUN x\nfrom b:2\nCOPY --from=build /x /x", ("a:1", "b:2")),
            ("FROM a AS one\nFROM one AS two\nFROM TWO", ("a",)),
            ("FROM --platform=linux/amd64 a\nFROM scratch\nFROM a", ("a",)),
            ("RUN echo FROM x", ()),
        ],
    )
    def test_bases_of_a_dockerfile(self, text: str, expected: tuple[str, ...]) -> None:
        assert bases(text) == expected

    def test_every_image_of_ours_starts_from_the_one_base_that_is_made_locally(self) -> None:
        found = [*ROOT.glob("images/*/Dockerfile"), *ROOT.glob("tooling/local_cluster/stand_ins/*/Dockerfile")]
        assert {base for path in found for base in bases(path.read_text())} == {"debian:trixie-slim"}

    @pytest.mark.parametrize("path", sorted(ROOT.glob("images/*/Dockerfile")), ids=lambda path: str(path.parent.name))
    def test_images_of_ours_run_as_a_user_with_a_number_and_build_everywhere(self, path: Path) -> None:
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        user = [line.split()[1] for line in lines if line.startswith("USER ")][-1]
        assert int(user) > 0
        assert not [line for line in lines if "--mount" in line or "--chmod" in line]

    @pytest.mark.parametrize("path", sorted(ROOT.glob("images/*/requirements.txt")), ids=lambda path: path.parent.name)
    def test_requirements_are_pinned_by_version_and_content(self, path: Path) -> None:
        wanted = [line for line in path.with_suffix(".in").read_text().splitlines() if line and line[0] != "#"]
        blocks = [
            block for block in path.read_text().replace("\\\n", "").splitlines() if block and block[0] not in " #"
        ]
        assert all("==" in line for line in wanted)
        assert all("==" in block and "--hash=sha256:" in block for block in blocks)
        assert {line.partition("[")[0].partition("==")[0] for line in wanted} <= {
            block.partition("==")[0].partition("[")[0] for block in blocks
        }

    def test_one_image_of_a_list(self) -> None:
        listed = {
            "charts": [
                {"name": "a", "images": {"x": {"valuesPath": "x"}, "y": {}}},
                {"name": "b", "images": {"z": {}}},
                {},
            ]
        }
        assert only(listed, "x") == {"charts": [{"name": "a", "images": {"x": {"valuesPath": "x"}}}]}

    def test_chartpress_is_told_the_tag_and_asks_no_registry(self) -> None:
        assert command_line("0123")[1:] == ("-m", "chartpress", "--tag", "0123", "--force-build")

    def test_complaint_without_a_build_is_what_chartpress_said(self) -> None:
        assert complaint("Traceback (most recent call last):\nKeyError: 'x'").endswith("KeyError: 'x'")
