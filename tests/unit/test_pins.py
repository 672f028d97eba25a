from __future__ import annotations

import re

import pytest

from hubfleet.adapters.golang import sources
from hubfleet.adapters.pins import KUBERNETES, LOCAL_PATH_PROVISIONER, NODE_PROGRAMS, PUBLISHED_NODE, TOOLS, Program

PROGRAMS = [*(tool for tool in TOOLS if isinstance(tool, Program)), *NODE_PROGRAMS]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_module_of_a_program_pins_the_version_that_is_announced(program: Program) -> None:
    if program.name == "pause":  # ours, it requires nothing
        return
    required = dict(re.findall(r"^\s*(?:require )?(\S+) (v\S+)", _go_mod(program), re.MULTILINE))
    wanted = "k8s.io/kubernetes" if program.name == "kube" else program.package
    module = max((name for name in required if f"{wanted}/".startswith(f"{name}/")), key=len, default="")
    if program.name == "coredns":
        module = "github.com/coredns/coredns"
    assert required[module] == f"v{program.version}"


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_module_of_a_program_names_its_package(program: Program) -> None:
    if program.package == ".":
        assert (sources() / "go" / program.module / "main.go").is_file()
    else:
        assert re.search(rf"^(tool|\t){{1}}\s*{re.escape(program.package)}$", _go_mod(program), re.MULTILINE)


def test_kubernetes_modules_have_one_version() -> None:
    text = (sources() / "go" / "kube" / "go.mod").read_text()
    replaced = re.findall(r"^\s*k8s\.io/\S+ => k8s\.io/\S+ (v\S+)$", text, re.MULTILINE)
    assert set(replaced) == {f"v0.{KUBERNETES.partition('.')[2]}"}


def test_volumes_come_from_the_image_that_the_node_holds() -> None:
    manifest = (sources() / "images" / "node" / "local-storage.yaml").read_text()
    assert manifest.count(LOCAL_PATH_PROVISIONER) == 2
    version = next(program.version for program in NODE_PROGRAMS if program.name == "local-path-provisioner")
    assert LOCAL_PATH_PROVISIONER.endswith(f":v{version}")


def test_pod_network_uses_the_kubernetes_that_is_built() -> None:
    assert f"registry.k8s.io/kube-proxy:v{KUBERNETES}" in (sources() / "images/node/pod-network.yaml").read_text()


def test_published_node_has_the_minor_version_that_is_built_and_a_digest() -> None:
    minor = KUBERNETES.rpartition(".")[0]
    assert re.fullmatch(rf"kindest/node:v{re.escape(minor)}\.\d+@sha256:[0-9a-f]{{64}}", PUBLISHED_NODE)


def _go_mod(program: Program) -> str:
    return (sources() / "go" / program.module / "go.mod").read_text()
