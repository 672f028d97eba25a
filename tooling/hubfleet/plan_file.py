"""plan.json, both ways: the form in which a plan is kept, published and handed to a deploy.

Its JSON Schema, docs/reference/plan.schema.json, is generated from the models below.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hubfleet.errors import ProblemsError
from hubfleet.model import (
    Action,
    Difference,
    GateResult,
    Impact,
    Live,
    Plan,
    PlannedRelease,
    Problem,
    Reason,
    ReleaseId,
    Stage,
)
from hubfleet.parsing import expectation
from hubfleet.plan import plan_id

FORMAT_VERSION: Literal[1] = 1
SCHEMA_COMMAND = (
    "python -c 'from hubfleet.plan_file import schema; print(schema(), end=\"\")' > docs/reference/plan.schema.json"
)


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, defer_build=True
    )  # who writes a plan need not pay for reading


class LivePart(_Part):
    """What ran when the plan was made."""

    revision: int = Field(ge=0, description="Helm's revision; 0 where the release is absent")
    status: str = Field(description="Helm's status, or absent")
    digest: str | None = Field(description="digest of the inputs of the last recorded deploy")
    commit: str | None
    recorded_revision: int | None
    gate: GateResult


class ReasonPart(_Part):
    """Why a release is in the plan."""

    path: list[str] = Field(min_length=1, description="from the release to the file, argument or state that differs")
    change: Difference


class ReleasePart(_Part):
    """One release."""

    cluster: str
    name: str
    stage: Stage
    action: Action
    wave: int = Field(ge=0, description="from 1; 0 for what a deploy does not touch")
    canary: list[str] = Field(description="what must pass before it, as cluster/name")
    canary_only: bool = Field(description="whether it is here only because another release needs it")
    impact: list[Impact]
    digest: str
    live: LivePart | None
    reasons: list[ReasonPart]
    note: str


class PlanPart(_Part):
    """The whole file."""

    format_version: Literal[1]
    id: str = Field(description="digest of everything that matters to a deploy")
    has_changes: bool
    complete: bool = Field(description="false where a cluster could not be asked")
    against: Literal["live", "git", "nothing"]
    base: str | None
    head: str
    selection: list[str]
    releases: list[ReleasePart]


def plan_to_json(plan: Plan) -> str:
    """Write a plan; the same plan gives the same bytes."""
    document = {
        "format_version": FORMAT_VERSION,
        "id": plan_id(plan),
        "has_changes": plan.has_changes,
        "complete": plan.complete,
        "against": plan.against,
        "base": plan.base,
        "head": plan.head,
        "selection": plan.selection,
        "releases": [_release_part(row) for row in plan.releases],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def plan_from_json(text: str, file: str = "plan.json") -> Plan:
    """Read a plan; ProblemsError where it is damaged, of another format, or changed by hand."""
    hint = "Make the plan again: hubfleet plan"
    try:
        part = PlanPart.model_validate_json(text)
    except ValidationError as error:
        raise ProblemsError(
            Problem(file, 0, ".".join(map(str, each["loc"])), *expectation(each)[:2], hint) for each in error.errors()
        ) from error
    plan = Plan(
        against=part.against,
        base=part.base,
        head=part.head,
        releases=tuple(_release(row) for row in part.releases),
        complete=part.complete,
        selection=tuple(part.selection),
    )
    if plan_id(plan) != part.id:
        raise ProblemsError([Problem(file, 0, "id", f"{plan_id(plan)}, as its content says", part.id, hint)])
    return plan


def schema() -> str:
    """Return the JSON Schema of the file."""
    value: dict[str, Any] = PlanPart.model_json_schema(mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"Generated: {SCHEMA_COMMAND}",
        "title": "A plan of Hubfleet",
    }
    return json.dumps({**head, **{key: item for key, item in value.items() if key != "title"}}, indent=2) + "\n"


def _release_part(row: PlannedRelease) -> dict[str, object]:
    return {
        "cluster": row.id.cluster,
        "name": row.id.name,
        "stage": row.stage,
        "action": row.action,
        "wave": row.wave,
        "canary": [str(canary) for canary in row.canaries],
        "canary_only": row.canary_only,
        "impact": row.impact,
        "digest": row.digest,
        "live": asdict(row.live) if row.live else None,
        "reasons": [asdict(reason) for reason in row.reasons],
        "note": row.note,
    }


def _release(part: ReleasePart) -> PlannedRelease:
    return PlannedRelease(
        id=ReleaseId(part.cluster, part.name),
        stage=part.stage,
        action=part.action,
        wave=part.wave,
        canaries=tuple(ReleaseId.parse(canary) for canary in part.canary),
        canary_only=part.canary_only,
        impact=tuple(part.impact),
        digest=part.digest,
        live=Live(**part.live.model_dump()) if part.live else None,
        reasons=tuple(Reason(tuple(reason.path), reason.change) for reason in part.reasons),
        note=part.note,
    )
