"""What is said to helm, flag by flag."""

from __future__ import annotations

from pathlib import Path

from hubfleet import commands
from hubfleet.model import Layer, Release, ReleaseId, Stage

ID = ReleaseId("local", "prod")
LAYERS = (Layer("chartpress.yaml", "{}"), Layer("hubs/local/common.values.yaml"), Layer('hubs/local/a "b", c.yaml'))
RELEASE = Release(ID, Stage.PRODUCTION, "charts/hub", LAYERS, (), "1.36")
ROOT = Path("/stage")
CONFIG = Path("/kube/local.yaml")
TARGET = ("--namespace", "prod", "--kubeconfig", "/kube/local.yaml")
VALUES = (
    *("--values", "/stage/computed-values-0.json"),
    *("--values", "/stage/hubs/local/common.values.yaml"),
    *("--values", '"/stage/hubs/local/a ""b"", c.yaml"'),
)


def test_template() -> None:
    assert commands.template(RELEASE, ROOT) == (
        *("helm", "template", "prod", "/stage/charts/hub", "--namespace", "prod", "--kube-version", "1.36"),
        "--is-upgrade",
        *VALUES,
    )


def test_upgrade() -> None:
    assert commands.upgrade(RELEASE, ROOT, kubeconfig=CONFIG, timeout=600) == (
        *("helm", "upgrade", "--install", "prod", "/stage/charts/hub", *TARGET),
        *("--reset-values", "--history-max", "10", "--server-side=auto", "--wait=hookOnly", "--timeout", "600s"),
        *VALUES,
    )


def test_rollback() -> None:
    assert commands.rollback(ID, 3, kubeconfig=CONFIG, timeout=60) == (
        *("helm", "rollback", "prod", "3", *TARGET),
        *("--history-max", "10", "--server-side=auto", "--wait=hookOnly", "--timeout", "60s"),
    )


def test_uninstall() -> None:
    assert commands.uninstall(ID, kubeconfig=CONFIG, timeout=60) == (
        *("helm", "uninstall", "prod", *TARGET, "--ignore-not-found", "--timeout", "60s"),
    )
