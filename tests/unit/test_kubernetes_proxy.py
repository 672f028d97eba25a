"""The hub's proxy class: real JupyterHub class and Kubernetes client, a fake API server and fake route agents."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hubfleet_proxy import KubernetesProxy
from hubfleet_proxy.routes import Route, slice_name, slice_of
from kubernetes_asyncio.client import ApiException
from tests.unit.proxy_world import ANN, HUB, TOKEN, FakeAgent, World, hub_with, play, pod_at, told


class TestRoutes:
    def test_starts_no_proxy(self) -> None:
        assert KubernetesProxy().should_start is False

    def test_route_to_a_pod_becomes_a_slice_that_the_pod_owns(self) -> None:
        async def story(world: World) -> None:
            world.api.pods = [pod_at("10.0.0.7"), pod_at("10.0.0.8", "jupyter-bob")]
            await world.proxy.add_route("/user/ann/", "http://10.0.0.7:8888", ANN)
            assert await world.proxy.get_all_routes() == told("/user/ann/", "http://10.0.0.7:8888", ANN)

        (slice_,) = play(story).api.slices.values()
        assert slice_["metadata"]["ownerReferences"][0]["name"] == "jupyter-ann"

    @pytest.mark.parametrize(
        ("routespec", "target", "data"),
        [
            HUB,
            ("/services/x/", "http://x.example", {"service": "x"}),
            ("/services/y/", "http://192.0.2.1:80", {"service": "y"}),
        ],
    )
    def test_any_other_route_becomes_an_entry(self, routespec: str, target: str, data: dict[str, Any]) -> None:
        async def story(world: World) -> None:
            await world.proxy.add_route(routespec, target, data)
            assert await world.proxy.get_all_routes() == told(routespec, target, data)

        world = play(story)
        assert world.api.slices == {}
        assert len(world.api.config_map or {}) == 1

    def test_route_of_the_hub_outlives_its_pod(self) -> None:
        async def story(world: World) -> None:
            world.api.pods = [pod_at("10.0.0.2", "hub")]
            await world.proxy.add_route("/", "http://10.0.0.2:8081", {"hub": True})

        assert play(story).api.slices == {}

    def test_config_map_is_made_where_it_is_missing(self) -> None:
        async def story(world: World) -> None:
            world.api.config_map = None
            assert await world.proxy.get_all_routes() == {}
            await world.proxy.delete_route("/user/ann/")
            await world.proxy.add_route(*HUB)
            assert await world.proxy.get_all_routes() == told(*HUB)

        play(story)

    def test_new_pod_of_the_same_person_takes_the_route_over(self) -> None:
        async def story(world: World) -> None:
            for address, uid in (("10.0.0.7", "old"), ("10.0.0.8", "new"), ("fd00::8", "newest")):
                host = f"[{address}]" if ":" in address else address
                world.api.pods = [pod_at(address, metadata={"uid": uid})]
                await world.proxy.add_route("/user/ann/", f"http://{host}:8888", ANN)
                (slice_,) = world.api.slices.values()
                assert slice_["metadata"]["ownerReferences"][0]["uid"] == uid
                assert await world.proxy.get_all_routes() == told("/user/ann/", f"http://{host}:8888", ANN)

        play(story)

    def test_route_that_moves_between_pod_and_elsewhere_stands_in_one_place(self) -> None:
        async def story(world: World) -> None:
            world.api.pods = [pod_at("10.0.0.7")]
            for target in ("http://10.0.0.7:8888", "http://elsewhere:80", "http://10.0.0.7:8888"):
                await world.proxy.add_route("/user/ann/", target, ANN)
                assert len(world.api.slices) + len(world.api.config_map or {}) == 1
                assert await world.proxy.get_all_routes() == told("/user/ann/", target, ANN)

        play(story)

    @pytest.mark.parametrize("target", ["http://10.0.0.7:8888", "http://elsewhere:80"])
    def test_deleted_route_is_gone_and_may_be_deleted_again(self, target: str) -> None:
        async def story(world: World) -> None:
            world.api.pods = [pod_at("10.0.0.7")]
            await world.proxy.add_route("/user/ann/", target, ANN)
            for _ in range(2):
                await world.proxy.delete_route("/user/ann/")
                assert await world.proxy.get_all_routes() == {}

        play(story)

    def test_odd_names_named_servers_and_base_urls_are_routes_like_others(self) -> None:
        specs = ["/base/user/j%C3%B6rg@x.y/", "/user/ann/my%20server/", "/user/a%2Fb/", "/user/" + "u" * 300 + "/"]

        async def story(world: World) -> None:
            world.api.pods = [pod_at("10.0.0.7")]
            for spec in specs:
                await world.proxy.add_route(spec, "http://10.0.0.7:8888", ANN)
            assert set(await world.proxy.get_all_routes()) == set(specs)

        assert all(len(name) < 63 for name in play(story).api.slices)

    def test_hosts_are_kept_where_the_hub_routes_by_host(self) -> None:
        async def story(world: World) -> None:
            world.api.pods = [pod_at("10.0.0.7")]
            await world.proxy.add_route("ann.hub.example/user/ann/", "http://10.0.0.7:8888", ANN)
            assert set(await world.proxy.get_all_routes()) == {"ann.hub.example/user/ann/"}
            with pytest.raises(ValueError, match="host-routing"):
                await world.proxy.add_route("/user/ann/", "http://10.0.0.7:8888", ANN)

        play(story, host_routing=True)

    def test_thousands_of_routes_come_page_by_page(self) -> None:
        async def story(world: World) -> None:
            routes = [Route(f"/user/u{number}/", "http://10.0.0.7:8888", ANN) for number in range(1200)]
            world.api.slices = {slice_name(route.key): slice_of(route, pod_at("10.0.0.7")) for route in routes}
            assert len(await world.proxy.get_all_routes()) == 1200

        assert sorted(play(story).api.calls) == ["GET configmaps/proxy-routes", *["GET endpointslices"] * 3]

    def test_check_at_start_leaves_right_routes_alone(self) -> None:
        async def story(world: World) -> None:
            users = hub_with(world, ann="http://10.0.0.7:8888")
            await world.proxy.check_routes(users, {})
            world.api.calls.clear()
            await world.proxy.check_routes(users, {})

        assert sorted(play(story).api.calls) == ["GET configmaps/proxy-routes", "GET endpointslices"]

    def test_check_at_start_mends_what_is_wrong_missing_or_stale(self) -> None:
        async def story(world: World) -> None:
            users = hub_with(world, ann="http://10.0.0.7:8888", bob="http://10.0.0.8:8888")
            await world.proxy.add_route("/user/ann/", "http://10.0.0.9:8888", ANN)
            await world.proxy.add_route("/user/zoe/", "http://10.0.0.9:8888", {"user": "zoe", "server_name": ""})
            await world.proxy.check_routes(users, {})
            found = {spec: route["target"] for spec, route in (await world.proxy.get_all_routes()).items()}
            right = {"/user/ann/": "http://10.0.0.7:8888", "/user/bob/": "http://10.0.0.8:8888"}
            assert found == {"/": "http://hub:8081", **right}

        play(story)


class TestFailures:
    def test_tries_again_while_the_api_server_does_not_answer(self) -> None:
        async def story(world: World) -> None:
            world.api.failing = 3
            await world.proxy.add_route(*HUB)
            world.api.failing = 2
            assert await world.proxy.get_all_routes() == told(*HUB)

        play(story)

    def test_tries_again_where_the_api_server_hangs_up(self) -> None:
        async def story(world: World) -> None:
            world.api.dropping = 2
            await world.proxy.add_route(*HUB)
            assert await world.proxy.get_all_routes() == told(*HUB)

        play(story)

    def test_gives_up_after_its_time(self) -> None:
        async def story(world: World) -> None:
            world.api.failing = 1000
            with pytest.raises(TimeoutError):
                await world.proxy.add_route(*HUB)

        play(story, api_timeout=0.5)

    def test_refusal_is_told_at_once(self) -> None:
        async def story(world: World) -> None:
            world.api.forbidden = True
            with pytest.raises(ApiException, match="may not"):
                await world.proxy.add_route(*HUB)

        assert len(play(story).api.calls) == 1


class TestAcknowledgement:
    def test_waits_until_every_ready_replica_serves_the_route(self) -> None:
        async def story(world: World) -> None:
            quick, slow = FakeAgent(), FakeAgent(delay=0.4)
            async with world.agent(quick, "127.0.0.1"), world.agent(slow, "127.0.0.2"):
                begin = time.monotonic()
                await world.proxy.add_route(*HUB)
                assert 0.4 <= time.monotonic() - begin < 2
            assert quick.asked == slow.asked == [Route(*HUB).key]
            assert quick.tokens == {f"Bearer {TOKEN}"}

        play(story)

    @pytest.mark.parametrize("lame", [FakeAgent(delay=60), FakeAgent(target="http://10.0.0.1:1")])
    def test_replica_that_does_not_keep_up_is_waited_for_once_and_then_no_longer(self, lame: FakeAgent) -> None:
        async def story(world: World) -> None:
            async with world.agent(FakeAgent(), "127.0.0.1") as good, world.agent(lame, "127.0.0.2"):
                begin = time.monotonic()
                await world.proxy.add_route(*HUB)
                assert time.monotonic() - begin < 2
                again = time.monotonic()
                await world.proxy.add_route("/services/x/", "http://x", {"service": "x"})
                assert time.monotonic() - again < 0.3
                assert len(good.asked) == 2
                assert len(lame.asked) == 1

        play(story, acknowledge_timeout=0.3)

    def test_replica_that_is_gone_does_not_hold_up_a_route(self) -> None:
        async def story(world: World) -> None:
            world.api.agents = ["127.0.0.5"]
            begin = time.monotonic()
            await world.proxy.add_route(*HUB)
            assert time.monotonic() - begin < 1
            assert await world.proxy.get_all_routes() == told(*HUB)

        play(story)

    def test_route_stands_where_no_proxy_is_ready(self) -> None:
        async def story(world: World) -> None:
            await world.proxy.add_route(*HUB)
            assert await world.proxy.get_all_routes() == told(*HUB)

        play(story)
