"""A rollout ends when everything runs, or as soon as it is clear that a pod never will, with that pod's reason."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.fakes import FakeClock, FakeCluster, broken

from hubfleet.errors import ClusterUnreachableError, GateError
from hubfleet.ports import Pod, Workload
from hubfleet.rollout import PATIENCE, Pods, Rollout, workloads_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OBJECTS = (("Deployment", "hub"),)
JOBS = Pods("hook", {"batch.kubernetes.io/job-name": None})


@dataclass
class Changing(FakeCluster):
    """A cluster whose workload is what a function of time says."""

    clock: FakeClock = field(default_factory=FakeClock)
    state: Callable[[float], Workload] = lambda _: Workload("Deployment", "hub", ready=True)
    silent_until: float = 0.0  # seconds from the start

    def __post_init__(self) -> None:
        self.begun_at = self.clock.now()

    async def workloads(self, namespace: str, objects: Sequence[tuple[str, str]]) -> Sequence[Workload]:
        assert namespace == "hub"
        assert tuple(objects) == OBJECTS
        elapsed = self.clock.now() - self.begun_at
        if elapsed < self.silent_until:
            message = "away"
            raise ClusterUnreachableError(message)
        return [self.state(elapsed)]


def wait(cluster: Changing, seconds: float = 600) -> float:
    """Wait for the rollout; the seconds that it took."""
    cluster.clock.run(Rollout(cluster, cluster.clock, "hub").wait(OBJECTS, seconds))
    return cluster.clock.now() - cluster.begun_at


def test_it_ends_as_soon_as_everything_is_ready() -> None:
    cluster = Changing(state=lambda t: Workload("Deployment", "hub", ready=t >= 7))
    assert wait(cluster) == 7


@pytest.mark.parametrize("reason", sorted(PATIENCE))
def test_a_reason_ends_it_after_its_patience_and_not_before(reason: str) -> None:
    cluster = Changing(state=lambda _: broken("hub", reason))
    with pytest.raises(GateError, match=rf"Deployment hub: pod hub-1, container main: {reason}: of a test"):
        wait(cluster)
    assert PATIENCE[reason] <= cluster.clock.now() - cluster.begun_at <= PATIENCE[reason] + 1


def test_a_reason_that_passes_is_no_failure() -> None:
    cluster = Changing(state=lambda t: broken("hub", "ErrImagePull") if t < 5 else Workload("Deployment", "hub", True))  # noqa: FBT003
    assert wait(cluster) == 5


def test_a_container_may_crash_twice_and_no_more() -> None:
    cluster = Changing(state=lambda t: broken("hub", "CrashLoopBackOff", restarts=int(t // 10)))
    with pytest.raises(GateError, match="CrashLoopBackOff") as raised:
        wait(cluster)
    assert "log: last words of hub/hub-1/main" in str(raised.value)
    assert "event: Failed: hub/hub-1" in str(raised.value)
    assert cluster.clock.now() - cluster.begun_at == 30


def test_what_kubernetes_calls_failed_is_failed() -> None:
    failed = Workload("Job", "migrate", ready=False, failed="BackoffLimitExceeded: it failed")
    with pytest.raises(GateError, match=r"^Job migrate: BackoffLimitExceeded: it failed$"):
        wait(Changing(state=lambda _: failed))


def test_a_timeout_names_what_is_missing() -> None:
    slow = replace(broken("hub", ""), detail="0 of 1 available")
    with pytest.raises(GateError, match="not ready after 60 s:\n  Deployment hub: 0 of 1 available"):
        wait(Changing(state=lambda _: slow), 60)


def test_an_api_server_may_be_away_for_a_while() -> None:
    assert wait(Changing(silent_until=40)) == 40


def test_an_api_server_that_stays_away_is_an_error() -> None:
    with pytest.raises(ClusterUnreachableError):
        wait(Changing(silent_until=400))


def job_pod(name: str, reason: str = "ImagePullBackOff") -> Pod:
    return Pod(name, ready=False, reason=reason, message="of a test", container="main")


def during(cluster: FakeCluster, clock: FakeClock, work_seconds: float, pods: Pods = JOBS) -> str:
    async def work() -> str:
        await clock.sleep(work_seconds)
        return "worked"

    return clock.run(Rollout(cluster, clock, "hub").unless_broken(work(), pods))


def test_work_goes_on_while_pods_are_well() -> None:
    assert during(FakeCluster(job_pods={"hub": [job_pod("a", "")]}), FakeClock(), 300) == "worked"


def test_work_is_stopped_where_a_pod_will_never_run() -> None:
    clock = FakeClock()
    begun = clock.now()
    with pytest.raises(GateError, match="hook: pod a, container main: ImagePullBackOff"):
        during(FakeCluster(job_pods={"hub": [job_pod("a")]}), clock, 300)
    assert clock.now() - begun < 15


def test_old_and_bearable_trouble_stops_nothing() -> None:
    cluster = FakeCluster(job_pods={"hub": [job_pod("old"), job_pod("full", "Unschedulable")]})
    pods = replace(JOBS, ignored=frozenset({"old"}), bearable=frozenset({"Unschedulable"}))
    assert during(cluster, FakeClock(), 500, pods) == "worked"


def test_stopping_waits_until_the_work_has_cleaned_up() -> None:
    clock, cleaned = FakeClock(), []

    async def work() -> None:
        try:
            await clock.sleep(300)
        except asyncio.CancelledError:
            await clock.sleep(5)
            cleaned.append(True)
            raise

    cluster = FakeCluster(job_pods={"hub": [job_pod("a")]})
    with pytest.raises(GateError):
        clock.run(Rollout(cluster, clock, "hub").unless_broken(work(), JOBS))
    assert cleaned == [True]


def test_workloads_are_read_from_the_manifests_without_hooks() -> None:
    manifest = """
kind: Deployment
metadata: {name: hub}
---
---
kind: ConfigMap
metadata: {name: settings}
---
kind: Job
metadata: {name: seed, annotations: {other: x}}
---
kind: Job
metadata: {name: secrets, annotations: {"helm.sh/hook": pre-install}}
"""
    assert workloads_of(manifest) == (("Deployment", "hub"), ("Job", "seed"))
