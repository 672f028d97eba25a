"""Which releases an edit plans, on a fleet whose everything is deployed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.fleet import Fleet

BOTH = {"staging": "upgrade", "prod": "upgrade"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "\nA new line.\n"),
        ("docs/index.md", "\nA new line.\n"),
        ("charts/jupyterhub-base/README.md", "\nA new line.\n"),
        ("hubs/NAME/prod.values.yaml", "\n# A comment.\n"),
        ("hubs/NAME/common.values.yaml", "\n# A comment.\n"),
        ("hubs/NAME/cluster.yaml", "\n# A comment.\n"),
        ("charts/jupyterhub-base/values.yaml", "\n# A comment.\n"),
    ],
)
def test_an_edit_that_means_nothing_plans_nothing(edited: Fleet, name: str, text: str) -> None:
    edited.append(name, text)
    assert edited.planned() == {}


def test_a_setting_of_production_plans_production_and_verifies_its_canary(edited: Fleet) -> None:
    edited.replace("hubs/NAME/prod.values.yaml", "timeout: 3600", "timeout: 5400")
    assert edited.planned() == {"staging": "verify", "prod": "upgrade"}


def test_a_setting_of_staging_plans_staging_alone(edited: Fleet) -> None:
    edited.replace("hubs/NAME/staging.values.yaml", "timeout: 1800", "timeout: 900")
    assert edited.planned() == {"staging": "upgrade"}


def test_a_setting_that_hubs_share_plans_both(edited: Fleet) -> None:
    edited.replace("hubs/NAME/common.values.yaml", "guarantee: 0.05", "guarantee: 0.06")
    assert edited.planned() == BOTH


def test_a_setting_of_support_plans_support_alone(edited: Fleet) -> None:
    edited.replace("hubs/NAME/support.values.yaml", "scrapeInterval: 15s", "scrapeInterval: 20s")
    assert edited.planned() == {"support": "upgrade"}


def test_a_template_of_the_base_chart_plans_both_hubs_and_not_support(edited: Fleet) -> None:
    template = edited.path("charts/jupyterhub-base/templates/hub/service.yaml")
    text = re.sub(r"(?m)^  labels:$", "  labels:\n    example.org/edited: yes-it-is", template.read_text(), count=1)
    assert text != template.read_text()
    template.write_text(text)
    assert edited.planned() == BOTH


@pytest.mark.parametrize("image", ["hub", "singleuser", "route-agent"])
def test_an_image_plans_both_hubs_though_it_is_not_committed(edited: Fleet, image: str) -> None:
    edited.append(f"images/{image}/Dockerfile", "LABEL org.example.edited=yes\n")
    assert edited.planned() == BOTH


def test_what_a_plan_says_is_the_path_from_the_release_to_the_file(edited: Fleet) -> None:
    edited.replace("hubs/NAME/prod.values.yaml", "timeout: 3600", "timeout: 5400")
    said = edited.hubfleet("plan").expect().said
    assert "hubs/test/prod.values.yaml" in said
    (row,) = (row for row in edited.plan()["releases"] if row["name"] == "prod")
    assert [reason["path"][-1] for reason in row["reasons"]] == ["hubs/test/prod.values.yaml"]
    assert row["live"]["gate"] == "passed"


def test_every_mistake_is_told_at_once_with_its_place(edited: Fleet) -> None:
    edited.replace("hubs/NAME/cluster.yaml", "stage: production", "stage: productoin")
    edited.replace("hubs/NAME/cluster.yaml", "display_name: Production", "displayname: Production")
    edited.append("hubs/NAME/staging.values.yaml", "singelUser: {}\n")
    said = edited.hubfleet("plan").expect(1).said
    text = edited.path("hubs/NAME/cluster.yaml").read_text().splitlines()
    for word in ("productoin", "displayname: Production"):
        line = 1 + next(number for number, line in enumerate(text) if line.endswith(word))
        assert f"hubs/test/cluster.yaml:{line}" in said, said
    assert re.search(r"hubs/test/staging\.values\.yaml:\d+.*singelUser", said), said
    assert "Traceback" not in said
    assert not (edited.root / "build" / "plan" / "plan.json").exists()
