"""One release: whatever happens on the way, the record says the truth and what worked before runs again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest
from tests.unit.deploys import HOLDER, World, record, release
from tests.unit.fakes import FakeCluster, broken

from hubfleet.config import DeployPolicy
from hubfleet.errors import GateError
from hubfleet.model import Action, GateResult, State
from hubfleet.ports import Attempt, Pod, Record

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.settled()
    return made


def breaks(cluster: FakeCluster, name: str) -> str:
    cluster.states[name] = broken(name)
    return ""


def refuses(_: FakeCluster, name: str) -> str:
    return f"Error: UPGRADE FAILED: {name} is invalid"


def test_an_upgrade_that_passes_its_gate_is_recorded(world: World) -> None:
    outcome = world.upgrade("staging")
    assert (outcome.state, outcome.revision, outcome.gate) == (State.DONE, 4, GateResult.PASSED)
    assert world.cluster.record["staging"] == Record(
        digest="new staging",
        commit="c0ffee",
        dirty=False,
        plan="plan-1",
        revision=4,
        gate=GateResult.PASSED,
        rendered="rendered staging",
        proven=4,
    )
    assert world.cluster.begun == {}
    assert not world.hub("staging").runs


def test_a_hub_gets_a_restricted_namespace_before_helm_runs(world: World) -> None:
    world.upgrade("staging")
    world.upgrade("support")
    assert world.cluster.namespaces == {
        "staging": {"pod-security.kubernetes.io/enforce": "restricted"},
        "support": {},
    }


def test_while_helm_runs_the_cluster_knows_who_began_what(world: World) -> None:
    seen = []
    world.helm.fates["staging"] = lambda cluster, name: seen.append(cluster.begun.get(name)) or ""  # type: ignore[func-returns-value]
    world.upgrade("staging")
    assert seen == [Attempt("plan-1", "new staging", 3, HOLDER)]


def test_a_pod_that_will_never_run_is_named_and_what_ran_before_runs_again(world: World) -> None:
    world.helm.fates["staging"] = breaks
    outcome = world.upgrade("staging")
    assert outcome.state is State.ROLLED_BACK
    assert "Deployment staging: pod staging-1, container main: ImagePullBackOff" in outcome.message
    assert "rolled back to revision 3, which runs as revision 5" in outcome.message
    assert world.helm.calls == [("upgrade", "staging"), ("rollback", "staging")]
    assert world.cluster.record["staging"] == replace(
        record(3), revision=5, proven=5, gate=GateResult.FAILED, plan="plan-1"
    )


def test_a_cell_that_raises_fails_the_gate_and_what_ran_before_runs_again(world: World) -> None:
    world.hub("staging").error = ("RuntimeError", "broken kernel")
    outcome = world.upgrade("staging")
    assert outcome.state is State.ROLLED_BACK
    assert outcome.message.startswith("the cell raised RuntimeError: broken kernel")
    assert world.cluster.record["staging"].gate is GateResult.FAILED


def test_after_a_way_back_the_next_failure_goes_back_too(world: World) -> None:
    world.helm.fates["staging"] = breaks
    world.upgrade("staging")
    assert world.upgrade("staging").state is State.ROLLED_BACK
    assert (world.cluster.record["staging"].revision, world.cluster.record["staging"].proven) == (7, 7)


def test_a_way_back_that_fails_is_said_and_recorded_as_failed(world: World) -> None:
    def breaks_for_good(cluster: FakeCluster, name: str) -> str:
        cluster.states[name] = broken(name)
        world.helm.fates[name] = breaks_for_good
        return ""

    class Stubborn(dict[str, object]):
        def pop(self, *_: object) -> None:
            """Keep the broken state, whatever helm does."""

    world.cluster.states = Stubborn()  # type: ignore[assignment]
    world.helm.fates["staging"] = breaks_for_good
    outcome = world.upgrade("staging")
    assert outcome.state is State.FAILED
    assert "the way back to revision 3 failed too" in outcome.message
    found = world.cluster.record["staging"]
    assert (found.digest, found.gate, found.proven) == ("new staging", GateResult.FAILED, 3)


def test_what_helm_refuses_is_failed_with_helms_own_words(world: World) -> None:
    world.helm.fates["staging"] = refuses
    outcome = world.upgrade("staging")
    assert outcome.state is State.ROLLED_BACK  # helm had made a revision, and may have applied a part of it
    assert outcome.message.startswith("Error: UPGRADE FAILED: staging is invalid")


def test_a_first_install_that_fails_stays_for_a_look_at_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.helm.fates["staging"] = breaks
    outcome = world.upgrade("staging", Action.INSTALL)
    assert (outcome.state, outcome.revision) == (State.FAILED, 1)
    found = world.cluster.record["staging"]
    assert (found.digest, found.gate, found.revision, found.proven) == ("new staging", GateResult.FAILED, 1, 0)
    assert world.helm.calls == [("upgrade", "staging")]


def test_a_first_install_that_fails_goes_where_the_policy_says_so(tmp_path: Path) -> None:
    world = World(tmp_path, policy=DeployPolicy(first_install_failed="uninstall"))
    world.helm.fates["staging"] = breaks
    outcome = world.upgrade("staging", Action.INSTALL)
    assert outcome.message.endswith("uninstalled, as `first_install_failed` wants it")
    assert world.cluster.history["staging"] == []


def test_an_upgrade_left_pending_is_rolled_back_first(world: World) -> None:
    world.cluster.history["staging"].append("pending-upgrade")
    assert world.upgrade("staging").state is State.DONE
    assert world.helm.calls == [("rollback", "staging"), ("upgrade", "staging")]


@pytest.mark.parametrize(("policy", "seconds"), [("fail", 0), ("wait", 600)])
def test_an_upgrade_left_pending_is_nobodys_to_touch_where_the_policy_says_so(
    tmp_path: Path, policy: Literal["fail", "wait"], seconds: float
) -> None:
    world = World(tmp_path, policy=DeployPolicy(pending=policy))
    world.settled()
    world.cluster.history["staging"].append("pending-upgrade")
    begun = world.clock.now()
    with pytest.raises(GateError, match="revision 4 of one/staging is pending-upgrade: see what works on it"):
        world.upgrade("staging")
    assert world.clock.now() - begun == seconds
    assert world.helm.calls == []


def test_an_install_left_pending_is_forgotten_and_its_objects_are_taken_over(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.cluster.history["staging"] = ["pending-install"]
    assert world.upgrade("staging", Action.INSTALL).state is State.DONE
    assert world.helm.calls == [("upgrade", "staging")]
    assert world.cluster.history["staging"] == ["deployed"]


def test_a_helm_that_outlived_its_deployer_may_end_by_itself(world: World) -> None:
    world.cluster.history["staging"].append("pending-upgrade")

    async def ends() -> None:
        await world.clock.sleep(6)
        world.cluster.history["staging"][-1] = "deployed"

    async def work() -> None:
        other = asyncio.ensure_future(ends())
        await world.upgrader("one").deploy(world.row("one", "staging"), release("one", "staging"), lambda _: None)
        await other

    world.clock.run(work())
    assert world.helm.calls == [("upgrade", "staging")]


def test_a_hook_whose_pod_will_never_run_ends_helm_early(world: World) -> None:
    def hangs(cluster: FakeCluster, name: str) -> str:
        raise AssertionError((cluster, name))  # helm was stopped before its end

    world.helm.seconds, world.helm.fates["staging"] = 500, hangs
    pod = Pod("hook-1", ready=False, reason="ErrImageNeverPull", container="main")
    begun = world.clock.now()
    original = world.helm.run

    async def run(*arguments: object, **options: object) -> object:
        world.cluster.job_pods["staging"] = [pod]
        if arguments[0][1] == "rollback":  # type: ignore[index]
            world.helm.seconds = 1
        return await original(*arguments, **options)  # type: ignore[arg-type]

    world.helm.run = run  # type: ignore[method-assign,assignment]
    outcome = world.upgrade("staging")
    assert "hook: pod hook-1, container main: ErrImageNeverPull" in outcome.message
    assert outcome.state is State.ROLLED_BACK
    assert world.clock.now() - begun < 60


def test_verify_runs_the_gate_and_touches_nothing(world: World) -> None:
    world.cluster.record["staging"] = record(3, GateResult.NEVER)
    outcome = world.upgrade("staging", Action.VERIFY)
    assert (outcome.state, world.helm.calls) == (State.DONE, [])
    assert world.cluster.record["staging"] == replace(record(3), plan="plan-1")


def test_verify_that_fails_is_recorded(world: World) -> None:
    world.hub("staging").output = "41"
    outcome = world.upgrade("staging", Action.VERIFY)
    assert outcome.state is State.FAILED
    assert world.cluster.record["staging"].gate is GateResult.FAILED
    assert world.cluster.record["staging"].proven == 3


def test_credentials_that_are_missing_are_named(world: World) -> None:
    world.cluster.secrets.clear()
    assert "the Secret login in namespace staging" in world.upgrade("staging", Action.VERIFY).message
