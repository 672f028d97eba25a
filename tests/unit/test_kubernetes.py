"""The adapter to a cluster, against a small API server: what it writes, it reads; what it cannot, it says."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from tests.unit.api_server import ApiServer, serving

from hubfleet.adapters.kubernetes import KubernetesCluster
from hubfleet.errors import ClusterUnreachableError, LockedError
from hubfleet.model import GateResult, Live, ReleaseId
from hubfleet.ports import Attempt, Record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

T = TypeVar("T")
RELEASE = ReleaseId("one", "hub")
RECORD = Record("d1", "c0ffee", dirty=True, plan="p1", revision=3, gate=GateResult.FAILED, rendered="r1", proven=2)
ATTEMPT = Attempt("p2", "d2", 3, "ann@desk")
RECORDS = "/api/v1/namespaces/hubfleet/configmaps"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/hubfleet/leases"
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: x
contexts: [{name: x, context: {cluster: x, user: x}}]
clusters: [{name: x, cluster: {server: "SERVER"}}]
users: [{name: x, user: {token: abc}}]
"""


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with serving() as made:
        yield made


@pytest.fixture
def ask(server: ApiServer, tmp_path: Path) -> Callable[[Callable[[KubernetesCluster], Awaitable[Any]]], Any]:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG.replace("SERVER", f"http://127.0.0.1:{server.server_port}"))

    def run(question: Callable[[KubernetesCluster], Awaitable[T]]) -> T:
        async def work() -> T:
            async with KubernetesCluster(path) as cluster:
                return await question(cluster)

        return asyncio.run(work())

    return run


Ask = "Callable[[Callable[[KubernetesCluster], Awaitable[Any]]], Any]"


def helm_secret(server: ApiServer, name: str, version: int, status: str, namespace: str = "", **data: str) -> None:
    labels = {"owner": "helm", "name": name, "version": str(version), "status": status}
    metadata = {"namespace": namespace or name, "labels": labels}
    collection = f"/api/v1/namespaces/{namespace or name}/secrets"
    server.put(collection, f"sh.helm.release.v1.{name}.v{version}", metadata=metadata, data=data)


def test_an_empty_cluster_has_no_releases(ask: Any) -> None:  # noqa: ANN401
    assert ask(lambda cluster: cluster.live()) == {}
    assert ask(lambda cluster: cluster.records()) == {}


def test_what_is_recorded_is_read_and_other_keys_stay(ask: Any, server: ApiServer) -> None:  # noqa: ANN401
    ask(lambda cluster: cluster.write_record("other", RECORD))
    ask(lambda cluster: cluster.write_attempt("hub", ATTEMPT))
    assert ask(lambda cluster: cluster.attempts()) == {"hub": ATTEMPT}
    ask(lambda cluster: cluster.write_record("hub", RECORD))
    assert ask(lambda cluster: cluster.records()) == {"hub": RECORD, "other": RECORD}
    assert ask(lambda cluster: cluster.attempts()) == {}
    assert set(server.objects[RECORDS]["hubfleet-releases"]["data"]) == {"hub", "other"}
    assert "hubfleet" in server.objects["/api/v1/namespaces"]


def test_helms_newest_revision_counts_and_only_metadata_travels(ask: Any, server: ApiServer) -> None:  # noqa: ANN401
    helm_secret(server, "hub", 9, "superseded")
    helm_secret(server, "hub", 10, "deployed")
    helm_secret(server, "elsewhere", 1, "deployed", namespace="theirs")  # not of the form namespace = name
    ask(lambda cluster: cluster.write_record("hub", RECORD))
    assert ask(lambda cluster: cluster.live()) == {"hub": Live(10, "deployed", "d1", "c0ffee", 3, GateResult.FAILED)}
    (accept,) = {accept for method, path, accept in server.asked if "owner" in path}
    assert "PartialObjectMetadataList" in accept


def test_a_recorded_release_without_a_revision_is_absent(ask: Any) -> None:  # noqa: ANN401
    ask(lambda cluster: cluster.write_record("hub", RECORD))
    assert ask(lambda cluster: cluster.live())["hub"].status == "absent"


def test_manifests_are_decoded_and_a_revision_can_be_forgotten(ask: Any, server: ApiServer) -> None:  # noqa: ANN401
    stored = base64.b64encode(gzip.compress(json.dumps({"manifest": "kind: Service"}).encode()))
    helm_secret(server, "hub", 1, "deployed", release=base64.b64encode(stored).decode())
    assert ask(lambda cluster: cluster.manifest(RELEASE, 1)) == "kind: Service"
    for _ in range(2):  # forgetting twice is fine
        ask(lambda cluster: cluster.forget_revision(RELEASE, 1))
    assert ask(lambda cluster: cluster.manifest(RELEASE, 1)) == ""


def test_a_secret_is_read_or_missing(ask: Any, server: ApiServer) -> None:  # noqa: ANN401
    server.put("/api/v1/namespaces/hub/secrets", "login", data={"password": base64.b64encode(b"x").decode()})
    assert ask(lambda cluster: cluster.secret("hub", "login")) == {"password": "x"}
    assert ask(lambda cluster: cluster.secret("hub", "other")) is None


