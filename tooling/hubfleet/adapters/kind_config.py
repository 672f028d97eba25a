"""What kind is told about a cluster, and what the cluster remembers of it. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

NODE_PORT = 30080  # of the support chart's ingress
# Hosts with cgroup v1: the kubelet refuses them since 1.35 unless told otherwise. Harmless elsewhere.
_KUBELET = {"kind": "KubeletConfiguration", "failCgroupV1": False}
# Our own node image runs where not all capabilities are to be had, so that no OOM score can be lowered, and keeps
# Docker's DNS for the node, while pods get another address of it.
_OWN_KUBELET = {
    **_KUBELET,
    "oomScoreAdj": 0,
    "resolvConf": "/kind/resolv.conf",
    "featureGates": {"KubeletInUserNamespace": True},
}
_OWN_KUBE_PROXY = {"kind": "KubeProxyConfiguration", "oomScoreAdj": 0}


@dataclass(frozen=True, slots=True)
class Made:
    """What a complete cluster was made as; kept in its control plane's container, so that every clone can read it."""

    workers: int
    port: int

    def dump(self) -> str:
        """Write it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Made | None:
        """Read what `dump` wrote; None for anything else, so for a cluster that was never completed."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None


def config(made: Made, *, own_image: bool) -> str:
    """Write kind's configuration (JSON is YAML): the port leads from 127.0.0.1 to the ingress."""
    patches = [_OWN_KUBELET, _OWN_KUBE_PROXY] if own_image else [_KUBELET]
    mapping = {"containerPort": NODE_PORT, "hostPort": made.port, "listenAddress": "127.0.0.1"}
    nodes = [{"role": "control-plane", "extraPortMappings": [mapping]}, *([{"role": "worker"}] * made.workers)]
    document = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "kubeadmConfigPatches": [json.dumps(patch) for patch in patches],
        "nodes": nodes,
    }
    return json.dumps(document, indent=2)
