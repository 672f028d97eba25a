"""The route agent without Traefik: how it follows the API server and what it answers."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest
from route_agent.agent import Agent
from tests.unit.route_agent_stage import ANN, HUB_ENTRY, Stage, config_map, slice_of, staged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as made:
        yield made


@pytest.fixture
def running(stage: Stage) -> Stage:
    stage.agent.start()
    stage.until(lambda: stage.get("/readyz")[0] == 200)
    return stage


class TestAgent:
    def test_is_alive_but_not_ready_before_it_has_listed_everything(self, stage: Stage) -> None:
        assert stage.get("/healthz")[0] == 200
        assert stage.get("/readyz") == (503, "the routes are not listed yet\n")

    def test_serves_what_the_cluster_holds(self, running: Stage) -> None:
        assert running.routes() == {"/": "http://hub:8081"}
        running.cluster.put("endpointslices", slice_of("/user/ann/"))
        running.until(lambda: "/user/ann/" in running.routes())
        running.cluster.put("endpointslices", slice_of("/user/ann/", "10.0.0.8"))
        running.until(lambda: running.routes()["/user/ann/"] == "http://10.0.0.8:8888")
        running.cluster.delete("endpointslices", "route-user-ann")
        running.until(lambda: "/user/ann/" not in running.routes())
        assert running.cluster.tokens == {"Bearer account-token"}

    def test_many_changes_are_written_together(self, running: Stage) -> None:
        for number in range(200):
            running.cluster.put("endpointslices", slice_of(f"/user/u{number}/"))
        running.until(lambda: len(running.routes()) == 201)
        written = next(
            line for line in running.get("/metrics")[1].splitlines() if line.startswith("hubfleet_route_table_writes")
        )
        assert int(written.split()[1]) < 20

    def test_long_lists_come_page_by_page(self, stage: Stage) -> None:
        stage.cluster.page = 3
        for number in range(10):
            stage.cluster.put("endpointslices", slice_of(f"/user/u{number}/"))
        stage.agent.start()
        stage.until(lambda: stage.get("/readyz")[0] == 200)
        assert len(stage.routes()) == 11
        assert stage.cluster.lists.count("endpointslices") == 4

    def test_one_bad_object_does_not_hide_the_others(self, running: Stage) -> None:
        bad = slice_of("/user/bad/")
        bad["endpoints"] = []
        running.cluster.put("endpointslices", bad)
        running.cluster.put("configmaps", config_map(HUB_ENTRY, {"prefix": "no"}))
        running.cluster.put("endpointslices", slice_of("/user/ann/"))
        running.until(lambda: set(running.routes()) == {"/", "/user/ann/"})
        assert 'hubfleet_route_invalid_total{source="endpointslices"} 1' in running.get("/metrics")[1]

    def test_last_table_stays_while_the_api_server_is_away_and_catches_up_after(self, running: Stage) -> None:
        running.cluster.put("endpointslices", slice_of("/user/ann/"))
        running.until(lambda: "/user/ann/" in running.routes())
        running.cluster.away.set()
        running.until(lambda: "_watch_failures_total" in running.get("/metrics")[1] and _failures(running) > 2)
        running.cluster.delete("endpointslices", "route-user-ann")
        running.cluster.put("endpointslices", slice_of("/user/bob/"))
        assert running.get("/readyz")[0] == 200
        assert set(running.routes()) == {"/", "/user/ann/"}
        running.cluster.away.clear()
        running.until(lambda: set(running.routes()) == {"/", "/user/bob/"}, seconds=15)

    def test_lists_anew_when_the_api_server_has_forgotten_its_place(self, running: Stage) -> None:
        running.cluster.put("endpointslices", slice_of("/user/ann/"))
        running.until(lambda: "/user/ann/" in running.routes())
        lists = running.cluster.lists.count("endpointslices")
        running.cluster.delete("endpointslices", "route-user-ann")
        running.cluster.put("endpointslices", slice_of("/user/bob/"))
        running.cluster.forget()
        running.until(lambda: set(running.routes()) == {"/", "/user/bob/"})
        assert running.cluster.lists.count("endpointslices") > lists

    def test_new_agent_of_the_same_pod_takes_over_the_table_while_the_api_server_is_away(self, running: Stage) -> None:
        running.cluster.put("endpointslices", slice_of("/user/ann/"))
        running.until(lambda: "/user/ann/" in running.routes())
        before = (running.settings.directory / "routes.yml").read_text()
        running.cluster.away.set()
        second = Agent(running.settings, running.api)
        second.start()
        running.until(lambda: second.unready() is None)
        assert (running.settings.directory / "routes.yml").read_text() == before

    def test_not_ready_while_traefik_does_not_take_the_table(self, stage: Stage) -> None:
        stage.traefik.stuck = True
        stage.agent.start()
        stage.until(lambda: stage.get("/readyz")[1].startswith("Traefik does not serve"))
        assert stage.get("/readyz")[0] == 503
        stage.traefik.stuck = False
        stage.until(lambda: stage.get("/readyz")[0] == 200, seconds=15)

    def test_traefik_that_takes_its_time_does_not_take_a_replica_out_of_service(self, running: Stage) -> None:
        running.traefik.stuck = True
        running.cluster.put("endpointslices", slice_of("/user/ann/"))
        running.until(lambda: "hubfleet_route_table_in_force 0" in running.get("/metrics")[1], seconds=15)
        assert running.get("/readyz")[0] == 200
        running.traefik.stuck = False
        running.until(lambda: "hubfleet_route_table_in_force 1" in running.get("/metrics")[1], seconds=15)

    def test_no_half_written_file_is_ever_seen(self, running: Stage) -> None:
        for number in range(20):
            running.cluster.put("endpointslices", slice_of(f"/user/u{number}/"))
            json.loads((running.settings.directory / "routes.yml").read_text())
            time.sleep(0.01)
        assert sorted(path.name for path in running.settings.directory.iterdir() if path.suffix == ".yml") == [
            "routes.yml"
        ]


class TestAnswers:
    @pytest.mark.parametrize("token", [None, "", "wrong", "sésame"])
    @pytest.mark.parametrize("path", ["/routes", "/routes/x"])
    def test_routes_are_told_to_the_hub_alone(self, running: Stage, path: str, token: str | None) -> None:
        assert running.get(path, token)[0] == 403

    def test_new_token_counts_at_once(self, running: Stage) -> None:
        running.token.write_text("another")
        assert running.get("/routes")[0] == 403
        assert running.get("/routes", "another")[0] == 200
        running.token.unlink()
        assert running.get("/routes", "")[0] == 403

    def test_question_for_a_route_waits_until_it_is_served(self, running: Stage) -> None:
        asked = time.monotonic()
        threading.Timer(0.2, running.cluster.put, ("endpointslices", slice_of("/user/ann/"))).start()
        status, body = running.get(f"/routes/{ANN.key}?target={ANN.target}&wait=5")
        assert (status, json.loads(body)) == (200, {"target": ANN.target})
        assert 0.2 < time.monotonic() - asked < 2

    def test_question_for_a_route_that_does_not_come_ends_after_its_time(self, running: Stage) -> None:
        asked = time.monotonic()
        assert running.get(f"/routes/{ANN.key}?target={ANN.target}&wait=0.3")[0] == 404
        assert 0.3 <= time.monotonic() - asked < 2

    def test_old_target_is_told_as_such(self, running: Stage) -> None:
        running.cluster.put("endpointslices", slice_of("/user/ann/"))
        running.until(lambda: "/user/ann/" in running.routes())
        status, body = running.get(f"/routes/{ANN.key}?target=http://10.0.0.9:8888&wait=0.1")
        assert (status, json.loads(body)) == (200, {"target": ANN.target})

    @pytest.mark.parametrize(("path", "status"), [("/routes/x?wait=soon", 400), ("/nothing", 404), ("/", 404)])
    def test_wrong_questions_are_refused(self, running: Stage, path: str, status: int) -> None:
        assert running.get(path)[0] == status

    def test_page_for_a_hub_that_is_away_says_when_to_try_again(self, running: Stage) -> None:
        url = f"http://127.0.0.1:{running.server.server_address[1]}/away"
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(url, timeout=5)
        assert raised.value.code == 503
        assert raised.value.headers["Retry-After"] == "15"
        assert "JupyterHub is away" in raised.value.read().decode()
        raised.value.close()


def _failures(stage: Stage) -> int:
    lines = stage.get("/metrics")[1].splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("hubfleet_route_watch_failures_total{"))
