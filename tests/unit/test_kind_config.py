from __future__ import annotations

import json

import pytest
import yaml

from hubfleet.adapters.kind_config import Made, config


def test_port_leads_from_the_loopback_to_the_ingress_on_the_control_plane_alone() -> None:
    nodes = yaml.safe_load(config(Made(2, 8081), own_image=True))["nodes"]
    assert [node["role"] for node in nodes] == ["control-plane", "worker", "worker"]
    assert nodes[0]["extraPortMappings"] == [{"containerPort": 30080, "hostPort": 8081, "listenAddress": "127.0.0.1"}]
    assert not any("extraPortMappings" in node for node in nodes[1:])


def test_cluster_without_workers_is_one_node() -> None:
    assert len(yaml.safe_load(config(Made(0, 8081), own_image=True))["nodes"]) == 1


@pytest.mark.parametrize(("own_image", "in_user_namespace"), [(True, True), (False, False)])
def test_published_image_is_told_nothing_that_only_our_own_knows(*, own_image: bool, in_user_namespace: bool) -> None:
    patches = yaml.safe_load(config(Made(1, 8081), own_image=own_image))["kubeadmConfigPatches"]
    kubelet = next(patch for patch in map(yaml.safe_load, patches) if patch["kind"] == "KubeletConfiguration")
    assert kubelet["failCgroupV1"] is False
    assert ("resolvConf" in kubelet) is ("featureGates" in kubelet) is in_user_namespace


def test_mark_is_read_as_it_was_written() -> None:
    assert Made.load(Made(1, 8080).dump()) == Made(1, 8080)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"workers": 1}', json.dumps({"workers": 1, "port": 1, "x": 2})])
def test_anything_else_is_no_mark(text: str) -> None:
    assert Made.load(text) is None
