"""Release → manifests through the Helm port, and what the difference of two sides means. Decides about no deploy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hubfleet import commands
from hubfleet.charts import random_functions, texts
from hubfleet.errors import RenderError
from hubfleet.impact import changed_objects, impact
from hubfleet.manifests import Rendered, from_json, read_manifests, settle, to_json
from hubfleet.model import Impact, digest

if TYPE_CHECKING:
    from hubfleet.model import Release
    from hubfleet.ports import Cache, Helm, Tree

_FORMAT = 1  # of what is cached; a new number forgets the old


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the renders of both sides say of a change."""

    same: bool = False
    changed: frozenset[str] = frozenset()  # the objects that differ
    impact: tuple[Impact, ...] = ()
    broken: str = ""  # helm's own words, where the new side cannot be rendered
    rendered: str = ""  # digest of the new side, "" where it is not known
    volatile: int = 0  # leaves that differ with every render and were left out


async def render(tree: Tree, release: Release, helm: Helm, cache: Cache) -> Rendered:
    """Render one side, masked; from the cache where the same was rendered before. RenderError with helm's words."""
    key = _key(tree, release)
    if (cached := from_json(cache.get(key) or "")) is not None:
        return cached
    with helm.staged(tree, release) as root:
        argv = commands.template(release, root)
        rendered = read_manifests(await _template(helm, argv, str(root)), release.id)
        if _is_random(tree, release):
            rendered = settle(rendered, read_manifests(await _template(helm, argv, str(root)), release.id))
    cache.put(key, to_json(rendered))
    return rendered


def compare(before: Rendered, after: Rendered) -> Verdict:
    """Compare object by object; leaves that one side knows to be random are left out on both."""
    rendered, volatile = after.digest, len(set(after.volatile))
    before, after = before.without(after.volatile), after.without(before.volatile)
    changed = changed_objects(before, after)
    return Verdict(
        same=not changed,
        changed=changed,
        impact=impact(before, after),
        rendered=rendered,
        volatile=volatile,
    )


async def _template(helm: Helm, argv: tuple[str, ...], root: str) -> str:
    """Render; an error names files as the repository does."""
    try:
        return await helm.template(argv)
    except RenderError as error:
        raise RenderError(str(error).replace(f"{root}/", "")) from error


def _key(tree: Tree, release: Release) -> str:
    """Digest everything that a render depends on."""
    files = [[place, tree.files()[source]] for place, source in release.files]
    computed = [[layer.path, layer.values] for layer in release.layers]
    helm = [item.content for item in release.inputs if item.path == "argument helm"]
    return digest([_FORMAT, str(release.id), release.chart, release.kube_version, helm, computed, files])


def _is_random(tree: Tree, release: Release) -> bool:
    """Whether a template names a function whose value differs with every render."""
    return any(random_functions(text) for _, text in texts(tree, release.files))
