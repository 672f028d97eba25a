"""What breaks, and how people go on: each ends with a clear message, and production is not touched."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from typing import TYPE_CHECKING

import pytest
from tests.integration.fleet import HUBS, Done

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_helm_charts.clusters import Cluster
    from tests.integration.fleet import Fleet

# The user's kernel reads this file at its start, so that the gate's `print` raises.
BROKEN_KERNEL = """\
singleuser:
  extraEnv:
    PYTHONSTARTUP: /tmp/start.py
  lifecycleHooks:
    postStart:
      exec:
        command: [sh, -c, "echo 'print = None' > /tmp/start.py"]
"""


@pytest.fixture(scope="module", autouse=True)
def _settled_afterwards(deployed: Fleet) -> None:
    """Start with nothing to do."""
    deployed.settle()


def merge(fleet: Fleet, name: str, text: str) -> None:
    """Put more keys under `singleuser:` of a values file, which must have them nowhere yet."""
    head, _, below = text.partition("\n")
    fleet.replace(name, f"{head}\n", f"{head}\n{below}")


def test_an_image_that_does_not_exist_stops_at_staging_and_names_the_reason(
    deployed: Fleet, revision: Callable[[str], int]
) -> None:
    before = revision("prod")
    deployed.append("hubs/NAME/staging.values.yaml", "hub:\n  image:\n    tag: no-such-tag\n")
    deployed.replace("hubs/NAME/prod.values.yaml", "timeout: 3600", "timeout: 5400")
    assert deployed.planned() == {"staging": "upgrade", "prod": "upgrade"}
    done = deployed.hubfleet("deploy").expect(4)
    assert re.search("ErrImagePull|ImagePullBackOff", done.said), done.said
    assert "no-such-tag" in done.said
    assert "Traceback" not in done.said
    assert revision("prod") == before


def test_what_was_blocked_is_in_the_next_plan_also_from_a_fresh_clone(deployed: Fleet, elsewhere: Fleet) -> None:
    deployed.replace("hubs/NAME/staging.values.yaml", "hub:\n  image:\n    tag: no-such-tag\n", "")
    wanted = {"staging": "verify", "prod": "upgrade"}  # staging went back to what had passed
    assert deployed.planned() == wanted
    deployed.commit("A longer rest")
    elsewhere.git("pull", "--quiet")
    assert elsewhere.planned() == wanted


def test_a_failing_cell_fails_the_gate_and_production_is_not_touched(
    deployed: Fleet, revision: Callable[[str], int], kube_cluster: Cluster
) -> None:
    before = revision("prod")
    deployed.append("images/singleuser/Dockerfile", "LABEL org.example.edited=by-a-test\n")
    merge(deployed, "hubs/NAME/staging.values.yaml", BROKEN_KERNEL)
    assert deployed.planned() == {"staging": "upgrade", "prod": "upgrade"}
    done = deployed.hubfleet("deploy").expect(4)
    assert "NoneType" in done.said, done.said
    assert "Traceback" not in done.said.replace("Traceback (most recent call last) in the cell", "")
    assert revision("prod") == before
    record = kube_cluster.kubectl("get configmap hubfleet-releases", namespace="hubfleet")["data"]
    assert json.loads(record["staging"])["gate"] == "failed"


def test_ctrl_c_in_the_middle_of_an_upgrade_leaves_a_way_forward(deployed: Fleet) -> None:
    deployed.git("checkout", "--quiet", "HEAD", "--", "hubs")
    assert deployed.planned() == {"staging": "upgrade", "prod": "upgrade"}
    done = interrupted(deployed, "staging", after=2.0)
    assert done.code in {4, 130}, done.said
    assert "Traceback" not in done.said


def test_and_the_next_deploy_ends_with_everything_done(deployed: Fleet, kube_cluster: Cluster) -> None:
    deployed.settle()
    assert deployed.planned() == {}
    record = kube_cluster.kubectl("get configmap hubfleet-releases", namespace="hubfleet")["data"]
    assert {name: json.loads(record[name])["gate"] for name in HUBS} == dict.fromkeys(HUBS, "passed")


def test_the_edited_image_runs_in_both_hubs(deployed: Fleet, kube_cluster: Cluster) -> None:
    deployed.git("diff", "--quiet", "HEAD", "--", "hubs")
    tags = set()
    for hub in HUBS:
        rendered = deployed.run(
            "helm",
            "get",
            "values",
            hub,
            "--namespace",
            hub,
            "--output",
            "json",
            "--kubeconfig",
            str(kube_cluster.kube_config_path),
        )
        tags.add(json.loads(rendered.expect().said)["singleuser"]["image"]["tag"])
    (tag,) = tags
    listed = deployed.run("docker", "inspect", "--format", "{{json .Config.Labels}}", f"hubfleet/singleuser:{tag}")
    assert json.loads(listed.expect().said)["org.example.edited"] == "by-a-test"
    deployed.commit("An edited image")


def interrupted(fleet: Fleet, release: str, after: float) -> Done:
    """Deploy, and press Ctrl-C some seconds after the release's upgrade has begun."""
    with fleet.start("python", "-m", "hubfleet", "deploy") as process:
        assert process.stdout
        said = []
        for line in process.stdout:
            said.append(line)
            if release in line and re.search("running|upgrad", line):
                break
        time.sleep(after)
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=900)
    return Done(("hubfleet", "deploy"), process.returncode, "".join(said) + rest)
