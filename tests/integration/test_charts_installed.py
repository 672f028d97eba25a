"""Both charts by chart-testing: every ci/ values file is installed by Helm alone, passes `helm test`, goes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.integration.fleet import HUBS

if TYPE_CHECKING:
    from pytest_helm_charts.clusters import Cluster
    from tests.integration.fleet import Fleet


def test_every_case_of_both_charts_installs_and_passes_its_own_tests(deployed: Fleet, kube_cluster: Cluster) -> None:
    kubeconfig = str(kube_cluster.kube_config_path)
    ours = ("--helm-extra-set-args", " ".join(images(deployed, kubeconfig)))  # those that were built for the fleet
    install = ("env", f"KUBECONFIG={kubeconfig}", "ct", "install", "--config", "ct.yaml", "--charts")
    commands = ((*install, "charts/jupyterhub-base", *ours), (*install, "charts/support"))
    with ThreadPoolExecutor() as both:  # side by side: each mostly waits for its namespaces to go
        ended = list(both.map(lambda command: deployed.run(*command), commands))
    for done in ended:
        assert "All charts installed successfully" in done.expect().said


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
