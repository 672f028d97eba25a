"""Fixtures of the chart tests."""

from __future__ import annotations

import pytest
from tests.charts.rendering import helm


@pytest.fixture(scope="session", autouse=True)
def _helm_is_there() -> None:
    helm()
