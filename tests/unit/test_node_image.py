from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.local_fakes import Answer, FakeReporter, FakeRunner, contains, failed

from hubfleet.adapters.docker import Docker
from hubfleet.adapters.node_image import NodeImage, component, node_image, qualified
from hubfleet.adapters.pins import KUBERNETES, NODE_PROGRAMS
from hubfleet.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

KUBEADM = "\n".join(
    (
        f"registry.k8s.io/kube-apiserver:v{KUBERNETES}",
        f"registry.k8s.io/kube-proxy:v{KUBERNETES}",
        "registry.k8s.io/coredns/coredns:v1.14.2",
        "registry.k8s.io/pause:3.10.2",
        "registry.k8s.io/etcd:3.6.8-0",
    )
)


class Engine:
    """Remembers which images were built or committed, as docker does."""

    def __init__(self, images: Sequence[str] = ()) -> None:
        self.images = set(images)

    def inspect(self, argv: Sequence[str]) -> Answer:
        return "sha256:1" if argv[-1] in self.images else failed("No such image")

    def build(self, argv: Sequence[str]) -> str:
        self.images.add(argv[argv.index("--tag") + 1])
        return ""

    def commit(self, argv: Sequence[str]) -> str:
        self.images.add(argv[-1])
        return ""

    def runner(self, *first: tuple[str, Answer]) -> FakeRunner:
        rest: list[tuple[str, Answer]] = [
            ("docker image inspect", self.inspect),
            ("go build", compile_),
            ("go version", "go version go1.27.3 linux/amd64"),
            ("docker build --network", self.build),
            ("docker run --entrypoint kubeadm images list", KUBEADM),
            ("docker run --detach --privileged", "id"),
            ("docker commit", self.commit),
            ("docker", ""),
            ("bash -c docker save", ""),
        ]
        return FakeRunner([*first, *rest])


def compile_(argv: Sequence[str]) -> str:
    Path(argv[argv.index("-o") + 1]).write_text("program")
    return ""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    (tmp_path / "go").touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return Engine(["debian:bookworm-slim"])


def make(root: Path, runner: FakeRunner) -> str:
    return asyncio.run(NodeImage(root, Docker(runner), FakeReporter()).ensure())


def test_image_that_the_engine_holds_is_not_made_again(tmp_path: Path) -> None:
    runner = FakeRunner([(f"docker image inspect {node_image()}", "sha256:1")])
    assert make(tmp_path, runner) == node_image()
    assert len(runner.commands) == 1


def test_image_is_made_with_every_program_built_once(tmp_path: Path, engine: Engine) -> None:
    runner = engine.runner()
    assert make(tmp_path, runner) in engine.images
    built = [Path(command.split(" -o ")[1].split()[0]).name for command in runner.ran("go build")]
    assert sorted(built) == sorted(program.name for program in NODE_PROGRAMS)


def test_second_attempt_builds_only_what_the_first_did_not_reach(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(ToolError, match="no space left"):
        make(tmp_path, engine.runner(("docker build --network local_cluster/images/node", failed("no space left"))))
    runner = engine.runner()
    make(tmp_path, runner)
    assert not runner.ran("go build")
    assert [command for command in runner.ran("docker build --network") if "node-base" not in command] == []


def test_components_get_the_names_that_kubeadm_asks_for(tmp_path: Path, engine: Engine) -> None:
    runner = engine.runner()
    make(tmp_path, runner)
    tagged = {command.split()[-1]: command.split()[-2] for command in runner.ran("images tag")}
    assert set(KUBEADM.split()) <= set(tagged)
    assert contains(tagged["registry.k8s.io/etcd:3.6.8-0"], "docker.io/hubfleet/local-etcd:")
    assert (
        tagged[f"registry.k8s.io/kube-proxy:v{KUBERNETES}"] == tagged[f"registry.k8s.io/kube-apiserver:v{KUBERNETES}"]
    )


def test_failed_import_leaves_no_container_and_no_image(tmp_path: Path, engine: Engine) -> None:
    runner = engine.runner(("bash -c docker save", failed("unexpected EOF")))
    with pytest.raises(ToolError, match="unexpected EOF"):
        make(tmp_path, runner)
    assert runner.commands[-1].startswith("docker rm --force --volumes hubfleet-local-node-")
    assert node_image() not in engine.images


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("registry.k8s.io/kube-apiserver:v1.36.3", "kube-apiserver"),
        ("registry.k8s.io/coredns/coredns:v1.14.2", "coredns"),
        ("localhost:5000/etcd:3.6.8-0", "etcd"),
    ],
)
def test_component_is_read_from_an_image_name(reference: str, expected: str) -> None:
    assert component(reference) == expected


def test_component_that_is_not_built_here_is_an_error() -> None:
    with pytest.raises(ToolError, match="kube-future"):
        component("registry.k8s.io/kube-future:v1")


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("debian:trixie-slim", "docker.io/library/debian:trixie-slim"),
        ("hubfleet/hub:abc", "docker.io/hubfleet/hub:abc"),
        ("quay.io/prometheus/prometheus:v2", "quay.io/prometheus/prometheus:v2"),
        ("localhost/x:1", "localhost/x:1"),
        ("registry:5000/x:1", "registry:5000/x:1"),
        ("docker.io/library/traefik:v3", "docker.io/library/traefik:v3"),
    ],
)
def test_image_names_are_qualified_as_containerd_does(reference: str, expected: str) -> None:
    assert qualified(reference) == expected
