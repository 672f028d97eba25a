"""What the route agent reads from objects and writes for Traefik; no process, no network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from route_agent.routes import Route, from_entry, from_slice
from route_agent.table import Table
from route_agent.traefik import configuration, key_of, marker_of, name_of, rule
from tests.unit.route_agent_stage import ANN, HUB, HUB_ENTRY, slice_of

if TYPE_CHECKING:
    from collections.abc import Callable


class TestReading:
    @pytest.mark.parametrize(
        ("slice_", "target"),
        [
            (slice_of("/user/ann/"), "http://10.0.0.7:8888"),
            (slice_of("/user/ann/", appProtocol="https"), "https://10.0.0.7:8888"),
            (slice_of("/user/ann/", "fd00::7"), "http://[fd00::7]:8888"),
        ],
    )
    def test_slice_is_a_route_to_its_endpoint_ready_or_not(self, slice_: dict[str, Any], target: str) -> None:
        assert from_slice(slice_) == Route("/user/ann/", "", target)

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda s: s["metadata"].pop("annotations"),
            lambda s: s["metadata"]["annotations"].update({"hubfleet/route": "{"}),
            lambda s: s["metadata"]["annotations"].update({"hubfleet/route": "[]"}),
            lambda s: s["metadata"]["annotations"].update({"hubfleet/route": '{"prefix": "user/ann/"}'}),
            lambda s: s["metadata"]["annotations"].update({"hubfleet/route": '{"prefix": "/x/", "host": 1}'}),
            lambda s: s.update(endpoints=[]),
            lambda s: s.update(endpoints=None),
            lambda s: s.update(ports=[{}]),
        ],
    )
    def test_what_is_no_route_is_refused(self, spoil: Callable[[dict[str, Any]], object]) -> None:
        slice_ = slice_of("/user/ann/")
        spoil(slice_)
        with pytest.raises(ValueError, match=r"not a route|expected|Expecting"):
            from_slice(slice_)

    def test_entry_says_its_target(self) -> None:
        assert from_entry(json.dumps(HUB_ENTRY)) == HUB

    @pytest.mark.parametrize(
        "target",
        ["file:///etc/passwd", "hub:8081", "http://x/{{.}}", "http://x/😀", "http://x y", "http://x\n", None, 7],
    )
    def test_entry_without_a_web_address_is_refused(self, target: object) -> None:
        with pytest.raises(ValueError, match="target URL"):
            from_entry(json.dumps({**HUB_ENTRY, "target": target}))

    def test_key_is_the_one_that_the_hub_asks_for(self) -> None:
        assert HUB.key == "8a5edab282632443219e051e4ade2d1d"
        assert Route("/user/ann/", "ann.hub.example", "").key != ANN.key


class TestRules:
    @pytest.mark.parametrize(
        ("prefix", "host", "expected"),
        [
            ("/", "", 'PathPrefix("/")'),
            ("/user/ann/", "", 'Path("/user/ann") || PathPrefix("/user/ann/")'),
            ("/user/j%C3%B6rg/", "", r'Path("/user/j\u00f6rg") || PathPrefix("/user/j\u00f6rg/")'),
            ("/user/a@b/", "", 'PathRegexp("^/user/a(?:@|%40)b(?:/|$)")'),
            ("/user/a%2fb/", "", 'Path("/user/a%2Fb") || PathPrefix("/user/a%2Fb/")'),
            ("/user/%22%60%7B%7B/", "", r'Path("/user/\x22\x60\x7b\x7b") || PathPrefix("/user/\x22\x60\x7b\x7b/")'),
            ("/user/%F0%9F%98%80/", "", r'Path("/user/\U0001f600") || PathPrefix("/user/\U0001f600/")'),
            ("/user/%ff/", "", r'Path("/user/\xff") || PathPrefix("/user/\xff/")'),
            ("/user/ann/", "hub.x:80", 'Host("hub.x") && (Path("/user/ann") || PathPrefix("/user/ann/"))'),
            (
                "/user/a.b(1)+!x/",
                "",
                r'PathRegexp("^/user/a\x5c.b(?:\x5c(|%28)1(?:\x5c)|%29)(?:\x5c+|%2B)(?:!|%21)x(?:/|$)")',
            ),
        ],
    )
    def test_rule_of_a_prefix(self, prefix: str, host: str, expected: str) -> None:
        assert rule(Route(prefix, host, "http://x")) == expected

    def test_hub_route_leaves_the_metrics_out_and_has_a_page_for_its_absence(self) -> None:
        http = configuration([HUB], base_url="/base/", agent_url="http://127.0.0.1:8001")["http"]
        router = http["routers"][name_of(HUB.key)]
        assert router["rule"] == '(PathPrefix("/")) && !PathPrefix("/base/hub/metrics")'
        assert http["middlewares"][router["middlewares"][0]]["errors"]["statusRewrites"] == {"502": 503, "504": 503}

    def test_longer_prefix_goes_first_and_a_host_before_none(self) -> None:
        hosted = Route("/", "ann.hub.example", "http://10.0.0.9:8888")
        http = configuration([HUB, ANN, hosted], base_url="/", agent_url="http://a")["http"]
        priority = {key_of(name): router["priority"] for name, router in http["routers"].items()}
        assert priority[HUB.key] < priority[ANN.key] < priority[hosted.key]

    def test_page_for_a_hub_that_is_away_stands_in_until_there_is_a_hub_route(self) -> None:
        assert "hub-away" in configuration([ANN], base_url="/", agent_url="http://a")["http"]["routers"]
        assert "hub-away" not in configuration([HUB], base_url="/", agent_url="http://a")["http"]["routers"]

    def test_marker_tells_tables_apart(self) -> None:
        one, same, other = (
            marker_of(configuration(routes, base_url="/", agent_url="http://a"))
            for routes in ([HUB, ANN], [ANN, HUB], [HUB])
        )
        assert one == same != other

    @settings(deadline=None)  # a machine that does other things besides is no defect
    @given(name=st.text(min_size=1).filter(lambda name: "/" not in name), host=st.sampled_from(["", "h.example"]))
    def test_no_name_leaves_its_quotes_or_becomes_a_template(self, name: str, host: str) -> None:
        text = rule(Route(f"/user/{name}/", host, "http://x"))
        literals = text.split('"')[1::2]
        outside = "".join(text.split('"')[::2])
        assert "{{" not in json.dumps(
            configuration([Route(f"/u/{name}/", host, "http://x")], base_url="/", agent_url="")
        )
        assert not any("`" in literal or "{" in literal for literal in literals)
        assert text.isascii()
        assert text.isprintable()
        for word in ("Host", "PathPrefix", "PathRegexp", "Path", "(", ")", "||", "&&", " "):
            outside = outside.replace(word, "")
        assert outside == ""


class TestTable:
    def test_nothing_is_told_before_every_source_is_listed(self) -> None:
        table = Table(("one", "two"))
        table.replace("one", {"a": (ANN,)})
        assert not table.complete
        assert table.wait(0, timeout=0.01) == 0
        table.replace("two", {})
        assert table.wait(0, timeout=0.01) > 0

    def test_new_list_drops_what_is_not_on_it(self) -> None:
        table = Table(("one",))
        table.replace("one", {"a": (ANN,), "h": (HUB,)})
        table.replace("one", {"h": (HUB,)})
        assert table.routes()[1] == [HUB]

    def test_same_again_is_no_change(self) -> None:
        table = Table(("one",))
        table.replace("one", {"a": (ANN,)})
        version = table.routes()[0]
        table.put("one", "a", (ANN,))
        table.put("one", "unknown", ())
        table.replace("one", {"a": (ANN,)})
        assert table.routes()[0] == version

    def test_later_source_counts_where_two_have_the_same_prefix(self) -> None:
        table = Table(("entries", "slices"))
        table.replace("slices", {"a": (ANN,)})
        table.replace("entries", {"a": (Route("/user/ann/", "", "http://elsewhere"),)})
        assert table.routes()[1] == [ANN]
