"""Starts processes, the only module that does: each in a process group of its own, which is stopped as a whole."""

from __future__ import annotations

import asyncio
import codecs
import os
import shlex
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hubfleet.errors import ToolError
from hubfleet.ports import Completed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hubfleet.ports import Runner

_LEFT_OVER_OUTPUT = 2.0  # seconds that a daemon left behind may hold the pipes after the process itself has ended
_SAID = 12  # lines of a failed command that its error repeats
_GET = {
    "docker": "install Docker (https://docs.docker.com/engine/install/)",
    "git": "install git (Debian, Ubuntu: apt-get install git)",
    "go": "install Go (https://go.dev/dl/), or let `hubfleet tools` get it",
}


@dataclass(frozen=True, slots=True)
class Processes:
    """The real ports.Runner. `echo` hears of each command as text that can be pasted into a shell."""

    echo: Callable[[str], None] | None = None
    patience: float = 20.0  # seconds between SIGINT and SIGTERM, and between SIGTERM and SIGKILL

    async def run(  # noqa: PLR0913 - a process has that many sides
        self,
        argv: Sequence[str],
        *,
        stdin: str | bytes | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the process group must be stopped before TimeoutError leaves
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        """Run to the end, whatever the exit code; stop the group politely on timeout and cancellation."""
        if self.echo:
            self.echo(shlex.join(argv))
        transport, process = await _start(argv, on_line, cwd=cwd, env=env)
        try:
            _feed(transport, stdin)
            async with asyncio.timeout(timeout):
                await process.exited.wait()
                await _within(_LEFT_OVER_OUTPUT, process.silent)
        except TimeoutError:
            await self._stop(transport.get_pid(), process)
            message = f"`{shlex.join(argv)}` did not end within {timeout:g} seconds and was stopped"
            raise TimeoutError(message) from None
        except asyncio.CancelledError:
            await asyncio.shield(self._stop(transport.get_pid(), process))
            raise
        finally:
            transport.close()  # kills what has not ended
        return Completed(
            tuple(argv), transport.get_returncode() or 0, process.out.end(), process.err.end(), process.out.raw()
        )

    async def _stop(self, pid: int, process: _Process) -> None:
        """End the whole group: SIGINT, as a person would, then SIGTERM, then SIGKILL."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            _signal(pid, number)
            if await _within(self.patience, process.exited):
                break
        _signal(pid, signal.SIGKILL)  # what the process itself has left behind in its group


class _Text:
    """Keeps a stream's text and passes its lines on."""

    def __init__(self, on_line: Callable[[str], None] | None) -> None:
        self._on_line = on_line
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._parts: list[str] = []
        self._bytes: list[bytes] = []
        self._tail = ""

    def take(self, data: bytes, *, final: bool = False) -> None:
        text = self._decoder.decode(data, final)
        self._parts.append(text)
        self._bytes.append(data)
        if self._on_line:
            *lines, self._tail = (self._tail + text).split("\n")
            for line in lines:
                self._on_line(line.rstrip("\r"))

    def end(self) -> str:
        """Pass the last line on, though no newline ends it; the whole text."""
        self.take(b"", final=True)
        if self._on_line and self._tail:
            self._on_line(self._tail)
        return "".join(self._parts)

    def raw(self) -> bytes:
        """Give what was written, undecoded."""
        return b"".join(self._bytes)


class _Process(asyncio.SubprocessProtocol):
    """Hears of a process's output and end; tells the two apart, since a daemon left behind may hold the pipes."""

    def __init__(self, on_line: Callable[[str], None] | None) -> None:
        self.out, self.err = _Text(on_line), _Text(on_line)
        self.exited, self.silent = asyncio.Event(), asyncio.Event()
        self._open = {1, 2}

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        (self.out if fd == 1 else self.err).take(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._open.discard(fd)
        if not self._open:
            self.silent.set()

    def process_exited(self) -> None:
        self.exited.set()


async def _within(seconds: float, event: asyncio.Event) -> bool:
    with suppress(TimeoutError):
        return await asyncio.wait_for(event.wait(), seconds)
    return False


async def _start(
    argv: Sequence[str],
    on_line: Callable[[str], None] | None,
    *,
    cwd: Path | None,
    env: Mapping[str, str] | None,
) -> tuple[asyncio.SubprocessTransport, _Process]:
    try:
        return await asyncio.get_running_loop().subprocess_exec(
            lambda: _Process(on_line),
            *argv,
            cwd=cwd,
            env={**os.environ, **env} if env else None,
            start_new_session=True,  # Ctrl-C must reach us alone, and no child may ask for a password on the terminal
        )
    except OSError as error:
        raise _not_started(argv[0], cwd, error) from error


def _not_started(program: str, cwd: Path | None, error: OSError) -> ToolError:
    if cwd and not Path(cwd).is_dir():
        return ToolError(f"cannot run {program} in {cwd}: there is no such folder")
    if isinstance(error, FileNotFoundError):
        get = _GET.get(Path(program).name, "install it; `hubfleet tools` gets those that Hubfleet pins")
        return ToolError(f"the program {program} was not found: {get}")
    return ToolError(f"cannot run {program}: {error.strerror or error}; check that the file may be executed")


def _feed(transport: asyncio.SubprocessTransport, stdin: str | bytes | None) -> None:
    pipe = transport.get_pipe_transport(0)
    assert isinstance(pipe, asyncio.WriteTransport)  # noqa: S101 - stdin is a pipe
    if stdin:
        pipe.write(stdin.encode() if isinstance(stdin, str) else stdin)
    pipe.close()  # once all is written, or at once where the process does not read


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


async def checked(  # noqa: PLR0913 - the runner's own options go on to it
    runner: Runner,
    argv: Sequence[str],
    failure: str,
    *,
    hint: str = "",
    stdin: str | bytes | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - goes on to the runner
    on_line: Callable[[str], None] | None = None,
) -> str:
    """Run and return stdout; where that fails, ToolError: `failure`, the last lines that were said, `hint`."""
    try:
        done = await runner.run(argv, stdin=stdin, cwd=cwd, env=env, timeout=timeout, on_line=on_line)
    except TimeoutError as error:
        raise ToolError(_message(failure, str(error), hint)) from error
    if done.returncode:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-_SAID:])
        raise ToolError(_message(failure, said or f"exit code {done.returncode}", hint))
    return done.stdout


def _message(failure: str, said: str, hint: str) -> str:
    return f"{failure}: {said}" + (f"\n{hint}" if hint else "")
