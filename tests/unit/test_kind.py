from __future__ import annotations

import asyncio
import json
import socket
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.unit.local_fakes import Answer, FakeReporter, FakeRunner, failed
from tests.unit.test_kind_nodes import node

from hubfleet.adapters.kind import Kind, is_free, write_secret
from hubfleet.adapters.kind_config import Made
from hubfleet.adapters.kind_rules import minor
from hubfleet.adapters.node_image import node_image
from hubfleet.adapters.pins import KUBERNETES, PUBLISHED_NODE, TOOLS
from hubfleet.errors import ToolError
from hubfleet.model import Cluster, KindCluster

if TYPE_CHECKING:
    from collections.abc import Sequence

ADMIN = {"clusters": [{"cluster": {"server": "https://c:6443"}}], "users": [{"user": {"token": "t"}}]}
NOW = "2999-01-01T00:00:00Z"


@pytest.fixture
def port() -> int:
    """A port of this machine that is free."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


@pytest.fixture
def cluster(port: int) -> Cluster:
    return Cluster("c", "kind", minor(KUBERNETES), "hubs/c/cluster.yaml", KindCluster(workers=1, port=port))


class Machine:
    """A stand-in for docker and kind: containers that are made, started, marked and removed."""

    def __init__(self, root: Path, *, images: Sequence[str] = (), in_nodes: Sequence[str] = ()) -> None:
        self.root, self.images, self.in_nodes = root, set(images), list(in_nodes)
        self.nodes: dict[str, bool] = {}  # name → runs
        self.mark = ""
        self.reporter = FakeReporter()
        self.runner = FakeRunner(
            [
                (
                    "docker image inspect",
                    self.inspect,
                ),
                ("docker info", "2\n"),
                ("docker pull --quiet hello-world", ""),
                ("docker pull --quiet kindest/node", ""),
                ("docker ps --filter publish", ""),
                ("docker ps", lambda _: self.rows()),
                ("docker cp /kind/hubfleet.json", lambda argv: self.copy(argv, self.mark)),
                ("docker cp /etc/kubernetes/admin.conf", lambda argv: self.copy(argv, yaml.safe_dump(ADMIN))),
                ("docker inspect HostPort", "34567\n"),
                ("docker rm --force --volumes", self.remove),
                ("docker start", self.start),
                ("docker exec kubectl get nodes,pods", lambda _: self.told()),
                ("docker exec ctr images ls", lambda _: "\n".join(self.in_nodes)),
                ("docker exec printf /kind/hubfleet.json", self.write_mark),
                ("bash docker save ctr images import", ""),
                ("kind create cluster", self.create),
                ("/kind version", f"kind v{next(tool.version for tool in TOOLS if tool.name == 'kind')}"),
            ]
        )

    def given(self, made: Made | None, *, runs: bool = True) -> Machine:
        """Let the cluster exist; without mark it was cut short."""
        self.nodes = {"hubfleet-c-control-plane": runs, "hubfleet-c-worker": runs}
        self.mark = made.dump() if made else ""
        return self

    def kind(self) -> Kind:
        return Kind(self.root, self.runner, self.reporter)

    def rows(self) -> str:
        roles = {name: "control-plane" if "control" in name else "worker" for name in self.nodes}
        rows = [
            {
                "Names": name,
                "State": "running" if runs else "exited",
                "Labels": f"io.x-k8s.kind.role={roles[name]}",
            }
            for name, runs in self.nodes.items()
        ]
        return "\n".join(map(json.dumps, rows))

    def told(self) -> Answer:
        if not all(self.nodes.values()):
            return failed("connection refused")
        return json.dumps({"items": [node(name, "True", NOW) for name in self.nodes]})

    def copy(self, argv: Sequence[str], text: str) -> Answer:
        if not text:
            return failed("Could not find the file")
        Path(argv[-1]).write_text(text)
        return ""

    def inspect(self, argv: Sequence[str]) -> Answer:
        return "sha256:1" if argv[-1] in self.images else failed("no such image")

    def create(self, _: Sequence[str]) -> str:
        self.given(None)
        return ""

    def start(self, argv: Sequence[str]) -> str:
        self.nodes[argv[-1]] = True
        return ""

    def remove(self, argv: Sequence[str]) -> str:
        for name in argv:
            self.nodes.pop(name, None)
        return ""

    def write_mark(self, argv: Sequence[str]) -> str:
        self.mark = argv[-1]
        return ""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "kind").touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return Machine(tmp_path, images=[node_image()])


def up(machine: Machine, cluster: Cluster) -> Path:
    return asyncio.run(machine.kind().up(cluster))


def test_cluster_is_made_marked_and_reached_by_a_private_kubeconfig(machine: Machine, cluster: Cluster) -> None:
    path = up(machine, cluster)
    assert path == machine.root / ".tools" / "kubeconfig" / "c.yaml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert yaml.safe_load(path.read_text())["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:34567"
    created = machine.runner.commands.index(machine.runner.ran("kind create cluster")[0])
    assert f"--name hubfleet-c --image {node_image()} --config -" in machine.runner.commands[created]
    assert "~" not in machine.runner.commands[created]
    assert yaml.safe_load(machine.runner.inputs[created])["nodes"][0]["extraPortMappings"][0]["hostPort"] == (
        cluster.kind.port if cluster.kind else None
    )
    assert asyncio.run(machine.kind().status("c")).healthy


def test_running_cluster_is_left_alone(machine: Machine, cluster: Cluster, port: int) -> None:
    machine.given(Made(1, port))
    up(machine, cluster)
    assert not machine.runner.ran("kind create")
    assert not [command for command in machine.runner.commands if command.startswith("docker start")]
    assert machine.reporter.steps == []


def test_stopped_cluster_is_started_the_control_plane_first(machine: Machine, cluster: Cluster, port: int) -> None:
    machine.given(Made(1, port), runs=False)
    up(machine, cluster)
    assert [command for command in machine.runner.commands if command.startswith("docker start")] == [
        "docker start hubfleet-c-control-plane",
        "docker start hubfleet-c-worker",
    ]
    assert not machine.runner.ran("kind create")


def test_cluster_that_was_cut_short_is_removed_with_a_word_and_made_anew(machine: Machine, cluster: Cluster) -> None:
    machine.given(None)
    up(machine, cluster)
    assert "cut short" in machine.reporter.steps[0]
    assert len(machine.runner.ran("docker rm")) == len(machine.runner.ran("kind create")) == 1


def test_cluster_made_otherwise_is_neither_changed_nor_removed(machine: Machine, cluster: Cluster, port: int) -> None:
    machine.given(Made(3, port))
    with pytest.raises(ToolError, match=r"kind\.workers is 1, but the cluster was made with 3"):
        up(machine, cluster)
    assert not machine.runner.ran("docker rm")


def test_port_that_is_taken_is_named_with_its_key(machine: Machine, cluster: Cluster, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert not is_free(port)
        with pytest.raises(ToolError, match=rf"hubs/c/cluster.yaml: kind\.port: port {port} of 127\.0\.0\.1 is taken"):
            up(machine, cluster)
    assert is_free(port)
    assert not machine.runner.ran("kind create")


def test_published_image_is_pulled_where_nothing_was_built_and_a_registry_answers(
    machine: Machine, cluster: Cluster
) -> None:
    machine.images.clear()
    up(machine, cluster)
    assert machine.runner.ran(f"docker pull {PUBLISHED_NODE}")
    assert machine.runner.ran(f"kind create --image {PUBLISHED_NODE}")


def test_published_image_that_is_there_already_is_used_without_asking_a_registry(
    machine: Machine, cluster: Cluster
) -> None:
    machine.images = {PUBLISHED_NODE}
    up(machine, cluster)
    assert machine.runner.ran(f"kind create --image {PUBLISHED_NODE}")
    assert not [command for command in machine.runner.commands if command.startswith("docker pull")]


def test_host_with_cgroup_v1_gets_a_node_image_of_packages(machine: Machine, cluster: Cluster) -> None:
    machine.images.clear()
    stop = ToolError("here the node image would be made")
    machine.runner.rules[:0] = [
        ("docker info CgroupVersion", "1\n"),
        ("docker image inspect hubfleet/local-node:", failed("no such image")),
        ("docker image inspect hubfleet/local-", stop),
        ("docker image inspect debian:bookworm-slim", stop),
    ]
    with pytest.raises(ToolError, match="here the node image would be made"):
        up(machine, cluster)
    assert any("cgroup v1" in step for step in machine.reporter.steps)


def test_kind_that_fails_is_quoted_and_the_cluster_stays_unmarked(machine: Machine, cluster: Cluster) -> None:
    machine.runner.rules.insert(0, ("kind create", failed("ERROR: failed to create cluster: no such network")))
    with pytest.raises(ToolError, match=r"the cluster c could not be made: .*no such network"):
        up(machine, cluster)
    assert machine.mark == ""


def test_down_removes_containers_volumes_and_kubeconfig(machine: Machine, cluster: Cluster) -> None:
    path = up(machine, cluster)
    asyncio.run(machine.kind().down("c"))
    assert machine.runner.ran("docker rm --force --volumes hubfleet-c-control-plane hubfleet-c-worker")
    assert not path.exists()
    assert not asyncio.run(machine.kind().status("c")).exists


def test_down_of_what_does_not_exist_is_no_error(machine: Machine) -> None:
    asyncio.run(machine.kind().down("c"))
    assert machine.reporter.steps == []


def test_kubeconfig_of_a_stopped_cluster_is_there_and_of_a_missing_or_unfinished_one_is_not(
    machine: Machine, port: int
) -> None:
    kind = machine.kind()
    assert asyncio.run(kind.kubeconfig("c")) is None
    machine.given(Made(1, port), runs=False)
    path = asyncio.run(kind.kubeconfig("c"))
    assert path is not None
    machine.given(None)
    assert asyncio.run(kind.kubeconfig("c")) is None
    assert not path.exists()


def test_without_an_engine_a_cluster_that_was_here_is_away_rather_than_empty(machine: Machine, port: int) -> None:
    machine.given(Made(1, port))
    kind = machine.kind()
    path = asyncio.run(kind.kubeconfig("c"))
    machine.runner.rules.insert(0, ("docker ps", failed("Cannot connect to the Docker daemon")))
    assert asyncio.run(kind.kubeconfig("c")) == path
    assert asyncio.run(kind.kubeconfig("other")) is None


def test_status_tells_a_cluster_that_was_cut_short(machine: Machine) -> None:
    status = asyncio.run(machine.given(None).kind().status("c"))
    assert status.exists
    assert not status.complete
    assert not status.healthy


def test_only_images_that_a_node_lacks_are_loaded_and_only_where_pods_run(machine: Machine, port: int) -> None:
    machine.given(Made(1, port)).images |= {"hubfleet/hub:1", "hubfleet/other:1"}
    machine.in_nodes += ["docker.io/hubfleet/hub:1", "sha256:1"]
    asyncio.run(machine.kind().load("c", ["hubfleet/hub:1", "hubfleet/other:1"]))
    (loaded,) = machine.runner.ran("docker save")
    assert "hubfleet-c-worker hubfleet/other:1 ctr" in loaded
    assert "hubfleet/hub:1" not in loaded
    assert not machine.runner.ran("ctr images ls control-plane")


def test_image_with_the_same_name_and_another_content_is_loaded_again(machine: Machine, port: int) -> None:
    machine.given(Made(1, port)).images.add("hubfleet/hub:1")
    machine.in_nodes += ["docker.io/hubfleet/hub:1", "sha256:another"]
    asyncio.run(machine.kind().load("c", ["hubfleet/hub:1"]))
    assert machine.runner.ran("docker save hubfleet/hub:1")


def test_image_that_the_engine_lacks_is_named(machine: Machine, port: int) -> None:
    machine.given(Made(1, port))
    with pytest.raises(ToolError, match="no image hubfleet/none:1"):
        asyncio.run(machine.kind().load("c", ["hubfleet/none:1"]))


def test_images_are_not_loaded_into_a_cluster_that_does_not_exist(machine: Machine) -> None:
    with pytest.raises(ToolError, match="hubfleet cluster up c"):
        asyncio.run(machine.kind().load("c", ["hubfleet/hub:1"]))


def test_other_kubernetes_in_cluster_yaml_is_refused_before_the_engine_is_asked(
    machine: Machine, cluster: Cluster
) -> None:
    with pytest.raises(ToolError, match="kubernetes_version"):
        up(machine, replace(cluster, kubernetes_version="1.20"))
    assert machine.runner.commands == []


def test_secret_file_is_replaced_and_never_readable_by_others(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    for text in ("one", "two"):
        write_secret(path, text)
    path.chmod(0o644)
    write_secret(path, "three")
    assert path.read_text() == "three"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
