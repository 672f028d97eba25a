"""One tree of errors, one exit code per kind; every message ends with what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hubfleet.model import Problem


class HubfleetError(Exception):
    """A failure that a person can act on. `str()` of it is the whole message."""

    exit_code: ClassVar[int] = 1


class ProblemsError(HubfleetError):
    """The repository is not valid: carries every problem that was found, not the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ToolError(HubfleetError):
    """A program that Hubfleet needs is missing, cannot be had, or failed."""


class RenderError(ToolError):
    """Helm cannot render a release: its chart or its values are at fault, not the program."""


class ClusterUnreachableError(HubfleetError):
    """A cluster's API server does not answer; what runs there is unknown."""


class StalePlanError(HubfleetError):
    """What runs is no longer what the plan was made against."""

    exit_code = 3


class LockedError(HubfleetError):
    """Another deployer holds the cluster."""

    exit_code = 5


class UsageError(HubfleetError):
    """The command line asks for something that does not exist."""

    exit_code = 64


class GateError(HubfleetError):
    """A release did not prove itself: its rollout or its health check failed."""


class InterruptedDeployError(HubfleetError):
    """The deploy was interrupted before its end; what is done is recorded."""

    exit_code = 130


class PartialError(HubfleetError):
    """Some releases of the plan were not deployed."""

    exit_code = 4
