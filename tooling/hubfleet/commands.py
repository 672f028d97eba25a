"""What is said to helm, as argv tuples: the one place that knows helm's flags. Pure; starts nothing.

`root` is a folder with the release's files, as `ports.Helm.staged` lays them out. `helm` is the program to name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hubfleet.model import Release, ReleaseId

# How a release is applied, not what: these are inputs of every release. `auto` keeps the method that a release was
# created with; the gate waits for the rollout, so helm itself waits for hooks only.
APPLY: tuple[str, ...] = ("--server-side=auto", "--wait=hookOnly")
KEPT_REVISIONS = 10


def template(release: Release, root: Path, *, helm: str = "helm") -> tuple[str, ...]:
    """Render without a cluster what an upgrade would store: hooks and tests are in it, crds/ is not."""
    return (
        *(helm, "template", release.id.name, str(root / release.chart)),
        *("--namespace", release.id.namespace),
        *("--kube-version", release.kube_version),
        "--is-upgrade",
        *_values(release, root),
    )


def upgrade(release: Release, root: Path, *, kubeconfig: Path, timeout: int, helm: str = "helm") -> tuple[str, ...]:
    """Install or upgrade. `timeout` in seconds, hooks included. The namespace must exist."""
    return (
        *(helm, "upgrade", "--install", release.id.name, str(root / release.chart)),
        *_target(release.id, kubeconfig),
        *("--reset-values", "--history-max", str(KEPT_REVISIONS), *APPLY, "--timeout", f"{timeout}s"),
        *_values(release, root),
    )


def rollback(
    release: ReleaseId, revision: int, *, kubeconfig: Path, timeout: int, helm: str = "helm"
) -> tuple[str, ...]:
    """Go back to a revision; this makes a new one. `timeout` in seconds."""
    return (
        *(helm, "rollback", release.name, str(revision)),
        *_target(release, kubeconfig),
        *("--history-max", str(KEPT_REVISIONS), *APPLY, "--timeout", f"{timeout}s"),
    )


def uninstall(release: ReleaseId, *, kubeconfig: Path, timeout: int, helm: str = "helm") -> tuple[str, ...]:
    """Take a release away; nothing happens where there is none. `timeout` in seconds."""
    return (
        *(helm, "uninstall", release.name),
        *_target(release, kubeconfig),
        *("--ignore-not-found", "--timeout", f"{timeout}s"),
    )


def computed_file(root: Path, index: int) -> Path:
    """Return where the values of a computed layer are written; `index` counts the release's layers from 0."""
    return root / f"computed-values-{index}.json"


def _values(release: Release, root: Path) -> tuple[str, ...]:
    files = (
        computed_file(root, index) if layer.values is not None else root / layer.path
        for index, layer in enumerate(release.layers)
    )
    return tuple(part for file in files for part in ("--values", _listed(str(file))))


def _listed(path: str) -> str:
    """Quote a path where helm would read a list in it: the flag takes comma-separated values."""
    return '"' + path.replace('"', '""') + '"' if any(char in path for char in ',"\n\r') else path


def _target(release: ReleaseId, kubeconfig: Path) -> tuple[str, ...]:
    return ("--namespace", release.namespace, "--kubeconfig", str(kubeconfig))
