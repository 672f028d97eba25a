"""The gate of a release: its rollout, then a person's way through the proxy, as cluster.yaml says."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.unit.deploys import release
from tests.unit.fakes import FakeClock, FakeCluster, FakeHub, broken

from hubfleet.errors import GateError
from hubfleet.gates import SERVICE_KEY, Gates
from hubfleet.kernel import PROOF, Cell
from hubfleet.model import Gate, Release
from hubfleet.ports import Pod

HUB = release("one", "staging")
TOKEN = {SERVICE_KEY: "service-token"}


class Fixture:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.hub = FakeHub(self.clock)
        self.cluster = FakeCluster(history={"staging": ["deployed"], "support": ["deployed"]})
        self.said: list[str] = []

    def prove(self, wanted: Release) -> str:
        return self.clock.run(self._prove(wanted))

    async def _prove(self, wanted: Release) -> str:
        return await self._gates().prove(wanted, 1, 600, self.said.append)

    def check(self, wanted: Release, cell: Cell) -> str:
        async def work() -> str:
            return await self._gates().check(wanted, cell, self.said.append)

        return self.clock.run(work())

    def _gates(self) -> Gates:
        return Gates(self.cluster, self.clock, lambda _: self.hub, asyncio.Semaphore(1))


@pytest.fixture
def fixture() -> Fixture:
    return Fixture()


def test_named_credentials_log_in_by_form(fixture: Fixture) -> None:
    fixture.cluster.secrets["staging", "login"] = {"username": "hubfleet-gate", "password": "secret"}
    assert fixture.prove(HUB).startswith("logged in by form as hubfleet-gate")
    assert fixture.said[0] == "waiting for the rollout"


def test_without_credentials_the_service_signs_in(fixture: Fixture) -> None:
    fixture.cluster.secrets["staging", "hub"] = TOKEN
    assert fixture.prove(replace(HUB, gate=Gate())).startswith("signed in by the service hubfleet-gate")


def test_a_release_of_support_is_proven_by_its_rollout(fixture: Fixture) -> None:
    assert fixture.prove(release("one", "support")) == "its workloads run"
    assert fixture.hub.requests == []


def test_a_rollout_that_fails_is_not_visited(fixture: Fixture) -> None:
    fixture.cluster.states["staging"] = broken("staging")
    with pytest.raises(GateError, match="ImagePullBackOff"):
        fixture.prove(HUB)
    assert fixture.hub.requests == []


def test_a_skipped_gate_tells_its_reason(fixture: Fixture) -> None:
    wanted = replace(HUB, gate=Gate(skip="no server starts here"))
    assert fixture.prove(wanted) == "its workloads run; no health check: no server starts here"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (HUB, "the Secret login in namespace staging, which `gate.credentials` names, lacks `username`"),
        (replace(HUB, gate=Gate()), f"the Secret hub in namespace staging has no {SERVICE_KEY}: enable `hub.gate`"),
        (replace(HUB, domain=None), "one/staging has no domain, so nobody can reach it: set `domain`"),
    ],
)
def test_what_is_missing_is_named(fixture: Fixture, wanted: Release, said: str) -> None:
    with pytest.raises(GateError) as raised:
        fixture.check(wanted, PROOF)
    assert said in str(raised.value)


def test_another_cell_may_be_run(fixture: Fixture) -> None:
    fixture.cluster.secrets["staging", "hub"] = TOKEN
    fixture.hub.error = ("RuntimeError", "broken")
    with pytest.raises(GateError, match="the cell raised RuntimeError: broken"):
        fixture.check(replace(HUB, gate=Gate()), Cell("raise RuntimeError('broken')"))


def test_a_server_whose_pod_will_never_run_is_told_from_one_that_waits_for_a_node(fixture: Fixture) -> None:
    fixture.cluster.secrets["staging", "hub"] = TOKEN
    fixture.hub.spawn_seconds = 400.0
    waiting = Pod("jupyter-hubfleet-gate", ready=False, reason="Unschedulable", message="0/2 nodes are available")

    class WithServer(FakeCluster):
        async def pods(self, namespace: str, labels: object) -> list[Pod]:
            assert (namespace, labels) == ("staging", {"hub.jupyter.org/username": "hubfleet-gate"})
            return [waiting]

    fixture.cluster.__class__ = WithServer
    assert "server up in 400 s" in fixture.check(replace(HUB, gate=Gate()), PROOF)
    waiting = replace(waiting, reason="ErrImagePull", message="no such image", container="notebook")
    with pytest.raises(GateError, match=r"server of hubfleet-gate: pod .*, container notebook: ErrImagePull: no such"):
        fixture.check(replace(HUB, gate=Gate()), PROOF)
    assert not fixture.hub.runs
