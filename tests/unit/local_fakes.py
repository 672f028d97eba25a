"""A runner that answers from a table, and a reporter that remembers: for the adapters that start programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hubfleet.ports import Completed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hubfleet.model import Outcome, Plan, ReleaseId, State

Answer = Completed | str | BaseException | Callable[..., "Answer"]


@dataclass
class FakeRunner:
    """A rule is the words that a command contains, in order, and what it then says; the first that fits counts."""

    rules: list[tuple[str, Answer]]
    commands: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)

    async def run(  # noqa: PLR0913 - as the port
        self,
        argv: Sequence[str],
        *,
        stdin: str | bytes | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        del cwd, env, timeout, on_line
        command = " ".join(argv)
        self.commands.append(command)
        self.inputs.append(stdin.decode() if isinstance(stdin, bytes) else stdin or "")
        answer = next((answer for words, answer in self.rules if contains(command, words)), None)
        assert answer is not None, f"unexpected command: {command}"
        while callable(answer) and not isinstance(answer, (Completed, BaseException)):
            answer = answer(argv)
        if isinstance(answer, BaseException):
            raise answer
        return Completed(tuple(argv), 0, answer, "") if isinstance(answer, str) else answer

    def ran(self, words: str) -> list[str]:
        return [command for command in self.commands if contains(command, words)]


@dataclass
class FakeReporter:
    steps: list[str] = field(default_factory=list)

    def transition(self, release: ReleaseId, state: State, message: str = "") -> None:
        raise AssertionError((release, state, message))

    def step(self, title: str, estimate: float | None = None) -> None:
        del estimate
        self.steps.append(title)

    def finished(self, plan: Plan, outcomes: Sequence[Outcome]) -> None:
        raise AssertionError((plan, outcomes))


def contains(command: str, words: str) -> bool:
    """Whether all words stand in the command, in this order: as arguments, programs of a path, or, if long, parts."""
    arguments = iter(command.split())
    return all(any(_stands_for(word, given) for given in arguments) for word in words.split())


def _stands_for(word: str, given: str) -> bool:
    return given == word or given.endswith(f"/{word.lstrip('/')}") or (len(word) > 4 and word in given)


def failed(said: str, code: int = 1) -> Completed:
    return Completed((), code, "", said)
