"""A whole deploy: order, blocking, independence, interruption, resuming. Nobody's error hides anybody's outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.deploys import World, record
from tests.unit.fakes import FakeCluster, broken

from hubfleet.errors import StalePlanError
from hubfleet.execute import Result, Site
from hubfleet.model import Action, GateResult, Outcome, Plan, PlannedRelease, Release, State
from hubfleet.ports import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ALL = ("support", "staging", "prod")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.settled()
    return made


@pytest.fixture
def two(tmp_path: Path) -> World:
    made = World(tmp_path, names=("one", "two"))
    made.settled()
    return made


def breaks(cluster: FakeCluster, name: str) -> str:
    cluster.states[name] = broken(name)
    return ""


def states(result: Result, cluster: str = "one") -> tuple[str, ...]:
    found = {each.id.name: str(each.state) for each in result.outcomes if each.id.cluster == cluster}
    return tuple(found[name] for name in ALL if name in found)


def presses(world: World, release: str, *, times: int) -> None:
    """Press Ctrl-C when the release begins, as often as said."""

    def listen(name: str, state: State, message: str) -> None:
        if name == release and state is State.RUNNING and message == "helm upgrade":
            world.interrupt.finish.set()
            if times > 1:
                world.interrupt.stop.set()

    world.reporter.listener = listen


def test_waves_go_in_order(world: World) -> None:
    result = world.deploy(world.plan())
    assert states(result) == ("done", "done", "done")
    assert world.helm.calls == [("upgrade", name) for name in ALL]
    assert result.complete
    assert world.journal.ended == "finished"
    assert world.cluster.lease == ""


def test_a_failure_blocks_what_comes_after_it_and_says_by_whom(world: World) -> None:
    world.helm.fates["staging"] = breaks
    result = world.deploy(world.plan())
    assert states(result) == ("done", "rolled-back", "blocked")
    assert str(result.outcomes[-1].blocked_by) == "one/staging"
    assert ("upgrade", "prod") not in world.helm.calls
    assert world.cluster.record["prod"] == record(3)  # so that the next plan has it again


def test_a_failed_verification_blocks_production(world: World) -> None:
    world.hub("staging").error = ("ImportError", "numpy")
    result = world.deploy(world.plan(support=Action.UNCHANGED, staging=Action.VERIFY))
    assert states(result) == ("failed", "blocked")
    assert world.helm.calls == []


def test_a_failure_in_one_cluster_stops_no_other(two: World) -> None:
    two.helms["one"].fates["support"] = breaks
    result = two.deploy(two.plan())
    assert states(result, "one") == ("rolled-back", "blocked", "blocked")
    assert states(result, "two") == ("done", "done", "done")


def test_a_cluster_that_goes_away_is_unreachable_and_stops_no_other(two: World) -> None:
    def goes(cluster: FakeCluster, _: str) -> str:
        cluster.away = True
        return ""

    two.helms["one"].fates["staging"] = goes
    result = two.deploy(two.plan())
    assert states(result, "one") == ("done", "unreachable", "blocked")
    assert states(result, "two") == ("done", "done", "done")


def test_a_cluster_that_cannot_be_reached_at_all_is_said_for_each_release(two: World) -> None:
    result = two.deploy(two.plan(), one=Site(unreachable="no route to host"))
    assert states(result, "one") == ("unreachable",) * 3
    assert {each.message for each in result.outcomes if each.id.cluster == "one"} == {"no route to host"}


def test_a_fault_of_ours_is_an_outcome_too(two: World) -> None:
    class Faulty:
        async def deploy(self, row: PlannedRelease, release: Release, say: Callable[[str], None]) -> Outcome:
            raise ZeroDivisionError(row, release, say)

        verify = deploy

    result = two.deploy(two.plan(), one=Site(two.clusters["one"], Faulty()))
    assert states(result, "one") == ("failed", "blocked", "blocked")
    assert "unexpected ZeroDivisionError" in result.outcomes[0].message
    assert states(result, "two") == ("done", "done", "done")


@pytest.mark.parametrize("action", [Action.BROKEN, Action.UNKNOWN])
def test_production_waits_for_a_canary_that_cannot_be_deployed(world: World, action: Action) -> None:
    result = world.deploy(world.plan(staging=action))
    assert states(result) == ("done", "blocked")
    assert f"its canary one/staging is {action}" in result.outcomes[-1].message


def test_a_plan_that_is_stale_is_refused_before_anything_is_touched(two: World) -> None:
    plan = two.plan()
    two.clusters["two"].history["prod"].append("deployed")
    with pytest.raises(StalePlanError, match="two/prod: planned against revision 3, now revision 4") as raised:
        two.deploy(plan)
    assert "one/" not in str(raised.value)
    assert [each.calls for each in two.helms.values()] == [[], []]


def test_an_upgrade_by_hand_in_the_middle_is_stale(world: World) -> None:
    def by_hand(cluster: FakeCluster, _: str) -> str:
        cluster.history["prod"].append("deployed")
        return ""

    world.helm.fates["staging"] = by_hand
    result = world.deploy(world.plan())
    assert states(result) == ("done", "done", "stale")
    assert "now revision 4" in result.outcomes[-1].message


def test_the_first_ctrl_c_finishes_what_runs_and_begins_nothing(world: World) -> None:
    presses(world, "one/staging", times=1)
    result = world.deploy(world.plan())
    assert states(result) == ("done", "done", "planned")
    assert result.interrupted
    assert world.journal.unfinished


def test_the_second_ctrl_c_stops_what_runs_and_names_the_doubt(world: World) -> None:
    presses(world, "one/staging", times=2)
    result = world.deploy(world.plan())
    assert states(result) == ("done", "in-doubt", "planned")
    assert world.cluster.history["staging"][-1] == "failed"  # helm was stopped politely
    assert world.cluster.begun["staging"].revision == 3
    assert world.cluster.lease == ""


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_an_interrupted_deploy_goes_on_also_on_another_machine(
    world: World, tmp_path: Path, times: int, *, elsewhere: bool
) -> None:
    plan = world.plan()
    presses(world, "one/staging", times=times)
    world.deploy(plan)
    world.reporter.listener = None
    if elsewhere:
        world.folder = tmp_path / "another"
    result = world.deploy(plan)
    assert states(result) == ("done", "done", "done")
    assert result.outcomes[0].message == "done before"
    assert world.helm.calls.count(("upgrade", "support")) == 1
    assert world.helm.calls.count(("upgrade", "prod")) == 1


def test_a_deployer_that_was_killed_left_a_lease_that_is_waited_for(world: World) -> None:
    world.cluster.lease = "bob@laptop"
    begun = world.clock.now()
    world.reporter.steps.clear()

    class Expiring(FakeCluster):
        async def lock(self, holder: str, seconds: int) -> None:
            if world.clock.now() - begun > 18:
                self.lease = ""
            await super().lock(holder, seconds)

    world.cluster.__class__ = Expiring
    assert states(world.deploy(world.plan())) == ("done", "done", "done")
    assert "one is locked: bob@laptop has been deploying to it since noon" in world.reporter.steps


def test_a_cluster_that_another_deployer_holds_is_left_alone(two: World) -> None:
    two.clusters["one"].lease = "bob@laptop"
    plan = two.plan()
    result = two.deploy(plan)
    assert states(result, "one") == ("blocked",) * 3
    assert "bob@laptop" in result.locked
    assert two.helms["one"].calls == []
    assert states(result, "two") == ("done", "done", "done")
    two.clusters["one"].lease = ""
    assert two.deploy(plan).complete


def test_a_failed_deploy_is_finished_and_an_attempt_is_not_left(world: World) -> None:
    world.helm.fates["prod"] = breaks
    world.deploy(world.plan())
    assert world.journal.ended == "finished"
    assert world.cluster.begun == {}


def test_a_killed_upgrade_is_explained_by_the_cluster_alone(world: World) -> None:
    plan = world.plan(support=Action.UNCHANGED, prod=Action.UNCHANGED)
    world.cluster.begun["staging"] = Attempt("plan-1", "new staging", 3, "bob@gone")
    world.cluster.history["staging"].append("pending-upgrade")
    assert states(world.deploy(plan)) == ("done",)
    assert world.cluster.record["staging"].gate is GateResult.PASSED


def test_the_journal_tells_every_transition(world: World) -> None:
    world.helm.fates["staging"] = breaks
    world.deploy(world.plan())
    told = [(entry.release, entry.state) for entry in world.journal.entries() if entry.release]
    assert told == [
        ("one/support", "running"),
        ("one/support", "done"),
        ("one/staging", "running"),
        ("one/staging", "rolled-back"),
        ("one/prod", "blocked"),
    ]


def test_a_plan_without_work_touches_nothing(world: World) -> None:
    plan = Plan("live", None, "c0ffee", (world.row("one", "prod", Action.UNCHANGED),))
    result = world.deploy(plan)
    assert (result.outcomes, world.helm.calls, world.cluster.lease) == ((), [], "")
