from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hubfleet.adapters.process import Processes
from hubfleet.errors import ToolError

if TYPE_CHECKING:
    from hubfleet.ports import Completed

# A process that starts a child in its group; both write their id, and neither ends by itself.
FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(60)
"""


def run(code: str, **options: object) -> Completed:
    return asyncio.run(Processes(patience=0.5).run([sys.executable, "-c", code], **options))  # type: ignore[arg-type]


def numbers(line: str) -> list[int]:
    return [int(word) for word in line.split()] if line[:1].isdigit() else []


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def gone(pids: list[int], within: float = 3.0) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if not any(map(is_alive, pids)):
            return True
        time.sleep(0.02)
    return False


def test_output_and_exit_code_are_kept_apart() -> None:
    ended = run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)")
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "out\n", "err\n")
    assert ended.argv[0] == sys.executable


def test_a_process_that_ends_by_a_signal_has_not_succeeded() -> None:
    assert run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)").returncode == -9


@pytest.mark.parametrize("given", ["grüße\n", "grüße\n".encode()])
def test_text_and_bytes_are_fed_to_the_process(given: str | bytes) -> None:
    assert run("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())", stdin=given).stdout == "grüße\n"


def test_a_process_need_not_read_what_it_is_given() -> None:
    assert run("pass", stdin="x" * 1_000_000).returncode == 0


def test_without_input_a_process_reads_nothing_rather_than_the_terminal() -> None:
    assert run("import sys; print(repr(sys.stdin.read()))").stdout == "''\n"


def test_lines_arrive_while_the_process_still_runs() -> None:
    heard: list[tuple[str, float]] = []
    code = "import time; print('first', flush=True); time.sleep(0.6); print('second'); print('third', end='')"
    run(code, on_line=lambda line: heard.append((line, time.monotonic())))
    assert [line for line, _ in heard] == ["first", "second", "third"]
    assert heard[1][1] - heard[0][1] > 0.4


def test_a_megabyte_without_a_newline_is_no_problem() -> None:
    assert len(run("print('x' * 1_000_000, end='')").stdout) == 1_000_000


def test_environment_is_added_to_ours(tmp_path: Path) -> None:
    code = "import os; print(os.environ['ADDED'], 'PATH' in os.environ, os.getcwd())"
    assert run(code, env={"ADDED": "yes"}, cwd=tmp_path).stdout == f"yes True {tmp_path}\n"


def test_timeout_stops_the_whole_group() -> None:
    pids: list[int] = []
    with pytest.raises(TimeoutError, match=r"did not end within 0\.5 seconds"):
        run(FAMILY, timeout=0.5, on_line=lambda line: pids.extend(numbers(line)))
    assert len(pids) == 2
    assert gone(pids)


def test_cancelling_stops_the_whole_group_and_stays_a_cancellation() -> None:
    pids: list[int] = []

    async def scenario() -> bool:
        runner = Processes(patience=0.5)
        heard = asyncio.Event()

        def on_line(line: str) -> None:
            pids.extend(numbers(line))
            heard.set()

        task = asyncio.create_task(runner.run([sys.executable, "-c", FAMILY], on_line=on_line))
        await heard.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return task.cancelled()

    assert asyncio.run(scenario())
    assert gone(pids)


def test_a_process_may_clean_up_when_it_is_interrupted(tmp_path: Path) -> None:
    mark = tmp_path / "cleaned"
    code = f"""
import pathlib, time
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    pathlib.Path({str(mark)!r}).touch()
"""

    async def interrupted() -> None:
        ready = asyncio.Event()
        work = asyncio.create_task(Processes().run([sys.executable, "-c", code], on_line=lambda _: ready.set()))
        await ready.wait()
        work.cancel()
        await work

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(interrupted())
    assert mark.exists()


def test_a_process_that_ignores_all_pleas_is_killed() -> None:
    code = "import signal, time\nfor n in (2, 15): signal.signal(n, signal.SIG_IGN)\ntime.sleep(60)"
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        run(code, timeout=0.5)
    assert time.monotonic() - start < 5


def test_a_daemon_that_keeps_the_pipes_does_not_keep_us() -> None:
    start = time.monotonic()
    ended = asyncio.run(Processes().run(["sh", "-c", "setsid sleep 20 & echo started"]))
    assert ended.stdout == "started\n"
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("no-such-program-here",), ["no-such-program-here was not found", "install it"]),
        (("/nowhere/docker",), ["/nowhere/docker was not found", "install Docker"]),
        (("/etc/passwd",), ["cannot run /etc/passwd", "Permission denied"]),
    ],
)
def test_what_cannot_be_started_is_an_error_that_says_what_to_do(argv: tuple[str, ...], words: list[str]) -> None:
    with pytest.raises(ToolError) as caught:
        asyncio.run(Processes().run(argv))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_missing_folder_is_not_taken_for_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="there is no such folder"):
        run("pass", cwd=tmp_path / "gone")


def test_commands_are_echoed_so_that_they_can_be_pasted() -> None:
    echoed: list[str] = []
    asyncio.run(Processes(echo=echoed.append).run(["echo", "two words", "$HOME"]))
    assert echoed == ["echo 'two words' '$HOME'"]
