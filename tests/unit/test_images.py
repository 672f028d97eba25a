"""What an image is made of, and the tag that follows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.fleets import REPOS, DictTree, read_folder

from hubfleet.errors import ProblemsError
from hubfleet.images import context_files, image_tag, read_images

TREE = DictTree(
    {
        "images/hub/Dockerfile": "FROM debian:trixie-slim\n",
        "images/hub/requirements.txt": "jupyterhub==6.1.1\n",
        "images/hub/README.md": "# hub\n",
        "images/hub/.dockerignore": "*.md\n",
        "images/hub-extra/Dockerfile": "FROM scratch\n",
    }
)
TAG = image_tag(TREE, "images/hub")


def test_context_is_what_a_build_sees() -> None:
    assert context_files(TREE, "images/hub", "images/hub/Dockerfile") == [
        "images/hub/.dockerignore",
        "images/hub/Dockerfile",
        "images/hub/requirements.txt",
    ]


def test_dockerfile_counts_even_where_it_is_ignored() -> None:
    tree = TREE.edited({"images/hub/.dockerignore": "*\n"})
    assert context_files(tree, "images/hub", "images/hub/Dockerfile") == ["images/hub/Dockerfile"]


def test_tag_is_sixteen_hex_digits_and_the_same_every_time() -> None:
    assert len(TAG) == 16
    assert int(TAG, 16)
    assert image_tag(DictTree(dict(sorted(TREE.contents.items(), reverse=True))), "images/hub") == TAG


@pytest.mark.parametrize(
    "edit",
    [
        {"images/hub/requirements.txt": "jupyterhub==6.1.2\n"},
        {"images/hub/Dockerfile": "FROM debian:bookworm-slim\n"},
        {"images/hub/new.py": ""},
        {"images/hub/requirements.txt": None},
        {"images/hub/.dockerignore": ""},
    ],
)
def test_whatever_goes_into_the_image_changes_its_tag(edit: dict[str, str | None]) -> None:
    assert image_tag(TREE.edited(edit), "images/hub") != TAG


@pytest.mark.parametrize(
    "edit",
    [{"images/hub/README.md": "# the hub\n"}, {"images/hub-extra/Dockerfile": "FROM debian\n"}, {"README.md": ""}],
)
def test_whatever_does_not_go_in_leaves_the_tag(edit: dict[str, str | None]) -> None:
    assert image_tag(TREE.edited(edit), "images/hub") == TAG


def test_mode_and_base_count() -> None:
    executable = replace(TREE, modes={"images/hub/requirements.txt": "100755"})
    assert len({TAG, image_tag(executable, "images/hub"), image_tag(TREE, "images/hub", "arg")}) == 3


def test_folder_under_another_name_makes_the_same_image() -> None:
    moved = DictTree({path.replace("images/hub/", "docker/"): text for path, text in TREE.contents.items()})
    assert image_tag(moved, "docker") == TAG


def test_chartpress_says_what_goes_where() -> None:
    (image,) = read_images(DictTree(read_folder(REPOS / "base")), "chartpress.yaml")
    assert (image.name, image.chart, image.context) == ("hubfleet/server", "charts/app", "images/server")
    assert image.values_paths == ("server.image",)


def test_chartpress_defaults_are_chartpress_own() -> None:
    text = "charts:\n  - name: app\n    images:\n      hub: {buildArgs: {A: 1}, valuesPath: [a.b, c]}\n"
    (image,) = read_images(TREE.edited({"chartpress.yaml": text}), "chartpress.yaml")
    assert (image.name, image.chart, image.context) == ("hub", "app", "images/hub")
    assert image.values_paths == ("a.b", "c")
    assert image.tag(TREE) != TAG


def test_repository_without_chartpress_has_no_images_of_its_own() -> None:
    assert read_images(TREE, "chartpress.yaml") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("charts: 3\n", "chartpress.yaml:1: charts: expected a valid list, found 3"),
        ("charts:\n  - images: {}\n", "chartpress.yaml:2: charts[0].name: expected the key `name`, found nothing"),
        (
            "charts:\n  - {name: app, images: {web: {}}}\n",
            (
                "chartpress.yaml: charts.app.images.web: expected a Dockerfile at images/web/Dockerfile, "
                "found no such file"
            ),
        ),
    ],
)
def test_mistakes_are_named(text: str, said: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        read_images(TREE.edited({"chartpress.yaml": text}), "chartpress.yaml")
    assert str(caught.value) == said
