"""A health check by itself: of a hub that exists, on a cluster that exists."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.unit.fakes import FakeReporter
from tests.unit.test_plan_request import root  # noqa: F401 - a fixture

from hubfleet.errors import ClusterUnreachableError, UsageError
from hubfleet.proving import prove
from hubfleet.wiring import Workspace

if TYPE_CHECKING:
    from pathlib import Path


def check(folder: Path, name: str) -> str:
    async def work() -> str:
        async with Workspace(folder, FakeReporter()) as workspace:
            return await prove(workspace, name, None, None, lambda _: None)

    return asyncio.run(work())


@pytest.mark.parametrize("name", ["one/nobody", "one", "one/prod/x", ""])
def test_a_name_that_is_none_is_answered_with_those_that_are(root: Path, name: str) -> None:  # noqa: F811
    with pytest.raises(UsageError, match=r"is no release; there are .*one/prod"):
        check(root, name)


def test_a_cluster_that_nothing_leads_to_is_said(root: Path) -> None:  # noqa: F811
    with pytest.raises(ClusterUnreachableError, match=r"kubeconfig\.yaml does not exist"):
        check(root, "one-two/prod")
