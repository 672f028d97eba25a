"""Routes as the hub writes them: objects and back; no network."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hubfleet_proxy.routes import Route, address_of, entry_of, pod_of, routes_of, slice_of
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from route_agent.routes import from_entry, from_slice
from tests.unit.proxy_world import ANN, pod_at


class TestObjects:
    @pytest.mark.parametrize(
        ("target", "address_type", "addresses", "port"),
        [
            ("http://10.0.0.7:8888", "IPv4", ["10.0.0.7"], {"port": 8888, "appProtocol": "http"}),
            ("https://10.0.0.7", "IPv4", ["10.0.0.7"], {"port": 443, "appProtocol": "https"}),
            ("http://[fd00::7]:80", "IPv6", ["fd00::7"], {"port": 80, "appProtocol": "http"}),
        ],
    )
    def test_slice_leads_to_the_pod_and_goes_with_it(
        self, target: str, address_type: str, addresses: list[str], port: dict[str, Any]
    ) -> None:
        made = slice_of(Route("/user/ann/", target, ANN), pod_at(addresses[0]))
        assert (made["addressType"], made["endpoints"][0]["addresses"]) == (address_type, addresses)
        assert port.items() <= made["ports"][0].items()
        (owner,) = made["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("Pod", "jupyter-ann", "uid-of-jupyter-ann")

    def test_slice_is_none_of_a_services_and_hidden_from_kube_proxy(self) -> None:
        labels = slice_of(Route("/user/ann/", "http://10.0.0.7:8888", ANN), pod_at("10.0.0.7"))["metadata"]["labels"]
        assert labels["hubfleet/route"] == "true"
        assert "service.kubernetes.io/headless" in labels
        assert "kubernetes.io/service-name" not in labels

    @pytest.mark.parametrize(
        ("pods", "name"),
        [
            ([], None),
            ([pod_at("10.0.0.7")], "jupyter-ann"),
            ([pod_at("10.0.0.7", spec={"hostNetwork": True})], None),
            ([pod_at("10.0.0.7", status={"phase": "Succeeded"}), pod_at("10.0.0.7", "jupyter-bob")], "jupyter-bob"),
            ([pod_at("10.0.0.7", "a"), pod_at("10.0.0.7", "b")], None),
        ],
    )
    def test_pod_of_an_address(self, pods: list[dict[str, Any]], name: str | None) -> None:
        found = pod_of(pods)
        assert (found and found["metadata"]["name"]) == name

    @pytest.mark.parametrize(
        ("target", "address"),
        [
            ("http://10.0.0.7:8888", "10.0.0.7"),
            ("http://[fd00::7]:8888", "fd00::7"),
            ("http://hub:8081", None),
            ("http://svc.ns.svc.cluster.local:80", None),
            ("http://1234:80", None),
        ],
    )
    def test_address_of_a_target(self, target: str, address: str | None) -> None:
        assert address_of(target) == address

    @given(
        path=st.lists(st.text("abc-%40.@~é ", min_size=1), max_size=3),
        host=st.sampled_from(["", "hub.example", "ann.hub.example:8000"]),
        target=st.sampled_from(["http://10.0.0.7:8888", "https://10.0.0.7:1", "http://[fd00::7]:80"]),
        data=st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.booleans(), max_size=3),
    )
    @hypothesis_settings(deadline=None)
    def test_both_kinds_of_object_give_back_the_route_and_the_agent_reads_the_same(
        self, path: list[str], host: str, target: str, data: dict[str, Any]
    ) -> None:
        route = Route(f"{host}/{''.join(f'{part}/' for part in path)}", target, data)
        entry, slice_ = entry_of(route), json.loads(json.dumps(slice_of(route, pod_at("10.0.0.7"))))
        assert list(routes_of([slice_], {"x": entry})) == [route, route]
        for read in (from_slice(slice_), from_entry(entry)):
            assert (read.key, read.host, read.prefix) == (route.key, route.host or "", route.prefix)
            assert read.target == route.target

    def test_what_is_no_route_is_left_out(self) -> None:
        slice_ = slice_of(Route("/user/ann/", "http://10.0.0.7:8888", ANN), pod_at("10.0.0.7"))
        slice_["metadata"]["annotations"] = {"hubfleet/route": "{"}
        bare = {"metadata": {"name": "x"}}
        assert list(routes_of([slice_, bare], {"a": "{", "b": "[]", "c": "{}", "d": '{"prefix": "/"}'})) == []

    def test_slice_that_lost_its_endpoint_is_told_with_another_target_so_that_it_is_mended(self) -> None:
        slice_ = slice_of(Route("/user/ann/", "http://10.0.0.7:8888", ANN), pod_at("10.0.0.7"))
        slice_["endpoints"] = None
        (route,) = routes_of([slice_], {})
        assert route.target != "http://10.0.0.7:8888"
