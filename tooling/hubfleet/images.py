"""Which images are ours, what each is made of, and the tag that follows from it; builds nothing.

A tag is a digest of what goes into the image, so it changes exactly when the image does, committed or not. The planner
and the builder both take it from here.
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, ValidationError

from hubfleet.errors import ProblemsError
from hubfleet.model import Input, Problem, digest
from hubfleet.parsing import expectation
from hubfleet.patterns import docker_ignored
from hubfleet.yaml_reader import read_yaml

if TYPE_CHECKING:
    from hubfleet.ports import Tree

TAG_LENGTH = 16


@dataclass(frozen=True, slots=True, order=True)
class Image:
    """One image that chartpress builds for a chart. Paths are relative to the repository's root."""

    key: str  # in chartpress.yaml: "hub"
    name: str  # "hubfleet/hub"
    chart: str  # the chart's folder
    context: str
    dockerfile: str
    base: str = ""  # build arguments, as canonical JSON
    values_paths: tuple[str, ...] = ()  # "hub.image"

    def tag(self, tree: Tree) -> str:
        """Return the tag that the image has in this tree."""
        return image_tag(tree, self.context, self.base, self.dockerfile)

    def inputs(self, tree: Tree) -> list[Input]:
        """Return what decides the image and where it goes."""
        via = (f"image {self.key}",)
        entry = Input(f"image {self.key}", digest([self.name, self.base, self.values_paths]), via=("chartpress.yaml",))
        paths = context_files(tree, self.context, self.dockerfile)
        return [entry, *(Input(path, f"{tree.mode(path)} {tree.files()[path]}", via) for path in paths)]


def image_tag(tree: Tree, context: str, base: str = "", dockerfile: str | None = None) -> str:
    """Return the first 16 hex digits of a digest of the build context (paths, modes, blob ids) and the base.

    `context` is the folder of the image; `base` is whatever else decides the image, such as build arguments.
    The Dockerfile, and with it the image that it is `FROM`, is part of the context.
    """
    dockerfile = dockerfile or f"{context}/Dockerfile"
    paths = context_files(tree, context, dockerfile)
    content = [[posixpath.relpath(path, context), tree.mode(path), tree.files()[path]] for path in paths]
    return digest([content, base])[:TAG_LENGTH]


def context_files(tree: Tree, context: str, dockerfile: str) -> list[str]:
    """Return the files that a build sees, sorted: the context less what .dockerignore names, and the Dockerfile."""
    prefix = f"{context}/"
    paths = {path.removeprefix(prefix) for path in tree.files() if path.startswith(prefix)}
    rules = tree.read(f"{prefix}.dockerignore").decode("utf-8", "replace") if ".dockerignore" in paths else ""
    seen = {f"{prefix}{path}" for path in paths - set(docker_ignored(paths, rules))}
    return sorted(seen | ({dockerfile} & set(tree.files())))


def read_images(tree: Tree, file: str) -> tuple[Image, ...]:
    """Return the images that chartpress.yaml lists; none where there is no such file. ProblemsError for mistakes."""
    if file not in tree.files():
        return ()
    document = read_yaml(tree.read(file), file)
    try:
        chartpress = _Chartpress.model_validate(document.value)
    except ValidationError as error:
        raise ProblemsError(
            document.problem(tuple(details["loc"]), *expectation(details)) for details in error.errors()
        ) from error
    root = posixpath.dirname(file)
    images = [_image(root, chart, key, entry) for chart in chartpress.charts for key, entry in chart.images.items()]
    if problems := [problem for image in images for problem in _missing(tree, file, image)]:
        raise ProblemsError(problems)
    return tuple(sorted(images))


class _Entry(BaseModel):
    """An image of chartpress.yaml: what matters for what it is made of. chartpress itself checks the rest."""

    image_name: str = Field("", alias="imageName")
    context: str = Field("", alias="contextPath")
    dockerfile: str = Field("", alias="dockerfilePath")
    build_args: dict[str, str | int | float | bool] = Field({}, alias="buildArgs")
    values_paths: str | list[str] = Field([], alias="valuesPath")


class _Chart(BaseModel):
    name: str
    path: str = Field("", alias="chartPath")
    image_prefix: str = Field("", alias="imagePrefix")
    images: dict[str, _Entry] = {}


class _Chartpress(BaseModel):
    charts: list[_Chart]


def _image(root: str, chart: _Chart, key: str, entry: _Entry) -> Image:
    context = posixpath.normpath(posixpath.join(root, entry.context or f"images/{key}"))
    dockerfile = posixpath.join(root, entry.dockerfile) if entry.dockerfile else f"{context}/Dockerfile"
    return Image(
        key=key,
        name=entry.image_name or f"{chart.image_prefix}{key}",
        chart=posixpath.normpath(posixpath.join(root, chart.path or chart.name)),
        context=context,
        dockerfile=posixpath.normpath(dockerfile),
        base=json.dumps(entry.build_args, sort_keys=True) if entry.build_args else "",
        values_paths=(entry.values_paths,) if isinstance(entry.values_paths, str) else tuple(entry.values_paths),
    )


def _missing(tree: Tree, file: str, image: Image) -> list[Problem]:
    if image.dockerfile in tree.files():
        return []
    key = f"charts.{posixpath.basename(image.chart)}.images.{image.key}"
    return [Problem(file, 0, key, f"a Dockerfile at {image.dockerfile}", "no such file")]
