"""Both charts by chart-testing: every ci/ values file is installed by Helm alone, passes `helm test`, goes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.integration.fleet import HUBS

if TYPE_CHECKING:
    from pytest_helm_charts.clusters import Cluster
    from tests.integration.fleet import Fleet


@pytest.mark.parametrize("chart", ["support", "jupyterhub-base"])
def test_every_case_of_a_chart_installs_and_passes_its_own_tests(
    deployed: Fleet, kube_cluster: Cluster, chart: str
) -> None:
    kubeconfig = str(kube_cluster.kube_config_path)
    arguments = ["install", "--config", "ct.yaml", "--charts", f"charts/{chart}"]
    if chart == "jupyterhub-base":  # its images are ours: those that were built for the fleet
        arguments += ["--helm-extra-set-args", " ".join(images(deployed, kubeconfig))]
    done = deployed.run("env", f"KUBECONFIG={kubeconfig}", "ct", *arguments).expect()
    assert "All charts installed successfully" in done.said


def images(fleet: Fleet, kubeconfig: str) -> list[str]:
    """Give the tags that the fleet's staging hub runs with, as arguments of Helm."""
    argv = ("helm", "get", "values", HUBS[0], "--namespace", HUBS[0], "--output", "json", "--kubeconfig", kubeconfig)
    values = json.loads(fleet.run(*argv).expect().said)
    tags = {
        "hub.image.tag": values["hub"]["image"]["tag"],
        "singleuser.image.tag": values["singleuser"]["image"]["tag"],
        "proxy.agent.image.tag": values["proxy"]["agent"]["image"]["tag"],
    }
    return [f"--set-string={key}={tag}" for key, tag in tags.items()]
