"""What `plan` was asked for, and the way from there to a plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hubfleet.checks import check
from hubfleet.errors import ProblemsError
from hubfleet.planning import plan_against_git, plan_against_live, plan_against_nothing

if TYPE_CHECKING:
    from hubfleet.model import Plan
    from hubfleet.wiring import Workspace


@dataclass(frozen=True, slots=True)
class Request:
    """What `plan` was asked for."""

    against: str  # live | git | nothing
    base: str | None
    head: str | None
    only: tuple[str, ...]
    render: bool

    async def plan(self, workspace: Workspace) -> Plan:
        """Make the plan. ProblemsError where the repository is not sound."""
        config, head = workspace.config, await workspace.tree(self.head)
        if problems := check(head, config).problems:
            raise ProblemsError(problems)
        tools = await workspace.tools(render=self.render)
        if self.against == "git":
            base = await workspace.tree(self.base or await workspace.default_base())
            return await plan_against_git(head, base, config, tools, selection=self.only)
        if self.against == "nothing":
            return await plan_against_nothing(head, config, tools, selection=self.only)
        return await plan_against_live(
            head,
            config,
            tools,
            connect=workspace.connect,
            history=workspace.commit_tree,
            selection=self.only,
        )
