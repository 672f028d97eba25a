"""Planning against what runs: clusters that remember, fail, drift, do not answer, or do not exist."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace

import pytest
from tests.unit.fleets import REPOS, DictTree, FakeCluster, FakeHelm, plan_git, plan_live, read_folder

from hubfleet.config import Config
from hubfleet.errors import UsageError
from hubfleet.inventory import read_inventory
from hubfleet.model import Action, Difference, GateResult, Live, Plan, PlannedRelease, ReleaseId
from hubfleet.planning import NoCache, Tools, named, plan_against_nothing, rendered_digest
from hubfleet.report import summary

FLEET = DictTree(read_folder(REPOS / "base"), commit="a" * 40)
EDITED = replace(FLEET.edited({"hubs/one/prod.values.yaml": "greeting: hello again\n"}), commit="b" * 40)


def deployed(
    tree: DictTree = FLEET, *names: str, gate: GateResult = GateResult.PASSED
) -> dict[str, FakeCluster | None]:
    """Both clusters, with these releases (all, if none is named) of the tree deployed."""
    clusters = {"one": FakeCluster(), "one-two": FakeCluster()}
    helm = FakeHelm()
    for release in read_inventory(tree, Config()).releases.values():
        if not names or str(release.id) in names:
            asyncio.run(clusters[release.id.cluster].deploy(tree, release, helm, gate))
    return dict(clusters)


def rows(plan: Plan) -> dict[str, PlannedRelease]:
    return {str(row.id): row for row in plan.releases if row.action is not Action.UNCHANGED}


def actions(plan: Plan) -> dict[str, str]:
    return {name: str(row.action) for name, row in rows(plan).items()}


def one(clusters: dict[str, FakeCluster | None]) -> FakeCluster:
    cluster = clusters["one"]
    assert cluster is not None
    return cluster


def test_nothing_to_do_is_found_without_rendering() -> None:
    helm = FakeHelm()
    clusters = deployed()
    plan = plan_live(FLEET, clusters, helm=helm)
    assert summary(plan).startswith("No changes")
    assert not plan.has_changes
    assert helm.rendered == one(clusters).asked == []


def test_cluster_that_does_not_exist_gets_everything_in_order() -> None:
    plan = plan_live(FLEET, {**deployed(), "one": None})
    assert [(str(row.id), row.wave) for row in plan.releases if row.wave] == [
        ("one/support", 1),
        ("one/staging", 2),
        ("one/prod", 3),
    ]
    assert {row.action for row in rows(plan).values()} == {Action.INSTALL}


def test_edit_is_planned_with_its_file_from_the_recorded_commit() -> None:
    plan = plan_live(EDITED, deployed(), commits=[FLEET])
    assert actions(plan) == {"one/staging": "verify", "one/prod": "upgrade"}
    (reason,) = rows(plan)["one/prod"].reasons
    assert (reason.path, reason.change) == (("one/prod", "hubs/one/prod.values.yaml"), Difference.MODIFIED)


@pytest.mark.parametrize(
    ("commits", "said"),
    [([], "deployed from commit aaaaaaaaaaaa which is not here"), ([EDITED], "which is not here")],
)
def test_plan_says_where_git_does_not_have_what_was_deployed(commits: list[DictTree], said: str) -> None:
    (reason,) = rows(plan_live(EDITED, deployed(), commits=commits))["one/prod"].reasons
    assert reason.path[1].endswith(said)
    assert reason.change is Difference.CATCH_UP


def test_deploy_from_uncommitted_files_is_told_beside_what_git_knows() -> None:
    uncommitted = replace(FLEET.edited({"hubs/one/prod.values.yaml": "greeting: tried out\n"}), dirty=True)
    reasons = rows(plan_live(EDITED, deployed(uncommitted), commits=[FLEET]))["one/prod"].reasons
    assert [reason.path[-1] for reason in reasons] == [
        "hubs/one/prod.values.yaml",
        "deployed from commit aaaaaaaaaaaa with uncommitted files",
    ]


def test_comment_is_no_change_though_the_recorded_inputs_differ() -> None:
    clusters = deployed()
    commented = FLEET.edited({"hubs/shared.values.yaml": "# why\nshared: by both clusters\n"})
    plan = plan_live(commented, clusters)
    assert summary(plan).startswith("No changes")
    assert {row.note for row in plan.releases if row.id.name != "support"} == {
        "its inputs differ, its manifests do not"
    }
    assert one(clusters).asked == []


def test_production_that_was_blocked_yesterday_is_in_todays_plan() -> None:
    clusters = deployed()
    staging = read_inventory(EDITED, Config()).releases[ReleaseId("one", "staging")]
    asyncio.run(one(clusters).deploy(EDITED, staging, FakeHelm(), GateResult.FAILED))
    plan = plan_live(EDITED, clusters)
    assert actions(plan) == {"one/staging": "verify", "one/prod": "upgrade"}
    staging_row = rows(plan)["one/staging"]
    assert [(reason.path[-1], reason.change) for reason in staging_row.reasons] == [
        ("the gate of revision 2 failed", Difference.CATCH_UP)
    ]
    assert not staging_row.canary_only


@pytest.mark.parametrize("status", ["failed", "pending-upgrade", "pending-install", "pending-rollback"])
def test_release_that_helm_left_unfinished_is_upgraded_whatever_its_manifests_say(status: str) -> None:
    clusters = deployed()
    cluster = one(clusters)
    cluster.live_["staging"] = replace(cluster.live_["staging"], status=status)
    plan = plan_live(FLEET, clusters)
    assert actions(plan) == {"one/staging": "upgrade"}
    assert rows(plan)["one/staging"].reasons[0].path[-1] == f"Helm's status is {status}"


@pytest.mark.parametrize(
    ("manifest", "action"),
    [(None, "verify"), ("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\n", "upgrade")],
)
def test_upgrade_by_hand_is_drift(manifest: str | None, action: str) -> None:
    clusters = deployed()
    cluster = one(clusters)
    cluster.live_["staging"] = replace(cluster.live_["staging"], revision=7)
    cluster.manifests["staging"] = manifest or cluster.manifests["staging"]
    plan = plan_live(FLEET, clusters)
    assert actions(plan) == {"one/staging": action}
    (reason,) = rows(plan)["one/staging"].reasons
    assert (reason.path[-1], reason.change) == ("revision 7 runs, 1 is recorded", Difference.DRIFT)
    assert cluster.asked == ["one/staging@7"]


def test_release_that_nobody_recorded_is_proven_before_it_counts() -> None:
    clusters = deployed()
    cluster = one(clusters)
    cluster.records_.clear()
    cluster.live_["prod"] = Live(3, "deployed")
    plan = plan_live(FLEET, clusters)
    assert actions(plan) == {"one/prod": "verify"}
    assert rows(plan)["one/prod"].reasons[0].path[-1] == "no deploy is recorded"


def test_gate_that_a_hub_skips_is_not_caught_up() -> None:
    skipped = FLEET.edited(
        {
            "hubs/one/cluster.yaml": FLEET.contents["hubs/one/cluster.yaml"].replace(
                "domain: staging.localhost", "gate: {skip: no login yet}"
            )
        }
    )
    clusters = deployed(skipped)
    cluster = one(clusters)
    cluster.live_["staging"] = replace(cluster.live_["staging"], gate=GateResult.NEVER)
    assert actions(plan_live(skipped, clusters)) == {}


def test_cluster_that_does_not_answer_is_unknown_and_stops_no_other() -> None:
    clusters = deployed()
    del clusters["one"]
    edited = EDITED.edited({"hubs/one-two/prod.values.yaml": "greeting: hello\n"})
    plan = plan_live(edited, clusters)
    assert actions(plan) == {
        "one/support": "unknown",
        "one/staging": "unknown",
        "one/prod": "unknown",
        "one-two/prod": "upgrade",
    }
    assert not plan.complete
    assert plan_live(edited, clusters, only=("one-two/*",)).complete


def test_hub_that_is_gone_is_reported_while_it_runs_and_others_releases_are_not_ours() -> None:
    clusters = deployed()
    cluster = one(clusters)
    cluster.live_["old"] = replace(cluster.live_["prod"])
    cluster.live_["cert-manager"] = Live(2, "deployed")
    plan = plan_live(FLEET, clusters)
    assert actions(plan) == {"one/old": "remove"}
    assert not plan.has_changes


def test_selected_hub_brings_its_canary_and_nothing_else() -> None:
    both = FLEET.edited({"hubs/shared.values.yaml": "shared: news\n"})
    plan = plan_live(both, deployed(), only=("one/prod",))
    assert actions(plan) == {"one/staging": "upgrade", "one/prod": "upgrade"}
    assert rows(plan)["one/staging"].canary_only
    assert plan.selection == ("one/prod",)


def test_selection_that_fits_nothing_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="one/prd fits no release; there are one/prod"):
        plan_live(FLEET, deployed(), only=("one/prd",))


def test_against_nothing_everything_is_installed() -> None:
    plan = asyncio.run(plan_against_nothing(FLEET, Config(), Tools(FakeHelm())))
    assert {row.action for row in plan.releases} == {Action.INSTALL}
    assert plan.against == "nothing"


def test_without_rendering_every_candidate_counts_and_the_plan_says_so() -> None:
    commented = FLEET.edited({"hubs/one/staging.values.yaml": "# why\ngreeting: staging of one\n"})
    assert actions(plan_git(FLEET, commented)) == {}
    plan = plan_git(FLEET, commented, render=False)
    assert actions(plan) == {"one/staging": "upgrade"}
    assert rows(plan)["one/staging"].note == "not rendered: its manifests may be the same"


def test_what_a_deploy_records_is_what_the_next_plan_compares() -> None:
    helm = FakeHelm()
    release = read_inventory(FLEET, Config()).releases[ReleaseId("one", "prod")]
    recorded = one(deployed()).records_["prod"].rendered
    assert asyncio.run(rendered_digest(FLEET, release, Tools(helm, NoCache()))) == recorded


@pytest.mark.parametrize(
    ("commit", "dirty", "name"),
    [("c" * 40, False, "c" * 40), ("c" * 40, True, f"{'c' * 40}+dirty"), (None, True, "no-commit+dirty")],
)
def test_head_is_named_by_its_commit(commit: str | None, name: str, *, dirty: bool) -> None:
    assert named(DictTree({}, commit, dirty)) == name


def test_planning_imports_nothing_that_only_others_need() -> None:
    heavy = {"lightkube", "httpx2", "websockets", "yamale", "jsonschema_rs", "rich", "typer", "chartpress"}
    code = "import sys, hubfleet.planning, hubfleet.plan_file, hubfleet.report; print(*sys.modules)"
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    assert heavy & {name.partition(".")[0] for name in done.stdout.split()} == set()
