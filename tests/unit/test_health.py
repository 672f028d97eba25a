"""A health check proves a hub as a person would, says which step failed, and cleans up whatever happens."""

from __future__ import annotations

import copy

import pytest
from tests.unit.fakes import FakeClock, FakeHub

from hubfleet import health, kernel
from hubfleet.errors import GateError
from hubfleet.health import Form, Reply, ServiceToken

FORM = Form("hubfleet-gate", "secret")
TOKEN = ServiceToken("service-token")


def check(hub: FakeHub, login: Form | ServiceToken = FORM, cell: kernel.Cell = kernel.PROOF) -> health.Proof:
    return hub.clock.run(health.check(hub, login, cell, hub.clock))


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub(FakeClock())


def test_a_person_logs_in_starts_runs_and_stops(hub: FakeHub) -> None:
    proof = check(hub)
    assert str(proof) == "logged in by form as hubfleet-gate, server up in 4 s, the cell ran"
    assert proof.output == "42\n"
    assert not hub.runs


def test_the_service_makes_its_user_a_token_and_takes_it_back(hub: FakeHub) -> None:
    proof = check(hub, TOKEN)
    assert proof.way == "signed in by the service hubfleet-gate as hubfleet-gate"
    assert "POST /hub/login" not in hub.requests
    assert (hub.tokens, hub.runs) == (0, False)


def test_an_ingress_that_has_not_heard_of_the_hub_yet_is_waited_for(hub: FakeHub) -> None:
    hub.unready = [Reply(404, "404 page not found"), Reply(503, ""), Reply(502, "")]
    check(hub)
    assert hub.requests.count("GET /hub/login") == 4


def test_a_server_that_an_earlier_check_left_is_stopped_first(hub: FakeHub) -> None:
    hub.start()
    check(hub)
    assert hub.requests.count("DELETE /hub/api/users/hubfleet-gate/server") == 2


def test_a_full_cluster_is_waited_for(hub: FakeHub) -> None:
    hub.failures = ["[Warning] 0/2 nodes are available: 2 Insufficient memory", "FailedScheduling"]
    check(hub)
    assert hub.requests.count("POST /hub/api/users/hubfleet-gate/server") == 3


@pytest.mark.parametrize("login", [FORM, TOKEN])
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"failures": ["ImagePullBackOff: no such image"]}, "did not start: ImagePullBackOff: no such image"),
        ({"error": ("NameError", "x is not defined")}, "the cell raised NameError: x is not defined"),
        ({"output": "41\n"}, "the cell printed '41', expected '42'"),
        ({"kernel_status": 500}, "the server starts no kernel: status 500"),
        ({"spawn_seconds": 9999.0}, "did not start: not ready after 600 s"),
    ],
)
def test_a_fault_fails_the_check_and_nothing_is_left(
    hub: FakeHub, login: Form | ServiceToken, fault: dict[str, object], said: str
) -> None:
    for name, value in copy.deepcopy(fault).items():
        setattr(hub, name, value)
    with pytest.raises(GateError, match=said):
        check(hub, login)
    assert (hub.runs, hub.tokens) == (False, 0)


@pytest.mark.parametrize(
    ("fault", "login", "said"),
    [
        ({"password": "another"}, FORM, "the login of hubfleet-gate was refused: /hub/login answers 403"),
        ({"form": False}, FORM, "shows no login form; leave `gate.credentials` out"),
        ({"token": "another"}, TOKEN, "may not make its user: status 403"),
        ({"unready": [Reply(404, "")] * 999}, FORM, "does not answer within 90 s: /hub/login answers 404"),
    ],
)
def test_a_closed_door_is_named(hub: FakeHub, fault: dict[str, object], login: Form | ServiceToken, said: str) -> None:
    for name, value in copy.deepcopy(fault).items():
        setattr(hub, name, value)
    with pytest.raises(GateError, match=said):
        check(hub, login)


def test_no_password_and_no_token_stands_in_a_message(hub: FakeHub) -> None:
    hub.password = "another"  # noqa: S105 - of a test
    with pytest.raises(GateError) as raised:
        check(hub)
    assert "secret" not in str(raised.value)