def test_the_lease_is_held_by_one(ask: Any) -> None:  # noqa: ANN401
    ask(lambda cluster: cluster.lock("ann", 30))
    ask(lambda cluster: cluster.lock("ann", 30))
    with pytest.raises(LockedError, match=r"ann has been deploying to it since 20\d\d-"):
        ask(lambda cluster: cluster.lock("bob", 30))
    ask(lambda cluster: cluster.unlock("bob"))
    with pytest.raises(LockedError):
        ask(lambda cluster: cluster.lock("bob", 30))
    ask(lambda cluster: cluster.unlock("ann"))
    ask(lambda cluster: cluster.lock("bob", 30))


def test_an_expired_lease_can_be_taken(ask: Any, server: ApiServer) -> None:  # noqa: ANN401
    ask(lambda cluster: cluster.lock("ann", 30))
    server.objects[LEASES]["deploy"]["spec"]["renewTime"] = "2026-01-01T00:00:00.000001Z"
    ask(lambda cluster: cluster.lock("bob", 30))
    assert server.objects[LEASES]["deploy"]["spec"]["holderIdentity"] == "bob"


def test_pods_of_the_newest_generation_alone_are_looked_at(ask: Any, server: ApiServer) -> None:  # noqa: ANN401
    base, mark = "/apis/apps/v1/namespaces/hub", "deployment.kubernetes.io/revision"
    selector = {"matchLabels": {"app": "hub"}}
    server.put(
        f"{base}/deployments",
        "hub",
        metadata={"generation": 2, "annotations": {mark: "7"}},
        spec={"selector": selector, "template": {}},
        status={"observedGeneration": 2},
    )
    for number, revision in (("old", "6"), ("new", "7")):
        labels = {"app": "hub", "pod-template-hash": number}
        metadata = {"labels": labels, "annotations": {mark: revision}}
        server.put(f"{base}/replicasets", f"hub-{number}", metadata=metadata, spec={"selector": selector})
        server.put("/api/v1/namespaces/hub/pods", f"hub-{number}-1", metadata={"labels": labels})
    objects = (("Deployment", "hub"), ("Service", "hub"), ("Job", "gone"))
    deployment, job = ask(lambda cluster: cluster.workloads("hub", objects))
    assert (deployment.name, deployment.ready, [pod.name for pod in deployment.pods]) == ("hub", False, ["hub-new-1"])
    assert (job.name, job.failed) == ("gone", "does not exist")


def test_pods_are_found_by_labels_and_dying_ones_do_not_count(ask: Any, server: ApiServer) -> None:  # noqa: ANN401
    pods = "/api/v1/namespaces/hub/pods"
    server.put(pods, "a", metadata={"labels": {"job": "x"}})
    server.put(pods, "b", metadata={"labels": {"job": "x"}, "deletionTimestamp": "2026-01-01T00:00:00Z"})
    server.put(pods, "c", metadata={"labels": {"other": "x"}})
    assert [pod.name for pod in ask(lambda cluster: cluster.pods("hub", {"job": None}))] == ["a"]


def test_the_log_of_the_run_that_crashed_comes_first(ask: Any, server: ApiServer) -> None:  # noqa: ANN401
    path = "/api/v1/namespaces/hub/pods/p/log"
    server.logs = {f"{path} false": "starting\n"}
    assert ask(lambda cluster: cluster.log_tail("hub", "p", "main", 10)) == ("starting",)
    server.logs[f"{path} true"] = "one\ntwo\n"
    assert ask(lambda cluster: cluster.log_tail("hub", "p", "main", 10)) == ("one", "two")
    assert ask(lambda cluster: cluster.log_tail("hub", "q", "main", 10)) == ()


def test_events_come_in_order_without_repetitions(ask: Any, server: ApiServer) -> None:  # noqa: ANN401
    for number, (about, reason) in enumerate([("p", "Pulling"), ("p", "Failed"), ("p", "Failed"), ("q", "Other")]):
        time = f"2026-01-01T00:00:{9 - number:02}Z"
        parts = {"involvedObject": {"name": about}, "reason": reason, "message": "m", "lastTimestamp": time}
        server.put("/api/v1/namespaces/hub/events", f"e{number}", **parts)
    assert ask(lambda cluster: cluster.events("hub", "p")) == ("Failed: m", "Pulling: m")


def test_a_refusal_says_what_to_check(ask: Any, server: ApiServer) -> None:  # noqa: ANN401
    server.refuse = 403
    with pytest.raises(ClusterUnreachableError, match=r"refuses: .*ann may not.*; check what the account of "):
        ask(lambda cluster: cluster.records())
    with pytest.raises(ClusterUnreachableError, match="ann may not"):
        ask(lambda cluster: cluster.live())


def test_silence_says_what_to_check(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG.replace("SERVER", "http://127.0.0.1:9"))

    async def work() -> None:
        async with KubernetesCluster(path) as cluster:
            await cluster.live()

    with pytest.raises(
        ClusterUnreachableError, match=r"http://127\.0\.0\.1:9 does not answer .*check that the cluster"
    ):
        asyncio.run(work())


@pytest.mark.parametrize("text", [None, "", "kind: Config\n", "a: [b"])
def test_a_kubeconfig_that_leads_nowhere_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ClusterUnreachableError, match="no usable kubeconfig"):
        KubernetesCluster(path)
