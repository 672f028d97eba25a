"""A plan as people read it: a line, a table, Markdown. Pure; the printing is done elsewhere."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hubfleet.model import Action, Impact
from hubfleet.plan import MOVING, plan_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from hubfleet.model import Plan, PlannedRelease, Reason

LONGEST_MARKDOWN = 65_536  # characters of a comment on GitHub
_ALWAYS = (Action.UPGRADE, Action.INSTALL, Action.VERIFY, Action.REMOVE)
_SOMETIMES = (Action.BROKEN, Action.UNKNOWN)
_STYLES = {
    Action.INSTALL: "green",
    Action.UPGRADE: "yellow",
    Action.VERIFY: "cyan",
    Action.REMOVE: "magenta",
    Action.BROKEN: "bold red",
    Action.UNKNOWN: "red",
}


def summary(plan: Plan) -> str:
    """Say the whole plan in a line; it begins with `No changes` where nothing is to be done or told."""
    counts = Counter(row.action for row in plan.releases)
    unchanged = counts[Action.UNCHANGED]
    if unchanged == len(plan.releases):
        return f"No changes: {_count(unchanged, 'release')} as the repository says."
    shown = [*_ALWAYS, *(action for action in _SOMETIMES if counts[action])]
    parts = [f"{counts[action]} {'' if action in _SOMETIMES else 'to '}{action}" for action in shown]
    clusters = len({row.id.cluster for row in plan.releases if row.action is not Action.UNCHANGED})
    size = f"({_count(clusters, 'cluster')}, {_count(len(plan.waves), 'wave')})"
    return f"Plan: {', '.join(parts)}, {unchanged} unchanged {size}.{_restarts(plan)}"


def touched(plan: Plan) -> tuple[PlannedRelease, ...]:
    """Return what a person needs to see: what moves first, then what is told only."""
    rows = [row for row in plan.releases if row.action is not Action.UNCHANGED]
    return tuple(sorted(rows, key=lambda row: (row.action not in MOVING, row.wave, row.id)))


def reasons_shown(reasons: Sequence[Reason]) -> str:
    """Write the first path, and how many more there are."""
    if not reasons:
        return ""
    first = reasons[0]
    path = " → ".join(first.path[1:])
    text = f"{path} {first.change}" if path else str(first.change)
    return text if len(reasons) == 1 else f"{text} (+{len(reasons) - 1})"


def plan_view(plan: Plan) -> RenderableType:
    """Show a plan on a terminal."""
    from rich.console import Group  # noqa: PLC0415 - only who shows a plan pays for it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    rows = touched(plan)
    if not rows:
        return Text(summary(plan))
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in ("wave", "release", "action", "impact"):
        table.add_column(column, no_wrap=column != "impact")
    table.add_column("reasons", overflow="fold")
    for row in rows:
        table.add_row(
            str(row.wave or "-"),
            Text(str(row.id)),
            Text(str(row.action), style=_STYLES[row.action]),
            Text("\n".join(row.impact)),
            Text("\n".join(_lines(row))),
        )
    return Group(table, Text(""), Text(summary(plan)), *(Text(line, style="bold red") for line in warnings(plan)))


def warnings(plan: Plan) -> list[str]:
    """Return what a person must know beside the rows."""
    unknown = sorted({row.id.cluster for row in plan.releases if row.action is Action.UNKNOWN})
    incomplete = [f"Not complete: no answer from {', '.join(unknown)}."] if unknown else []
    broken = sum(row.action is Action.BROKEN for row in plan.releases)
    return incomplete + ([f"{_count(broken, 'release')} cannot be deployed as the repository is."] if broken else [])


def to_markdown(plan: Plan) -> str:
    """Write a comment for a pull request: a table, and every reason folded beneath, below GitHub's limit."""
    head = [f"## {summary(plan)}", "", *(f"**{line}**" for line in warnings(plan))]
    rows = touched(plan)
    if not rows:
        return "\n".join([*head[:1], "", _foot(plan), ""])
    table = ["", "| wave | release | action | impact | reasons |", "|---|---|---|---|---|", *map(_row, rows), ""]
    details = [line for row in rows for line in _details(row)]
    return _fitted([*head, *table], details, ["", _foot(plan), ""])


def _fitted(head: list[str], details: list[str], foot: list[str]) -> str:
    """Leave out details, then rows, until the text fits."""
    opening = ["<details><summary>All reasons</summary>", ""]
    closing = ["</details>"]
    cut = ["…", "(cut: plan.json has everything)"]
    text = "\n".join([*head, *opening, *details, *closing, *foot])
    while len(text) > LONGEST_MARKDOWN:
        details = details[: len(details) // 2]
        head = head if details else head[: -max(1, len(head) // 10)]
        text = "\n".join([*head, *opening, *details, *cut, *closing, *foot])
    return text


def _row(row: PlannedRelease) -> str:
    cells = (
        str(row.wave or "-"),
        f"`{row.id}`",
        str(row.action),
        ", ".join(row.impact),
        _lines(row)[0] if _lines(row) else "",
    )
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _details(row: PlannedRelease) -> list[str]:
    """Return the lines beneath a release's row."""
    reasons = [f"- {_cell(' → '.join(reason.path))}: {reason.change}" for reason in row.reasons]
    note = [f"- {_cell(row.note)}"] if row.note else []
    return [f"**{row.id}** ({row.action})", "", *reasons, *note, ""]


def _lines(row: PlannedRelease) -> list[str]:
    """Return what is said of a row's reasons: the reason, what it is needed for, what is remarkable."""
    canary = ["canary"] if row.canary_only else []
    return [line for line in (*canary, reasons_shown(row.reasons), row.note) if line]


def _restarts(plan: Plan) -> str:
    counts = Counter(kind for row in plan.releases for kind in row.impact)
    shown = [
        _count(counts[kind], what)
        for kind, what in ((Impact.RESTARTS_HUB, "hub"), (Impact.RESTARTS_PROXY, "proxy"))
        if counts[kind]
    ]
    return f" Restarts {', '.join(shown)}." if shown else ""


def _count(number: int, noun: str) -> str:
    plural = "proxies" if noun == "proxy" else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|").replace("<", "&lt;")


def _foot(plan: Plan) -> str:
    base = f" {plan.base[:12]}" if plan.base else ""
    dirty = "+dirty" if plan.head.endswith("+dirty") else ""
    return f"Plan `{plan_id(plan)}` against {plan.against}{base}, head `{plan.head[:12]}{dirty}`."
